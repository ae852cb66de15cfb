//! A run's view, built from its state and from what only the owner's memory knows.
//! A pure function: the server shows live runs with it, the terminal stored ones.

mod budget;
mod by_hand;
mod house;
mod list;
mod needs;
mod nodes;
mod stop;
mod words;

use windlass_core::id::RunId;
use windlass_core::operator::{Identity, Operator};
use windlass_core::review;
use windlass_core::state::{Lock as LockState, RunState, RunStatus};
use windlass_core::time::Timestamp;
use windlass_engine::{Lacks, ProgressLine, Snapshot};

use crate::wire::{Debt, Deferred, Lock, Person, Review, ReviewClosed, RunView};

pub use house::{pruned, space_given};
pub use list::{list_of, query, summary, waits_for_a_person};
use words::waits_for;

/// What the state does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    /// What the owner lacks to go on.
    pub lacks: Lacks,
    /// The last line of each attempt in flight.
    pub progress: Vec<ProgressLine>,
    /// Who holds the lock that the run waits for.
    pub lock_holder: Option<RunId>,
    /// The `seq` that the run's next record will have.
    pub next_seq: Option<u64>,
}

impl Overlay {
    /// What a snapshot knows beside its state.
    pub fn of(
        snapshot: &Snapshot,
        progress: Vec<ProgressLine>,
        lock_holder: Option<RunId>,
    ) -> Self {
        Self {
            lock_holder,
            lacks: snapshot.lacks.clone(),
            progress,
            next_seq: Some(snapshot.next_seq),
        }
    }
}

/// The run as people see it.
pub fn view(state: &RunState, overlay: &Overlay) -> RunView {
    let status = state.status();
    let plan = state.plan();
    let ms = |at: Option<Timestamp>| at.map(|at| at.0);
    let shown = nodes::show(state, overlay);
    RunView {
        run: state.run().clone(),
        name: plan.map(|plan| plan.name.clone()).unwrap_or_default(),
        title: plan.map(|plan| plan.title.clone()).unwrap_or_default(),
        state: state_word(&status, &overlay.lacks).to_owned(),
        waits_for: waits_for(state, &status, &overlay.lacks, overlay.lock_holder.as_ref()),
        target: state.target().map(str::to_owned),
        lock: lock(state, overlay),
        deferred: state
            .deferred()
            .map(|look| Deferred {
                step: look.step.clone(),
                until_ms: ms(look.deferred.until),
                why: look.deferred.why.to_string(),
            })
            .collect(),
        reviews: reviews(state),
        wakes_at_ms: ms(state.next_wake()),
        needs: needs::needs(state, &status, overlay, &shown.by_hand),
        steps: shown.steps,
        gates: shown.gates,
        by_hand: shown.by_hand,
        doubts: shown.doubts,
        debts: state
            .debts()
            .into_iter()
            .map(|(step, since)| Debt {
                step,
                since_ms: since.0,
            })
            .collect(),
        requester: state.requester().map(person),
        single_user: state.is_single_user(),
        plan_digest: state.digest(),
        inputs: plan.map(|plan| plan.inputs.clone()).unwrap_or_default(),
        input_units: plan
            .map(|plan| plan.input_units.clone())
            .unwrap_or_default(),
        secret_sources: plan
            .map(|plan| plan.secret_sources.clone())
            .unwrap_or_default(),
        started_at_ms: ms(state.started_at()),
        updated_at_ms: ms(state.last_at()),
        ended_at_ms: ms(state.ended_at()),
        end: state.end().map(|(end, _)| end.as_str().to_owned()),
        reason: reason(state),
        next_seq: overlay.next_seq,
        stop: stop::stop(state),
        unsent: Vec::new(),
    }
}

fn reviews(state: &RunState) -> Vec<Review> {
    let owner = state.plan().map(|plan| plan.owner.clone());
    let review = |review: &review::Review| Review {
        number: review.number,
        cause: review.cause.code().to_owned(),
        text: review.cause.to_string(),
        owner: owner.clone().unwrap_or_default(),
        opened_at_ms: review.opened_at.0,
        due_at_ms: review.due_at.0,
        closed: review.closed.as_ref().map(|closed| ReviewClosed {
            by: closed.by.to_string(),
            at_ms: closed.at.0,
            code: closed.code,
            reason: closed.reason.clone(),
        }),
    };
    state.reviews().map(review).collect()
}

/// How a live run stands to the lock of its target.
fn lock(state: &RunState, overlay: &Overlay) -> Option<Lock> {
    if state.is_ended() {
        return None;
    }
    let (word, since, held_by) = match state.lock() {
        LockState::None => return None,
        LockState::Requested { since } => ("waiting", Some(since), overlay.lock_holder.clone()),
        LockState::Held { since, .. } => match state.suspended() {
            Some(suspension) => {
                let rescue = suspension.rescue.clone();
                ("suspended", Some(&suspension.since), Some(rescue))
            }
            None => ("held", Some(since), None),
        },
        LockState::Forgone { held_by } => ("forgone", None, Some(held_by.clone())),
    };
    Some(Lock {
        state: word.to_owned(),
        since_ms: since.map(|at| at.0),
        held_by,
        fence: state.fence(),
        instead_of: match state.lock() {
            LockState::Held { instead_of, .. } => instead_of.clone(),
            LockState::None | LockState::Requested { .. } | LockState::Forgone { .. } => None,
        },
    })
}

/// The status word; a run that would go on, had its owner what it lacks, waits.
fn state_word(status: &RunStatus, lacks: &Lacks) -> &'static str {
    match status {
        RunStatus::Running | RunStatus::Ending if !lacks.is_nothing() => "waiting",
        RunStatus::New
        | RunStatus::Running
        | RunStatus::Waiting { .. }
        | RunStatus::Paused
        | RunStatus::NeedsOperator { .. }
        | RunStatus::Ending
        | RunStatus::Ended(_) => status.as_str(),
    }
}

fn reason(state: &RunState) -> Option<String> {
    let stated = match (state.end(), state.ending_reason(), state.paused()) {
        (Some((_, reason)), _, _) | (None, Some(reason), _) => reason.to_owned(),
        (None, None, Some((by, reason))) => format!("paused by {by}: {reason}"),
        (None, None, None) => {
            let suspension = state.suspended()?;
            let rescue = &suspension.rescue;
            format!(
                "suspended by {} for the rescue {rescue}: {}",
                suspension.by, suspension.reason
            )
        }
    };
    Some(stated).filter(|reason| !reason.is_empty())
}

fn person(operator: &Operator) -> Person {
    let (uid, key) = match &operator.identity {
        Identity::OsUser { uid } => (Some(*uid), None),
        Identity::SshKey { fingerprint } => (None, Some(fingerprint.clone())),
    };
    Person {
        name: operator.name.clone(),
        uid,
        key,
    }
}
