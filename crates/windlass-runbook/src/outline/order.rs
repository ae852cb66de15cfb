//! The order of a plan's steps: waves, what lies behind the first change and behind the
//! point of no return, and what each gate protects.

use windlass_core::plan::{EffectClass, IndexedPlan, StepKind};

/// How many steps a gate names as protected; of the others only the number is told.
pub(crate) const PROTECTED_MAX: usize = 100;

/// How far a run has gone when a step's turn comes, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Only reads precede it: giving up leaves everything as it was.
    Looking,
    /// Something that is no read precedes it.
    Changing,
    /// An irreversible step precedes it: nothing leads back.
    NoReturn,
}

/// What the edges of a plan say, by step index.
#[derive(Debug)]
pub(crate) struct Order {
    /// Every step after those that it needs.
    pub(crate) topological: Vec<u32>,
    /// The longest chain of needs before each step; from 0.
    pub(crate) depth: Vec<u32>,
    pub(crate) stage: Vec<Stage>,
}

impl Order {
    pub(crate) fn new(plan: &IndexedPlan) -> Self {
        let count = plan.plan().steps.len();
        let mut unmet: Vec<usize> = indices(count).map(|at| plan.needs(at).len()).collect();
        let mut topological: Vec<u32> = indices(count)
            .filter(|at| unmet[*at as usize] == 0)
            .collect();
        let mut next = 0;
        while let Some(at) = topological.get(next).copied() {
            next += 1;
            for after in plan.successors(at) {
                unmet[*after as usize] -= 1;
                if unmet[*after as usize] == 0 {
                    topological.push(*after);
                }
            }
        }
        let mut depth = vec![0; count];
        let mut stage = vec![Stage::Looking; count];
        for at in &topological {
            for need in plan.needs(*at) {
                let (at, before) = (*at as usize, *need as usize);
                depth[at] = depth[at].max(depth[before] + 1);
                stage[at] = stage[at].max(stage[before]).max(left_by(plan, *need));
            }
        }
        Self {
            topological,
            depth,
            stage,
        }
    }

    /// The steps in waves: each as early as its needs allow, in the author's order.
    pub(crate) fn waves(&self, plan: &IndexedPlan, finally: bool) -> Vec<Vec<u32>> {
        let mut waves: Vec<Vec<u32>> = Vec::new();
        for at in indices(self.depth.len()) {
            if plan.step(at).finally == finally {
                let depth = self.depth[at as usize] as usize;
                if waves.len() <= depth {
                    waves.resize(depth + 1, Vec::new());
                }
                waves[depth].push(at);
            }
        }
        waves
    }
}

/// The stage that a step leaves behind.
fn left_by(plan: &IndexedPlan, at: u32) -> Stage {
    match effect(plan, at) {
        Some(EffectClass::Irreversible) => Stage::NoReturn,
        Some(EffectClass::Idempotent | EffectClass::Reversible) => Stage::Changing,
        Some(EffectClass::Read) | None => Stage::Looking,
    }
}

/// The effect class of an action; none of a gate and of a wait.
pub(crate) fn effect(plan: &IndexedPlan, at: u32) -> Option<EffectClass> {
    match &plan.step(at).kind {
        StepKind::Action { effect, .. } => Some(*effect),
        StepKind::Wait { .. } | StepKind::Gate(_) => None,
    }
}

/// The steps that are no reads and come after the gate with no other gate between.
pub(crate) fn protected(plan: &IndexedPlan, gate: u32) -> Vec<u32> {
    let mut seen = vec![false; plan.plan().steps.len()];
    let mut open = plan.successors(gate).to_vec();
    let mut found = Vec::new();
    while let Some(at) = open.pop() {
        if std::mem::replace(&mut seen[at as usize], true) {
            continue;
        }
        if matches!(plan.step(at).kind, StepKind::Gate(_)) {
            continue;
        }
        if left_by(plan, at) > Stage::Looking {
            found.push(at);
        }
        open.extend_from_slice(plan.successors(at));
    }
    found.sort_unstable();
    found
}

/// All indices of a plan of so many steps.
pub(crate) fn indices(count: usize) -> std::ops::Range<u32> {
    0..u32::try_from(count).expect("a plan has at most STEPS_MAX steps")
}
