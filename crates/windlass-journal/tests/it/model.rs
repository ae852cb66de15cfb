//! Random operations on SQLite and in memory: both answer the same and hold
//! the same bytes afterwards. The counts show that the rare cases were met.

use std::collections::BTreeMap;
use std::sync::Mutex;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use windlass_journal::*;

use crate::support::{Disk, index, key, record, run};

#[derive(Debug, Clone)]
enum Op {
    Append {
        run: u8,
        epoch_off: i8,
        seq_off: i8,
        count: u8,
        key: Option<u8>,
        index: bool,
        outbox: u8,
        erase: Option<u8>,
    },
    TakeEpoch,
    OutboxProgress {
        id: u64,
        next_at_ms: i64,
        kept: bool,
    },
    OutboxDone {
        id: u64,
    },
    Quarantine {
        run: u8,
    },
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    let off = prop_oneof![8 => Just(0_i8), 1 => -2..=2_i8];
    let append = (
        0..5_u8,
        off.clone(),
        off,
        0..4_u8,
        proptest::option::weighted(0.3, 0..6_u8),
        any::<bool>(),
        0..3_u8,
        proptest::option::weighted(0.1, 0..5_u8),
    );
    let append = append.prop_map(
        |(run, epoch_off, seq_off, count, key, index, outbox, erase)| Op::Append {
            run,
            epoch_off,
            seq_off,
            count,
            key,
            index,
            outbox,
            erase,
        },
    );
    prop_oneof![
        20 => append,
        2 => Just(Op::TakeEpoch),
        3 => (0..12_u64).prop_map(|id| Op::OutboxDone { id }),
        3 => (0..12_u64, 0..4_i64, any::<bool>())
            .prop_map(|(id, next_at_ms, kept)| Op::OutboxProgress { id, next_at_ms, kept }),
        1 => (0..5_u8).prop_map(|run| Op::Quarantine { run }),
        1 => Just(Op::Reopen),
    ]
}

fn name(run: u8) -> RunKey {
    if run == 0 {
        RunKey::store()
    } else {
        self::run(&format!("r{run}"))
    }
}

/// The append that the operation stands for, seen from the present state.
fn build(op: &Op, epoch: u64, next_seq: impl Fn(&RunKey) -> u64) -> Option<Append> {
    let Op::Append {
        run,
        epoch_off,
        seq_off,
        count,
        key: request,
        index: with_index,
        outbox,
        erase,
    } = op
    else {
        return None;
    };
    // An erasure is ordered in the store's stream, which has no row in the index.
    let run = name(if erase.is_some() { 0 } else { *run });
    let with_index = *with_index && erase.is_none();
    let fence = Fence {
        epoch: epoch.saturating_add_signed((*epoch_off).into()),
        expected_seq: next_seq(&run).saturating_add_signed((*seq_off).into()),
    };
    let records = (0..*count).map(|n| record(&format!("{run} {n}"))).collect();
    let leaves = fence.expected_seq + u64::from(*count);
    let mut it = Append::new(run.clone(), fence, records);
    it.idempotency = request.map(|n| (key(&n.to_string()), vec![n]));
    it.index = with_index.then(|| index(run.as_str(), leaves));
    it.outbox = (0..*outbox)
        .map(|n| OutboxRow {
            topic: "t".into(),
            key: n.to_string(),
            lane: (n % 2).to_string(),
            body: vec![n],
        })
        .collect();
    if let Some(erase) = erase {
        it.erase_bodies_of = vec![name(*erase)];
        let order = Erasure {
            runs: it.erase_bodies_of.clone(),
            by: "ann (uid 1)".to_owned(),
            at_ms: 1_700_000_000_000,
        };
        // In place of one of the records, if there is one: else the append is refused.
        it.records.pop();
        it.records.extend((*count > 0).then(|| order.record()));
    }
    Some(it)
}

/// The answer without the texts that differ by path.
fn shape(answer: Result<Appended, AppendError>) -> Result<Appended, String> {
    answer.map_err(|error| error.to_string())
}

fn outcome(answer: &Result<Appended, AppendError>) -> &'static str {
    match answer {
        Ok(appended) if appended.duplicate_of.is_some() => "duplicate",
        Ok(_) => "appended",
        Err(AppendError::Fenced { .. }) => "fenced",
        Err(AppendError::Conflict { .. }) => "conflict",
        Err(AppendError::Invalid { .. }) => "invalid",
        Err(AppendError::Quarantined { .. }) => "quarantined",
        Err(AppendError::TooLarge { .. } | AppendError::Write(_)) => "other",
    }
}

fn assert_same(sqlite: &SqliteStore, memory: &MemoryStore) {
    assert_eq!(sqlite.head().unwrap(), memory.head().unwrap());
    assert_eq!(sqlite.epoch().unwrap(), memory.epoch().unwrap());
    assert_eq!(
        sqlite.tips(None, 99).unwrap(),
        memory.tips(None, 99).unwrap()
    );
    assert_eq!(
        sqlite.outbox(None, 0, 999).unwrap(),
        memory.outbox(None, 0, 999).unwrap()
    );
    assert_eq!(
        sqlite.outbox_heads(99).unwrap(),
        memory.outbox_heads(99).unwrap()
    );
    assert_eq!(sqlite.quarantined(), memory.quarantined());
    let query = RunQuery::default();
    assert_eq!(sqlite.runs(&query).unwrap(), memory.runs(&query).unwrap());
    for n in 0..5 {
        let run = name(n);
        assert_eq!(
            sqlite.read(&run, 0, 999).unwrap(),
            memory.read(&run, 0, 999).unwrap()
        );
        assert_eq!(
            sqlite.read(&run, 2, 2).unwrap(),
            memory.read(&run, 2, 2).unwrap()
        );
        assert_eq!(sqlite.run(&run).unwrap(), memory.run(&run).unwrap());
    }
    for n in 0..6_u8 {
        let key = key(&n.to_string());
        assert_eq!(
            sqlite.find_idempotent(&key).unwrap(),
            memory.find_idempotent(&key).unwrap()
        );
    }
}

fn play(ops: &[Op], seen: &Mutex<BTreeMap<&'static str, u64>>) {
    let disk = Disk::new();
    let mut sqlite = disk.open();
    let mut memory = MemoryStore::new();
    sqlite.take_epoch().unwrap();
    memory.take_epoch().unwrap();
    for op in ops {
        match op {
            Op::Append { .. } => {
                let tips = memory.tips(None, 99).unwrap();
                let next_seq = |run: &RunKey| {
                    tips.iter()
                        .find(|tip| tip.run == *run)
                        .map_or(0, |tip| tip.next_seq)
                };
                let it = build(op, memory.epoch().unwrap(), next_seq).unwrap();
                let answer = memory.append(it.clone()).wait();
                *seen.lock().unwrap().entry(outcome(&answer)).or_default() += 1;
                assert_eq!(shape(sqlite.append(it).wait()), shape(answer));
            }
            Op::TakeEpoch => {
                assert_eq!(sqlite.take_epoch().unwrap(), memory.take_epoch().unwrap());
            }
            Op::OutboxProgress {
                id,
                next_at_ms,
                kept,
            } => {
                let progress = OutboxProgress {
                    next_at_ms: *next_at_ms,
                    kept: *kept,
                    note: vec![*id as u8],
                };
                sqlite
                    .outbox_progress(*id, progress.clone())
                    .wait()
                    .unwrap();
                memory.outbox_progress(*id, progress).wait().unwrap();
            }
            Op::OutboxDone { id } => {
                sqlite.outbox_done(&[*id, id + 1]).wait().unwrap();
                memory.outbox_done(&[*id, id + 1]).wait().unwrap();
            }
            Op::Quarantine { run } => {
                sqlite.quarantine(&name(*run), "test");
                memory.quarantine(&name(*run), "test");
            }
            Op::Reopen => {
                drop(sqlite);
                sqlite = disk.open();
                memory = memory.restarted();
            }
        }
    }
    assert_same(&sqlite, &memory);
    let head = sqlite.head().unwrap();
    drop(sqlite);
    let report = verify(&disk.path(), Some(head.link)).unwrap();
    assert!(report.is_ok() && report.head == head, "{report}");
}

#[test]
fn both_stores_agree_on_random_operations() {
    let seen = Mutex::new(BTreeMap::new());
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&proptest::collection::vec(op(), 1..60), |ops| {
            play(&ops, &seen);
            Ok(())
        })
        .unwrap();
    let seen = seen.into_inner().unwrap();
    println!("answers met: {seen:?}");
    for answer in [
        "appended",
        "duplicate",
        "fenced",
        "conflict",
        "invalid",
        "quarantined",
    ] {
        assert!(
            seen.get(answer).is_some_and(|count| *count >= 5),
            "{answer} was hardly met: {seen:?}"
        );
    }
    assert_eq!(seen.get("other"), None);
}

#[test]
fn an_injected_fault_poisons_until_the_restart() {
    for written in [false, true] {
        let store = MemoryStore::new();
        let epoch = store.take_epoch().unwrap();
        let append = |store: &MemoryStore, seq| {
            store
                .append(crate::support::append("a", epoch, seq, 1))
                .wait()
        };
        store.inject(Fault {
            after_appends: 1,
            written,
        });
        append(&store, 0).unwrap();
        for _ in 0..2 {
            let error = append(&store, 1).unwrap_err();
            assert!(
                matches!(error, AppendError::Write(WriteError::Storage(_))),
                "{error}"
            );
        }
        assert!(store.take_epoch().is_err() && store.poisoned().is_some());
        let restarted = store.restarted();
        let found = restarted.read(&run("a"), 0, 9).unwrap().len();
        assert_eq!(found, if written { 2 } else { 1 });
        append(&restarted, found as u64).unwrap();
        assert!(restarted.damage_body(&run("a"), 0));
        let error = restarted.read(&run("a"), 0, 9).unwrap_err();
        assert!(
            matches!(error, ReadError::Quarantined { seq: 0, .. }),
            "{error}"
        );
    }
}
