//! Writes a fixture of a call as a run made it: what the guest said and got, in the form in
//! which `trial` plays it again. Secrets stand in it by their names, because they are taken
//! before they are filled in; what targets said back of them is redacted as everywhere.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use windlass_core::id::Phase as NodePhase;
use windlass_core::time::Timestamp;
use windlass_engine::attempt::AttemptLog;
use windlass_engine::ports::StepContext;

use crate::fixture::{Call, Expect, FIXTURE_BYTES_MAX, Fixture, Phase, of_input};
use crate::stage::{Stage, Times};
use crate::state::{Kind, Witness};

/// The most fixtures of one attempt: each look at it makes one.
const FILES_MAX: u32 = 1000;

/// A call that is written down.
pub(crate) struct Recording {
    dir: PathBuf,
    fixture: Fixture,
    stage: Stage,
    log: AttemptLog,
    witness: Arc<Witness>,
}

impl Recording {
    /// Begins to write down a call that is made now.
    pub(crate) fn begin(
        dir: &Path,
        action: &str,
        kind: Kind,
        now: Timestamp,
        context: &StepContext,
        witness: Arc<Witness>,
    ) -> Self {
        // In whole seconds, as a fixture has it.
        let now = Timestamp(now.0 - now.0.rem_euclid(1000));
        let times = Times {
            now,
            deadline: context.deadline,
        };
        let mut seed = [0; 8];
        // Without randomness every recording would draw the same bytes, and no more.
        let _ = getrandom::fill(&mut seed);
        let seed = format!("{:016x}", u64::from_le_bytes(seed));
        let phase = match (kind, context.node.phase) {
            (Kind::Run, _) => Phase::Run,
            (Kind::Undo, _) => Phase::Undo,
            (Kind::Reconcile, NodePhase::Do) => Phase::Reconcile,
            (Kind::Reconcile, NodePhase::Undo) => Phase::ReconcileUndo,
        };
        let node = context.node.to_string();
        let fixture = Fixture {
            action: action.to_owned(),
            phase,
            call: Call {
                run: context.run.to_string(),
                step: node.strip_prefix("undo:").unwrap_or(&node).to_owned(),
                attempt: context.attempt,
                idempotency_key: context.idempotency_key.clone(),
                now: now.to_string(),
                timeout_ms: context.deadline.since(now).0,
                seed: seed.clone(),
            },
            with: without_nulls(of_input(&context.input)),
            checkpoint: context.checkpoint.as_deref().map(json),
            exchanges: Vec::new(),
            expect: Expect::default(),
        };
        Self {
            dir: dir.to_owned(),
            fixture,
            stage: Stage::recording(times, &seed),
            log: context.log.clone(),
            witness,
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage.clone()
    }

    /// Writes the fixture. What fails is told in the attempt's log and changes nothing else.
    pub(crate) fn end(mut self, end: Expect) {
        self.fixture.exchanges = self.stage.exchanges();
        self.fixture.expect = Expect {
            checkpoint: self.stage.checkpoint().as_deref().map(json),
            ..end
        };
        let said = match self.write() {
            Ok(path) => format!("[recorded as {}]", path.display()),
            Err(why) => format!("[not recorded: {why}]"),
        };
        tracing::info!("{said}");
    }

    fn write(&self) -> Result<PathBuf, String> {
        let text =
            serde_json::to_string_pretty(&self.fixture).map_err(|error| error.to_string())?;
        let text = self.log.redact(&self.witness.redact(&text));
        if text.len() > FIXTURE_BYTES_MAX {
            return Err(format!("it has more than {FIXTURE_BYTES_MAX} bytes"));
        }
        Fixture::read(&text).map_err(|error| error.to_string())?;
        std::fs::create_dir_all(&self.dir).map_err(|error| error.to_string())?;
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let step: String = self.fixture.call.step.chars().map(plain).collect();
        let phase = match self.fixture.phase {
            Phase::Run => "run",
            Phase::Reconcile => "reconcile",
            Phase::ReconcileUndo => "reconcile_undo",
            Phase::Undo => "undo",
        };
        let stem = format!("{step}_{}_{phase}", self.fixture.call.attempt);
        for number in 1..=FILES_MAX {
            let name = match number {
                1 => format!("{stem}.json"),
                _ => format!("{stem}_{number}.json"),
            };
            let path = self.dir.join(name);
            let mut options = std::fs::OpenOptions::new();
            match options.write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    let written = file.write_all(text.as_bytes());
                    return written.map(|()| path).map_err(|error| error.to_string());
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!("{FILES_MAX} files of its name are there already"))
    }
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()))
}

/// What was left out stays out.
fn without_nulls(with: Json) -> Json {
    match with {
        Json::Object(map) => {
            let given = map.into_iter().filter(|(_, value)| !value.is_null());
            Json::Object(given.collect())
        }
        other => other,
    }
}
