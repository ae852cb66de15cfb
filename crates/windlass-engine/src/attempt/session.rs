//! The session that an attempt's process leads, written beside the attempt's log. The
//! processes of another user, and those that lost their environment, as under `sudo`, are
//! found by it: everybody may read which session a process is in.
//!
//! One line: the leader's pid, its start time in clock ticks since the boot, the boot's id.
//! It is a plain write, without a sync: it must survive the engine's death, not the
//! machine's, after which no process of the session lives.

use std::fs;
use std::io;
use std::path::Path;

use windlass_core::id::{NodeId, RunId};

use crate::stat::Stat;
use crate::state_dir::{StateDir, node_of_file};

/// The record stands beside the log under the same name with this extension.
const EXTENSION: &str = "session";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// An attempt's session, as recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) node: NodeId,
    pub(crate) attempt: u32,
    /// The leader's pid is the session's id.
    pub(crate) leader: u32,
    /// When the leader started.
    pub(crate) started: u64,
}

/// Records that the child with this pid leads, or is about to lead, the session of the
/// attempt with this log. The child must not have been waited for yet.
pub(crate) fn record(log: &Path, leader: u32) -> io::Result<()> {
    let started = Stat::of(leader)?.started;
    let boot = fs::read_to_string(BOOT_ID)?;
    if let Some(directory) = log.parent() {
        fs::create_dir_all(directory)?;
    }
    let line = format!("{leader} {started} {}\n", boot.trim());
    fs::write(log.with_extension(EXTENSION), line)
}

/// Forgets the session of an attempt that came to a known end, or of which nothing lives.
pub(crate) fn forget(log: &Path) {
    let path = log.with_extension(EXTENSION);
    match fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot remove the session's record");
        }
    }
}

/// The recorded sessions of a run's attempts since the machine booted.
pub(crate) fn of_run(dir: &StateDir, run: &RunId) -> io::Result<Vec<Session>> {
    let entries = match fs::read_dir(dir.logs(run)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut sessions = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|found| found != EXTENSION) {
            continue;
        }
        let Some((node, attempt)) = attempt_of(&path) else {
            continue;
        };
        let line = match fs::read_to_string(&path) {
            Ok(line) => line,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let boot = fs::read_to_string(BOOT_ID)?;
        if let Some((leader, started)) = parse(&line, boot.trim()) {
            sessions.push(Session {
                node,
                attempt,
                leader,
                started,
            });
        }
    }
    Ok(sessions)
}

/// Reads `NODE-ATTEMPT.session`.
fn attempt_of(path: &Path) -> Option<(NodeId, u32)> {
    let (node, attempt) = path.file_stem()?.to_str()?.rsplit_once('-')?;
    Some((node_of_file(node)?, attempt.parse().ok()?))
}

/// The leader's pid and start time. `None` for a line of an earlier boot, and for one
/// that the engine's death cut short.
fn parse(line: &str, boot: &str) -> Option<(u32, u64)> {
    let mut words = line.strip_suffix('\n')?.split(' ');
    let (leader, started) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (words.next()? == boot && words.next().is_none()).then_some((leader, started))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_records_of_this_boot_count() {
        assert_eq!(parse("7 99 b\n", "b"), Some((7, 99)));
        for none in ["", "7 99 b", "7 99 c\n", "7 99\n", "x 99 b\n", "7 99 b b\n"] {
            assert_eq!(parse(none, "b"), None, "{none:?}");
        }
        let (node, attempt) = attempt_of(Path::new("/x/undo:a_b[3]-12.session")).unwrap();
        assert_eq!((node.to_string().as_str(), attempt), ("undo:a_b[3]", 12));
        let (node, _) = attempt_of(Path::new("/x/sub.a-1.session")).unwrap();
        assert_eq!(node.to_string(), "sub/a");
        assert_eq!(attempt_of(Path::new("/x/a-1.look.session")), None);
        assert_eq!(attempt_of(Path::new("/x/sub.a-1.look.session")), None);
    }
}
