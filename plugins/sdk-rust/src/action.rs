//! An action: its functions, and its entry of the manifest.

use std::time::Duration;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::attempt::Attempt;
use crate::bindings::windlass::plugin::types::{self, AllowedRequests, Effect, Method, Phase};
use crate::failure::{Answer, Failure};

/// What is known of the attempt in doubt.
#[derive(Debug)]
pub struct Doubt {
    pub phase: Phase,
    checkpoint: Option<String>,
}

impl Doubt {
    /// What the attempt kept last.
    pub fn checkpoint<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.checkpoint.as_deref()?).ok()
    }
}

type Run = Box<dyn Fn(&Attempt, &str) -> Result<String, types::Failure>>;
type Reconcile = Box<dyn Fn(&Attempt, &str, &Doubt) -> Result<types::Answer, String>>;
type Undo = Box<dyn Fn(&Attempt, &str, Option<&str>) -> Result<(), types::Failure>>;

/// One action of a plugin.
pub struct Action {
    pub(crate) entry: types::Action,
    run: Run,
    reconcile: Option<Reconcile>,
    undo: Option<Undo>,
}

impl Action {
    /// An action from its function; the schemas come from the types.
    pub fn new<I, O>(
        name: &str,
        summary: &str,
        effect: Effect,
        run: fn(&Attempt, I) -> Result<O, Failure>,
    ) -> Self
    where
        I: DeserializeOwned + JsonSchema + 'static,
        O: Serialize + JsonSchema + 'static,
    {
        let entry = types::Action {
            name: name.to_owned(),
            summary: summary.to_owned(),
            input: schema::<I>(),
            output: schema::<O>(),
            effect,
            reconciles: false,
            undoes: false,
            provides: None,
            requests: Vec::new(),
            signs_with: Vec::new(),
            timeout_ms: None,
            settle_ms: 30_000,
            observe_ms: None,
        };
        let run: Run = Box::new(move |attempt, input| {
            let input = read::<I>(input).map_err(|why| Failure::none("bad_input", why).0)?;
            let output = run(attempt, input).map_err(|failure| failure.0)?;
            serde_json::to_string(&output)
                .map_err(|error| Failure::unknown("bad_output", error.to_string()).0)
        });
        Self {
            entry,
            run,
            reconcile: None,
            undo: None,
        }
    }

    /// It may send such requests.
    pub fn sends(mut self, methods: &[Method], url: &str) -> Self {
        self.entry.requests.push(allowed(methods, url, false));
        self
    }

    /// It may send such requests, which only look, whatever their method.
    pub fn reads(mut self, methods: &[Method], url: &str) -> Self {
        self.entry.requests.push(allowed(methods, url, true));
        self
    }

    /// It may sign with the secret of this input.
    pub fn signs_with(mut self, input: &str) -> Self {
        self.entry.signs_with.push(input.to_owned());
        self
    }

    /// Its success is evidence for this guard.
    pub fn provides(mut self, guard: &str) -> Self {
        self.entry.provides = Some(guard.to_owned());
        self
    }

    /// How long an attempt may take when the runbook says nothing.
    pub fn timeout(mut self, span: Duration) -> Self {
        self.entry.timeout_ms = Some(millis(span));
        self
    }

    /// How long after the last request an effect may still show.
    pub fn settle(mut self, span: Duration) -> Self {
        self.entry.settle_ms = millis(span);
        self
    }

    /// How long a doubt is looked into before a person is asked.
    pub fn observe(mut self, span: Duration) -> Self {
        self.entry.observe_ms = Some(millis(span));
        self
    }

    /// Looks whether a change happened.
    pub fn reconcile<I, O>(
        mut self,
        reconcile: fn(&Attempt, I, &Doubt) -> Result<Answer<O>, String>,
    ) -> Self
    where
        I: DeserializeOwned + 'static,
        O: Serialize + 'static,
    {
        self.entry.reconciles = true;
        self.reconcile = Some(Box::new(move |attempt, input, doubt| {
            let input = read::<I>(input)?;
            match reconcile(attempt, input, doubt)? {
                Answer::Happened(output) => serde_json::to_string(&output)
                    .map(types::Answer::Happened)
                    .map_err(|error| error.to_string()),
                Answer::NotHappened(evidence) => {
                    Ok(types::Answer::NotHappened(evidence.to_string()))
                }
                Answer::Settled(state) => Ok(types::Answer::Settled(state.to_string())),
                Answer::InProgress(note) => Ok(types::Answer::InProgress(note)),
                Answer::Unknown(note) => Ok(types::Answer::Unknown(note)),
            }
        }));
        self
    }

    /// Takes the change back; the function gets the input and what `run` kept last.
    pub fn undo<I>(mut self, undo: fn(&Attempt, I, Option<&str>) -> Result<(), Failure>) -> Self
    where
        I: DeserializeOwned + 'static,
    {
        self.entry.undoes = true;
        self.undo = Some(Box::new(move |attempt, input, kept| {
            let input = read::<I>(input).map_err(|why| Failure::none("bad_input", why).0)?;
            undo(attempt, input, kept).map_err(|failure| failure.0)
        }));
        self
    }

    pub(crate) fn call_run(
        &self,
        attempt: &Attempt,
        input: &str,
    ) -> Result<String, types::Failure> {
        (self.run)(attempt, input)
    }

    pub(crate) fn call_reconcile(
        &self,
        attempt: &Attempt,
        input: &str,
        doubt: types::Doubt,
    ) -> Result<types::Answer, String> {
        let Some(reconcile) = &self.reconcile else {
            return Err("this action has no reconcile".to_owned());
        };
        let doubt = Doubt {
            phase: doubt.phase,
            checkpoint: doubt.checkpoint,
        };
        reconcile(attempt, input, &doubt)
    }

    pub(crate) fn call_undo(
        &self,
        attempt: &Attempt,
        input: &str,
        kept: Option<&str>,
    ) -> Result<(), types::Failure> {
        match &self.undo {
            Some(undo) => undo(attempt, input, kept),
            None => Err(Failure::none("no_undo", "this action has no undo").0),
        }
    }
}

fn schema<T: JsonSchema>() -> String {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let schema = settings.into_generator().into_root_schema_for::<T>();
    serde_json::to_string(&schema).expect("a schema is JSON")
}

fn read<I: DeserializeOwned>(input: &str) -> Result<I, String> {
    serde_json::from_str(input).map_err(|error| format!("`with`: {error}"))
}

fn allowed(methods: &[Method], url: &str, reads: bool) -> AllowedRequests {
    AllowedRequests {
        methods: methods.to_vec(),
        url: url.to_owned(),
        reads,
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
