//! A run under exploration: the core's state, the time, and an account of what the state
//! forgets. Every move is a command to the real `decide`; the account is kept from its events
//! alone, so that the promises are held against something that is not the core's own word.

use std::sync::Arc;

use windlass_core::command::{Command, Verdict};
use windlass_core::event::Event;
use windlass_core::id::{NodeId, Phase, RunId};
use windlass_core::operator::{Door, Identity, Operator};
use windlass_core::outcome::{Answer, Effected, Failure, Outcome, Resolution};
use windlass_core::plan::EffectClass;
use windlass_core::rejection::Rejection;
use windlass_core::state::{NodePhase, RunState, StepPhase};
use windlass_core::time::Timestamp;
use windlass_core::value::Value;
use windlass_core::{decide, evolve};

use super::calendar;
use super::moves::{At, How, Move};
use super::sketch::{HAPPENED, Look, NOT_HAPPENED, SETTLED, Sketch, Start};
use crate::rehearsal::{RUN_ID, STARTS_AT};

/// A run under exploration.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) state: RunState,
    pub(super) now: Timestamp,
    pub(super) account: Account,
}

/// What has happened to each step, beyond what the state keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    /// For each step: its first item, its undo, the other items, their undo, and itself.
    marks: Vec<u8>,
}

/// Marks for each step.
const PLACES: usize = 5;
/// An attempt began, and nothing durable says since that it did not and will not act.
const OPEN: u8 = 1;
/// An attempt of it may have acted: it is in flight, or nobody knows.
const MAY_ACT: u8 = 2;
/// An attempt of it acted, or nobody will ever know.
const ACTED: u8 = 4;
/// An attempt of it ever began.
const STARTED: u8 = 8;
/// A person stated that it is done.
const ATTESTED: u8 = 16;
/// Of the step: a person took over what is owed.
const TAKEN_OVER: u8 = 1;
/// Of a gate: it was approved.
const APPROVED: u8 = 2;

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// A change started again, with no durable record between that it did not take effect.
    StartedTwice,
    /// The run ended, and what a change owes was neither done nor taken over.
    DebtUnpaid,
    /// Something irreversible started before it was approved, or without evidence.
    Unapproved,
    /// The run rests, and nothing and nobody can move it.
    Stuck,
}

impl Promise {
    /// All that always hold.
    pub const ALL: [Promise; 4] = [
        Promise::StartedTwice,
        Promise::DebtUnpaid,
        Promise::Unapproved,
        Promise::Stuck,
    ];

    /// The word for machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Promise::StartedTwice => "started_twice",
            Promise::DebtUnpaid => "debt_unpaid",
            Promise::Unapproved => "unapproved",
            Promise::Stuck => "stuck",
        }
    }

    /// What holds.
    pub fn text(self) -> &'static str {
        match self {
            Promise::StartedTwice => {
                "no change starts twice without a durable record between that it did not act"
            }
            Promise::DebtUnpaid => "no run ends with a debt that nobody took over",
            Promise::Unapproved => {
                "nothing irreversible starts before its approval and its evidence"
            }
            Promise::Stuck => "no run rests where nobody can move it",
        }
    }
}

impl Account {
    fn new(steps: usize) -> Self {
        Self {
            marks: vec![0; steps * PLACES],
        }
    }

    fn place(step: u32, item: u32, phase: Phase) -> usize {
        let undo = usize::from(phase == Phase::Undo);
        step as usize * PLACES + usize::from(item > 0) * 2 + undo
    }

    fn own(step: u32) -> usize {
        step as usize * PLACES + PLACES - 1
    }

    pub(super) fn mark(&self, step: u32, item: u32, phase: Phase) -> u8 {
        self.marks[Self::place(step, item, phase)]
    }

    /// What it knows of the step itself.
    pub(super) fn own_mark(&self, step: u32) -> u8 {
        self.marks[Self::own(step)]
    }

    fn any(&self, step: u32, mark: u8) -> bool {
        [0, 1]
            .iter()
            .any(|item| self.mark(step, *item, Phase::Do) & mark != 0)
    }

    /// Whether an attempt of the step ever began.
    pub(super) fn has_started(&self, step: u32) -> bool {
        self.any(step, STARTED)
    }

    /// Whether the step may have acted on the world.
    pub(super) fn may_have_acted(&self, step: u32) -> bool {
        self.any(step, MAY_ACT | ACTED)
    }

    /// Whether the step, or an item of it, is done because a person said so.
    pub(super) fn is_attested(&self, step: u32) -> bool {
        self.any(step, ATTESTED)
    }

    pub(super) fn is_taken_over(&self, step: u32) -> bool {
        self.own_mark(step) & TAKEN_OVER != 0
    }

    pub(super) fn was_approved(&self, step: u32) -> bool {
        self.own_mark(step) & APPROVED != 0
    }
}

/// The person of an exploration: without a policy one person is everybody.
fn person() -> Operator {
    Operator {
        name: "somebody".to_owned(),
        identity: Identity::OsUser { uid: calendar::UID },
        door: Door::Terminal,
    }
}

fn why() -> String {
    "explored".to_owned()
}

fn failure(effect: Effected) -> Outcome {
    Outcome::Failed(Failure {
        effect,
        code: "explored".to_owned(),
        message: "it fails".to_owned(),
        evidence: None,
        log: None,
    })
}

impl World {
    /// The run before its first event.
    pub(super) fn new(steps: usize) -> Self {
        let run: RunId = RUN_ID.parse().expect("the id is spelled as ids are");
        Self {
            state: RunState::new(run),
            now: STARTS_AT,
            account: Account::new(steps),
        }
    }

    /// Starts it. `seen` is called after each event, with what it broke.
    pub(super) fn start(
        &mut self,
        sketch: &Sketch,
        start: &Start,
        seen: &mut dyn FnMut(&World, &Event, Option<Promise>),
    ) -> Result<(), Rejection> {
        let requester = person();
        let command = Command::Start {
            plan: Arc::clone(&start.plan),
            owner: requester.identity.clone(),
            requester,
            single_user: start.standing.is_none(),
            standing: start.standing.clone(),
        };
        self.command(sketch, command, seen)
    }

    fn command(
        &mut self,
        sketch: &Sketch,
        command: Command,
        seen: &mut dyn FnMut(&World, &Event, Option<Promise>),
    ) -> Result<(), Rejection> {
        let events = decide(&self.state, command, self.now)?;
        for event in events {
            evolve(&mut self.state, &event, self.now)
                .expect("the core takes every event that it decided");
            let broken = self.note(sketch, &event);
            seen(self, &event, broken);
        }
        Ok(())
    }

    /// Makes a move.
    pub(super) fn make(
        &mut self,
        sketch: &Sketch,
        chosen: Move,
        seen: &mut dyn FnMut(&World, &Event, Option<Promise>),
    ) -> Result<(), Rejection> {
        if let Move::Ends(at, How::FailsForGood) = chosen {
            return self.fail_for_good(sketch, at, seen);
        }
        let command = self.command_of(sketch, chosen);
        self.command(sketch, command, seen)
    }

    /// All attempts that its policy grants fail, one right after the other.
    fn fail_for_good(
        &mut self,
        sketch: &Sketch,
        at: At,
        seen: &mut dyn FnMut(&World, &Event, Option<Promise>),
    ) -> Result<(), Rejection> {
        let mut at = at;
        loop {
            let command = self.command_of(sketch, Move::Ends(at, How::Fails(Effected::None)));
            self.command(sketch, command, seen)?;
            match self.state.work_at(at.step, at.item, at.phase) {
                Some((work, node)) if matches!(node.phase, NodePhase::Running { .. }) => {
                    at.attempt = work.attempt;
                }
                _ => return Ok(()),
            }
        }
    }

    fn node(&self, at: At) -> NodeId {
        let plan = self.state.plan().expect("the run has started");
        NodeId {
            step: plan.steps[at.step as usize].id.clone(),
            item: at.item,
            phase: at.phase,
        }
    }

    fn success(sketch: &Sketch, at: At, which: u16) -> Value {
        if at.phase == Phase::Undo {
            return Value::Map(std::collections::BTreeMap::new());
        }
        let successes = &sketch.steps[at.step as usize].successes;
        successes[usize::from(which)].outputs.clone()
    }

    fn command_of(&mut self, sketch: &Sketch, chosen: Move) -> Command {
        match chosen {
            Move::Ends(at, how) => {
                let outcome = match how {
                    How::Succeeds(which) => Outcome::Succeeded {
                        outputs: Self::success(sketch, at, which),
                        log: None,
                    },
                    How::Fails(effect) => failure(effect),
                    How::FailsForGood => failure(Effected::None),
                };
                let (node, attempt) = (self.node(at), at.attempt);
                Command::Ended {
                    node,
                    attempt,
                    outcome,
                }
            }
            Move::Crash => Command::Open {
                orphans: Vec::new(),
            },
            Move::Look(at, how) => {
                // What is found before that does not count: it might still be on its way.
                if let Some((_, node)) = self.state.work_at(at.step, at.item, at.phase)
                    && let NodePhase::InDoubt(doubt) = &node.phase
                {
                    self.now = self.now.max(doubt.quiet_at);
                }
                self.look(sketch, at, how)
            }
            Move::Says(at, how) => Command::Resolve {
                node: self.node(at),
                by: person(),
                reason: why(),
                verdict: match how {
                    How::Succeeds(which) => Verdict::Happened {
                        outputs: Self::success(sketch, at, which),
                    },
                    How::Fails(Effected::None) => Verdict::NotHappened,
                    How::Fails(Effected::Settled | Effected::Unknown) | How::FailsForGood => {
                        Verdict::GiveUp
                    }
                },
            },
            Move::Approve(gate) => {
                let plan = self.state.plan().expect("the run has started");
                let id = plan.steps[gate as usize].id.clone();
                self.state.approval(id, person(), String::new())
            }
            Move::Reject(gate) => Command::Reject {
                gate: self.step_id(gate),
                by: person(),
                reason: why(),
            },
            Move::Attest(at, which) => Command::Attest {
                node: self.node(at),
                attempt: at.attempt,
                by: person(),
                reason: why(),
                outputs: Self::success(sketch, at, which),
            },
            Move::Decline(at, effect) => Command::Decline {
                node: self.node(at),
                attempt: at.attempt,
                by: person(),
                reason: why(),
                effect,
            },
            Move::Passes(until) => {
                self.now = self.now.max(until);
                Command::Tick
            }
            Move::Lapses(at) => {
                self.now = self.now.max(at);
                Command::Tick
            }
            Move::TimesOut(at) => {
                self.now = self.now.max(at);
                Command::Tick
            }
            Move::Misses(at) => {
                self.now = self.now.max(at);
                Command::Tick
            }
            Move::Overrides(step) => Command::Override {
                step: self.step_id(step),
                by: person(),
                reason: why(),
            },
            Move::LockGranted => Command::LockGranted {
                fence: 1,
                instead_of: None,
            },
            Move::LockHeld => Command::LockHeld {
                by: "another-run".parse().expect("the id is spelled as ids are"),
            },
            Move::Retry(at) => Command::Retry {
                node: self.node(at),
                by: person(),
                reason: why(),
                nothing_remains: true,
            },
            Move::Abandon => Command::Abandon {
                by: person(),
                reason: why(),
            },
            Move::TakeOver(step) => Command::TakeOver {
                step: self.step_id(step),
                by: person(),
                reason: why(),
            },
            Move::Cancel { undo } => Command::Cancel {
                by: person(),
                reason: why(),
                undo,
            },
        }
    }

    fn step_id(&self, step: u32) -> windlass_core::id::StepId {
        let plan = self.state.plan().expect("the run has started");
        plan.steps[step as usize].id.clone()
    }

    /// A look at the target answers, by the step's own action or by another one.
    fn look(&self, sketch: &Sketch, at: At, how: How) -> Command {
        let doing = &sketch.steps[at.step as usize];
        let look = match at.phase {
            Phase::Do => doing.look,
            Phase::Undo => doing.undo_look,
        };
        let (node, attempt, asked_at) = (self.node(at), at.attempt, self.now);
        let word = |name: &str, of: Value| match of {
            Value::Map(mut outputs) => {
                for known in [HAPPENED, SETTLED, NOT_HAPPENED] {
                    outputs.insert(known.to_owned(), Value::Bool(known == name));
                }
                Value::Map(outputs)
            }
            other => other,
        };
        let nothing = || Value::Map(std::collections::BTreeMap::new());
        if look == Look::Native {
            let answer = match how {
                How::Succeeds(which) => Answer::Happened {
                    outputs: Self::success(sketch, at, which),
                },
                How::Fails(Effected::None) => Answer::NotHappened {
                    evidence: Value::Text("explored".to_owned()),
                },
                How::Fails(Effected::Settled | Effected::Unknown) | How::FailsForGood => {
                    Answer::Settled {
                        state: Value::Text("explored".to_owned()),
                    }
                }
            };
            return Command::Reconciled {
                node,
                attempt,
                asked_at,
                answer,
            };
        }
        let outputs = match how {
            How::Succeeds(which) => word(HAPPENED, Self::success(sketch, at, which)),
            How::Fails(Effected::None) => word(NOT_HAPPENED, nothing()),
            How::Fails(Effected::Settled | Effected::Unknown) | How::FailsForGood => {
                word(SETTLED, nothing())
            }
        };
        Command::Observed {
            node,
            attempt,
            asked_at,
            outcome: Outcome::Succeeded { outputs, log: None },
        }
    }

    /// Keeps the account of an event that was taken in, and says what it broke.
    fn note(&mut self, sketch: &Sketch, event: &Event) -> Option<Promise> {
        let place = |world: &World, node: &NodeId| {
            let index = world.state.index_of(&node.step)?;
            Some((index, Account::place(index, node.item, node.phase)))
        };
        match event {
            Event::AttemptStarted { node, guards, .. }
            | Event::ManualStepOpened { node, guards, .. } => {
                let (index, at) = place(self, node)?;
                let effect = match node.phase {
                    Phase::Do => sketch.steps[index as usize].effect?,
                    Phase::Undo => EffectClass::Reversible,
                };
                let before = self.account.marks[at];
                self.account.marks[at] |= STARTED;
                self.account.marks[at] &= !ATTESTED;
                if !effect.is_change() {
                    return None;
                }
                self.account.marks[at] |= OPEN | MAY_ACT;
                if before & OPEN != 0 {
                    return Some(Promise::StartedTwice);
                }
                let is_bare = effect == EffectClass::Irreversible
                    && node.phase == Phase::Do
                    && !self.is_approved(index, guards.len());
                is_bare.then_some(Promise::Unapproved)
            }
            Event::AttemptFailed { node, failure, .. } => self.failed(node, failure.effect, sketch),
            Event::ManualStepDeclined { node, effect, .. } => self.failed(node, *effect, sketch),
            Event::ManualStepExpired { node, .. } => self.failed(node, Effected::None, sketch),
            Event::NodeAttested { node, .. } => {
                let (_, at) = place(self, node)?;
                self.account.marks[at] |= ATTESTED;
                None
            }
            Event::AttemptSucceeded { node, .. } | Event::ManualStepAttested { node, .. } => {
                let (index, at) = place(self, node)?;
                if let Event::ManualStepAttested { .. } = event {
                    self.account.marks[at] |= ATTESTED;
                }
                if sketch.steps[index as usize].effect?.is_change() {
                    self.account.marks[at] |= ACTED;
                }
                None
            }
            Event::DoubtResolved {
                node, resolution, ..
            } => {
                let (_, at) = place(self, node)?;
                match resolution {
                    Resolution::NotHappened { .. } => {
                        self.account.marks[at] &= !(OPEN | MAY_ACT);
                    }
                    Resolution::Happened { .. }
                    | Resolution::Settled { .. }
                    | Resolution::GivenUp => self.account.marks[at] |= ACTED,
                }
                None
            }
            Event::RetryOrdered {
                node,
                nothing_remains: true,
                ..
            } => {
                let (_, at) = place(self, node)?;
                self.account.marks[at] &= !OPEN;
                None
            }
            Event::DebtTakenOver { step, .. } => {
                let index = self.state.index_of(step)?;
                self.account.marks[Account::own(index)] |= TAKEN_OVER;
                None
            }
            Event::GateApproved { step, .. } => {
                let index = self.state.index_of(step)?;
                self.account.marks[Account::own(index)] |= APPROVED;
                None
            }
            Event::GateWithdrawn { step, .. } => {
                let index = self.state.index_of(step)?;
                self.account.marks[Account::own(index)] &= !APPROVED;
                None
            }
            Event::RunEnded { .. } => self.leaves_debt(sketch).then_some(Promise::DebtUnpaid),
            _ => None,
        }
    }

    fn failed(&mut self, node: &NodeId, effect: Effected, sketch: &Sketch) -> Option<Promise> {
        let index = self.state.index_of(&node.step)?;
        let at = Account::place(index, node.item, node.phase);
        if node.phase == Phase::Do && !sketch.steps[index as usize].effect?.is_change() {
            return None;
        }
        match effect {
            Effected::None => self.account.marks[at] &= !(OPEN | MAY_ACT),
            Effected::Settled => self.account.marks[at] |= ACTED,
            Effected::Unknown => {}
        }
        None
    }

    /// Whether each gate before a step is approved, one at least, and its evidence is there.
    /// What is owed starts without its own approval; the change that owes it had one.
    fn is_approved(&self, step: u32, guards: usize) -> bool {
        let Some(plan) = self.state.plan() else {
            return false;
        };
        if guards < plan.steps[step as usize].guards.len() {
            return false;
        }
        let gates = self.state.gates_before(step);
        let is_owed = self.state.owed_steps().contains(&step);
        let approved = |gate: &u32| self.account.was_approved(*gate);
        match is_owed {
            true => (0..plan.steps.len() as u32).any(|gate| approved(&gate)),
            false => !gates.is_empty() && gates.iter().all(approved),
        }
    }

    fn leaves_debt(&self, sketch: &Sketch) -> bool {
        let mut owing = (0u32..).zip(&sketch.steps);
        owing.any(|(index, doing)| {
            let Some(owed) = doing.ensure else {
                return false;
            };
            let is_paid = matches!(
                self.state.phase_at(owed),
                Some(StepPhase::Succeeded | StepPhase::Skipped)
            );
            self.account.may_have_acted(index) && !is_paid && !self.account.is_taken_over(owed)
        })
    }
}
