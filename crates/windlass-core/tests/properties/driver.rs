//! A random shell: answers what is outstanding, or lets it time out, crashes, jumps in
//! time, and plays the people. Everything it does follows from one seed.

mod people;

use std::sync::Arc;

use crate::law;
use crate::notation::command::person;
use crate::notation::plan::try_plan;
use crate::notation::policy::named;
use crate::notation::show;
use crate::plans;
use windlass_core::command::{Command, Orphan, Verdict};
use windlass_core::effect::Effect;
use windlass_core::event::{EVENT_VERSION, Event};
use windlass_core::id::{NodeId, StepId};
use windlass_core::outcome::{Answer, Effected, Failure, Outcome};
use windlass_core::plan::IndexedPlan;
use windlass_core::refusal::{Refusal, RefusedBy};
use windlass_core::state::{Need, RunState, RunStatus};
use windlass_core::time::{Millis, Timestamp};
use windlass_core::value::Value;
use windlass_core::{decide, evolve, outstanding};

/// A small generator (SplitMix64): the same numbers for the same seed, everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    pub(crate) fn one_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }
}

/// How the shell and its people behave.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Everything may go wrong.
    Wild,
    /// Every answer is good, and people answer every need.
    Kind,
    /// Commands that make no sense, with names of anything.
    Nonsense,
}

pub(crate) struct Driver {
    line: String,
    plan: Arc<IndexedPlan>,
    pub(crate) state: RunState,
    pub(crate) events: Vec<(Event, Timestamp)>,
    pub(crate) mood: Mood,
    pub(crate) cuts: usize,
    /// Turns since the last event.
    pub(crate) idle: usize,
    orphans: Vec<Orphan>,
    now: Timestamp,
    dice: Dice,
}

fn fresh() -> RunState {
    RunState::new("r1".parse().expect("a run id"))
}

impl Driver {
    pub(crate) fn new(seed: u64, mood: Mood) -> Self {
        let mut dice = Dice(seed);
        let (line, plan) = loop {
            let line = plans::line(&mut dice);
            if let Ok(plan) = try_plan(&line) {
                break (line, plan);
            }
        };
        let mut driver = Self {
            line,
            plan,
            state: fresh(),
            events: Vec::new(),
            mood,
            cuts: 0,
            idle: 0,
            orphans: Vec::new(),
            now: Timestamp(0),
            dice,
        };
        driver.give(Command::Start {
            plan: driver.plan.clone(),
            requester: person("ann"),
            owner: person("ann").identity,
            single_user: true,
            standing: driver.line.contains("off").then(|| named("nights")),
        });
        driver
    }

    pub(crate) fn history(&self) -> String {
        let shown = self
            .events
            .iter()
            .map(|(event, at)| format!("{} {}", show::time(*at), show::event(event)));
        format!(
            "plan: {}\n{}",
            self.line,
            shown.collect::<Vec<_>>().join("\n")
        )
    }

    pub(crate) fn run(&mut self, turns: usize) {
        for _ in 0..turns {
            if !self.state.is_ended() {
                self.turn();
            }
        }
    }

    fn give(&mut self, command: Command) {
        let shown = format!("{command:?}");
        if let Ok(events) = decide(&self.state, command, self.now) {
            self.idle = if events.is_empty() { self.idle + 1 } else { 0 };
            for event in events {
                if let Err(error) = evolve(&mut self.state, &event, self.now) {
                    panic!("{error}: {event:?}\n{}", self.history());
                }
                self.events.push((event, self.now));
            }
            for effect in outstanding(&self.state) {
                if let Effect::WakeAt { at } = effect {
                    assert!(
                        at > self.now,
                        "wakes {at:?} after {shown}\n{}",
                        self.history()
                    );
                }
            }
        } else {
            self.idle += 1;
        }
    }

    /// Nothing that a wild hour left stands in the way of the kind one.
    pub(crate) fn resume(&mut self) {
        self.give(Command::Resume { by: person("ann") });
        for orphan in std::mem::take(&mut self.orphans) {
            self.give(Command::OrphanEnded(orphan));
        }
    }

    pub(crate) fn turn(&mut self) {
        let wild = self.mood != Mood::Kind;
        self.now = self.now + Millis(1 + self.dice.below(3000));
        if wild && self.dice.one_in(14) {
            return self.crash();
        }
        if wild && self.dice.one_in(10) {
            self.now = self.now + Millis(1000 * self.dice.below(200));
            return self.give(Command::Tick);
        }
        if wild
            && self.dice.one_in(9)
            && let Some((node, attempt)) = self.resolved()
        {
            // A late word of an attempt whose doubt was settled.
            let outcome = self.outcome();
            return self.give(Command::Ended {
                node,
                attempt,
                outcome,
            });
        }
        if self.mood == Mood::Nonsense || (wild && self.dice.one_in(5)) {
            let command = self.nonsense();
            return self.give(command);
        }
        if wild && self.state.standing().is_some() && self.dice.one_in(12) {
            let name = ["nights", "nights_frozen"][self.dice.below(2) as usize];
            let voids = self.dice.one_in(4);
            return self.give(Command::Govern {
                standing: named(name),
                difference: vec![name.to_owned()],
                voids,
            });
        }
        if !self.orphans.is_empty() && self.dice.one_in(3) {
            let orphan = self.orphans.remove(0);
            return self.give(Command::OrphanEnded(orphan));
        }
        let effects = outstanding(&self.state);
        let work: Vec<&Effect> = effects
            .iter()
            .filter(|effect| !matches!(effect, Effect::WakeAt { .. }))
            .collect();
        if !work.is_empty() && !self.dice.one_in(6) {
            let effect = work[self.dice.below(work.len() as u64) as usize].clone();
            return self.answer(effect);
        }
        if self.person_answers() {
            return;
        }
        for effect in effects {
            if let Effect::WakeAt { at } = effect {
                self.now = self.now.max(at);
            }
        }
        self.give(Command::Tick);
    }

    /// An attempt whose doubt was settled.
    fn resolved(&mut self) -> Option<(NodeId, u32)> {
        let resolved: Vec<(NodeId, u32)> = self
            .events
            .iter()
            .filter_map(|(event, _)| match event {
                Event::DoubtResolved { node, attempt, .. } => Some((node.clone(), *attempt)),
                _ => None,
            })
            .collect();
        if resolved.is_empty() {
            return None;
        }
        let at = self.dice.below(resolved.len() as u64) as usize;
        Some(resolved[at].clone())
    }

    fn crash(&mut self) {
        self.cuts += 1;
        self.state = fold(&self.events).expect("own history");
        for effect in outstanding(&self.state) {
            if let Effect::Attempt { node, attempt, .. } = effect
                && self.dice.one_in(4)
            {
                let pid = self.dice.below(3) as u32 + 7;
                self.orphans.push(Orphan { node, attempt, pid });
            }
        }
        let before: Vec<(NodeId, u32)> = changes_in_flight(&self.state);
        self.give(Command::Open {
            orphans: self.orphans.clone(),
        });
        for change in changes_in_flight(&self.state) {
            assert!(
                !before.contains(&change),
                "{change:?} is handed over twice\n{}",
                self.history()
            );
        }
    }

    fn outputs(&mut self) -> Value {
        let x = match self.mood {
            Mood::Kind => 2,
            Mood::Wild | Mood::Nonsense => self.dice.below(6) as i64,
        };
        Value::Map([("x".to_owned(), Value::Int(x))].into())
    }

    fn refusal(&mut self) -> Refusal {
        let asked = ["GET a", "GET b"][self.dice.below(2) as usize];
        Refusal::new(RefusedBy::Grant, asked, "no grant")
    }

    fn outcome(&mut self) -> Outcome {
        let roll = match self.mood {
            Mood::Kind => 0,
            Mood::Wild | Mood::Nonsense => self.dice.below(9),
        };
        let effect = match roll {
            5 => Effected::Settled,
            6 | 7 => Effected::Unknown,
            8 => Effected::None,
            _ => {
                let (outputs, log) = (self.outputs(), None);
                return Outcome::Succeeded { outputs, log };
            }
        };
        Outcome::Failed(Failure {
            effect,
            code: ["broke", "interrupted", "ä".repeat(70).as_str()][self.dice.below(3) as usize]
                .to_owned(),
            message: "it broke".to_owned(),
            evidence: self.dice.one_in(3).then_some(Value::Null),
            log: None,
        })
    }

    fn answer(&mut self, effect: Effect) {
        match effect {
            Effect::Attempt { node, attempt, .. } => {
                if self.mood == Mood::Wild && self.dice.one_in(6) {
                    let data = "kept".to_owned();
                    return self.give(Command::Checkpoint {
                        node,
                        attempt,
                        data,
                    });
                }
                if self.mood == Mood::Wild && self.dice.one_in(6) {
                    let refusal = self.refusal();
                    return self.give(Command::Refused {
                        node,
                        attempt,
                        refusal,
                    });
                }
                let outcome = self.outcome();
                self.give(Command::Ended {
                    node,
                    attempt,
                    outcome,
                });
            }
            Effect::Reconcile {
                node,
                attempt,
                at,
                how,
                ..
            } => {
                self.now = self.now.max(at);
                let asked_at = self.now;
                let command = match how {
                    windlass_core::effect::Look::Native { .. } => {
                        let answer = self.look();
                        Command::Reconciled {
                            node,
                            attempt,
                            asked_at,
                            answer,
                        }
                    }
                    windlass_core::effect::Look::Read { .. } => {
                        let is = ["done", "busy", "absent", "what"][match self.mood {
                            Mood::Kind => 0,
                            Mood::Wild | Mood::Nonsense => self.dice.below(4) as usize,
                        }];
                        let outputs = Value::Map([("is".to_owned(), Value::from(is))].into());
                        let outcome = Outcome::Succeeded { outputs, log: None };
                        Command::Observed {
                            node,
                            attempt,
                            asked_at,
                            outcome,
                        }
                    }
                };
                self.give(command);
            }
            Effect::AcquireLock { waits, .. } => {
                // While others hold it nothing comes, but to one that only asks.
                if self.mood == Mood::Kind || self.dice.one_in(2) {
                    self.give(Command::LockGranted {
                        fence: 1,
                        instead_of: None,
                    });
                } else if !waits {
                    let by = "r2".parse().expect("a run's id");
                    self.give(Command::LockHeld { by });
                }
            }
            Effect::Fetch {
                gate,
                attempt,
                fact,
                ..
            } => {
                let (asked_at, outcome) = (self.now, self.outcome());
                self.give(Command::Fetched {
                    gate,
                    attempt,
                    fact,
                    asked_at,
                    outcome,
                });
            }
            Effect::WakeAt { .. } => {}
        }
    }

    fn look(&mut self) -> Answer {
        let roll = match self.mood {
            Mood::Kind => 0,
            Mood::Wild | Mood::Nonsense => self.dice.below(6),
        };
        let note = String::new();
        match roll {
            0 => Answer::Happened {
                outputs: self.outputs(),
            },
            1 => Answer::NotHappened {
                evidence: Value::Null,
            },
            2 => Answer::Settled { state: Value::Null },
            3 => Answer::InProgress { note },
            4 => Answer::Unknown { note },
            _ => Answer::Failed { message: note },
        }
    }

    /// Everything that holds of the whole history.
    pub(crate) fn check(&self, seed: u64) {
        let faults = law::judge(self.plan.plan(), &self.events);
        assert!(
            faults.is_empty(),
            "seed {seed}: {faults:#?}\n{}",
            self.history()
        );
        let audit = self.state.audit();
        assert!(
            audit.is_empty(),
            "seed {seed}: {audit:#?}\n{}",
            self.history()
        );
        let whole = fold(&self.events).expect("own history");
        let same = format!("{whole:?}") == format!("{:?}", self.state);
        assert!(same, "seed {seed}: the replay differs\n{}", self.history());
        let cut = (seed as usize * 7) % (self.events.len() + 1);
        let mut halves = fold(&self.events[..cut]).expect("own history");
        for (event, at) in &self.events[cut..] {
            evolve(&mut halves, event, *at).expect("the rest of the history");
        }
        assert_eq!(format!("{whole:?}"), format!("{halves:?}"), "seed {seed}");
        if let Some((end, _)) = self.state.end()
            && end == windlass_core::event::End::Succeeded
        {
            assert!(!self.state.has_debts(), "seed {seed}: owes at the end");
        }
    }

    /// Leaves out, doubles and swaps events: what the fold takes, `decide` can go on from.
    pub(crate) fn damage(&mut self) -> (usize, usize) {
        let (mut refused, mut taken) = (0, 0);
        for _ in 0..8 {
            let mut events = self.events.clone();
            let at = |dice: &mut Dice| dice.below(self.events.len() as u64) as usize;
            let (one, other) = (at(&mut self.dice), at(&mut self.dice));
            match self.dice.below(3) {
                0 => drop(events.remove(one)),
                1 => events.insert(one, events[other].clone()),
                _ => events.swap(one, other),
            }
            let Ok(state) = fold(&events) else {
                refused += 1;
                continue;
            };
            taken += 1;
            assert!(state.audit().is_empty(), "{:#?}", state.audit());
            let orphans = Vec::new();
            drop(decide(&state, Command::Open { orphans }, self.now));
            drop(outstanding(&state));
            drop(state.status());
        }
        (refused, taken)
    }
}

/// Folds events that went through their JSON.
fn fold(events: &[(Event, Timestamp)]) -> Result<RunState, String> {
    let mut state = fresh();
    for (event, at) in events {
        let read = Event::decode(event.kind(), EVENT_VERSION, &event.encode())
            .map_err(|error| format!("{error}"))?;
        assert_eq!(read, *event, "an event changed on its way through JSON");
        evolve(&mut state, &read, *at).map_err(|error| error.to_string())?;
    }
    Ok(state)
}

fn changes_in_flight(state: &RunState) -> Vec<(NodeId, u32)> {
    let change = |effect: Effect| match effect {
        Effect::Attempt {
            node,
            attempt,
            effect,
            ..
        } if effect.is_change() => Some((node, attempt)),
        Effect::Attempt { .. }
        | Effect::Reconcile { .. }
        | Effect::AcquireLock { .. }
        | Effect::Fetch { .. }
        | Effect::WakeAt { .. } => None,
    };
    outstanding(state).into_iter().filter_map(change).collect()
}
