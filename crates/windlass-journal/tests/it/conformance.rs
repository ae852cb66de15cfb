//! What every store must do. Each function takes any empty store; the macro at
//! the end runs each on SQLite and in memory.

use windlass_journal::*;

use crate::support::{Disk, append, erase, index, key, read_all, record, records, run};

fn ok(store: &dyn Store, it: Append) -> Appended {
    store.append(it).wait().unwrap()
}

fn refused(store: &dyn Store, it: Append) -> AppendError {
    store.append(it).wait().unwrap_err()
}

fn an_empty_store_is_empty(store: &dyn Store) {
    assert_eq!(
        store.head().unwrap(),
        Head {
            next_position: 0,
            link: Hash::ZERO
        }
    );
    assert_eq!(store.epoch().unwrap(), 0);
    assert_eq!(store.read(&run("a"), 0, 9).unwrap(), vec![]);
    assert_eq!(store.run(&run("a")).unwrap(), None);
    assert_eq!(store.runs(&RunQuery::default()).unwrap(), vec![]);
    assert_eq!(store.tips(None, 9).unwrap(), vec![]);
    assert_eq!(store.outbox(None, 0, 9).unwrap(), vec![]);
    assert_eq!(store.find_idempotent(&key("k")).unwrap(), None);
    assert!(store.poisoned().is_none() && store.quarantined().is_empty());
}

fn records_come_back_in_order_and_linked(store: &dyn Store) {
    let epoch = store.take_epoch().unwrap();
    let first = ok(store, append("a", epoch, 0, 3));
    assert_eq!(
        (first.first_seq, first.next_seq, first.first_position),
        (0, 3, 0)
    );
    let other = ok(store, append("b", epoch, 0, 2));
    assert_eq!((other.first_seq, other.first_position), (0, 3));
    let more = ok(store, append("a", epoch, 3, 12));
    assert_eq!(
        (more.first_seq, more.next_seq, more.first_position),
        (3, 15, 5)
    );
    assert_eq!(
        store.head().unwrap(),
        Head {
            next_position: 17,
            link: more.head
        }
    );

    let all = read_all(store, "a");
    assert_eq!(all.len(), 15);
    let mut previous = Hash::ZERO;
    for (seq, record) in (0..).zip(&all) {
        assert_eq!((record.header.seq, record.header.epoch), (seq, epoch));
        assert_eq!(record.header.prev_in_run, previous);
        assert_eq!(record.hash, record.header.hash());
        assert_eq!(
            record.header.body_hash,
            Hash::of(record.body.as_ref().unwrap())
        );
        previous = record.hash;
    }
    assert_eq!(all[2].link, first.head);
    assert_eq!(all[14].link, more.head);
    assert_eq!(store.read(&run("a"), 4, 2).unwrap(), all[4..6]);
    assert_eq!(store.read(&run("a"), 15, 2).unwrap(), vec![]);
    assert_eq!(store.read(&run("a"), 99, 2).unwrap(), vec![]);
    let tips = store.tips(None, 9).unwrap();
    assert_eq!(
        tips,
        [
            Tip {
                run: run("a"),
                next_seq: 15
            },
            Tip {
                run: run("b"),
                next_seq: 2
            }
        ]
    );
    assert_eq!(store.tips(Some(&run("a")), 9).unwrap(), tips[1..]);
}

fn a_conflict_writes_nothing(store: &dyn Store) {
    let epoch = store.take_epoch().unwrap();
    ok(store, append("a", epoch, 0, 2));
    let before = store.head().unwrap();
    for expected in [0, 1, 3, u64::MAX] {
        let mut it = append("a", epoch, expected, 1);
        it.outbox.push(OutboxRow {
            topic: "t".into(),
            key: "k".into(),
            lane: "l".into(),
            body: vec![],
        });
        it.idempotency = Some((key("k"), vec![1]));
        let error = refused(store, it);
        assert!(
            matches!(error, AppendError::Conflict { actual: 2, .. }),
            "{error}"
        );
    }
    assert_eq!(store.head().unwrap(), before);
    assert_eq!(store.outbox(None, 0, 9).unwrap(), vec![]);
    assert_eq!(store.find_idempotent(&key("k")).unwrap(), None);
}

fn a_stale_owner_is_fenced(store: &dyn Store) {
    let old = store.take_epoch().unwrap();
    ok(store, append("a", old, 0, 1));
    let new = store.take_epoch().unwrap();
    assert_eq!((new, store.epoch().unwrap()), (old + 1, old + 1));
    for given in [old, new + 1] {
        let error = refused(store, append("a", given, 1, 1));
        assert!(
            matches!(error, AppendError::Fenced { current, .. } if current == new),
            "{error}"
        );
    }
    assert!(matches!(
        refused(store, append("a", 0, 1, 1)),
        AppendError::Invalid { .. }
    ));
    ok(store, append("a", new, 1, 1));
    let epochs: Vec<u64> = read_all(store, "a")
        .iter()
        .map(|it| it.header.epoch)
        .collect();
    assert_eq!(epochs, [old, new]);
}

fn a_repeat_is_answered_with_the_first_result(store: &dyn Store) {
    let old = store.take_epoch().unwrap();
    let mut it = append("a", old, 0, 2);
    it.idempotency = Some((key("req 1"), b"first".to_vec()));
    it.outbox.push(OutboxRow {
        topic: "t".into(),
        key: "k".into(),
        lane: "l".into(),
        body: vec![],
    });
    let first = ok(store, it.clone());
    assert_eq!(first.duplicate_of, None);
    ok(store, append("a", old, 2, 1));
    store.take_epoch().unwrap();

    // Stale epoch, stale seq, another answer, another run: still the first result.
    it.idempotency = Some((key("req 1"), b"second".to_vec()));
    let mut elsewhere = append("b", old, 7, 1);
    elsewhere.idempotency = it.idempotency.clone();
    for repeat in [it, elsewhere] {
        let again = ok(store, repeat);
        assert_eq!(
            again,
            Appended {
                duplicate_of: Some(b"first".to_vec()),
                ..first.clone()
            }
        );
    }
    assert_eq!(store.head().unwrap().next_position, 3);
    assert_eq!(store.outbox(None, 0, 9).unwrap().len(), 1);
    let found = store.find_idempotent(&key("req 1")).unwrap().unwrap();
    assert_eq!(
        (found.run, found.next_seq, found.head),
        (run("a"), 2, first.head)
    );
    assert_eq!(found.answer, b"first");
}

fn an_append_without_records_writes_the_rest(store: &dyn Store) {
    let epoch = store.take_epoch().unwrap();
    ok(store, append("a", epoch, 0, 1));
    let mut it = append("a", epoch, 1, 0);
    it.idempotency = Some((key("k"), vec![]));
    it.index = Some(index("a", 1));
    let appended = ok(store, it);
    assert_eq!(
        (
            appended.first_seq,
            appended.next_seq,
            appended.first_position
        ),
        (1, 1, 1)
    );
    assert_eq!(store.run(&run("a")).unwrap(), Some(index("a", 1)));
    assert!(store.find_idempotent(&key("k")).unwrap().is_some());
    assert_eq!(store.head().unwrap().next_position, 1);
}

fn the_index_must_fit_the_append(store: &dyn Store) {
    let epoch = store.take_epoch().unwrap();
    let with = |name: &str, count, row| {
        let mut it = append(name, epoch, 0, count);
        it.index = Some(row);
        it
    };
    let wrong = [
        with("a", 2, index("a", 1)),
        with("a", 2, index("b", 2)),
        with("a", 0, index("a", 0)),
        with(RunKey::STORE, 1, index(RunKey::STORE, 1)),
    ];
    for it in wrong {
        assert!(matches!(refused(store, it), AppendError::Invalid { .. }));
    }
    ok(store, with("a", 2, index("a", 2)));
    assert_eq!(store.run(&run("a")).unwrap(), Some(index("a", 2)));
    // An append that brings no row still moves the row that is there.
    ok(store, append("a", epoch, 2, 3));
    assert_eq!(store.run(&run("a")).unwrap(), Some(index("a", 5)));
}

fn runs_are_listed_filtered_and_paged(store: &dyn Store) {
    let epoch = store.take_epoch().unwrap();
    for n in 0..9_u8 {
        let name = format!("r{n}");
        let mut it = append(&name, epoch, 0, 1);
        let mut row = index(&name, 1);
        row.started_at_ms = i64::from(n / 2);
        row.ended_at_ms = (n % 3 == 0).then_some(50);
        row.next_wake_at_ms = (n % 2 == 0).then_some(i64::from(100 - n));
        row.owes = n == 4;
        row.state = if n < 5 { "running" } else { "waiting" }.into();
        it.index = Some(row);
        ok(store, it);
    }
    let names = |query: &RunQuery| -> String {
        let rows = store.runs(query).unwrap();
        rows.iter().map(|row| &row.run.as_str()[1..]).collect()
    };
    let all = RunQuery::default();
    assert_eq!(names(&all), "876543210");
    assert_eq!(
        names(&RunQuery {
            ended: RunState::Live,
            ..all.clone()
        }),
        "875421"
    );
    assert_eq!(
        names(&RunQuery {
            ended: RunState::Ended,
            ..all.clone()
        }),
        "630"
    );
    assert_eq!(
        names(&RunQuery {
            state: Some("waiting".into()),
            ..all.clone()
        }),
        "8765"
    );
    assert_eq!(
        names(&RunQuery {
            owes: Some(true),
            ..all.clone()
        }),
        "4"
    );
    assert_eq!(
        names(&RunQuery {
            target: Some("rds:eu-de/1".into()),
            limit: 2,
            ..all.clone()
        }),
        "87"
    );
    assert_eq!(
        names(&RunQuery {
            runbook: Some("' OR 1 --".into()),
            ..all.clone()
        }),
        ""
    );
    let wake = RunQuery {
        order: RunOrder::SoonestWake,
        ..all.clone()
    };
    assert_eq!(names(&wake), "86420");
    assert_eq!(
        names(&RunQuery {
            wake_at_or_before_ms: Some(94),
            ..wake.clone()
        }),
        "86"
    );
    for query in [all, wake] {
        let mut paged = RunQuery {
            limit: 2,
            ..query.clone()
        };
        let mut seen = Vec::new();
        loop {
            let page = store.runs(&paged).unwrap();
            let Some(last) = page.last() else { break };
            paged.after = Some((query.order_key(last).unwrap(), last.run.clone()));
            seen.extend(page);
        }
        assert_eq!(seen, store.runs(&query).unwrap());
    }
}

fn runs_are_found_by_requester_time_and_need(store: &dyn Store) {
    let epoch = store.take_epoch().unwrap();
    // Requester, state, what it waits for, when it ended.
    let rows = [
        ("ann (uid 1)", "running", "", None),
        ("ann", "waiting", "timer", None),
        ("anna (uid 2)", "waiting", "gate go", None),
        (
            "a_n (uid 3)",
            "running",
            "the lock of x; secrets a; gate go",
            None,
        ),
        ("bob (uid 4)", "needs_operator", "", None),
        ("ann (uid 1)", "failed", "gate go", Some(50)),
        ("ann (uid 1)", "succeeded", "", Some(60)),
    ];
    for (n, (requester, state, waiting_for, ended)) in (0..).zip(rows) {
        let name = format!("r{n}");
        let mut it = append(&name, epoch, 0, 1);
        it.index = Some(RunIndexRow {
            requester: requester.into(),
            state: state.into(),
            waiting_for: waiting_for.into(),
            started_at_ms: 10 * n,
            ended_at_ms: ended,
            ..index(&name, 1)
        });
        ok(store, it);
    }
    let names = |query: RunQuery| -> String {
        let rows = store.runs(&query).unwrap();
        rows.iter().map(|row| &row.run.as_str()[1..]).collect()
    };
    let by = |name: &str| RunQuery {
        requester: Some(name.into()),
        ..RunQuery::default()
    };
    assert_eq!(names(by("ann")), "6510");
    assert_eq!(names(by("ann (uid 1)")), "650");
    assert_eq!(names(by("a_n")), "3");
    assert_eq!(names(by("")), "");
    let started = |from, to| RunQuery {
        started_at_or_after_ms: from,
        started_before_ms: to,
        ..RunQuery::default()
    };
    assert_eq!(names(started(Some(20), None)), "65432");
    assert_eq!(names(started(None, Some(20))), "10");
    assert_eq!(names(started(Some(20), Some(40))), "32");
    let ended = RunQuery {
        ended_at_or_before_ms: Some(50),
        ..RunQuery::default()
    };
    assert_eq!(names(ended), "5");
    let texts = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect();
    let attention = |states: &[&str], waits_for: &[&str]| RunQuery {
        attention: Some(Attention {
            states: texts(states),
            waits_for: texts(waits_for),
        }),
        ..RunQuery::default()
    };
    let states = ["needs_operator", "paused"];
    assert_eq!(names(attention(&states, &["gate ", "secrets "])), "432");
    assert_eq!(names(attention(&[], &["gate "])), "32");
    assert_eq!(names(attention(&[], &["secrets "])), "3");
    assert_eq!(names(attention(&[], &["go"])), "");
    assert_eq!(names(attention(&states, &[])), "4");
    assert_eq!(names(attention(&[], &[])), "");
}

fn the_outbox_keeps_rows_until_they_are_done(store: &dyn Store) {
    let epoch = store.take_epoch().unwrap();
    for n in 0..3 {
        let mut it = append("a", epoch, n, 1);
        for topic in ["x", "y"] {
            let row = OutboxRow {
                topic: topic.into(),
                key: n.to_string(),
                lane: topic.into(),
                body: vec![n as u8],
            };
            it.outbox.push(row);
        }
        ok(store, it);
    }
    let pending = store.outbox(None, 0, 99).unwrap();
    assert_eq!(pending.len(), 6);
    assert!(pending.is_sorted_by(|a, b| a.id < b.id));
    assert_eq!((&*pending[2].row.topic, &*pending[2].row.key), ("x", "1"));
    assert_eq!(store.outbox(None, 0, 2).unwrap(), pending[..2]);
    let ids: Vec<u64> = pending.iter().map(|entry| entry.id).collect();
    store.outbox_done(&[ids[1], ids[5], 999]).wait().unwrap();
    store.outbox_done(&[]).wait().unwrap();
    let left: Vec<u64> = store
        .outbox(None, 0, 99)
        .unwrap()
        .iter()
        .map(|entry| entry.id)
        .collect();
    assert_eq!(left, [ids[0], ids[2], ids[3], ids[4]]);
    // An id never comes back, not even the last one.
    let mut it = append("a", epoch, 3, 0);
    it.outbox.push(OutboxRow {
        topic: "z".into(),
        key: "k".into(),
        lane: "l".into(),
        body: vec![],
    });
    ok(store, it);
    assert!(store.outbox(None, 0, 99).unwrap().last().unwrap().id > ids[5]);
}

fn heads_of_lanes_come_in_the_order_of_their_time(store: &dyn Store) {
    let epoch = store.take_epoch().unwrap();
    for (n, run) in ["a", "b"].into_iter().enumerate() {
        let mut it = append(run, epoch, 0, 1);
        for lane in ["x", "x", "y"] {
            it.outbox.push(OutboxRow {
                topic: "t".into(),
                key: n.to_string(),
                lane: format!("{run}{lane}"),
                body: vec![],
            });
        }
        ok(store, it);
    }
    let ids: Vec<u64> = store
        .outbox(None, 0, 9)
        .unwrap()
        .iter()
        .map(|entry| entry.id)
        .collect();
    let heads = |limit| -> Vec<u64> {
        let heads = store.outbox_heads(limit).unwrap();
        heads.iter().map(|entry| entry.id).collect()
    };
    assert_eq!(heads(9), [ids[0], ids[2], ids[3], ids[5]]);
    assert_eq!(heads(1), [ids[0]]);
    let progress = |next_at_ms, kept, note: &[u8]| OutboxProgress {
        next_at_ms,
        kept,
        note: note.to_vec(),
    };
    let write = |id, to: &OutboxProgress| store.outbox_progress(id, to.clone()).wait().unwrap();
    let later = progress(500, false, b"tried");
    write(ids[0], &later);
    assert_eq!(
        heads(9),
        [ids[2], ids[3], ids[5], ids[0]],
        "its lane waits with it"
    );
    let row = |id| store.outbox(None, id - 1, 1).unwrap().remove(0);
    assert_eq!(row(ids[0]).progress, later);
    // A kept row stays to be seen, and its lane goes on without it.
    write(ids[0], &progress(0, true, b"given up"));
    assert_eq!(heads(9), [ids[1], ids[2], ids[3], ids[5]]);
    assert_eq!(store.outbox(None, 0, 9).unwrap().len(), 6);
    let of_a = store.outbox(Some(&run("a")), ids[0], 9).unwrap();
    assert_eq!(
        of_a.iter().map(|entry| entry.id).collect::<Vec<_>>(),
        ids[1..3]
    );
    // Back again, before its followers; an id that is not there is no error.
    write(ids[0], &progress(0, false, b""));
    write(9_999, &later);
    assert_eq!(heads(1), [ids[0]]);
    // A note that is too long is cut.
    write(
        ids[5],
        &progress(0, false, &vec![7; OUTBOX_PROGRESS_BYTES_MAX + 1]),
    );
    assert_eq!(row(ids[5]).progress.note.len(), OUTBOX_PROGRESS_BYTES_MAX);
}

fn bounds_are_refused_by_name(store: &dyn Store) {
    let epoch = store.take_epoch().unwrap();
    let with = |change: &dyn Fn(&mut Append)| {
        let mut it = append("a", epoch, 0, 1);
        change(&mut it);
        refused(store, it)
    };
    let outbox = |topic: usize| OutboxRow {
        topic: "t".repeat(topic),
        key: "k".into(),
        lane: "l".into(),
        body: vec![],
    };
    let large = [
        with(&|it| it.records = records(APPEND_RECORDS_MAX + 1)),
        with(&|it| it.records[0].body = vec![0; RECORD_BODY_BYTES_MAX + 1]),
        with(&|it| {
            it.records = vec![record(""); 3];
            it.records
                .iter_mut()
                .for_each(|it| it.body = vec![0; RECORD_BODY_BYTES_MAX]);
        }),
        with(&|it| it.idempotency = Some((key("k"), vec![0; ANSWER_BYTES_MAX + 1]))),
        with(&|it| it.outbox = vec![outbox(1); APPEND_OUTBOX_ROWS_MAX + 1]),
        with(&|it| it.outbox = vec![outbox(OUTBOX_NAME_BYTES_MAX + 1)]),
        with(&|it| {
            let title = "t".repeat(INDEX_TEXT_BYTES_MAX + 1);
            it.index = Some(RunIndexRow {
                title,
                ..index("a", 1)
            });
        }),
        with(&|it| it.erase_bodies_of = vec![run("b"); APPEND_ERASED_RUNS_MAX + 1]),
    ];
    for error in large {
        assert!(matches!(error, AppendError::TooLarge { .. }), "{error}");
    }
    for kind in ["", "Upper", "2nd", "a-b", &"k".repeat(65)] {
        let error = with(&|it| it.records[0].kind = kind.into());
        assert!(
            matches!(error, AppendError::Invalid { .. }),
            "{kind}: {error}"
        );
    }
    assert_eq!(store.head().unwrap().next_position, 0);
    let mut most = append("a", epoch, 0, APPEND_RECORDS_MAX);
    most.records[0].body = vec![7; RECORD_BODY_BYTES_MAX];
    ok(store, most);
    assert_eq!(
        store.read(&run("a"), 0, usize::MAX).unwrap().len(),
        APPEND_RECORDS_MAX
    );
}

fn erased_bodies_leave_their_headers(store: &dyn Store) {
    let epoch = store.take_epoch().unwrap();
    ok(store, append("a", epoch, 0, 3));
    ok(store, append("b", epoch, 0, 1));
    let before = read_all(store, "a");
    // Only by the one record that orders exactly this, in the store's stream.
    let good = erase(epoch, 0, &["a", "unknown"]);
    let with = |change: &dyn Fn(&mut Append)| {
        let mut it = good.clone();
        change(&mut it);
        it
    };
    let refusals = [
        with(&|it| it.records.clear()),
        with(&|it| it.records = records(1)),
        with(&|it| it.records.push(it.records[0].clone())),
        with(&|it| it.erase_bodies_of = vec![run("b")]),
        with(&|it| it.erase_bodies_of.clear()),
        with(&|it| it.run = run("c")),
        erase(epoch, 0, &[]),
        erase(epoch, 0, &[RunKey::STORE]),
    ];
    for it in refusals {
        let error = refused(store, it.clone());
        assert!(
            matches!(error, AppendError::Invalid { .. }),
            "{it:?}: {error}"
        );
    }
    assert_eq!(erasures(store).unwrap(), []);
    ok(store, good.clone());
    let ordered = erasures(store).unwrap();
    assert_eq!(ordered.len(), 1);
    assert_eq!(ordered[0].runs, good.erase_bodies_of);
    assert_eq!(ordered[0].by, "ann (uid 1)");
    assert_eq!(ordered[0].at_ms, 1_700_000_000_000);
    let after = read_all(store, "a");
    assert_eq!(after.len(), 3);
    for (old, new) in before.iter().zip(&after) {
        assert_eq!(
            *new,
            Record {
                body: None,
                ..old.clone()
            }
        );
    }
    assert!(read_all(store, "b")[0].body.is_some());
    ok(store, append("a", epoch, 3, 1));
    assert!(read_all(store, "a")[3].body.is_some());
    // Once more takes what came later, too.
    ok(store, erase(epoch, 1, &["a"]));
    assert_eq!(erasures(store).unwrap().len(), 2);
    assert!(read_all(store, "a").iter().all(|it| it.body.is_none()));
}

fn compacting_changes_nothing_that_can_be_read(store: &dyn Store) {
    let epoch = store.take_epoch().unwrap();
    let mut it = append("a", epoch, 0, 9);
    it.idempotency = Some((key("k"), b"yes".to_vec()));
    it.index = Some(index("a", 9));
    ok(store, it);
    ok(store, append("b", epoch, 0, 9));
    ok(store, erase(epoch, 0, &["b"]));
    let look = || {
        let runs = [RunKey::STORE, "a", "b"].map(|name| read_all(store, name));
        let index = store.runs(&RunQuery::default()).unwrap();
        let answer = store.find_idempotent(&key("k")).unwrap();
        (runs, index, answer, store.head().unwrap())
    };
    let before = look();
    let compacted = store.compact().wait().unwrap();
    assert_eq!(compacted.no_room, None);
    assert_eq!(look(), before);
    ok(store, append("a", epoch, 9, 1));
    assert_eq!(store.epoch().unwrap(), epoch);
}

fn a_quarantined_run_is_refused_and_the_others_go_on(store: &dyn Store) {
    let epoch = store.take_epoch().unwrap();
    let mut it = append("a", epoch, 0, 1);
    it.idempotency = Some((key("k"), b"yes".to_vec()));
    ok(store, it.clone());
    store.quarantine(&run("a"), "unknown event");
    store.quarantine(&run("a"), "a later reason");
    let marks = store.quarantined();
    assert_eq!(
        marks,
        [Quarantined {
            run: run("a"),
            reason: "unknown event".into()
        }]
    );
    let error = refused(store, append("a", epoch, 1, 1));
    assert!(matches!(error, AppendError::Quarantined { .. }), "{error}");
    assert_eq!(ok(store, it).duplicate_of, Some(b"yes".to_vec()));
    ok(store, append("b", epoch, 0, 1));
    assert_eq!(
        read_all(store, "a").len(),
        1,
        "what is there can still be read"
    );
}

fn the_store_stream_is_a_stream_like_any(store: &dyn Store) {
    let epoch = store.take_epoch().unwrap();
    ok(store, append(RunKey::STORE, epoch, 0, 2));
    ok(store, append("a", epoch, 0, 1));
    assert_eq!(read_all(store, RunKey::STORE).len(), 2);
    assert_eq!(store.tips(None, 9).unwrap()[0].run, RunKey::store());
}

macro_rules! conformance {
    ($($test:ident)*) => {
        mod sqlite {
            use super::*;
            $(#[test] fn $test() { let disk = Disk::new(); super::$test(&disk.open()); })*
        }
        mod memory {
            use super::*;
            $(#[test] fn $test() { super::$test(&MemoryStore::new()); })*
        }
    };
}

conformance! {
    an_empty_store_is_empty
    records_come_back_in_order_and_linked
    a_conflict_writes_nothing
    a_stale_owner_is_fenced
    a_repeat_is_answered_with_the_first_result
    an_append_without_records_writes_the_rest
    the_index_must_fit_the_append
    runs_are_listed_filtered_and_paged
    runs_are_found_by_requester_time_and_need
    the_outbox_keeps_rows_until_they_are_done
    heads_of_lanes_come_in_the_order_of_their_time
    bounds_are_refused_by_name
    erased_bodies_leave_their_headers
    compacting_changes_nothing_that_can_be_read
    a_quarantined_run_is_refused_and_the_others_go_on
    the_store_stream_is_a_stream_like_any
}
