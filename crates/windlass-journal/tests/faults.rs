//! Real failed system calls, forged by strace: after the first one nothing is
//! acknowledged, the process says so, and a restart has all that was; and a process that
//! is killed amid an erasure leaves a journal that holds together. Every
//! fault is counted only if it fired. Without strace it prints SKIP, and fails under
//! `WINDLASS_NO_SKIP=1`.

#[cfg(test)]
mod faults {
    use std::env;
    use std::fs;
    use std::path::Path;
    use std::process::{Command, ExitStatus};

    use windlass_journal::*;

    const APPENDS: u64 = 30;
    /// Set in the child: the journal to append to.
    const CHILD: &str = "WINDLASS_JOURNAL_FAULT_CHILD";

    fn options() -> Options {
        // Small, so that checkpoints happen among the appends.
        Options {
            filesystem: FilesystemRule::AllowVolatile,
            checkpoint_frames: 8,
            ..Options::default()
        }
    }

    fn run() -> RunKey {
        RunKey::new("a").unwrap()
    }

    /// Not a test of its own: the process under strace. It goes on after an
    /// error, as no owner would, to show that nothing more is acknowledged.
    #[test]
    fn child() {
        let Ok(path) = env::var(CHILD) else { return };
        let store = SqliteStore::open(Path::new(&path), &options()).unwrap();
        let epoch = store.take_epoch().unwrap();
        let mut failed = false;
        for expected_seq in 0..APPENDS {
            let record = NewRecord {
                kind: "noted".into(),
                version: 1,
                at_ms: 0,
                body: vec![b'.'; 300],
            };
            let append = Append::new(
                run(),
                Fence {
                    epoch,
                    expected_seq,
                },
                vec![record],
            );
            match store.append(append).wait() {
                Ok(appended) => {
                    assert!(!failed, "acknowledged after a storage error");
                    println!("acknowledged {}", appended.first_seq);
                }
                Err(AppendError::Write(WriteError::Storage(_))) => failed = true,
                Err(other) => panic!("{other}"),
            }
        }
        assert!(!failed && store.poisoned().is_none(), "the storage failed");
    }

    /// Set in the child that erases.
    const ERASER: &str = "WINDLASS_JOURNAL_ERASE_CHILD";
    /// Runs that are erased, each by an append of its own.
    const ERASED: u64 = 4;

    fn numbered(n: u64) -> RunKey {
        RunKey::new(&format!("r{n}")).unwrap()
    }

    /// Not a test of its own: the process under strace. It erases one run after the other
    /// and gives the space back.
    #[test]
    fn eraser() {
        let Ok(path) = env::var(ERASER) else { return };
        let store = SqliteStore::open(Path::new(&path), &options()).unwrap();
        let epoch = store.take_epoch().unwrap();
        for n in 0..ERASED {
            erase(&store, epoch, n).unwrap();
            println!("erased {n}");
        }
        store.compact().wait().unwrap();
        println!("compacted");
    }

    /// Orders and does the erasure of a run, wherever the store's stream ends.
    fn erase(store: &SqliteStore, epoch: u64, n: u64) -> Result<Appended, AppendError> {
        let order = Erasure {
            runs: vec![numbered(n)],
            by: "ann".to_owned(),
            at_ms: 0,
        };
        let mut fence = Fence {
            epoch,
            expected_seq: 0,
        };
        loop {
            let mut append = Append::new(RunKey::store(), fence, vec![order.record()]);
            append.erase_bodies_of = order.runs.clone();
            match store.append(append).wait() {
                Err(AppendError::Conflict { actual, .. }) => fence.expected_seq = actual,
                other => return other,
            }
        }
    }

    #[test]
    fn a_kill_amid_an_erasure_leaves_a_journal_that_holds_together() {
        if !strace_works() {
            return;
        }
        let (mut killed, mut half) = (0, 0);
        for when in 1.. {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("state/journal.db");
            let store = SqliteStore::open(&path, &options()).unwrap();
            let epoch = store.take_epoch().unwrap();
            for n in 0..ERASED {
                let record = NewRecord {
                    kind: "noted".into(),
                    version: 1,
                    at_ms: 0,
                    body: vec![b'.'; 5_000],
                };
                let fence = Fence {
                    epoch,
                    expected_seq: 0,
                };
                let it = Append::new(numbered(n), fence, vec![record; 3]);
                store.append(it).wait().unwrap();
            }
            drop(store);
            let output = Command::new("strace")
                .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64"])
                .args(["-e", &format!("inject=pwrite64:signal=SIGKILL:when={when}")])
                .arg(env::current_exe().unwrap())
                .args(["--exact", "faults::eraser", "--nocapture"])
                .env(ERASER, &path)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            if output.status.success() {
                assert!(text.contains("compacted"), "{text}");
                break;
            }
            killed += 1;
            let case = format!("killed at write {when}");
            let report = verify(&path, None).unwrap();
            assert!(report.is_ok(), "{case}: {report}");
            let store = SqliteStore::open(&path, &options()).unwrap();
            let ordered: Vec<RunKey> = erasures(&store)
                .unwrap()
                .into_iter()
                .flat_map(|it| it.runs)
                .collect();
            for n in 0..ERASED {
                let records = store.read(&numbered(n), 0, 9).unwrap();
                let erased = records.iter().filter(|it| it.body.is_none()).count();
                let whole = if ordered.contains(&numbered(n)) { 3 } else { 0 };
                assert_eq!(erased, whole, "{case}: all or nothing of run {n}");
                let told = text.contains(&format!("erased {n}\n"));
                assert!(!told || whole == 3, "{case}: {n} was acknowledged");
            }
            half += u32::from(!ordered.is_empty() && ordered.len() < ERASED as usize);
            // The next prune finishes what this one began.
            let epoch = store.take_epoch().unwrap();
            (0..ERASED).for_each(|n| drop(erase(&store, epoch, n).unwrap()));
            store.compact().wait().unwrap();
            drop(store);
            let report = verify(&path, None).unwrap();
            assert!(report.is_ok(), "{case}: {report}");
            assert_eq!(
                (report.bodies > 0, report.erased_bodies),
                (true, 3 * ERASED)
            );
        }
        println!("killed {killed} times, {half} times amid the runs");
        assert!(killed >= 20 && half >= 4, "{killed} kills, {half} amid");
    }

    /// Says SKIP where strace does not work.
    fn strace_works() -> bool {
        let works = Command::new("strace")
            .args(["-qq", "-o", "/dev/null", "true"])
            .status();
        if works.is_ok_and(|status| status.success()) {
            return true;
        }
        let refused = std::env::var_os("WINDLASS_NO_SKIP").is_some_and(|set| set == "1");
        assert!(!refused, "SKIP is refused here: strace does not work");
        // Past the capture of the harness, which shows nothing of a test that passes.
        let _closed =
            std::io::Write::write_all(&mut std::io::stderr(), b"SKIP: strace does not work here\n");
        false
    }

    struct Outcome {
        fired: bool,
        status: ExitStatus,
        acknowledged: u64,
    }

    fn under_strace(dir: &Path, call: &str, error: &str, when: u32) -> Outcome {
        let trace = dir.join("trace");
        let output = Command::new("strace")
            .args(["-f", "-qq", "-o"])
            .arg(&trace)
            .args(["-e", &format!("trace={call}")])
            .args(["-e", &format!("inject={call}:error={error}:when={when}")])
            .arg(env::current_exe().unwrap())
            .args(["--exact", "faults::child", "--nocapture"])
            .env(CHILD, dir.join("state/journal.db"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains("acknowledged after"), "{text}");
        Outcome {
            fired: fs::read_to_string(&trace).unwrap().contains("INJECTED"),
            status: output.status,
            acknowledged: text
                .lines()
                .filter(|line| line.contains("acknowledged "))
                .count() as u64,
        }
    }

    #[test]
    fn a_failed_call_ends_all_acknowledgement_and_loses_none() {
        if !strace_works() {
            return;
        }
        let (mut fired, mut tried) = (0, 0);
        for (call, error) in [
            ("fsync,fdatasync", "EIO"),
            ("pwrite64", "EIO"),
            ("pwrite64", "ENOSPC"),
        ] {
            for when in [1, 2, 3, 5, 8, 13, 21, 34, 55] {
                let dir = tempfile::tempdir().unwrap();
                let outcome = under_strace(dir.path(), call, error, when);
                let case = format!("{call} {error} at call {when}");
                tried += 1;
                fired += u32::from(outcome.fired);
                assert_eq!(
                    outcome.fired,
                    !outcome.status.success(),
                    "{case}: noticed if it fired"
                );
                assert!(outcome.fired || outcome.acknowledged == APPENDS, "{case}");

                let store =
                    SqliteStore::open(&dir.path().join("state/journal.db"), &options()).unwrap();
                let found = store.read(&run(), 0, usize::MAX).unwrap().len() as u64;
                assert!(found >= outcome.acknowledged, "{case}: {found}");
                drop(store);
                let report = verify(&dir.path().join("state/journal.db"), None).unwrap();
                assert!(report.is_ok(), "{case}: {report}");
            }
        }
        println!("faults fired: {fired} of {tried}");
        assert!(fired >= 20, "too few faults fired: {fired} of {tried}");
    }
}
