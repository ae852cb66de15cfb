//! Explorations: every outcome of every step of a plan, by the same decisions as in a real
//! run, with values that stand for all others. Equal states are followed once, so that what
//! is finite ends. No store, no runner, no clock: a plan and invariants in, ends and
//! counterexamples out. `sketch` leaves values open, `moves` says what can come next, `world`
//! asks the core and keeps an account of its events, `search` goes everywhere, and `story`
//! tells how it came to a place.

mod answers;
mod build;
mod calendar;
mod condition;
mod drawing;
mod invariant;
mod moves;
mod pen;
mod search;
mod sketch;
mod story;
mod world;

use std::collections::BTreeMap;

use windlass_core::plan::IndexedPlan;
use windlass_core::rehearsal::Invariant;
use windlass_core::value::Value;

pub use answers::ANSWERS_MAX;
pub use sketch::Unexplorable;
pub use story::Line;
pub use world::Promise;

/// How many states are looked at unless somebody says otherwise.
pub const STATES_MAX: usize = 1_000_000;

/// How far an exploration goes.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// The most states that are looked at.
    pub states: usize,
    /// Whether somebody may cancel, once in each run.
    pub cancels: bool,
    /// Whether equal states are followed once.
    pub merges: bool,
    /// Whether the order of what is not apparent is left out where it makes no difference.
    pub reduces: bool,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            states: STATES_MAX,
            cancels: true,
            merges: true,
            reduces: true,
        }
    }
}

/// What an exploration found.
#[derive(Clone, Debug)]
pub struct Explored {
    /// How many different states there are, or were looked at.
    pub states: usize,
    /// How many moves led from one to another.
    pub moves: usize,
    /// Whether every state was looked at.
    pub is_complete: bool,
    /// The ends that runs can come to, by their word and reason, with the number of states.
    pub ends: BTreeMap<(String, String), usize>,
    /// Why people are needed: the words of needs, with what for, and the number of states.
    pub needs: BTreeMap<String, usize>,
    pub broken: Vec<Broken>,
    /// The apparent part of every end, for whoever compares explorations.
    pub end_views: std::collections::BTreeSet<String>,
}

/// What does not hold.
#[derive(Clone, Debug)]
pub struct Broken {
    pub what: What,
    /// The shortest way there.
    pub story: Vec<Line>,
}

/// Which of the promises and invariants it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    Promise(Promise),
    /// By its place among the invariants.
    Invariant(usize),
}

/// Explores a plan. Where `inputs` are given, what reads them alone is evaluated.
///
/// # Errors
/// The plan leaves too much open.
pub fn explore(
    plan: &IndexedPlan,
    inputs: Option<&BTreeMap<String, Value>>,
    invariants: &[Invariant],
    effort: Effort,
) -> Result<Explored, Unexplorable> {
    let sketch = sketch::Sketch::new(plan, inputs)?;
    Ok(search::Search::new(plan, &sketch, invariants, effort).run())
}

/// One run by itself, each move chosen by `choose` from as many as it is told; nothing is
/// merged or left out. The apparent part of its end, when it came to one within `turns`.
///
/// # Errors
/// The plan leaves too much open.
#[cfg(any(test, feature = "test-support"))]
pub fn wander(
    plan: &IndexedPlan,
    turns: usize,
    choose: &mut dyn FnMut(usize) -> usize,
) -> Result<Option<String>, Unexplorable> {
    let sketch = sketch::Sketch::new(plan, None)?;
    Ok(search::wander(plan, &sketch, turns, choose))
}
