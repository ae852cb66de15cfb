//! Processes of attempts that outlived the engine that started them, or the process that
//! their runner waited for, found by the environment variable that every process of an
//! attempt carries.
//! Nothing here ends a process.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;

use windlass_core::command::Orphan;
use windlass_core::id::{NodeId, RunId};

use crate::ports::ATTEMPT_VARIABLE;

/// The most bytes of one process's environment that are looked at.
const ENVIRON_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How often `/proc` is read until two readings agree.
const READINGS_MAX: usize = 8;
/// How long after each other.
const READING_PAUSE: Duration = Duration::from_millis(2);

/// The orphans of every run that an opening engine found.
///
/// A run whose task has not begun yet cannot get new ones, so one survey serves the first
/// take-over of all runs.
#[derive(Debug, Default)]
pub(crate) struct OrphanSurvey(BTreeMap<RunId, Vec<Orphan>>);

impl OrphanSurvey {
    /// Finds the living processes of all attempts.
    pub(crate) fn take() -> io::Result<Self> {
        read_until_stable().map(Self)
    }

    /// Whether a run had any.
    pub(crate) fn has(&self, run: &RunId) -> bool {
        self.0.contains_key(run)
    }
}

/// The living processes of a run's attempts. Reads all of `/proc`: not for a task.
pub(crate) fn living(run: &RunId) -> io::Result<Vec<Orphan>> {
    Ok(read_until_stable()?.remove(run).unwrap_or_default())
}

/// Reads `/proc` until two readings agree. One alone can miss a process that forks or
/// that is just becoming another program: for a moment it has no environment.
fn read_until_stable() -> io::Result<BTreeMap<RunId, Vec<Orphan>>> {
    let mut before = read_all()?;
    for _ in 1..READINGS_MAX {
        std::thread::sleep(READING_PAUSE);
        let now = read_all()?;
        if now == before {
            break;
        }
        before = now;
    }
    Ok(before)
}

fn read_all() -> io::Result<BTreeMap<RunId, Vec<Orphan>>> {
    let mut found: BTreeMap<RunId, Vec<Orphan>> = BTreeMap::new();
    let own = std::process::id();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if pid == own {
            // An engine that was itself started by a step is no process of that step.
            continue;
        }
        // It may have ended since, or belong to another user: neither is ours to see.
        // A zombie has no environment any more, and cannot act.
        let Ok(environ) = fs::read(format!("/proc/{pid}/environ")) else {
            continue;
        };
        if let Some((run, orphan)) = orphan_of(pid, &environ) {
            found.entry(run).or_default().push(orphan);
        }
    }
    found
        .values_mut()
        .for_each(|orphans| orphans.sort_by_key(|orphan| orphan.pid));
    Ok(found)
}

/// Reads the marker `RUN/NODE/ATTEMPT` out of a process's environment.
fn orphan_of(pid: u32, environ: &[u8]) -> Option<(RunId, Orphan)> {
    let environ = environ.get(..ENVIRON_BYTES_MAX).unwrap_or(environ);
    let marker = environ.split(|byte| *byte == 0).find_map(|variable| {
        variable
            .strip_prefix(ATTEMPT_VARIABLE.as_bytes())?
            .strip_prefix(b"=")
    })?;
    let mut parts = std::str::from_utf8(marker).ok()?.split('/');
    let run: RunId = parts.next()?.parse().ok()?;
    let node: NodeId = parts.next()?.parse().ok()?;
    let attempt: u32 = parts.next()?.parse().ok()?;
    let orphan = Orphan { node, attempt, pid };
    parts.next().is_none().then_some((run, orphan))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers() {
        let of = |environ: &[u8]| orphan_of(7, environ);
        let (run, orphan) = of(b"A=1\0WINDLASS_ATTEMPT=r-1/undo:a[2]/3\0").unwrap();
        assert_eq!(run.as_str(), "r-1");
        assert_eq!(
            (orphan.node.to_string().as_str(), orphan.attempt),
            ("undo:a[2]", 3)
        );
        for none in [
            &b""[..],
            b"XWINDLASS_ATTEMPT=r/a/1",
            b"WINDLASS_ATTEMPT=r/a",
            b"WINDLASS_ATTEMPT=r/a/1/2",
            b"WINDLASS_ATTEMPT=r/a/\xff",
        ] {
            assert!(of(none).is_none());
        }
    }

    #[test]
    fn a_living_process_is_found_and_a_dead_one_is_not() {
        // Another checkout may be running the same test.
        let run: RunId = format!("orphan-test-{}", std::process::id())
            .parse()
            .unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .env(ATTEMPT_VARIABLE, format!("{run}/a/1"))
            .spawn()
            .unwrap();
        assert_eq!(living(&run).unwrap()[0].pid, child.id());
        assert!(OrphanSurvey::take().unwrap().has(&run));
        child.kill().unwrap();
        // Killed and not waited for: a zombie, which cannot act any more.
        while !living(&run).unwrap().is_empty() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
    }
}
