//! What a step of `notify/webhook` or `notify/page` does: it leaves its message for the
//! outbox, which is one record with its success, or it sends it itself and waits.

use std::collections::BTreeMap;
use std::time::Duration;

use windlass_core::outcome::{Effected, Outcome};
use windlass_core::plan::Input;
use windlass_core::time::Timestamp;
use windlass_core::value::Value;
use windlass_engine::attempt::DispatchToken;
use windlass_engine::ports::{Delivery, Message, MessageAct, StepContext, StepRunner, Work};

use super::call::{HookCall, PageCall};
use super::messenger::deliver;
use super::page::dedup_key;
use crate::ending::{Ending, succeeded};

/// The pause after the first failed try of a step that waits; it doubles.
const BACKOFF: Duration = Duration::from_millis(500);
/// The longest pause of a step that waits.
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// Runs `notify/webhook`.
pub(crate) struct Webhook;

/// Runs `notify/page`.
pub(crate) struct Page;

impl StepRunner for Webhook {
    fn run(&self, token: DispatchToken, context: StepContext) -> Work<Outcome> {
        Box::pin(async move {
            match HookCall::read(&context.input) {
                Err(bad) => token.refuse(bad.to_string()),
                Ok(call) if call.wait => wait(token, context).await,
                Ok(_) => left(token, &context, BTreeMap::new()),
            }
        })
    }

    fn posts(&self, input: &Input) -> bool {
        HookCall::read(input).is_ok_and(|call| !call.wait)
    }
}

impl StepRunner for Page {
    fn run(&self, token: DispatchToken, context: StepContext) -> Work<Outcome> {
        Box::pin(async move {
            match PageCall::read(&context.input) {
                Err(bad) => token.refuse(bad.to_string()),
                Ok(_) => {
                    let key = Value::Text(dedup_key(&context.idempotency_key));
                    let more = BTreeMap::from([("dedup_key".to_owned(), key)]);
                    left(token, &context, more)
                }
            }
        })
    }

    fn posts(&self, _input: &Input) -> bool {
        true
    }
}

/// The engine puts the message into the outbox with the record of this success.
fn left(
    token: DispatchToken,
    context: &StepContext,
    mut outputs: BTreeMap<String, Value>,
) -> Outcome {
    if let Err(late) = token.hand_over() {
        return late.into_outcome();
    }
    let id = Value::Text(context.idempotency_key.clone());
    outputs.insert("delivery_id".to_owned(), id);
    succeeded(&context.log, outputs)
}

/// Sends until the receiver takes it or the attempt's time is over, with one id for all tries.
async fn wait(token: DispatchToken, context: StepContext) -> Outcome {
    if let Err(late) = token.hand_over() {
        return late.into_outcome();
    }
    let message = message(&context);
    let mut pause = BACKOFF;
    let mut last = "no answer in time".to_owned();
    loop {
        let tried = tokio::time::timeout_at(context.deadline_instant, deliver(message.clone()));
        match tried.await {
            Ok(Delivery::Delivered | Delivery::Acknowledged) => {
                let id = Value::Text(context.idempotency_key.clone());
                let outputs = BTreeMap::from([("delivery_id".to_owned(), id)]);
                return succeeded(&context.log, outputs);
            }
            Ok(Delivery::Refused { reason }) => {
                let ending = Ending::new(Effected::None, "refused", reason);
                return ending.into_outcome(&context.log);
            }
            Ok(Delivery::NotYet { reason, after }) => {
                context.log.line(&format!("not delivered yet: {reason}"));
                last = reason;
                pause = pause.max(after.unwrap_or_default());
            }
            Err(_) => {}
        }
        let next = tokio::time::Instant::now() + pause;
        if next >= context.deadline_instant {
            let message = format!("not delivered in time: {last}");
            let ending = Ending::new(Effected::Unknown, "not_delivered", message);
            return ending.into_outcome(&context.log);
        }
        tokio::time::sleep_until(next).await;
        pause = (pause * 2).min(BACKOFF_MAX);
    }
}

fn message(context: &StepContext) -> Message {
    let facts = [
        ("kind", "step".to_owned()),
        ("run", context.run.to_string()),
        ("step", context.node.to_string()),
        ("summary", format!("step {} tells you", context.node)),
    ];
    let named = facts.map(|(name, text)| (name.to_owned(), Value::Text(text)));
    Message {
        id: context.idempotency_key.clone(),
        run: context.run.clone(),
        uses: context.uses.clone(),
        input: context.input.clone(),
        facts: Value::Map(BTreeMap::from(named)),
        secrets: context.secrets.clone(),
        at: now(),
        act: MessageAct::Tell,
        number: 0,
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }))
}
