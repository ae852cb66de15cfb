//! One attempt of one action, as the engine would start it, without the engine.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use tempfile::TempDir;
use tokio::sync::{OnceCell, mpsc, oneshot, watch};
use tokio::time::Instant;
use windlass_core::id::{NodeId, SecretName};
use windlass_core::outcome::{Answer, Effected, Failure, Outcome};
use windlass_core::plan::{EffectClass, HostPattern, Input};
use windlass_core::refusal::Refusal;
use windlass_core::time::Timestamp;
use windlass_core::value::Value;
use windlass_engine::attempt::{
    AttemptLog, CancelSignal, Checkpoints, DispatchToken, Progress, Refusals,
};
use windlass_engine::ports::{CatalogSource as _, Clock as _, Secrets, StepContext, StepRunner};
use windlass_engine::redact::Redactor;
use windlass_engine::{SimClock, SystemClock};
use windlass_http::{Client, Reach, Resolver, Resolving};
use windlass_wasm::{CompiledDir, Host, Options, Plugin};

/// The plugins as `cargo xtask plugins` leaves them; `None` after it was said that they
/// are not there.
pub(crate) fn component(name: &str) -> Option<Vec<u8>> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let path = plugins.join(name).join("build/plugin.wasm");
    if let Ok(bytes) = std::fs::read(&path) {
        return Some(bytes);
    }
    let refused = std::env::var_os("WINDLASS_NO_SKIP").is_some_and(|set| set == "1");
    assert!(!refused, "SKIP is refused here: no {}", path.display());
    eprintln!(
        "SKIP: no {}: `cargo xtask plugins` builds it",
        path.display()
    );
    None
}

/// Names of tests, and the world's for the rest of them.
struct Names;

impl Resolver for Names {
    fn resolve(&self, name: &str) -> Resolving {
        let found: Vec<IpAddr> = match name {
            "metadata.example.test" => vec!["169.254.169.254".parse().unwrap()],
            "mapped.example.test" => vec!["::ffff:169.254.169.254".parse().unwrap()],
            "private.example.test" => vec!["10.0.0.7".parse().unwrap()],
            _ => vec!["127.0.0.1".parse().unwrap()],
        };
        Box::pin(async move { Ok(found) })
    }
}

/// Of a host that may reach this machine, and no other private address.
pub(crate) fn options() -> Options {
    // The directory in which the program's own tests keep theirs.
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let compiled = temporary.with_file_name("cache").join("windlass/plugins");
    let reach = Reach::with(vec!["127.0.0.0/8".parse().unwrap()]);
    let client = Client::new(reach).allowing_plaintext();
    Options {
        client: client.resolving(Arc::new(Names)),
        compiled: Some(CompiledDir::open(&compiled).unwrap()),
        ..Options::new(Arc::new(SystemClock::default()))
    }
}

pub(crate) fn host() -> Host {
    Host::new(options()).unwrap()
}

static HELLO: OnceCell<Option<Plugin>> = OnceCell::const_new();
static HELLO_JS: OnceCell<Option<Plugin>> = OnceCell::const_new();
static HELLO_PYTHON: OnceCell<Option<Plugin>> = OnceCell::const_new();
static HOSTILE: OnceCell<Option<Plugin>> = OnceCell::const_new();
static OTC_RDS: OnceCell<Option<Plugin>> = OnceCell::const_new();

async fn load(name: &str) -> Option<Plugin> {
    let bytes = component(name)?;
    Some(host().load(bytes).await.unwrap())
}

pub(crate) async fn hello() -> Option<Plugin> {
    HELLO.get_or_init(|| load("hello")).await.clone()
}

pub(crate) async fn hello_js() -> Option<Plugin> {
    HELLO_JS.get_or_init(|| load("hello-js")).await.clone()
}

pub(crate) async fn hello_python() -> Option<Plugin> {
    let python = HELLO_PYTHON.get_or_init(|| load("hello-python"));
    python.await.clone()
}

pub(crate) async fn hostile() -> Option<Plugin> {
    HOSTILE.get_or_init(|| load("hostile")).await.clone()
}

pub(crate) async fn otc_rds() -> Option<Plugin> {
    OTC_RDS.get_or_init(|| load("otc-rds")).await.clone()
}

/// What a test says of an attempt.
pub(crate) struct Attempt {
    plugin: Plugin,
    uses: &'static str,
    with: serde_json::Value,
    secrets: Vec<(&'static str, String)>,
    hosts: BTreeMap<SecretName, Vec<HostPattern>>,
    timeout: Duration,
    checkpoint: Option<String>,
    send_by: Option<(SimClock, Timestamp)>,
    pinned: Option<Arc<dyn StepRunner>>,
    number: u32,
}

pub(crate) fn attempt(plugin: &Plugin, uses: &'static str, with: serde_json::Value) -> Attempt {
    Attempt {
        plugin: plugin.clone(),
        uses,
        with,
        secrets: Vec::new(),
        hosts: BTreeMap::new(),
        timeout: Duration::from_secs(60),
        checkpoint: None,
        send_by: None,
        pinned: None,
        number: 2,
    }
}

impl Attempt {
    pub(crate) fn secret(mut self, name: &'static str, value: &str) -> Self {
        self.secrets.push((name, value.to_owned()));
        self
    }

    pub(crate) fn granted(mut self, name: &str, hosts: &[&str]) -> Self {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        self.hosts.insert(name.parse().unwrap(), hosts);
        self
    }

    pub(crate) fn timeout_ms(self, ms: u64) -> Self {
        let timeout = Duration::from_millis(ms);
        Self { timeout, ..self }
    }

    pub(crate) fn kept(self, checkpoint: &str) -> Self {
        let checkpoint = Some(checkpoint.to_owned());
        Self { checkpoint, ..self }
    }

    pub(crate) fn send_by(self, clock: &SimClock, at: Timestamp) -> Self {
        let send_by = Some((clock.clone(), at));
        Self { send_by, ..self }
    }

    /// Which attempt it is; without it the second.
    pub(crate) fn number(self, number: u32) -> Self {
        Self { number, ..self }
    }

    /// By a runner with other powers than the manifest asks for.
    pub(crate) fn by(self, runner: Arc<dyn StepRunner>) -> Self {
        let pinned = Some(runner);
        Self { pinned, ..self }
    }

    fn runner(&self, context: &StepContext) -> Arc<dyn StepRunner> {
        let pinned = self.pinned.clone();
        pinned.unwrap_or_else(|| self.plugin.runner(&context.uses).unwrap())
    }

    fn context(&self) -> (StepContext, Beside) {
        let dir = tempfile::tempdir().unwrap();
        let log_path = dir.path().join("log");
        let secrets = self
            .secrets
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), SecretString::from(value.clone())));
        let secrets: BTreeMap<SecretName, SecretString> = secrets.collect();
        let redactor = Redactor::new(secrets.values());
        let (cancel, cancel_signal) = CancelSignal::new();
        let (checkpoints, requests) = Checkpoints::new();
        let (progress, progress_line) = Progress::new(&redactor);
        let uses: windlass_core::id::ActionName = self.uses.parse().unwrap();
        let effect: EffectClass = self.plugin.catalog().actions[&uses].effect.unwrap();
        let kept = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(keep(requests, kept.clone()));
        let (refusals, notices) = Refusals::new();
        let refused = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(keep(notices, refused.clone()));
        let now = SystemClock::default().now();
        let context = StepContext {
            run: "run-1".parse().unwrap(),
            node: NodeId::of("step".parse().unwrap()),
            attempt: self.number,
            uses,
            effect,
            input: input(self.with.clone()),
            log: AttemptLog::new(log_path.clone(), &redactor, progress.clone()),
            secrets: Secrets::limited(secrets, self.hosts.clone()),
            idempotency_key: "key-1".to_owned(),
            fence: None,
            deadline: Timestamp(now.0 + i64::try_from(self.timeout.as_millis()).unwrap()),
            deadline_instant: Instant::now() + self.timeout,
            cancel: cancel_signal,
            checkpoints,
            checkpoint: self.checkpoint.clone(),
            refusals,
            progress,
        };
        let beside = Beside {
            cancel,
            progress: progress_line,
            log_path,
            kept,
            refused,
            _dir: dir,
        };
        (context, beside)
    }

    pub(crate) fn start(self) -> Running {
        let (context, beside) = self.context();
        let runner = self.runner(&context);
        let token = match self.send_by {
            Some((clock, at)) => DispatchToken::for_test_until(Arc::new(clock), at),
            None => DispatchToken::for_test(),
        };
        let outcome = tokio::spawn(runner.run(token, context));
        Running { outcome, beside }
    }

    pub(crate) async fn run(self) -> Ended {
        self.start().end().await
    }

    /// Looks whether it happened.
    pub(crate) async fn reconcile(self) -> (Answer, String) {
        let (context, beside) = self.context();
        let runner = self.runner(&context);
        let answer = within(Duration::from_secs(60), runner.reconcile(context)).await;
        let log = std::fs::read_to_string(&beside.log_path).unwrap_or_default();
        (answer, log)
    }
}

impl Attempt {
    /// Takes it back.
    pub(crate) async fn undo(self) -> Ended {
        let (context, beside) = self.context();
        let runner = self.runner(&context);
        let outcome = tokio::spawn(runner.undo(DispatchToken::for_test(), context));
        Running { outcome, beside }.end().await
    }
}

/// What an attempt leaves beside its outcome.
pub(crate) struct Beside {
    pub(crate) cancel: watch::Sender<bool>,
    progress: watch::Receiver<String>,
    log_path: PathBuf,
    kept: Arc<Mutex<Vec<String>>>,
    refused: Arc<Mutex<Vec<Refusal>>>,
    _dir: TempDir,
}

async fn keep<T>(mut requests: mpsc::Receiver<(T, oneshot::Sender<()>)>, kept: Arc<Mutex<Vec<T>>>) {
    while let Some((data, done)) = requests.recv().await {
        kept.lock().unwrap().push(data);
        let _ = done.send(());
    }
}

pub(crate) struct Running {
    pub(crate) outcome: tokio::task::JoinHandle<Outcome>,
    pub(crate) beside: Beside,
}

impl Running {
    pub(crate) async fn end(self) -> Ended {
        let outcome = within(Duration::from_secs(60), self.outcome).await.unwrap();
        let beside = self.beside;
        let kept = beside.kept.lock().unwrap().clone();
        let refused = beside.refused.lock().unwrap().clone();
        Ended {
            outcome,
            log: std::fs::read_to_string(&beside.log_path).unwrap_or_default(),
            progress: beside.progress.borrow().clone(),
            kept,
            refused,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) log: String,
    pub(crate) progress: String,
    pub(crate) kept: Vec<String>,
    pub(crate) refused: Vec<Refusal>,
}

impl Ended {
    #[track_caller]
    pub(crate) fn outputs(&self) -> &Value {
        match &self.outcome {
            Outcome::Succeeded { outputs, .. } => outputs,
            Outcome::Failed(failure) => panic!("failed: {failure:?}\n{}", self.log),
        }
    }

    #[track_caller]
    pub(crate) fn failed(&self, effect: Effected, code: &str) -> &Failure {
        let Outcome::Failed(failure) = &self.outcome else {
            panic!("succeeded: {:?}", self.outcome);
        };
        assert_eq!(
            (failure.effect, failure.code.as_str()),
            (effect, code),
            "{failure:?}\n{}",
            self.log.chars().take(4000).collect::<String>()
        );
        failure
    }
}

#[track_caller]
pub(crate) fn within<F: Future>(span: Duration, future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        let result = tokio::time::timeout(span, future).await;
        result.unwrap_or_else(|_| panic!("not within {span:?}: {caller}"))
    }
}

/// In `with`, the text `$secret:NAME` stands for a secret.
fn input(with: serde_json::Value) -> Input {
    match with {
        serde_json::Value::String(text) => match text.strip_prefix("$secret:") {
            Some(name) => Input::Secret(name.parse().unwrap()),
            None => Input::Value(Value::Text(text)),
        },
        serde_json::Value::Object(map) => Input::Map(
            map.into_iter()
                .map(|(key, value)| (key, input(value)))
                .collect(),
        ),
        plain => Input::Value(serde_json::from_value(plain).unwrap()),
    }
}
