//! The longest that a step and a whole run can take, as far as the plan bounds it: its
//! attempts with their timeouts and waits, doubts with the time to look into them, gates
//! up to their expiry. Restarts of windlass and pauses by people are not counted.

use serde::Serialize;
use windlass_core::GATE_OPENINGS_MAX;
use windlass_core::id::StepId;
use windlass_core::plan::{Call, EffectClass, IndexedPlan, Plan, Reconcile, Retry, StepKind};
use windlass_core::time::Millis;
use windlass_core::value::Value;

use super::known::{Known, Names};
use super::order::{Order, effect};

/// The longest that a step can take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// What the plan bounds of it, in milliseconds.
    pub bounded_ms: Millis,
    /// How much of that is waiting for people.
    pub people_ms: Millis,
    /// Why there is no bound for the rest, when there is none.
    pub unbounded: Option<String>,
}

/// The longest that the whole run can take when nothing fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duration {
    /// The longest path through the steps, then through `finally`, as far as the plan
    /// bounds it, and the wait for a place when more is ready than may run at once.
    pub bounded_ms: Millis,
    /// How much of the path is waiting for people.
    pub people_ms: Millis,
    /// How much of it is waiting for a place, at most.
    pub queue_ms: Millis,
    /// The steps of the longest path, in order.
    pub path: Vec<StepId>,
    /// Steps without a bound, each with the reason.
    pub unbounded: Vec<Unbounded>,
    /// The run's timeout: after it no new step starts.
    pub timeout_ms: Option<Millis>,
    /// What may still take time after the run's timeout: what is in flight then, and
    /// `finally`. Undo and debts come on top.
    pub after_timeout_ms: Option<Millis>,
    /// All undos one after the other, when the plan undoes on failure and each is bounded.
    pub undo_ms: Option<Millis>,
}

/// A step that the plan gives no bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unbounded {
    pub step: StepId,
    pub why: String,
}

fn sum(spans: impl IntoIterator<Item = Millis>) -> Millis {
    Millis(
        spans
            .into_iter()
            .fold(0, |sum, span| sum.saturating_add(span.0)),
    )
}

fn times(span: Millis, count: u64) -> Millis {
    Millis(span.0.saturating_mul(count))
}

/// All waits between the attempts of a policy, each at its longest.
fn backoffs(retry: Retry) -> Millis {
    sum((1..retry.attempts).map(|tries| {
        let doublings = (tries - 1).min(32);
        let full = retry.backoff.0.saturating_mul(1 << doublings);
        Millis(full.min(retry.backoff_max.0))
    }))
}

/// One item's attempts with what lies between them. A change whose attempt falls in doubt
/// is looked into for `observe`, and only then tried again.
pub(crate) fn attempts(call: &Call, effect: EffectClass) -> Millis {
    let look = match &call.reconcile {
        Reconcile::None => None,
        Reconcile::Native { timeout } | Reconcile::Read { timeout, .. } => Some(*timeout),
    };
    let quiet = sum([call.send_within.min(call.timeout), call.settle]);
    let attempt = match look {
        Some(look) if effect.is_change() => sum([call.timeout, call.observe, look]).max(quiet),
        None if effect.is_change() => call.timeout.max(quiet),
        Some(_) | None => call.timeout,
    };
    sum([
        times(attempt, u64::from(call.retry.attempts)),
        backoffs(call.retry),
    ])
}

/// How long one item of an action takes at most, without waiting for its turn.
fn item_span(kind: &StepKind) -> Millis {
    let StepKind::Action {
        effect,
        call,
        until,
        ..
    } = kind
    else {
        return Millis(0);
    };
    let until = until.as_ref().map_or(Millis(0), |until| until.within);
    sum([attempts(call, *effect), until])
}

/// The longest that one step can take. `items` is how many its `for_each` has, when known.
pub(crate) fn span(plan: &Plan, kind: &StepKind, items: Option<usize>) -> Span {
    let bounded = |bounded_ms| Span {
        bounded_ms,
        people_ms: Millis(0),
        unbounded: None,
    };
    match kind {
        StepKind::Action {
            manual: Some(manual),
            ..
        } => match manual.expires {
            Some(people_ms) => Span {
                people_ms,
                ..bounded(people_ms)
            },
            None => Span {
                unbounded: Some("a person does it by hand".to_owned()),
                ..bounded(Millis(0))
            },
        },
        StepKind::Action { for_each, .. } => {
            let one = item_span(kind);
            let Some(each) = for_each else {
                return bounded(one);
            };
            match items {
                Some(items) => {
                    let rows = (items as u64).div_ceil(u64::from(each.max_parallel.max(1)));
                    bounded(times(one, rows))
                }
                None => Span {
                    unbounded: Some(format!(
                        "steps before it decide how many items it has; one takes up to {one}, {} at once",
                        each.max_parallel
                    )),
                    ..bounded(one)
                },
            }
        }
        StepKind::Wait { span } => match (Names {
            inputs: &plan.inputs,
            item: None,
        })
        .template(span)
        {
            Known::Now(Value::Int(span)) => bounded(Millis(u64::try_from(span).unwrap_or(0))),
            Known::Now(Value::Text(until)) => Span {
                unbounded: Some(format!("it waits until {until}, whenever the run starts")),
                ..bounded(Millis(0))
            },
            Known::Now(_) | Known::Never(_) => Span {
                unbounded: Some("its span is no duration".to_owned()),
                ..bounded(Millis(0))
            },
            Known::Later(text) => Span {
                unbounded: Some(format!("the run decides its span: {text}")),
                ..bounded(Millis(0))
            },
        },
        StepKind::Gate(gate) => match gate.expires {
            Some(expires) => {
                let people = times(expires, u64::from(GATE_OPENINGS_MAX));
                Span {
                    people_ms: people,
                    ..bounded(people)
                }
            }
            None => Span {
                unbounded: Some("a gate without `expires` waits for a person for ever".to_owned()),
                ..bounded(Millis(0))
            },
        },
    }
}

/// The longest path and what else bounds the run. `items` as for [`span`], by step.
pub(crate) fn duration(
    plan: &IndexedPlan,
    order: &Order,
    spans: &[Span],
    items: &[Option<usize>],
) -> Duration {
    let (main, finally) = (
        longest(plan, order, spans, false),
        longest(plan, order, spans, true),
    );
    let queue_ms = queue(plan, items);
    let of_path = |path: &[u32], part: fn(&Span) -> Millis| {
        sum(path.iter().map(|at| part(&spans[*at as usize])))
    };
    let (path_ms, finally_ms) = (
        of_path(&main, |span| span.bounded_ms),
        of_path(&finally, |span| span.bounded_ms),
    );
    let people_ms = sum([
        of_path(&main, |span| span.people_ms),
        of_path(&finally, |span| span.people_ms),
    ]);
    let steps = &plan.plan().steps;
    let unbounded = steps.iter().zip(spans).filter_map(|(step, span)| {
        let why = span.unbounded.clone()?;
        Some(Unbounded {
            step: step.id.clone(),
            why,
        })
    });
    // What is in flight when the timeout comes has its own item to finish, and no more.
    let in_flight = steps
        .iter()
        .filter(|step| !step.finally)
        .map(|step| item_span(&step.kind))
        .max();
    let after = sum([in_flight.unwrap_or_default(), finally_ms]);
    Duration {
        bounded_ms: sum([path_ms, queue_ms, finally_ms]),
        people_ms,
        queue_ms,
        path: main
            .iter()
            .chain(&finally)
            .map(|at| plan.step(*at).id.clone())
            .collect(),
        unbounded: unbounded.collect(),
        timeout_ms: plan.plan().timeout,
        after_timeout_ms: plan.plan().timeout.map(|_| after),
        undo_ms: undos(plan, items),
    }
}

/// The path of the longest bounded span; of equals, the first.
fn longest(plan: &IndexedPlan, order: &Order, spans: &[Span], finally: bool) -> Vec<u32> {
    let mut best: Vec<(u64, Option<u32>)> = vec![(0, None); spans.len()];
    let mut end: Option<u32> = None;
    for at in &order.topological {
        if plan.step(*at).finally != finally {
            continue;
        }
        let mut before: (u64, Option<u32>) = (0, None);
        for need in plan.needs(*at) {
            let total = best[*need as usize].0;
            if before.1.is_none() || total > before.0 {
                before = (total, Some(*need));
            }
        }
        let total = before.0.saturating_add(spans[*at as usize].bounded_ms.0);
        best[*at as usize] = (total, before.1);
        // A step behind another of the same span shows the whole path.
        if end.is_none_or(|end| {
            let known = (best[end as usize].0, order.depth[end as usize]);
            (total, order.depth[*at as usize]) > known
        }) {
            end = Some(*at);
        }
    }
    let mut path = Vec::new();
    while let Some(at) = end {
        path.push(at);
        end = best[at as usize].1;
    }
    path.reverse();
    path
}

/// How long steps wait for a place at most, when more nodes exist than may be in flight
/// at once: while the longest path waits, all places are taken, so that the wait is not
/// longer than all work divided by the places.
fn queue(plan: &IndexedPlan, items: &[Option<usize>]) -> Millis {
    let places = u64::from(plan.plan().max_parallel.max(1));
    let actions = || {
        plan.plan()
            .steps
            .iter()
            .zip(items)
            .filter(|(step, _)| matches!(step.kind, StepKind::Action { .. }))
            .map(|(step, items)| (step, items.unwrap_or(1) as u64))
    };
    let nodes: u64 = actions().map(|(_, count)| count).sum();
    if nodes <= places {
        return Millis(0);
    }
    let work = sum(actions().map(|(step, count)| times(item_span(&step.kind), count)));
    Millis(work.0.div_ceil(places))
}

/// All undos in a row.
fn undos(plan: &IndexedPlan, items: &[Option<usize>]) -> Option<Millis> {
    if plan.plan().on_failure != windlass_core::plan::OnFailure::Undo {
        return None;
    }
    let mut total = Millis(0);
    for (at, (step, items)) in (0u32..).zip(plan.plan().steps.iter().zip(items)) {
        let StepKind::Action {
            undo: Some(undo),
            for_each,
            ..
        } = &step.kind
        else {
            continue;
        };
        let effect = effect(plan, at)?;
        let count = match (for_each, items) {
            (None, _) => 1,
            (Some(_), Some(items)) => *items as u64,
            (Some(_), None) => return None,
        };
        total = sum([total, times(attempts(undo, effect), count)]);
    }
    Some(total)
}
