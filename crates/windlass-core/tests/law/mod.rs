//! The law, read from a run's events alone and written without the engine's code: at
//! most once, gates, order, debts, undo, one end. Scenarios and properties ask it.

mod attempts;
mod gates;
mod locks;
mod order;
mod windows;

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::event::{Deferral, Event};
use windlass_core::id::{NodeId, Phase, RunId, StepId};
use windlass_core::plan::{EffectClass, Plan, Step, StepKind};
use windlass_core::policy::Standing;
use windlass_core::time::{Millis, Timestamp};

/// What an event is about.
pub(crate) enum Subject<'a> {
    Run,
    Step(&'a StepId),
    Node(&'a NodeId),
}

/// What an event is about.
pub(crate) fn subject(event: &Event) -> Subject<'_> {
    match event {
        Event::RunStarted { .. }
        | Event::PolicyChanged { .. }
        | Event::RunPaused { .. }
        | Event::RunResumed { .. }
        | Event::RunCancelRequested { .. }
        | Event::RunSuspended { .. }
        | Event::RunReleased { .. }
        | Event::RunTimedOut {}
        | Event::RunAbandoned { .. }
        | Event::RunEndingBegan { .. }
        | Event::RunEnded { .. }
        | Event::ReviewClosed { .. }
        | Event::TargetResolved { .. }
        | Event::LockRequested { .. }
        | Event::LockAcquired { .. }
        | Event::LockForgone { .. } => Subject::Run,
        Event::StepSkipped { step }
        | Event::StepExpanded { step, .. }
        | Event::StepRefused { step, .. }
        | Event::OpeningChosen { step, .. }
        | Event::OpeningMissed { step, .. }
        | Event::StepDeferred { step, .. }
        | Event::StepDue { step }
        | Event::WindowOverrun { step, .. }
        | Event::WindowOverridden { step, .. }
        | Event::WaitStarted { step, .. }
        | Event::WaitEnded { step }
        | Event::DebtTakenOver { step, .. }
        | Event::GateOpened { step, .. }
        | Event::FactsAsked { step, .. }
        | Event::FactFetched { step, .. }
        | Event::ApprovalGiven { step, .. }
        | Event::GateApproved { step, .. }
        | Event::GateRejected { step, .. }
        | Event::GateExpired { step, .. }
        | Event::GateWithdrawn { step, .. } => Subject::Step(step),
        Event::AttemptStarted { node, .. }
        | Event::AttemptCheckpointed { node, .. }
        | Event::RequestRefused { node, .. }
        | Event::AttemptSucceeded { node, .. }
        | Event::AttemptFailed { node, .. }
        | Event::RetryScheduled { node, .. }
        | Event::PollScheduled { node, .. }
        | Event::DoubtOpened { node, .. }
        | Event::DoubtAnswered { node, .. }
        | Event::DoubtEscalated { node, .. }
        | Event::DoubtResolved { node, .. }
        | Event::OrphanFound { node, .. }
        | Event::OrphanEnded { node, .. }
        | Event::ResolutionContradicted { node, .. }
        | Event::ManualStepOpened { node, .. }
        | Event::ManualStepAttested { node, .. }
        | Event::ManualStepDeclined { node, .. }
        | Event::ManualStepExpired { node, .. }
        | Event::NodeFailed { node, .. }
        | Event::ContradictionAcknowledged { node, .. }
        | Event::RetryOrdered { node, .. }
        | Event::NodeAttested { node, .. }
        | Event::UndoAbandoned { node, .. } => Subject::Node(node),
    }
}

/// Every sentence that the events break.
pub(crate) fn judge(plan: &Plan, events: &[(Event, Timestamp)]) -> Vec<String> {
    let mut history = History::default();
    let mut faults = Vec::new();
    for (event, at) in events {
        let fault = attempts::judge(plan, &history, event, *at)
            .and_then(|()| order::judge(plan, &history, event, *at))
            .and_then(|()| gates::judge(plan, &history, event, *at))
            .and_then(|()| locks::judge(plan, &history, event))
            .and_then(|()| windows::judge(plan, &history, event, *at));
        if let Err(fault) = fault {
            faults.push(format!("LAW: {fault}"));
        }
        history.take(plan, event, *at);
    }
    faults
}

/// How a step stands, as far as those behind it care.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Fate {
    #[default]
    Open,
    Met,
    Failed,
}

/// What is known of one node.
#[derive(Default)]
struct Node {
    attempt: u32,
    in_flight: bool,
    /// A person was asked to do it and has not answered.
    by_hand: bool,
    in_doubt: bool,
    /// The attempt kept something, so that it may have sent something.
    kept: bool,
    /// The durable record that the latest attempt did not take effect.
    no_effect: bool,
    /// Before this no attempt starts.
    quiet_at: Option<Timestamp>,
    succeeded: bool,
    failed: bool,
}

/// A gate's standing approval.
#[derive(Clone, Copy)]
struct Approval {
    at: Timestamp,
    expires_at: Option<Timestamp>,
    used: bool,
}

/// All that happened so far.
#[derive(Default)]
struct History {
    started: bool,
    ended: bool,
    paused: bool,
    /// The run that changes the target in this one's place.
    suspended: Option<RunId>,
    cancelled: bool,
    timed_out: bool,
    abandoned: bool,
    nothing_to_do: bool,
    ending: Option<bool>,
    undo_on_cancel: bool,
    steps: BTreeMap<StepId, Fate>,
    nodes: BTreeMap<NodeId, Node>,
    items: BTreeMap<StepId, u32>,
    open: BTreeMap<StepId, Option<Timestamp>>,
    /// The approvals of each open gate.
    given: BTreeMap<StepId, Vec<gates::Given>>,
    /// What was read last of each fact, and when.
    facts: BTreeMap<StepId, BTreeMap<String, (Timestamp, bool)>>,
    approved: BTreeMap<StepId, Approval>,
    reopened: BTreeMap<StepId, u32>,
    orphans: BTreeSet<(StepId, u32)>,
    contradicted: BTreeSet<NodeId>,
    /// What each owed step is owed by; those in the second set for good.
    debts: BTreeMap<StepId, BTreeSet<NodeId>>,
    kept: BTreeSet<NodeId>,
    /// Changes that succeeded or settled, in order, and whether they succeeded.
    changed: Vec<(NodeId, bool)>,
    undone: Vec<NodeId>,
    target: Option<String>,
    lock: Lock,
    /// What the policy says.
    standing: Option<Box<Standing>>,
    /// What each step was last said to wait for, and until when.
    deferred: BTreeMap<StepId, (Deferral, Option<Timestamp>)>,
    /// In spite of what a person let units begin, by their first steps.
    overridden: BTreeMap<StepId, Vec<(Deferral, Option<Timestamp>)>>,
}

/// How the run stands to the lock of its target.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Lock {
    #[default]
    None,
    Requested,
    Held,
    Forgone,
}

fn step_of<'a>(plan: &'a Plan, id: &StepId) -> &'a Step {
    let found = plan.steps.iter().find(|step| step.id == *id);
    found.expect("a step of the plan")
}

fn effect_of(plan: &Plan, node: &NodeId) -> EffectClass {
    match (&step_of(plan, &node.step).kind, node.phase) {
        (_, Phase::Undo) => EffectClass::Reversible,
        (StepKind::Action { effect, .. }, Phase::Do) => *effect,
        (StepKind::Wait { .. } | StepKind::Gate(_), Phase::Do) => EffectClass::Read,
    }
}

/// How long what the node's call sent may take to arrive.
fn settle_of(plan: &Plan, node: &NodeId) -> Millis {
    match &step_of(plan, &node.step).kind {
        StepKind::Action { call, .. } => call.settle,
        StepKind::Wait { .. } | StepKind::Gate(_) => Millis(0),
    }
}

fn is_gate(step: &Step) -> bool {
    match step.kind {
        StepKind::Gate(_) => true,
        StepKind::Action { .. } | StepKind::Wait { .. } => false,
    }
}

/// Everything that precedes a step.
fn ancestors(plan: &Plan, id: &StepId) -> BTreeSet<StepId> {
    let mut found = BTreeSet::new();
    let mut stack = step_of(plan, id).needs.clone();
    while let Some(next) = stack.pop() {
        if found.insert(next.clone()) {
            stack.extend_from_slice(&step_of(plan, &next).needs);
        }
    }
    found
}

impl History {
    fn fate(&self, id: &StepId) -> Fate {
        self.steps.get(id).copied().unwrap_or_default()
    }

    /// Whether a main step has failed and nobody has mended it.
    fn has_failure(&self, plan: &Plan) -> bool {
        plan.steps
            .iter()
            .any(|step| !step.finally && self.fate(&step.id) == Fate::Failed)
    }

    fn irreversible_succeeded(&self, plan: &Plan) -> bool {
        self.changed
            .iter()
            .any(|(node, ok)| *ok && effect_of(plan, node) == EffectClass::Irreversible)
    }

    fn owes(&self, step: &StepId) -> bool {
        self.debts.contains_key(step)
    }
}
