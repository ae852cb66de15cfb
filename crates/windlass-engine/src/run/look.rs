//! Looking what became of a change in doubt: a read with a timeout of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use windlass_core::effect::Look;
use windlass_core::event::Dispatch;
use windlass_core::id::NodeId;
use windlass_core::outcome::{Answer, Outcome};
use windlass_core::plan::EffectClass;
use windlass_core::time::{Millis, Timestamp};

use super::flight::{Report, Slot, SlotKind};
use super::forward::Forward;
use super::lacks::secrets_for;
use super::launch::given_up;
use super::task::Task;
use crate::attempt::{
    AttemptLog, CancelSignal, Checkpoints, DispatchToken, Progress, Refusals, later,
};
use crate::limits::CANCEL_GRACE;
use crate::ports::{StepContext, StepRunner};
use crate::redact;

impl Task {
    /// Begins a look; its secrets and its runner are there.
    pub(super) fn begin_look(&mut self, node: NodeId, attempt: u32, timeout: Millis, how: Look) {
        let (call, checkpoint, is_native) = match how {
            Look::Native { call, checkpoint } => (call, checkpoint, true),
            Look::Read { ask } => {
                let idempotency_key = format!("{}/{node}/{attempt}/look", self.run);
                let call = Dispatch {
                    uses: ask.uses,
                    input: ask.input,
                    idempotency_key,
                };
                (call, None, false)
            }
        };
        let shared = &self.shared;
        let Ok(runner) = shared.runner(self.snapshot.state.plan(), &call.uses) else {
            return;
        };
        let asked_at = shared.clock.now();
        let span = Duration::from_millis(timeout.0);
        let (cancel, signal) = CancelSignal::new();
        let redactor = shared.registry().redactor(&self.run);
        let (progress, _line) = Progress::new(&redactor);
        // A look has nothing to keep: what it would checkpoint is refused.
        let (checkpoints, mut kept) = Checkpoints::new();
        kept.close();
        let (refusals, refused) = Refusals::new();
        let secrets = secrets_for(shared, &self.run, &self.snapshot.state, &call.input);
        let path = shared.dir.look_log(&self.run, &node, attempt);
        let log = AttemptLog::new(path, &redactor, progress.clone());
        let context = StepContext {
            run: self.run.clone(),
            node: node.clone(),
            attempt,
            uses: call.uses,
            effect: EffectClass::Read,
            input: call.input,
            secrets,
            idempotency_key: call.idempotency_key,
            fence: self.snapshot.state.fence(),
            deadline: asked_at + timeout,
            deadline_instant: later(Instant::now(), span),
            cancel: signal.clone(),
            checkpoints,
            checkpoint,
            refusals,
            progress,
            log: log.clone(),
        };
        let forward = Forward {
            run: self.run.clone(),
            node: node.clone(),
            attempt,
            kept,
            refused,
            mailbox: self.mailbox.upgrade(),
            log: log.clone(),
        };
        let slot = Slot {
            kind: SlotKind::Look,
            node,
            attempt,
        };
        let stop = cancel.clone();
        let flying = async move {
            let looking = look(runner, context, is_native);
            tokio::pin!(looking);
            tokio::select! {
                looked = &mut looking => looked.into_report(asked_at, &log),
                never = forward.serve() => match never {},
                () = given_up(Some(signal)) => Report::Dropped,
                () = tokio::time::sleep(span) => {
                    // Told to stop, it may still clean up; what it says then is too late.
                    stop.send_replace(true);
                    let _too_late = tokio::time::timeout(CANCEL_GRACE, looking).await;
                    no_answer(asked_at, format!("no answer within {timeout}"))
                }
            }
        };
        self.flight.launch(slot, asked_at, cancel, redactor, flying);
    }
}

/// What a look said.
enum Looked {
    Native(Answer),
    Read(Outcome),
}

async fn look(runner: Arc<dyn StepRunner>, context: StepContext, is_native: bool) -> Looked {
    if is_native {
        Looked::Native(runner.reconcile(context).await)
    } else {
        // The doubt is durable, and with it the question; the read has no intent of its own.
        let token = DispatchToken::for_look();
        Looked::Read(runner.run(token, context).await)
    }
}

impl Looked {
    fn into_report(self, asked_at: Timestamp, log: &AttemptLog) -> Report {
        match self {
            Looked::Native(answer) => Report::Answered {
                asked_at,
                answer: redact::answer(log.redactor(), answer),
            },
            Looked::Read(outcome) => Report::Observed {
                asked_at,
                outcome: redact::outcome(log, outcome),
            },
        }
    }
}

/// The report of a look that gave no answer.
pub(super) fn no_answer(asked_at: Timestamp, message: String) -> Report {
    let answer = Answer::Failed { message };
    Report::Answered { asked_at, answer }
}
