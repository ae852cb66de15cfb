//! The engine's handle: what a terminal, a server or a test asks of the owner.
//! Every request about one run goes to that run's task, which is made when it is
//! needed; requests that only look are answered from memory or from the journal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use windlass_core::catalog::Catalog;
use windlass_core::command::Command;
use windlass_core::id::{NodeId, RunId, SecretName};
use windlass_core::operator::Operator;
use windlass_core::plan::IndexedPlan;
use windlass_journal::{IdempotencyKey, RunIndexRow, RunQuery, RunState};

use crate::error::{CommandError, Fatal, OpenError};
use crate::limits::PARK_SLACK;
use crate::options::Options;
use crate::replay;
use crate::run::{self, CommandAnswer, Message};
use crate::run_ids::run_id;
use crate::runbooks;
use crate::shared::{Phase, Shared};
use crate::snapshot::Snapshot;
use crate::subscription::Subscription;

/// The owner of a state directory, driving its runs. Clones are handles to the same
/// engine; when the last one is dropped, it stops where it stands, as in a crash.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
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

/// The last line of an attempt in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressLine {
    pub node: NodeId,
    pub attempt: u32,
    pub line: String,
}

/// What a park leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parked {
    /// All runs that have not ended.
    pub runs: Vec<ParkedRun>,
}

/// A run that a park leaves behind, for the message to its people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedRun {
    pub run: RunId,
    /// The row of the runs index: state, what it waits for, whether it owes.
    pub row: RunIndexRow,
    /// Changes whose work goes on without the engine.
    pub in_flight: Vec<(NodeId, u32)>,
}

impl Engine {
    /// Takes the journal over and goes on with its runs. Needs a tokio runtime.
    ///
    /// # Errors
    /// The journal, `/proc` or the sources cannot be used.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        let shared = options.take_over().await?;
        tokio::spawn(crate::turning::turn(Arc::clone(&shared)));
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

    /// The state directory.
    pub fn state_dir(&self) -> &crate::state_dir::StateDir {
        &self.shared.dir
    }

    /// Starts a run; it is durable when this returns.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn start(&self, start: Start) -> Result<RunId, CommandError> {
        let key = start.idempotency_key.as_deref().map(idempotency_key);
        let random = self.shared.ids.random();
        let random =
            random.map_err(|error| CommandError::NoRandomness(error.to_string().into()))?;
        let run = run_id(self.shared.clock.now(), random);
        runbooks::keep(&self.shared.dir, start.plan.plan(), start.runbook).await?;
        self.shared
            .registry()
            .secrets
            .insert(run.clone(), start.secrets);
        let command = Command::Start {
            plan: start.plan,
            requester: start.requester,
            owner: self.shared.owner.clone(),
            single_user: start.single_user,
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
        if is_for_operators(&command) {
            self.ask(run, command, key).await
        } else {
            Err(CommandError::NotForCallers)
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
    /// that it has.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn bring_secrets(
        &self,
        run: &RunId,
        secrets: BTreeMap<SecretName, SecretString>,
    ) -> Result<(), CommandError> {
        let snapshot = self.view(run).await?;
        if snapshot.state.is_ended() {
            return Ok(());
        }
        {
            let mut registry = self.shared.registry();
            let held = registry.secrets.entry(run.clone()).or_default();
            held.extend(secrets);
        }
        run::deliver(&self.shared, run, Message::Wake).await
    }

    /// The run as it stands after its newest durable record.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn view(&self, run: &RunId) -> Result<Arc<Snapshot>, CommandError> {
        if let Some(refusal) = self.shared.registry().refusal(run) {
            return Err(refusal);
        }
        let (known, spawned, is_driven) = {
            let registry = self.shared.registry();
            let is_driven = registry.driven.contains_key(run);
            (registry.snapshot(run), registry.spawned, is_driven)
        };
        if let Some(snapshot) = known {
            return Ok(snapshot);
        }
        let _permit = self.shared.loads.acquire().await;
        let mut snapshot = replay::load(&self.shared, run).await?;
        if snapshot.next_seq == 0 {
            return Err(CommandError::UnknownRun(run.clone()));
        }
        let mut registry = self.shared.registry();
        if let Some(lacks) = registry.lacks.get(run) {
            snapshot.lacks = lacks.clone();
        }
        let snapshot = Arc::new(snapshot);
        // A task may have gone on with the run while it was read: its word is newer, and
        // what was read is kept only when there surely was none.
        if let Some(newer) = registry.snapshot(run) {
            return Ok(newer);
        }
        if !is_driven && registry.spawned == spawned {
            registry.cache(Arc::clone(&snapshot));
        }
        Ok(snapshot)
    }

    /// Follows a run from a record on.
    ///
    /// # Errors
    /// The run does not exist or cannot be read.
    pub async fn subscribe(
        &self,
        run: &RunId,
        from_seq: u64,
    ) -> Result<Subscription, CommandError> {
        self.view(run).await?;
        Ok(Subscription::new(
            Arc::clone(&self.shared),
            run.clone(),
            from_seq,
        ))
    }

    /// Rows of the runs index.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn runs(&self, query: RunQuery) -> Result<Vec<RunIndexRow>, CommandError> {
        crate::index::list(&self.shared, query).await
    }

    /// The runs that have not ended, the newest first.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn live_runs(&self) -> Result<Vec<RunIndexRow>, CommandError> {
        let query = RunQuery {
            ended: RunState::Live,
            ..RunQuery::default()
        };
        self.runs(query).await
    }

    /// Runs that nothing may be done with, each with its reason.
    pub fn contained(&self) -> Vec<(RunId, CommandError)> {
        let registry = self.shared.registry();
        let contained = registry.contained().into_iter();
        contained
            .filter_map(|(run, _)| registry.refusal(&run).map(|why| (run, why)))
            .collect()
    }

    /// The last line of each of a run's attempts in flight.
    pub fn progress(&self, run: &RunId) -> Vec<ProgressLine> {
        let registry = self.shared.registry();
        let lines = registry.driven.get(run).map(|driven| &driven.progress);
        let line =
            |((node, attempt), line): (&(NodeId, u32), &watch::Receiver<String>)| ProgressLine {
                node: node.clone(),
                attempt: *attempt,
                line: line.borrow().clone(),
            };
        lines.into_iter().flatten().map(line).collect()
    }

    /// Whether a run has a task: something of it is in flight or about to be.
    pub fn is_driven(&self, run: &RunId) -> bool {
        self.shared.registry().driven.contains_key(run)
    }

    /// Changes whenever a run gets records, a task, or leaves: for those who poll.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Returns once nothing is in flight and no timer is due.
    pub async fn wait_idle(&self) {
        let mut changes = self.changes();
        loop {
            changes.borrow_and_update();
            if self.is_idle() || changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn is_idle(&self) -> bool {
        let now = self.shared.clock.now();
        let registry = self.shared.registry();
        match self.shared.phase() {
            Phase::Running | Phase::Parking { .. } => {
                let due = registry.wheel.next().is_some_and(|at| at <= now);
                registry.driven.is_empty() && !due
            }
            Phase::Closed | Phase::Failed(_) => true,
        }
    }

    /// Returns once the run has ended.
    ///
    /// # Errors
    /// The run cannot be driven to its end, or the engine stops before.
    pub async fn wait_ended(&self, run: &RunId) -> Result<Arc<Snapshot>, CommandError> {
        let mut newest = self.shared.registry().feed(run, 0);
        let mut phase = self.shared.phase.subscribe();
        loop {
            newest.borrow_and_update();
            phase.borrow_and_update();
            if let Some(refusal) = self.shared.refusal(run) {
                return Err(refusal);
            }
            let snapshot = self.view(run).await?;
            if snapshot.state.is_ended() {
                return Ok(snapshot);
            }
            let is_over = tokio::select! {
                changed = newest.changed() => changed.is_err(),
                changed = phase.changed() => changed.is_err(),
            };
            if is_over {
                return Err(self.shared.refusal(run).unwrap_or(CommandError::Stopping));
            }
        }
    }

    /// Stops in order: dispatches nothing more, cancels reads, lets changes come to their
    /// end for at most `within`, and answers what is left. The process can end then.
    ///
    /// # Errors
    /// The index of what is left cannot be read; the engine has stopped all the same.
    pub async fn park(&self, within: Duration) -> Result<Parked, CommandError> {
        let until = Instant::now() + within;
        self.shared.phase.send_if_modified(|phase| match phase {
            Phase::Running => {
                *phase = Phase::Parking { until };
                true
            }
            Phase::Parking { .. } | Phase::Closed | Phase::Failed(_) => false,
        });
        self.shared.wheel_changed.notify_one();
        let _late = tokio::time::timeout_at(until + PARK_SLACK, self.wait_undriven()).await;
        let rows = self.live_runs().await;
        self.shared.phase.send_if_modified(|phase| match phase {
            Phase::Parking { .. } => {
                *phase = Phase::Closed;
                true
            }
            Phase::Running | Phase::Closed | Phase::Failed(_) => false,
        });
        self.shared.changed();
        let left = std::mem::take(&mut self.shared.registry().left_in_flight);
        let parked = |row: RunIndexRow| {
            let run: RunId = row.run.as_str().parse().ok()?;
            let in_flight = left.get(&run).cloned().unwrap_or_default();
            Some(ParkedRun {
                run,
                row,
                in_flight,
            })
        };
        Ok(Parked {
            runs: rows?.into_iter().filter_map(parked).collect(),
        })
    }

    async fn wait_undriven(&self) {
        let mut changes = self.changes();
        loop {
            changes.borrow_and_update();
            if self.shared.registry().driven.is_empty() || changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Returns when the engine cannot go on: the process is expected to end then, with
    /// the exit code of a failed store.
    pub async fn fatal(&self) -> Fatal {
        let mut phase = self.shared.phase.subscribe();
        loop {
            if let Phase::Failed(fatal) = &*phase.borrow_and_update() {
                return fatal.clone();
            }
            if phase.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

fn idempotency_key(key: &str) -> Result<IdempotencyKey, CommandError> {
    IdempotencyKey::new(key).map_err(|error| CommandError::BadKey(error.to_string().into()))
}

/// Whether a command is a person's. The others are the engine's own: a caller who could
/// send them could make an outcome up.
fn is_for_operators(command: &Command) -> bool {
    match command {
        Command::Approve { .. }
        | Command::Reject { .. }
        | Command::Withdraw { .. }
        | Command::Pause { .. }
        | Command::Resume { .. }
        | Command::Cancel { .. }
        | Command::Resolve { .. }
        | Command::Retry { .. }
        | Command::Attest { .. }
        | Command::Abandon { .. }
        | Command::TakeOver { .. }
        | Command::Acknowledge { .. } => true,
        Command::Start { .. }
        | Command::Open { .. }
        | Command::Tick
        | Command::Ended { .. }
        | Command::Checkpoint { .. }
        | Command::Reconciled { .. }
        | Command::Observed { .. }
        | Command::OrphanEnded(_) => false,
    }
}
