//! Windows: which changes begin only while a window is open, which steps belong together
//! once the first of them has begun, and how long they may take by what is declared. When
//! a window is open is no matter of the plan: a policy says it (`crate::policy`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{EffectClass, IndexedPlan, PlanError, Step, StepKind};
use crate::id::{StepId, WindowName};
use crate::time::Millis;

/// The longest lead: what is prepared earlier is no part of the change.
pub const LEAD_MAX: Millis = Millis::from_mins(7 * 24 * 60);

/// When a change may begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub name: WindowName,
    /// Windows that are demanded besides: it begins only while all of them are open.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub also: BTreeSet<WindowName>,
    /// How long before the opening it may begin, as preparation of the segment behind it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lead: Millis,
    /// The last step of the segment that it begins; itself when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<StepId>,
}

fn is_zero(span: &Millis) -> bool {
    span.0 == 0
}

impl Window {
    /// All windows that must be open.
    pub fn names(&self) -> impl Iterator<Item = &WindowName> {
        std::iter::once(&self.name).chain(&self.also)
    }

    /// Whether the step only prepares the segment behind it.
    pub fn is_preparation(&self) -> bool {
        self.lead.0 > 0
    }
}

/// What begins in an opening and is then not parked for time any more: the steps from a
/// windowed one to the one that it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The step that has the window.
    pub first: u32,
    /// The step that ends it.
    pub last: u32,
    /// All its steps, each behind those that it needs.
    pub steps: Vec<u32>,
    /// The steps that prepare it, each behind those that it comes after.
    pub preparation: Vec<Preparation>,
}

/// A step that prepares a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preparation {
    pub step: u32,
    /// Those that prepare the same segment, and that it comes after.
    pub after: Vec<u32>,
}

/// The segments of a plan, and which step has to do with which.
#[derive(Debug, Default)]
pub(super) struct Segments {
    list: Vec<Segment>,
    /// For each step the number of the segment that it belongs to.
    of: Vec<Option<u32>>,
    /// For each step the number of the segment that it prepares.
    prepared: Vec<Option<u32>>,
}

impl IndexedPlan {
    /// The segments, in the order of their first steps.
    pub fn segments(&self) -> &[Segment] {
        &self.segments.list
    }

    /// The number of the segment that a step belongs to.
    pub fn segment_of(&self, index: u32) -> Option<u32> {
        self.segments.of.get(index as usize).copied().flatten()
    }

    /// The number of the segment that a step prepares.
    pub fn prepares(&self, index: u32) -> Option<u32> {
        self.segments
            .prepared
            .get(index as usize)
            .copied()
            .flatten()
    }

    /// The segment of a number, which must come from this plan.
    pub fn segment(&self, number: u32) -> &Segment {
        &self.segments.list[number as usize]
    }

    /// The numbers of the segments behind a gate.
    pub fn segments_behind(&self, gate: u32) -> impl Iterator<Item = u32> + '_ {
        let behind =
            move |(_, segment): &(u32, &Segment)| self.gates_before(segment.first).contains(&gate);
        (0u32..)
            .zip(&self.segments.list)
            .filter(behind)
            .map(|(number, _)| number)
    }

    /// How long a segment may take by what is declared, each step as long as `length` says:
    /// the longest way through it, or all of it where one step runs at a time.
    pub fn bound(&self, segment: &Segment, length: impl Fn(u32) -> Millis) -> Millis {
        let one_at_a_time = self.plan().max_parallel == 1;
        let mut ends: Vec<(u32, u64)> = Vec::with_capacity(segment.steps.len());
        let mut sum = 0u64;
        for index in &segment.steps {
            let own = length(*index).0;
            sum = sum.saturating_add(own);
            let needs = self.needs(*index);
            let before = ends.iter().filter(|(step, _)| needs.contains(step));
            let begins = before.map(|(_, end)| *end).max().unwrap_or(0);
            ends.push((*index, begins.saturating_add(own)));
        }
        let longest = ends.iter().map(|(_, end)| *end).max().unwrap_or(0);
        Millis(if one_at_a_time { sum } else { longest })
    }

    /// How long it may take to prepare a segment, each step as long as `length` says: what
    /// comes after another adds up.
    pub fn preparing(&self, segment: &Segment, length: impl Fn(u32) -> Millis) -> Millis {
        let mut ends: Vec<(u32, u64)> = Vec::with_capacity(segment.preparation.len());
        let mut sum = 0u64;
        for Preparation { step, after } in &segment.preparation {
            let own = length(*step).0;
            sum = sum.saturating_add(own);
            let before = ends.iter().filter(|(step, _)| after.contains(step));
            let begins = before.map(|(_, end)| *end).max().unwrap_or(0);
            ends.push((*step, begins.saturating_add(own)));
        }
        let longest = ends.iter().map(|(_, end)| *end).max().unwrap_or(0);
        Millis(match self.plan().max_parallel {
            1 => sum,
            _ => longest,
        })
    }

    pub(super) fn find_segments(&self, order: &[u32]) -> Result<Segments, PlanError> {
        let count = self.plan().steps.len();
        let mut found = Segments {
            list: Vec::new(),
            of: vec![None; count],
            prepared: vec![None; count],
        };
        for index in 0..count as u32 {
            let step = self.step(index);
            let Some(window) = step.window.as_ref().filter(|_| !step.finally) else {
                continue;
            };
            if window.is_preparation() {
                continue;
            }
            let last = match &window.covers {
                None => index,
                Some(covered) => self.index_of(covered).ok_or_else(|| {
                    PlanError::Rule(
                        step.id.clone(),
                        "its window covers a step that is not there",
                    )
                })?,
            };
            let steps = match last == index {
                true => vec![index],
                false => self.between(index, last, order),
            };
            if steps.is_empty() {
                let why = "its window covers a step that does not come after it";
                return Err(PlanError::Rule(step.id.clone(), why));
            }
            let number = found.list.len() as u32;
            for at in &steps {
                if found.of[*at as usize].replace(number).is_some() {
                    let why = "it is in the segments of two windows";
                    return Err(PlanError::Rule(self.step(*at).id.clone(), why));
                }
            }
            found.list.push(Segment {
                first: index,
                last,
                steps,
                preparation: Vec::new(),
            });
        }
        self.find_prepared(order, &mut found)?;
        Ok(found)
    }

    /// What a step with a lead prepares: the first segment behind it in the same window.
    fn find_prepared(&self, order: &[u32], found: &mut Segments) -> Result<(), PlanError> {
        for index in order.iter().copied() {
            let step = self.step(index);
            let Some(window) = step
                .window
                .as_ref()
                .filter(|window| window.is_preparation())
            else {
                continue;
            };
            let rule = |why| Err(PlanError::Rule(step.id.clone(), why));
            if found.of[index as usize].is_some() {
                return rule("it prepares the opening that its own segment begins in");
            }
            let behind = self.descendants(index);
            let prepared = order.iter().find_map(|at| {
                let number = found.of[*at as usize].filter(|_| behind[*at as usize])?;
                let first = found.list[number as usize].first;
                let named = self.step(first).window.as_ref().map(|window| &window.name);
                (first == *at && named == Some(&window.name)).then_some(number)
            });
            let Some(number) = prepared else {
                return rule("it has a lead, and no segment of this window is behind it");
            };
            let before = self.ancestors(index);
            let preparation = &mut found.list[number as usize].preparation;
            let others = preparation.iter().map(|other| other.step);
            let after = others.filter(|other| before.contains(other)).collect();
            preparation.push(Preparation { step: index, after });
            found.prepared[index as usize] = prepared;
        }
        Ok(())
    }

    /// The steps on all ways from one to another, both included; none when there is no way.
    fn between(&self, first: u32, last: u32, order: &[u32]) -> Vec<u32> {
        let behind = self.descendants(first);
        if !behind[last as usize] {
            return Vec::new();
        }
        let mut is_between = vec![false; behind.len()];
        for at in self.ancestors(last) {
            is_between[at as usize] = at == first || behind[at as usize];
        }
        is_between[last as usize] = true;
        let steps = order.iter().copied();
        steps.filter(|at| is_between[*at as usize]).collect()
    }

    /// For each step whether it comes after this one.
    fn descendants(&self, index: u32) -> Vec<bool> {
        let mut behind = vec![false; self.plan().steps.len()];
        let mut stack = self.successors(index).to_vec();
        while let Some(at) = stack.pop() {
            if !std::mem::replace(&mut behind[at as usize], true) {
                stack.extend_from_slice(self.successors(at));
            }
        }
        behind
    }
}

/// Only an action that changes something begins in a window.
pub(super) fn check(step: &Step) -> Result<(), PlanError> {
    let Some(window) = &step.window else {
        return Ok(());
    };
    let rule = |why| Err(PlanError::Rule(step.id.clone(), why));
    if step.finally {
        return rule("`finally` waits for no window");
    }
    match &step.kind {
        StepKind::Action {
            effect: EffectClass::Read,
            ..
        }
        | StepKind::Wait { .. }
        | StepKind::Gate(_) => return rule("a window is for an action that changes something"),
        StepKind::Action { .. } => {}
    }
    if window.is_preparation() && window.covers.is_some() {
        return rule("a window with a lead covers nothing: the segment begins behind it");
    }
    if window.lead > LEAD_MAX {
        return rule("the lead of a window is at most seven days");
    }
    Ok(())
}

/// How long a step takes at the most by what it declares, with so many items; `None` where
/// nothing is declared, as of a gate without an expiry or of work by hand.
pub fn declared_bound(step: &Step, items: u64) -> Option<Millis> {
    match &step.kind {
        StepKind::Gate(gate) => gate.expires,
        // What it waits for is an expression: see whoever can evaluate it.
        StepKind::Wait { .. } => None,
        StepKind::Action {
            manual: Some(manual),
            ..
        } => manual.expires,
        StepKind::Action {
            effect,
            call,
            for_each,
            until,
            ..
        } => {
            let again = u64::from(call.retry.attempts.saturating_sub(1));
            let mut pauses = 0u64;
            let mut pause = call.retry.backoff.0;
            for _ in 0..again {
                let settle = match effect {
                    EffectClass::Read => 0,
                    EffectClass::Idempotent
                    | EffectClass::Reversible
                    | EffectClass::Irreversible => call.settle.0,
                };
                pauses = pauses.saturating_add(pause.min(call.retry.backoff_max.0).max(settle));
                pause = pause.saturating_mul(2);
            }
            let attempts = call.timeout.0.saturating_mul(again + 1);
            let polled = until.as_ref().map_or(0, |until| until.within.0);
            let once = attempts.saturating_add(pauses).saturating_add(polled);
            let rounds = match for_each {
                Some(each) => items.div_ceil(u64::from(each.max_parallel.max(1))),
                None => 1,
            };
            Some(Millis(once.saturating_mul(rounds)))
        }
    }
}
