//! What an attempt tells while it goes on: its log, its progress line, its checkpoint.

use windlass_core::outcome::CHECKPOINT_BYTES_MAX;
use windlass_engine::attempt::CheckpointError as NotKept;

use crate::bindings::attempt::{CheckpointError, Host, Level};
use crate::state::{Kind, State, printable};

/// The most bytes of a progress line.
const PROGRESS_BYTES_MAX: usize = 500;

impl Host for State {
    async fn log(&mut self, level: Level, line: String) -> wasmtime::Result<()> {
        self.count()?;
        // A plugin that says what it is talks to nobody.
        let Some(around) = self.around() else {
            return Ok(());
        };
        match level {
            Level::Debug | Level::Info => around.tell(&line),
            Level::Warn => around.tell(&format!("warning: {line}")),
            Level::Error => around.tell(&format!("error: {line}")),
        }
        Ok(())
    }

    async fn progress(&mut self, line: String) -> wasmtime::Result<()> {
        let around = self.called()?;
        let line = crate::schema::one_line(&around.redact(&line), PROGRESS_BYTES_MAX);
        around.progress.say(&printable(&line));
        Ok(())
    }

    async fn checkpoint(&mut self, data: String) -> wasmtime::Result<Result<(), CheckpointError>> {
        let around = self.called()?;
        if around.kind == Kind::Reconcile {
            if let Some(stage) = &around.stage {
                stage.refused("a reconcile keeps nothing, and it asked to");
            }
            return Ok(Err(CheckpointError::NotHere));
        }
        if data.len() > CHECKPOINT_BYTES_MAX {
            return Ok(Err(CheckpointError::TooLarge));
        }
        let data = around.redact(&data);
        if let Some(stage) = &around.stage {
            stage.kept(&data);
            if stage.is_played() {
                return Ok(Ok(()));
            }
        }
        let kept = around.checkpoints.save(data).await;
        Ok(kept.map_err(|error| match error {
            NotKept::TooLarge => CheckpointError::TooLarge,
            NotKept::Closed => CheckpointError::Closed,
        }))
    }
}
