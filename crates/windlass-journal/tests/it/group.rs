//! Group commit: one sync for many appends, refusals that hurt nobody else,
//! and answers for tasks as well as threads.

use std::sync::Arc;
use std::thread;

use windlass_journal::*;

use crate::support::{Disk, append, index, key, read_all, run};

#[test]
fn waiting_appends_share_a_commit_and_a_refused_one_hurts_nobody() {
    let disk = Disk::new();
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    // The lock keeps the writer from committing until all are queued.
    let lock = disk.sql();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut answers = Vec::new();
    for n in 0..200 {
        let good = append("a", epoch, n, 1);
        let conflict = append("a", epoch, n + 500, 1);
        let mut fenced = append("b", epoch + 9, 0, 1);
        fenced.index = Some(index("b", 1));
        answers.push((
            store.append(good),
            store.append(conflict),
            store.append(fenced),
        ));
    }
    lock.execute_batch("COMMIT").unwrap();
    let mut positions = Vec::new();
    for (good, conflict, fenced) in answers {
        positions.push(good.wait().unwrap().first_position);
        assert!(matches!(conflict.wait(), Err(AppendError::Conflict { .. })));
        assert!(matches!(fenced.wait(), Err(AppendError::Fenced { .. })));
    }
    assert_eq!(
        positions,
        (0..200).collect::<Vec<u64>>(),
        "in the order of submission"
    );
    let stats = store.stats();
    assert_eq!(
        (stats.appends, stats.records, stats.refused),
        (200, 200, 400)
    );
    assert!(stats.largest_group >= 50, "{stats:?}");
    assert!(stats.commits <= 10, "{stats:?}");
    assert_eq!(read_all(&store, "a").len(), 200);
    assert_eq!(store.run(&run("b")).unwrap(), None);
    drop(store);
    assert!(verify(&disk.path(), None).unwrap().is_ok());
}

#[test]
fn a_repeat_in_the_same_group_is_a_repeat() {
    let disk = Disk::new();
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    let lock = disk.sql();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut it = append("a", epoch, 0, 1);
    it.idempotency = Some((key("k"), b"yes".to_vec()));
    let answers: Vec<_> = (0..5).map(|_| store.append(it.clone())).collect();
    lock.execute_batch("COMMIT").unwrap();
    let answers: Vec<Appended> = answers.into_iter().map(|it| it.wait().unwrap()).collect();
    assert_eq!(answers[0].duplicate_of, None);
    for again in &answers[1..] {
        assert_eq!(again.duplicate_of.as_deref(), Some(&b"yes"[..]));
    }
    assert_eq!(store.head().unwrap().next_position, 1);
}

#[test]
fn many_threads_append_and_every_record_has_its_place() {
    let disk = Disk::new();
    let store = Arc::new(disk.open());
    let epoch = store.take_epoch().unwrap();
    let producer = |n: usize| {
        let store = Arc::clone(&store);
        move || {
            let name = format!("r{n}");
            for seq in 0..40 {
                store.append(append(&name, epoch, seq, 1)).wait().unwrap();
            }
        }
    };
    let threads: Vec<_> = (0..16).map(|n| thread::spawn(producer(n))).collect();
    threads.into_iter().for_each(|it| it.join().unwrap());
    let stats = store.stats();
    assert_eq!(stats.records, 640);
    assert!(
        stats.commits < 640,
        "no two appends ever shared a commit: {stats:?}"
    );
    for n in 0..16 {
        assert_eq!(read_all(&*store, &format!("r{n}")).len(), 40);
    }
    drop(store);
    assert!(verify(&disk.path(), None).unwrap().is_ok());
}

/// More than the queue holds, submitted from one task that awaits only later:
/// what found no room is submitted while it is awaited.
#[test]
fn a_full_queue_pushes_back_and_loses_nothing() {
    let disk = Disk::new();
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    let lock = disk.sql();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let most = QUEUE_BYTES_MAX / QUEUE_SLOT_BYTES;
    // The writer holds one group in its hands already, so room is made once.
    let count = (most + GROUP_APPENDS_MAX) as u64 + 100;
    let answers: Vec<_> = (0..count)
        .map(|n| (n, store.append(append(&format!("r{n}"), epoch, 0, 1))))
        .collect();
    lock.execute_batch("COMMIT").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        for (n, answer) in answers {
            let appended = answer.await.unwrap();
            assert_eq!(
                (appended.run, appended.next_seq),
                (run(&format!("r{n}")), 1)
            );
        }
    });
    assert_eq!(store.stats().appends, count);
}

#[test]
fn dropping_the_store_finishes_what_is_queued() {
    let disk = Disk::new();
    let store = disk.open();
    let epoch = store.take_epoch().unwrap();
    let answers: Vec<_> = (0..100)
        .map(|n| store.append(append(&format!("r{n}"), epoch, 0, 1)))
        .collect();
    drop(store);
    assert!(answers.into_iter().all(|answer| answer.wait().is_ok()));
    assert_eq!(disk.open().head().unwrap().next_position, 100);
}
