//! What a policy says, as data. It does two things to a run: its terms make the plan
//! stricter ([`apply`]), and its [`Standing`] says who is who and when is when. The file that
//! it comes from is read elsewhere (`windlass-runbook`); who may do what with it is
//! judged by [`crate::authorise`] alone.

mod apply;
mod difference;
mod glob;
mod person;
mod rule;
mod scope;
mod standing;
mod terms;

use std::collections::BTreeMap;

use crate::id::{GroupName, PersonName, RuleName, WindowName};
use crate::plan::{Digest, Plan};
use crate::span::Spans;
use crate::time::{Millis, Timestamp};

pub use apply::{Applied, Objection, apply};
pub use difference::{Change, bounded, differences};
pub use scope::Scope;
pub use terms::Terms;

pub use person::{BadSshKey, Person, SSH_KEY_BYTES_MAX, SshKey, Way};
pub use rule::{BadTargetPattern, Deed, Permission, TargetPattern};
pub use standing::{Delegation, Freeze, Group, Member, Standing, Through, WhyNot};

/// The most persons of a policy.
pub const PEOPLE_MAX: usize = 1_000;
/// The most groups of a policy.
pub const GROUPS_MAX: usize = 200;
/// The most rules of each kind, windows and freezes of a policy.
pub const RULES_MAX: usize = 200;

/// A whole policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Of its file's bytes.
    pub digest: Digest,
    pub title: String,
    /// What it says of moments ends here.
    pub until: Timestamp,
    pub people: BTreeMap<PersonName, Person>,
    pub groups: BTreeMap<GroupName, Group>,
    pub delegations: Vec<Delegation>,
    pub rules: Vec<Rule>,
    pub windows: BTreeMap<WindowName, Spans>,
    pub freezes: Vec<Freeze>,
    pub demands: Vec<Demand>,
    /// What it lets pass that is refused otherwise.
    pub relaxations: Vec<Relaxation>,
    pub loads: Loads,
    /// Each thing that it says, by what it is about, as its author wrote it: what a
    /// difference is made of.
    pub facts: BTreeMap<String, String>,
}

/// A rule that allows something, and for which plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub on: Scope,
    pub allows: Permission,
}

/// What is demanded of plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    pub name: RuleName,
    pub on: Scope,
    pub terms: Terms,
}

/// Plans whose irreversible steps may start without an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relaxation {
    pub name: RuleName,
    pub on: Scope,
}

/// What another policy needs to take this one's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loads {
    /// So many persons of this policy sign its file.
    pub require_signatures: u32,
    /// So long after a load nobody decides by a right that the load gave him.
    pub wait: Millis,
}

impl Policy {
    /// What it says of persons and moments for a plan.
    pub fn standing(&self, plan: &Plan) -> Standing {
        let about = plan.target_beginning();
        let about = about.as_deref();
        let rules = self.rules.iter().filter(|rule| rule.on.is_about(plan));
        let freezes = self.freezes.iter();
        self.with(
            rules.map(|rule| rule.allows.clone()).collect(),
            freezes
                .filter(|freeze| scope::may_bind(&freeze.targets, about))
                .cloned()
                .collect(),
        )
    }

    /// The same for whatever plan.
    pub fn standing_of_all(&self) -> Standing {
        let rules = self.rules.iter();
        self.with(
            rules.map(|rule| rule.allows.clone()).collect(),
            self.freezes.clone(),
        )
    }

    fn with(&self, rules: Vec<Permission>, freezes: Vec<Freeze>) -> Standing {
        Standing {
            policy: self.digest,
            until: self.until,
            people: self.people.clone(),
            groups: self.groups.clone(),
            delegations: self.delegations.clone(),
            rules,
            windows: self.windows.clone(),
            freezes,
        }
    }
}
