//! The engine's handle: what a terminal, a server or a test asks of the owner.
//! Every request about one run goes to that run's task, which is made when it is
//! needed; requests that only look are answered from memory or from the journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::oneshot;
use windlass_core::authorise::{Act, Circumstances, authorise};
use windlass_core::catalog::Catalog;
use windlass_core::command::Command;
use windlass_core::id::{RunId, SecretName};
use windlass_core::operator::Operator;
use windlass_core::plan::{IndexedPlan, Plan};
use windlass_core::rejection::Rejection;
use windlass_journal::IdempotencyKey;

use crate::error::{CommandError, OpenError};
use crate::options::Options;
use crate::run::{self, CommandAnswer, Message};
use crate::run_ids::run_id;
use crate::run_secrets::RunSecrets;
use crate::runbooks;
use crate::shared::{Phase, Shared};
use crate::store_events::{self, StoreEvent};

/// The owner of a state directory, driving its runs. Clones are handles to the same
/// engine; when the last one is dropped, it stops where it stands, as in a crash.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    _alive: Arc<Alive>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({})", self.shared.dir.root().display())
    }
}

/// Closes the engine when the last handle goes.
struct Alive(Arc<Shared>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.phase.send_if_modified(|phase| match phase {
            Phase::Running | Phase::Parking { .. } => {
                *phase = Phase::Closed;
                true
            }
            Phase::Closed | Phase::Failed(_) => false,
        });
        self.0.wheel_changed.notify_one();
    }
}

/// What a new run starts with.
#[derive(Debug)]
pub struct Start {
    pub plan: Arc<IndexedPlan>,
    /// The runbook's bytes, kept beside the journal under their digest.
    pub runbook: String,
    pub requester: Operator,
    /// Whether there is no policy, so that one person is every group.
    pub single_user: bool,
    /// For this run only, in memory only.
    pub secrets: BTreeMap<SecretName, SecretString>,
    /// A repeat with the same key is answered with the first run.
    pub idempotency_key: Option<String>,
}

impl Engine {
    /// Takes the journal over and goes on with its runs. Needs a tokio runtime.
    ///
    /// # Errors
    /// The journal, `/proc` or the sources cannot be used.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        let shared = options.take_over().await?;
        let governing = shared.governing.as_ref();
        if let Some(load) = governing.and_then(|it| it.load.clone()) {
            let recorded = store_events::record(&shared, &StoreEvent::PolicyLoaded(load)).await;
            recorded.map_err(|error| OpenError::PolicyNotRecorded(error.to_string()))?;
        }
        tokio::spawn(crate::turning::turn(Arc::clone(&shared)));
        if let Some(messenger) = shared.messenger.clone() {
            tokio::spawn(crate::outbox::send(Arc::clone(&shared), messenger));
        }
        let alive = Arc::new(Alive(Arc::clone(&shared)));
        Ok(Self {
            shared,
            _alive: alive,
        })
    }

    /// All actions that runbooks may use.
    pub fn catalog(&self) -> &Catalog {
        &self.shared.catalog
    }

    /// The actions that a plan may use: those of the sources, and those of the plugins that
    /// it pins.
    ///
    /// # Errors
    /// A plugin that cannot be used here, and why.
    pub async fn catalog_for(&self, plan: &Plan) -> Result<Catalog, (String, String)> {
        let mut catalog = self.shared.catalog.clone();
        for (name, pin) in &plan.plugins {
            let refused = |why: String| (name.clone(), why);
            let plugins = self.shared.plugins.as_ref();
            let plugins = plugins.ok_or_else(|| refused("there are no plugins here".to_owned()))?;
            let actions = plugins.actions(&pin.digest).await.map_err(refused)?;
            for (action, entry) in actions {
                if let Ok(whole) = format!("{name}/{action}").parse() {
                    catalog.actions.insert(whole, entry);
                }
            }
        }
        Ok(catalog)
    }

    /// The state directory.
    pub fn state_dir(&self) -> &crate::state_dir::StateDir {
        &self.shared.dir
    }

    /// How far the wall clock is ahead of the time by which runs go on.
    pub fn wall_ahead_ms(&self) -> i64 {
        self.shared.clock.wall_ahead_ms()
    }

    /// Starts a run; it is durable when this returns.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn start(&self, start: Start) -> Result<RunId, CommandError> {
        let key = start.idempotency_key.as_deref().map(idempotency_key);
        let standing = self.admitted(&start.plan, &start.requester).await?;
        let random = self.shared.ids.random();
        let random =
            random.map_err(|error| CommandError::NoRandomness(error.to_string().into()))?;
        let run = run_id(self.shared.clock.now(), random);
        runbooks::keep(&self.shared.dir, start.plan.plan(), start.runbook).await?;
        let secrets = Arc::new(RunSecrets::new(start.secrets));
        self.shared.registry().secrets.insert(run.clone(), secrets);
        let (plan, requester) = (Arc::clone(&start.plan), start.requester.clone());
        let command = Command::Start {
            plan: start.plan,
            requester: start.requester,
            owner: self.shared.owner.clone(),
            single_user: start.single_user,
            standing,
        };
        let answer = self.ask(&run, command, key.transpose()?).await;
        match answer {
            Ok(answer) if answer.run == run => Ok(run),
            Ok(first) => {
                self.shared.registry().forget(&run);
                Ok(first.run)
            }
            Err(error) => {
                self.shared.registry().forget(&run);
                if let CommandError::Rejected(why @ Rejection::NotAuthorised { .. }) = &error {
                    self.start_refused(plan.plan(), &requester, why).await;
                }
                Err(error)
            }
        }
    }

    /// Carries an operator's command out; what it made happen is durable when this returns.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn command(
        &self,
        run: &RunId,
        command: Command,
    ) -> Result<CommandAnswer, CommandError> {
        self.checked(run, command, None).await
    }

    /// As [`Engine::command`]; a repeat with the same key gets the first answer.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn command_once(
        &self,
        run: &RunId,
        command: Command,
        key: &str,
    ) -> Result<CommandAnswer, CommandError> {
        self.checked(run, command, Some(idempotency_key(key)?))
            .await
    }

    async fn checked(
        &self,
        run: &RunId,
        command: Command,
        key: Option<IdempotencyKey>,
    ) -> Result<CommandAnswer, CommandError> {
        if let Command::Suspend { rescue, .. } = &command {
            self.may_be_rescue(rescue, run).await?;
        }
        let is_signed = matches!(
            command,
            Command::Approve {
                signature: Some(_),
                ..
            }
        );
        // Whose signature it is only `approve_signed` says.
        if is_for_operators(&command) && !is_signed {
            self.judged(run, command, key).await
        } else {
            Err(CommandError::NotForCallers)
        }
    }

    /// Has a command decided, and records who was not let.
    pub(crate) async fn judged(
        &self,
        run: &RunId,
        command: Command,
        key: Option<IdempotencyKey>,
    ) -> Result<CommandAnswer, CommandError> {
        let answer = self.ask(run, command, key).await;
        if let Err(CommandError::Rejected(Rejection::NotAuthorised { by, why })) = &answer {
            self.refused(Some(run.clone()), by, why).await;
        }
        answer
    }

    /// Whether a run can have another one's place: it lives, changes the same target, and
    /// stands aside for nobody itself.
    async fn may_be_rescue(&self, rescue: &RunId, of: &RunId) -> Result<(), CommandError> {
        let refused = |why: &str| {
            let (rescue, why) = (rescue.clone(), why.to_owned());
            Err(CommandError::Rejected(Rejection::CannotSuspend {
                rescue,
                why,
            }))
        };
        let state = match self.view(rescue).await {
            Ok(snapshot) => snapshot.state.clone(),
            Err(CommandError::UnknownRun(_)) => return refused("there is no such run"),
            Err(error) => return Err(error),
        };
        if state.is_ended() {
            return refused("that has ended");
        }
        if state.suspended().is_some() {
            return refused("that stands aside for another run itself");
        }
        let target = self.view(of).await?.state.target().map(str::to_owned);
        match state.target() {
            None => refused("what that changes is not known yet"),
            Some(known) if Some(known) != target.as_deref() => {
                refused("that changes another target")
            }
            Some(_) => Ok(()),
        }
    }

    async fn ask(
        &self,
        run: &RunId,
        command: Command,
        key: Option<IdempotencyKey>,
    ) -> Result<CommandAnswer, CommandError> {
        let (answer, answered) = oneshot::channel();
        let message = Message::Ask {
            command,
            key,
            answer,
        };
        run::deliver(&self.shared, run, message).await?;
        answered
            .await
            .unwrap_or_else(|_| Err(self.shared.refusal(run).unwrap_or(CommandError::Stopping)))
    }

    /// Gives a run secrets that it waits for, and lets it go on. They are added to those
    /// that it has, for as long as this process lives. A run that has ended may have
    /// messages that wait for them.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn bring_secrets(
        &self,
        run: &RunId,
        by: &Operator,
        secrets: BTreeMap<SecretName, SecretString>,
    ) -> Result<(), CommandError> {
        let snapshot = self.view(run).await?;
        let circumstances = Circumstances {
            owner: &self.shared.owner,
            requester: snapshot.state.requester(),
            single_user: snapshot.state.is_single_user(),
            standing: snapshot.state.standing(),
            target: snapshot.state.target(),
            now: self.shared.clock.now(),
        };
        authorise(Act::Direct, by, circumstances).map_err(|denial| Rejection::NotAuthorised {
            by: by.clone(),
            why: denial.to_string(),
        })?;
        let is_ended = snapshot.state.is_ended();
        if is_ended && self.unsent(Some(run)).await?.is_empty() {
            return Ok(());
        }
        if is_ended {
            let mut registry = self.shared.registry();
            let held = registry
                .message_secrets
                .get(run)
                .cloned()
                .unwrap_or_default();
            let all = Arc::new(held.with(secrets));
            registry.message_secrets.insert(run.clone(), all);
        } else {
            self.hold(run, secrets);
        }
        self.shared.outbox_changed.notify_one();
        if is_ended {
            return Ok(());
        }
        run::deliver(&self.shared, run, Message::Wake).await
    }

    /// Adds secrets to those that a run has. They are put together outside of the
    /// registry's lock, and once more when somebody else brought some meanwhile.
    fn hold(&self, run: &RunId, secrets: BTreeMap<SecretName, SecretString>) {
        loop {
            let before = self.shared.registry().secrets.get(run).cloned();
            let held = before.clone().unwrap_or_default();
            let all = Arc::new(held.with(secrets.clone()));
            let mut registry = self.shared.registry();
            let now = registry.secrets.get(run);
            let is_same = match (now, &before) {
                (None, None) => true,
                (Some(now), Some(before)) => Arc::ptr_eq(now, before),
                (None, Some(_)) | (Some(_), None) => false,
            };
            if is_same {
                registry.secrets.insert(run.clone(), all);
                return;
            }
        }
    }
}

pub(crate) fn idempotency_key(key: &str) -> Result<IdempotencyKey, CommandError> {
    IdempotencyKey::new(key).map_err(|error| CommandError::BadKey(error.to_string().into()))
}

/// Whether a command is a person's. The others are the engine's own: a caller who could
/// send them could make an outcome up.
fn is_for_operators(command: &Command) -> bool {
    match command {
        Command::Approve { .. }
        | Command::Refresh { .. }
        | Command::Reject { .. }
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
        | Command::CloseReview { .. }
        | Command::Acknowledge { .. } => true,
        Command::Start { .. }
        | Command::Govern { .. }
        | Command::Open { .. }
        | Command::Tick
        | Command::Ended { .. }
        | Command::Checkpoint { .. }
        | Command::Refused { .. }
        | Command::Withdraw { .. }
        | Command::Reconciled { .. }
        | Command::Observed { .. }
        | Command::Fetched { .. }
        | Command::OrphanFound(_)
        | Command::OrphanEnded(_)
        | Command::LockGranted { .. }
        | Command::Release { .. }
        | Command::LockHeld { .. } => false,
    }
}
