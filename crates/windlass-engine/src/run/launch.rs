//! Handing an attempt to its runner: after its intent is durable, before its send
//! deadline, in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use windlass_core::event::Dispatch;
use windlass_core::id::NodeId;
use windlass_core::outcome::Outcome;
use windlass_core::plan::{EffectClass, Verb};
use windlass_core::time::Timestamp;

use super::flight::{Report, Slot, SlotKind};
use super::forward::Forward;
use super::lacks::secrets_for;
use super::task::Task;
use crate::attempt::{
    AttemptLog, CancelSignal, Checkpoints, DispatchToken, Progress, Refusals, SendWindow, TooLate,
    later,
};
use crate::limits::CANCEL_GRACE;
use crate::ports::{StepContext, StepRunner, Work};
use crate::redact;

/// An attempt that is to be handed over.
pub(super) struct Attempt {
    pub(super) node: NodeId,
    pub(super) attempt: u32,
    pub(super) verb: Verb,
    pub(super) effect: EffectClass,
    pub(super) call: Dispatch,
    pub(super) deadline: Timestamp,
    pub(super) send_by: Timestamp,
    pub(super) checkpoint: Option<String>,
}

/// The proof that this process has just made the intent durable, with the moment at
/// which the intent was decided.
pub(super) struct FreshIntent {
    pub(super) decided_at: Timestamp,
    pub(super) decided: Instant,
}

impl Task {
    /// Hands an attempt over. The intent is consumed: nothing is handed over twice.
    pub(super) fn launch(&mut self, intent: FreshIntent, attempt: Attempt) {
        let shared = &self.shared;
        let Ok(runner) = shared.runner(self.snapshot.state.plan(), &attempt.call.uses) else {
            // An intent that lacks its runner is never recorded; see `step`.
            tracing::error!(run = %self.run, node = %attempt.node, "an intent has no runner");
            return;
        };
        let (cancel, signal) = CancelSignal::new();
        let redactor = shared.registry().redactor(&self.run);
        let (progress, line) = Progress::new(&redactor);
        let (checkpoints, kept) = Checkpoints::new();
        let (refusals, refused) = Refusals::new();
        let secrets = secrets_for(shared, &self.run, &self.snapshot.state, &attempt.call.input);
        let path = shared
            .dir
            .attempt_log(&self.run, &attempt.node, attempt.attempt);
        let log = AttemptLog::new(path, &redactor, progress.clone());
        let window = SendWindow::new(
            Arc::clone(&shared.clock),
            intent.decided_at,
            intent.decided,
            attempt.send_by,
        );
        let span = Duration::from_millis(attempt.deadline.since(intent.decided_at).0);
        let context = StepContext {
            run: self.run.clone(),
            node: attempt.node.clone(),
            attempt: attempt.attempt,
            uses: attempt.call.uses,
            effect: attempt.effect,
            input: attempt.call.input,
            secrets,
            idempotency_key: attempt.call.idempotency_key,
            fence: self.snapshot.state.fence(),
            deadline: attempt.deadline,
            deadline_instant: later(intent.decided, span),
            cancel: signal.clone(),
            checkpoints,
            checkpoint: attempt.checkpoint,
            refusals,
            progress,
            log: log.clone(),
        };
        let is_change = attempt.effect.is_change();
        let slot = Slot {
            kind: if is_change {
                SlotKind::Change
            } else {
                SlotKind::Attempt
            },
            node: attempt.node.clone(),
            attempt: attempt.attempt,
        };
        let verb = attempt.verb;
        let work = async move { begin(&*runner, verb, window, context).await };
        let forward = Forward {
            run: self.run.clone(),
            node: attempt.node,
            attempt: attempt.attempt,
            kept,
            refused,
            mailbox: self.mailbox.upgrade(),
            log: log.clone(),
        };
        let signal = (!is_change).then_some(signal);
        let flying = async move {
            tokio::select! {
                outcome = work => Report::Ended(redact::outcome(&log, outcome)),
                never = forward.serve() => match never {},
                () = given_up(signal) => Report::Dropped,
            }
        };
        self.show_progress(&slot, line);
        self.flight
            .launch(slot, intent.decided_at, cancel, redactor, flying);
    }

    pub(super) fn show_progress(&self, slot: &Slot, line: watch::Receiver<String>) {
        if let Some(driven) = self.shared.registry().driven.get_mut(&self.run) {
            let key = (slot.node.clone(), slot.attempt);
            driven.progress.insert(key, line);
        }
    }
}

/// Gives the attempt to its runner, unless its send deadline passed meanwhile because
/// the process was stopped or the host suspended. The runner of a change asks its
/// token once more at the moment of sending.
async fn begin(
    runner: &dyn StepRunner,
    verb: Verb,
    window: SendWindow,
    context: StepContext,
) -> Outcome {
    #[cfg(feature = "failpoints")]
    crate::failpoints::dispatching(&context.node, context.attempt);
    if !window.is_open() {
        return TooLate.into_outcome();
    }
    // The only place where a token for an attempt is made. A read that is sent late,
    // after a slow connect, harms nobody.
    let window = (context.effect != EffectClass::Read).then_some(window);
    let token = DispatchToken::after_durable_intent(window);
    #[cfg(feature = "failpoints")]
    crate::failpoints::panicking(&context);
    #[cfg(feature = "failpoints")]
    let node = context.node.clone();
    let work: Work<Outcome> = match verb {
        Verb::Run => runner.run(token, context),
        Verb::Undo => runner.undo(token, context),
    };
    #[cfg(feature = "failpoints")]
    crate::failpoints::dispatched(&node);
    work.await
}

/// Returns when a cancelled read has had its time to stop; never for a change.
pub(super) async fn given_up(signal: Option<CancelSignal>) {
    match signal {
        Some(mut signal) => {
            signal.cancelled().await;
            tokio::time::sleep(CANCEL_GRACE).await;
        }
        None => std::future::pending().await,
    }
}
