//! What the engine needs from the world, as traits: runners of steps, a clock,
//! and the catalog. The store's port is `windlass_journal::Store`, beside the bytes
//! that it stores. Implementations live with their crates; the CLI wires them.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use secrecy::SecretString;
use windlass_core::catalog::Catalog;
use windlass_core::id::{ActionName, NodeId, RunId, SecretName};
use windlass_core::outcome::{Answer, Outcome};
use windlass_core::plan::{EffectClass, Input};
use windlass_core::time::Timestamp;

use crate::attempt::{AttemptLog, CancelSignal, Checkpoints, DispatchToken, Progress};

/// A boxed future that a runner answers with.
pub type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Supplies catalog entries and the runner for each.
pub trait CatalogSource: Send + Sync {
    /// The entries of this source.
    fn catalog(&self) -> Catalog;

    /// The runner of one of its actions.
    fn runner(&self, action: &ActionName) -> Option<Arc<dyn StepRunner>>;
}

/// Runs the attempts of one action.
///
/// A runner never panics on what a target or an author gives it, and never tries
/// a change twice: one attempt sends once.
pub trait StepRunner: Send + Sync {
    /// Does the work. The token proves that the intent is durable; the runner consumes
    /// it with [`DispatchToken::hand_over`] at the very moment of sending, and sends
    /// nothing when that answers that it is too late.
    fn run(&self, token: DispatchToken, context: StepContext) -> Work<Outcome>;

    /// Looks whether an earlier attempt's change happened. A read: it changes nothing.
    fn reconcile(&self, context: StepContext) -> Work<Answer> {
        drop(context);
        Box::pin(async {
            Answer::Unknown {
                note: "this action has no reconcile of its own".to_owned(),
            }
        })
    }

    /// Takes the change back; a change itself.
    fn undo(&self, token: DispatchToken, context: StepContext) -> Work<Outcome> {
        drop(context);
        Box::pin(async move { token.refuse("this action has no undo of its own") })
    }
}

/// All that an attempt is given.
pub struct StepContext {
    pub run: RunId,
    pub node: NodeId,
    /// From 1. In a reconcile, the attempt in doubt.
    pub attempt: u32,
    pub uses: ActionName,
    pub effect: EffectClass,
    /// The resolved `with`; secrets stand in it as handles.
    pub input: Input,
    pub secrets: Secrets,
    pub idempotency_key: String,
    /// When waiting for the outcome ends. The engine itself enforces it.
    pub deadline: Timestamp,
    /// The deadline on the monotonic clock, for timers.
    pub deadline_instant: tokio::time::Instant,
    /// Asked for when nobody waits any more: a run that is ending, a deadline of a read.
    pub cancel: CancelSignal,
    pub checkpoints: Checkpoints,
    /// What an earlier part of the attempt kept, for a reconcile.
    pub checkpoint: Option<String>,
    pub progress: Progress,
    pub log: AttemptLog,
}

impl StepContext {
    /// The value of the environment variable by which a process of this attempt is
    /// found again after a crash: `RUN/NODE/ATTEMPT`.
    pub fn marker(&self) -> String {
        format!("{}/{}/{}", self.run, self.node, self.attempt)
    }
}

/// The environment variable that every process of an attempt carries.
pub const ATTEMPT_VARIABLE: &str = "WINDLASS_ATTEMPT";

impl fmt::Debug for StepContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepContext")
            .field("marker", &self.marker())
            .finish_non_exhaustive()
    }
}

/// The resolved secrets of one attempt, by name. Never printed.
#[derive(Clone, Default)]
pub struct Secrets(Arc<BTreeMap<SecretName, SecretString>>);

impl Secrets {
    /// Secrets for an attempt.
    pub fn new(secrets: BTreeMap<SecretName, SecretString>) -> Self {
        Self(Arc::new(secrets))
    }

    /// The value behind a handle.
    pub fn get(&self, name: &SecretName) -> Option<&SecretString> {
        self.0.get(name)
    }

    /// All values, for redaction.
    pub fn values(&self) -> impl Iterator<Item = &SecretString> {
        self.0.values()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.keys().map(SecretName::as_str))
            .finish()
    }
}

/// The time, as the engine sees it.
pub trait Clock: Send + Sync {
    /// The wall clock in UTC.
    fn now(&self) -> Timestamp;

    /// Returns once the wall clock may have reached `at`; waking early is allowed.
    fn sleep_until(&self, at: Timestamp) -> Work<()>;
}
