//! Secrets in files: a file that others can read is refused.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use windlass_core::id::SecretName;

use super::{SECRET_BYTES_MAX, as_text};
use crate::error::{Error, io};
use crate::text;

/// The bits of a file's mode that let others than its owner read it.
const OTHERS_READ: u32 = 0o044;

/// What is in the file.
pub(super) fn of_file(name: &SecretName, path: &Path) -> Result<String, Error> {
    let file = std::fs::File::open(path).map_err(io("read", path))?;
    let mode = file.metadata().map_err(io("look at", path))?.mode();
    let shown = text::line(&path.display().to_string());
    if mode & OTHERS_READ != 0 {
        return Err(Error::Usage(format!(
            "the secret {name}: others than its owner can read {shown} (mode {:04o}); `chmod 600 {shown}` stops that",
            mode & 0o7777
        )));
    }
    let mut bytes = Vec::new();
    // More than is allowed, with a line end, so that what is too long is seen to be.
    file.take(SECRET_BYTES_MAX as u64 + 3)
        .read_to_end(&mut bytes)
        .map_err(io("read", path))?;
    as_text(name, bytes, &format!("what is in {shown}"))
}
