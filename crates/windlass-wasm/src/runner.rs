//! Carries out one action behind the engine's port, and says how an attempt ended. Where
//! the plugin's word and what the host saw differ, the stricter of the two counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use windlass_core::id::{Phase, SecretName};
use windlass_core::outcome::{
    Answer, Effected, Failure, MESSAGE_BYTES_MAX, OUTPUTS_BYTES_MAX, Outcome,
};
use windlass_core::plan::Input;
use windlass_core::types::Type;
use windlass_core::value::Value;
use windlass_engine::attempt::{AttemptLog, CancelSignal, DispatchToken};
use windlass_engine::ports::{StepContext, StepRunner, Work};
use windlass_http::Origin;

use crate::bindings::types;
use crate::imports::millis;
use crate::manifest::Action;
use crate::plugin::{Plugin, Stopped};
use crate::powers::Powers;
use crate::recording::Recording;
use crate::schema::one_line;
use crate::stage::Stage;
use crate::state::{Around, Kind, Witness, printable};
use crate::trial::{of_answer, of_outcome};

/// The most bytes of a failure's code.
const CODE_BYTES_MAX: usize = 64;

/// The runner of one action.
pub(crate) struct Runner {
    plugin: Plugin,
    name: String,
    action: Arc<Action>,
    /// Where its calls are played.
    stage: Option<Stage>,
    powers: Powers,
}

impl Runner {
    /// `None` when the plugin has no such action.
    pub(crate) fn new(plugin: Plugin, name: &str, powers: Powers) -> Option<Self> {
        let action = plugin.manifest().actions.get(name)?.clone();
        Some(Self {
            plugin,
            name: name.to_owned(),
            action: Arc::new(action),
            stage: None,
            powers,
        })
    }

    /// The same, played.
    pub(crate) fn on(self, stage: Stage) -> Self {
        let stage = Some(stage);
        Self { stage, ..self }
    }
}

impl StepRunner for Runner {
    fn run(&self, token: DispatchToken, context: StepContext) -> Work<Outcome> {
        let work = Attempt::of(self, Kind::Run, Some(token), context);
        Box::pin(async move {
            match work {
                Ok(attempt) => attempt.run().await,
                Err(outcome) => outcome,
            }
        })
    }

    fn reconcile(&self, context: StepContext) -> Work<Answer> {
        let work = Attempt::of(self, Kind::Reconcile, None, context);
        Box::pin(async move {
            match work {
                Ok(attempt) => attempt.reconcile().await,
                Err(outcome) => Answer::Failed {
                    message: match outcome {
                        Outcome::Failed(failure) => failure.message,
                        Outcome::Succeeded { .. } => "it cannot be asked".to_owned(),
                    },
                },
            }
        })
    }

    fn undo(&self, token: DispatchToken, context: StepContext) -> Work<Outcome> {
        let work = Attempt::of(self, Kind::Undo, Some(token), context);
        Box::pin(async move {
            match work {
                Ok(attempt) => attempt.undo().await,
                Err(outcome) => outcome,
            }
        })
    }
}

/// One call of the guest, ready to be made.
pub(crate) struct Attempt {
    plugin: Plugin,
    action: Arc<Action>,
    witness: Arc<Witness>,
    context: StepContext,
    around: Around,
    call: types::Call,
    input: String,
    recording: Option<Recording>,
}

impl Attempt {
    /// Reads the input; nothing was sent when that fails.
    pub(crate) fn of(
        runner: &Runner,
        kind: Kind,
        token: Option<DispatchToken>,
        context: StepContext,
    ) -> Result<Self, Outcome> {
        let mut given = BTreeMap::new();
        let json = to_json(&context.input, None, &mut given);
        let origins = origins(&runner.action, &context.input).map_err(|message| {
            Outcome::Failed(Failure {
                effect: Effected::None,
                code: "not_sent".to_owned(),
                message: context.log.redact(&message),
                evidence: None,
                log: None,
            })
        })?;
        let witness = match (&runner.stage, kind) {
            (Some(_), Kind::Run | Kind::Undo) => Witness::playing(),
            (Some(_), Kind::Reconcile) | (None, _) => Witness::new(token),
        };
        let options = runner.plugin.host().options();
        let recording = match (&runner.stage, &options.record) {
            (None, Some(dir)) => Some(Recording::begin(
                dir,
                &runner.name,
                kind,
                options.clock.now(),
                &context,
                witness.clone(),
            )),
            (Some(_), _) | (None, None) => None,
        };
        let recorded = recording.as_ref().map(Recording::stage);
        let around = Around {
            kind,
            action: runner.action.clone(),
            granted: runner.powers.requests.clone(),
            origins,
            secrets: context.secrets.clone(),
            given,
            log: context.log.clone(),
            progress: context.progress.clone(),
            checkpoints: context.checkpoints.clone(),
            refusals: context.refusals.clone(),
            cancel: context.cancel.clone(),
            deadline: context.deadline_instant,
            clock: options.clock.clone(),
            client: runner.powers.client.clone(),
            rates: runner.plugin.rates(),
            witness: witness.clone(),
            issued: 0,
            stage: runner.stage.clone().or(recorded),
        };
        let call = types::Call {
            action: runner.name.clone(),
            run: context.run.to_string(),
            step: context.node.to_string(),
            attempt: context.attempt,
            idempotency_key: context.idempotency_key.clone(),
            deadline: millis(context.deadline),
        };
        Ok(Self {
            plugin: runner.plugin.clone(),
            action: runner.action.clone(),
            witness,
            context,
            around,
            call,
            input: json.to_string(),
            recording,
        })
    }

    pub(crate) async fn run(mut self) -> Outcome {
        let recording = self.recording.take();
        let outcome = self.carry_out().await;
        if let Some(recording) = recording {
            recording.end(of_outcome(&outcome));
        }
        outcome
    }

    async fn carry_out(self) -> Outcome {
        let ending = Ending::of(&self);
        let mut cancel = self.context.cancel.clone();
        let is_change = self.context.effect.is_change();
        let work = self.plugin.run(self.around, self.call, self.input);
        let ended = until_cancelled(work, &mut cancel, is_change, &self.witness).await;
        match ended {
            Some(Ok(Ok(output))) => ending.succeeded(&output),
            Some(Ok(Err(failure))) => ending.failed(failure),
            Some(Err(stopped)) => ending.stopped(&stopped),
            None => ending.cancelled(is_change),
        }
    }

    pub(crate) async fn undo(mut self) -> Outcome {
        let recording = self.recording.take();
        let outcome = self.take_back().await;
        if let Some(recording) = recording {
            recording.end(of_outcome(&outcome));
        }
        outcome
    }

    async fn take_back(self) -> Outcome {
        let ending = Ending::of(&self);
        let kept = self.context.checkpoint.clone();
        let ended = self
            .plugin
            .undo(self.around, self.call, self.input, kept)
            .await;
        self.witness.close();
        match ended {
            Ok(Ok(())) => Outcome::Succeeded {
                outputs: Value::Map(BTreeMap::new()),
                log: ending.log.finish(),
            },
            Ok(Err(failure)) => ending.failed(failure),
            Err(stopped) => ending.stopped(&stopped),
        }
    }

    pub(crate) async fn reconcile(mut self) -> Answer {
        let ending = Ending::of(&self);
        let recording = self.recording.take();
        let answer = match self.look().await {
            Ok(Ok(answer)) => ending.answer(answer),
            Ok(Err(message)) => Answer::Failed {
                message: ending.message(&message),
            },
            Err(stopped) => Answer::Failed {
                message: ending.message(&stopped.to_string()),
            },
        };
        if let Some(recording) = recording {
            recording.end(of_answer(&answer));
        }
        answer
    }

    /// What the guest itself says of a doubt.
    pub(crate) async fn look(self) -> Result<Result<types::Answer, String>, Stopped> {
        let doubt = types::Doubt {
            phase: match self.context.node.phase {
                Phase::Do => types::Phase::Run,
                Phase::Undo => types::Phase::Undo,
            },
            checkpoint: self.context.checkpoint.clone(),
        };
        self.plugin
            .reconcile(self.around, self.call, self.input, doubt)
            .await
    }
}

/// Work that a cancel ends unless a change was sent; `None` then.
async fn until_cancelled<T>(
    work: impl Future<Output = T>,
    cancel: &mut CancelSignal,
    is_change: bool,
    witness: &Witness,
) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let ended = tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        ended = &mut work => Some(ended),
    };
    let ended = match ended {
        None if is_change && !witness.close_if_unsent() => Some(work.await),
        other => other,
    };
    witness.close();
    ended
}

/// How an attempt ends; kept apart from the instance, which is gone by then.
struct Ending {
    action: Arc<Action>,
    witness: Arc<Witness>,
    log: AttemptLog,
}

impl Ending {
    fn of(attempt: &Attempt) -> Self {
        Self {
            action: attempt.action.clone(),
            witness: attempt.witness.clone(),
            log: attempt.context.log.clone(),
        }
    }

    fn succeeded(&self, output: &str) -> Outcome {
        match self.outputs(output) {
            Ok(outputs) => Outcome::Succeeded {
                outputs,
                log: self.log.finish(),
            },
            Err(why) => self.failure(Effected::Unknown, "bad_output", &why, None),
        }
    }

    /// Outputs as the manifest's schema has them.
    fn outputs(&self, output: &str) -> Result<Value, String> {
        if output.len() > OUTPUTS_BYTES_MAX {
            return Err(format!(
                "its outputs have more than {OUTPUTS_BYTES_MAX} bytes"
            ));
        }
        let mut value = self.value(output).ok_or("its outputs are no JSON")?;
        let types = self.action.outputs.iter();
        let types = types.map(|(name, output)| (name.clone(), output.ty.clone()));
        let ty = Type::Object(types.collect());
        match ty.has(&value) {
            true => {
                ty.complete(&mut value);
                Ok(value)
            }
            false => Err("its outputs are not those of its schema".to_owned()),
        }
    }

    /// A JSON text of the guest without issued secrets.
    fn value(&self, json: &str) -> Option<Value> {
        let value: Value = serde_json::from_str(json).ok()?;
        Some(self.witness.redact_value(value))
    }

    /// A claim that nothing happened counts only when every change that was sent got an
    /// answer.
    fn failed(&self, failure: types::Failure) -> Outcome {
        let open = self.witness.is_open();
        let (effect, note) = match failure.effect {
            types::Effected::None if open => (
                Effected::Unknown,
                " (the plugin says that nothing happened, but a change that was sent got no answer)",
            ),
            types::Effected::None => (Effected::None, ""),
            types::Effected::Settled => (Effected::Settled, ""),
            types::Effected::Unknown => (Effected::Unknown, ""),
        };
        let claimed = failure.evidence.as_deref().map(|json| {
            self.value(json)
                .unwrap_or_else(|| Value::Text(self.message(json)))
        });
        let message = format!("{}{note}", failure.message);
        let code = code(&failure.code);
        self.failure(effect, &code, &message, claimed)
    }

    /// A trap, a limit or the end of time says nothing about what happened.
    fn stopped(&self, stopped: &Stopped) -> Outcome {
        self.failure(
            Effected::Unknown,
            stopped.code(),
            &stopped.to_string(),
            None,
        )
    }

    fn cancelled(&self, is_change: bool) -> Outcome {
        let (effect, message) = match is_change {
            true => (
                Effected::None,
                "the run asked to stop; no change was sent yet",
            ),
            false => (Effected::Unknown, "the run asked to stop"),
        };
        self.failure(effect, "cancelled", message, None)
    }

    fn failure(
        &self,
        effect: Effected,
        code: &str,
        message: &str,
        claimed: Option<Value>,
    ) -> Outcome {
        let message = self.message(message);
        self.log.line(&format!("{code} ({effect}): {message}"));
        Outcome::Failed(Failure {
            effect,
            code: code.to_owned(),
            message,
            evidence: bounded(self.witness.beside(claimed)),
            log: self.log.finish(),
        })
    }

    /// A text for people, redacted and bounded.
    fn message(&self, text: &str) -> String {
        let text = self.log.redact(&self.witness.redact(text));
        let lines: Vec<String> = text.lines().map(printable).collect();
        let mut message = lines.join("\n");
        if message.len() > MESSAGE_BYTES_MAX {
            let cut = (0..=MESSAGE_BYTES_MAX)
                .rev()
                .find(|at| message.is_char_boundary(*at));
            message.truncate(cut.unwrap_or(0));
        }
        message
    }

    /// What only a look at the target can know counts only after one.
    fn answer(&self, answer: types::Answer) -> Answer {
        let blind = |claim: &str| Answer::Unknown {
            note: format!("the plugin says {claim}, but no target answered it"),
        };
        let seen = self.witness.has_answers();
        match answer {
            types::Answer::Happened(output) => match self.outputs(&output) {
                Ok(_) if !seen => blind("that it happened"),
                Ok(outputs) => Answer::Happened { outputs },
                Err(message) => Answer::Failed { message },
            },
            types::Answer::NotHappened(_) if !seen => blind("that it did not happen"),
            types::Answer::NotHappened(evidence) => Answer::NotHappened {
                evidence: self.evidence(&evidence),
            },
            types::Answer::Settled(_) if !seen => blind("that it came to an end"),
            types::Answer::Settled(state) => Answer::Settled {
                state: self.evidence(&state),
            },
            types::Answer::InProgress(note) => Answer::InProgress {
                note: self.message(&note),
            },
            types::Answer::Unknown(note) => Answer::Unknown {
                note: self.message(&note),
            },
        }
    }

    fn evidence(&self, json: &str) -> Value {
        let claimed = self
            .value(json)
            .unwrap_or_else(|| Value::Text(self.message(json)));
        bounded(self.witness.beside(Some(claimed))).unwrap_or(Value::Null)
    }
}

/// Evidence that is too large is told as that.
fn bounded(evidence: Option<Value>) -> Option<Value> {
    evidence.map(
        |evidence| match evidence.weight_bytes() > OUTPUTS_BYTES_MAX {
            true => Value::from("the evidence was too large to keep"),
            false => evidence,
        },
    )
}

/// A failure's code as a stable word.
fn code(given: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match !given.is_empty() && given.len() <= CODE_BYTES_MAX && given.chars().all(plain) {
        true => given.to_owned(),
        false => "failed".to_owned(),
    }
}

/// The input as the guest reads it: a secret stands in it by its name. What was left out
/// stays out.
fn to_json(
    input: &Input,
    top: Option<&str>,
    given: &mut BTreeMap<SecretName, BTreeSet<String>>,
) -> serde_json::Value {
    use serde_json::Value as Json;
    match input {
        Input::Value(value) => {
            let mut json = serde_json::to_value(value).unwrap_or(Json::Null);
            if let (Json::Object(map), None) = (&mut json, top) {
                map.retain(|_, member| !member.is_null());
            }
            json
        }
        Input::Secret(name) => {
            let inputs = given.entry(name.clone()).or_default();
            inputs.extend(top.map(str::to_owned));
            Json::String(name.as_str().to_owned())
        }
        Input::List(items) => items.iter().map(|item| to_json(item, top, given)).collect(),
        Input::Map(map) => {
            let members = map.iter().filter(|(_, member)| {
                top.is_some() || !matches!(member, Input::Value(Value::Null))
            });
            let members = members.map(|(name, member)| {
                let top = top.unwrap_or(name);
                (name.clone(), to_json(member, Some(top), given))
            });
            Json::Object(members.collect())
        }
    }
}

/// The origins that the action's patterns take from inputs.
fn origins(action: &Action, input: &Input) -> Result<BTreeMap<String, Origin>, String> {
    let mut origins = BTreeMap::new();
    for allowed in &action.requests {
        let Some(name) = allowed.pattern.input() else {
            continue;
        };
        let text = match input {
            Input::Map(map) => match map.get(name) {
                Some(Input::Value(Value::Text(text))) => text.clone(),
                _ => continue,
            },
            Input::Value(value) => match value.get(name).and_then(Value::as_text) {
                Some(text) => text.to_owned(),
                None => continue,
            },
            Input::Secret(_) | Input::List(_) => continue,
        };
        let origin = text
            .parse()
            .map_err(|error| format!("`{}`: {error}", one_line(name, CODE_BYTES_MAX)))?;
        origins.insert(name.to_owned(), origin);
    }
    Ok(origins)
}
