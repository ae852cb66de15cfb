//! What people ask of a run: each request becomes one command of the core.

use axum::Json;
use axum::extract::{ConnectInfo, State};
use windlass_core::command::Command;
use windlass_core::id::RunId;
use windlass_core::operator::Operator;
use windlass_engine::CommandAnswer;
use windlass_engine::signatures::SignedApproval;

use crate::body::{self, Ask, Key, RunPath};
use crate::context::Context;
use crate::peer::Peer;
use crate::refusal::Refusal;
use crate::wire::{
    Abandon, Accepted, Acknowledge, Approve, Attest, Cancel, CloseReview, Decline, Override, Pause,
    Refresh, Reject, Resolve, Resume, Retry, Suspend, TakeOver,
};

/// A request that is one command.
pub(crate) trait Directive: Ask {
    /// The word in the path; a part of idempotency keys.
    const WORD: &'static str;

    fn into_command(self, by: Operator) -> Command;
}

/// Carries it out; what it made happen is durable when this answers.
pub(crate) async fn carry_out<D: Directive>(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    RunPath(run): RunPath,
    Key(key): Key,
    body::Json(ask): body::Json<D>,
) -> Result<Json<Accepted>, Refusal> {
    let command = ask.into_command(peer.operator());
    let answer = match own_key(key, &peer, D::WORD, &run) {
        Some(key) => context.engine.command_once(&run, command, &key).await?,
        None => context.engine.command(&run, command).await?,
    };
    Ok(Json(accepted(answer)))
}

/// An approval; the approver is who signed it, where somebody did.
pub(crate) async fn approve(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    run: RunPath,
    Key(key): Key,
    body::Json(ask): body::Json<Approve>,
) -> Result<Json<Accepted>, Refusal> {
    let Some(armored) = ask.signature else {
        return carry_out(
            State(context),
            ConnectInfo(peer),
            run,
            Key(key),
            body::Json(ask),
        )
        .await;
    };
    let RunPath(run) = run;
    let approval = SignedApproval {
        gate: ask.gate,
        seen: ask.statement.into(),
        note: ask.note,
        armored,
        carried_by: peer.operator(),
    };
    let key = own_key(key, &peer, Approve::WORD, &run);
    let engine = &context.engine;
    let answer = engine
        .approve_signed(&run, approval, key.as_deref())
        .await?;
    Ok(Json(accepted(answer)))
}

/// A key counts for one person, one word and one run: nobody is answered with what somebody
/// else was told.
fn own_key(key: Option<String>, peer: &Peer, word: &str, run: &RunId) -> Option<String> {
    key.map(|key| format!("{}/{word}/{run}/{key}", peer.uid))
}

fn accepted(answer: CommandAnswer) -> Accepted {
    Accepted {
        run: answer.run,
        events: answer
            .events
            .iter()
            .map(|event| event.kind().to_owned())
            .collect(),
        next_seq: answer.next_seq,
    }
}

impl Ask for Approve {}

impl Directive for Approve {
    const WORD: &'static str = "approve";

    fn into_command(self, by: Operator) -> Command {
        Command::Approve {
            gate: self.gate,
            by,
            seen: self.statement.into(),
            note: self.note,
            signature: None,
        }
    }
}

impl Ask for Refresh {}

impl Directive for Refresh {
    const WORD: &'static str = "refresh";

    fn into_command(self, by: Operator) -> Command {
        Command::Refresh {
            gate: self.gate,
            by,
        }
    }
}

impl Ask for Reject {}

impl Directive for Reject {
    const WORD: &'static str = "reject";

    fn into_command(self, by: Operator) -> Command {
        Command::Reject {
            gate: self.gate,
            by,
            reason: self.reason,
        }
    }
}

impl Ask for Pause {}

impl Directive for Pause {
    const WORD: &'static str = "pause";

    fn into_command(self, by: Operator) -> Command {
        Command::Pause {
            by,
            reason: self.reason,
        }
    }
}

impl Ask for Resume {}

impl Directive for Resume {
    const WORD: &'static str = "resume";

    fn into_command(self, by: Operator) -> Command {
        Command::Resume { by }
    }
}

impl Ask for Cancel {}

impl Directive for Cancel {
    const WORD: &'static str = "cancel";

    fn into_command(self, by: Operator) -> Command {
        Command::Cancel {
            by,
            reason: self.reason,
            undo: self.undo,
        }
    }
}

impl Ask for Resolve {}

impl Directive for Resolve {
    const WORD: &'static str = "resolve";

    fn into_command(self, by: Operator) -> Command {
        Command::Resolve {
            node: self.node,
            by,
            reason: self.reason,
            verdict: self.verdict.into(),
        }
    }
}

impl Ask for Retry {}

impl Directive for Retry {
    const WORD: &'static str = "retry";

    fn into_command(self, by: Operator) -> Command {
        Command::Retry {
            node: self.node,
            by,
            reason: self.reason,
            nothing_remains: self.nothing_remains,
        }
    }
}

impl Ask for Attest {}

impl Directive for Attest {
    const WORD: &'static str = "attest";

    fn into_command(self, by: Operator) -> Command {
        Command::Attest {
            node: self.node,
            attempt: self.attempt,
            by,
            reason: self.reason,
            outputs: self.outputs,
        }
    }
}

impl Ask for Decline {}

impl Directive for Decline {
    const WORD: &'static str = "decline";

    fn into_command(self, by: Operator) -> Command {
        Command::Decline {
            node: self.node,
            attempt: self.attempt,
            by,
            reason: self.reason,
            effect: self.effect,
        }
    }
}

impl Ask for Abandon {}

impl Directive for Abandon {
    const WORD: &'static str = "abandon";

    fn into_command(self, by: Operator) -> Command {
        Command::Abandon {
            by,
            reason: self.reason,
        }
    }
}

impl Ask for TakeOver {}

impl Directive for TakeOver {
    const WORD: &'static str = "take-over";

    fn into_command(self, by: Operator) -> Command {
        Command::TakeOver {
            step: self.step,
            by,
            reason: self.reason,
        }
    }
}

impl Ask for Override {}

impl Directive for Override {
    const WORD: &'static str = "override";

    fn into_command(self, by: Operator) -> Command {
        Command::Override {
            step: self.step,
            by,
            reason: self.reason,
        }
    }
}

impl Ask for Suspend {}

impl Directive for Suspend {
    const WORD: &'static str = "suspend";

    fn into_command(self, by: Operator) -> Command {
        Command::Suspend {
            rescue: self.rescue,
            by,
            reason: self.reason,
        }
    }
}

impl Ask for CloseReview {}

impl Directive for CloseReview {
    const WORD: &'static str = "close-review";

    fn into_command(self, by: Operator) -> Command {
        Command::CloseReview {
            review: self.review,
            by,
            code: self.code,
            reason: self.reason,
        }
    }
}

impl Ask for Acknowledge {}

impl Directive for Acknowledge {
    const WORD: &'static str = "acknowledge";

    fn into_command(self, by: Operator) -> Command {
        Command::Acknowledge {
            node: self.node,
            by,
            reason: self.reason,
        }
    }
}
