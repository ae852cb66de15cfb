//! What an append announces to the outside: the outbox rows that go with its events, for
//! the notices of the plan's `on` and for the messages that its steps send.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use windlass_core::announce::{Announcement, Cause, announcements};
use windlass_core::effect::Effect;
use windlass_core::event::{Dispatch, Event};
use windlass_core::id::{ActionName, NodeId, SecretName};
use windlass_core::outstanding;
use windlass_core::plan::Input;
use windlass_core::time::Timestamp;
use windlass_core::value::Value;
use windlass_journal::OutboxRow;

use crate::outbox::Letter;
use crate::ports::Messenger;
use crate::shared::Shared;
use crate::snapshot::Snapshot;

/// The topic of a message that a step sends.
pub const TOPIC_STEP: &str = "step";

/// What goes with an append.
#[derive(Default)]
pub(crate) struct Announced {
    pub(crate) rows: Vec<OutboxRow>,
    /// What the rows are made of.
    pub(crate) letters: Vec<Letter>,
}

/// The outbox rows for events that led from one state to the next. Each row's key is the
/// message's id, by which a receiver tells repeats.
pub(crate) fn announced(
    shared: &Shared,
    before: &Snapshot,
    events: &[Event],
    after: &Snapshot,
    now: Timestamp,
) -> Announced {
    let mut announced = Announced::default();
    let mut add = |topic: &str, mut letter: Letter| {
        if let Some(messenger) = &shared.messenger {
            letter.to = messenger.receiver(&letter.uses, &letter.input);
        }
        if let Some(plan) = after.state.plan() {
            let granted = |name: &&SecretName| {
                let hosts = plan.secret_hosts.get(*name)?;
                Some(((*name).clone(), hosts.clone()))
            };
            letter.hosts = letter.input.secrets().iter().filter_map(granted).collect();
        }
        announced.rows.push(OutboxRow {
            topic: topic.to_owned(),
            key: letter.id.clone(),
            lane: lane(shared.messenger.as_deref(), &letter),
            body: letter.encode(),
        });
        announced.letters.push(letter);
    };
    let notices = announcements(&before.state, before.next_seq, events, &after.state, now);
    for notice in notices {
        let Announcement {
            topic,
            id,
            uses,
            input,
            facts,
            cause,
        } = notice;
        let (input, problem) = match input {
            Ok(input) => (input, None),
            Err(why) => (Input::Value(Value::Null), Some(why)),
        };
        let letter = Letter {
            v: Letter::VERSION,
            id,
            run: after.run.clone(),
            uses,
            input,
            facts,
            at_ms: now.0,
            to: String::new(),
            hosts: BTreeMap::new(),
            cause,
            acts: after.state.operator_acts(),
            problem,
        };
        add(topic.as_str(), letter);
    }
    for (node, attempt, call) in posted(shared, before, events) {
        let letter = Letter {
            v: Letter::VERSION,
            id: call.idempotency_key,
            run: after.run.clone(),
            uses: call.uses,
            input: call.input,
            facts: step_facts(after, &node, attempt, now),
            at_ms: now.0,
            to: String::new(),
            hosts: BTreeMap::new(),
            cause: Cause::Run,
            acts: after.state.operator_acts(),
            problem: None,
        };
        add(TOPIC_STEP, letter);
    }
    announced
}

/// The calls of attempts that have just succeeded by leaving a message to be sent.
fn posted(shared: &Shared, before: &Snapshot, events: &[Event]) -> Vec<(NodeId, u32, Dispatch)> {
    let posts = |uses: &ActionName, input: &Input| {
        let runner = shared.runners.get(uses);
        runner.is_some_and(|runner| runner.posts(input))
    };
    let mut calls = Vec::new();
    for event in events {
        let Event::AttemptSucceeded { node, attempt, .. } = event else {
            continue;
        };
        let call = outstanding(&before.state)
            .into_iter()
            .find_map(|effect| match effect {
                Effect::Attempt {
                    node: of,
                    attempt: number,
                    call,
                    ..
                } if of == *node && number == *attempt => Some(call),
                Effect::Attempt { .. }
                | Effect::Reconcile { .. }
                | Effect::Fetch { .. }
                | Effect::AcquireLock { .. }
                | Effect::WakeAt { .. } => None,
            });
        calls.extend(
            call.filter(|call| posts(&call.uses, &call.input))
                .map(|call| (node.clone(), *attempt, call)),
        );
    }
    calls
}

fn step_facts(after: &Snapshot, node: &NodeId, attempt: u32, now: Timestamp) -> Value {
    let title = after.state.plan().map_or("", |plan| plan.title.as_str());
    let run = after.run.as_str();
    let show = format!("windlass show {run}");
    let facts = [
        ("kind", Value::from(TOPIC_STEP)),
        ("run", Value::from(run)),
        ("title", Value::from(title)),
        ("summary", Value::Text(format!("step {node} tells you"))),
        ("step", Value::Text(node.to_string())),
        ("attempt", Value::Int(attempt.into())),
        ("at_ms", Value::Int(now.0)),
        ("commands", Value::List(vec![Value::Text(show)])),
    ];
    let named: BTreeMap<String, Value> = facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Value::Map(named)
}

/// Messages of one run to one receiver are sent in order. One that is repeated waits for
/// nobody, and nobody waits for it.
fn lane(messenger: Option<&dyn Messenger>, letter: &Letter) -> String {
    let Some(messenger) = messenger else {
        return letter.run.as_str().to_owned();
    };
    if messenger.repeats(&letter.uses, &letter.input).is_some() {
        return letter.id.clone();
    }
    let digest = Sha256::digest(format!("{} {}", letter.uses, letter.to));
    let short: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{}/{short}", letter.run)
}
