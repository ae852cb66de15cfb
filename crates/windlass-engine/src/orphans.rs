//! Processes of attempts that outlived the engine that started them, or the process that
//! their runner waited for. They are found by the environment variable that every process
//! of an attempt carries, and by the session that is recorded for the attempt: a process of
//! another user hides its environment, and one under `sudo` has lost it.
//! Nothing here ends a process.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;

use windlass_core::command::Orphan;
use windlass_core::id::{NodeId, RunId};

use crate::attempt::session::{self, Session};
use crate::ports::ATTEMPT_VARIABLE;
use crate::stat::Stat;
use crate::state_dir::StateDir;

/// A run and the sessions that are recorded for its attempts.
type Recorded<'a> = (&'a RunId, &'a [Session]);

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
    /// Finds the living processes that carry the variable.
    pub(crate) fn take() -> io::Result<Self> {
        read_until_stable(None).map(Self)
    }

    /// Whether a run had any. What is found by a session alone it does not know, see
    /// [`has_sessions`].
    pub(crate) fn has(&self, run: &RunId) -> bool {
        self.0.contains_key(run)
    }
}

/// The living processes of a run's attempts. Reads all of `/proc`: not for a task.
pub(crate) fn living(dir: &StateDir, run: &RunId) -> io::Result<Vec<Orphan>> {
    let sessions = session::of_run(dir, run)?;
    let mut found = read_until_stable(Some((run, &sessions)))?;
    Ok(found.remove(run).unwrap_or_default())
}

/// Whether a session of the run's attempts is recorded.
pub(crate) fn has_sessions(dir: &StateDir, run: &RunId) -> io::Result<bool> {
    Ok(!session::of_run(dir, run)?.is_empty())
}

/// Reads `/proc` until two readings agree. One alone can miss a process that forks or
/// that is just becoming another program: for a moment it has no environment.
fn read_until_stable(recorded: Option<Recorded<'_>>) -> io::Result<BTreeMap<RunId, Vec<Orphan>>> {
    let mut before = read_all(recorded)?;
    for _ in 1..READINGS_MAX {
        std::thread::sleep(READING_PAUSE);
        let now = read_all(recorded)?;
        if now == before {
            break;
        }
        before = now;
    }
    Ok(before)
}

fn read_all(recorded: Option<Recorded<'_>>) -> io::Result<BTreeMap<RunId, Vec<Orphan>>> {
    let mut found: BTreeMap<RunId, Vec<Orphan>> = BTreeMap::new();
    let mut stats = BTreeMap::new();
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
        if recorded.is_some() {
            // What cannot be read has ended since, or is hidden from this user.
            stats.extend(Stat::of(pid).ok().map(|stat| (pid, stat)));
        }
        // It may have ended since, or belong to another user.
        // A zombie has no environment any more, and cannot act.
        let Ok(environ) = fs::read(format!("/proc/{pid}/environ")) else {
            continue;
        };
        if let Some((run, orphan)) = orphan_of(pid, &environ) {
            found.entry(run).or_default().push(orphan);
        }
    }
    if let Some((run, sessions)) = recorded {
        let members = sessions
            .iter()
            .flat_map(|session| members(session, &stats))
            .collect::<Vec<_>>();
        if !members.is_empty() {
            found.entry(run.clone()).or_default().extend(members);
        }
    }
    for orphans in found.values_mut() {
        orphans.sort_by(|a, b| (a.pid, &a.node, a.attempt).cmp(&(b.pid, &b.node, b.attempt)));
        orphans.dedup();
    }
    Ok(found)
}

/// The living processes in a recorded session. As long as one of them lives, its id names
/// no other session: a leader with that pid and another start time made a session anew.
fn members(session: &Session, stats: &BTreeMap<u32, Stat>) -> Vec<Orphan> {
    let leader = stats.get(&session.leader);
    if leader.is_some_and(|leader| leader.started != session.started) {
        return Vec::new();
    }
    let is_in = |pid: u32, stat: &Stat| {
        // The leader itself makes its session a moment after its start.
        (stat.session == session.leader || pid == session.leader) && !stat.has_ended
    };
    let orphan = |pid| Orphan {
        node: session.node.clone(),
        attempt: session.attempt,
        pid,
    };
    stats
        .iter()
        .filter(|(pid, stat)| is_in(**pid, stat))
        .map(|(pid, _)| orphan(*pid))
        .collect()
}

/// Reads the marker `RUN/NODE/ATTEMPT` out of a process's environment.
fn orphan_of(pid: u32, environ: &[u8]) -> Option<(RunId, Orphan)> {
    let environ = environ.get(..ENVIRON_BYTES_MAX).unwrap_or(environ);
    let marker = environ.split(|byte| *byte == 0).find_map(|variable| {
        variable
            .strip_prefix(ATTEMPT_VARIABLE.as_bytes())?
            .strip_prefix(b"=")
    })?;
    // A node in an inlined runbook has slashes of its own.
    let (run, rest) = std::str::from_utf8(marker).ok()?.split_once('/')?;
    let (node, attempt) = rest.rsplit_once('/')?;
    let run: RunId = run.parse().ok()?;
    let node: NodeId = node.parse().ok()?;
    let attempt: u32 = attempt.parse().ok()?;
    Some((run, Orphan { node, attempt, pid }))
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
        let (_, orphan) = of(b"WINDLASS_ATTEMPT=r-1/sub/a[2]/3\0").unwrap();
        assert_eq!(orphan.node.to_string(), "sub/a[2]");
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
        let temporary = tempfile::tempdir().unwrap();
        let dir = StateDir::prepare(&temporary.path().join("state")).unwrap();
        let living = |run: &RunId| living(&dir, run);
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

    /// A session of its own whose processes carry no variable, recorded for `a`'s attempt 1.
    fn session(dir: &StateDir, run: &RunId, script: &str) -> std::process::Child {
        let child = std::process::Command::new("setsid")
            .args(["env", "-i", "sh", "-c", script])
            .spawn()
            .unwrap();
        let log = dir.attempt_log(run, &"a".parse().unwrap(), 1);
        session::record(&log, child.id()).unwrap();
        child
    }

    /// Waits in real time until something holds.
    fn until(holds: impl Fn() -> bool) {
        let begun = std::time::Instant::now();
        while !holds() {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_process_without_the_variable_is_found_by_its_session() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = StateDir::prepare(&temporary.path().join("state")).unwrap();
        let run: RunId = "session-test".parse().unwrap();
        assert!(!has_sessions(&dir, &run).unwrap());
        let mut leader = session(&dir, &run, "sleep 60 & exec sleep 61");
        assert!(has_sessions(&dir, &run).unwrap());
        until(|| living(&dir, &run).unwrap().len() == 2);
        leader.kill().unwrap();
        leader.wait().unwrap();
        // The leader is gone, what it left behind is not.
        let left = living(&dir, &run).unwrap();
        assert_eq!((left.len(), left[0].attempt), (1, 1));
        let pid = i32::try_from(left[0].pid).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        until(|| living(&dir, &run).unwrap().is_empty());
        session::forget(&dir.attempt_log(&run, &"a".parse().unwrap(), 1));
        assert!(!has_sessions(&dir, &run).unwrap());
    }

    #[test]
    fn a_pid_that_names_another_process_by_now_is_not_ours() {
        let stat = |session, started| Stat {
            session,
            started,
            has_ended: false,
            is_stopped: false,
        };
        let session = Session {
            node: "a".parse().unwrap(),
            attempt: 1,
            leader: 7,
            started: 99,
        };
        let pids = |stats: &[(u32, Stat)]| {
            let found = members(&session, &stats.iter().copied().collect());
            found.iter().map(|found| found.pid).collect::<Vec<_>>()
        };
        let member = (8, stat(7, 100));
        assert_eq!(pids(&[(7, stat(7, 99)), member, (9, stat(9, 1))]), [7, 8]);
        assert_eq!(pids(&[member]), [8]);
        assert_eq!(pids(&[(7, stat(7, 98)), member]), [0; 0]);
        let zombie = Stat {
            has_ended: true,
            ..stat(7, 99)
        };
        assert_eq!(pids(&[(7, zombie), member]), [8]);
    }

    /// Where the finder that runs as another user finds its state directory.
    const FINDER: &str = "WINDLASS_TEST_FINDER";

    /// No test of its own: with the variable set, the finder that is another user.
    #[test]
    fn finder_of_another_user() {
        let Some(root) = std::env::var_os(FINDER) else {
            return;
        };
        let dir = StateDir::existing(root.as_ref()).unwrap();
        let found = living(&dir, &"foreign-test".parse().unwrap()).unwrap();
        assert_eq!(found.len(), 1);
        let environ = fs::read(format!("/proc/{}/environ", found[0].pid));
        assert_eq!(environ.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_process_of_another_user_is_found_by_its_session() {
        use std::os::unix::fs::chown;
        const NOBODY: u32 = 65_534;
        if !rustix::process::geteuid().is_root() {
            // Only root can be two users.
            return;
        }
        let temporary = tempfile::tempdir().unwrap();
        let dir = StateDir::prepare(&temporary.path().join("state")).unwrap();
        let run: RunId = "foreign-test".parse().unwrap();
        let mut leader = session(&dir, &run, "exec sleep 60");
        let log = dir.attempt_log(&run, &"a".parse().unwrap(), 1);
        let program = temporary.path().join("finder");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        for path in [dir.root(), &program, &log.with_extension("session")] {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let found = std::process::Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&program)
            .args(["--exact", "orphans::tests::finder_of_another_user"])
            .env(FINDER, dir.root())
            .current_dir("/")
            .output();
        leader.kill().unwrap();
        leader.wait().unwrap();
        let found = found.unwrap();
        let said = String::from_utf8_lossy(&found.stdout);
        assert!(
            found.status.success() && said.contains("1 passed"),
            "{said}"
        );
    }
}
