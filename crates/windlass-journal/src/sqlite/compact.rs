//! Giving the space of erased bodies back. SQLite's VACUUM writes what is left into a
//! temporary file of its own and then into the journal, so it needs room for two copies;
//! where that is missing nothing is begun, because a full disk ends the process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::compact::{Compacted, NoRoom};
use crate::error::StorageError;

/// Room that is kept free beside the copies.
const ROOM_SPARE_BYTES: u64 = 16 << 20;
/// The least free pages that are worth the work.
const FREE_PAGES_MIN: u64 = 1;

/// Compacts the journal, outside of any transaction.
pub(super) fn compact(connection: &Connection, path: &Path) -> Result<Compacted, StorageError> {
    let failed = |e| StorageError::new("compact the journal", path, e);
    let measured = |e| StorageError::new("measure the journal", path, e);
    let mut compacted = Compacted {
        before_bytes: size(path).map_err(|e| StorageError::new("measure the journal", path, e))?,
        ..Compacted::default()
    };
    let free = pragma(connection, "freelist_count").map_err(measured)?;
    if free >= FREE_PAGES_MIN {
        let pages = pragma(connection, "page_count").map_err(measured)?;
        let page_bytes = pragma(connection, "page_size").map_err(measured)?;
        let left_bytes = pages.saturating_sub(free).saturating_mul(page_bytes);
        compacted.no_room =
            room_for(path, left_bytes).map_err(|e| StorageError::new("look for room", path, e))?;
        if compacted.no_room.is_none() {
            connection.execute_batch("VACUUM").map_err(failed)?;
        }
    }
    // Also without a VACUUM: the WAL still holds pages as they were before the erasure.
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(|e| StorageError::new("checkpoint the WAL", path, e))?;
    compacted.held_by_reader = busy != 0;
    compacted.after_bytes =
        size(path).map_err(|e| StorageError::new("measure the journal", path, e))?;
    Ok(compacted)
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<u64> {
    let count: i64 = connection.pragma_query_value(None, name, |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Size of the database and its WAL. Looks at the names only: opening the file would drop
/// the locks that SQLite holds in this process.
fn size(path: &Path) -> io::Result<u64> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let wal = match fs::metadata(Path::new(&wal)) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    Ok(fs::metadata(path)?.len() + wal)
}

/// What is missing for a copy in the temporary directory and one in the WAL.
fn room_for(path: &Path, left_bytes: u64) -> io::Result<Option<NoRoom>> {
    let dir = path.parent().unwrap_or(path);
    let temporary = temporary_dir();
    // Both copies may lie on one file system.
    let places = [
        (dir, left_bytes.saturating_mul(2)),
        (temporary.as_path(), left_bytes),
    ];
    for (place, bytes) in places {
        let needed_bytes = bytes.saturating_add(ROOM_SPARE_BYTES);
        let free_bytes = free_bytes(place)?;
        if free_bytes < needed_bytes {
            return Ok(Some(NoRoom {
                needed_bytes,
                free_bytes,
            }));
        }
    }
    Ok(None)
}

fn free_bytes(place: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(place)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Where SQLite puts its temporary files on Unix, in its order.
fn temporary_dir() -> PathBuf {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    let named = [set("SQLITE_TMPDIR"), set("TMPDIR")].into_iter().flatten();
    let usual = ["/var/tmp", "/usr/tmp", "/tmp"].map(PathBuf::from);
    let mut places = named.chain(usual);
    places
        .find(|place| place.is_dir())
        .unwrap_or_else(|| PathBuf::from("."))
}
