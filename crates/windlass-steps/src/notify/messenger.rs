//! The messenger of the owner's outbox: sends what steps and notices left there.

use std::time::Duration;

use windlass_core::id::ActionName;
use windlass_core::plan::Input;
use windlass_engine::ports::{Delivery, Message, Messenger, Work};
use windlass_http::{Answer, Url};

use super::call::{HookCall, PageCall, Provider, Way};
use super::page::{PAGERDUTY, body, sending_id};
use super::post::{Post, post};
use super::{PAGE, WEBHOOK, hook};
use crate::with::{BadWith, Given};

/// Sends messages of `notify/webhook` and `notify/page`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Notifier;

impl Messenger for Notifier {
    fn repeats(&self, uses: &ActionName, input: &Input) -> Option<Duration> {
        if uses.as_str() != PAGE {
            return None;
        }
        // One that cannot be read is told so when it is sent, once.
        PageCall::read(input).ok().map(|call| call.repeat)
    }

    fn receiver(&self, uses: &ActionName, input: &Input) -> String {
        let way = match uses.as_str() {
            PAGE => match PageCall::read(input) {
                Ok(PageCall {
                    provider: Provider::PagerDuty { .. },
                    ..
                }) => return "pagerduty".to_owned(),
                Ok(call) => Some(call.way),
                Err(_) => None,
            },
            _ => HookCall::read(input).ok().map(|call| call.way),
        };
        way.map_or_else(String::new, |way| shown(&way))
    }

    fn deliver(&self, message: Message) -> Work<Delivery> {
        Box::pin(deliver(message))
    }
}

/// One try.
pub(super) async fn deliver(message: Message) -> Delivery {
    let delivered = match message.uses.as_str() {
        WEBHOOK => webhook(&message).await,
        PAGE => page(&message).await,
        other => Err(Delivery::Refused {
            reason: format!("this program has no messenger for {other}"),
        }),
    };
    delivered.unwrap_or_else(|not_delivered| not_delivered)
}

async fn webhook(message: &Message) -> Result<Delivery, Delivery> {
    let call = HookCall::read(&message.input).map_err(refused)?;
    let answered = post(Post {
        way: &call.way,
        default_url: "",
        id: message.id.clone(),
        body: hook::body(&call, message),
        secrets: &message.secrets,
    });
    answered.await.map(|_answer| Delivery::Delivered)
}

async fn page(message: &Message) -> Result<Delivery, Delivery> {
    let call = PageCall::read(&message.input).map_err(refused)?;
    let body = body(&call, message).map_err(|reason| Delivery::Refused { reason })?;
    let answer = post(Post {
        way: &call.way,
        default_url: PAGERDUTY,
        id: sending_id(message),
        body,
        secrets: &message.secrets,
    })
    .await?;
    Ok(match call.provider {
        Provider::Webhook if is_acknowledged(&answer) => Delivery::Acknowledged,
        Provider::Webhook | Provider::PagerDuty { .. } => Delivery::Delivered,
    })
}

fn refused(bad: BadWith) -> Delivery {
    Delivery::Refused {
        reason: bad.to_string(),
    }
}

/// `{"acknowledged": true}`: somebody has seen to it already.
fn is_acknowledged(answer: &Answer) -> bool {
    let body: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    body.is_some_and(|body| body["acknowledged"] == true)
}

/// The origin of a way, or the name of the secret that holds its address. What stands
/// behind the origin is often a secret of its own.
fn shown(way: &Way) -> String {
    match &way.url {
        Some(Given::Secret(name)) => format!("secret {name}"),
        Some(Given::Text(url)) => url
            .parse::<Url>()
            .map_or_else(|_| String::new(), |url| url.origin().to_string()),
        None => String::new(),
    }
}
