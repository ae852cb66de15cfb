//! What one instance of a guest is given: its bounds, its handles, and, where it carries
//! something out, the attempt around it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use windlass_core::id::SecretName;
use windlass_core::refusal::{REFUSALS_MAX, Refusal, RefusedBy};
use windlass_core::value::Value;
use windlass_engine::attempt::{
    AttemptLog, CancelSignal, Checkpoints, DispatchToken, LOG_LINE_BYTES_MAX, Progress, Refusals,
};
use windlass_engine::ports::{Clock, Secrets};
use windlass_engine::redact::Redactor;
use windlass_http::{Client, Origin, Refusal as NotNow};

use crate::imports::rates::Rates;
use crate::limits::{HANDLES_MAX, Limits};
use crate::manifest::Action;
use crate::meter::{Exceeded, Meter};
use crate::requests::Allowed;
use crate::seen::{Exchange, Seen};
use crate::stage::Stage;

/// What a guest's handle of a secret stands for. Only the host can look.
#[expect(unreachable_pub, reason = "the generated bindings name it")]
pub enum Handle {
    /// One that the step was given; its value is asked for where it is used.
    Named(SecretName),
    /// One that a target issued, counted from 1 in its call.
    Issued(SecretString, u32),
    /// A key that was made of another one; it can sign and cannot be sent.
    Derived(SecretSlice<u8>),
}

/// The state of one store.
pub(crate) struct State {
    pub(crate) meter: Meter,
    pub(crate) table: ResourceTable,
    handles: usize,
    calls: u32,
    calls_max: u32,
    /// `None` while the plugin says what it is.
    around: Option<Around>,
}

impl State {
    pub(crate) fn new(limits: Limits, around: Option<Around>) -> Self {
        Self {
            meter: Meter::new(limits.memory_bytes),
            table: ResourceTable::new(),
            handles: 0,
            calls: 0,
            calls_max: limits.host_calls,
            around,
        }
    }

    /// Counts a call of an import; the attempt that it belongs to.
    pub(crate) fn called(&mut self) -> wasmtime::Result<&mut Around> {
        self.count()?;
        self.around
            .as_mut()
            .ok_or_else(|| wasmtime::Error::msg("`describe` asks nothing of its surroundings"))
    }

    /// Counts a call of an import that works everywhere.
    pub(crate) fn count(&mut self) -> wasmtime::Result<()> {
        self.calls = self.calls.saturating_add(1);
        match self.calls > self.calls_max {
            true => Err(Exceeded::HostCalls(self.calls_max).into()),
            false => Ok(()),
        }
    }

    pub(crate) fn around(&self) -> Option<&Around> {
        self.around.as_ref()
    }

    pub(crate) fn around_mut(&mut self) -> Option<&mut Around> {
        self.around.as_mut()
    }

    pub(crate) fn add_handle(
        &mut self,
        handle: Handle,
    ) -> wasmtime::Result<wasmtime::component::Resource<Handle>> {
        if self.handles >= HANDLES_MAX {
            return Err(Exceeded::Handles(HANDLES_MAX).into());
        }
        self.handles += 1;
        Ok(self.table.push(handle)?)
    }

    pub(crate) fn drop_handle(
        &mut self,
        handle: wasmtime::component::Resource<Handle>,
    ) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        self.handles = self.handles.saturating_sub(1);
        Ok(())
    }
}

/// What is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Run,
    Reconcile,
    Undo,
}

/// The attempt around an instance.
pub(crate) struct Around {
    pub(crate) kind: Kind,
    pub(crate) action: Arc<Action>,
    /// Which of the requests that it asks for it is granted.
    pub(crate) granted: Vec<Allowed>,
    /// The origins that the inputs hold of which patterns speak.
    pub(crate) origins: BTreeMap<String, Origin>,
    pub(crate) secrets: Secrets,
    /// The secrets that were given, and in which inputs.
    pub(crate) given: BTreeMap<SecretName, BTreeSet<String>>,
    pub(crate) log: AttemptLog,
    pub(crate) progress: Progress,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) refusals: Refusals,
    pub(crate) cancel: CancelSignal,
    pub(crate) deadline: Instant,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) client: Client,
    pub(crate) rates: Arc<Rates>,
    pub(crate) witness: Arc<Witness>,
    /// How many secrets targets have issued.
    pub(crate) issued: u32,
    /// What stands in the world's place when the call is played or recorded.
    pub(crate) stage: Option<Stage>,
}

impl Around {
    /// A text of the guest without secrets, those of the run and those that were issued.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.log.redact(&self.witness.redact(text))
    }

    /// Tells the run what the guest asked for and is not granted.
    pub(crate) async fn refuse(&self, by: RefusedBy, asked: &str, missing: &str) {
        let (asked, missing) = (self.redact(asked), self.redact(missing));
        let refusal = Refusal::new(by, &printable(&asked), &printable(&missing));
        if self.witness.is_news(&refusal) {
            self.refusals.tell(refusal).await;
        }
    }

    /// Lines for the attempt's log.
    pub(crate) fn tell(&self, text: &str) {
        // What is cut could end in half of a secret.
        let most = LOG_LINE_BYTES_MAX * 4;
        let text = match text.len() > most {
            true => {
                let cut = (0..=most).rev().find(|at| text.is_char_boundary(*at));
                let cut = &text[..cut.unwrap_or(0)];
                self.log.redactor().cut_text(&self.witness.cut(cut))
            }
            false => self.redact(text),
        };
        for line in text.lines() {
            self.log.line(&printable(line));
        }
    }
}

/// A line without what would steer a terminal.
pub(crate) fn printable(line: &str) -> String {
    let plain = |c: char| {
        if c.is_control() && c != '\t' {
            '\u{fffd}'
        } else {
            c
        }
    };
    line.chars().map(plain).collect()
}

/// What the host itself knows of an attempt; it outlives the instance.
pub(crate) struct Witness {
    dispatch: Mutex<Dispatch>,
    seen: Mutex<Seen>,
    issued: Mutex<Issued>,
    refused: Mutex<BTreeSet<Refusal>>,
}

/// Whether a change may be sent.
enum Dispatch {
    /// Nothing was sent yet.
    Held(DispatchToken),
    /// The same on a stage, where nothing is sent and no intent is needed.
    Played,
    Handed,
    /// Nothing may be sent any more, or never might.
    Closed,
}

#[derive(Default)]
struct Issued {
    values: Vec<SecretString>,
    redactor: Redactor,
}

impl Witness {
    /// With the right to send a change, when there is one.
    pub(crate) fn new(token: Option<DispatchToken>) -> Arc<Self> {
        Arc::new(Self {
            dispatch: Mutex::new(token.map_or(Dispatch::Closed, Dispatch::Held)),
            seen: Mutex::default(),
            issued: Mutex::default(),
            refused: Mutex::default(),
        })
    }

    /// Of a call whose targets are played.
    pub(crate) fn playing() -> Arc<Self> {
        Arc::new(Self {
            dispatch: Mutex::new(Dispatch::Played),
            seen: Mutex::default(),
            issued: Mutex::default(),
            refused: Mutex::default(),
        })
    }

    /// Asked at the moment at which a change is sent.
    pub(crate) fn hand_over(&self, deadline: Instant) -> Result<(), NotNow> {
        let mut dispatch = locked(&self.dispatch);
        let refused = |why: &str| Err(NotNow(why.to_owned()));
        match std::mem::replace(&mut *dispatch, Dispatch::Closed) {
            Dispatch::Held(token) => match token.hand_over() {
                Ok(_handed) => {
                    *dispatch = Dispatch::Handed;
                    Ok(())
                }
                Err(late) => Err(NotNow(late.to_string())),
            },
            Dispatch::Played => {
                *dispatch = Dispatch::Handed;
                Ok(())
            }
            Dispatch::Handed => {
                *dispatch = Dispatch::Handed;
                match Instant::now() < deadline {
                    true => Ok(()),
                    false => refused("the attempt's time is over"),
                }
            }
            Dispatch::Closed => refused("the attempt may not send a change any more"),
        }
    }

    /// Nothing is sent from now on; whether something was.
    pub(crate) fn close(&self) -> bool {
        let mut dispatch = locked(&self.dispatch);
        matches!(
            std::mem::replace(&mut *dispatch, Dispatch::Closed),
            Dispatch::Handed
        )
    }

    /// Ends an attempt that has sent no change; whether that was so.
    pub(crate) fn close_if_unsent(&self) -> bool {
        let mut dispatch = locked(&self.dispatch);
        if matches!(*dispatch, Dispatch::Handed) {
            return false;
        }
        *dispatch = Dispatch::Closed;
        true
    }

    pub(crate) fn saw(&self, exchange: Exchange) {
        locked(&self.seen).add(exchange);
    }

    /// Whether a refusal is to be told of: a guest that asks over and over is told of once.
    fn is_news(&self, refusal: &Refusal) -> bool {
        let mut refused = locked(&self.refused);
        refused.len() < REFUSALS_MAX && refused.insert(refusal.clone())
    }

    /// Whether a change was sent that nobody answered.
    pub(crate) fn is_open(&self) -> bool {
        locked(&self.seen).is_open()
    }

    /// Whether the target said anything.
    pub(crate) fn has_answers(&self) -> bool {
        locked(&self.seen).has_answers()
    }

    /// A plugin's evidence with what was seen beside it.
    pub(crate) fn beside(&self, claimed: Option<Value>) -> Option<Value> {
        locked(&self.seen).beside(claimed)
    }

    /// A secret that a target issued or that was made of another one: no text shows it
    /// from now on.
    pub(crate) fn issue(&self, value: &SecretString) -> Result<(), Exceeded> {
        let mut issued = locked(&self.issued);
        let text = value.expose_secret();
        if issued
            .values
            .iter()
            .any(|known| known.expose_secret() == text)
        {
            return Ok(());
        }
        if issued.values.len() >= HANDLES_MAX {
            return Err(Exceeded::Handles(HANDLES_MAX));
        }
        issued.values.push(value.clone());
        issued.redactor = Redactor::new(&issued.values);
        Ok(())
    }

    pub(crate) fn redact(&self, text: &str) -> String {
        locked(&self.issued).redactor.text(text)
    }

    pub(crate) fn redact_value(&self, value: Value) -> Value {
        locked(&self.issued).redactor.value(value)
    }

    fn cut(&self, text: &str) -> String {
        locked(&self.issued).redactor.cut_text(text)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
