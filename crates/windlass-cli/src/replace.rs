//! Writing a file anew so that it is, at every moment, the old one or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use crate::error::{Error, io};

/// Replaces what a file holds: its mode and its owner stay, and a link stays a link to
/// the file that is replaced.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let path = fs::canonicalize(path).map_err(io("find", path))?;
    let old = fs::metadata(&path).map_err(io("look at", &path))?;
    if old.permissions().readonly() {
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        return Err(io("write", &path)(refused));
    }
    let beside = beside(&path);
    let done = write(&beside, text, &old).and_then(|()| fs::rename(&beside, &path));
    if let Err(error) = done {
        // It is ours, and the reason of the failure matters more than what remains.
        let _gone = fs::remove_file(&beside);
        return Err(io("write", &path)(error));
    }
    Ok(())
}

/// The name under which the new file is written, in the same folder.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".windlass-{}", std::process::id()));
    path.with_file_name(name)
}

fn write(beside: &Path, text: &str, old: &fs::Metadata) -> io::Result<()> {
    // What an earlier process of this id left behind.
    match fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)?;
    file.write_all(text.as_bytes())?;
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        chown(beside, Some(old.uid()), Some(old.gid()))?;
    }
    file.set_permissions(old.permissions())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn the_mode_and_the_link_stay_and_nothing_is_left_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("book.yaml");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = dir.path().join("link.yaml");
        symlink("book.yaml", &link).unwrap();
        replace(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_may_not_be_written_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("book.yaml");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let error = replace(&path, "new").unwrap_err();
        assert!(error.to_string().contains("book.yaml"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
