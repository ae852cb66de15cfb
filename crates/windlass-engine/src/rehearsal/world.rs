//! The rehearsed world: it takes the engine's place between the core and everything else.
//! One loop: hand out what is outstanding, jump to what comes next, let the core decide.

mod people;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use windlass_core::announce::{Announcement, announcements};
use windlass_core::command::{Command, Orphan};
use windlass_core::effect::{Effect, Look};
use windlass_core::event::{Dispatch, EVENT_VERSION, Event};
use windlass_core::id::{NodeId, RunId, StepId};
use windlass_core::outcome::{Answer, Effected, Failure, Outcome};
use windlass_core::plan::{APPROVALS_MAX, IndexedPlan};
use windlass_core::rehearsal::{
    APPROVER, Act, Decision, Ending, GateReply, Moment, REQUESTER, Said, Script,
};
use windlass_core::rejection::Rejection;
use windlass_core::state::{NodePhase, RunState};
use windlass_core::time::{Millis, Timestamp};
use windlass_core::{decide, evolve, outstanding};

use crate::ports::CatalogSource;

use super::agenda::{Agenda, Coming, Place};
use super::cast::Cast;
use super::fault::Fault;
use super::standing::{HORIZON, standing};
use super::{RUN_ID, STARTS_AT, Story, TURNS_MAX};

/// The pid of the first process that outlives an engine.
const FIRST_PID: u32 = 4000;

/// Work in flight that is no change: it is stopped when nobody waits for it any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stoppable {
    Attempt(NodeId, u32),
    Look(NodeId, u32),
    /// The reading of a gate's fact.
    Fact(StepId, String, u32),
    /// The wait for the lock of the target.
    Lock,
}

pub(super) struct World<'a> {
    script: &'a Script,
    /// Who performs what is only computed.
    sources: &'a [Arc<dyn CatalogSource>],
    cast: Cast<'a>,
    state: RunState,
    events: Vec<(Event, Timestamp)>,
    announced: Vec<Announcement>,
    now: Timestamp,
    agenda: Agenda,
    /// Cues whose moment is now.
    due: VecDeque<usize>,
    fired: BTreeSet<usize>,
    performed: BTreeSet<usize>,
    handed_over: BTreeSet<(NodeId, u32)>,
    stoppable: BTreeMap<Stoppable, Place>,
    /// Processes that outlived an engine, and until when they live.
    orphans: Vec<(Orphan, Timestamp)>,
    faults: Vec<Fault>,
}

fn fresh() -> RunState {
    RunState::new(RUN_ID.parse().expect("the id is spelled as ids are"))
}

/// The run that holds the target before this one.
fn other_run() -> RunId {
    "another-run".parse().expect("the id is spelled as ids are")
}

impl<'a> World<'a> {
    pub(super) fn new(script: &'a Script, sources: &'a [Arc<dyn CatalogSource>]) -> Self {
        Self {
            script,
            sources,
            cast: Cast::new(script),
            state: fresh(),
            events: Vec::new(),
            announced: Vec::new(),
            now: STARTS_AT,
            agenda: Agenda::default(),
            due: VecDeque::new(),
            fired: BTreeSet::new(),
            performed: BTreeSet::new(),
            handed_over: BTreeSet::new(),
            stoppable: BTreeMap::new(),
            orphans: Vec::new(),
            faults: Vec::new(),
        }
    }

    pub(super) fn play(mut self, plan: &Arc<IndexedPlan>) -> Story {
        for (number, cue) in self.script.cues.iter().enumerate() {
            if let Moment::At(after) = cue.moment {
                self.agenda
                    .put(STARTS_AT + after + cue.later, Coming::Cue(number));
            }
        }
        let requester = self.cast.person(REQUESTER);
        let started = self.decide(Command::Start {
            plan: Arc::clone(plan),
            owner: requester.identity.clone(),
            requester,
            single_user: true,
            standing: standing(plan.plan(), self.script),
        });
        if let Err(rejection) = started {
            let act = "the start".to_owned();
            let rejection = Box::new(rejection);
            self.faults.push(Fault::Refused { act, rejection });
        }
        self.go_on();
        if self.faults.is_empty() {
            self.faults = self.cast.unused();
            self.faults.extend(self.missed_cues());
        }
        Story {
            events: self.events,
            announced: self.announced,
            state: self.state,
            faults: self.faults,
        }
    }

    /// Until nothing more happens, or the script does not fit.
    fn go_on(&mut self) {
        for _ in 0..TURNS_MAX {
            if !self.faults.is_empty() || self.state.is_ended() {
                return;
            }
            if let Some(number) = self.due.pop_front() {
                self.cue(number);
                continue;
            }
            let wake = self.hand_out();
            if !self.faults.is_empty() {
                return;
            }
            match (self.agenda.next_at(), wake) {
                // What an attempt brings at its very deadline is in time.
                (Some(at), wake) if wake.is_none_or(|wake| at <= wake) => {
                    self.now = self.now.max(at);
                    if let Some(coming) = self.agenda.take_first() {
                        self.happen(coming);
                    }
                }
                // Nobody knows what is later.
                (_, Some(wake)) if wake >= HORIZON => return,
                (_, Some(wake)) => {
                    self.now = self.now.max(wake);
                    self.told(Command::Tick);
                }
                (None, None) => return,
                (Some(_), None) => unreachable!("the first arm takes it"),
            }
        }
        self.faults.push(Fault::Endless);
    }

    fn decide(&mut self, command: Command) -> Result<(), Rejection> {
        let events = decide(&self.state, command, self.now)?;
        let (before, seq) = (self.state.clone(), self.events.len() as u64);
        for event in &events {
            evolve(&mut self.state, event, self.now)
                .expect("the core takes every event that it decided");
        }
        let told = announcements(&before, seq, &events, &self.state, self.now);
        self.announced.extend(told);
        for event in events {
            self.notice(&event);
            self.events.push((event, self.now));
        }
        Ok(())
    }

    /// What no person asked for: a word that comes too late is refused, and that is all.
    fn told(&mut self, command: Command) {
        let _too_late = self.decide(command);
    }

    /// People see what is recorded.
    fn notice(&mut self, event: &Event) {
        for (number, cue) in self.script.cues.iter().enumerate() {
            let Moment::After(pattern) = &cue.moment else {
                continue;
            };
            if self.fired.contains(&number) || !pattern.fits(event) {
                continue;
            }
            self.fired.insert(number);
            if cue.later == Millis(0) {
                self.due.push_back(number);
            } else {
                self.agenda.put(self.now + cue.later, Coming::Cue(number));
            }
        }
        if let Event::GateOpened { step, attempt, .. } = event {
            self.gate_opened(step, *attempt);
        }
        if let Event::ManualStepOpened {
            node,
            attempt,
            call,
            ..
        } = event
        {
            self.asked_by_hand(node, *attempt, call);
        }
    }

    /// The person's answer, unless the step was closed meanwhile.
    fn answer(&mut self, node: NodeId, attempt: u32, outcome: Outcome) {
        let is_open = self.state.step(&node.step).is_some_and(|look| {
            look.items.iter().any(|item| {
                let by_hand = matches!(item.state.phase, NodePhase::ByHand { .. });
                item.node == node && item.state.attempt == attempt && by_hand
            })
        });
        if !is_open {
            return;
        }
        let act = match outcome {
            Outcome::Succeeded { outputs, .. } => Act::Attest {
                node,
                reason: "done".to_owned(),
                outputs,
            },
            Outcome::Failed(failure) => Act::Decline {
                node,
                reason: failure.message,
                effect: failure.effect,
            },
        };
        self.act(&act, APPROVER, None);
    }

    /// Compares what should be in flight with what is. Answers when the run wants to be
    /// woken.
    fn hand_out(&mut self) -> Option<Timestamp> {
        let mut wake = None;
        let mut wanted = BTreeSet::new();
        for effect in outstanding(&self.state) {
            match effect {
                Effect::Attempt {
                    ref node, attempt, ..
                } => {
                    wanted.insert(Stoppable::Attempt(node.clone(), attempt));
                    if self.handed_over.insert((node.clone(), attempt)) {
                        self.hand_over(effect);
                    }
                }
                Effect::Reconcile {
                    ref node, attempt, ..
                } => {
                    let slot = Stoppable::Look(node.clone(), attempt);
                    wanted.insert(slot.clone());
                    if !self.stoppable.contains_key(&slot) {
                        self.look(slot, effect);
                    }
                }
                Effect::Fetch {
                    gate,
                    attempt,
                    fact,
                    timeout,
                    ..
                } => {
                    let slot = Stoppable::Fact(gate.clone(), fact.clone(), attempt);
                    wanted.insert(slot.clone());
                    if !self.stoppable.contains_key(&slot) {
                        self.fetch(slot, gate, attempt, fact, timeout);
                    }
                }
                Effect::AcquireLock { waits, .. } => {
                    wanted.insert(Stoppable::Lock);
                    if !self.stoppable.contains_key(&Stoppable::Lock) {
                        self.ask_for_the_lock(waits);
                    }
                }
                Effect::WakeAt { at } => wake = Some(at),
            }
        }
        let given_up: Vec<Stoppable> = self
            .stoppable
            .keys()
            .filter(|slot| !wanted.contains(slot))
            .cloned()
            .collect();
        for slot in given_up {
            if let Some(place) = self.stoppable.remove(&slot) {
                self.agenda.strike(place);
            }
        }
        wake
    }

    fn hand_over(&mut self, effect: Effect) {
        let Effect::Attempt {
            node,
            attempt,
            effect,
            call,
            ..
        } = effect
        else {
            return;
        };
        let computed = || {
            let mut sources = self.sources.iter();
            sources.find_map(|source| source.compute(&call.uses, &call.input))
        };
        let reply = match self.cast.reply(&node, attempt) {
            Ok(reply) => reply,
            Err(stated) => {
                if let Some(outcome) = stated.is_none().then(computed).flatten() {
                    let coming = Coming::Ended {
                        node: node.clone(),
                        attempt,
                        outcome,
                    };
                    let place = self.agenda.put(self.now, coming);
                    self.stoppable
                        .insert(Stoppable::Attempt(node, attempt), place);
                    return;
                }
                let call = Box::new(call);
                return self.faults.push(Fault::NoReply {
                    node,
                    attempt,
                    call,
                    stated,
                });
            }
        };
        let coming = match &reply.ending {
            Ending::Never => return,
            Ending::Outcome(outcome) => Coming::Ended {
                node: node.clone(),
                attempt,
                outcome: outcome.clone(),
            },
            Ending::Crash {
                down,
                process_lives,
            } => {
                let lives = *process_lives > Millis(0);
                Coming::Crash {
                    down: *down,
                    left: lives.then(|| (node.clone(), attempt, *process_lives)),
                }
            }
        };
        let place = self.agenda.put(self.now + reply.takes, coming);
        if !effect.is_change() {
            self.stoppable
                .insert(Stoppable::Attempt(node, attempt), place);
        }
    }

    /// Granted at once, or when the other run has ended; a run that is ending does not wait.
    fn ask_for_the_lock(&mut self, waits: bool) {
        let free_at = STARTS_AT + self.script.target_held;
        let granted = waits || free_at <= self.now;
        let at = if waits {
            free_at.max(self.now)
        } else {
            self.now
        };
        let place = self.agenda.put(at, Coming::Lock { granted });
        self.stoppable.insert(Stoppable::Lock, place);
    }

    fn look(&mut self, slot: Stoppable, effect: Effect) {
        let Effect::Reconcile {
            node,
            attempt,
            at,
            timeout,
            how,
            ..
        } = effect
        else {
            return;
        };
        let reply = match self.cast.look(&node, attempt) {
            Ok(reply) => reply,
            Err(fault) => return self.faults.push(fault),
        };
        let asked_at = at.max(self.now);
        let in_time = reply.said != Said::Never && reply.takes <= timeout;
        let (takes, said) = if in_time {
            (reply.takes, reply.said.clone())
        } else {
            let message = format!("no answer within {timeout}");
            (timeout, Said::Answer(Answer::Failed { message }))
        };
        debug_assert!(matches!(
            (&how, &said),
            (_, Said::Answer(Answer::Failed { .. }))
                | (Look::Native { .. }, Said::Answer(_))
                | (Look::Read { .. }, Said::Outcome(_))
        ));
        let coming = Coming::Looked {
            node,
            attempt,
            asked_at,
            said,
        };
        let place = self.agenda.put(asked_at + takes, coming);
        self.stoppable.insert(slot, place);
    }

    fn fetch(
        &mut self,
        slot: Stoppable,
        gate: StepId,
        attempt: u32,
        fact: String,
        timeout: Millis,
    ) {
        let reply = match self.cast.fact(&gate, &fact) {
            Ok(reply) => reply,
            Err(fault) => return self.faults.push(fault),
        };
        let (takes, outcome) = match &reply.said {
            Said::Outcome(outcome) if reply.takes <= timeout => (reply.takes, outcome.clone()),
            Said::Outcome(_) | Said::Answer(_) | Said::Never => {
                let failure = Failure {
                    effect: Effected::None,
                    code: "no_answer".to_owned(),
                    message: format!("no answer within {timeout}"),
                    evidence: None,
                    log: None,
                };
                (timeout, Outcome::Failed(failure))
            }
        };
        let coming = Coming::Fetched {
            gate,
            attempt,
            fact,
            asked_at: self.now,
            outcome,
        };
        let place = self.agenda.put(self.now + takes, coming);
        self.stoppable.insert(slot, place);
    }

    fn happen(&mut self, coming: Coming) {
        match coming {
            Coming::Fetched {
                gate,
                attempt,
                fact,
                asked_at,
                outcome,
            } => {
                self.stoppable
                    .remove(&Stoppable::Fact(gate.clone(), fact.clone(), attempt));
                self.told(Command::Fetched {
                    gate,
                    attempt,
                    fact,
                    asked_at,
                    outcome,
                });
            }
            Coming::Ended {
                node,
                attempt,
                outcome,
            } => {
                self.stoppable
                    .remove(&Stoppable::Attempt(node.clone(), attempt));
                self.told(Command::Ended {
                    node,
                    attempt,
                    outcome,
                });
            }
            Coming::Crash { down, left } => self.crash(down, left),
            Coming::Looked {
                node,
                attempt,
                asked_at,
                said,
            } => {
                self.stoppable
                    .remove(&Stoppable::Look(node.clone(), attempt));
                self.cast.looked(&node, attempt);
                self.told(match said {
                    Said::Outcome(outcome) => Command::Observed {
                        node,
                        attempt,
                        asked_at,
                        outcome,
                    },
                    Said::Answer(answer) => Command::Reconciled {
                        node,
                        attempt,
                        asked_at,
                        answer,
                    },
                    Said::Never => unreachable!("silence ends as a failed look"),
                });
            }
            Coming::Lock { granted } => {
                self.stoppable.remove(&Stoppable::Lock);
                self.told(if granted {
                    Command::LockGranted {
                        fence: 1,
                        instead_of: None,
                    }
                } else {
                    Command::LockHeld { by: other_run() }
                });
            }
            Coming::OrphanEnded(orphan) => {
                self.orphans.retain(|(known, _)| *known != orphan);
                self.told(Command::OrphanEnded(orphan));
            }
            Coming::Decide {
                gate,
                opening,
                decision,
                by,
            } => self.decide_gate(gate, opening, decision, &by),
            Coming::Answer {
                node,
                attempt,
                outcome,
            } => self.answer(node, attempt, outcome),
            Coming::Cue(number) => self.cue(number),
        }
    }

    /// The engine dies and another one opens the run, as from the journal's bytes.
    fn crash(&mut self, down: Millis, left: Option<(NodeId, u32, Millis)>) {
        self.agenda.forget_the_engines();
        self.stoppable.clear();
        if let Some((node, attempt, lives)) = left {
            let pid = FIRST_PID + u32::try_from(self.orphans.len()).unwrap_or(0);
            let orphan = Orphan { node, attempt, pid };
            self.orphans.push((orphan, self.now + lives));
        }
        self.now = self.now + down;
        self.state = fresh();
        for (event, at) in &self.events {
            let read = Event::decode(event.kind(), EVENT_VERSION, &event.encode())
                .expect("an event can be read as it was written");
            evolve(&mut self.state, &read, *at).expect("a history can be followed again");
        }
        let now = self.now;
        self.orphans.retain(|(_, until)| *until > now);
        let living = self.orphans.clone();
        let orphans = living.iter().map(|(orphan, _)| orphan.clone()).collect();
        self.told(Command::Open { orphans });
        for (orphan, until) in living {
            self.agenda.put(until, Coming::OrphanEnded(orphan));
        }
    }
}
