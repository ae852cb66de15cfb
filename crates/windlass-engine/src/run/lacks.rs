//! What an engine lacks for a piece of work: secrets that this process was not given,
//! actions that no source offers. Work that lacks something is not begun.

use std::collections::BTreeSet;

use windlass_core::effect::{Effect, Look};
use windlass_core::event::{Dispatch, Event};
use windlass_core::id::{ActionName, NodeId, RunId, SecretName};
use windlass_core::plan::Input;
use windlass_core::state::RunState;

use crate::ports::Secrets;
use crate::shared::Shared;
use crate::snapshot::Lacks;

impl Lacks {
    /// What is lacking for a call.
    pub(crate) fn for_call(
        shared: &Shared,
        run: &RunId,
        state: &RunState,
        uses: &ActionName,
        input: &Input,
    ) -> Self {
        let mut lacks = Self::default();
        if let Err(why) = shared.runner(state.plan(), uses) {
            lacks.actions.insert(uses.clone(), why);
        }
        lacks.secrets = missing(shared, run, input.secrets());
        lacks
    }

    /// What is lacking for the next attempt of a run: also the secrets that only its later
    /// steps need. A run that lost its secrets with a process must not begin a change and
    /// then find that it cannot verify it, or pay what the change owes. A run that only
    /// comes to its end waits for no secret of a step that will not begin.
    pub(super) fn for_intent(
        shared: &Shared,
        run: &RunId,
        state: &RunState,
        intent: &Intent<'_>,
    ) -> Self {
        let mut lacks = if intent.by_hand {
            // A person is its runner, and is given no secret.
            Self::default()
        } else {
            Self::for_call(shared, run, state, &intent.call.uses, &intent.call.input)
        };
        let needed = state.secrets_needed();
        lacks.secrets.extend(missing(shared, run, &needed));
        lacks
    }

    /// What is lacking for an outstanding piece of work.
    pub(crate) fn for_effect(
        shared: &Shared,
        run: &RunId,
        state: &RunState,
        effect: &Effect,
    ) -> Self {
        match effect {
            Effect::Attempt { call, .. }
            | Effect::Reconcile {
                how: Look::Native { call, .. },
                ..
            } => Self::for_call(shared, run, state, &call.uses, &call.input),
            Effect::Reconcile {
                how: Look::Read { ask },
                ..
            } => Self::for_call(shared, run, state, &ask.uses, &ask.input),
            Effect::Fetch { ask, .. } => Self::for_call(shared, run, state, &ask.uses, &ask.input),
            // See `for_lock`: an effect does not know which secrets its run has.
            Effect::AcquireLock { .. } | Effect::WakeAt { .. } => Self::default(),
        }
    }

    /// What is lacking for a run that waits for the lock of its target: all secrets that its
    /// steps need, as nothing of it would begin without them.
    pub(crate) fn for_lock(shared: &Shared, run: &RunId, state: &RunState) -> Self {
        if state.wants_lock().is_none() {
            return Self::default();
        }
        Self {
            secrets: missing(shared, run, &state.secrets_needed()),
            ..Self::default()
        }
    }

    /// Adds what else is lacking.
    pub(crate) fn add(&mut self, other: Self) {
        self.secrets.extend(other.secrets);
        self.actions.extend(other.actions);
    }
}

/// Those of the named secrets that this process was not given for the run.
fn missing<'a>(
    shared: &Shared,
    run: &RunId,
    named: impl IntoIterator<Item = &'a SecretName>,
) -> BTreeSet<SecretName> {
    let registry = shared.registry();
    let is_missing = |name: &&SecretName| !registry.has_secret(run, name);
    named.into_iter().filter(is_missing).cloned().collect()
}

/// The values of the secrets that an input names, as far as they are there, and the hosts
/// that the plan lets each go to.
pub(super) fn secrets_for(
    shared: &Shared,
    run: &RunId,
    state: &RunState,
    input: &Input,
) -> Secrets {
    let registry = shared.registry();
    let held = registry.secrets.get(run);
    let value = |name| Some((Clone::clone(name), held?.values.get(name)?.clone()));
    let values = input.secrets().into_iter().filter_map(value).collect();
    let hosts = state.plan().map(|plan| plan.secret_hosts.clone());
    Secrets::limited(values, hosts.unwrap_or_default())
}

/// That something is to be done: by a runner, or by the hands of a person.
pub(super) struct Intent<'a> {
    pub(super) node: &'a NodeId,
    pub(super) call: &'a Dispatch,
    pub(super) by_hand: bool,
}

impl<'a> Intent<'a> {
    /// The intent, if the event is one.
    pub(super) fn of(event: &'a Event) -> Option<Self> {
        let intent = |node, call, by_hand| Self {
            node,
            call,
            by_hand,
        };
        if let Event::AttemptStarted { node, call, .. } = event {
            Some(intent(node, call, false))
        } else if let Event::ManualStepOpened { node, call, .. } = event {
            Some(intent(node, call, true))
        } else {
            None
        }
    }
}
