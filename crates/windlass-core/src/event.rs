//! Events: what happened in a run, in the past tense. They and the data inside
//! them are the only frozen types of this crate; `docs/events.schema.json` holds
//! their shape and a test fails when it changes.

mod about;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::approval::Grounds;
use crate::fact::Finding;
use crate::id::{ActionName, NodeId, RunId, StepId, WindowName};
use crate::operator::{Identity, Operator};
use crate::outcome::{Answer, Effected, Failure, LogRef, Resolution, Witness};
use crate::plan::{Digest, Input, Plan, Relied};
use crate::policy::{Freeze, Standing};
use crate::refusal::Refusal;
use crate::review::ClosureCode;
use crate::span::Span;
use crate::time::Timestamp;
use crate::value::Value;

pub use about::About;

/// The version of the event bodies that this crate writes.
pub const EVENT_VERSION: u16 = 1;

/// A fact about a run. The time of each stands in its record, not in here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The first record of every run.
    RunStarted {
        plan: Box<Plan>,
        digest: Digest,
        requester: Operator,
        /// Who owns the state directory that the run lives in.
        owner: Identity,
        /// Without a policy one person is every group and may approve his own run.
        single_user: bool,
        /// No new step starts after this.
        #[serde(default)]
        deadline: Option<Timestamp>,
        /// Who is who and when is when, by the policy; nothing without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        standing: Option<Box<Standing>>,
    },
    /// Another policy holds for the run from here on, or the same one for longer.
    PolicyChanged {
        standing: Box<Standing>,
        /// What it says otherwise, in lines for people.
        difference: Vec<String>,
        /// Approvals that nothing rests on yet were given under other terms.
        voids: bool,
    },
    RunPaused {
        by: Operator,
        reason: String,
    },
    RunResumed {
        by: Operator,
    },
    RunCancelRequested {
        by: Operator,
        reason: String,
        undo: bool,
    },
    /// A person let another run, the rescue, change the target in this one's place: this one
    /// starts nothing until that has ended.
    RunSuspended {
        rescue: RunId,
        by: Operator,
        reason: String,
        rule: String,
    },
    /// The rescue has ended: the run goes on, and holds the lock by another number.
    RunReleased {
        rescue: RunId,
        fence: u64,
    },
    RunTimedOut {},
    /// A person gave up a run that waited after an irreversible step.
    RunAbandoned {
        by: Operator,
        reason: String,
    },
    /// From here on only undo, debts and `finally` run.
    RunEndingBegan {
        end: End,
        reason: String,
        undo: bool,
    },
    RunEnded {
        end: End,
        reason: String,
    },

    /// A person has looked at what was to be looked at; it may come after the end.
    ReviewClosed {
        /// From 1, in the order in which the run gave cause.
        review: u32,
        by: Operator,
        code: ClosureCode,
        reason: String,
        rule: String,
    },

    /// What the run changes has its name; it never changes in the run.
    TargetResolved {
        target: String,
    },
    /// The run waits for the lock of its target from here on.
    LockRequested {
        target: String,
    },
    /// No other run of this state directory changes the target until this one has ended.
    LockAcquired {
        target: String,
        /// Higher than that of whoever held it before: what comes with a lower one comes
        /// too late. Journals of before this rule have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fence: Option<u64>,
        /// The run that holds it, and stands aside until this one has ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead_of: Option<RunId>,
    },
    /// The run ends without the lock, which another run holds: it has changed nothing,
    /// and `finally` changes nothing either.
    LockForgone {
        target: String,
        held_by: RunId,
    },

    StepSkipped {
        step: StepId,
    },
    /// `for_each` gave these items.
    StepExpanded {
        step: StepId,
        items: Vec<Value>,
    },
    /// An expression of the step could not be evaluated, or the step may not run.
    StepRefused {
        step: StepId,
        message: String,
    },
    /// The segment that the step begins is to begin in this opening.
    OpeningChosen {
        step: StepId,
        opening: Span,
    },
    /// The segment did not begin in its opening, and cannot any more.
    OpeningMissed {
        step: StepId,
        reason: String,
    },
    /// The step's turn has come but for the time.
    StepDeferred {
        step: StepId,
        /// Nobody knows it where the policy knows of no opening.
        #[serde(default)]
        until: Option<Timestamp>,
        why: Deferral,
    },
    /// The time has come that the step waited for.
    StepDue {
        step: StepId,
    },
    /// The segment that the step began is not at its end, and its opening is.
    WindowOverrun {
        step: StepId,
        /// When the opening ended.
        ended_at: Timestamp,
    },
    /// A person lets the step begin, windows and freezes or not: he breaks the glass.
    WindowOverridden {
        step: StepId,
        by: Operator,
        reason: String,
        rule: String,
        /// What the step waited for.
        why: Deferral,
    },
    WaitStarted {
        step: StepId,
        until: Timestamp,
    },
    WaitEnded {
        step: StepId,
    },

    /// The intent: durable before anything is handed to the runner.
    AttemptStarted {
        node: NodeId,
        attempt: u32,
        call: Dispatch,
        /// When waiting for the outcome ends.
        deadline: Timestamp,
        /// After this the work is not handed over any more.
        send_by: Timestamp,
        /// The evidence that it relies on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        guards: Vec<Relied>,
        /// The opening that its segment begins in by this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opening: Option<Span>,
    },
    AttemptCheckpointed {
        node: NodeId,
        attempt: u32,
        data: String,
    },
    /// A plugin asked for more than it is granted, in the attempt or in a look at it.
    RequestRefused {
        node: NodeId,
        attempt: u32,
        refusal: Refusal,
    },
    AttemptSucceeded {
        node: NodeId,
        attempt: u32,
        outputs: Value,
        #[serde(default)]
        log: Option<LogRef>,
        /// The step's `done` held: the run has nothing to do.
        #[serde(default)]
        nothing_to_do: bool,
    },
    AttemptFailed {
        node: NodeId,
        attempt: u32,
        failure: Failure,
    },
    /// The next attempt starts no earlier than this.
    RetryScheduled {
        node: NodeId,
        attempt: u32,
        at: Timestamp,
    },
    /// `until` does not hold yet; the next look is no earlier than this.
    PollScheduled {
        node: NodeId,
        attempt: u32,
        at: Timestamp,
        seen: Value,
    },
    /// Every attempt failed, or the failure is final.
    NodeFailed {
        node: NodeId,
        failure: Failure,
    },

    /// A person is asked to do it by hand. As an attempt's start it is the intent: durable
    /// before anybody is told.
    ManualStepOpened {
        node: NodeId,
        attempt: u32,
        /// What the person is told: `instructions` and `show`.
        call: Dispatch,
        #[serde(default)]
        expires_at: Option<Timestamp>,
        /// The evidence that it relies on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        guards: Vec<Relied>,
        /// The opening that its segment begins in by this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opening: Option<Span>,
    },
    /// A person states that it is done.
    ManualStepAttested {
        node: NodeId,
        attempt: u32,
        by: Operator,
        reason: String,
        outputs: Value,
        rule: String,
    },
    /// A person states that it is not done, and what was done to the world all the same.
    ManualStepDeclined {
        node: NodeId,
        attempt: u32,
        by: Operator,
        reason: String,
        effect: Effected,
        rule: String,
    },
    /// Nobody answered in time.
    ManualStepExpired {
        node: NodeId,
        attempt: u32,
    },

    /// Nobody knows whether the change took effect.
    DoubtOpened {
        node: NodeId,
        attempt: u32,
        /// Before this no "not happened" counts and no next attempt starts.
        quiet_at: Timestamp,
        /// After this a person is asked.
        observe_until: Timestamp,
        #[serde(default)]
        ask: Option<Ask>,
    },
    DoubtAnswered {
        node: NodeId,
        attempt: u32,
        answer: Answer,
        /// When to look again; `None` when the answer settles it or a person is needed.
        #[serde(default)]
        again_at: Option<Timestamp>,
    },
    /// From here on a person must say.
    DoubtEscalated {
        node: NodeId,
        attempt: u32,
        reason: String,
    },
    DoubtResolved {
        node: NodeId,
        attempt: u32,
        resolution: Resolution,
        witness: Witness,
    },
    /// A process of the attempt outlived the engine.
    OrphanFound {
        node: NodeId,
        attempt: u32,
        pid: u32,
    },
    OrphanEnded {
        node: NodeId,
        attempt: u32,
        pid: u32,
    },
    /// A later outcome disagrees with a recorded resolution.
    ResolutionContradicted {
        node: NodeId,
        attempt: u32,
        resolution: Resolution,
        arrived: String,
    },
    ContradictionAcknowledged {
        node: NodeId,
        by: Operator,
        reason: String,
    },

    /// A person ordered another attempt of what had failed.
    RetryOrdered {
        node: NodeId,
        by: Operator,
        reason: String,
        nothing_remains: bool,
    },
    /// A person states that the failed node's purpose is met.
    NodeAttested {
        node: NodeId,
        by: Operator,
        reason: String,
        outputs: Value,
        /// What is attested is a change, and owes what its step ensures. Journals of before
        /// this rule say nothing of it, and owe nothing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        owes: bool,
    },
    /// A person gave up a failed undo.
    UndoAbandoned {
        node: NodeId,
        by: Operator,
        reason: String,
    },
    DebtTakenOver {
        step: StepId,
        by: Operator,
        reason: String,
    },

    GateOpened {
        step: StepId,
        attempt: u32,
        #[serde(default)]
        expires_at: Option<Timestamp>,
        shown: BTreeMap<String, Value>,
        /// What the run changes, where its plan has a target.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        /// How its facts are read, by their names.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        asks: BTreeMap<String, Ask>,
    },
    /// Facts of a gate are read anew: somebody looks, or the change is about to begin.
    FactsAsked {
        step: StepId,
        attempt: u32,
        asks: BTreeMap<String, Ask>,
    },
    /// A fact was read, or could not be.
    FactFetched {
        step: StepId,
        attempt: u32,
        fact: String,
        /// When the look began.
        asked_at: Timestamp,
        finding: Finding,
    },
    /// A person approved; other places of the gate are still to be filled.
    ApprovalGiven {
        step: StepId,
        attempt: u32,
        by: Operator,
        note: String,
        rule: String,
        #[serde(default, skip_serializing_if = "Grounds::is_empty")]
        grounds: Grounds,
    },
    /// A person approved, and nobody else is needed.
    GateApproved {
        step: StepId,
        attempt: u32,
        by: Operator,
        note: String,
        rule: String,
        #[serde(default, skip_serializing_if = "Grounds::is_empty")]
        grounds: Grounds,
    },
    GateRejected {
        step: StepId,
        attempt: u32,
        by: Operator,
        reason: String,
    },
    /// Nobody approved in time.
    GateExpired {
        step: StepId,
        attempt: u32,
    },
    /// An approval does not hold any more; the gate opens again, or fails.
    GateWithdrawn {
        step: StepId,
        attempt: u32,
        reason: String,
    },
}

/// What is handed to the runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dispatch {
    pub uses: ActionName,
    pub input: Input,
    /// The same for all attempts of a read or idempotent step; its own for each attempt of a change.
    pub idempotency_key: String,
}

/// The question that a reconcile puts to the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    pub uses: ActionName,
    pub input: Input,
}

/// What a step waits for whose turn has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deferral {
    /// Its opening has not come.
    Window { window: WindowName, opening: Span },
    /// The policy knows of no opening that it fits into, until then.
    NoOpening {
        window: WindowName,
        known_until: Timestamp,
    },
    /// Nothing is changed meanwhile.
    Freeze { freeze: WindowName, reason: String },
    /// The policy's calendars end, and say nothing of freezes from then on.
    Unknown { known_until: Timestamp },
}

impl Deferral {
    pub(crate) fn of_freeze(freeze: &Freeze) -> Self {
        Deferral::Freeze {
            freeze: freeze.name.clone(),
            reason: freeze.reason.clone(),
        }
    }

    /// `window` or `freeze`: the word of lists.
    pub fn code(&self) -> &'static str {
        match self {
            Deferral::Window { .. } | Deferral::NoOpening { .. } => "window",
            Deferral::Freeze { .. } => "freeze",
            Deferral::Unknown { .. } => "policy",
        }
    }
}

impl std::fmt::Display for Deferral {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Deferral::Window { window, opening } => {
                let Span { from, to } = opening;
                write!(f, "the window {window}, open from {from} to {to}")
            }
            Deferral::NoOpening {
                window,
                known_until,
            } => write!(
                f,
                "the window {window}, which has no opening that it fits into until {known_until}"
            ),
            Deferral::Freeze { freeze, reason } => write!(f, "the freeze {freeze}: {reason}"),
            Deferral::Unknown { known_until } => write!(
                f,
                "a policy that says something of times after {known_until}"
            ),
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Succeeded,
    Failed,
    Cancelled,
}

impl End {
    /// The word that every view shows.
    pub fn as_str(self) -> &'static str {
        match self {
            End::Succeeded => "succeeded",
            End::Failed => "failed",
            End::Cancelled => "cancelled",
        }
    }
}

/// Why stored bytes are no event of a known kind and version.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("version {found} of event bodies is unknown: this program reads up to {EVENT_VERSION}")]
    Version { found: u16 },
    #[error("the record says {header}, its body is {body}")]
    KindMismatch { header: String, body: &'static str },
    #[error("the body is no event: {0}")]
    Json(#[from] serde_json::Error),
}

impl Event {
    /// The body's bytes: JSON, one key naming the kind.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an event has only text keys and finite numbers")
    }

    /// Reads a body back, holding it against what the record's header says.
    pub fn decode(kind: &str, version: u16, body: &[u8]) -> Result<Self, DecodeError> {
        if version != EVENT_VERSION {
            return Err(DecodeError::Version { found: version });
        }
        let event: Event = serde_json::from_slice(body)?;
        if event.kind() == kind {
            Ok(event)
        } else {
            Err(DecodeError::KindMismatch {
                header: kind.to_owned(),
                body: event.kind(),
            })
        }
    }

    /// The person whose command it records, after the start.
    pub fn operator(&self) -> Option<&Operator> {
        match self {
            Event::RunPaused { by, .. }
            | Event::RunResumed { by }
            | Event::RunCancelRequested { by, .. }
            | Event::RunSuspended { by, .. }
            | Event::RunAbandoned { by, .. }
            | Event::DoubtResolved {
                witness: Witness::Operator { by, .. },
                ..
            }
            | Event::ContradictionAcknowledged { by, .. }
            | Event::ReviewClosed { by, .. }
            | Event::RetryOrdered { by, .. }
            | Event::NodeAttested { by, .. }
            | Event::UndoAbandoned { by, .. }
            | Event::DebtTakenOver { by, .. }
            | Event::WindowOverridden { by, .. }
            | Event::ApprovalGiven { by, .. }
            | Event::GateApproved { by, .. }
            | Event::GateRejected { by, .. }
            | Event::ManualStepAttested { by, .. }
            | Event::ManualStepDeclined { by, .. } => Some(by),
            Event::RunStarted { .. }
            | Event::PolicyChanged { .. }
            | Event::RunReleased { .. }
            | Event::RunTimedOut {}
            | Event::RunEndingBegan { .. }
            | Event::RunEnded { .. }
            | Event::TargetResolved { .. }
            | Event::LockRequested { .. }
            | Event::LockAcquired { .. }
            | Event::LockForgone { .. }
            | Event::StepSkipped { .. }
            | Event::StepExpanded { .. }
            | Event::StepRefused { .. }
            | Event::OpeningChosen { .. }
            | Event::OpeningMissed { .. }
            | Event::StepDeferred { .. }
            | Event::StepDue { .. }
            | Event::WindowOverrun { .. }
            | Event::WaitStarted { .. }
            | Event::WaitEnded { .. }
            | Event::AttemptStarted { .. }
            | Event::AttemptCheckpointed { .. }
            | Event::RequestRefused { .. }
            | Event::AttemptSucceeded { .. }
            | Event::AttemptFailed { .. }
            | Event::RetryScheduled { .. }
            | Event::PollScheduled { .. }
            | Event::NodeFailed { .. }
            | Event::DoubtOpened { .. }
            | Event::DoubtAnswered { .. }
            | Event::DoubtEscalated { .. }
            | Event::DoubtResolved {
                witness: Witness::Outcome | Witness::Reconcile,
                ..
            }
            | Event::OrphanFound { .. }
            | Event::OrphanEnded { .. }
            | Event::ResolutionContradicted { .. }
            | Event::GateOpened { .. }
            | Event::FactsAsked { .. }
            | Event::FactFetched { .. }
            | Event::GateExpired { .. }
            | Event::GateWithdrawn { .. }
            | Event::ManualStepOpened { .. }
            | Event::ManualStepExpired { .. } => None,
        }
    }

    /// The kind's name: the key of the JSON body and the type in the record's header.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::RunStarted { .. } => "run_started",
            Event::PolicyChanged { .. } => "policy_changed",
            Event::RunPaused { .. } => "run_paused",
            Event::RunResumed { .. } => "run_resumed",
            Event::RunCancelRequested { .. } => "run_cancel_requested",
            Event::RunSuspended { .. } => "run_suspended",
            Event::RunReleased { .. } => "run_released",
            Event::RunTimedOut {} => "run_timed_out",
            Event::RunAbandoned { .. } => "run_abandoned",
            Event::RunEndingBegan { .. } => "run_ending_began",
            Event::RunEnded { .. } => "run_ended",
            Event::ReviewClosed { .. } => "review_closed",
            Event::TargetResolved { .. } => "target_resolved",
            Event::LockRequested { .. } => "lock_requested",
            Event::LockAcquired { .. } => "lock_acquired",
            Event::LockForgone { .. } => "lock_forgone",
            Event::StepSkipped { .. } => "step_skipped",
            Event::StepExpanded { .. } => "step_expanded",
            Event::StepRefused { .. } => "step_refused",
            Event::OpeningChosen { .. } => "opening_chosen",
            Event::OpeningMissed { .. } => "opening_missed",
            Event::StepDeferred { .. } => "step_deferred",
            Event::StepDue { .. } => "step_due",
            Event::WindowOverrun { .. } => "window_overrun",
            Event::WindowOverridden { .. } => "window_overridden",
            Event::WaitStarted { .. } => "wait_started",
            Event::WaitEnded { .. } => "wait_ended",
            Event::AttemptStarted { .. } => "attempt_started",
            Event::AttemptCheckpointed { .. } => "attempt_checkpointed",
            Event::RequestRefused { .. } => "request_refused",
            Event::AttemptSucceeded { .. } => "attempt_succeeded",
            Event::AttemptFailed { .. } => "attempt_failed",
            Event::RetryScheduled { .. } => "retry_scheduled",
            Event::PollScheduled { .. } => "poll_scheduled",
            Event::NodeFailed { .. } => "node_failed",
            Event::ManualStepOpened { .. } => "manual_step_opened",
            Event::ManualStepAttested { .. } => "manual_step_attested",
            Event::ManualStepDeclined { .. } => "manual_step_declined",
            Event::ManualStepExpired { .. } => "manual_step_expired",
            Event::DoubtOpened { .. } => "doubt_opened",
            Event::DoubtAnswered { .. } => "doubt_answered",
            Event::DoubtEscalated { .. } => "doubt_escalated",
            Event::DoubtResolved { .. } => "doubt_resolved",
            Event::OrphanFound { .. } => "orphan_found",
            Event::OrphanEnded { .. } => "orphan_ended",
            Event::ResolutionContradicted { .. } => "resolution_contradicted",
            Event::ContradictionAcknowledged { .. } => "contradiction_acknowledged",
            Event::RetryOrdered { .. } => "retry_ordered",
            Event::NodeAttested { .. } => "node_attested",
            Event::UndoAbandoned { .. } => "undo_abandoned",
            Event::DebtTakenOver { .. } => "debt_taken_over",
            Event::GateOpened { .. } => "gate_opened",
            Event::FactsAsked { .. } => "facts_asked",
            Event::FactFetched { .. } => "fact_fetched",
            Event::ApprovalGiven { .. } => "approval_given",
            Event::GateApproved { .. } => "gate_approved",
            Event::GateRejected { .. } => "gate_rejected",
            Event::GateExpired { .. } => "gate_expired",
            Event::GateWithdrawn { .. } => "gate_withdrawn",
        }
    }
}
