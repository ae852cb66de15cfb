//! One scenario at work: runs a case live, then cuts it after every single event,
//! opens each prefix afresh, and holds the outcome against the live run.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::law;
use crate::notation::command::{What, line};
use crate::notation::plan::plan;
use crate::notation::show;
use crate::table::is_legal;
use windlass_core::command::{Command, Orphan};
use windlass_core::effect::Effect;
use windlass_core::event::{EVENT_VERSION, Event};
use windlass_core::id::NodeId;
use windlass_core::plan::IndexedPlan;
use windlass_core::state::RunState;
use windlass_core::time::Timestamp;
use windlass_core::{decide, evolve, outstanding};

/// A state, an event and the place of both in the table of `table`.
pub(crate) type Cell = (&'static str, String, &'static str);

/// What running a case gave.
pub(crate) struct Played {
    /// The lines after each input line.
    pub(crate) output: Vec<Vec<String>>,
    pub(crate) cuts: usize,
    pub(crate) cells: BTreeSet<Cell>,
    /// Rejections by their code.
    pub(crate) rejections: BTreeSet<&'static str>,
    pub(crate) faults: Vec<String>,
    pub(crate) events: Vec<(Event, Timestamp)>,
}

/// A run that records, as an engine would.
struct World {
    plan: Arc<IndexedPlan>,
    state: RunState,
    events: Vec<(Event, Timestamp)>,
    /// After each accepted command: how many events there were, and what it left.
    marks: Vec<(usize, Vec<Effect>)>,
    cells: BTreeSet<Cell>,
    faults: Vec<String>,
}

fn fresh() -> RunState {
    RunState::new("r1".parse().expect("a run id"))
}

/// Runs a case: a plan and input lines.
pub(crate) fn play(plan_text: &str, input: &[String]) -> Played {
    let mut world = World {
        plan: plan(plan_text),
        state: fresh(),
        events: Vec::new(),
        marks: Vec::new(),
        cells: BTreeSet::new(),
        faults: Vec::new(),
    };
    let (mut output, mut rejections) = (Vec::new(), BTreeSet::new());
    let mut last = String::new();
    for text in input {
        let line = line(text, &world.plan, &world.state);
        let command = match line.what {
            What::Command(command) => *command,
            What::Crash(orphans) => {
                world.state = fold(&world.events);
                Command::Open { orphans }
            }
        };
        let mut lines = Vec::new();
        match decide(&world.state, command, line.at) {
            Err(rejection) => {
                rejections.insert(rejection.code());
                lines.push(format!("REJECTED {}: {rejection}", rejection.code()));
            }
            Ok(events) => {
                lines.extend(events.iter().map(show::event));
                world.take(events, line.at);
            }
        }
        let effects = show::effects(&outstanding(&world.state));
        let now = format!("=> {} | {effects}", show::status(&world.state));
        let now = now.trim_end_matches([' ', '|']).to_owned();
        if now != last {
            lines.push(now.clone());
            last = now;
        }
        output.push(lines);
    }
    let cuts = world.cut_everywhere();
    world
        .faults
        .extend(law::judge(world.plan.plan(), &world.events));
    Played {
        output,
        cuts,
        cells: world.cells,
        rejections,
        faults: world.faults,
        events: world.events,
    }
}

/// Folds events that went through their JSON.
fn fold(events: &[(Event, Timestamp)]) -> RunState {
    let mut state = fresh();
    fold_on(&mut state, events);
    state
}

fn fold_on(state: &mut RunState, events: &[(Event, Timestamp)]) {
    for (event, at) in events {
        let read = Event::decode(event.kind(), EVENT_VERSION, &event.encode())
            .unwrap_or_else(|error| panic!("{event:?} cannot be read back: {error}"));
        assert_eq!(read, *event, "an event changed on its way through JSON");
        evolve(state, &read, *at).unwrap_or_else(|error| panic!("{error}: {event:?}"));
    }
}

fn dump(state: &RunState) -> String {
    format!("{state:?}")
}

/// Attempts in flight, and processes that are known to live.
fn in_flight(state: &RunState) -> (BTreeSet<NodeId>, Vec<Orphan>) {
    let (mut running, mut orphans) = (BTreeSet::new(), Vec::new());
    for item in state.steps().flat_map(|step| step.items) {
        if item.state.phase.name() == "running" {
            running.insert(item.node.clone());
        }
        for (attempt, pid) in &item.state.orphans {
            orphans.push(Orphan {
                node: item.node.clone(),
                attempt: *attempt,
                pid: *pid,
            });
        }
    }
    (running, orphans)
}

impl World {
    fn take(&mut self, events: Vec<Event>, at: Timestamp) {
        for event in events {
            self.cells.extend(cells(&self.state, &event));
            if let Err(error) = evolve(&mut self.state, &event, at) {
                self.faults.push(format!("{error}: {event:?}"));
            }
            self.events.push((event, at));
            let audit = self.state.audit();
            self.faults.extend(audit);
        }
        self.probe(at);
        let effects = outstanding(&self.state);
        self.settled(&self.state.clone(), &effects, at);
        self.marks.push((self.events.len(), effects));
    }

    /// The fold refuses a sample of each event that does not fit the state.
    fn probe(&mut self, at: Timestamp) {
        let samples: Vec<Event> = self.events.iter().map(|(event, _)| event.clone()).collect();
        for event in samples {
            let cells = cells(&self.state, &event);
            let legal = cells
                .iter()
                .all(|(part, state, kind)| is_legal(part, state, kind));
            if !legal && evolve(&mut self.state.clone(), &event, at).is_ok() {
                self.faults.push(format!(
                    "the fold takes {} in {cells:?}",
                    show::event(&event)
                ));
            }
        }
    }

    /// What holds whenever a command has been dealt with.
    fn settled(&mut self, state: &RunState, effects: &[Effect], at: Timestamp) {
        for effect in effects {
            if let Effect::WakeAt { at: wake } = effect
                && *wake <= at
            {
                let (wake, at) = (show::time(*wake), show::time(at));
                self.faults
                    .push(format!("at {at}: asks to be woken {wake}, for ever"));
            }
        }
        match decide(state, Command::Tick, at) {
            Ok(more) if more.is_empty() => {}
            Ok(more) => self
                .faults
                .push(format!("left undone: {}", show::event(&more[0]))),
            Err(rejection) => self.faults.push(format!("refuses to tick: {rejection}")),
        }
    }

    /// Cuts the run after each event and goes on from there.
    fn cut_everywhere(&mut self) -> usize {
        let whole = dump(&self.state);
        for cut in 1..=self.events.len() {
            if let Err(fault) = self.cut(cut, &whole) {
                let (event, at) = &self.events[cut - 1];
                let (event, at) = (show::event(event), show::time(*at));
                self.faults
                    .push(format!("cut {at} after `{event}`: {fault}"));
            }
        }
        self.events.len()
    }

    fn cut(&mut self, cut: usize, whole: &str) -> Result<(), String> {
        let prefix = fold(&self.events[..cut]);
        let mut rest = prefix.clone();
        fold_on(&mut rest, &self.events[cut..]);
        if dump(&rest) != whole {
            return Err("the prefix and the rest do not make the whole".to_owned());
        }
        let (running, orphans) = in_flight(&prefix);
        let at = self.events[cut - 1].1;
        let opened = decide(&prefix, Command::Open { orphans }, at)
            .map_err(|rejection| format!("does not open: {rejection}"))?;
        let mut events = self.events[..cut].to_vec();
        events.extend(opened.iter().map(|event| (event.clone(), at)));
        let state = fold(&events);
        if let Some(fault) = state.audit().into_iter().next() {
            return Err(fault);
        }
        if let Some(fault) = law::judge(self.plan.plan(), &events).into_iter().next() {
            return Err(fault);
        }
        let effects = outstanding(&state);
        for node in &running {
            let again = effects.iter().any(|effect| match effect {
                Effect::Attempt {
                    node: of,
                    attempt,
                    effect,
                    ..
                } => {
                    let cut_off = prefix.step(&of.step).is_some_and(|step| {
                        step.items
                            .iter()
                            .any(|item| item.node == *of && item.state.attempt == *attempt)
                    });
                    of == node && effect.is_change() && cut_off
                }
                Effect::AcquireLock { .. }
                | Effect::Fetch { .. }
                | Effect::Reconcile { .. }
                | Effect::WakeAt { .. } => false,
            });
            if again {
                return Err(format!("{node} is handed over twice"));
            }
        }
        self.settled(&state, &effects, at);
        if !running.is_empty() {
            return Ok(());
        }
        // Nothing was cut off: opening does what the live run went on to do.
        let mark = self.marks.iter().find(|(count, _)| *count >= cut);
        let (count, live) = mark.expect("every event belongs to a command");
        let went_on: Vec<&Event> = self.events[cut..*count]
            .iter()
            .map(|(event, _)| event)
            .collect();
        if opened.iter().collect::<Vec<_>>() != went_on {
            let opened: Vec<String> = opened.iter().map(show::event).collect();
            return Err(format!("opening gives {opened:?}"));
        }
        if effects != *live {
            return Err(format!("in flight is {}", show::effects(&effects)));
        }
        Ok(())
    }
}

/// Which cells of the table an event visits.
fn cells(state: &RunState, event: &Event) -> Vec<Cell> {
    let kind = event.kind();
    let step_cell = |step| {
        let look = state.step(step)?;
        let name = look.state.phase.name().to_owned();
        Some(
            if ["gate_", "approval_", "fact"]
                .iter()
                .any(|prefix| kind.starts_with(prefix))
            {
                ("gate", name, kind)
            } else {
                ("step", name, kind)
            },
        )
    };
    let node_cell = |node: &NodeId| {
        let look = state.step(&node.step)?;
        let item = look.items.iter().find(|item| item.node == *node);
        let name = item.map_or("none", |item| item.state.phase.name());
        Some(("node", name.to_owned(), kind))
    };
    let subject = law::subject(event);
    let cell = match subject {
        law::Subject::Run => Some(("run", state.status().as_str().to_owned(), kind)),
        law::Subject::Step(step) => step_cell(step),
        law::Subject::Node(node) => node_cell(node),
    };
    cell.into_iter().collect()
}
