//! The runbooks that runs were started from, kept under the digest of their bytes.
//! The plan in the journal is what runs; this is what its author wrote.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use windlass_core::plan::{Digest, Plan};

use crate::error::CommandError;
use crate::state_dir::StateDir;

/// Keeps a runbook's bytes, which must be those that the plan was made from.
pub(crate) async fn keep(dir: &StateDir, plan: &Plan, text: String) -> Result<(), CommandError> {
    let digest = Digest::of(text.as_bytes());
    if digest != plan.source {
        return Err(CommandError::OtherRunbook);
    }
    let path = dir.runbook(&digest);
    let place = path.display().to_string();
    let kept = tokio::task::spawn_blocking(move || write_once(&path, text.as_bytes())).await;
    let kept = kept.unwrap_or_else(|error| Err(io::Error::other(error)));
    kept.map_err(|error| CommandError::RunbookNotKept(format!("{place}: {error}").into()))
}

/// Writes a file whose name is the digest of its bytes, whole or not at all.
pub(crate) fn write_once(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|kept| kept == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let new = path.with_extension(format!("{}-{number}.new", std::process::id()));
    let written = write(&new, bytes).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        // What was written of it must not take the room that may be missing.
        let _gone = fs::remove_file(&new);
    }
    written?;
    fs::File::open(folder)?.sync_all()
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
