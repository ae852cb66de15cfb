//! What can come next in a state: every outcome of what is in flight, every answer of a
//! look, everything that a person who is asked can say, and what time brings.
//!
//! Two reductions keep apart only what differs. They rest on what is *apparent*: changes,
//! gates, waits, work by hand, what is owed, what gives evidence, and every step that an
//! invariant names. All else is a look or may be done again, and what matters of it is
//! whether it succeeds, with which answers, or fails the run.
//!
//! 1. Of an attempt that is not apparent, the failures that a retry follows are not told
//!    apart from the time before: it succeeds, or fails for good.
//! 2. Where nothing apparent can begin before such an attempt has ended, because all that is
//!    apparent and has not begun needs it, everything else waits for it. Whichever attempt
//!    fails first, the run halts with the same apparent past, and what is in flight comes to
//!    the same ends. In a run that halts already such attempts end one after the other: none
//!    of their ends lets another step start. Nor does it matter there whether one more fails:
//!    what fails first is told by the run in which it does.
//! 3. Of several failed steps a person deals with the first one first: nothing goes on before
//!    all are dealt with.
//!
//! `tests/it/explore.rs` holds both, and the merging of equal states, against an enumeration
//! that uses neither.

use windlass_core::effect::Effect;
use windlass_core::id::Phase;
use windlass_core::outcome::Effected;
use windlass_core::outstanding;
use windlass_core::plan::{EffectClass, StepKind};
use windlass_core::state::{Need, NodePhase, RunStatus, StepPhase, Work};
use windlass_core::time::{Millis, Timestamp};

use super::Effort;
use super::calendar;
use super::sketch::{Look, Sketch};
use super::world::World;

/// One attempt of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) step: u32,
    pub(super) item: u32,
    pub(super) phase: Phase,
    pub(super) attempt: u32,
}

/// How an attempt ends, or what is said of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// In this one of the ways in which the step can succeed.
    Succeeds(u16),
    Fails(Effected),
    /// As often as its policy lets it be tried.
    FailsForGood,
}

/// One thing that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Ends(At, How),
    /// The engine dies, and another one opens the run.
    Crash,
    /// A look at the target settles a doubt.
    Look(At, How),
    /// A person settles a doubt.
    Says(At, How),
    Approve(u32),
    Reject(u32),
    /// What was asked by hand, or had failed, is stated to be done.
    Attest(At, u16),
    Decline(At, Effected),
    /// Time passes until the next timer.
    Passes(Timestamp),
    /// Time passes until an approval has lost its force.
    Lapses(Timestamp),
    /// Time passes until an opening is over that nothing has begun in.
    Misses(Timestamp),
    /// A person lets a step begin that waits for its window.
    Overrides(u32),
    /// The time of the whole run is over.
    TimesOut(Timestamp),
    LockGranted,
    LockHeld,
    Retry(At),
    Abandon,
    TakeOver(u32),
    Cancel {
        undo: bool,
    },
}

/// Timers further away than this are those that a choice stands for.
const SOON: Millis = Millis::from_mins(2 * 24 * 60);

fn at(work: &Work) -> At {
    At {
        step: work.step,
        item: work.item,
        phase: work.phase,
        attempt: work.attempt,
    }
}

/// What can come next. `apparent` says of each step whether it is.
pub(super) fn moves(
    sketch: &Sketch,
    world: &World,
    apparent: &[bool],
    effort: Effort,
) -> Vec<Move> {
    let state = &world.state;
    let mut next = Vec::new();
    if state.is_ended() {
        return next;
    }
    let choosing = Choosing {
        sketch,
        world,
        apparent,
        effort,
    };
    let running = state.running_work();
    if effort.reduces
        && let Some(first) = choosing.first_of_all(&running)
    {
        choosing.ends(&first, &mut next);
        choosing.cancels(&mut next);
        return next;
    }
    for work in &running {
        choosing.ends(work, &mut next);
    }
    let is_cut = |work: &Work| choosing.is_change(work) && !work.was_cut;
    if running.iter().any(is_cut) {
        next.push(Move::Crash);
    }
    for work in state.doubted_work() {
        choosing.doubt(&work, running.is_empty(), &mut next);
    }
    for work in state.work_by_hand() {
        choosing.by_hand(&work, &mut next);
    }
    for gate in state.gates_open() {
        if !state.is_ending() && !state.is_cancelled() {
            next.extend([Move::Approve(gate), Move::Reject(gate)]);
        }
    }
    choosing.time(&mut next);
    choosing.windows(running.is_empty(), &mut next);
    for effect in outstanding(state) {
        if let Effect::AcquireLock { waits, .. } = effect {
            next.push(Move::LockGranted);
            if !waits {
                next.push(Move::LockHeld);
            }
        }
    }
    choosing.needs(&mut next);
    choosing.cancels(&mut next);
    next
}

struct Choosing<'a> {
    sketch: &'a Sketch,
    world: &'a World,
    apparent: &'a [bool],
    effort: Effort,
}

impl Choosing<'_> {
    fn is_change(&self, work: &Work) -> bool {
        let effect = self.sketch.steps[work.step as usize].effect;
        work.phase == Phase::Undo || effect.is_some_and(EffectClass::is_change)
    }

    fn is_apparent(&self, work: &Work) -> bool {
        self.is_change(work) || self.apparent[work.step as usize]
    }

    fn ways(&self, step: u32, phase: Phase) -> impl Iterator<Item = u16> + use<> {
        let ways = match phase {
            Phase::Do => self.sketch.steps[step as usize].successes.len(),
            Phase::Undo => 1,
        };
        0..u16::try_from(ways).expect("the sketch bounds them")
    }

    fn ends(&self, work: &Work, next: &mut Vec<Move>) {
        let at = at(work);
        let ways = self.ways(work.step, work.phase);
        next.extend(ways.map(|way| Move::Ends(at, How::Succeeds(way))));
        if self.is_change(work) {
            for effect in [Effected::None, Effected::Settled, Effected::Unknown] {
                next.push(Move::Ends(at, How::Fails(effect)));
            }
        } else if self.effort.reduces && !self.is_apparent(work) {
            if !self.world.state.is_halting() {
                next.push(Move::Ends(at, How::FailsForGood));
            }
        } else {
            next.push(Move::Ends(at, How::Fails(Effected::None)));
        }
    }

    fn doubt(&self, work: &Work, is_alone: bool, next: &mut Vec<Move>) {
        let at = at(work);
        let doing = &self.sketch.steps[work.step as usize];
        let look = match work.phase {
            Phase::Do => doing.look,
            Phase::Undo => doing.undo_look,
        };
        let ways = || self.ways(work.step, work.phase).map(How::Succeeds);
        let (settled, not_happened) = match look {
            Look::None => (false, false),
            Look::Native => (true, true),
            Look::Read {
                settled,
                not_happened,
            } => (settled, not_happened),
        };
        if look != Look::None && !work.escalated {
            next.extend(ways().map(|how| Move::Look(at, how)));
            if not_happened {
                next.push(Move::Look(at, How::Fails(Effected::None)));
            }
            if settled {
                next.push(Move::Look(at, How::Fails(Effected::Settled)));
            }
            // What looks that settle nothing lead to.
            let until = self.world.state.work_at(work.step, work.item, work.phase);
            if let Some((_, node)) = until
                && let NodePhase::InDoubt(doubt) = &node.phase
                && is_alone
            {
                next.push(Move::Passes(doubt.observe_until));
            }
        } else {
            next.extend(ways().map(|how| Move::Says(at, how)));
            next.push(Move::Says(at, How::Fails(Effected::None)));
            next.push(Move::Says(at, How::Fails(Effected::Unknown)));
        }
    }

    fn by_hand(&self, work: &Work, next: &mut Vec<Move>) {
        let at = at(work);
        let ways = self.ways(work.step, work.phase);
        next.extend(ways.map(|way| Move::Attest(at, way)));
        next.push(Move::Decline(at, Effected::None));
        if self.is_change(work) {
            next.push(Move::Decline(at, Effected::Settled));
            next.push(Move::Decline(at, Effected::Unknown));
        }
    }

    fn time(&self, next: &mut Vec<Move>) {
        let World { state, now, .. } = self.world;
        if let Some(at) = state.next_timer()
            && at.since(*now) <= SOON
        {
            next.push(Move::Passes(at));
        }
        if let Some((_, at)) = state.next_lapse()
            && at > *now
            && !state.is_halting()
        {
            next.push(Move::Lapses(at));
        }
        if let Some(deadline) = state.deadline()
            && !state.is_timed_out()
            && !state.is_ending()
        {
            next.push(Move::TimesOut(deadline));
        }
    }

    /// Openings that are missed, and steps that a person lets begin outside of them.
    fn windows(&self, is_alone: bool, next: &mut Vec<Move>) {
        let state = &self.world.state;
        if state.is_halting() || state.is_ending() {
            return;
        }
        next.extend(state.steps_deferred().into_iter().map(Move::Overrides));
        if is_alone
            && state.doubted_work().is_empty()
            && let Some(at) = state.next_missed()
            && calendar::first_end(at)
        {
            next.push(Move::Misses(at));
        }
    }

    /// What a person chooses where one is needed. Of several failed steps the first is dealt
    /// with first: nothing goes on before all are.
    fn needs(&self, next: &mut Vec<Move>) {
        let state = &self.world.state;
        let RunStatus::NeedsOperator { needs } = state.status() else {
            return;
        };
        for need in needs {
            match need {
                // `doubt` has it.
                Need::InDoubt { .. } | Need::Contradicted { .. } => {}
                Need::FailedAfterIrreversible { .. } => {
                    if let Some(step) = state.failed_steps().first()
                        && !state.is_timed_out()
                    {
                        self.failed(*step, next);
                    }
                    next.push(Move::Abandon);
                }
                Need::UndoFailed { node } => {
                    if let Some(step) = state.index_of(&node.step)
                        && let Some((work, _)) = state.work_at(step, node.item, node.phase)
                    {
                        next.push(Move::Retry(at(&work)));
                        next.push(Move::Attest(at(&work), 0));
                    }
                    next.push(Move::Abandon);
                }
                Need::Debt { step } => {
                    if let Some(step) = state.index_of(&step) {
                        self.failed(step, next);
                        next.push(Move::TakeOver(step));
                    }
                }
            }
        }
    }

    fn failed(&self, step: u32, next: &mut Vec<Move>) {
        let failed = self.world.state.failed_work(step);
        let Some(work) = failed.iter().find(|work| work.phase == Phase::Do) else {
            // It failed before it had a node: a gate, for instance.
            next.push(Move::Retry(At {
                step,
                item: 0,
                phase: Phase::Do,
                attempt: 0,
            }));
            return;
        };
        next.push(Move::Retry(at(work)));
        let ways = self.ways(step, Phase::Do);
        next.extend(ways.map(|way| Move::Attest(at(work), way)));
    }

    fn cancels(&self, next: &mut Vec<Move>) {
        let state = &self.world.state;
        if !self.effort.cancels || state.is_cancelled() {
            return;
        }
        next.push(Move::Cancel { undo: false });
        if self.sketch.steps.iter().any(|doing| doing.has_undo) && !state.is_ending() {
            next.push(Move::Cancel { undo: true });
        }
    }

    /// The attempt that everything else may wait for.
    fn first_of_all(&self, running: &[Work]) -> Option<Work> {
        let state = &self.world.state;
        // What is awaited is given up as soon as a run that halts comes to rest.
        if state.is_ending() || state.awaits_anything() {
            return None;
        }
        let hidden = running.iter().filter(|work| !self.is_apparent(work));
        let mut hidden = hidden.copied();
        if state.is_halting() {
            let is_pending = |step: &u32| matches!(state.phase_at(*step), Some(StepPhase::Pending));
            let owed: Vec<u32> = state.owed_steps().into_iter().filter(is_pending).collect();
            // A debt starts as soon as what it needs is met.
            let starts_none = |work: &Work| {
                !owed
                    .iter()
                    .any(|step| self.sketch.precedes(work.step, *step))
            };
            return hidden.find(starts_none);
        }
        let is_undisturbed = state.doubted_work().is_empty() && state.is_all_in_flight();
        if !is_undisturbed || state.next_lapse().is_some() {
            return None;
        }
        let to_come: Vec<u32> = (0u32..)
            .zip(self.apparent)
            .filter(|(step, apparent)| {
                let is_over = match state.phase_at(*step) {
                    Some(StepPhase::Pending) => self.is_of_finally(*step),
                    Some(StepPhase::GateWithdrawn) => false,
                    // What has begun is in flight, or it is over.
                    Some(_) | None => true,
                };
                **apparent && !is_over
            })
            .map(|(step, _)| step)
            .collect();
        hidden.find(|work| {
            let mut to_come = to_come.iter();
            to_come.all(|step| self.sketch.precedes(work.step, *step))
        })
    }

    fn is_of_finally(&self, step: u32) -> bool {
        let plan = self.world.state.plan();
        plan.is_some_and(|plan| plan.steps[step as usize].finally)
    }
}

/// The steps that are apparent whatever an invariant names.
pub(super) fn apparent(sketch: &Sketch, plan: &windlass_core::plan::Plan) -> Vec<bool> {
    let mut apparent: Vec<bool> = plan
        .steps
        .iter()
        .map(|step| match &step.kind {
            StepKind::Gate(_) | StepKind::Wait { .. } => true,
            StepKind::Action { effect, manual, .. } => {
                effect.is_change() || manual.is_some() || step.provides.is_some()
            }
        })
        .collect();
    for doing in &sketch.steps {
        if let Some(owed) = doing.ensure {
            apparent[owed as usize] = true;
        }
    }
    apparent
}
