//! A run as lists and people see it. `view` builds it from the run's state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_core::id::{GroupName, NodeId, RunId, SecretName, StepId};
use windlass_core::plan::{Digest, SecretSource, Unit, shown};
use windlass_core::refusal::Refusal;
use windlass_core::review::ClosureCode;
use windlass_core::types::Type;
use windlass_core::value::Value;
use windlass_engine::outbox::Unsent;

use super::NodeName;
use super::command::Statement;

/// Which runs to list; the query of `GET /v1/runs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFilter {
    /// Whether they have ended.
    #[serde(default)]
    pub state: RunState,
    /// Only runs with this status word, such as `needs_operator`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Only runs of this runbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Only runs of this requester: his name, or the name with his number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// Only runs that change this target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Only runs whose runbooks have all of these labels.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Only runs that started at or after this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// Only runs that started before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    /// Only runs that wait for a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_person: bool,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// Labels and their values; in a query the text of a JSON object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Labels(pub BTreeMap<String, String>);

impl Labels {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<String> for Labels {
    type Error = serde_json::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        serde_json::from_str(&text).map(Self)
    }
}

impl From<Labels> for String {
    fn from(labels: Labels) -> Self {
        serde_json::to_string(&labels.0).expect("a map of texts is JSON")
    }
}

/// Whether a listed run has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    #[default]
    Any,
    Live,
    Ended,
}

/// The answer of `GET /v1/runs`: the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunList {
    pub runs: Vec<RunSummary>,
    /// Whether there are more than these.
    #[serde(default)]
    pub more: bool,
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// A run's id; text, as the index may hold names that are none.
    pub run: String,
    pub runbook: String,
    pub title: String,
    /// The status word.
    pub state: String,
    /// In words; empty when it does not wait.
    pub waits_for: String,
    /// What it changes; empty until that is known.
    #[serde(default)]
    pub target: String,
    pub requester: String,
    pub plan_digest: String,
    pub started_at_ms: i64,
    pub updated_at_ms: i64,
    pub ended_at_ms: Option<i64>,
    pub owes: bool,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    pub run: RunId,
    /// The runbook's name.
    pub name: String,
    pub title: String,
    /// `running`, `waiting`, `paused`, `needs_operator`, `ending`, `succeeded`, `failed` or `cancelled`.
    pub state: String,
    /// What it waits for, in words; empty when it does not wait.
    pub waits_for: String,
    /// What it changes, once that is known.
    #[serde(default)]
    pub target: Option<String>,
    /// How it stands to the lock of its target, from when it first asks to its end.
    #[serde(default)]
    pub lock: Option<Lock>,
    /// The steps that wait for nothing but their time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deferred: Vec<Deferred>,
    /// When it goes on by itself, if time alone makes it.
    pub wakes_at_ms: Option<i64>,
    /// What is to be looked at afterwards, or was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<Review>,
    /// Everything that only a person can settle, each with what to type.
    pub needs: Vec<Need>,
    /// In the author's order.
    pub steps: Vec<Step>,
    /// Gates that are open.
    pub gates: Vec<Gate>,
    /// What people were asked to do by hand.
    #[serde(default)]
    pub by_hand: Vec<ByHand>,
    /// Changes of which nobody knows whether they took effect.
    pub doubts: Vec<Doubt>,
    /// What is owed.
    pub debts: Vec<Debt>,
    pub requester: Option<Person>,
    /// Whether one person may approve his own run, as there is no policy.
    pub single_user: bool,
    pub plan_digest: Option<Digest>,
    pub inputs: BTreeMap<String, Value>,
    /// What those inputs count that are durations or numbers of bytes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub input_units: BTreeMap<String, Unit>,
    /// Where the values of secrets are, as far as the runbook says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret_sources: BTreeMap<SecretName, SecretSource>,
    pub started_at_ms: Option<i64>,
    pub updated_at_ms: Option<i64>,
    pub ended_at_ms: Option<i64>,
    /// How it ended: `succeeded`, `failed` or `cancelled`.
    pub end: Option<String>,
    /// Why it is ending or has ended, or why it was paused.
    pub reason: Option<String>,
    /// The `seq` that its next record will have; where the overlay knows it.
    pub next_seq: Option<u64>,
    /// What a stop would still prevent; absent once it has ended, and from older owners.
    #[serde(default)]
    pub stop: Option<Stop>,
    /// Its messages to the outside that are not delivered or not done with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsent: Vec<Unsent>,
}

impl RunView {
    /// The inputs as their author would write them, such as `15m`.
    pub fn shown_inputs(&self) -> impl Iterator<Item = (&str, String)> {
        let unit = |name| self.input_units.get(name);
        let inputs = self.inputs.iter();
        inputs.map(move |(name, value)| (name.as_str(), shown(value, unit(name))))
    }

    /// The newest attempt of a node; 0 when it never began.
    pub fn attempt_of(&self, node: &NodeId) -> u32 {
        let mut items = self.steps.iter().flat_map(|step| &step.items);
        let found = items.find(|item| item.node.id == *node);
        found.map_or(0, |item| item.attempt)
    }

    /// A node as people read it: the items of a `for_each` have numbers.
    pub fn spelled(&self, node: &NodeId) -> String {
        let step = self.steps.iter().find(|step| step.id == node.step);
        node.spelled(step.is_some_and(|step| step.for_each))
    }
}

/// What a stop of a run would still prevent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    pub code: StopCode,
    /// The change that it is about: the one that was made or is in flight, or the next.
    pub step: Option<StepId>,
    /// Its class: `reversible` or `irreversible`.
    pub effect: Option<String>,
    /// When it took effect or fell into doubt, is given up, or starts at the earliest.
    pub at_ms: Option<i64>,
    /// Gates that must be approved before the next change; at most three.
    pub gates: Vec<StepId>,
    /// Other steps that must end before it; at most three.
    pub after: Vec<StepId>,
    /// Steps that changed something and were not undone; at most three.
    pub changed: Vec<StepId>,
    /// How many these are.
    pub changed_count: usize,
    /// Whether each of them has an undo.
    pub undoable: bool,
}

/// How much of a run a stop would still prevent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCode {
    /// Nothing has been changed and no change is to come.
    Nothing,
    /// Nothing has been changed; `step` is the first change.
    Before,
    /// Something reversible has been changed; `step` is the first irreversible change, if
    /// one is to come.
    Changed,
    /// The change `step` is in flight.
    InFlight,
    /// Nobody knows yet whether `step` took effect.
    InDoubt,
    /// Nobody will know whether the irreversible `step` took effect.
    GivenUp,
    /// The irreversible `step` took effect: the point of no return is passed.
    Passed,
    /// The run is being led to its end already.
    Ending,
}

/// The lock of a target: one run at a time has it, from its first step that is no read to
/// its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// `waiting`, `held`, `suspended` while another run has its place, or `forgone` by a run
    /// that ends without it.
    pub state: String,
    /// When it was asked for or taken.
    pub since_ms: Option<i64>,
    /// The other run that has it, where that is known.
    pub held_by: Option<RunId>,
    /// Its number, once the run has it: higher than that of any run before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<u64>,
    /// The run that holds it too, and stands aside until this one has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<RunId>,
}

/// That somebody looks at what went otherwise than planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// From 1, in the order in which the run gave cause.
    pub number: u32,
    /// `failure`, `doubt`, `contradiction`, `overrun`, `break_glass` or `taken_over`.
    pub cause: String,
    /// What happened, in words.
    pub text: String,
    /// Who owns the runbook, and so the review.
    pub owner: String,
    pub opened_at_ms: i64,
    pub due_at_ms: i64,
    /// Who has looked; nobody yet when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<ReviewClosed>,
}

/// That somebody has looked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewClosed {
    pub by: String,
    pub at_ms: i64,
    pub code: ClosureCode,
    pub reason: String,
}

/// A step that waits for a window or for the end of a freeze.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferred {
    pub step: StepId,
    /// When that is, where it is known.
    pub until_ms: Option<i64>,
    /// A phrase that reads after "waits for".
    pub why: String,
}

/// Something that only a person can settle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    /// `in_doubt`, `failed_after_irreversible`, `undo_failed`, `debt`, `contradicted`,
    /// `gate`, `by_hand`, `paused`, `secrets` or `plugin`.
    pub code: String,
    /// One sentence.
    pub text: String,
    /// The commands that settle it, the usual one first, with `...` where a reason belongs.
    pub next: Vec<String>,
}

/// A person, as records name him.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub name: String,
    /// Of a user of the engine's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The fingerprint of the key that he signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        match (self.uid, &self.key) {
            (Some(uid), _) => write!(f, " (uid {uid})"),
            (None, Some(key)) => write!(f, " (key {key})"),
            (None, None) => Ok(()),
        }
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub id: StepId,
    pub title: Option<String>,
    /// `action`, `gate` or `wait`.
    pub kind: String,
    /// What an action uses.
    pub uses: Option<String>,
    /// An action's effect class.
    pub effect: Option<String>,
    /// `pending`, `running`, `waiting`, `open`, `approved`, `withdrawn`, `succeeded`,
    /// `skipped`, `failed` or `stopped`.
    pub state: String,
    /// The gate's attempt, or the latest attempt of the only item; 0 before the first.
    pub attempt: u32,
    pub finally: bool,
    /// Whether it is a `for_each`, whose items people name by number.
    pub for_each: bool,
    /// Items in order, then the undo of each that has one.
    pub items: Vec<Item>,
    /// How many items are left out, as the view would be too large.
    pub items_left_out: usize,
    pub started_at_ms: Option<i64>,
    pub ended_at_ms: Option<i64>,
    /// When time lets it go on, while it waits for that.
    #[serde(default)]
    pub until_ms: Option<i64>,
    /// Why it failed or was skipped, or who approved it.
    pub message: Option<String>,
}

/// One item of a step, or its undo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub node: NodeName,
    /// The item of `for_each`; null without.
    pub value: Value,
    /// `ready`, `running`, `by_hand`, `attempt_failed`, `backoff`, `polling`, `in_doubt`, `succeeded`,
    /// `attested`, `failed` or `stopped`.
    pub state: String,
    pub attempt: u32,
    /// When the attempt in flight is given up, or the next one starts.
    pub until_ms: Option<i64>,
    /// What it did to the world, when it failed: `no effect`, `settled` or `unknown effect`.
    pub effected: Option<String>,
    /// Why it failed.
    pub message: Option<String>,
    /// What the latest attempt of a plugin asked for and was not granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
    /// What an attempt in flight said last.
    pub last_line: Option<String>,
    /// A process of it that outlived its engine.
    pub orphan_pid: Option<u32>,
    /// What it gave, when it succeeded.
    pub outputs: Option<Value>,
    /// Whether outputs are left out, as the view would be too large.
    pub outputs_left_out: bool,
    pub started_at_ms: Option<i64>,
    pub ended_at_ms: Option<i64>,
}

/// An open gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    pub step: StepId,
    pub title: Option<String>,
    pub state: String,
    pub attempt: u32,
    pub opened_at_ms: Option<i64>,
    pub expires_at_ms: Option<i64>,
    /// What the approver is shown.
    pub shown: BTreeMap<String, Value>,
    /// What of it counts something.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shown_units: BTreeMap<String, Unit>,
    /// What the run changes, where its runbook names it.
    #[serde(default)]
    pub target: Option<String>,
    /// What an approval must carry.
    pub statement: Statement,
    /// What is approved, to the byte; approvers sign it.
    #[serde(default)]
    pub statement_text: String,
    /// Whether only signed approvals count.
    #[serde(default)]
    pub signed: bool,
    /// Whether the person who started the run may not approve.
    pub not_requester: bool,
    /// Who may decide, in words, such as `single-user: no second person`.
    pub rule: String,
    /// The places that it takes, where a policy says who is in which group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Place>,
    /// The approvals that it has got since it opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Given>,
    /// What an approval rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// What an approver types, then what a rejecter types.
    pub next: Vec<String>,
}

/// What an approval rests on: read when somebody looks, and again before the change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    pub name: String,
    /// What must hold, as the author wrote it.
    pub rule: String,
    pub max_age_ms: u64,
    /// Whether it is being read now.
    pub is_asked: bool,
    /// When the reading that is shown here began.
    pub asked_at_ms: Option<i64>,
    /// What was read.
    pub outputs: Option<Value>,
    /// Why nothing can rest on it.
    pub fault: Option<String>,
}

/// A place of a gate: one person of a group approves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub group: GroupName,
    /// Who approved; nobody yet when absent.
    pub filled_by: Option<String>,
}

/// An approval that others are still to follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    pub by: String,
    pub at_ms: i64,
    pub note: String,
    /// The rule that let him.
    pub rule: String,
}

/// Work that a person was asked to do by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ByHand {
    pub node: NodeName,
    pub title: Option<String>,
    /// What the work does to the world.
    pub effect: String,
    pub attempt: u32,
    pub asked_at_ms: Option<i64>,
    /// When nobody is waited for any more; never of a change.
    pub expires_at_ms: Option<i64>,
    pub instructions: String,
    /// What the person is shown besides.
    pub shown: BTreeMap<String, Value>,
    /// What of it counts something.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shown_units: BTreeMap<String, Unit>,
    /// What he states when it is done.
    pub values: Vec<AskedValue>,
    /// Whether the person who started the run may not answer.
    pub not_requester: bool,
    /// Who may answer, in words.
    pub rule: String,
    /// What is typed when it is done, then when it is not.
    pub next: Vec<String>,
}

/// A value that a person states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskedValue {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: Type,
    pub title: Option<String>,
    /// The values that are allowed; empty when all of the type are.
    pub allowed: Vec<Value>,
    pub optional: bool,
}

/// A change in doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    pub node: NodeName,
    pub attempt: u32,
    pub since_ms: i64,
    /// Before this no "not happened" counts.
    pub quiet_at_ms: i64,
    /// After this a person is asked.
    pub observe_until_ms: i64,
    /// How often the target was looked at.
    pub looks: u32,
    /// What the last look said.
    pub said: Option<String>,
    /// Why a person is needed, once one is.
    pub escalated: Option<String>,
    /// A process of it that still lives.
    pub orphan_pid: Option<u32>,
}

/// A step that is owed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    pub step: StepId,
    pub since_ms: i64,
}
