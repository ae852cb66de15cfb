//! The logs of a run's attempts beside its export: each is held against the digest that its
//! record has, so that the export vouches for them as well.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use windlass_core::event::Event;
use windlass_core::id::{NodeId, RunId};
use windlass_core::outcome::LogRef;
use windlass_core::plan::Digest;
use windlass_engine::{StateDir, offline};
use windlass_journal::SqliteStore;

use crate::error::{Error, io};

/// How many records are read at once.
const PAGE_RECORDS: usize = 1_000;

/// What became of the logs.
pub(super) struct Logs {
    pub(super) folder: PathBuf,
    pub(super) written: usize,
    /// Logs that are gone or are not what their records say, in words.
    pub(super) wrong: Vec<String>,
}

/// Writes the logs that the records of a run name into a folder beside its export.
pub(super) fn write(
    store: &SqliteStore,
    dir: &StateDir,
    run: &RunId,
    export: &Path,
) -> Result<Logs, Error> {
    let mut name = export.as_os_str().to_owned();
    name.push(".logs");
    let mut logs = Logs {
        folder: PathBuf::from(name),
        written: 0,
        wrong: Vec::new(),
    };
    let mut next = 0;
    loop {
        let page = offline::records(store, run, next, PAGE_RECORDS)?;
        let Some(last) = page.last() else { break };
        next = last.seq + 1;
        for recorded in &page {
            if let Some((node, attempt, log)) = logged(&recorded.event) {
                logs.copy(&dir.attempt_log(run, node, attempt), log)?;
            }
        }
    }
    Ok(logs)
}

/// The log that a record names.
fn logged(event: &Event) -> Option<(&NodeId, u32, &LogRef)> {
    match event {
        Event::AttemptSucceeded {
            node,
            attempt,
            log: Some(log),
            ..
        } => Some((node, *attempt, log)),
        Event::AttemptFailed {
            node,
            attempt,
            failure,
        } => Some((node, *attempt, failure.log.as_ref()?)),
        _ => None,
    }
}

impl Logs {
    fn copy(&mut self, from: &Path, log: &LogRef) -> Result<(), Error> {
        let name = from.file_name().unwrap_or_default();
        let shown = name.to_string_lossy();
        let bytes = match std::fs::read(from) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.wrong.push(format!("the log {shown} is gone"));
                return Ok(());
            }
            Err(error) => return Err(io("read", from)(error)),
        };
        if Digest::of(&bytes).to_string() != log.sha256 {
            self.wrong.push(format!(
                "the log {shown} is not the one that its record names"
            ));
            return Ok(());
        }
        if self.written == 0 {
            let made = DirBuilder::new().mode(0o700).create(&self.folder);
            made.map_err(io("make", &self.folder))?;
        }
        let to = self.folder.join(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&to);
        file.and_then(|mut file| file.write_all(&bytes))
            .map_err(io("write", &to))?;
        self.written += 1;
        Ok(())
    }
}
