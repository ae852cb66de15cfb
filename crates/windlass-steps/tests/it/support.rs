//! One attempt of one action, as the engine would start it, without the engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use windlass_core::id::{NodeId, SecretName};
use windlass_core::outcome::{Effected, Failure, Outcome};
use windlass_core::plan::{EffectClass, HostPattern, Input};
use windlass_core::time::Timestamp;
use windlass_core::value::Value;
use windlass_engine::SimClock;
use windlass_engine::attempt::{
    AttemptLog, CancelSignal, Checkpoints, DispatchToken, Progress, Refusals,
};
use windlass_engine::ports::{CatalogSource as _, Secrets, StepContext};
use windlass_engine::redact::Redactor;
use windlass_steps::NativeSteps;

/// What a test says of an attempt.
pub(crate) struct Attempt {
    pub(crate) uses: &'static str,
    pub(crate) effect: EffectClass,
    pub(crate) with: serde_json::Value,
    pub(crate) secrets: Vec<(&'static str, String)>,
    pub(crate) hosts: BTreeMap<SecretName, Vec<HostPattern>>,
    pub(crate) timeout: Duration,
    /// When its send deadline is, and by which clock; never, when it says nothing.
    pub(crate) send_by: Option<(SimClock, Timestamp)>,
    /// The step's id, by which its processes and sessions are found.
    pub(crate) step: &'static str,
}

/// A `shell` read with a minute of time.
pub(crate) fn shell(with: serde_json::Value) -> Attempt {
    Attempt {
        uses: "shell",
        effect: EffectClass::Read,
        with,
        secrets: Vec::new(),
        hosts: BTreeMap::new(),
        timeout: Duration::from_secs(60),
        send_by: None,
        step: "step",
    }
}

impl Attempt {
    pub(crate) fn change(self) -> Self {
        let effect = EffectClass::Irreversible;
        Self { effect, ..self }
    }

    pub(crate) fn idempotent(self) -> Self {
        let effect = EffectClass::Idempotent;
        Self { effect, ..self }
    }

    pub(crate) fn secret(mut self, name: &'static str, value: &str) -> Self {
        self.secrets.push((name, value.to_owned()));
        self
    }

    /// Limits a secret to these hosts.
    pub(crate) fn granted(mut self, name: &str, hosts: &[&str]) -> Self {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        self.hosts.insert(name.parse().unwrap(), hosts);
        self
    }

    /// With one more parameter.
    pub(crate) fn with(mut self, key: &str, value: serde_json::Value) -> Self {
        self.with[key] = value;
        self
    }

    pub(crate) fn timeout_ms(self, ms: u64) -> Self {
        let timeout = Duration::from_millis(ms);
        Self { timeout, ..self }
    }

    pub(crate) fn send_by(self, clock: &SimClock, at: Timestamp) -> Self {
        let send_by = Some((clock.clone(), at));
        Self { send_by, ..self }
    }

    pub(crate) fn step(self, step: &'static str) -> Self {
        Self { step, ..self }
    }

    /// Starts it; in `with`, the text `$secret:NAME` stands for a secret.
    pub(crate) fn start(self) -> Running {
        let dir = tempfile::tempdir().unwrap();
        let log_path = dir.path().join("log");
        let secrets = self
            .secrets
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), SecretString::from(value)));
        let secrets: BTreeMap<SecretName, SecretString> = secrets.collect();
        let redactor = Redactor::new(secrets.values());
        let secrets = Secrets::limited(secrets, self.hosts);
        let (cancel, cancel_signal) = CancelSignal::new();
        let (checkpoints, checkpoint_requests) = Checkpoints::new();
        let (progress, progress_line) = Progress::new(&redactor);
        let uses = self.uses.parse().unwrap();
        let context = StepContext {
            run: "run-1".parse().unwrap(),
            node: NodeId::of(self.step.parse().unwrap()),
            attempt: 2,
            uses,
            effect: self.effect,
            input: input(self.with),
            log: AttemptLog::new(log_path.clone(), &redactor, progress.clone()),
            secrets,
            idempotency_key: "key-1".to_owned(),
            fence: Some(17),
            deadline: Timestamp(0),
            deadline_instant: Instant::now() + self.timeout,
            cancel: cancel_signal,
            checkpoints,
            checkpoint: None,
            refusals: Refusals::new().0,
            progress,
        };
        let runner = NativeSteps::new().runner(&context.uses).unwrap();
        let token = match self.send_by {
            Some((clock, at)) => DispatchToken::for_test_until(Arc::new(clock), at),
            None => DispatchToken::for_test(),
        };
        let work = runner.run(token, context);
        Running {
            outcome: tokio::spawn(work),
            cancel,
            progress: progress_line,
            log_path,
            dir,
            _checkpoints: checkpoint_requests,
        }
    }

    /// Starts it and waits for its end.
    pub(crate) async fn run(self) -> Ended {
        self.start().end().await
    }
}

/// An attempt in flight.
pub(crate) struct Running {
    pub(crate) outcome: tokio::task::JoinHandle<Outcome>,
    pub(crate) cancel: watch::Sender<bool>,
    pub(crate) progress: watch::Receiver<String>,
    log_path: PathBuf,
    dir: TempDir,
    _checkpoints: mpsc::Receiver<(String, oneshot::Sender<()>)>,
}

impl Running {
    /// Waits until the progress line is this.
    pub(crate) async fn says(&mut self, line: &str) {
        let said = self.progress.wait_for(|said| said == line);
        within(Duration::from_secs(20), said).await.unwrap();
    }

    pub(crate) async fn end(self) -> Ended {
        let outcome = within(Duration::from_secs(60), self.outcome).await.unwrap();
        let log = std::fs::read_to_string(&self.log_path).unwrap_or_default();
        Ended { outcome, log }
    }
}

impl Running {
    /// The names and the contents of all that lies beside its log, its log included.
    pub(crate) fn on_disk(&self) -> String {
        let files = std::fs::read_dir(self.dir.path()).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            format!("{}\n{}", path.display(), String::from_utf8_lossy(&bytes))
        });
        files.collect()
    }
}

/// An attempt that ended, with its log.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) log: String,
}

impl Ended {
    #[track_caller]
    pub(crate) fn outputs(&self) -> &Value {
        match &self.outcome {
            Outcome::Succeeded { outputs, .. } => outputs,
            Outcome::Failed(failure) => panic!("failed: {failure:?}\n{}", self.log),
        }
    }

    /// One output.
    #[track_caller]
    pub(crate) fn output(&self, name: &str) -> &Value {
        let outputs = self.outputs();
        outputs
            .get(name)
            .unwrap_or_else(|| panic!("no {name} in {outputs}"))
    }

    #[track_caller]
    pub(crate) fn failure(&self) -> &Failure {
        match &self.outcome {
            Outcome::Succeeded { outputs, .. } => panic!("succeeded: {outputs}"),
            Outcome::Failed(failure) => failure,
        }
    }

    /// Asserts how it failed.
    #[track_caller]
    pub(crate) fn failed(&self, effect: Effected, code: &str) -> &Failure {
        let failure = self.failure();
        assert_eq!(
            (failure.effect, failure.code.as_str()),
            (effect, code),
            "{failure:?}\n{}",
            self.log
        );
        failure
    }

    /// All that an attempt leaves behind, as one text.
    pub(crate) fn everything(&self) -> String {
        format!("{:?}\n{}", self.outcome, self.log)
    }
}

/// JSON text of a value.
pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Fails the test instead of hanging.
#[track_caller]
pub(crate) fn within<F: Future>(span: Duration, future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        let result = tokio::time::timeout(span, future).await;
        result.unwrap_or_else(|_| panic!("not within {span:?}: {caller}"))
    }
}

/// Asks again and again until it is so.
#[track_caller]
pub(crate) fn until(mut so: impl FnMut() -> bool) -> impl Future<Output = ()> {
    within(Duration::from_secs(20), async move {
        while !so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
}

/// Whether a process lives; a zombie does not.
pub(crate) fn is_alive(pid: i64) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").starts_with(" Z"))
}

/// Ends a process that the test itself caused.
pub(crate) fn kill(pid: i64) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

fn input(with: serde_json::Value) -> Input {
    match with {
        serde_json::Value::String(text) => match text.strip_prefix("$secret:") {
            Some(name) => Input::Secret(name.parse().unwrap()),
            None => Input::Value(Value::Text(text)),
        },
        serde_json::Value::Array(items) => {
            let items: Vec<Input> = items.into_iter().map(input).collect();
            if items.iter().all(|item| item.secrets().is_empty()) {
                Input::Value(Value::List(
                    items.into_iter().filter_map(Input::into_value).collect(),
                ))
            } else {
                Input::List(items)
            }
        }
        serde_json::Value::Object(map) => {
            let map: BTreeMap<String, Input> = map
                .into_iter()
                .map(|(key, value)| (key, input(value)))
                .collect();
            if map.values().all(|item| item.secrets().is_empty()) {
                let plain = map
                    .into_iter()
                    .filter_map(|(key, value)| Some((key, value.into_value()?)));
                Input::Value(Value::Map(plain.collect()))
            } else {
                Input::Map(map)
            }
        }
        plain => Input::Value(serde_json::from_value(plain).unwrap()),
    }
}
