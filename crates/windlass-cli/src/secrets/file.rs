//! Secrets in files: a file that others can read, change or replace is refused.

use std::fs::Metadata;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use windlass_core::id::SecretName;

use super::{SECRET_BYTES_MAX, as_text};
use crate::error::{Error, io};
use crate::text;

/// The bits of a file's mode that let others than its owner read or change it.
const OTHERS_TOUCH: u32 = 0o066;
/// The bit of a directory's mode that lets everybody replace what is in it, unless only
/// owners may.
const EVERYBODY_REPLACES: u32 = 0o002;
const ONLY_OWNERS_REPLACE: u32 = 0o1000;

/// What is in the file.
pub(super) fn of_file(name: &SecretName, path: &Path) -> Result<String, Error> {
    // Of a pipe that nobody writes to, opening would wait for ever.
    let file = std::fs::File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(io("read", path))?;
    let found = file.metadata().map_err(io("look at", path))?;
    let shown = text::line(&path.display().to_string());
    if let Some(fault) = fault_of(&found, &shown).or_else(|| fault_around(path)) {
        return Err(Error::Usage(format!("the secret {name}: {fault}")));
    }
    let mut bytes = Vec::new();
    // More than is allowed, with a line end, so that what is too long is seen to be.
    file.take(SECRET_BYTES_MAX as u64 + 3)
        .read_to_end(&mut bytes)
        .map_err(io("read", path))?;
    as_text(name, bytes, &format!("what is in {shown}"))
}

/// Why a file that is open cannot be trusted with a secret, or for one.
fn fault_of(found: &Metadata, shown: &str) -> Option<String> {
    if !found.is_file() {
        return Some(format!(
            "{shown} is no regular file; `exec` reads what a program prints"
        ));
    }
    let (owner, me) = (found.uid(), rustix::process::geteuid().as_raw());
    if owner != me && owner != 0 {
        return Some(format!(
            "{shown} belongs to user {owner}, who could put any value there; it must belong to user {me} or to root"
        ));
    }
    let mode = found.mode();
    (mode & OTHERS_TOUCH != 0).then(|| {
        let can = if mode & 0o044 != 0 { "read" } else { "change" };
        format!(
            "others than its owner can {can} {shown} (mode {:04o}); `chmod 600 {shown}` stops that",
            mode & 0o7777
        )
    })
}

/// Why the place of a file cannot be trusted: the directory that its path names and, behind
/// links, the one that it is in.
fn fault_around(path: &Path) -> Option<String> {
    let resolved = std::fs::canonicalize(path).ok();
    let directories = [Some(path), resolved.as_deref()];
    directories.into_iter().flatten().find_map(|path| {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let mode = std::fs::metadata(directory).ok()?.mode();
        let is_open = mode & EVERYBODY_REPLACES != 0 && mode & ONLY_OWNERS_REPLACE == 0;
        let shown = text::line(&directory.display().to_string());
        is_open.then(|| {
            format!(
                "everybody can put another file into {shown} (mode {:04o}); `chmod o-w {shown}` stops that",
                mode & 0o7777
            )
        })
    })
}
