//! Guards: evidence that has to be there before a step that nothing takes back, such as a
//! backup of the very target. What gives it, what demands it, and when it is good enough.

use serde::{Deserialize, Serialize};

use crate::expr::Scope;
use crate::id::{GuardName, StepId};
use crate::plan::template::{Input, Template};
use crate::time::{Millis, Timestamp};
use crate::value::Value;

/// The longest text of a piece of evidence, in bytes.
pub const EVIDENCE_BYTES_MAX: usize = 1024;
/// What evidence consists of: texts of these names.
pub const EVIDENCE_FIELDS: [&str; 4] = ["target", "id", "taken_at", "verified_how"];

/// That the success of a step is evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provides {
    pub guard: GuardName,
    /// What the author of the runbook claims, as a map over the step's outputs; without
    /// `target` it is about the run's target. `None` where the action itself says so, and its
    /// outputs hold the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Template>,
}

/// Evidence that a step does not start without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardDemand {
    pub guard: GuardName,
    /// How old it may be when the step starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Millis>,
}

/// Evidence that was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it is about, as the run's target is written.
    pub target: String,
    /// What it is known by where it is kept.
    pub id: String,
    /// A point in time after RFC 3339.
    pub taken_at: String,
    /// How it is known to be good, such as `completed` or `restored`.
    pub verified_how: String,
}

/// Evidence that an attempt relied on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relied {
    pub guard: GuardName,
    /// The step that gave it.
    pub by: StepId,
    /// Whether the author of the runbook says that it is evidence, and not the action.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub claimed: bool,
    pub evidence: Evidence,
}

impl Provides {
    /// The evidence in what a step gave. `scope` has its outputs by their bare names;
    /// `target` is what a claim is about that does not say it.
    ///
    /// # Errors
    /// What is missing or wrong, in words that read after "its evidence".
    pub(crate) fn evidence(
        &self,
        outputs: &Value,
        target: &str,
        scope: &dyn Scope,
    ) -> Result<Evidence, String> {
        let resolved;
        let given = match &self.claimed {
            None => outputs,
            Some(claimed) => {
                let input = claimed.resolve(scope);
                resolved = match input.map_err(|error| format!("cannot be evaluated: {error}"))? {
                    Input::Value(value) => value,
                    Input::Secret(_) | Input::List(_) | Input::Map(_) => {
                        return Err("holds a secret".to_owned());
                    }
                };
                &resolved
            }
        };
        let text = |name: &'static str| match given.get(name) {
            Some(Value::Text(text)) if text.is_empty() => Err(format!("has an empty `{name}`")),
            Some(Value::Text(text)) if text.len() > EVIDENCE_BYTES_MAX => Err(format!(
                "has a `{name}` of more than {EVIDENCE_BYTES_MAX} bytes"
            )),
            Some(Value::Text(text)) => Ok(text.clone()),
            Some(Value::Null) | None if name == "target" && self.claimed.is_some() => {
                Ok(target.to_owned())
            }
            Some(Value::Null) | None => Err(format!("has no `{name}`")),
            Some(other) => Err(format!("has a {} as `{name}`", other.type_name())),
        };
        let evidence = Evidence {
            target: text("target")?,
            id: text("id")?,
            taken_at: text("taken_at")?,
            verified_how: text("verified_how")?,
        };
        match Timestamp::parse(&evidence.taken_at) {
            Some(_) => Ok(evidence),
            None => Err("has a `taken_at` that is no time such as 2026-11-22T02:00:00Z".to_owned()),
        }
    }
}

impl GuardDemand {
    /// Why evidence does not meet the demand, in words that read after its name; `None` when
    /// it does. Without `now` its age is not asked.
    pub(crate) fn refuses(
        &self,
        evidence: &Evidence,
        target: &str,
        now: Option<Timestamp>,
    ) -> Option<String> {
        if evidence.target != target {
            let about = &evidence.target;
            return Some(format!("is about {about}, and the run is about {target}"));
        }
        let (max_age, now) = (self.max_age?, now?);
        let taken = Timestamp::parse(&evidence.taken_at)?;
        if taken > now + TAKEN_AHEAD_MAX {
            let taken_at = &evidence.taken_at;
            return Some(format!("was taken at {taken_at}, which is still to come"));
        }
        let age = now.since(taken);
        (age > max_age).then(|| format!("is {age} old, and may be {max_age} at most"))
    }
}

/// How far the clock that said when evidence was taken may be ahead of the engine's.
const TAKEN_AHEAD_MAX: Millis = Millis::from_mins(5);
