//! A step of the plan: what it does, when, how often, and what it does to the world.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::expr::Expr;
use crate::id::{ActionName, SecretName, StepId};
use crate::plan::{Gate, GuardDemand, Manual, Provides, Template, Window};
use crate::time::Millis;
use crate::types::Type;

/// What an action does to the world. Ordered: a runbook may raise it, never lower it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// Looks and changes nothing.
    Read,
    /// May be done again with the same key and the same end.
    Idempotent,
    /// A change that an undo can take back.
    Reversible,
    /// A change that nothing takes back.
    Irreversible,
}

impl EffectClass {
    /// Whether the class is a *change*: never done twice without proof.
    pub fn is_change(self) -> bool {
        match self {
            EffectClass::Read | EffectClass::Idempotent => false,
            EffectClass::Reversible | EffectClass::Irreversible => true,
        }
    }

    /// The word that authors write.
    pub fn as_str(self) -> &'static str {
        match self {
            EffectClass::Read => "read",
            EffectClass::Idempotent => "idempotent",
            EffectClass::Reversible => "reversible",
            EffectClass::Irreversible => "irreversible",
        }
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub id: StepId,
    #[serde(default)]
    pub title: Option<String>,
    /// Steps that must have succeeded, or been skipped by their own `when`.
    #[serde(default)]
    pub needs: Vec<StepId>,
    /// When false, the step is skipped; skips do not cascade.
    #[serde(default)]
    pub when: Option<Expr>,
    pub kind: StepKind,
    /// The step that must run once this change may have taken effect.
    #[serde(default)]
    pub ensure: Option<StepId>,
    /// What its success is evidence of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provides: Option<Provides>,
    /// Evidence that it does not start without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardDemand>,
    /// When it may begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Whether the step belongs to `finally`.
    #[serde(default)]
    pub finally: bool,
}

impl Step {
    /// Whether it runs over items, which people name by number.
    pub fn has_items(&self) -> bool {
        match &self.kind {
            StepKind::Action { for_each, .. } => for_each.is_some(),
            StepKind::Gate(_) | StepKind::Wait { .. } => false,
        }
    }
}

/// What kind of step it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "a plan is built once, and most steps are actions"
)]
pub enum StepKind {
    /// A step kind's or plugin's action.
    Action {
        effect: EffectClass,
        call: Call,
        /// Over which items, or one item when absent.
        #[serde(default)]
        for_each: Option<ForEach>,
        /// Must hold over the outputs, or the attempt failed.
        #[serde(default)]
        expect: Option<Expr>,
        /// Repeats a read until it holds over the outputs.
        #[serde(default)]
        until: Option<Until>,
        /// When it holds over the outputs, the run has nothing to do.
        #[serde(default)]
        done: Option<Expr>,
        /// How a finished reversible step is taken back.
        #[serde(default)]
        undo: Option<Call>,
        /// What the author says that the action gives, where the action itself does not:
        /// an attempt that gives something else failed.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        outputs: BTreeMap<String, Type>,
        /// A person does it by hand, and no runner.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manual: Option<Manual>,
    },
    /// Waits for a span, given in milliseconds by an integer, or until a point in time, given
    /// as a text after RFC 3339.
    Wait { span: Template },
    /// Stops until an operator approves.
    Gate(Gate),
}

impl StepKind {
    /// How a person does it, when one does.
    pub fn manual(&self) -> Option<&Manual> {
        match self {
            StepKind::Action { manual, .. } => manual.as_ref(),
            StepKind::Wait { .. } | StepKind::Gate(_) => None,
        }
    }
}

/// How an action is called: the same for doing and for undoing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub uses: ActionName,
    /// Which of the runner's two verbs: `undo` where the action itself can undo.
    #[serde(default)]
    pub verb: Verb,
    pub with: Template,
    pub retry: Retry,
    /// The span after which waiting for the outcome ends.
    pub timeout: Millis,
    /// The span from the intent in which the work must be handed over, or it never is.
    pub send_within: Millis,
    /// How long after the send deadline an effect may still become visible at the target.
    pub settle: Millis,
    /// How long after the attempt's deadline a doubt is looked into before a person is asked.
    pub observe: Millis,
    pub reconcile: Reconcile,
}

impl Call {
    /// The secrets that it and the look into its doubts are given.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        let look = match &self.reconcile {
            Reconcile::Read { with, .. } => with.secrets(),
            Reconcile::None | Reconcile::Native { .. } => Vec::new(),
        };
        self.with.secrets().into_iter().chain(look)
    }
}

/// Which verb of the runner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    #[default]
    Run,
    Undo,
}

/// How a doubt about a change is looked into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "a plan is built once, and boxing helps no reader"
)]
pub enum Reconcile {
    /// Not at all: a person must say.
    None,
    /// The action's own reconcile.
    Native { timeout: Millis },
    /// A read action whose outputs these expressions judge, in this order:
    /// happened, in progress, settled, not happened; none true means unknown.
    Read {
        uses: ActionName,
        with: Template,
        timeout: Millis,
        happened: Expr,
        #[serde(default)]
        in_progress: Option<Expr>,
        /// It acted and came to a known end that is not success, such as a service that
        /// rolled itself back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        settled: Option<Expr>,
        #[serde(default)]
        not_happened: Option<Expr>,
    },
}

/// When a failed attempt is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// All attempts, the first among them; at least 1.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles with each further one.
    pub backoff: Millis,
    /// The longest wait.
    pub backoff_max: Millis,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 1,
            backoff: Millis::from_secs(1),
            backoff_max: Millis::from_secs(60),
        }
    }
}

/// A step over the items of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForEach {
    pub items: Expr,
    /// How many items may be in flight at once; at least 1.
    pub max_parallel: u32,
    /// How many items may fail without failing the step.
    pub failure_budget: u32,
}

/// A read that is repeated until something holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Until {
    pub that: Expr,
    pub every: Millis,
    /// From the first attempt's start.
    pub within: Millis,
}
