//! What only a file can show: reopening, settings, locks, damage, and the end
//! of all writing after a storage error.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use windlass_journal::*;

use crate::support::{Disk, append, erase, read_all, record, run};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_reopened_journal_goes_on_where_it_ended() {
    let disk = Disk::new();
    let mut heads = Vec::new();
    for round in 0..3 {
        let store = disk.open();
        assert!(!store.facts().was_dirty);
        assert_eq!(store.epoch().unwrap(), round);
        let epoch = store.take_epoch().unwrap();
        let appended = store
            .append(append("a", epoch, round * 2, 2))
            .wait()
            .unwrap();
        assert_eq!(appended.first_position, round * 2);
        heads.push(appended.head);
    }
    for head in heads {
        let report = verify(&disk.path(), Some(head)).unwrap();
        assert!(report.is_ok(), "{report}");
    }
}

#[test]
fn settings_and_modes_are_as_promised() {
    let disk = Disk::new();
    let store = disk.open();
    store.take_epoch().unwrap();
    let facts = store.facts();
    assert_eq!(facts.journal_mode, "wal");
    assert_eq!(facts.synchronous.as_deref(), Some("2"));
    let path = disk.path();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    drop(store);
    // A file that was opened up is closed again; a directory is not touched.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(disk.open());
    assert_eq!(mode(&path), 0o600);
    fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o750)).unwrap();
    let refused = disk.try_open().unwrap_err();
    assert!(
        matches!(refused, OpenError::Permissions { mode: 0o750, .. }),
        "{refused}"
    );
}

#[test]
fn a_small_checkpoint_limit_is_kept_and_harmless() {
    let mut disk = Disk::new();
    disk.options.checkpoint_frames = 4;
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    for n in 0..300 {
        store.append(append("a", epoch, n, 1)).wait().unwrap();
    }
    // The count is raised after the answer, so only nearly all can be asked for.
    let stats = store.stats();
    assert!(stats.checkpoints > 50, "{stats:?}");
    assert!(stats.wal_frames < 100, "{stats:?}");
    assert_eq!(read_all(&store, "a").len(), 300);
    drop(store);
    assert!(verify(&disk.path(), None).unwrap().is_ok());
}

#[test]
fn readers_work_beside_the_owner_and_cannot_write() {
    let disk = Disk::new();
    let owner = disk.open();
    let epoch = owner.take_epoch().unwrap();
    owner.append(append("a", epoch, 0, 2)).wait().unwrap();
    let reader = disk.open_reader();
    assert_eq!(read_all(&reader, "a").len(), 2);
    owner.append(append("a", epoch, 2, 1)).wait().unwrap();
    assert_eq!(read_all(&reader, "a").len(), 3);
    let report = verify(&disk.path(), None).unwrap();
    assert!(
        report.is_ok() && report.head == owner.head().unwrap(),
        "{report}"
    );
    let refused = reader.append(append("a", epoch, 3, 1)).wait().unwrap_err();
    assert!(
        matches!(refused, AppendError::Write(WriteError::ReadOnly)),
        "{refused}"
    );
    assert!(matches!(reader.take_epoch(), Err(WriteError::ReadOnly)));
    drop(owner);
    assert_eq!(
        read_all(&reader, "a").len(),
        3,
        "also after the owner has gone"
    );
}

#[test]
fn an_owner_whose_epoch_was_taken_elsewhere_is_fenced() {
    let disk = Disk::new();
    let old = disk.open();
    let old_epoch = old.take_epoch().unwrap();
    old.append(append("a", old_epoch, 0, 1)).wait().unwrap();
    let new = disk.open();
    let new_epoch = new.take_epoch().unwrap();
    let refused = old.append(append("a", old_epoch, 1, 1)).wait().unwrap_err();
    assert!(matches!(refused, AppendError::Fenced { .. }), "{refused}");
    new.append(append("a", new_epoch, 1, 1)).wait().unwrap();
    assert_eq!(read_all(&old, "a").len(), 2);
    drop((old, new));
    assert!(verify(&disk.path(), None).unwrap().is_ok());
}

/// Five seconds pass: the bound of the wait for somebody else's lock.
#[test]
fn a_lock_held_for_long_is_busy_and_does_not_poison() {
    let disk = Disk::new();
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    let lock = disk.sql();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.append(append("a", epoch, 0, 1)).wait().unwrap_err();
    assert!(
        matches!(refused, AppendError::Write(WriteError::Busy(_))),
        "{refused}"
    );
    assert!(store.poisoned().is_none());
    lock.execute_batch("COMMIT").unwrap();
    store.append(append("a", epoch, 0, 1)).wait().unwrap();
}

/// A trigger stands for the disk: the second of three appends fails in SQLite.
#[test]
fn a_storage_error_ends_all_writing() {
    let disk = Disk::new();
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    store.append(append("a", epoch, 0, 1)).wait().unwrap();
    let sql = disk.sql();
    sql.execute_batch(
        "CREATE TRIGGER fault BEFORE INSERT ON records WHEN NEW.run = 'bad' \
         BEGIN SELECT RAISE(ABORT, 'disk on fire'); END; BEGIN IMMEDIATE",
    )
    .unwrap();
    let group = ["a", "bad", "b"].map(|name| {
        let expected = u64::from(name == "a");
        store.append(append(name, epoch, expected, 1))
    });
    sql.execute_batch("COMMIT").unwrap();
    let mut fired = 0;
    for answer in group {
        // The first may have been committed before the others were queued.
        match answer.wait() {
            Ok(appended) => assert_eq!(appended.run, run("a")),
            Err(error) => {
                assert!(error.to_string().contains("disk on fire"), "{error}");
                fired += 1;
            }
        }
    }
    assert!(fired >= 2);
    sql.execute_batch("DROP TRIGGER fault").unwrap();
    // The cause is gone, the poison stays: for appends, epochs and the outbox.
    let after = store.append(append("c", epoch, 0, 1)).wait().unwrap_err();
    assert!(
        matches!(after, AppendError::Write(WriteError::Storage(_))),
        "{after}"
    );
    assert!(matches!(store.take_epoch(), Err(WriteError::Storage(_))));
    assert!(matches!(
        store.outbox_done(&[1]).wait(),
        Err(WriteError::Storage(_))
    ));
    assert!(store.poisoned().is_some());
    let records = read_all(&store, "a").len();
    assert_eq!(
        read_all(&store, "bad").len() + read_all(&store, "b").len(),
        0
    );
    drop(store);
    let reopened = disk.open();
    assert_eq!(read_all(&reopened, "a").len(), records);
    reopened
        .append(append("c", reopened.take_epoch().unwrap(), 0, 1))
        .wait()
        .unwrap();
}

#[test]
fn a_damaged_body_quarantines_its_run_alone_again_at_each_start() {
    let disk = Disk::new();
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    for name in ["a", "b"] {
        store.append(append(name, epoch, 0, 3)).wait().unwrap();
    }
    drop(store);
    let sql = "UPDATE bodies SET body = x'7b7d' WHERE position = 1";
    assert_eq!(disk.sql().execute(sql, []).unwrap(), 1);
    for _ in 0..2 {
        let store = disk.open();
        let epoch = store.take_epoch().unwrap();
        assert_eq!(store.quarantined(), vec![]);
        let error = store.read(&run("a"), 0, 9).unwrap_err();
        assert!(
            matches!(error, ReadError::Quarantined { seq: 1, .. }),
            "{error}"
        );
        assert_eq!(
            store.read(&run("a"), 0, 1).unwrap().len(),
            1,
            "what is whole can be read"
        );
        assert_eq!(store.quarantined()[0].run, run("a"));
        let refused = store.append(append("a", epoch, 3, 1)).wait().unwrap_err();
        assert!(
            matches!(refused, AppendError::Quarantined { .. }),
            "{refused}"
        );
        let next = read_all(&store, "b").len() as u64;
        store.append(append("b", epoch, next, 1)).wait().unwrap();
        assert!(store.poisoned().is_none());
    }
}

#[test]
fn a_journal_whose_end_was_changed_is_not_opened() {
    let changes = [
        "UPDATE records SET link = zeroblob(32) WHERE position = 4",
        "UPDATE records SET at_ms = at_ms + 1 WHERE position = 2",
        "UPDATE records SET kind = 'No' WHERE position = 2",
        "DELETE FROM records WHERE position = 3",
        "DELETE FROM records WHERE position = 0",
        "UPDATE records SET position = 9 WHERE position = 4",
    ];
    for change in changes {
        let disk = Disk::new();
        let store = disk.open();
        let epoch = store.take_epoch().unwrap();
        store.append(append("a", epoch, 0, 5)).wait().unwrap();
        drop(store);
        assert_eq!(disk.sql().execute(change, []).unwrap(), 1, "{change}");
        let refused = disk.try_open().unwrap_err();
        assert!(
            matches!(refused, OpenError::BadHead { .. }),
            "{change}: {refused}"
        );
    }
}

#[test]
fn a_long_journal_is_checked_at_its_end_only() {
    let disk = Disk::new();
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    let count = OPEN_CHECK_RECORDS as usize + 500;
    store.append(append("a", epoch, 0, 1_000)).wait().unwrap();
    store
        .append(append("a", epoch, 1_000, count - 1_000))
        .wait()
        .unwrap();
    drop(store);
    let change = "UPDATE records SET at_ms = at_ms + 1 WHERE position = ?1";
    disk.sql().execute(change, [10]).unwrap();
    drop(disk.open());
    let report = verify(&disk.path(), None).unwrap();
    assert_eq!(report.first_bad.unwrap().position, 10);
    disk.sql().execute(change, [count as i64 - 10]).unwrap();
    assert!(matches!(disk.try_open(), Err(OpenError::BadHead { .. })));
}

#[test]
fn a_stranger_s_database_is_refused_and_unchanged() {
    let disk = Disk::new();
    drop(disk.open());
    fs::remove_file(disk.path()).unwrap();
    disk.sql().execute_batch("CREATE TABLE t (x)").unwrap();
    let before = fs::read(disk.path()).unwrap();
    assert!(matches!(
        disk.try_open(),
        Err(OpenError::NotAJournal { .. })
    ));
    assert_eq!(fs::read(disk.path()).unwrap(), before);
    fs::write(
        disk.path(),
        b"no database at all, but some text of a certain length",
    )
    .unwrap();
    assert!(matches!(disk.try_open(), Err(OpenError::Storage(_))));
}

#[test]
fn erased_bodies_leave_no_bytes_in_the_file() {
    let disk = Disk::new();
    let secret = "c4n4ry-".repeat(40);
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    let fence = Fence {
        epoch,
        expected_seq: 0,
    };
    store
        .append(Append::new(run("a"), fence, vec![record(&secret)]))
        .wait()
        .unwrap();
    store.append(erase(epoch, 0, &["a"])).wait().unwrap();
    drop(store);
    let bytes = fs::read(disk.path()).unwrap();
    let found = bytes.windows(7).filter(|it| it == b"c4n4ry-").count();
    assert_eq!(found, 0);
    let report = verify(&disk.path(), None).unwrap();
    assert!(report.is_ok() && report.erased_bodies == 1, "{report}");
}

/// A journal with a run of many bodies that are erased, and one of a few that stay.
fn erased(disk: &Disk) -> (SqliteStore, String) {
    let secret = "c4n4ry-".repeat(2_000);
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    let fence = |expected_seq| Fence {
        epoch,
        expected_seq,
    };
    for seq in 0..100 {
        let it = Append::new(run("a"), fence(seq), vec![record(&secret)]);
        store.append(it).wait().unwrap();
    }
    store.append(append("b", epoch, 0, 5)).wait().unwrap();
    store.append(erase(epoch, 0, &["a"])).wait().unwrap();
    (store, secret)
}

/// How often a part of the secret stands in the journal's files.
fn canaries(disk: &Disk) -> usize {
    let mut wal = disk.path().into_os_string();
    wal.push("-wal");
    let files = [disk.path(), wal.into()];
    let bytes = files.map(|file| fs::read(file).unwrap_or_default());
    let found = |bytes: &Vec<u8>| bytes.windows(7).filter(|it| *it == b"c4n4ry-").count();
    bytes.iter().map(found).sum()
}

#[test]
fn the_space_of_erased_bodies_is_given_back_while_the_owner_lives() {
    let disk = Disk::new();
    let (store, secret) = erased(&disk);
    let compacted = store.compact().wait().unwrap();
    assert!(compacted.before_bytes > 100 * secret.len() as u64);
    assert!(
        compacted.after_bytes < 200_000 && !compacted.held_by_reader,
        "{compacted:?}"
    );
    let on_disk = fs::metadata(disk.path()).unwrap().len();
    assert_eq!(on_disk, compacted.after_bytes, "the WAL is empty");
    assert_eq!(canaries(&disk), 0);
    assert!(verify(&disk.path(), None).unwrap().is_ok());
    // Nothing is left to do.
    let again = store.compact().wait().unwrap();
    assert_eq!(again.before_bytes, again.after_bytes);
    let epoch = store.epoch().unwrap();
    store.append(append("b", epoch, 5, 1)).wait().unwrap();
    drop(store);
    assert_eq!(read_all(&disk.open(), "b").len(), 6);
}

#[test]
fn a_reader_that_holds_an_old_moment_delays_the_end_of_its_bytes() {
    let disk = Disk::new();
    let (store, _) = erased(&disk);
    let reader = disk.sql();
    reader.execute_batch("BEGIN").unwrap();
    let rows: i64 = reader
        .query_row("SELECT count(*) FROM records", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 106);
    let compacted = store.compact().wait().unwrap();
    assert!(compacted.held_by_reader, "{compacted:?}");
    reader.execute_batch("COMMIT").unwrap();
    let compacted = store.compact().wait().unwrap();
    assert!(!compacted.held_by_reader, "{compacted:?}");
    assert_eq!(canaries(&disk), 0);
}

#[test]
fn a_link_to_a_journal_is_not_followed() {
    let disk = Disk::new();
    drop(disk.open());
    let link = disk.path().with_file_name("link.db");
    std::os::unix::fs::symlink(disk.path(), &link).unwrap();
    assert!(SqliteStore::open(&link, &disk.options).is_err());
}

/// The damage that a reader meets ends the writing too: SQLite would go on.
#[test]
fn a_storage_error_met_by_a_reader_poisons_as_well() {
    let disk = Disk::new();
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    store.append(append("a", epoch, 0, 1_000)).wait().unwrap();
    drop(store);
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    let mut bytes = fs::read(disk.path()).unwrap();
    // All pages but the first, which says that this is a journal.
    bytes[4096..].fill(0xff);
    fs::write(disk.path(), bytes).unwrap();
    let error = store.read(&run("a"), 0, 9_999).unwrap_err();
    assert!(matches!(error, ReadError::Storage(_)), "{error}");
    assert!(store.poisoned().is_some());
    let refused = store.append(append("b", epoch, 0, 1)).wait().unwrap_err();
    assert!(
        matches!(refused, AppendError::Write(WriteError::Storage(_))),
        "{refused}"
    );
}
