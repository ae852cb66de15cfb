//! Two runs of one target, killed between the grant of its lock and the first intent: the
//! run that took it goes on with it in the next process, and the other one waits.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use windlass_core::event::{End, Event};
use windlass_engine::offline;
use windlass_journal::{Access, FilesystemRule, Options, RunQuery, SqliteStore, Store as _};
use windlass_tests::binary::windlass_failpoints;
use windlass_tests::life::{Life, Place};

/// How long one process may take.
const LIFE_MAX: Duration = Duration::from_secs(60);
/// Records of one run that are read.
const RECORDS_MAX: usize = 1_000;

/// A change that stays with the target for a while, and tells the witness when it comes and
/// when it goes.
const RUNBOOK: &str = r#"
windlass: 1
name: crash_lock
title: Two of these must never be at work at once
owner: windlass-tests
inputs:
  witness: {type: string}
target: crash:${{ inputs.witness }}
steps:
  look: {uses: shell, effect: read, with: {argv: [uname]}}
  swap:
    uses: shell
    needs: look
    effect: irreversible
    timeout: 5s
    with:
      env: {WITNESS: "${{ inputs.witness }}", RUN: "${{ run.id }}"}
      script: |
        echo "come $RUN" >> "$WITNESS"
        sleep 0.5
        echo "gone $RUN" >> "$WITNESS"
    reconcile:
      uses: shell
      with:
        env: {WITNESS: "${{ inputs.witness }}", RUN: "${{ run.id }}"}
        script: if grep -qs "gone $RUN" "$WITNESS"; then echo yes; else echo no; fi
        output: lines
      happened: stdout == ['yes']
      not_happened: stdout == ['no']
      settle: 1s
"#;

/// Each run's events with their places in the store.
fn stories(state: &Path) -> Vec<(String, Vec<(u64, Event)>)> {
    let options = Options {
        access: Access::ReadOnly,
        filesystem: FilesystemRule::AllowVolatile,
        ..Options::default()
    };
    let store = SqliteStore::open(&state.join("journal.db"), &options).unwrap();
    let rows = store.runs(&RunQuery::default()).unwrap();
    rows.iter()
        .map(|row| {
            let run = row.run.as_str().parse().unwrap();
            let places = store.read(&row.run, 0, RECORDS_MAX).unwrap();
            let events = offline::records(&store, &run, 0, RECORDS_MAX).unwrap();
            let places = places.into_iter().map(|record| record.header.position);
            let events = events.into_iter().map(|recorded| recorded.event);
            (row.run.to_string(), places.zip(events).collect())
        })
        .collect()
}

#[test]
fn a_lock_outlives_the_engine_that_took_it() {
    for point in [
        "record:lock_requested:",
        "record:lock_acquired:",
        "record:attempt_started:swap",
    ] {
        let place = Place::below(&crate::volatile(), windlass_failpoints());
        let beside = TempDir::new().unwrap();
        let witness = beside.path().join("witness");
        let runbook = place.beside().join("lock.yaml");
        fs::write(&runbook, RUNBOOK).unwrap();
        let start = || {
            let input = format!("witness={}", witness.display());
            let mut command = place.command(["run", "--no-wait", "--input"]);
            command.arg(input).arg(&runbook);
            command
        };
        let mut armed = start();
        armed.env("WINDLASS_FAILPOINT", point);
        let death = Life::begin(armed).wait(LIFE_MAX, |_| {});
        assert!(!death.status.success(), "{point}: {}", death.err);
        let first = stories(&place.state()).remove(0).0;
        assert!(!witness.exists(), "{point}: killed before it acted");
        // The next process goes on with the first run by itself, and starts a second one.
        let death = Life::begin(start()).wait(LIFE_MAX, |_| {});
        assert!(
            death.status.success(),
            "{point}: {:?} {}",
            death.out,
            death.err
        );
        // What was in doubt may still be looked into.
        let resume = place.command(["resume", &first, "--no-wait"]);
        let _whether_it_ended = Life::begin(resume).wait(LIFE_MAX, |_| {});

        let said = fs::read_to_string(&witness).unwrap();
        let words: Vec<&str> = said.split_whitespace().step_by(2).collect();
        assert_eq!(words, ["come", "gone", "come", "gone"], "{point}: {said}");
        let mut stories = stories(&place.state());
        assert_eq!(stories.len(), 2);
        stories.sort_by_key(|(run, _)| *run != first);
        let place_of = |run: usize, kind: &str| {
            let found = stories[run]
                .1
                .iter()
                .find(|(_, event)| event.kind() == kind);
            let outline: Vec<&str> = stories[run]
                .1
                .iter()
                .map(|(_, event)| event.kind())
                .collect();
            found
                .unwrap_or_else(|| panic!("{point}: no {kind}: {outline:?}"))
                .0
        };
        for (run, events) in &stories {
            let end = events.iter().find_map(|(_, event)| match event {
                Event::RunEnded { end, .. } => Some(*end),
                _ => None,
            });
            assert_eq!(end, Some(End::Succeeded), "{point}: {run}");
        }
        let (holder, other) = match place_of(0, "lock_acquired") < place_of(1, "lock_acquired") {
            true => (0, 1),
            false => (1, 0),
        };
        assert_eq!(holder, 0, "{point}: who asked first has it first");
        assert!(
            place_of(holder, "run_ended") < place_of(other, "lock_acquired"),
            "{point}: both had it"
        );
    }
}
