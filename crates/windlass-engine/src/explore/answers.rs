//! The answers to the questions of a plan that can be true together: in which ways a run can
//! begin, and a step succeed.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_core::plan::{IndexedPlan, Plan};
use windlass_core::value::Value;

use super::calendar;
use super::condition::{Asks, Condition, Question};
use super::drawing::{Drawing, ITEMS, Owner, name};
use super::pen::Extra;
use super::sketch::{Start, Unexplorable};

/// The most ways in which a step can succeed, or a run begin.
pub const ANSWERS_MAX: usize = 4096;

/// Answers as values by their names, and in words.
pub(super) type Told = (BTreeMap<String, Value>, Vec<String>);

impl Drawing<'_> {
    /// Every way in which a run can begin.
    pub(super) fn starts(&self, drawn: &Plan, extra: &Extra) -> Result<Vec<Start>, Unexplorable> {
        let owned: Vec<usize> = self.owned(Owner::Start).collect();
        let mut answers = self.answers(&owned, &[], " at its start")?;
        for name in extra.keys() {
            if answers.len() * 2 > ANSWERS_MAX {
                return Err(Unexplorable::TooManyAnswers(" at its start".to_owned()));
            }
            let both = |(values, said): &Told| {
                [true, false].map(|held| {
                    let mut values = values.clone();
                    values.insert(name.clone(), Value::Bool(held));
                    (values, said.clone())
                })
            };
            answers = answers.iter().flat_map(both).collect();
        }
        let windows = calendar::windows(drawn);
        let mut starts = Vec::new();
        for (inputs, said) in answers {
            let plan = Plan {
                inputs,
                ..drawn.clone()
            };
            let plan = IndexedPlan::new(plan)?;
            if windows.is_empty() {
                starts.push(Start {
                    plan,
                    standing: None,
                    said,
                });
                continue;
            }
            for is_open in [true, false] {
                let closed = (!is_open).then(|| "no window is open yet".to_owned());
                starts.push(Start {
                    plan: Arc::clone(&plan),
                    standing: Some(calendar::standing(&windows, is_open)),
                    said: said.iter().cloned().chain(closed).collect(),
                });
            }
        }
        Ok(starts)
    }

    /// All answers to some questions that can be true together.
    pub(super) fn answers(
        &self,
        owned: &[usize],
        holds: &[Condition],
        of: &str,
    ) -> Result<Vec<Told>, Unexplorable> {
        let mut all: Vec<BTreeMap<usize, usize>> = vec![BTreeMap::new()];
        for question in owned {
            let count = match self.questions[*question].asks {
                Asks::Whether => 2,
                Asks::HowMany => ITEMS + 1,
            };
            if all.len() * count > ANSWERS_MAX {
                return Err(Unexplorable::TooManyAnswers(of.to_owned()));
            }
            let with = |answers: &BTreeMap<usize, usize>| {
                let answers = answers.clone();
                (0..count).rev().map(move |answer| {
                    let mut answers = answers.clone();
                    answers.insert(*question, answer);
                    answers
                })
            };
            all = all.iter().flat_map(with).collect();
            // As they grow, so that many that exclude each other stay few.
            all.retain(|answers| self.are_possible(answers));
        }
        let held = |answers: &&BTreeMap<usize, usize>| {
            holds
                .iter()
                .all(|condition| holds_with(condition, answers) != Some(false))
        };
        let mut kept: Vec<&BTreeMap<usize, usize>> = all.iter().filter(held).collect();
        if kept.is_empty() {
            kept = all.iter().collect();
        }
        Ok(kept.into_iter().map(|answers| self.told(answers)).collect())
    }

    /// One thing does not equal two texts at once.
    fn are_possible(&self, answers: &BTreeMap<usize, usize>) -> bool {
        let mut equal = BTreeMap::new();
        let held = answers.iter().filter(|(_, answer)| **answer == 1);
        for (question, _) in held {
            if let Some((path, text)) = &self.questions[*question].equality
                && equal.insert(path, text).is_some_and(|other| other != text)
            {
                return false;
            }
        }
        true
    }

    fn told(&self, answers: &BTreeMap<usize, usize>) -> Told {
        let mut values = BTreeMap::new();
        let mut said = Vec::new();
        for (question, answer) in answers {
            let Question {
                asks,
                text,
                is_contrary,
                ..
            } = &self.questions[*question];
            let value = match asks {
                Asks::Whether => {
                    said.push(format!("`{text}` is {}", (*answer == 1) != *is_contrary));
                    Value::Bool(*answer == 1)
                }
                Asks::HowMany => {
                    said.push(match answer {
                        0 => format!("`{text}` is empty"),
                        1 => format!("`{text}` has one item"),
                        _ => format!("`{text}` has several items"),
                    });
                    Value::List(vec![Value::Null; *answer])
                }
            };
            values.insert(name(*question), value);
        }
        (values, said)
    }
}

/// Whether a condition holds with these answers; `None` when others decide it.
fn holds_with(condition: &Condition, answers: &BTreeMap<usize, usize>) -> Option<bool> {
    match condition {
        Condition::Known(held) => Some(*held),
        Condition::Open { question, negated } => Some((*answers.get(question)? == 1) != *negated),
        Condition::OfRun(_) => None,
        Condition::Not(inner) => Some(!holds_with(inner, answers)?),
        Condition::And(left, right) => {
            match (holds_with(left, answers), holds_with(right, answers)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                (None, _) | (_, None) => None,
            }
        }
        Condition::Or(left, right) => {
            match (holds_with(left, answers), holds_with(right, answers)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                (None, _) | (_, None) => None,
            }
        }
        Condition::If(parts) => match holds_with(&parts[0], answers)? {
            true => holds_with(&parts[1], answers),
            false => holds_with(&parts[2], answers),
        },
    }
}
