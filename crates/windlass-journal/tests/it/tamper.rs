//! Every kind of tampering with a closed journal is noticed by `verify`, and
//! the first bad record is named. Each case checks that its change took place.

use std::collections::BTreeMap;

use rusqlite::Connection;
use windlass_journal::*;

use crate::support::{Disk, append, erase, index, run};

/// Records of the journal that is tampered with; positions 0 to 23.
const RECORDS: u64 = 24;

/// Three runs, their records interleaved, and the head after them.
fn journal(disk: &Disk) -> Hash {
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    for round in 0..4 {
        for name in ["a", "b", "c"] {
            let mut it = append(name, epoch, round * 2, 2);
            it.index = Some(index(name, round * 2 + 2));
            store.append(it).wait().unwrap();
        }
    }
    store.head().unwrap().link
}

fn changed(sql: &Connection, statement: &str) -> usize {
    sql.execute(statement, []).unwrap()
}

/// Tampers with a fresh journal and verifies it, with its head when `known`.
fn tampered(known: bool, tamper: impl FnOnce(&Connection)) -> VerifyReport {
    let disk = Disk::new();
    let head = journal(&disk);
    let sql = disk.sql();
    tamper(&sql);
    drop(sql);
    verify(&disk.path(), known.then_some(head)).unwrap()
}

fn first_bad(report: &VerifyReport) -> Option<u64> {
    report.first_bad.as_ref().map(|bad| bad.position)
}

/// Fits the links from `from` on to what the headers now are, as an attacker
/// does who knows the format; with `runs_too`, also the chains of the runs.
fn relink(disk: &Disk, from: u64, runs_too: bool) {
    let sql = disk.sql();
    let mut link = match from {
        0 => [0; 32],
        _ => sql
            .query_row(
                "SELECT link FROM records WHERE position = ?1",
                [from as i64 - 1],
                |row| row.get(0),
            )
            .unwrap(),
    };
    let columns = "position, run, seq, epoch, at_ms, kind, version, body_hash, prev_in_run";
    let mut headers = Vec::new();
    {
        let query = format!("SELECT {columns} FROM records WHERE position >= ?1 ORDER BY position");
        let mut statement = sql.prepare(&query).unwrap();
        let mut rows = statement.query([from as i64]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            headers.push(Header {
                position: row.get::<_, i64>(0).unwrap() as u64,
                run: RunKey::new(&row.get::<_, String>(1).unwrap()).unwrap(),
                seq: row.get::<_, i64>(2).unwrap() as u64,
                epoch: row.get::<_, i64>(3).unwrap() as u64,
                at_ms: row.get(4).unwrap(),
                kind: row.get(5).unwrap(),
                version: row.get(6).unwrap(),
                body_hash: Hash::from_bytes(row.get(7).unwrap()),
                prev_in_run: Hash::from_bytes(row.get(8).unwrap()),
            });
        }
    }
    let mut ends: BTreeMap<String, Hash> = BTreeMap::new();
    for mut header in headers {
        let run = header.run.to_string();
        if let Some(previous) = ends.get(&run).filter(|_| runs_too) {
            header.prev_in_run = *previous;
        }
        let hash = header.hash();
        ends.insert(run, hash);
        link = *Hash::of(&[&b"wlj-lnk1"[..], &link, hash.as_bytes()].concat()).as_bytes();
        let update = "UPDATE records SET link = ?2, prev_in_run = ?3 WHERE position = ?1";
        let previous = *header.prev_in_run.as_bytes();
        assert_eq!(
            sql.execute(update, (header.position as i64, link, previous))
                .unwrap(),
            1
        );
    }
}

#[test]
fn the_untouched_journal_is_clean_with_and_without_head() {
    for known in [false, true] {
        let report = tampered(known, |_| {});
        assert!(report.is_ok(), "{report}");
        assert_eq!(
            (report.head.next_position, report.runs, report.bodies),
            (RECORDS, 3, 24)
        );
        assert_eq!(report.index_rows, 3);
    }
}

#[test]
fn every_edit_of_every_record_is_named() {
    let edits = [
        "UPDATE records SET run = 'x' WHERE position = ?1",
        "UPDATE records SET seq = seq + 100 WHERE position = ?1",
        "UPDATE records SET epoch = epoch + 1 WHERE position = ?1",
        "UPDATE records SET at_ms = at_ms - 1 WHERE position = ?1",
        "UPDATE records SET kind = 'other' WHERE position = ?1",
        "UPDATE records SET version = version + 1 WHERE position = ?1",
        "UPDATE records SET body_hash = zeroblob(32) WHERE position = ?1",
        "UPDATE records SET prev_in_run = x'00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff' WHERE position = ?1",
        "UPDATE records SET link = zeroblob(32) WHERE position = ?1",
        "UPDATE bodies SET body = x'7b7d' WHERE position = ?1",
        "DELETE FROM bodies WHERE position = ?1",
    ];
    let disk = Disk::new();
    journal(&disk);
    let mut detected = 0;
    for edit in edits {
        for position in 0..RECORDS {
            let sql = disk.sql();
            sql.execute_batch(
                "DROP TABLE IF EXISTS temp.kept; DROP TABLE IF EXISTS temp.kept_bodies;
                 CREATE TEMP TABLE kept AS SELECT * FROM records;
                 CREATE TEMP TABLE kept_bodies AS SELECT * FROM bodies",
            )
            .unwrap();
            assert_eq!(sql.execute(edit, [position as i64]).unwrap(), 1, "{edit}");
            let report = verify(&disk.path(), None).unwrap();
            assert_eq!(first_bad(&report), Some(position), "{edit}: {report}");
            detected += 1;
            sql.execute_batch(
                "DELETE FROM records; INSERT INTO records SELECT * FROM kept;
                 DELETE FROM bodies; INSERT INTO bodies SELECT * FROM kept_bodies",
            )
            .unwrap();
        }
    }
    assert!(verify(&disk.path(), None).unwrap().is_ok());
    println!(
        "edits detected: {detected} of {}",
        edits.len() as u64 * RECORDS
    );
    assert_eq!(detected, edits.len() as u64 * RECORDS);
}

#[test]
fn deleted_records_are_named() {
    let mut detected = 0;
    for position in 0..RECORDS - 1 {
        let report = tampered(false, |sql| {
            assert_eq!(
                changed(
                    sql,
                    &format!("DELETE FROM records WHERE position = {position}")
                ),
                1
            );
        });
        assert_eq!(first_bad(&report), Some(position), "{report}");
        detected += 1;
    }
    println!("deletions detected: {detected} of {}", RECORDS - 1);
}

#[test]
fn swapped_and_moved_records_are_named() {
    let mut detected = 0;
    for (low, high) in [(0, 1), (2, 3), (0, 6), (5, 17), (22, 23)] {
        let swap = |sql: &Connection, table: &str| {
            sql.execute_batch(&format!(
                "UPDATE {table} SET position = 99 WHERE position = {low};
                 UPDATE {table} SET position = {low} WHERE position = {high};
                 UPDATE {table} SET position = {high} WHERE position = 99"
            ))
            .unwrap();
        };
        // With their bodies, and the bodies alone (they differ in these pairs).
        let report = tampered(false, |sql| {
            swap(sql, "records");
            swap(sql, "bodies");
        });
        assert_eq!(first_bad(&report), Some(low), "{report}");
        detected += 1;
    }
    let report = tampered(false, |sql| {
        sql.execute_batch(
            "UPDATE bodies SET body = CASE position WHEN 0 THEN (SELECT body FROM bodies WHERE position = 1) \
             ELSE (SELECT body FROM bodies WHERE position = 0) END WHERE position IN (0, 1)",
        )
        .unwrap();
    });
    assert_eq!(first_bad(&report), Some(0), "{report}");
    detected += 1;
    // A record moved to the end of the store.
    let report = tampered(false, |sql| {
        assert_eq!(
            changed(sql, "UPDATE records SET position = 24 WHERE position = 7"),
            1
        );
    });
    assert_eq!(first_bad(&report), Some(7), "{report}");
    println!("swaps and moves detected: {}", detected + 1);
}

#[test]
fn inserted_records_are_named() {
    let forged = "INSERT INTO records SELECT 24, 'z', 0, epoch, at_ms, kind, version, body_hash, \
                  zeroblob(32), link FROM records WHERE position = 23";
    let body = "INSERT INTO bodies SELECT 24, body, 0 FROM bodies WHERE position = 23";
    let report = tampered(false, |sql| {
        assert_eq!(changed(sql, forged) + changed(sql, body), 2);
    });
    assert_eq!(first_bad(&report), Some(24), "{report}");
    // In the middle: everything after it is moved up by one.
    let report = tampered(false, |sql| {
        sql.execute_batch(
            "UPDATE records SET position = position + 1000 WHERE position >= 10;
             UPDATE records SET position = position - 999 WHERE position >= 1000;
             UPDATE bodies SET position = position + 1000 WHERE position >= 10;
             UPDATE bodies SET position = position - 999 WHERE position >= 1000;
             INSERT INTO records SELECT 10, 'z', 0, epoch, at_ms, kind, version, body_hash,
               zeroblob(32), link FROM records WHERE position = 9;
             INSERT INTO bodies SELECT 10, body, 0 FROM bodies WHERE position = 9",
        )
        .unwrap();
    });
    assert_eq!(first_bad(&report), Some(10), "{report}");
    let report = tampered(false, |sql| {
        assert_eq!(changed(sql, "INSERT INTO bodies VALUES (24, x'00', 0)"), 1);
    });
    assert_eq!(first_bad(&report), Some(24), "{report}");
    println!("insertions detected: 3");
}

/// What one who knows the format can do: cut the end off and fit the index.
/// Only a head that was noted elsewhere shows it.
#[test]
fn truncation_is_noticed_with_a_known_head_only() {
    let mut detected = 0;
    for kept in 0..RECORDS {
        let cut = |sql: &Connection| {
            sql.execute_batch(&format!(
                "DELETE FROM records WHERE position >= {kept}; DELETE FROM bodies WHERE position >= {kept};
                 DELETE FROM runs WHERE run NOT IN (SELECT run FROM records);
                 UPDATE runs SET next_seq = (SELECT max(seq) + 1 FROM records WHERE records.run = runs.run)"
            ))
            .unwrap();
        };
        let blind = tampered(false, cut);
        assert!(blind.is_ok() && blind.head.next_position == kept, "{blind}");
        assert!(blind.to_string().contains("--head HASH"), "{blind}");
        let report = tampered(true, cut);
        assert!(
            matches!(report.head_check, HeadCheck::Missing { .. }) && !report.is_ok(),
            "{report}"
        );
        detected += 1;
    }
    println!("truncations detected with the head: {detected} of {RECORDS}");
}

/// A cut that leaves the index as it was is noticed without a head.
#[test]
fn the_index_disagrees_after_a_clumsy_cut() {
    let report = tampered(false, |sql| {
        sql.execute_batch(
            "DELETE FROM records WHERE position = 23; DELETE FROM bodies WHERE position = 23",
        )
        .unwrap();
    });
    assert_eq!(report.first_bad, None);
    let problem = IndexProblem {
        run: "c".into(),
        indexed: 8,
        records: 7,
    };
    assert_eq!(report.index_problems, [problem], "{report}");
    let report = tampered(false, |sql| {
        assert_eq!(
            changed(sql, "UPDATE runs SET run = 'ghost' WHERE run = 'b'"),
            1
        );
    });
    assert_eq!(
        (report.index_problems_count, report.runs_without_row),
        (1, 1),
        "{report}"
    );
    assert_eq!(report.index_problems[0].records, 0);
}

/// A rewrite with new links holds together by itself; a head noted before does not.
#[test]
fn a_consistent_rewrite_is_noticed_with_a_known_head_only() {
    let mut detected = 0;
    for position in 0..RECORDS {
        let disk = Disk::new();
        let head = journal(&disk);
        let edit = "UPDATE records SET at_ms = at_ms + 60000 WHERE position = ?1";
        assert_eq!(disk.sql().execute(edit, [position as i64]).unwrap(), 1);
        relink(&disk, position, true);
        let blind = verify(&disk.path(), None).unwrap();
        assert!(blind.is_ok(), "{blind}");
        let report = verify(&disk.path(), Some(head)).unwrap();
        assert!(!report.is_ok(), "{report}");
        detected += 1;
    }
    println!("rewrites detected with the head: {detected} of {RECORDS}");
}

/// With the store's links fitted, what is left are the rules of runs and epochs.
#[test]
fn rules_hold_apart_from_the_links() {
    let edits = [
        (
            "UPDATE records SET prev_in_run = randomblob(32) WHERE position = 12",
            false,
            "does not continue its run",
        ),
        (
            "UPDATE records SET seq = 99 WHERE position = 12",
            true,
            "has seq 99",
        ),
        (
            "UPDATE records SET epoch = 2 WHERE position = 12",
            true,
            "has epoch 2",
        ),
        (
            "UPDATE records SET epoch = 0 WHERE position = 12",
            true,
            "has epoch 0",
        ),
    ];
    for (edit, runs_too, problem) in edits {
        let disk = Disk::new();
        journal(&disk);
        assert_eq!(changed(&disk.sql(), edit), 1, "{edit}");
        relink(&disk, 12, runs_too);
        let report = verify(&disk.path(), None).unwrap();
        let bad = report
            .first_bad
            .clone()
            .unwrap_or_else(|| panic!("{edit}: {report}"));
        assert_eq!((bad.position, bad.run), (12, Some(run("a"))), "{edit}");
        assert!(bad.problem.contains(problem), "{edit}: {}", bad.problem);
        // Reading the run notices what concerns the run itself.
        if problem != "has epoch 2" && problem != "has epoch 0" {
            let store = disk.open();
            let error = store.read(&run("a"), 0, 99).unwrap_err();
            assert!(
                matches!(error, ReadError::Quarantined { .. }),
                "{edit}: {error}"
            );
        }
    }
}

/// A head noted long ago is found in a journal that has grown since.
#[test]
fn an_older_head_vouches_for_what_was_before_it() {
    let disk = Disk::new();
    let head = journal(&disk);
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    store.append(append("d", epoch, 0, 3)).wait().unwrap();
    drop(store);
    let report = verify(&disk.path(), Some(head)).unwrap();
    assert_eq!(
        report.head_check,
        HeadCheck::Found {
            next_position: RECORDS
        }
    );
    assert!(report.is_ok(), "{report}");
}

/// A bit at a time in the file itself: the same records, or noticed.
#[test]
fn flipped_bits_in_the_file_never_change_a_record_unnoticed() {
    let disk = Disk::new();
    let head = journal(&disk);
    let path = disk.path();
    let original = std::fs::read(&path).unwrap();
    let truth = verify(&path, Some(head)).unwrap();
    assert!(truth.is_ok());
    let (mut noticed, mut harmless) = (0, 0);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..2_000 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let mut bytes = original.clone();
        let at = (seed >> 8) as usize % bytes.len();
        bytes[at] ^= 1 << (seed & 7);
        std::fs::write(&path, &bytes).unwrap();
        for rest in ["-wal", "-shm"] {
            drop(std::fs::remove_file(format!("{}{rest}", path.display())));
        }
        match verify(&path, Some(head)) {
            Ok(report) if report.is_ok() => {
                assert_eq!((report.head, report.bodies), (truth.head, truth.bodies));
                harmless += 1;
            }
            _ => noticed += 1,
        }
    }
    println!("bit flips: {noticed} noticed, {harmless} without effect on any record");
    assert!(noticed > 100, "{noticed}");
}

/// Bodies that somebody took out and marked as erased are no erasure: the order is
/// missing, or it came before them.
#[test]
fn an_erasure_that_nobody_ordered_is_noticed() {
    let disk = Disk::new();
    journal(&disk);
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    store.append(erase(epoch, 0, &["b"])).wait().unwrap();
    store.append(append("b", epoch, 8, 1)).wait().unwrap();
    drop(store);
    let report = verify(&disk.path(), None).unwrap();
    assert!(report.is_ok() && report.erased_bodies == 8, "{report}");
    let taken_out = |condition: &str| {
        let sql = disk.sql();
        let statement = format!(
            "UPDATE bodies SET body = NULL, erased = 1 WHERE position IN \
             (SELECT position FROM records WHERE {condition})"
        );
        assert_eq!(changed(&sql, &statement), 1);
        drop(sql);
        verify(&disk.path(), None).unwrap()
    };
    // After the order, which covers what was written before it.
    let late = taken_out("run = 'b' AND seq = 8");
    let problem = late.first_bad.clone().unwrap().problem;
    assert!(problem.contains("no record orders"), "{late}");
    let report = taken_out("run = 'a' AND seq = 1");
    assert_eq!(first_bad(&report), Some(1), "{report}");
    assert!(!report.is_ok());
}
