//! What the tests share: a served engine in a temporary directory, plans, and a runner
//! that does as its step's id says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::sync::Semaphore;
use windlass_core::catalog::{Action, Catalog};
use windlass_core::id::{ActionName, RunId};
use windlass_core::outcome::{Effected, Failure, Outcome};
use windlass_core::plan::{
    Call, Digest, EffectClass, Gate, OnFailure, Plan, Reconcile, Retry, Step, StepKind, Template,
    Verb,
};
use windlass_core::time::Millis;
use windlass_core::value::Value;
use windlass_engine::attempt::DispatchToken;
use windlass_engine::owner::{OwnerLock, Owning, try_own};
use windlass_engine::ports::{CatalogSource, StepContext, StepRunner, Work};
use windlass_engine::{Engine, StateDir};
use windlass_journal::MemoryStore;
use windlass_server::client::Events;
use windlass_server::wire::{EventLine, RunView, StartRun, StreamEnd, StreamLine};
use windlass_server::{Access, Client, Options, Server, Socket};

pub(crate) const RUNBOOK: &str = "windlass: 1\n";

/// How long a test waits for what must come, in real time.
const PATIENCE: Duration = Duration::from_secs(20);

/// Fast, so that every stream of these tests has some.
const KEEPALIVE: Duration = Duration::from_millis(20);

/// Runs a test on its own runtime, within its time.
pub(crate) fn run<T>(body: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let result = runtime.block_on(async {
        let done = tokio::time::timeout(PATIENCE, body).await;
        done.expect("it comes to its end in time")
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    result
}

/// A state directory that no owner has yet.
pub(crate) struct Place {
    _temporary: tempfile::TempDir,
    pub(crate) root: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir_in("/tmp").unwrap();
        Self {
            root: temporary.path().join("state"),
            _temporary: temporary,
        }
    }

    pub(crate) fn lock(&self) -> OwnerLock {
        let dir = StateDir::prepare(&self.root).unwrap();
        // The engine before may still be giving its lock back.
        loop {
            match try_own(&dir).unwrap() {
                Owning::Owned(lock) => return lock,
                Owning::Held { .. } => std::thread::yield_now(),
            }
        }
    }
}

/// A served engine.
pub(crate) struct House {
    pub(crate) place: Place,
    pub(crate) engine: Engine,
    pub(crate) server: Server,
    /// What a step called `hold` waits for.
    pub(crate) permits: Arc<Semaphore>,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(Place::new(), Access::Private, true).await
    }

    pub(crate) async fn with(place: Place, access: Access, single_user: bool) -> Self {
        let lock = place.lock();
        let socket = Socket::bind(&lock, access).unwrap();
        let permits = Arc::new(Semaphore::new(0));
        let source = Arc::new(Source(Arc::clone(&permits)));
        let store = Arc::new(MemoryStore::new());
        let options = windlass_engine::Options::new(lock, store, vec![source]);
        let engine = Engine::open(options).await.unwrap();
        let options = Options { single_user };
        let server = Server::start_paced(socket, engine.clone(), options, KEEPALIVE);
        Self {
            place,
            engine,
            server,
            permits,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.place.root
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.root())
            .await
            .unwrap()
            .expect("it listens")
    }

    /// Starts a run and waits until a record of this kind is there.
    pub(crate) async fn started(&self, steps: Vec<Step>, kind: &str) -> (Client, RunId) {
        let client = self.client().await;
        let started = client.start(&start(plan(steps)), None).await.unwrap();
        let mut events = client.events(&started.run, 0).await.unwrap();
        until(&mut events, kind).await;
        (client, started.run)
    }
}

/// Reads up to the first record of a kind.
pub(crate) async fn until(events: &mut Events, kind: &str) -> EventLine {
    loop {
        match events.next().await.unwrap() {
            Some(StreamLine::Event(line)) if line.kind == kind => return line,
            Some(StreamLine::Event(_)) => {}
            Some(StreamLine::End(end)) => panic!("{kind} never came: {end:?}"),
            None => panic!("{kind} never came"),
        }
    }
}

/// All that is left of a stream.
pub(crate) async fn to_end(mut events: Events) -> (Vec<EventLine>, StreamEnd) {
    let mut lines = Vec::new();
    loop {
        match events.next().await.unwrap() {
            Some(StreamLine::Event(line)) => lines.push(line),
            Some(StreamLine::End(end)) => {
                assert_eq!(events.next().await.unwrap(), None);
                return (lines, end);
            }
            None => panic!("a stream says why it ends"),
        }
    }
}

/// Polls a view until something holds.
pub(crate) async fn seen(
    client: &Client,
    run: &RunId,
    holds: impl Fn(&RunView) -> bool,
) -> RunView {
    loop {
        let view = client.run(run).await.unwrap();
        if holds(&view) {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An action step of the action with the same name as the effect class.
pub(crate) fn action(id: &str, effect: EffectClass, needs: &[&str]) -> Step {
    let call = Call {
        uses: effect.as_str().parse().unwrap(),
        verb: Verb::Run,
        with: Template::Literal(Value::Null),
        retry: Retry::default(),
        timeout: Millis::from_mins(10),
        send_within: Millis::from_secs(30),
        settle: Millis(0),
        observe: Millis::from_mins(15),
        reconcile: Reconcile::None,
    };
    let kind = StepKind::Action {
        effect,
        call,
        for_each: None,
        expect: None,
        until: None,
        done: None,
        undo: None,
        outputs: BTreeMap::new(),
        manual: None,
    };
    step(id, kind, needs)
}

pub(crate) fn read(id: &str, needs: &[&str]) -> Step {
    action(id, EffectClass::Read, needs)
}

pub(crate) fn change(id: &str, needs: &[&str]) -> Step {
    action(id, EffectClass::Irreversible, needs)
}

pub(crate) fn gate(id: &str, needs: &[&str]) -> Step {
    let gate = Gate {
        expires: Some(Millis::from_mins(30)),
        show: vec![("why".to_owned(), Template::Literal(Value::from("because")))],
        ..Gate::default()
    };
    step(id, StepKind::Gate(gate), needs)
}

/// Changes the call of an action step.
pub(crate) fn calling(mut step: Step, edit: impl FnOnce(&mut Call)) -> Step {
    if let StepKind::Action { call, .. } = &mut step.kind {
        edit(call);
    }
    step
}

fn step(id: &str, kind: StepKind, needs: &[&str]) -> Step {
    Step {
        id: id.parse().unwrap(),
        title: None,
        needs: needs.iter().map(|need| need.parse().unwrap()).collect(),
        when: None,
        kind,
        ensure: None,
        provides: None,
        guards: Vec::new(),
        window: None,
        finally: false,
    }
}

pub(crate) fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        name: "test".to_owned(),
        title: "A test".to_owned(),
        owner: "nobody".to_owned(),
        labels: BTreeMap::new(),
        source: Digest::of(RUNBOOK.as_bytes()),
        inputs: BTreeMap::new(),
        secrets: BTreeSet::new(),
        input_units: BTreeMap::new(),
        secret_sources: BTreeMap::new(),
        secret_hosts: BTreeMap::new(),
        plugins: BTreeMap::new(),
        change: None,
        target: None,
        includes: BTreeMap::new(),
        on: BTreeMap::new(),
        steps,
        on_failure: OnFailure::Stop,
        timeout: None,
        max_parallel: 8,
    }
}

pub(crate) fn start(plan: Plan) -> StartRun {
    StartRun {
        plan_digest: plan.digest(),
        plan: Box::new(plan),
        runbook: RUNBOOK.to_owned(),
        secrets: BTreeMap::new(),
    }
}

/// Offers one action for each effect class.
struct Source(Arc<Semaphore>);

impl CatalogSource for Source {
    fn catalog(&self) -> Catalog {
        let action = |effect| Action {
            summary: "Does as its step's id says.".to_owned(),
            effect: Some(effect),
            params: BTreeMap::new(),
            outputs: None,
            rest: None,
            echoes: false,
            computes: false,
            grants: Vec::new(),
            reconciles: false,
            undoes: false,
            timeout: None,
            settle: Millis(0),
            settle_least: Millis(0),
            observe: Millis::from_mins(15),
            no_effect: windlass_core::catalog::NoEffect::Never,
            provides: None,
        };
        let classes = [
            EffectClass::Read,
            EffectClass::Idempotent,
            EffectClass::Reversible,
            EffectClass::Irreversible,
        ];
        let named = |effect: EffectClass| (effect.as_str().parse().unwrap(), action(effect));
        Catalog {
            actions: BTreeMap::from(classes.map(named)),
        }
    }

    fn runner(&self, _action: &ActionName) -> Option<Arc<dyn StepRunner>> {
        Some(Arc::new(Runner(Arc::clone(&self.0))))
    }
}

struct Runner(Arc<Semaphore>);

impl StepRunner for Runner {
    fn run(&self, _token: DispatchToken, context: StepContext) -> Work<Outcome> {
        let permits = Arc::clone(&self.0);
        Box::pin(async move {
            context.log.line(&format!("{} is at work", context.node));
            for name in context.input.secrets() {
                let secret = context.secrets.for_anywhere(name).unwrap();
                context
                    .log
                    .line(&format!("login with {}", secret.expose_secret()));
            }
            match context.node.step.as_str() {
                "hold" => permits.acquire().await.unwrap().forget(),
                "unknown" => return failed(Effected::Unknown),
                "settled" => return failed(Effected::Settled),
                _ => {}
            }
            let outputs = BTreeMap::from([("n".to_owned(), Value::Int(1))]);
            Outcome::Succeeded {
                outputs: Value::Map(outputs),
                log: context.log.finish(),
            }
        })
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
