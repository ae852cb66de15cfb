//! Opening SQLite the one way a journal is opened, with every setting read back.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::schema;
use crate::error::{OpenError, StorageError};
use crate::limits::BUSY_WAIT_MS;

/// 3.7.0 to 3.51.2 can lose commits in WAL mode with two connections.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Opens for writing: WAL, and every commit synced before it is acknowledged.
/// Brings an older format forward.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Before anything is written: the file may be somebody else's.
    schema::check(&connection, path, schema::MIGRATIONS)?;
    want(&connection, path, "journal_mode", "WAL", "wal")?;
    want(&connection, path, "synchronous", "FULL", "2")?;
    // Erased bodies are overwritten in the file.
    want(&connection, path, "secure_delete", "ON", "1")?;
    // The writer checkpoints by itself: SQLite swallows the errors of an
    // automatic checkpoint and of the one on close.
    want(&connection, path, "wal_autocheckpoint", "0", "0")?;
    config(
        &connection,
        path,
        DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
        "no_ckpt_on_close",
    )?;
    schema::reach(&connection, path, schema::MIGRATIONS, true)?;
    Ok(connection)
}

/// Opens for reading, beside a writer of this or another process.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    schema::reach(&connection, path, schema::MIGRATIONS, false)?;
    check(&connection, path, "journal_mode", "wal")?;
    Ok(connection)
}

fn open(path: &Path, access: OpenFlags) -> Result<Connection, OpenError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        let found = rusqlite::version();
        return Err(OpenError::SqliteTooOld {
            path: path.to_owned(),
            found,
        });
    }
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let failed = |e| StorageError::new("open the journal", path, e);
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let wait = std::time::Duration::from_millis(u64::from(BUSY_WAIT_MS));
    connection.busy_timeout(wait).map_err(failed)?;
    config(
        &connection,
        path,
        DbConfig::SQLITE_DBCONFIG_DEFENSIVE,
        "defensive",
    )?;
    want(&connection, path, "trusted_schema", "OFF", "0")?;
    want(&connection, path, "mmap_size", "0", "0")?;
    want(&connection, path, "cell_size_check", "ON", "1")?;
    Ok(connection)
}

/// Sets a pragma and refuses to go on unless SQLite then answers `wanted`.
fn want(
    connection: &Connection,
    path: &Path,
    name: &'static str,
    value: &str,
    wanted: &'static str,
) -> Result<(), OpenError> {
    // Some pragmas answer with a row, some do not; the answer is read below.
    connection
        .pragma_update_and_check(None, name, value, |_| Ok(()))
        .or_else(|error| match error {
            rusqlite::Error::QueryReturnedNoRows => Ok(()),
            error => Err(error),
        })
        .map_err(|e| StorageError::new("set up the journal", path, e))?;
    check(connection, path, name, wanted)
}

fn check(
    connection: &Connection,
    path: &Path,
    name: &'static str,
    wanted: &'static str,
) -> Result<(), OpenError> {
    let found =
        read(connection, name).map_err(|e| StorageError::new("set up the journal", path, e))?;
    if found != wanted {
        return Err(OpenError::Setting {
            path: path.to_owned(),
            name,
            wanted,
            found,
        });
    }
    Ok(())
}

/// What SQLite answers for a pragma, as text.
pub(super) fn read(connection: &Connection, name: &str) -> rusqlite::Result<String> {
    let value =
        connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))?;
    Ok(match value {
        rusqlite::types::Value::Integer(number) => number.to_string(),
        rusqlite::types::Value::Text(text) => text,
        other => format!("{other:?}"),
    })
}

fn config(
    connection: &Connection,
    path: &Path,
    option: DbConfig,
    name: &'static str,
) -> Result<(), OpenError> {
    let on = connection
        .set_db_config(option, true)
        .map_err(|e| StorageError::new("set up the journal", path, e))?;
    if !on {
        let found = on.to_string();
        return Err(OpenError::Setting {
            path: path.to_owned(),
            name,
            wanted: "true",
            found,
        });
    }
    Ok(())
}
