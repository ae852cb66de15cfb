//! Forged errors of single system calls on the journal's files, by strace: the k-th for
//! every k, until a run meets none. strace counts the calls of each thread by itself.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use windlass_tests::skip::skip;

use crate::run::{Run, Took};
use crate::say;

/// How many cases at a time.
const AT_ONCE: usize = 4;
/// A run that meets faults for ever is one of a suite that does not end.
const CALLS_MAX: u32 = 1_000;

fn strace_works() -> bool {
    let words = [
        "-f",
        "-qq",
        "-e",
        "inject=close:error=EIO:when=9999",
        "-o",
        "/dev/null",
        "true",
    ];
    let status = Command::new("strace").args(words).status();
    status.is_ok_and(|status| status.success())
}

/// One run under strace, the k-th call failing.
fn fails_at(calls: &str, error: &str, k: u32) -> (Took, usize, String) {
    let mut run = Run::below(&std::env::temp_dir());
    let trace = run.place.beside().join("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(&trace);
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        command.arg("-P").arg(run.place.state().join(name));
    }
    command.args(["-e", &format!("trace={calls}")]);
    command.args(["-e", &format!("inject={calls}:error={error}:when={k}")]);
    command.arg(run.place.program());
    run.place.complete(&mut command, run.words());
    let took = run.live(command, |_| {
        fs::read_to_string(&trace).unwrap().contains("INJECTED")
    });
    let said = run.said();
    (took, run.recover(), said)
}

/// All k for one kind of fault.
fn sweep(calls: &'static str, error: &'static str) {
    let next = AtomicU32::new(1);
    let found = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let k = next.fetch_add(1, Ordering::Relaxed);
                    assert!(k < CALLS_MAX, "{calls} {error}: no run is clean");
                    let case = std::panic::catch_unwind(|| fails_at(calls, error, k));
                    let (took, acknowledged, said) = case.unwrap_or_else(|panic| {
                        say(&format!("faults: FAILED {calls} {error} at call {k}"));
                        next.store(CALLS_MAX, Ordering::Relaxed);
                        std::panic::resume_unwind(panic)
                    });
                    found.lock().unwrap().insert(k, (took, acknowledged, said));
                    if took == Took::Nothing {
                        return;
                    }
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    let count = |what| found.values().filter(|(took, ..)| *took == what).count();
    let (said, after) = (count(Took::Said), count(Took::AfterTheEnd));
    let acknowledged: usize = found
        .values()
        .map(|(_, acknowledged, _)| acknowledged)
        .sum();
    say(&format!(
        "faults: {calls} {error}: {} fired, {said} ended the process with code 74 and a message, \
         {after} after the run's durable end; acknowledged records {acknowledged}, lost 0, doubled changes 0",
        said + after
    ));
    let mut messages: Vec<&str> = found.values().map(|(.., said)| said.as_str()).collect();
    messages.sort_unstable();
    messages.dedup();
    messages
        .iter()
        .filter(|said| !said.is_empty())
        .for_each(|said| say(&format!("        {said}")));
    assert!(said >= 3, "{calls} {error}: only {said} were noticed");
}

#[test]
fn every_failed_call_on_the_journal_ends_the_process_and_loses_nothing() {
    if !strace_works() {
        skip("faults: strace is not here, or may not trace; no call was made to fail");
        return;
    }
    sweep("fsync,fdatasync", "EIO");
    sweep("fsync,fdatasync", "ENOSPC");
    sweep("pwrite64,write", "EIO");
    sweep("pwrite64,write", "ENOSPC");
}
