//! What the stories of one runbook reached together: every step, and both sides of
//! every `when`.

use std::collections::BTreeSet;
use std::fmt;

use windlass_core::event::Event;
use windlass_core::id::StepId;
use windlass_core::plan::Plan;

use super::judge::begins;

/// What was reached of one plan's steps.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// In the author's order, with whether each has a `when`.
    steps: Vec<(StepId, bool)>,
    begun: BTreeSet<StepId>,
    skipped: BTreeSet<StepId>,
}

/// Something that no story reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    Step(StepId),
    /// The `when` of a step was never this.
    When(StepId, bool),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::Step(step) => write!(f, "step {step} never began"),
            Missing::When(step, side) => write!(f, "the `when` of {step} was never {side}"),
        }
    }
}

impl Coverage {
    /// Nothing reached yet. Plans of one runbook have the same steps, whatever their inputs.
    pub fn of(plan: &Plan) -> Self {
        let step = |step: &windlass_core::plan::Step| (step.id.clone(), step.when.is_some());
        Self {
            steps: plan.steps.iter().map(step).collect(),
            ..Self::default()
        }
    }

    /// Takes in what one story reached.
    pub fn add<'a>(&mut self, events: impl IntoIterator<Item = &'a Event>) {
        for event in events {
            if let Some(step) = begins(event) {
                self.begun.insert(step.clone());
            }
            if let Event::StepSkipped { step } = event {
                self.skipped.insert(step.clone());
            }
        }
    }

    /// How many things there are to reach.
    pub fn total(&self) -> usize {
        let sides: usize = self
            .steps
            .iter()
            .map(|(_, when)| usize::from(*when) * 2)
            .sum();
        self.steps.len() + sides
    }

    /// What was not reached, in the author's order.
    pub fn missing(&self) -> Vec<Missing> {
        let mut missing = Vec::new();
        for (step, when) in &self.steps {
            let (begun, skipped) = (self.begun.contains(step), self.skipped.contains(step));
            if !begun {
                missing.push(Missing::Step(step.clone()));
            }
            if *when && !begun {
                missing.push(Missing::When(step.clone(), true));
            }
            if *when && !skipped {
                missing.push(Missing::When(step.clone(), false));
            }
        }
        missing
    }

    /// How many steps there are, and how many of them began.
    pub fn steps(&self) -> (usize, usize) {
        (self.begun.len(), self.steps.len())
    }

    /// How many sides of `when` there are, and how many were taken.
    pub fn sides(&self) -> (usize, usize) {
        let whens = self.steps.iter().filter(|(_, when)| *when);
        let taken: usize = whens
            .clone()
            .map(|(step, _)| {
                usize::from(self.begun.contains(step)) + usize::from(self.skipped.contains(step))
            })
            .sum();
        (taken, whens.count() * 2)
    }

    /// Whole percent of what there is to reach, rounded down: 100 is everything.
    pub fn percent(&self) -> u32 {
        let total = self.total();
        let reached = total - self.missing().len();
        match total {
            0 => 100,
            total => u32::try_from(reached * 100 / total).unwrap_or(100),
        }
    }
}
