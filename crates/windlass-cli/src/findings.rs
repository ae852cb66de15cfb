//! What a preflight found, step by step. Its JSON form is what `preflight --json` prints;
//! how it looks on a terminal is `render::preflight_page`.

use std::collections::BTreeMap;

use serde::Serialize;
use windlass_core::event::Event;
use windlass_core::id::StepId;
use windlass_core::plan::{Digest, Plan};
use windlass_core::value::Value;
use windlass_engine::StateDir;
use windlass_runbook::preflight::{Preflight, Why};
use windlass_server::wire::{RunView, Step};

use crate::text;

/// The version of the JSON form.
const VERSION: u32 = 1;
/// The last lines of a failed look's log that are told, as the log itself goes.
const LOG_LINES_MAX: usize = 8;
/// The most bytes of that.
const LOG_BYTES_MAX: usize = 2_000;

/// What a preflight found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    windlass_preflight: u32,
    pub(crate) name: String,
    /// Of the whole plan, as a run with the same inputs would have it.
    pub(crate) plan: Digest,
    /// All steps of the plan, in the author's order.
    pub(crate) steps: Vec<Found>,
    /// How many looked, well or not.
    pub(crate) looked: usize,
    pub(crate) failed: usize,
    /// The step that said that the run has nothing to do.
    pub(crate) nothing_to_do: Option<StepId>,
    /// Whether a signal stopped the looks.
    pub(crate) interrupted: bool,
    /// The looks of which only the author says that they change nothing.
    pub(crate) trusted: Vec<StepId>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Found {
    pub(crate) id: StepId,
    pub(crate) title: Option<String>,
    pub(crate) result: Outcome,
    /// Why it failed, was skipped, not run or left out.
    pub(crate) why: Option<String>,
    /// What it gave: of a `for_each`, a list.
    pub(crate) outputs: Option<Value>,
    /// What a failed look had in its hands, such as the results of an `assert`.
    pub(crate) evidence: Option<Value>,
    /// The end of a failed look's log.
    pub(crate) log: Vec<String>,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Ok,
    Failed,
    /// Its `when` is false.
    Skipped,
    /// A look that was not begun, or not ended.
    NotRun,
    /// No part of a preflight.
    LeftOut,
}

impl Report {
    /// A report in which nothing has looked yet.
    pub(crate) fn new(plan: &Plan, preflight: &Preflight, trusted: Vec<StepId>) -> Self {
        let left_out: BTreeMap<&StepId, &Why> = preflight
            .left_out
            .iter()
            .map(|left| (&left.step, &left.why))
            .collect();
        let steps = plan.steps.iter().map(|step| {
            let why = left_out.get(&step.id);
            Found {
                id: step.id.clone(),
                title: step.title.clone(),
                result: match why {
                    Some(_) => Outcome::LeftOut,
                    None => Outcome::NotRun,
                },
                why: why.map(|why| words(why)),
                outputs: None,
                evidence: None,
                log: Vec::new(),
            }
        });
        Self {
            windlass_preflight: VERSION,
            name: plan.name.clone(),
            plan: plan.digest(),
            steps: steps.collect(),
            looked: 0,
            failed: 0,
            nothing_to_do: None,
            interrupted: false,
            trusted,
        }
    }

    /// The lines before the first look.
    pub(crate) fn beginning(&self) -> [String; 2] {
        let part = self
            .steps
            .iter()
            .filter(|step| step.result != Outcome::LeftOut)
            .count();
        let all = self.steps.len();
        [
            format!(
                "preflight of {}: {part} of {} {}",
                self.name,
                text::count(all, "step"),
                if part == 1 { "only looks" } else { "only look" }
            ),
            format!("plan {}", self.plan),
        ]
    }

    /// A record of the looks.
    pub(crate) fn event(&mut self, event: &Event) {
        if let Event::AttemptSucceeded {
            node,
            nothing_to_do: true,
            ..
        } = event
        {
            self.nothing_to_do = Some(node.step.clone());
        }
        if let Event::AttemptFailed { node, failure, .. } = event
            && let Some(found) = self.steps.iter_mut().find(|found| found.id == node.step)
        {
            found.evidence = failure.evidence.clone();
        }
    }

    /// The looks are over; `run` is what became of them.
    pub(crate) fn ended(&mut self, run: &RunView, dir: &StateDir) {
        let seen: BTreeMap<&StepId, &Step> =
            run.steps.iter().map(|step| (&step.id, step)).collect();
        let stopped = match (&self.nothing_to_do, self.interrupted) {
            (_, true) => "stopped by a signal".to_owned(),
            (Some(step), false) => format!("nothing to do, says {step}"),
            (None, false) => match run.steps.iter().find(|step| step.state == "failed") {
                Some(step) => format!("{} failed", step.id),
                None => run.reason.clone().unwrap_or_default(),
            },
        };
        for found in &mut self.steps {
            let Some(step) = seen.get(&found.id) else {
                continue;
            };
            match step.state.as_str() {
                "succeeded" => {
                    found.result = Outcome::Ok;
                    found.evidence = None;
                    found.outputs = Some(outputs(step));
                    self.looked += 1;
                }
                "failed" => {
                    found.result = Outcome::Failed;
                    found.why = step.message.clone();
                    found.log = log(run, step, dir);
                    self.looked += 1;
                    self.failed += 1;
                }
                "skipped" => {
                    found.result = Outcome::Skipped;
                    found.why = Some("its `when` is false".to_owned());
                }
                _ => found.why = Some(stopped.clone()),
            }
        }
    }
}

fn words(why: &Why) -> String {
    match why {
        Why::Effect(effect) => format!("{}, no read", effect.as_str()),
        Why::Gate => "a gate".to_owned(),
        Why::ByHand => "done by a person".to_owned(),
        Why::Wait => "a wait, no look".to_owned(),
        Why::Finally => "of `finally`".to_owned(),
        Why::Behind(step) => format!("behind {step}"),
    }
}

fn outputs(step: &Step) -> Value {
    let values = step
        .items
        .iter()
        .map(|item| item.outputs.clone().unwrap_or(Value::Null));
    let mut values: Vec<Value> = values.collect();
    if step.for_each {
        Value::List(values)
    } else {
        values.pop().unwrap_or(Value::Null)
    }
}

/// The last lines of the log of the first item that failed.
fn log(run: &RunView, step: &Step, dir: &StateDir) -> Vec<String> {
    let Some(item) = step.items.iter().find(|item| item.state == "failed") else {
        return Vec::new();
    };
    let path = dir.attempt_log(&run.run, &item.node.id, item.attempt);
    let Ok(bytes) = std::fs::read(path) else {
        return Vec::new();
    };
    let from = bytes.len().saturating_sub(LOG_BYTES_MAX);
    let text = String::from_utf8_lossy(&bytes[from..]).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let from = lines.len().saturating_sub(LOG_LINES_MAX);
    lines[from..]
        .iter()
        .map(|line| crate::text::line(line))
        .collect()
}
