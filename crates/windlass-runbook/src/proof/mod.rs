//! The proof that no step starts without what it demands: an approval, or evidence of a
//! kind such as a backup. It follows every way in which a step can come to start, and what
//! it cannot prove it shows as a story of a run that gets past. Not responsible for which
//! steps demand what (`check`, policy), nor for what a run really did (`windlass-core`).
//!
//! What surely precedes a step is a must-analysis over `needs`: all that surely precedes
//! what it needs, and what it needs itself unless that can be passed without success. A step
//! that a change owes can start in another way: while the run ends, without its own needs
//! (`docs/semantics.md`). Then only that is sure which was sure for the change.

mod before;
mod facts;
mod story;

pub use before::Befores;
pub use facts::{Demand, Fact, Passed, facts};
pub(crate) use story::ancestors;
pub use story::{Happening, Line, STORY_LINES_MAX};

/// How a step comes to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// What it needs was met.
    Needs,
    /// It is owed by the step of this index while the run ends; its needs are not asked.
    Debt { change: usize },
}

/// What the proof lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The step demands it, and on this way nothing surely gave it.
    Demand(Demand),
    /// The step waits for this evidence by its needs, and on this way it does not.
    Evidence(usize),
}

/// A way to a step that the proof does not hold on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The step, as an index of the facts.
    pub step: usize,
    pub way: Way,
    pub lack: Lack,
}

impl Gap {
    /// A run of the same facts that gets there, in its order.
    pub fn story(&self, facts: &[Fact]) -> Vec<Line> {
        story::tell(facts, self.step, self.way, &self.lack)
    }
}

/// Every way to a step that lacks something; empty when all is proved. At most one gap for
/// each step, way and lack, in the order of the steps. `facts` have no circle.
pub fn prove(facts: &[Fact]) -> Vec<Gap> {
    let befores = Befores::new(facts);
    let mut gaps = Vec::new();
    for (step, fact) in facts.iter().enumerate() {
        for demand in &fact.demands {
            if !befores.meets_by_needs(step, demand) {
                let lack = Lack::Demand(demand.clone());
                let way = Way::Needs;
                gaps.push(Gap { step, way, lack });
            }
        }
        for change in befores.owed_by(step) {
            gaps.extend(debt_gaps(facts, &befores, step, *change));
        }
    }
    gaps
}

/// What a step lacks when it is owed by `change`, and by its needs it does not.
fn debt_gaps(facts: &[Fact], befores: &Befores, step: usize, change: usize) -> Vec<Gap> {
    let way = Way::Debt { change };
    let mut gaps = Vec::new();
    for demand in &facts[step].demands {
        if befores.meets_by_needs(step, demand) && !befores.always_meets(change, demand) {
            let lack = Lack::Demand(demand.clone());
            gaps.push(Gap { step, way, lack });
        }
    }
    let said: Vec<&Demand> = gaps
        .iter()
        .filter_map(|gap| match &gap.lack {
            Lack::Demand(demand) => Some(demand),
            Lack::Evidence(_) => None,
        })
        .collect();
    let sure: Vec<usize> = befores.always(change).collect();
    let left = befores.by_needs(step).filter(|index| {
        let gives = facts[*index].gives.as_ref();
        let told = gives.is_some_and(|given| said.contains(&given));
        *index != change && !told && sure.binary_search(index).is_err()
    });
    let left: Vec<Gap> = left
        .map(|index| Gap {
            step,
            way,
            lack: Lack::Evidence(index),
        })
        .collect();
    gaps.extend(left);
    gaps
}
