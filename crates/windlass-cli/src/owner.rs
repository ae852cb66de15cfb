//! This process as the owner of the state directory: its engine, the socket that
//! others come in by, and how it ends without leaving anybody in the dark.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio::sync::Mutex;
use windlass_core::id::{RunId, SecretName};
use windlass_core::operator::{Door, Identity, Operator};
use windlass_core::plan::IndexedPlan;
use windlass_core::time::Timestamp;
use windlass_engine::outbox::Unsent;
use windlass_engine::owner::OwnerLock;
use windlass_engine::prune::Which;
use windlass_engine::signatures::SignedApproval;
use windlass_engine::{Engine, GoOn, Options, Parked, Start, SystemClock};
use windlass_journal::{RunIndexRow, RunKey, RunQuery, SqliteStore, Store};
use windlass_server::view::{Overlay, pruned, space_given, view};
use windlass_server::wire::{
    Accepted, Approve, OutboxOrder, OutboxVerb, Prune, Pruned, RunView, SpaceGiven,
};
use windlass_server::{Access, Server, Socket, accounts, server};
use windlass_steps::Notifier;

use crate::args::Place;
use crate::ask::Ask;
use crate::error::{Error, io};
use crate::plugins;
use crate::policy;
use crate::sources::sources;
use crate::time;

/// How long a park waits for changes in flight to come to their end.
pub(crate) const PARK_WITHIN: Duration = Duration::from_secs(10);

/// How long an owner that ends still sends messages.
pub(crate) const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// How long the engine's last tasks may hold the journal after it has parked.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// How often that is looked at.
const CLOSE_LOOK: Duration = Duration::from_millis(2);

/// Without a policy one person is every group.
const SINGLE_USER: bool = true;

/// The owner: engine and socket, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) engine: Engine,
    server: Mutex<Server>,
    store: Arc<SqliteStore>,
    /// When this process took the directory over.
    since: Timestamp,
    by: Operator,
}

/// How a directory is taken over.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(crate) go_on: GoOn,
    /// The door that this process's own commands come in by.
    pub(crate) door: Door,
    /// Who else may use the socket.
    pub(crate) socket_group: Option<String>,
    /// Where a fixture of each call of a plugin is written.
    pub(crate) record: Option<PathBuf>,
}

impl Manner {
    /// For a terminal that stays: all runs go on.
    pub(crate) fn staying() -> Self {
        Self {
            go_on: GoOn::All,
            door: Door::Terminal,
            socket_group: None,
            record: None,
        }
    }

    /// For one command while nobody owns the directory: the other runs are left alone.
    pub(crate) fn passing() -> Self {
        Self {
            go_on: GoOn::Asked,
            door: Door::Directory,
            socket_group: None,
            record: None,
        }
    }
}

impl Owned {
    /// Opens the journal, goes on with what `manner` says, and listens.
    pub(crate) async fn open(
        place: &Place,
        lock: OwnerLock,
        manner: Manner,
    ) -> Result<Self, Error> {
        let access = match &manner.socket_group {
            Some(group) => Access::Group(group_id(group)?),
            None => Access::Private,
        };
        let socket = Socket::bind(&lock, access)?;
        let journal = lock.dir().journal();
        let options = place.journal_options(windlass_journal::Access::ReadWrite);
        let store = Arc::new(SqliteStore::open(&journal, &options)?);
        let by = operator(manner.door);
        let clock = Arc::new(SystemClock::default());
        let governing = policy::load(place, &*store, &by)?;
        let options = Options {
            clock: clock.clone(),
            plugins: Some(plugins::kept(lock.dir(), clock, manner.record)),
            go_on: manner.go_on,
            messenger: Some(Arc::new(Notifier)),
            governing,
            ..Options::new(lock, Arc::clone(&store) as Arc<dyn Store>, sources())
        };
        let engine = Engine::open(options).await?;
        let options = server::Options {
            single_user: SINGLE_USER,
        };
        let server = Server::start(socket, engine.clone(), options);
        Ok(Self {
            engine,
            server: Mutex::new(server),
            store,
            since: time::now(),
            by,
        })
    }

    /// Starts a run; it is durable when this returns.
    pub(crate) async fn start(
        &self,
        plan: Arc<IndexedPlan>,
        runbook: String,
        secrets: BTreeMap<SecretName, SecretString>,
    ) -> Result<RunId, Error> {
        let start = Start {
            plan,
            runbook,
            requester: self.by.clone(),
            single_user: SINGLE_USER,
            secrets,
            idempotency_key: None,
        };
        Ok(self.engine.start(start).await?)
    }

    /// Gives a run secrets, in memory only.
    pub(crate) async fn bring(
        &self,
        run: &RunId,
        secrets: BTreeMap<SecretName, SecretString>,
    ) -> Result<(), Error> {
        Ok(self.engine.bring_secrets(run, &self.by, secrets).await?)
    }

    /// Carries a command out, in the name of this process's user.
    pub(crate) async fn send(&self, run: &RunId, ask: Ask) -> Result<Accepted, Error> {
        let answer = match ask {
            Ask::Approve(Approve {
                gate,
                statement,
                note,
                signature: Some(armored),
            }) => {
                let approval = SignedApproval {
                    gate,
                    seen: statement.into(),
                    note,
                    armored,
                    carried_by: self.by.clone(),
                };
                self.engine.approve_signed(run, approval, None).await?
            }
            ask => {
                let command = ask.into_command(self.by.clone());
                self.engine.command(run, command).await?
            }
        };
        Ok(Accepted {
            run: answer.run,
            events: answer
                .events
                .iter()
                .map(|event| event.kind().to_owned())
                .collect(),
            next_seq: answer.next_seq,
        })
    }

    /// Orders something about one message; answers whether there is one of its number.
    pub(crate) async fn order(&self, order: OutboxOrder) -> Result<bool, Error> {
        let OutboxOrder { id, verb } = order;
        Ok(match verb {
            OutboxVerb::Retry => self.engine.retry_message(&self.by, id).await?,
            OutboxVerb::Drop => self.engine.drop_message(&self.by, id).await?,
        })
    }

    /// Acknowledges the calls of a run; answers how many there were.
    pub(crate) async fn acknowledge(&self, run: &RunId) -> Result<u32, Error> {
        Ok(self.engine.acknowledge_calls(&self.by, run).await?)
    }

    /// Sends what can be sent in [`DRAIN_WITHIN`]; answers what nobody has taken then.
    pub(crate) async fn drain(&self) -> Result<Vec<Unsent>, Error> {
        Ok(self.engine.drain(DRAIN_WITHIN).await?)
    }

    /// Erases bodies and logs of ended runs.
    pub(crate) async fn prune(&self, ask: &Prune) -> Result<Pruned, Error> {
        let which = which(ask);
        Ok(pruned(self.engine.prune(&self.by, which).await?))
    }

    /// Gives the space of erased bodies back.
    pub(crate) async fn compact(&self) -> Result<SpaceGiven, Error> {
        Ok(space_given(self.engine.compact(&self.by).await?))
    }

    /// The run as people see it.
    pub(crate) async fn view(&self, run: &RunId) -> Result<RunView, Error> {
        let snapshot = self.engine.view(run).await?;
        let overlay = Overlay::of(
            &snapshot,
            self.engine.progress(run),
            self.engine.lock_holder(run),
        );
        let mut view = view(&snapshot.state, &overlay);
        view.unsent = self.engine.unsent(Some(run)).await?;
        Ok(view)
    }

    /// Rows of runs of which something happened since this process took the directory
    /// over, or that it drives.
    pub(crate) async fn touched(&self) -> Result<Vec<RunIndexRow>, Error> {
        let mut rows = self.engine.runs(RunQuery::default()).await?;
        rows.retain(|row| {
            let driven = |run: &RunId| self.engine.is_driven(run);
            row.updated_at_ms >= self.since.0
                || row.run.as_str().parse().is_ok_and(|run| driven(&run))
        });
        Ok(rows)
    }

    /// The touched rows, and with `all_live` every run that has not ended.
    pub(crate) async fn rows(&self, all_live: bool) -> Result<Vec<RunIndexRow>, Error> {
        let mut rows = self.touched().await?;
        if all_live {
            let known: BTreeSet<RunKey> = rows.iter().map(|row| row.run.clone()).collect();
            let live = self.engine.live_runs().await?;
            rows.extend(live.into_iter().filter(|row| !known.contains(&row.run)));
        }
        Ok(rows)
    }

    /// Runs that are this process's to stay for: touched, and not ended.
    pub(crate) async fn live(&self) -> Result<Vec<RunIndexRow>, Error> {
        let mut rows = self.touched().await?;
        rows.retain(|row| row.ended_at_ms.is_none());
        Ok(rows)
    }

    /// Returns when somebody asked over the socket that the owner ends.
    pub(crate) async fn told_to_end(&self) {
        self.server.lock().await.shutdown_asked().await;
    }

    /// Where others come in.
    pub(crate) async fn socket(&self) -> PathBuf {
        self.server.lock().await.socket().to_owned()
    }

    /// Whether something is in flight, or about to be.
    pub(crate) async fn is_busy(&self) -> Result<bool, Error> {
        let live = self.engine.live_runs().await?;
        let driven = |row: &RunIndexRow| {
            row.run
                .as_str()
                .parse()
                .is_ok_and(|run: RunId| self.engine.is_driven(&run))
        };
        Ok(live.iter().any(driven))
    }

    /// Parks what is live, tells those who are attached, and gives the directory up.
    /// Views of the parked runs come with it: who is owed what is told at the end.
    pub(crate) async fn park(self, within: Duration) -> Result<Vec<ParkedView>, Error> {
        let Parked { runs } = self.engine.park(within).await?;
        let mut views = Vec::new();
        for parked in runs {
            // A run that this process never touched is as it was before.
            let view = match self.view(&parked.run).await {
                Ok(view) => Some(view),
                Err(error) => {
                    tracing::warn!(run = %parked.run, %error, "cannot look at a parked run");
                    None
                }
            };
            views.push(ParkedView { parked, view });
        }
        self.server.into_inner().stop().await;
        drop(self.engine);
        close(self.store).await;
        Ok(views)
    }
}

/// Lets the journal be closed in order, which moves its WAL into the database. What a
/// task still holds is not waited for longer than [`CLOSE_WITHIN`]: nothing is lost then,
/// the next owner only has more to check.
async fn close(store: Arc<SqliteStore>) {
    let until = Instant::now() + CLOSE_WITHIN;
    while Arc::strong_count(&store) > 1 && Instant::now() < until {
        tokio::time::sleep(CLOSE_LOOK).await;
    }
    // Joins the writer's thread.
    let _panicked = tokio::task::spawn_blocking(move || drop(store)).await;
}

/// A run that a park leaves behind, and how it looked then.
#[derive(Debug)]
pub(crate) struct ParkedView {
    pub(crate) parked: windlass_engine::ParkedRun,
    pub(crate) view: Option<RunView>,
}

/// Which runs are asked for; the command line lets nobody ask for both kinds.
pub(crate) fn which(ask: &Prune) -> Which {
    match ask.ended_by_ms {
        Some(at) => Which::EndedBy(Timestamp(at)),
        None => Which::Runs(ask.runs.iter().cloned().collect()),
    }
}

/// This process's user, coming in by `door`.
pub(crate) fn operator(door: Door) -> Operator {
    let uid = rustix::process::getuid().as_raw();
    Operator {
        name: accounts::user_name(uid),
        identity: Identity::OsUser { uid },
        door,
    }
}

fn group_id(group: &str) -> Result<u32, Error> {
    let found = accounts::group_id(group).map_err(io("read", Path::new("/etc/group")))?;
    found.ok_or_else(|| Error::Usage(format!("there is no group `{group}` on this machine")))
}
