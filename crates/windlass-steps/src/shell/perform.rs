//! One attempt of `shell`: the start of the process is its sending.

use std::process::ExitStatus;

use tokio::time::Instant;
use windlass_core::outcome::{Effected, Outcome};
use windlass_engine::attempt::DispatchToken;
use windlass_engine::ports::StepContext;

use crate::detach::{Stop, Stops};
use crate::ending::Ending;
use crate::process::{self, Call, DRAIN, Ended, Owner, Process, StdIn};
use crate::with::{BadWith, Fields};

/// Starts the process and sees it to its end. The token is used up by the start.
pub(super) async fn perform(
    owner: &Owner,
    token: DispatchToken,
    context: &StepContext,
    mut stops: Stops,
) -> Result<Outcome, Ending> {
    let call = read(context).map_err(BadWith::into_ending)?;
    if Instant::now() >= context.deadline_instant {
        return Err(Ending::not_sent(
            "the attempt's time was over before its start",
        ));
    }
    let stdin = call.stdin.as_ref().map_or(StdIn::Nothing, StdIn::Whole);
    let (argv, cwd) = (&call.argv, call.cwd.as_deref());
    let prepared = Process::prepare(owner, context, argv, &call.env, cwd, stdin)?;
    let handed = token.hand_over().map_err(Ending::too_late)?;
    let mut process = prepared
        .send(handed, context)
        .map_err(|error| Ending::not_sent(format!("cannot start {}: {error}", argv[0])))?;

    let (status, stopped) = wait(&mut process, &mut stops, context.effect.is_change()).await;
    let printed = process.printed(DRAIN).await;
    let status = status.map_err(|error| {
        let message = format!("the process was started and cannot be waited for: {error}");
        Ending::new(Effected::Unknown, "wait_failed", message)
    })?;
    let ended = Ended {
        end: status.into(),
        stopped,
        printed,
    };
    process::outcome(context, &call.answer, ended)
}

fn read(context: &StepContext) -> Result<Call, BadWith> {
    let mut with = Fields::of(&context.input)?;
    let call = Call::read(context, &mut with, None)?;
    with.finish()?;
    Ok(call)
}

/// Waits for the end. A change is never asked to stop.
async fn wait(
    process: &mut Process,
    stops: &mut Stops,
    change: bool,
) -> (std::io::Result<ExitStatus>, Option<Stop>) {
    let stop = tokio::select! {
        biased;
        status = process.wait() => return (status, None),
        stop = stops.stopped_unless(change) => stop,
    };
    process.terminate().await;
    (process.wait().await, Some(stop))
}
