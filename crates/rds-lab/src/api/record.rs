//! The log of effects: what the cloud began and ended, apart from what any client believes.
//! It is a [`crate::witness`] file, so each line is synced before the answer goes out, with
//! the effect's name as the step and `INSTANCE/ID` as the attempt; the same is kept in memory.

use std::path::{Path, PathBuf};

use super::cloud::Note;
use super::time::Time;
use crate::{Error, Result, witness};

/// Something that the cloud did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Effect {
    /// Milliseconds since 1970, by the cloud's clock.
    pub at: u64,
    /// Such as `upgrade.started`, `backup.completed`, `dr_build_dr.failed`.
    pub what: String,
    /// The id of the instance.
    pub instance: String,
    /// The id of the job, or of the backup.
    pub by: String,
}

/// The file and what it holds.
#[derive(Debug)]
pub(crate) struct EffectLog {
    path: PathBuf,
    effects: Vec<Effect>,
}

impl EffectLog {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            effects: Vec::new(),
        }
    }

    pub(crate) fn append(&mut self, note: Note) -> Result<()> {
        let attempt = format!("{}/{}", note.instance, note.by);
        witness::append(&self.path, &note.what, &attempt)?;
        self.effects.push(Effect {
            at: Time::as_millis(note.at),
            what: note.what,
            instance: note.instance,
            by: note.by,
        });
        Ok(())
    }

    /// Begins anew, with an empty file.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.effects.clear();
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", &self.path)(error))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn effects(&self) -> &[Effect] {
        &self.effects
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
