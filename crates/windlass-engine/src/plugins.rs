//! The bytes of plugins that runs pin, kept under their digests. A run needs them until it
//! has ended; what becomes of them is nobody's evidence.

use std::io;

use windlass_core::plan::Digest;

use crate::runbooks::write_once;
use crate::state_dir::StateDir;

/// Keeps a plugin's bytes where runs of this directory find them.
///
/// # Errors
/// They cannot be written.
pub fn keep(dir: &StateDir, bytes: &[u8]) -> io::Result<Digest> {
    let digest = Digest::of(bytes);
    write_once(&dir.plugin(&digest), bytes)?;
    Ok(digest)
}
