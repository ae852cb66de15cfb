//! The formats of the database file and the way forward from one to the next.
//! There is no way back: an older program refuses and names the version it needs.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use crate::error::{OpenError, StorageError};

/// "WNDJ", in the header of the database file.
pub(super) const APPLICATION_ID: i64 = 0x574e_444a;

/// A step from the format before it to its own; formats count from 1.
#[derive(Clone, Copy)]
pub(super) struct Migration {
    /// The first windlass that reads the format this step leads to.
    pub(super) needs: &'static str,
    pub(super) sql: &'static str,
    /// Whether what only reads can do so without the step; what changed is read as empty.
    pub(super) readable_before: bool,
}

/// Steps are only ever added at the end, and never changed after a release.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration {
        needs: "0.1.0",
        sql: include_str!("schema.sql"),
        readable_before: false,
    },
    Migration {
        needs: "0.1.0",
        sql: include_str!("schema_2.sql"),
        readable_before: true,
    },
];

/// Checks that the file is a journal of a format that `migrations` know, and
/// with `migrate` brings it to the newest one, a transaction for each step.
pub(super) fn reach(
    connection: &Connection,
    path: &Path,
    migrations: &[Migration],
    migrate: bool,
) -> Result<(), OpenError> {
    let known = migrations.len() as i64;
    let mut found = check(connection, path, migrations)?;
    while found < known {
        let step = &migrations[usize::try_from(found).expect("a format is no negative number")];
        if !migrate && found > 0 && left_is_readable(migrations, found) {
            return Ok(());
        }
        if !migrate {
            return Err(OpenError::TooOld {
                path: path.to_owned(),
                found,
                known,
            });
        }
        let failed = |e| StorageError::new("migrate the journal", path, e);
        connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(failed)?;
        // Another process may have migrated while this one waited for the lock.
        let now = check(connection, path, migrations)?;
        if now == found {
            apply(connection, step, found + 1).map_err(failed)?;
        }
        connection.execute_batch("COMMIT").map_err(failed)?;
        found = check(connection, path, migrations)?;
    }
    Ok(())
}

/// Whether every step after a format is one that readers can do without.
fn left_is_readable(migrations: &[Migration], format: i64) -> bool {
    let done = usize::try_from(format).unwrap_or(usize::MAX);
    migrations
        .iter()
        .skip(done)
        .all(|step| step.readable_before)
}

fn apply(connection: &Connection, step: &Migration, format: i64) -> rusqlite::Result<()> {
    connection.execute_batch(step.sql)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", format)?;
    connection.execute("UPDATE meta SET needs = ?1", [step.needs])?;
    Ok(())
}

/// The format of the file; 0 when it is empty.
pub(super) fn check(
    connection: &Connection,
    path: &Path,
    migrations: &[Migration],
) -> Result<i64, OpenError> {
    let known = migrations.len() as i64;
    let failed = |e| StorageError::new("read the format", path, e);
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let application_id = number("application_id").map_err(failed)?;
    let found = number("user_version").map_err(failed)?;
    let empty = application_id == 0 && found == 0 && is_empty(connection).map_err(failed)?;
    if !empty && (application_id != APPLICATION_ID || found < 1) {
        return Err(OpenError::NotAJournal {
            path: path.to_owned(),
            found: application_id,
        });
    }
    if found > known {
        let needs = connection
            .query_row("SELECT needs FROM meta", [], |row| row.get(0))
            .optional();
        let needs = needs
            .ok()
            .flatten()
            .unwrap_or_else(|| "a newer version".to_owned());
        return Err(OpenError::TooNew {
            path: path.to_owned(),
            found,
            known,
            needs,
        });
    }
    Ok(found)
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: &[Migration] = &[
        MIGRATIONS[0],
        MIGRATIONS[1],
        Migration {
            needs: "9.8.7",
            sql: "ALTER TABLE outbox ADD COLUMN tries INTEGER NOT NULL DEFAULT 0",
            readable_before: false,
        },
    ];

    fn path() -> &'static Path {
        Path::new("journal.db")
    }

    fn format(connection: &Connection) -> i64 {
        connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn an_old_journal_goes_forward_with_its_rows() {
        let connection = Connection::open_in_memory().unwrap();
        reach(&connection, path(), MIGRATIONS, true).unwrap();
        let row = "INSERT INTO outbox (run, topic, key, body) VALUES ('r', 't', 'k', x'00')";
        connection.execute(row, []).unwrap();
        assert!(matches!(
            reach(&connection, path(), NEXT, false),
            Err(OpenError::TooOld {
                found: 2,
                known: 3,
                ..
            })
        ));
        reach(&connection, path(), NEXT, true).unwrap();
        assert_eq!(format(&connection), 3);
        let tries: i64 = connection
            .query_row("SELECT tries FROM outbox WHERE key = 'k'", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(tries, 0);
        reach(&connection, path(), NEXT, true).unwrap();
    }

    #[test]
    fn who_only_reads_can_do_without_a_step_that_says_so() {
        let connection = Connection::open_in_memory().unwrap();
        reach(&connection, path(), &MIGRATIONS[..1], true).unwrap();
        reach(&connection, path(), MIGRATIONS, false).unwrap();
        assert_eq!(format(&connection), 1, "a reader changes nothing");
        let row = "INSERT INTO outbox (run, topic, key, body) VALUES ('r', 't', 'k', x'00')";
        connection.execute(row, []).unwrap();
        reach(&connection, path(), MIGRATIONS, true).unwrap();
        let lane: String = connection
            .query_row("SELECT lane FROM outbox WHERE kept = 0", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!((format(&connection), lane.as_str()), (2, ""));
    }

    #[test]
    fn a_newer_journal_names_the_version_it_needs() {
        let connection = Connection::open_in_memory().unwrap();
        reach(&connection, path(), NEXT, true).unwrap();
        let refused = reach(&connection, path(), MIGRATIONS, true)
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("format is 3") && refused.contains("windlass 9.8.7 or newer"),
            "{refused}"
        );
    }

    #[test]
    fn a_failed_step_leaves_the_old_format() {
        let broken: &[Migration] = &[
            MIGRATIONS[0],
            MIGRATIONS[1],
            Migration {
                needs: "9",
                sql: "CREATE TABLE extra (x); INSERT INTO nowhere VALUES (1)",
                readable_before: false,
            },
        ];
        let connection = Connection::open_in_memory().unwrap();
        reach(&connection, path(), MIGRATIONS, true).unwrap();
        assert!(matches!(
            reach(&connection, path(), broken, true),
            Err(OpenError::Storage(_))
        ));
        connection.execute_batch("ROLLBACK").unwrap();
        assert_eq!(format(&connection), 2);
        assert!(connection.prepare("SELECT x FROM extra").is_err());
    }

    #[test]
    fn a_stranger_s_database_is_left_alone() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x)").unwrap();
        assert!(matches!(
            reach(&connection, path(), MIGRATIONS, true),
            Err(OpenError::NotAJournal { found: 0, .. })
        ));
    }
}
