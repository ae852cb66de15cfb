//! A run that gets past what a step demands, told in few lines.

use std::collections::BTreeSet;

use super::facts::{Fact, Passed};
use super::{Lack, Way};

/// The most lines of a story; what is left out is the middle of a long way.
pub const STORY_LINES_MAX: usize = 8;

/// What becomes of a step in a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    Succeeds,
    /// It gives nothing, and what needs it goes on.
    Passed(Passed),
    /// It may have taken effect; then the run fails or is cancelled.
    StartsAndOwes,
    /// It starts without what it lacks.
    Starts,
    /// So many steps that succeed are not told.
    Others(usize),
}

/// A line of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The first of them, where others are not told.
    pub step: usize,
    pub what: Happening,
}

/// How `step` starts on this way without what it lacks.
pub(super) fn tell(facts: &[Fact], step: usize, way: Way, lack: &Lack) -> Vec<Line> {
    let mut lines = match way {
        Way::Needs => before(facts, step, lack),
        Way::Debt { change } => {
            let mut lines = before(facts, change, lack);
            lines.push(Line {
                step: change,
                what: Happening::StartsAndOwes,
            });
            lines
        }
    };
    lines.push(Line {
        step,
        what: Happening::Starts,
    });
    shortened(lines)
}

/// One chain of needs that leads to a step, from its start, and every step before it that
/// could have given what is lacking.
fn before(facts: &[Fact], step: usize, lack: &Lack) -> Vec<Line> {
    let mut told: BTreeSet<usize> = BTreeSet::new();
    let ancestors = ancestors(facts, step);
    for index in &ancestors {
        let gives = facts[*index].gives.as_ref();
        if let (Lack::Demand(demand), Some(_)) = (lack, facts[*index].passed)
            && gives == Some(demand)
        {
            told.insert(*index);
        }
    }
    let mut at = step;
    while let Some(need) = facts[at].needs.first() {
        told.insert(*need);
        at = *need;
    }
    // Ancestors come in an order in which they can run.
    let told = ancestors.into_iter().filter(|index| told.contains(index));
    told.map(|index| {
        let fact = &facts[index];
        let what = match (fact.passed, lack) {
            (Some(passed), Lack::Demand(demand)) if fact.gives.as_ref() == Some(demand) => {
                Happening::Passed(passed)
            }
            _ => Happening::Succeeds,
        };
        Line { step: index, what }
    })
    .collect()
}

/// All that precedes a step, each after what it needs.
pub(crate) fn ancestors(facts: &[Fact], step: usize) -> Vec<usize> {
    let mut entered = vec![false; facts.len()];
    let mut order = Vec::new();
    // With the place among its needs that is next, so that a long chain takes no stack.
    let mut stack = vec![(step, 0)];
    while let Some((at, next)) = stack.last_mut() {
        if let Some(need) = facts[*at].needs.get(*next) {
            *next += 1;
            if !std::mem::replace(&mut entered[*need], true) {
                stack.push((*need, 0));
            }
            continue;
        }
        order.push(*at);
        stack.pop();
    }
    order.pop();
    order
}

/// Keeps the first lines, those in which a step is passed, and the end.
fn shortened(lines: Vec<Line>) -> Vec<Line> {
    if lines.len() <= STORY_LINES_MAX {
        return lines;
    }
    let excess = lines.len() - (STORY_LINES_MAX - 1);
    let mut left = excess;
    let last = lines.len() - 2;
    let mut kept: Vec<Line> = Vec::new();
    let mut gap_at = None;
    for (index, line) in lines.into_iter().enumerate() {
        let plain = line.what == Happening::Succeeds && index > 0 && index < last;
        if plain && left > 0 {
            left -= 1;
            gap_at.get_or_insert((kept.len(), line.step));
            continue;
        }
        kept.push(line);
    }
    if let Some((at, step)) = gap_at {
        let what = Happening::Others(excess - left);
        kept.insert(at, Line { step, what });
    }
    // A story of nothing but steps that are passed is cut before its end.
    if kept.len() > STORY_LINES_MAX {
        let end = kept.split_off(kept.len() - 2);
        kept.truncate(STORY_LINES_MAX - 2);
        kept.extend(end);
    }
    kept
}
