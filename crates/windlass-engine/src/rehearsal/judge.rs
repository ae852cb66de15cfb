//! Holds a story against what was expected of it. Each difference says what was
//! expected and what came instead, so that nobody has to look it up.

use std::collections::BTreeMap;

use windlass_core::announce::Announcement;
use windlass_core::event::Event;
use windlass_core::id::{NodeId, Phase, StepId};
use windlass_core::plan::Input;
use windlass_core::rehearsal::{Expected, Pattern, Series, Subject};
use windlass_core::state::{Need, RunStatus};
use windlass_core::value::Value;

use super::Story;

/// An expectation that did not come true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The key of `expect`.
    pub key: &'static str,
    pub expected: String,
    pub found: String,
}

/// Everything in which the story differs from what was expected.
pub fn judge(expected: &Expected, story: &Story) -> Vec<Miss> {
    let mut judge = Judge {
        story,
        misses: Vec::new(),
    };
    judge.end(expected);
    judge.order(&expected.order);
    judge.events(&expected.events);
    judge.never(&expected.never);
    judge.not_started(&expected.not_started);
    judge.states(&expected.states);
    judge.attempts(&expected.attempts);
    judge.calls(&expected.calls);
    judge.outputs(&expected.outputs);
    judge.shown(&expected.shown);
    judge.owes(expected.owes.as_deref());
    judge.needs(&expected.needs);
    judge.announced(expected.announced.as_deref());
    judge.misses
}

struct Judge<'a> {
    story: &'a Story,
    misses: Vec<Miss>,
}

impl Judge<'_> {
    fn miss(&mut self, key: &'static str, expected: impl Into<String>, found: impl Into<String>) {
        self.misses.push(Miss {
            key,
            expected: expected.into(),
            found: found.into(),
        });
    }

    fn events_of(&self) -> impl Iterator<Item = &Event> {
        self.story.events.iter().map(|(event, _)| event)
    }

    fn end(&mut self, expected: &Expected) {
        let story = self.story;
        let reason = story.state.end().map(|(_, reason)| reason.to_owned());
        let found = match (story.rest(), &reason) {
            (Some(rest), Some(reason)) => format!("{rest}: {reason}"),
            (Some(rest), None) => rest.to_string(),
            (None, _) => "the rehearsal was broken off".to_owned(),
        };
        if story.rest() != Some(expected.end) {
            self.miss("end", expected.end.as_str(), found.clone());
        }
        if let Some(part) = &expected.reason {
            // A run that has not ended has a reason once it is ending.
            let reason = reason.or_else(|| story.state.ending_reason().map(str::to_owned));
            match reason {
                Some(reason) if reason.contains(part.as_str()) => {}
                Some(reason) => self.miss("reason", format!("a reason with {part:?}"), reason),
                None => self.miss("reason", format!("a reason with {part:?}"), found),
            }
        }
        if let Some(within) = expected.within {
            let first = story.events.first().map(|(_, at)| *at);
            let last = story.events.last().map(|(_, at)| *at);
            if let (Some(first), Some(last)) = (first, last)
                && last.since(first) > within
            {
                self.miss(
                    "within",
                    format!("an end within {within}"),
                    format!("it took {}", last.since(first)),
                );
            }
        }
    }

    /// Steps by the place of the event with which they began.
    fn began(&self) -> BTreeMap<StepId, usize> {
        let mut began = BTreeMap::new();
        for (place, event) in self.events_of().enumerate() {
            if let Some(step) = begins(event) {
                began.entry(step.clone()).or_insert(place);
            }
        }
        began
    }

    fn order(&mut self, order: &[StepId]) {
        let began = self.began();
        let places: Vec<Option<usize>> =
            order.iter().map(|step| began.get(step).copied()).collect();
        let in_order = places.iter().all(Option::is_some) && places.is_sorted();
        if in_order {
            return;
        }
        let mut found: Vec<(usize, &StepId)> = order
            .iter()
            .filter_map(|step| Some((*began.get(step)?, step)))
            .collect();
        found.sort();
        let mut text = listed(found.iter().map(|(_, step)| *step));
        let missing: Vec<&StepId> = order
            .iter()
            .filter(|step| !began.contains_key(*step))
            .collect();
        if !missing.is_empty() {
            text += &format!("; never begun: {}", listed(missing.into_iter()));
        }
        self.miss("order", listed(order.iter()), text);
    }

    fn events(&mut self, patterns: &[Pattern]) {
        let mut from = 0;
        let mut before: Option<&Pattern> = None;
        for pattern in patterns {
            let fits = |event: &Event| pattern.fits(event);
            let place = self.events_of().skip(from).position(fits);
            if let Some(place) = place {
                from += place + 1;
                before = Some(pattern);
                continue;
            }
            let earlier = self.events_of().take(from).any(fits);
            let expected = match before {
                Some(before) => format!("{pattern}, after {before}"),
                None => pattern.to_string(),
            };
            let found = if earlier {
                "it came, but before that"
            } else {
                "it never came"
            };
            // What comes after is counted from a place that is not known.
            return self.miss("events", expected, found);
        }
    }

    fn never(&mut self, patterns: &[Pattern]) {
        for pattern in patterns {
            let count = self.events_of().filter(|event| pattern.fits(event)).count();
            if count > 0 {
                self.miss("never", format!("no {pattern}"), times(count));
            }
        }
    }

    fn not_started(&mut self, steps: &[StepId]) {
        let began = self.began();
        for step in steps {
            if began.contains_key(step) {
                self.miss("not_started", format!("{step} does not begin"), "it began");
            }
        }
    }

    fn states(&mut self, states: &[(Subject, String)]) {
        for (subject, expected) in states {
            let found = self.state_of(subject);
            if found != *expected {
                self.miss("states", format!("{subject} {expected}"), found);
            }
        }
    }

    fn state_of(&self, subject: &Subject) -> String {
        let Some(look) = self.story.state.step(&subject.step) else {
            return "pending".to_owned();
        };
        if subject.item.is_none() && subject.phase == Phase::Do {
            return look.state.phase.name().to_owned();
        }
        let mut names: Vec<&str> = look
            .items
            .iter()
            .filter(|item| subject.is(&item.node))
            .map(|item| item.state.phase.name())
            .collect();
        names.dedup();
        if names.is_empty() {
            "not_begun".to_owned()
        } else {
            names.join(", ")
        }
    }

    fn starts(&self, subject: &Subject) -> Vec<(NodeId, u32, &Input)> {
        self.events_of()
            .filter_map(|event| match event {
                Event::AttemptStarted {
                    node,
                    attempt,
                    call,
                    ..
                }
                | Event::ManualStepOpened {
                    node,
                    attempt,
                    call,
                    ..
                } if subject.is(node) => Some((node.clone(), *attempt, &call.input)),
                _ => None,
            })
            .collect()
    }

    fn attempts(&mut self, attempts: &[(Subject, u32)]) {
        for (subject, expected) in attempts {
            let found = self.starts(subject).len();
            if found != *expected as usize {
                let expected = format!("{expected} of {subject}");
                self.miss("attempts", expected, found.to_string());
            }
        }
    }

    fn calls(&mut self, calls: &[(Subject, Series<Input>)]) {
        for (subject, expected) in calls {
            let starts: Vec<(NodeId, u32, Input)> = self
                .starts(subject)
                .into_iter()
                .map(|(node, attempt, input)| (node, attempt, input.clone()))
                .collect();
            if starts.is_empty() {
                let expected = format!("a call of {subject}");
                self.miss("calls", expected, "it was never called");
            }
            for (node, attempt, input) in starts {
                let Some(wanted) = expected.nth(attempt) else {
                    let stated = expected.count().unwrap_or(0);
                    let expected = format!("{stated} calls of {node}");
                    self.miss("calls", expected, format!("attempt {attempt} came"));
                    continue;
                };
                for (path, wanted, found) in differences(wanted, &input) {
                    let path = path.join(".");
                    let expected = format!("{node}, attempt {attempt}: {path} = {wanted}");
                    self.miss("calls", expected, found);
                }
            }
            let latest = self.starts(subject).iter().map(|start| start.1).max();
            if let (Some(stated), Some(latest)) = (expected.count(), latest)
                && stated > latest as usize
            {
                let expected = format!("{stated} calls of {subject}");
                self.miss("calls", expected, latest.to_string());
            }
        }
    }

    /// Of a step with items, each that succeeded gave it.
    fn outputs(&mut self, expected: &[(Subject, BTreeMap<String, Value>)]) {
        for (subject, wanted) in expected {
            let mut given: BTreeMap<NodeId, Value> = BTreeMap::new();
            for event in self.events_of() {
                if let Event::AttemptSucceeded { node, outputs, .. }
                | Event::ManualStepAttested { node, outputs, .. } = event
                    && subject.is(node)
                {
                    given.insert(node.clone(), outputs.clone());
                }
            }
            if given.is_empty() {
                let expected = format!("{subject} gives something");
                self.miss("outputs", expected, "it never succeeded");
            }
            let wanted = Input::Value(Value::Map(wanted.clone()));
            for (node, given) in given {
                for (path, wanted, found) in differences(&wanted, &Input::Value(given)) {
                    let path = path.join(".");
                    self.miss("outputs", format!("{node}: {path} = {wanted}"), found);
                }
            }
        }
    }

    fn shown(&mut self, shown: &[(StepId, BTreeMap<String, Value>)]) {
        for (gate, expected) in shown {
            let opened = self.story.events.iter().rev().find_map(|(event, _)| {
                let Event::GateOpened { step, shown, .. } = event else {
                    return None;
                };
                (step == gate).then_some(shown)
            });
            let Some(opened) = opened.cloned() else {
                let expected = format!("{gate} shows something");
                self.miss("shown", expected, "it never opened");
                continue;
            };
            let wanted = Input::Value(Value::Map(expected.clone()));
            let opened = Input::Value(Value::Map(opened));
            for (path, wanted, found) in differences(&wanted, &opened) {
                let path = path.join(".");
                self.miss("shown", format!("{gate}: {path} = {wanted}"), found);
            }
        }
    }

    fn owes(&mut self, owes: Option<&[StepId]>) {
        let Some(owes) = owes else { return };
        let mut expected: Vec<&StepId> = owes.iter().collect();
        let debts = self.story.state.debts();
        let mut found: Vec<&StepId> = debts.iter().map(|(step, _)| step).collect();
        expected.sort();
        found.sort();
        if expected != found {
            let (expected, found) = (listed(expected.into_iter()), listed(found.into_iter()));
            self.miss("owes", expected, found);
        }
    }

    fn needs(&mut self, expected: &[String]) {
        if expected.is_empty() {
            return;
        }
        let found: Vec<String> = match self.story.state.status() {
            RunStatus::NeedsOperator { needs } => needs.iter().map(need).collect(),
            RunStatus::New
            | RunStatus::Running
            | RunStatus::Waiting { .. }
            | RunStatus::Paused
            | RunStatus::Ending
            | RunStatus::Ended(_) => Vec::new(),
        };
        // A reason alone stands for whatever it is about.
        let fits = |expected: &String, found: &String| {
            found
                .strip_prefix(expected.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        let all_came = expected
            .iter()
            .all(|one| found.iter().any(|found| fits(one, found)));
        let no_other = found
            .iter()
            .all(|found| expected.iter().any(|one| fits(one, found)));
        if !all_came || !no_other {
            let found = if found.is_empty() {
                "nothing".to_owned()
            } else {
                found.join(", ")
            };
            self.miss("needs", expected.join(", "), found);
        }
    }
}

impl Judge<'_> {
    /// A message that cannot be made is a mistake of the runbook, whatever is expected.
    fn announced(&mut self, expected: Option<&[String]>) {
        let announced = &self.story.announced;
        let broken: Vec<String> = announced
            .iter()
            .filter_map(|told| Some(format!("{}: {}", subject(told), told.input.as_ref().err()?)))
            .collect();
        if let Some(first) = broken.first() {
            self.miss("announced", "messages that can be made", first);
        }
        let Some(expected) = expected else { return };
        let found: Vec<String> = announced.iter().map(subject).collect();
        // A topic alone stands for whatever it is about.
        let fits = |(expected, found): (&String, &String)| {
            found
                .strip_prefix(expected.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        if found.len() != expected.len() || !expected.iter().zip(&found).all(fits) {
            let shown = |list: &[String]| match list {
                [] => "nothing".to_owned(),
                list => list.join(", "),
            };
            self.miss("announced", shown(expected), shown(&found));
        }
    }
}

/// A message as a test file says it: `gate_opened go`, `debt repair opened`.
fn subject(told: &Announcement) -> String {
    let fact = |name: &str| match told.facts.get(name) {
        Some(Value::Text(text)) => format!(" {text}"),
        _ => String::new(),
    };
    let about = ["step", "what", "end"].map(fact);
    format!("{}{}", told.topic.as_str(), about.concat())
}

/// Why a person is needed, as a test file says it: `in_doubt upgrade`.
fn need(need: &Need) -> String {
    let of = match need {
        Need::InDoubt { node } | Need::UndoFailed { node } | Need::Contradicted { node } => {
            Some(node.to_string())
        }
        Need::FailedAfterIrreversible { step } => step.as_ref().map(StepId::to_string),
        Need::Debt { step } => Some(step.to_string()),
    };
    match of {
        Some(of) => format!("{} {of}", need.code()),
        None => need.code().to_owned(),
    }
}

/// The step that begins with an event.
pub(super) fn begins(event: &Event) -> Option<&StepId> {
    match event {
        Event::AttemptStarted { node, .. } | Event::ManualStepOpened { node, .. }
            if node.phase == Phase::Do =>
        {
            Some(&node.step)
        }
        Event::GateOpened { step, .. }
        | Event::WaitStarted { step, .. }
        | Event::StepExpanded { step, .. } => Some(step),
        _ => None,
    }
}

fn listed<'a>(steps: impl Iterator<Item = &'a StepId>) -> String {
    let names: Vec<&str> = steps.map(StepId::as_str).collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

fn times(count: usize) -> String {
    match count {
        1 => "it came once".to_owned(),
        count => format!("it came {count} times"),
    }
}

/// What one input has and the other has not: where, what was wanted, what is there.
type Difference = (Vec<String>, String, String);

/// Every member that `wanted` names must be there; a map may have more.
fn differences(wanted: &Input, found: &Input) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare(wanted, found, &mut Vec::new(), &mut differences);
    differences
}

fn compare(
    wanted: &Input,
    found: &Input,
    path: &mut Vec<String>,
    differences: &mut Vec<Difference>,
) {
    if let (Some(wanted), Some(found)) = (members(wanted), members(found)) {
        for (name, wanted) in wanted {
            path.push(name.clone());
            match found.get(&name) {
                Some(found) => compare(&wanted, found, path, differences),
                None => differences.push((path.clone(), show(&wanted), "nothing".to_owned())),
            }
            path.pop();
        }
        return;
    }
    if wanted != found {
        differences.push((path.clone(), show(wanted), show(found)));
    }
}

/// The members of a map, in whichever of the two ways it is held.
fn members(input: &Input) -> Option<BTreeMap<String, Input>> {
    match input {
        Input::Map(map) => Some(map.clone()),
        Input::Value(Value::Map(map)) => Some(
            map.iter()
                .map(|(name, value)| (name.clone(), Input::Value(value.clone())))
                .collect(),
        ),
        Input::Value(_) | Input::Secret(_) | Input::List(_) => None,
    }
}

/// An input as an author writes it.
fn show(input: &Input) -> String {
    match input {
        Input::Value(value) => value.to_string(),
        Input::Secret(name) => format!("${{{{ secrets.{name} }}}}"),
        Input::List(items) => {
            let items: Vec<String> = items.iter().map(show).collect();
            format!("[{}]", items.join(","))
        }
        Input::Map(map) => {
            let members: Vec<String> = map
                .iter()
                .map(|(name, input)| format!("{name}: {}", show(input)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}
