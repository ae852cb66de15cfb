//! The directory of a new lab, which the servers' account must be able to
//! walk through.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::description::FILE_NAME;
use crate::{Error, Result};

/// The lab's directory, and its guard when the lab chose it.
pub(super) fn make_dir(wanted: Option<&Path>) -> Result<(PathBuf, Option<TempDir>)> {
    let Some(dir) = wanted else {
        // Resolved, because processes are found by the path the kernel shows.
        let parent = std::env::temp_dir();
        let parent = parent
            .canonicalize()
            .map_err(Error::io("resolve", &parent))?;
        let guard = tempfile::Builder::new()
            .prefix("rds-lab-")
            .tempdir_in(&parent)
            .map_err(Error::io("create a directory in", &parent))?;
        set_mode(guard.path(), 0o755)?;
        return Ok((guard.path().to_owned(), Some(guard)));
    };
    if dir.join(FILE_NAME).exists() {
        let text = format!("create a lab in {}: one is there already", dir.display());
        return Err(Error::Refused(text));
    }
    std::fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
    let mut entries = std::fs::read_dir(dir).map_err(Error::io("read", dir))?;
    if entries.next().is_some() {
        let text = format!("create a lab in {}: it is not empty", dir.display());
        return Err(Error::Refused(text));
    }
    set_mode(dir, 0o755)?;
    let dir = dir.canonicalize().map_err(Error::io("resolve", dir))?;
    Ok((dir, None))
}

pub(crate) fn make_below(dir: &Path, name: &str, mode: u32) -> Result<PathBuf> {
    let path = dir.join(name);
    std::fs::create_dir(&path).map_err(Error::io("create", &path))?;
    set_mode(&path, mode)?;
    Ok(path)
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions).map_err(Error::io("set the mode of", path))
}
