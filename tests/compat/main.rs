//! Journals kept from each format version stay readable for ever: the built program
//! verifies them and shows their runs as it did when they were written.
//! They are kept as SQL text, which a reviewer can read and a change of which is seen.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use windlass_tests::binary::windlass;

/// The kept format versions, the head of each journal, and its run.
const KEPT: &[(&str, &str, &str)] = &[(
    "v1",
    "9c4b1036d6311e6ca3a9a266fcfe0c11f844e0fcd0e5015fe495f04a9073123c",
    "20261122-0818-4zp21e",
)];

/// A state directory that holds a kept journal.
fn restored(folder: &Path, below: &Path) -> PathBuf {
    let state = below.join("state");
    DirBuilder::new().mode(0o700).create(&state).unwrap();
    let text = std::fs::read_to_string(folder.join("journal.sql")).unwrap();
    let database = Connection::open(state.join("journal.db")).unwrap();
    database.execute_batch(&text).unwrap();
    // A property of the file that its text does not carry.
    database.pragma_update(None, "journal_mode", "wal").unwrap();
    state
}

fn call(state: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(windlass());
    command
        .arg("--allow-volatile-state")
        .arg("--state-dir")
        .arg(state)
        .args(arguments);
    command
        .env("LC_ALL", "C.UTF-8")
        .env("NO_COLOR", "1")
        .env_remove("WINDLASS_STATE_DIR");
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn kept_journals_verify_and_show_the_same() {
    for (version, head, run) in KEPT {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("compat")
            .join(version);
        let place = tempfile::tempdir().unwrap();
        let state = restored(&folder, place.path());
        let verified = call(&state, &["journal", "verify", "--head", head]);
        assert!(verified.contains("hold together"), "{version}: {verified}");
        let shown = call(&state, &["show", run]);
        let kept = std::fs::read_to_string(folder.join("show.txt")).unwrap();
        assert_eq!(
            shown, kept,
            "{version}: the run shows otherwise than when it was written"
        );
    }
}

#[test]
fn a_kept_journal_with_one_changed_byte_is_refused() {
    let (version, head, _) = KEPT[0];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("compat")
        .join(version);
    let place = tempfile::tempdir().unwrap();
    let state = restored(&folder, place.path());
    let database = Connection::open(state.join("journal.db")).unwrap();
    let changed = database
        .execute(
            "UPDATE bodies SET body = CAST(replace(CAST(body AS TEXT), 'ann', 'eve') AS BLOB)
             WHERE position = 0",
            [],
        )
        .unwrap();
    assert_eq!(changed, 1);
    drop(database);
    let mut command = Command::new(windlass());
    command
        .arg("--allow-volatile-state")
        .arg("--state-dir")
        .arg(&state);
    let output = command
        .args(["journal", "verify", "--head", head])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}
