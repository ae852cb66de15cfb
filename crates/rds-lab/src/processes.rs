//! Finds and ends server processes that no pid file leads to any more: of a
//! killed postmaster, or of a data directory that was removed under it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Error, Result};

/// How long a process may take to end after it was told to, or after its pid
/// file is gone. A postmaster kills its own children after five seconds.
const GONE_PATIENCE: Duration = Duration::from_secs(8);

/// Ends every PostgreSQL process that works in `data_dir`, without a
/// checkpoint.
pub(crate) fn end_in(data_dir: &Path) -> Result<()> {
    let found = working_in(data_dir);
    for &pid in &found {
        signal(pid, Signal::QUIT);
    }
    for &pid in &found {
        if wait_until_gone(pid).is_err() {
            signal(pid, Signal::KILL);
            wait_until_gone(pid)?;
        }
    }
    Ok(())
}

/// A postmaster removes its pid file, for which `pg_ctl` waits, a moment before
/// it ends.
pub(crate) fn wait_until_gone(pid: u32) -> Result<()> {
    let deadline = Instant::now() + GONE_PATIENCE;
    while lives(pid) {
        if Instant::now() >= deadline {
            return Err(Error::Timeout {
                what: format!("the end of process {pid}"),
                seconds: GONE_PATIENCE.as_secs(),
                last: "it lives".to_owned(),
            });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// A zombie has ended; in a container without an init nobody reaps it.
fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // `4711 (postgres) S 1 ...`, where the name may hold brackets of its own.
    match stat.rsplit_once(") ") {
        Some((_, rest)) => !rest.starts_with(['Z', 'X']),
        None => false,
    }
}

/// All processes of a server work in its data directory, and are called
/// `postgres` whatever title they show.
fn working_in(data_dir: &Path) -> Vec<u32> {
    // How the kernel shows a directory that was removed.
    let removed = PathBuf::from(format!("{} (deleted)", data_dir.display()));
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| {
            let process = PathBuf::from(format!("/proc/{pid}"));
            let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
            let works_in = std::fs::read_link(process.join("cwd")).unwrap_or_default();
            name.trim() == "postgres" && (works_in == data_dir || works_in == removed)
        })
        .collect()
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // Fails for a process that has just ended, which is what is wanted.
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_that_can_still_act_lives() {
        assert!(lives(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        wait_until_gone(child.id()).unwrap();
        child.wait().unwrap();
        assert!(!lives(child.id()));
    }

    #[test]
    fn a_process_of_another_name_is_never_found() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(working_in(&here), Vec::<u32>::new());
    }
}
