//! Decisions: whether a command is accepted, and which events follow from it.
//! Pure: state, command and time in, events out. Nothing here changes the caller's state.

mod advance;
mod facts;
mod gates;
mod guards;
mod lock;
mod manual;
mod operator;
mod outcome;
mod policy;
mod reviews;
mod start;
mod told;
mod windows;

pub use advance::INTERRUPTIONS_MAX;
pub use gates::GATE_OPENINGS_MAX;
use lock::Granted;
pub(crate) use lock::uses_lock;
pub(crate) use start::{has_turn, is_startable};

use crate::command::{Command, Orphan};
use crate::event::Event;
use crate::evolve::{CODE_INTERRUPTED, evolve};
use crate::outcome::{Effected, Failure};
use crate::plan::IndexedPlan;
use crate::policy::Standing;
use crate::rejection::Rejection;
use crate::state::{Live, NodeState, RunState};
use crate::time::Timestamp;

/// The most events that may follow from one command: a plan of the largest size,
/// expanded, stays far below it. Reaching it is a fault of this program.
const EVENTS_MAX: usize = 200_000;

/// Decides a command at `now`.
///
/// The events must be taken in by `evolve` in order, all or none; every prefix of
/// them is a valid history too.
///
/// # Errors
/// A [`Rejection`]: nothing is recorded.
pub fn decide(state: &RunState, command: Command, now: Timestamp) -> Result<Vec<Event>, Rejection> {
    let mut decider = Decider {
        state: state.clone(),
        now,
        events: Vec::new(),
        granted: None,
    };
    decider.accept(command)?;
    decider.advance();
    Ok(decider.events)
}

/// A decision in the making, on a copy of the state.
struct Decider {
    state: RunState,
    now: Timestamp,
    events: Vec<Event>,
    /// The lock that is the run's for the asking, while that is decided.
    granted: Option<Granted>,
}

impl Decider {
    fn live(&self) -> Result<&Live, Rejection> {
        self.state.live.as_ref().ok_or(Rejection::NotStarted)
    }

    /// Records an event and takes it into the copy.
    fn emit(&mut self, event: Event) {
        assert!(
            self.events.len() < EVENTS_MAX,
            "a command led to {EVENTS_MAX} events"
        );
        if let Err(illegal) = evolve(&mut self.state, &event, self.now) {
            panic!("decide made an event that evolve refuses: {illegal}; {event:?}");
        }
        self.events.push(event);
    }

    fn accept(&mut self, command: Command) -> Result<(), Rejection> {
        match command {
            Command::Start {
                plan,
                requester,
                owner,
                single_user,
                standing,
            } => {
                if self.state.live.is_some() {
                    return Err(Rejection::AlreadyStarted);
                }
                self.start(&plan, requester, owner, single_user, standing)
            }
            Command::Govern {
                standing,
                difference,
                voids,
            } => self.govern(standing, difference, voids),
            Command::Open { orphans } => self.open(&orphans),
            Command::Tick => self.live().map(|_| ()),
            Command::Ended {
                node,
                attempt,
                outcome,
            } => self.ended(node, attempt, outcome),
            Command::Checkpoint {
                node,
                attempt,
                data,
            } => self.checkpoint(node, attempt, data),
            Command::Refused {
                node,
                attempt,
                refusal,
            } => self.refused(node, attempt, refusal),
            Command::Reconciled {
                node,
                attempt,
                asked_at,
                answer,
            } => self.reconciled(node, attempt, asked_at, answer),
            Command::Observed {
                node,
                attempt,
                asked_at,
                outcome,
            } => self.observed(node, attempt, asked_at, outcome),
            Command::Fetched {
                gate,
                attempt,
                fact,
                asked_at,
                outcome,
            } => self.fetched(gate, attempt, fact, asked_at, outcome),
            Command::CloseReview {
                review,
                by,
                code,
                reason,
            } => self.close_review(review, by, code, reason),
            Command::OrphanFound(orphan) => self.orphan_found(orphan),
            Command::OrphanEnded(orphan) => self.orphan_ended(orphan),
            Command::LockGranted { fence, instead_of } => {
                self.lock_granted(Granted { fence, instead_of })
            }
            Command::Release { rescue, fence } => self.release(rescue, fence),
            Command::LockHeld { by } => self.lock_held(by),
            Command::Approve { .. }
            | Command::Refresh { .. }
            | Command::Reject { .. }
            | Command::Withdraw { .. }
            | Command::Pause { .. }
            | Command::Resume { .. }
            | Command::Cancel { .. }
            | Command::Resolve { .. }
            | Command::Retry { .. }
            | Command::Attest { .. }
            | Command::Decline { .. }
            | Command::Abandon { .. }
            | Command::TakeOver { .. }
            | Command::Override { .. }
            | Command::Suspend { .. }
            | Command::Acknowledge { .. } => self.operate(command),
        }
    }

    fn start(
        &mut self,
        plan: &IndexedPlan,
        requester: crate::operator::Operator,
        owner: crate::operator::Identity,
        single_user: bool,
        standing: Option<Box<Standing>>,
    ) -> Result<(), Rejection> {
        use crate::authorise::{Act, Circumstances, authorise};
        let circumstances = Circumstances {
            owner: &owner,
            requester: None,
            single_user,
            standing: standing.as_deref(),
            target: None,
            now: self.now,
        };
        if let Err(denial) = authorise(Act::Start, &requester, circumstances) {
            return Err(Rejection::NotAuthorised {
                by: requester,
                why: denial.to_string(),
            });
        }
        Self::knows_windows(plan, standing.as_deref())?;
        let plan = plan.plan().clone();
        self.emit(Event::RunStarted {
            digest: plan.digest(),
            deadline: plan.timeout.map(|timeout| self.now + timeout),
            plan: Box::new(plan),
            requester,
            owner,
            single_user: single_user && standing.is_none(),
            standing,
        });
        Ok(())
    }

    /// A new owner: what was in flight was cut off, but for what a living process
    /// of it may still do.
    fn open(&mut self, orphans: &[Orphan]) -> Result<(), Rejection> {
        let live = self.live()?;
        if live.ended.is_some() {
            return Ok(());
        }
        let known: Vec<(crate::id::NodeId, u32, u32)> = live
            .nodes
            .iter()
            .flat_map(|(key, node)| {
                let of = |(attempt, pid): &(u32, u32)| (live.id_of(*key), *attempt, *pid);
                node.orphans.iter().map(of)
            })
            .collect();
        let running: Vec<_> = live
            .running
            .iter()
            .filter_map(|key| Some((live.id_of(*key), live.nodes.get(key)?.attempt)))
            .collect();
        for (node, attempt, pid) in known {
            let lives = orphans
                .iter()
                .any(|orphan| (&orphan.node, orphan.attempt, orphan.pid) == (&node, attempt, pid));
            if !lives {
                self.emit(Event::OrphanEnded { node, attempt, pid });
            }
        }
        for orphan in orphans {
            self.orphan_found(orphan.clone())?;
        }
        for (node, attempt) in running {
            let failure = Failure {
                effect: Effected::Unknown,
                code: CODE_INTERRUPTED.to_owned(),
                message: "the engine ended while the attempt was in flight".to_owned(),
                evidence: None,
                log: None,
            };
            self.emit(Event::AttemptFailed {
                node,
                attempt,
                failure,
            });
        }
        Ok(())
    }

    /// A process that is known, or is of no attempt that ever began, changes nothing.
    fn orphan_found(&mut self, orphan: Orphan) -> Result<(), Rejection> {
        let live = self.live()?;
        let Orphan { node, attempt, pid } = orphan;
        let key = live.key_of(&node);
        let is_new = |node: &NodeState| {
            (1..=node.attempt).contains(&attempt) && !node.orphans.contains(&(attempt, pid))
        };
        let found = key.and_then(|key| live.nodes.get(&key));
        if live.ended.is_none() && found.is_some_and(is_new) {
            self.emit(Event::OrphanFound { node, attempt, pid });
        }
        Ok(())
    }

    fn orphan_ended(&mut self, orphan: Orphan) -> Result<(), Rejection> {
        let live = self.live()?;
        let key = live.key_of(&orphan.node);
        let known = key
            .and_then(|key| live.nodes.get(&key))
            .is_some_and(|node| node.orphans.contains(&(orphan.attempt, orphan.pid)));
        if live.ended.is_none() && known {
            let Orphan { node, attempt, pid } = orphan;
            self.emit(Event::OrphanEnded { node, attempt, pid });
        }
        Ok(())
    }
}
