//! One request from its look-up to its answer. Until the hand-over a reason to stop ends
//! it, and nothing was sent; from there on a change is waited for until it answers.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use windlass_core::outcome::{Effected, Outcome};
use windlass_engine::attempt::DispatchToken;
use windlass_engine::ports::StepContext;
use windlass_engine::redact::Redactor;
use windlass_http::{Error, Limits, Refusal, Sent};

use super::call::Call;
use super::verdict;
use crate::detach::{Stop, Stops};
use crate::ending::Ending;
use crate::text::printable;

/// For how long a change's answer is waited for after its deadline. Many servers give a
/// request up when its connection ends, and that would be the engine ending a change.
pub const LINGER: Duration = Duration::from_secs(10 * 60);

/// Sends the request once. The token is used up when the connection stands and before the
/// first byte of the request leaves.
pub(super) async fn perform(
    token: DispatchToken,
    context: &StepContext,
    call: Call,
    mut stops: Stops,
) -> Result<Outcome, Ending> {
    if let Some(reason) = &call.insecure_reason {
        context.log.line(&printable(&format!("[no TLS: {reason}]")));
    }
    let begun = Instant::now();
    let handed = Arc::new(AtomicBool::new(false));
    let at_send = {
        let handed = handed.clone();
        move || match token.hand_over() {
            Ok(_handed) => {
                handed.store(true, Ordering::SeqCst);
                Ok(())
            }
            Err(late) => Err(Refusal(late.to_string())),
        }
    };
    let limits = Limits {
        connect: call.connect_timeout,
        // `stops` ends what may be ended at its deadline.
        deadline: context.deadline_instant + LINGER,
        body_bytes_max: call.body_bytes_max,
    };
    let mut sending = pin!(call.client.send(call.request.clone(), limits, at_send));
    let answer = tokio::select! {
        // A reason to stop comes first, also when both became ready while the machine slept.
        biased;
        stop = stops.stopped() => match handed.load(Ordering::SeqCst) {
            false => return Err(not_sent_yet(stop)),
            true if context.effect.is_change() => sending.await,
            true => tokio::select! {
                biased;
                answer = &mut sending => answer,
                () = std::future::ready(()) => {
                    let message = format!("{}; the request was sent", stop.reason());
                    return Err(Ending::new(Effected::Unknown, stop.code(), message));
                }
            },
        },
        answer = &mut sending => answer,
    };
    let derived = Redactor::new(&call.derived);
    let outcome = answer
        .map_err(no_answer)
        .and_then(|answer| verdict::outcome(context, &call, &derived, answer, begun.elapsed()));
    outcome.map_err(|ending| ending.without(&derived))
}

fn not_sent_yet(stop: Stop) -> Ending {
    let message = format!("{}; the request was not sent yet", stop.reason());
    Ending::new(Effected::None, stop.code(), message)
}

/// No whole answer came.
fn no_answer(error: Error) -> Ending {
    let effect = match error.sent {
        Sent::No => Effected::None,
        Sent::Maybe => Effected::Unknown,
    };
    let ending = Ending::new(effect, error.kind.code(), error.message);
    match error.status {
        None => ending,
        Some(status) => ending.with_evidence(verdict::status_alone(status)),
    }
}
