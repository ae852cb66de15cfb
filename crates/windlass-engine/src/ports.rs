//! What the engine needs from the world, as traits: runners of steps, a clock, the catalog
//! and plugins. The store's port is `windlass_journal::Store`, beside the bytes
//! that it stores. Implementations live with their crates; the CLI wires them.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use windlass_core::catalog::{Action, Catalog};
use windlass_core::id::{ActionName, NodeId, RunId, SecretName};
use windlass_core::outcome::{Answer, Effected, Failure, Outcome};
use windlass_core::plan::{Digest, EffectClass, HostPattern, Input, Plugin, host_in};
use windlass_core::time::{Millis, Timestamp};
use windlass_core::value::Value;

use crate::attempt::{AttemptLog, CancelSignal, Checkpoints, DispatchToken, Progress, Refusals};

/// A boxed future that a runner answers with.
pub type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Supplies catalog entries and the runner for each.
pub trait CatalogSource: Send + Sync {
    /// The entries of this source.
    fn catalog(&self) -> Catalog;

    /// The runner of one of its actions.
    fn runner(&self, action: &ActionName) -> Option<Arc<dyn StepRunner>>;

    /// How an attempt ends of an action that only computes from its resolved `with`;
    /// `None` of every other. The runner of such an action answers the same, so that a
    /// rehearsal needs no mock of it.
    fn compute(&self, action: &ActionName, input: &Input) -> Option<Outcome> {
        let _ = (action, input);
        None
    }
}

/// The plugins that plans pin, by the digests of their bytes.
pub trait Plugins: Send + Sync {
    /// The actions of a plugin by their own names, as it describes them; by these a plan is
    /// judged that somebody else made.
    fn actions(&self, digest: &Digest) -> Work<Result<BTreeMap<String, Action>, String>>;

    /// Loads a plugin, unless it is loaded: before a run goes on, so that no attempt fails
    /// for want of it. Whether it could is what [`Plugins::runner`] says.
    fn load(&self, digest: &Digest) -> Work<()>;

    /// The runner of an action with the powers that the plan gives it.
    ///
    /// # Errors
    /// Why the plugin cannot be used: its bytes are not here, are others, or could not be
    /// loaded. The run waits for it.
    fn runner(&self, plugin: &Plugin, action: &str) -> Result<Arc<dyn StepRunner>, String>;
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

    /// Whether an attempt with this input does its work by a message: once it has succeeded,
    /// a [`Messenger`] sends what it was given. The message and the success are one record.
    fn posts(&self, input: &Input) -> bool {
        let _ = input;
        false
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
    /// The number of the target's lock, once the run holds it: higher than that of any run
    /// that held it before, so that a target can refuse what comes too late.
    pub fence: Option<u64>,
    /// When waiting for the outcome ends. The engine itself enforces it.
    pub deadline: Timestamp,
    /// The deadline on the monotonic clock, for timers.
    pub deadline_instant: tokio::time::Instant,
    /// Asked for when nobody waits any more: a run that is ending, a deadline of a read.
    pub cancel: CancelSignal,
    pub checkpoints: Checkpoints,
    /// What an earlier part of the attempt kept, for a reconcile.
    pub checkpoint: Option<String>,
    /// Where a plugin's refusals go.
    pub refusals: Refusals,
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

/// The resolved secrets of one attempt, by name, and the hosts that each may go to.
/// Never printed.
///
/// A runner asks for a value at the moment at which it knows where it will send it, and
/// before it sends anything: [`Secrets::for_host`]. A host is the name as the author or a
/// step gave it, never an address that it resolved to; a client that is led elsewhere, by
/// a redirect or otherwise, asks again for that host before it takes the value along. A
/// refusal ends the attempt with [`NotGranted::into_outcome`].
#[derive(Clone, Default)]
pub struct Secrets(Arc<Held>);

#[derive(Default)]
struct Held {
    values: BTreeMap<SecretName, SecretString>,
    hosts: BTreeMap<SecretName, Vec<HostPattern>>,
}

impl Secrets {
    /// Secrets that may go anywhere.
    pub fn new(values: BTreeMap<SecretName, SecretString>) -> Self {
        Self::limited(values, BTreeMap::new())
    }

    /// Secrets of which some may only go to the hosts that are named for them.
    pub fn limited(
        values: BTreeMap<SecretName, SecretString>,
        hosts: BTreeMap<SecretName, Vec<HostPattern>>,
    ) -> Self {
        Self(Arc::new(Held { values, hosts }))
    }

    /// The value behind a handle, for sending it to `host` and nowhere else.
    pub fn for_host(&self, name: &SecretName, host: &str) -> Result<&SecretString, NotGranted> {
        match self.0.hosts.get(name) {
            Some(granted) if !granted.iter().any(|pattern| pattern.permits(host)) => {
                Err(NotGranted::Host {
                    secret: name.clone(),
                    host: host.to_owned(),
                    granted: granted.clone(),
                })
            }
            Some(_) | None => self.value(name),
        }
    }

    /// The value behind a handle, for a use after which it could go anywhere, such as the
    /// environment of a command. Refused for every secret that has `hosts`.
    pub fn for_anywhere(&self, name: &SecretName) -> Result<&SecretString, NotGranted> {
        match self.0.hosts.get(name) {
            Some(granted) => Err(NotGranted::Anywhere {
                secret: name.clone(),
                granted: granted.clone(),
            }),
            None => self.value(name),
        }
    }

    /// A value that is itself the address of where it is sent, such as a webhook's.
    pub fn as_address(&self, name: &SecretName) -> Result<&SecretString, NotGranted> {
        let value = self.value(name)?;
        let host = host_in(value.expose_secret()).unwrap_or_default();
        match self.0.hosts.get(name) {
            // What it holds is not told, so neither is its host.
            Some(granted) if !granted.iter().any(|pattern| pattern.permits(host)) => {
                Err(NotGranted::Anywhere {
                    secret: name.clone(),
                    granted: granted.clone(),
                })
            }
            Some(_) | None => Ok(value),
        }
    }

    fn value(&self, name: &SecretName) -> Result<&SecretString, NotGranted> {
        let missing = || NotGranted::Missing(name.clone());
        self.0.values.get(name).ok_or_else(missing)
    }
}

/// Why a runner gets no secret. It tells names and hosts, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotGranted {
    #[error("the secret `{0}` was not given")]
    Missing(SecretName),
    #[error("the secret `{secret}` may not go to `{host}`, only to {}", listed(.granted))]
    Host {
        secret: SecretName,
        host: String,
        granted: Vec<HostPattern>,
    },
    #[error("the secret `{secret}` may only go to {}, and from here it could go anywhere", listed(.granted))]
    Anywhere {
        secret: SecretName,
        granted: Vec<HostPattern>,
    },
}

impl NotGranted {
    /// The code of the failure.
    pub fn code(&self) -> &'static str {
        match self {
            NotGranted::Missing(_) => "not_sent",
            NotGranted::Host { .. } | NotGranted::Anywhere { .. } => "secret_not_granted",
        }
    }

    /// The attempt's end: nothing was sent.
    pub fn into_outcome(self) -> Outcome {
        Outcome::Failed(Failure {
            effect: Effected::None,
            code: self.code().to_owned(),
            message: self.to_string(),
            evidence: None,
            log: None,
        })
    }
}

fn listed(hosts: &[HostPattern]) -> String {
    let hosts: Vec<&str> = hosts.iter().map(HostPattern::as_str).collect();
    hosts.join(", ")
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.values.keys().map(SecretName::as_str))
            .finish()
    }
}

/// Sends messages to the outside. It may be asked to send one again: a receiver tells
/// repeats by the message's id.
pub trait Messenger: Send + Sync {
    /// How often a message is sent again until somebody acknowledges it, or its cause is
    /// over; `None` when it is done once it is delivered.
    fn repeats(&self, uses: &ActionName, input: &Input) -> Option<Duration>;

    /// What tells the receivers of messages apart; no secret is in it.
    fn receiver(&self, uses: &ActionName, input: &Input) -> String;

    /// Sends a message once; it bounds the time that this takes.
    fn deliver(&self, message: Message) -> Work<Delivery>;
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same however often it is sent.
    pub id: String,
    pub run: RunId,
    pub uses: ActionName,
    /// The resolved `with`; secrets stand in it as handles.
    pub input: Input,
    /// What happened, as data.
    pub facts: Value,
    pub secrets: Secrets,
    /// When its cause happened.
    pub at: Timestamp,
    pub act: MessageAct,
    /// How often it was taken before: calls are repeated.
    pub number: u32,
}

/// What a message is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageAct {
    /// To tell somebody, once.
    Tell,
    /// To call somebody until he acknowledges.
    Call,
    /// To say that somebody has seen to it.
    Acknowledge,
    /// To say that its cause is over.
    Resolve,
}

/// What came of sending a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    Delivered,
    /// Delivered, and the receiver says that somebody has seen to it.
    Acknowledged,
    /// It may be tried again, not before the receiver's own time if he names one.
    NotYet {
        reason: String,
        after: Option<Duration>,
    },
    /// The receiver will never take it.
    Refused {
        reason: String,
    },
}

/// The time, as the engine sees it: it agrees with the wall clock as long as nobody sets
/// that, never goes back, and never goes faster than time passes.
pub trait Clock: Send + Sync {
    /// The time in UTC.
    fn now(&self) -> Timestamp;

    /// Returns once it may be `at`; waking early is allowed.
    fn sleep_until(&self, at: Timestamp) -> Work<()>;

    /// How far the wall clock is ahead of this time; less than 0 when it is behind.
    fn wall_ahead_ms(&self) -> i64;

    /// How far the wall clock was set forward since then, all in all.
    fn set_forward_since(&self, since: Timestamp) -> Millis;

    /// Something was recorded at that time: this clock must not show less.
    fn not_before(&self, at: Timestamp);
}
