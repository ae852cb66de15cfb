//! What is to be told to people because of some events: pure, decided once, when the
//! events are made. Their templates are evaluated here, once; secrets stay handles.
//! Writing them down and sending them is the engine's business.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::expr::{Expr, Scope};
use crate::id::{ActionName, NodeId, StepId};
use crate::plan::{Input, Notice, Topic};
use crate::state::{Need, NodeScope, RunState, RunStatus, StepPhase};
use crate::time::Timestamp;
use crate::value::Value;

/// The largest resolved `with` of a notice, in bytes.
pub const NOTICE_BYTES_MAX: usize = 64 * 1024;
/// The longest text of one fact, in bytes: a reason may be longer, its message is not.
const FACT_BYTES_MAX: usize = 2_000;
/// The most debts or needs that are told of one by one in one message.
const LISTED_MAX: usize = 20;

/// One message to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Announcement {
    pub topic: Topic,
    /// The same however often it is made anew: `RUN-SEQ-NUMBER`.
    pub id: String,
    pub uses: ActionName,
    /// The resolved `with`, or why it has no value.
    pub input: Result<Input, String>,
    /// What happened, as `event` in templates.
    pub facts: Value,
    pub cause: Cause,
}

/// What a page is about: it is repeated no longer than that is so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The gate waits at this attempt.
    Gate { step: StepId, attempt: u32 },
    /// A person is needed.
    Needs,
    /// A person is asked to do it by hand.
    ByHand { node: NodeId },
    /// The step is owed.
    Debt { step: StepId },
    /// The run has not ended.
    Run,
    /// The run ended so; that is never over.
    Ended,
}

impl Cause {
    /// Whether it is over in this state.
    pub fn is_over(&self, state: &RunState) -> bool {
        match self {
            Cause::Ended => false,
            _ if state.is_ended() => true,
            Cause::Run => false,
            Cause::Needs => needs(state).is_empty(),
            Cause::ByHand { node } => !state.by_hand().any(|open| open == *node),
            Cause::Debt { step } => !state.debts().iter().any(|(owed, _)| owed == step),
            Cause::Gate { step, attempt } => {
                let look = state.step(step);
                let state = look
                    .as_ref()
                    .map(|look| (&look.state.phase, look.state.gate_attempt));
                !matches!(state, Some((StepPhase::GateOpen { .. }, at)) if at == *attempt)
            }
        }
    }
}

/// A fact that somebody is to be told of.
struct Told {
    topic: Topic,
    seq: u64,
    cause: Cause,
    summary: String,
    commands: Vec<String>,
    facts: Vec<(&'static str, Value)>,
}

/// What is to be told because of `events`, the first of them with `first_seq`, which led
/// from the state `before` to the state `after`. Answers nothing where the plan tells nobody.
pub fn announcements(
    before: &RunState,
    first_seq: u64,
    events: &[Event],
    after: &RunState,
    now: Timestamp,
) -> Vec<Announcement> {
    let Some(live) = &after.live else {
        return Vec::new();
    };
    let on = &live.plan.plan().on;
    if on.is_empty() {
        return Vec::new();
    }
    let mut announcements = Vec::new();
    for told in told(before, first_seq, events, after) {
        let Some(notices) = on.get(&told.topic) else {
            continue;
        };
        let facts = facts(after, &told, now);
        let event = Value::Map(BTreeMap::from([("event".to_owned(), facts.clone())]));
        let scope = NoticeScope(NodeScope {
            run: after.run(),
            live,
            item: None,
            outputs: Some(&event),
        });
        for notice in notices.iter().filter(|notice| is_wanted(notice, &scope)) {
            let number = announcements.len();
            announcements.push(Announcement {
                topic: told.topic,
                id: format!("{}-{}-{number}", after.run(), told.seq),
                uses: notice.uses.clone(),
                input: resolve(notice, &scope),
                facts: facts.clone(),
                cause: told.cause.clone(),
            });
        }
    }
    announcements
}

/// One message too many is better than one too few: a condition without a value holds.
fn is_wanted(notice: &Notice, scope: &NoticeScope<'_>) -> bool {
    let is_false = |when| Expr::eval_bool(when, scope).is_ok_and(|holds| !holds);
    !notice.when.as_ref().is_some_and(is_false)
}

fn resolve(notice: &Notice, scope: &NoticeScope<'_>) -> Result<Input, String> {
    let input = notice.with.resolve(scope);
    let input = input.map_err(|error| error.to_string())?;
    if input.weight_bytes() > NOTICE_BYTES_MAX {
        return Err(format!("it is larger than {NOTICE_BYTES_MAX} bytes"));
    }
    Ok(input)
}

/// `inputs`, `run` and `event`: a message does not depend on which steps have run.
#[derive(Debug)]
struct NoticeScope<'a>(NodeScope<'a>);

impl Scope for NoticeScope<'_> {
    fn resolve<'a>(&'a self, path: &[&str]) -> Option<(Cow<'a, Value>, usize)> {
        match *path.first()? {
            "inputs" | "run" | "event" => self.0.resolve(path),
            _ => None,
        }
    }
}

fn told(before: &RunState, first_seq: u64, events: &[Event], after: &RunState) -> Vec<Told> {
    let mut told = Vec::new();
    for (seq, event) in (first_seq..).zip(events) {
        if let Event::GateOpened {
            step,
            attempt,
            expires_at,
            target,
            shown: _,
            asks: _,
        } = event
        {
            told.push(gate_opened(
                after,
                seq,
                step,
                *attempt,
                *expires_at,
                target.as_deref(),
            ));
        }
        if let Event::ManualStepOpened { node, .. } = event {
            told.push(by_hand(after, seq, node));
        }
        if let Event::DebtTakenOver { step, by, reason } = event {
            let facts = vec![("by", text(&by.name)), ("reason", text(reason))];
            let summary = format!("{step} is owed no more: {} took it over", by.name);
            told.push(debt(after, seq, step, "taken_over", summary, facts));
        }
        if let Event::WindowOverrun { step, ended_at } = event {
            let named = named(after, step, step.to_string());
            let summary = format!("{named} runs past its opening, which ended at {ended_at}");
            told.push(window(after, seq, step, "overrun", summary, nobody()));
        }
        if let Event::WindowOverridden {
            step,
            by,
            reason,
            why,
            rule: _,
        } = event
        {
            let facts = vec![("by", text(&by.name)), ("reason", text(reason))];
            let named = named(after, step, step.to_string());
            let summary = format!("{} let {named} begin against {why}", by.name);
            told.push(window(after, seq, step, "overridden", summary, facts));
        }
        if let Event::RunEndingBegan { .. } = event {
            for (step, _) in after.debts().iter().take(LISTED_MAX) {
                let summary = format!("{step} is still owed while the run ends");
                told.push(debt(after, seq, step, "owed", summary, nobody()));
            }
        }
        if let Event::RunEnded { end, reason } = event {
            told.push(Told {
                topic: Topic::Ended,
                seq,
                cause: Cause::Ended,
                summary: format!("the run {}: {reason}", end_words(end.as_str())),
                commands: vec![format!("windlass show {}", after.run())],
                facts: vec![("end", text(end.as_str())), ("reason", text(reason))],
            });
        }
    }
    let last_seq = first_seq + (events.len() as u64).saturating_sub(1);
    told.extend(opened_debts(before, after, last_seq));
    told.extend(new_needs(before, after, last_seq));
    told
}

fn gate_opened(
    after: &RunState,
    seq: u64,
    step: &StepId,
    attempt: u32,
    expires_at: Option<Timestamp>,
    target: Option<&str>,
) -> Told {
    let run = after.run();
    let named = named(after, step, step.to_string());
    Told {
        topic: Topic::GateOpened,
        seq,
        cause: Cause::Gate {
            step: step.clone(),
            attempt,
        },
        summary: format!("gate {named} waits for an approval"),
        commands: vec![
            format!("windlass show {run}"),
            format!("windlass approve {run} {step}"),
            format!("windlass reject {run} {step} --reason '...'"),
        ],
        facts: vec![
            ("step", text(step.as_str())),
            ("attempt", Value::Int(attempt.into())),
            (
                "expires_at_ms",
                expires_at.map_or(Value::Null, |at| Value::Int(at.0)),
            ),
            ("target", target.map_or(Value::Null, text)),
        ],
    }
}

/// With its step's title, if that has one.
fn named(state: &RunState, step: &StepId, name: String) -> String {
    match state.step(step).and_then(|look| look.step.title.clone()) {
        Some(title) => format!("{name} ({title})"),
        None => name,
    }
}

fn by_hand(after: &RunState, seq: u64, node: &NodeId) -> Told {
    let named = named(after, &node.step, node.to_string());
    needed(
        after,
        seq,
        Cause::ByHand { node: node.clone() },
        &[format!("{named} is to be done by hand")],
    )
}

fn nobody() -> Vec<(&'static str, Value)> {
    vec![("by", Value::Null), ("reason", Value::Null)]
}

fn debt(
    after: &RunState,
    seq: u64,
    step: &StepId,
    what: &str,
    summary: String,
    mut facts: Vec<(&'static str, Value)>,
) -> Told {
    let run = after.run();
    facts.extend([("step", text(step.as_str())), ("what", text(what))]);
    Told {
        topic: Topic::Debt,
        seq,
        cause: Cause::Debt { step: step.clone() },
        summary,
        commands: vec![
            format!("windlass why {run}"),
            format!("windlass take-over {run} {step} --reason '...'"),
        ],
        facts,
    }
}

fn window(
    after: &RunState,
    seq: u64,
    step: &StepId,
    what: &str,
    summary: String,
    facts: Vec<(&'static str, Value)>,
) -> Told {
    Told {
        topic: Topic::Window,
        cause: Cause::Run,
        commands: vec![format!("windlass show {}", after.run())],
        ..debt(after, seq, step, what, summary, facts)
    }
}

/// Debts that there were not before. One that was opened and cancelled by the same
/// decision is nobody's business.
fn opened_debts(before: &RunState, after: &RunState, seq: u64) -> Vec<Told> {
    if !after.has_debts() {
        return Vec::new();
    }
    let known: BTreeSet<StepId> = before.debts().into_iter().map(|(step, _)| step).collect();
    let debts = after.debts().into_iter().map(|(step, _)| step);
    let new = debts.filter(|step| !known.contains(step)).take(LISTED_MAX);
    new.map(|step| {
        let summary = format!("{step} is owed from here on");
        debt(after, seq, &step, "opened", summary, nobody())
    })
    .collect()
}

fn new_needs(before: &RunState, after: &RunState, seq: u64) -> Option<Told> {
    let known = needs(before);
    let new: Vec<Need> = needs(after)
        .into_iter()
        .filter(|need| !known.contains(need))
        .take(LISTED_MAX)
        .collect();
    if new.is_empty() {
        return None;
    }
    let words: Vec<String> = new.iter().map(words).collect();
    Some(needed(after, seq, Cause::Needs, &words))
}

fn needed(after: &RunState, seq: u64, cause: Cause, words: &[String]) -> Told {
    let run = after.run();
    Told {
        topic: Topic::NeedsOperator,
        seq,
        cause,
        summary: format!("a person is needed: {}", words.join("; ")),
        commands: vec![
            format!("windlass why {run}"),
            format!("windlass show {run}"),
        ],
        facts: vec![(
            "needs",
            Value::List(words.iter().map(|it| text(it)).collect()),
        )],
    }
}

fn needs(state: &RunState) -> Vec<Need> {
    match state.status() {
        RunStatus::NeedsOperator { needs } => needs,
        RunStatus::New
        | RunStatus::Running
        | RunStatus::Waiting { .. }
        | RunStatus::Paused
        | RunStatus::Ending
        | RunStatus::Ended(_) => Vec::new(),
    }
}

fn words(need: &Need) -> String {
    let of = |node: &NodeId| node.to_string();
    match need {
        Need::InDoubt { node } => format!("nobody knows whether {} took effect", of(node)),
        Need::FailedAfterIrreversible { step: Some(step) } => {
            format!("{step} failed, and an irreversible step has succeeded")
        }
        Need::FailedAfterIrreversible { step: None } => {
            "the run's time is over, and an irreversible step has succeeded".to_owned()
        }
        Need::UndoFailed { node } => format!("{} failed", of(node)),
        Need::Debt { step } => format!("{step} is owed and failed"),
        Need::Contradicted { node } => {
            format!(
                "a later outcome of {} disagrees with how its doubt was resolved",
                of(node)
            )
        }
    }
}

fn end_words(end: &str) -> String {
    match end {
        "cancelled" => "was cancelled".to_owned(),
        other => other.to_owned(),
    }
}

fn facts(state: &RunState, told: &Told, now: Timestamp) -> Value {
    let title = state.plan().map_or("", |plan| plan.title.as_str());
    let commands = told.commands.iter().map(|command| text(command)).collect();
    let mut facts = BTreeMap::from([
        ("kind", text(told.topic.as_str())),
        ("run", text(state.run().as_str())),
        ("title", text(title)),
        ("summary", text(&told.summary)),
        ("at_ms", Value::Int(now.0)),
        ("commands", Value::List(commands)),
    ]);
    facts.extend(told.facts.iter().cloned());
    let named = facts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Value::Map(named.collect())
}

fn text(text: &str) -> Value {
    Value::from(&text[..text.floor_char_boundary(FACT_BYTES_MAX)])
}
