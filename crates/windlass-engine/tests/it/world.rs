//! What the tests share: plans, runners that report to a witness, a store that counts.

mod counting;
mod plans;

pub(crate) use counting::*;
pub(crate) use plans::*;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use windlass_core::catalog::{Action, Catalog};
use windlass_core::id::{ActionName, NodeId, RunId, StepId};
use windlass_core::operator::{Door, Identity, Operator};
use windlass_core::outcome::{Answer, Effected, Failure, Outcome};
use windlass_core::plan::{
    Call, Digest, EffectClass, Gate, IndexedPlan, Notice, OnFailure, Part, Plan, Reconcile, Retry,
    Step, StepKind, Target, Template, Topic, Verb,
};
use windlass_core::time::{Millis, Timestamp};
use windlass_core::value::Value;
use windlass_engine::attempt::DispatchToken;
use windlass_engine::owner::{Owning, try_own};
use windlass_engine::ports::{CatalogSource, StepContext, StepRunner, Work};
use windlass_engine::{CommandError, Engine, Options, SimClock, Snapshot, Start, StateDir};
use windlass_journal::{
    Append, AppendError, Appended, Head, IdempotencyKey, OutboxEntry, OutboxProgress, Pending,
    Quarantined, ReadError, Record, Remembered, RunIndexRow, RunKey, RunQuery, StorageError, Store,
    Tip, WriteError,
};

pub(crate) const SOURCE: &str = "windlass: 1\n";

/// How long a test waits for what must come, in real time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn id(step: &str) -> StepId {
    step.parse().unwrap()
}

pub(crate) fn node(step: &str) -> NodeId {
    step.parse().unwrap()
}

pub(crate) fn operator() -> Operator {
    let uid = rustix::process::geteuid().as_raw();
    Operator {
        name: "tester".to_owned(),
        identity: Identity::OsUser { uid },
        door: Door::Terminal,
    }
}

/// What a fake runner does when its step comes.
#[derive(Clone, Debug, Default)]
pub(crate) enum Doing {
    #[default]
    Succeed,
    /// Acts at once, and answers when a permit is given.
    Hold(Arc<Semaphore>),
    /// Acts when a permit is given, as a runner whose connecting takes its time.
    Connect(Arc<Semaphore>),
    /// Acts at once and never answers, not even when told to stop.
    Hang,
    /// Never acts and never answers.
    HangBefore,
    /// Acts, and says that it does not know.
    ActAndFail,
    /// Waits until it is told to stop.
    UntilCancelled,
    Panic,
    Refuse,
    Fail(Effected),
    /// Starts this program with its marker, and does not answer.
    Spawn(String),
    /// Starts this script with its marker, whose leader is then killed or, if it `succeeds`,
    /// ends well. What it left behind acts when `acted` is there.
    Leave {
        script: String,
        acted: PathBuf,
        succeeds: bool,
    },
    /// Succeeds with the first secret that it was given.
    TellSecret,
    /// Succeeds, and logs what it came upon.
    Log(&'static str),
    /// Tells its secret in every way that it has, and panics or fails with it at last.
    Leak {
        panics: bool,
    },
}

/// The world outside: what was done to it, by whom, and what looks at it will say.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// `NODE/ATTEMPT` in the order of being handed over.
    pub(crate) started: Mutex<Vec<String>>,
    /// The numbers of the lock that what was handed over was given.
    pub(crate) fences: Mutex<Vec<Option<u64>>>,
    /// Idempotency keys whose effect took place.
    pub(crate) effects: Mutex<Vec<String>>,
    pub(crate) doings: Mutex<BTreeMap<StepId, Doing>>,
    /// Decides for steps that were told nothing.
    pub(crate) dice: Mutex<Option<Dice>>,
    pub(crate) busy: AtomicUsize,
    /// The most that were ever at work at once.
    pub(crate) busiest: AtomicUsize,
    pub(crate) looks: AtomicUsize,
    pub(crate) cancelled: AtomicUsize,
}

impl World {
    /// What the step is told to do, or what the dice say.
    fn next_doing(&self, step: &StepId) -> Doing {
        let told = self.doings.lock().unwrap().get(step).cloned();
        if let (None, Some(dice)) = (&told, self.dice.lock().unwrap().as_mut()) {
            return dice.doing();
        }
        told.unwrap_or_default()
    }

    pub(crate) fn doing(&self, step: &str, doing: Doing) {
        self.doings.lock().unwrap().insert(id(step), doing);
    }

    pub(crate) fn started(&self) -> Vec<String> {
        self.started.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, step: &str) -> usize {
        let prefix = format!("{step}/");
        let is_it = |started: &&String| started.starts_with(&prefix);
        self.started.lock().unwrap().iter().filter(is_it).count()
    }

    pub(crate) fn effects_of(&self, step: &str) -> usize {
        let is_it = |key: &&String| key.split('/').any(|part| part == step);
        self.effects.lock().unwrap().iter().filter(is_it).count()
    }
}

/// Numbers that a seed repeats (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % sides
    }

    fn doing(&mut self) -> Doing {
        match self.roll(8) {
            0 => Doing::Refuse,
            1 => Doing::Fail(Effected::Unknown),
            2 => Doing::ActAndFail,
            3 => Doing::Hang,
            4 => Doing::HangBefore,
            5 => Doing::Panic,
            _ => Doing::Succeed,
        }
    }
}

/// See [`Doing::Leak`].
async fn leak(context: StepContext, panics: bool) -> Outcome {
    use secrecy::ExposeSecret as _;
    let named = context.input.secrets();
    let secret = context.secrets.for_anywhere(named[0]).unwrap();
    let secret = secret.expose_secret();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let told = format!("it is {secret}, {hex}");
    context.progress.say(&told);
    context.log.line(&told);
    context.checkpoints.save(told.clone()).await.unwrap();
    assert!(!panics, "{told}");
    Outcome::Failed(Failure {
        effect: Effected::Unknown,
        code: told.clone(),
        message: told.clone(),
        evidence: Some(Value::Text(told)),
        log: None,
    })
}

/// The runner of the action `fake`.
pub(crate) struct Fake(pub(crate) Arc<World>);

/// Counts what is at work, also when it is dropped half way.
struct Busy(Arc<World>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) fn outputs(number: i64) -> Outcome {
    Outcome::Succeeded {
        outputs: Value::Map(BTreeMap::from([("n".to_owned(), Value::Int(number))])),
        log: None,
    }
}

fn failed(effect: Effected) -> Outcome {
    Outcome::Failed(Failure {
        effect,
        code: "fake".to_owned(),
        message: "as it was told".to_owned(),
        evidence: None,
        log: None,
    })
}

impl StepRunner for Fake {
    fn run(&self, token: DispatchToken, mut context: StepContext) -> Work<Outcome> {
        let world = Arc::clone(&self.0);
        let busy = world.busy.fetch_add(1, Ordering::SeqCst) + 1;
        world.busiest.fetch_max(busy, Ordering::SeqCst);
        let busy = Busy(Arc::clone(&world));
        Box::pin(async move {
            let _busy = busy;
            let started = format!("{}/{}", context.node, context.attempt);
            world.started.lock().unwrap().push(started);
            world.fences.lock().unwrap().push(context.fence);
            let doing = world.next_doing(&context.node.step);
            if let Doing::Connect(permits) = &doing {
                permits.acquire().await.unwrap().forget();
            }
            match doing {
                Doing::Refuse => return token.refuse("not today"),
                Doing::Fail(effect) => return failed(effect),
                Doing::HangBefore => return std::future::pending().await,
                _ => {}
            }
            if let Err(late) = token.hand_over() {
                return late.into_outcome();
            }
            let key = format!("{}/{}", context.node, context.idempotency_key);
            if !matches!(doing, Doing::Leave { .. }) {
                world.effects.lock().unwrap().push(key);
            }
            context.log.line("at work");
            match doing {
                Doing::Log(found) => {
                    context.log.line(found);
                    outputs(i64::from(context.attempt))
                }
                Doing::Succeed | Doing::Connect(_) => outputs(i64::from(context.attempt)),
                Doing::Hold(permits) => {
                    tokio::select! {
                        permit = permits.acquire() => permit.unwrap().forget(),
                        () = context.cancel.cancelled() => {
                            world.cancelled.fetch_add(1, Ordering::SeqCst);
                            return failed(Effected::Unknown);
                        }
                    }
                    outputs(i64::from(context.attempt))
                }
                Doing::Hang => std::future::pending().await,
                Doing::ActAndFail => failed(Effected::Unknown),
                Doing::UntilCancelled => {
                    context.cancel.cancelled().await;
                    world.cancelled.fetch_add(1, Ordering::SeqCst);
                    failed(Effected::Unknown)
                }
                Doing::Panic => panic!("the runner of {} gives up", context.node),
                Doing::Refuse | Doing::Fail(_) | Doing::HangBefore => {
                    unreachable!("it does not act")
                }
                Doing::Spawn(script) => {
                    // Not waited for and not killed when dropped, as with a dead engine.
                    let child = std::process::Command::new("sh")
                        .args(["-c", &script])
                        .env(windlass_engine::ports::ATTEMPT_VARIABLE, context.marker())
                        .spawn()
                        .unwrap();
                    std::thread::spawn(move || child.wait_with_output());
                    std::future::pending().await
                }
                Doing::Leave {
                    script, succeeds, ..
                } => {
                    let end = if succeeds { "exit 0" } else { "kill -9 $$" };
                    let mut leader = std::process::Command::new("setsid")
                        .args(["sh", "-c", &format!("sleep 0.1; ({script}) & {end}")])
                        .stderr(std::process::Stdio::null())
                        .env(windlass_engine::ports::ATTEMPT_VARIABLE, context.marker())
                        .spawn()
                        .unwrap();
                    context.log.record_session(leader.id()).unwrap();
                    if leader.wait().unwrap().success() {
                        outputs(i64::from(context.attempt))
                    } else {
                        failed(Effected::Unknown)
                    }
                }
                Doing::Leak { panics } => leak(context, panics).await,
                Doing::TellSecret => {
                    use secrecy::ExposeSecret as _;
                    let named = context.input.secrets();
                    let secret = context.secrets.for_anywhere(named[0]).unwrap();
                    let text = secret.expose_secret().to_owned();
                    let outputs =
                        Value::Map(BTreeMap::from([("told".to_owned(), Value::Text(text))]));
                    Outcome::Succeeded { outputs, log: None }
                }
            }
        })
    }

    /// An honest look at the witness.
    fn reconcile(&self, context: StepContext) -> Work<Answer> {
        self.0.looks.fetch_add(1, Ordering::SeqCst);
        let key = format!("{}/{}", context.node, context.idempotency_key);
        let mut happened = self.0.effects.lock().unwrap().contains(&key);
        if let Some(Doing::Leave { acted, .. }) =
            self.0.doings.lock().unwrap().get(&context.node.step)
        {
            happened |= acted.exists();
        }
        Box::pin(async move {
            if happened {
                Answer::Happened {
                    outputs: Value::Map(BTreeMap::new()),
                }
            } else {
                Answer::NotHappened {
                    evidence: Value::Text("the witness has not seen it".to_owned()),
                }
            }
        })
    }
}

pub(crate) struct FakeSource(pub(crate) Arc<World>);

impl CatalogSource for FakeSource {
    fn catalog(&self) -> Catalog {
        let fake = Action {
            summary: "Does as it is told.".to_owned(),
            effect: None,
            params: BTreeMap::new(),
            outputs: None,
            rest: None,
            echoes: false,
            computes: false,
            grants: Vec::new(),
            reconciles: true,
            undoes: false,
            timeout: None,
            settle: Millis(0),
            settle_least: Millis(0),
            observe: Millis::from_mins(15),
            no_effect: windlass_core::catalog::NoEffect::Never,
            provides: None,
        };
        Catalog {
            actions: BTreeMap::from([("fake".parse().unwrap(), fake)]),
        }
    }

    fn runner(&self, _action: &ActionName) -> Option<Arc<dyn StepRunner>> {
        Some(Arc::new(Fake(Arc::clone(&self.0))))
    }
}

/// A state directory, its world and its clock; engines come and go.
pub(crate) struct Place {
    _temporary: tempfile::TempDir,
    root: PathBuf,
    pub(crate) clock: SimClock,
    pub(crate) world: Arc<World>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        Self {
            root: temporary.path().join("state"),
            _temporary: temporary,
            clock: SimClock::at(Timestamp(1_795_311_720_000)),
            world: Arc::default(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn options(&self, store: Arc<dyn Store>) -> Options {
        let dir = StateDir::prepare(&self.root).unwrap();
        // The engine before may still be giving its lock back.
        let lock = loop {
            match try_own(&dir).unwrap() {
                Owning::Owned(lock) => break lock,
                Owning::Held { .. } => std::thread::yield_now(),
            }
        };
        let source = Arc::new(FakeSource(Arc::clone(&self.world)));
        let mut options = Options::new(lock, store, vec![source]);
        options.clock = Arc::new(self.clock.clone());
        options
    }

    pub(crate) async fn open(&self, store: Arc<dyn Store>) -> Engine {
        Engine::open(self.options(store)).await.unwrap()
    }

    /// Runs one life of an engine's process: when it returns, all its tasks are gone.
    pub(crate) fn life<T>(&self, body: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let result = runtime.block_on(async {
            tokio::time::timeout(PATIENCE, body)
                .await
                .expect("it comes to its end in time")
        });
        runtime.shutdown_timeout(Duration::from_secs(5));
        result
    }

    /// Drives a run to its end, moving the clock whenever nothing else can move.
    pub(crate) async fn to_end(&self, engine: &Engine, run: &RunId) -> Arc<Snapshot> {
        self.until(engine, run, |snapshot| snapshot.state.is_ended())
            .await
    }

    /// As [`Place::to_end`], until something holds.
    pub(crate) async fn until(
        &self,
        engine: &Engine,
        run: &RunId,
        holds: impl Fn(&Snapshot) -> bool,
    ) -> Arc<Snapshot> {
        let mut before = None;
        let deadline = tokio::time::Instant::now() + PATIENCE / 2;
        loop {
            let snapshot = match engine.view(run).await {
                Ok(snapshot) => snapshot,
                // Whoever tests a failing store waits for `fatal` beside this.
                Err(CommandError::Fatal(_)) => std::future::pending().await,
                Err(error) => panic!("{error}"),
            };
            if holds(&snapshot) {
                return snapshot;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{run} stands still: {:?}, {:?}, at work: {:?}",
                snapshot.state.status(),
                windlass_core::outstanding(&snapshot.state),
                engine.progress(run),
            );
            let is_busy = self.world.busy.load(Ordering::SeqCst) > 0;
            // The deadline of an attempt is for the test itself to reach.
            let is_busy = is_busy || snapshot.state.has_attempts_in_flight();
            let is_still = before == Some(snapshot.next_seq) && !is_busy;
            before = Some(snapshot.next_seq);
            if let (true, Some(at)) = (is_still, snapshot.state.next_wake()) {
                let now = windlass_engine::ports::Clock::now(&self.clock);
                self.clock.set(at.max(now));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

pub(crate) fn start(plan: Arc<IndexedPlan>) -> Start {
    Start {
        plan,
        runbook: SOURCE.to_owned(),
        requester: operator(),
        single_user: true,
        secrets: BTreeMap::new(),
        idempotency_key: None,
    }
}

/// Waits in real time until something holds.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The names of a run's events.
pub(crate) fn kinds(store: &dyn Store, run: &RunId) -> Vec<String> {
    let run = RunKey::new(run.as_str()).unwrap();
    let records = store.read(&run, 0, 1_000).unwrap();
    records
        .into_iter()
        .map(|record| record.header.kind)
        .collect()
}
