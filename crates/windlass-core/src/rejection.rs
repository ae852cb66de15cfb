//! Rejections: why an operator's or runner's command was refused.

use crate::id::{NodeId, RunId, StepId, WindowName};
use crate::operator::Operator;
use crate::time::Timestamp;

/// A refused command: nothing was recorded and nothing changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("the run has already been started")]
    AlreadyStarted,
    #[error("the run has not been started")]
    NotStarted,
    #[error("the run has ended: {end}")]
    RunEnded { end: &'static str },
    #[error("the run is ending: {why}")]
    RunEnding { why: String },
    #[error("the plan has no step {step}")]
    UnknownStep { step: String },
    #[error("{node} has not come to run yet")]
    UnknownNode { node: NodeId },
    #[error("{step} is no gate")]
    NotAGate { step: String },
    #[error("the gate {gate} is {state}, not open")]
    GateNotOpen { gate: String, state: &'static str },
    #[error("the gate {gate} was approved by {by} already")]
    GateAlreadyApproved { gate: String, by: Operator },
    #[error("{by} has approved the gate {gate} already: another person is needed")]
    ApprovedTwice { gate: String, by: Operator },
    #[error("the gate {gate} waits for {missing}: {by} fills no place that is left")]
    NoPlaceLeft {
        gate: String,
        by: Operator,
        missing: String,
    },
    #[error("the fact {fact} of the gate {gate} {why}: look again, then approve what you see")]
    FactStale {
        gate: String,
        fact: String,
        why: String,
    },
    #[error("the gate {gate} cannot be approved: {fact}: {why}")]
    FactRefused {
        gate: String,
        fact: String,
        why: String,
    },
    #[error("nobody asked the gate {gate} for {fact}")]
    FactNotAsked { gate: String, fact: String },
    #[error("the gate {gate} expired at {at}")]
    GateExpired { gate: String, at: Timestamp },
    #[error("the approval is for {what} of gate {gate}: look again, then approve what you see")]
    StaleStatement { gate: String, what: &'static str },
    #[error(
        "the gate {gate} takes signed approvals only: `windlass approve RUN {gate} --sign KEY`"
    )]
    NotSigned { gate: String },
    #[error("the signature does not approve the gate {gate}: {why}")]
    BadSignature { gate: String, why: String },
    #[error("{by} may not do this: {why}")]
    NotAuthorised { by: Operator, why: String },
    #[error("the policy does not let the plan run: {why}")]
    UnderPolicy { why: String },
    #[error("{node} is {state}: {expected}")]
    WrongState {
        node: NodeId,
        state: &'static str,
        expected: &'static str,
    },
    #[error("attempt {attempt} of {node} is not the one in question (that is {current})")]
    StaleAttempt {
        node: NodeId,
        attempt: u32,
        current: u32,
    },
    #[error("the run is paused already, by {by}")]
    AlreadyPaused { by: Operator },
    #[error("the run is not paused")]
    NotPaused,
    #[error("the run is being cancelled already, by {by}")]
    AlreadyCancelled { by: Operator },
    #[error("a reason is needed, of 1 to {REASON_BYTES_MAX} bytes")]
    BadReason,
    #[error("what it did may remain: say that nothing of it remains, or attest that it is done")]
    MayRemain,
    #[error("process {pid} of {node} still lives: end it first, or wait for it")]
    OrphanLives { node: NodeId, pid: u32 },
    #[error("the run does not wait for this decision")]
    NothingToDecide,
    #[error("the run cannot stand aside for {rescue}: {why}")]
    CannotSuspend { rescue: RunId, why: String },
    #[error("{step} owes nothing")]
    NoDebt { step: String },
    #[error("{step} waits for no window and for no end of a freeze")]
    NotDeferred { step: String },
    #[error(
        "{step} begins in the window {window}, and {}",
        if *has_policy { "the policy has none of this name" } else { "there is no policy to say when that is open" }
    )]
    NoWindow {
        step: StepId,
        window: WindowName,
        has_policy: bool,
    },
    #[error("the run has no review {review}")]
    UnknownReview { review: u32 },
    #[error("review {review} was closed by {by} already")]
    ReviewIsClosed { review: u32, by: Operator },
    #[error("the data is larger than {max} bytes")]
    TooLarge { max: usize },
    #[error("{node} declares its outputs, and {why}")]
    WrongOutputs { node: NodeId, why: String },
    #[error("the time to answer for {node} was over at {at}")]
    ManualExpired { node: NodeId, at: Timestamp },
    #[error("{node} is no change: it is done, or nothing was done")]
    NoEffectToState { node: NodeId },
}

/// The longest reason or note, in bytes.
pub const REASON_BYTES_MAX: usize = 2_000;

impl Rejection {
    /// A stable word for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Rejection::AlreadyStarted => "already_started",
            Rejection::NotStarted => "not_started",
            Rejection::RunEnded { .. } => "run_ended",
            Rejection::RunEnding { .. } => "run_ending",
            Rejection::UnknownStep { .. } => "unknown_step",
            Rejection::UnknownNode { .. } => "unknown_node",
            Rejection::NotAGate { .. } => "not_a_gate",
            Rejection::GateNotOpen { .. } => "gate_not_open",
            Rejection::GateAlreadyApproved { .. } => "gate_already_approved",
            Rejection::ApprovedTwice { .. } => "approved_twice",
            Rejection::NoPlaceLeft { .. } => "no_place_left",
            Rejection::FactStale { .. } => "fact_stale",
            Rejection::FactRefused { .. } => "fact_refused",
            Rejection::FactNotAsked { .. } => "fact_not_asked",
            Rejection::GateExpired { .. } => "gate_expired",
            Rejection::StaleStatement { .. } => "stale_statement",
            Rejection::NotSigned { .. } => "not_signed",
            Rejection::BadSignature { .. } => "bad_signature",
            Rejection::NotAuthorised { .. } => "not_authorised",
            Rejection::UnderPolicy { .. } => "under_policy",
            Rejection::WrongState { .. } => "wrong_state",
            Rejection::StaleAttempt { .. } => "stale_attempt",
            Rejection::AlreadyPaused { .. } => "already_paused",
            Rejection::NotPaused => "not_paused",
            Rejection::AlreadyCancelled { .. } => "already_cancelled",
            Rejection::BadReason => "bad_reason",
            Rejection::MayRemain => "may_remain",
            Rejection::OrphanLives { .. } => "orphan_lives",
            Rejection::NothingToDecide => "nothing_to_decide",
            Rejection::CannotSuspend { .. } => "cannot_suspend",
            Rejection::NoDebt { .. } => "no_debt",
            Rejection::NotDeferred { .. } => "not_deferred",
            Rejection::NoWindow { .. } => "no_window",
            Rejection::UnknownReview { .. } => "unknown_review",
            Rejection::ReviewIsClosed { .. } => "review_is_closed",
            Rejection::TooLarge { .. } => "too_large",
            Rejection::WrongOutputs { .. } => "wrong_outputs",
            Rejection::ManualExpired { .. } => "manual_expired",
            Rejection::NoEffectToState { .. } => "no_effect_to_state",
        }
    }
}
