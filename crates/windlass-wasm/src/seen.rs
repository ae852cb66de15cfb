//! What the host itself saw on the wire: it stands beside what a plugin claims, so that a
//! claim that nothing happened can be held against what the target answered.

use std::collections::{BTreeMap, VecDeque};

use windlass_core::value::Value;

/// The most answers that are kept as evidence: the last ones.
const KEPT_MAX: usize = 8;

/// One request that was let through.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) method: &'static str,
    /// Without its query.
    pub(crate) url: String,
    /// Whether a grant calls it a read.
    pub(crate) reads: bool,
    pub(crate) at_ms: u64,
    /// The answer's status and the SHA-256 of its body; `None` when none came.
    pub(crate) answer: Option<(u16, String)>,
}

/// The requests of one attempt.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    last: VecDeque<Exchange>,
    unanswered: u32,
}

impl Seen {
    pub(crate) fn add(&mut self, exchange: Exchange) {
        if !exchange.reads {
            self.unanswered += u32::from(exchange.answer.is_none());
        }
        if self.last.len() == KEPT_MAX {
            self.last.pop_front();
        }
        self.last.push_back(exchange);
    }

    /// Whether a request that may change something was sent and got no answer.
    pub(crate) fn is_open(&self) -> bool {
        self.unanswered > 0
    }

    /// Whether any request got an answer.
    pub(crate) fn has_answers(&self) -> bool {
        self.last.iter().any(|exchange| exchange.answer.is_some())
    }

    /// A plugin's evidence with what the host saw beside it.
    pub(crate) fn beside(&self, claimed: Option<Value>) -> Option<Value> {
        if self.last.is_empty() {
            return claimed;
        }
        let seen = self.last.iter().map(|exchange| {
            let mut entry = BTreeMap::from([
                ("method".to_owned(), Value::from(exchange.method)),
                ("url".to_owned(), Value::from(exchange.url.clone())),
                ("at".to_owned(), int(exchange.at_ms)),
            ]);
            if let Some((status, sha256)) = &exchange.answer {
                entry.insert("status".to_owned(), Value::from(i64::from(*status)));
                entry.insert("body_sha256".to_owned(), Value::from(sha256.clone()));
            }
            Value::Map(entry)
        });
        let mut evidence = BTreeMap::from([("seen".to_owned(), Value::List(seen.collect()))]);
        if let Some(claimed) = claimed {
            evidence.insert("plugin".to_owned(), claimed);
        }
        Some(Value::Map(evidence))
    }
}

fn int(number: u64) -> Value {
    Value::from(i64::try_from(number).unwrap_or(i64::MAX))
}
