//! What `/proc/PID/stat` says about a process; everybody may read it, unless `/proc` is
//! mounted with `hidepid`.

use std::fs;
use std::io;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// The id of its session: the pid of the process that made it.
    pub(crate) session: u32,
    /// When it started, in clock ticks since the boot.
    pub(crate) started: u64,
    /// It has ended, and nobody has waited for it yet: it cannot act any more.
    pub(crate) has_ended: bool,
    /// SIGSTOP or a debugger holds it: it does nothing until it is continued.
    pub(crate) is_stopped: bool,
}

impl Stat {
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let text = fs::read(format!("/proc/{pid}/stat"))?;
        Self::parse(&String::from_utf8_lossy(&text)).ok_or_else(|| {
            let message = format!("/proc/{pid}/stat is not as proc(5) says");
            io::Error::new(io::ErrorKind::InvalidData, message)
        })
    }

    /// The fields are counted from the last parenthesis: a program's name may hold any.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?;
        Some(Self {
            // Field 6 and field 22; the state was field 3.
            session: fields.nth(2)?.parse().ok()?,
            started: fields.nth(15)?.parse().ok()?,
            has_ended: matches!(state, "Z" | "X" | "x"),
            is_stopped: matches!(state, "T" | "t"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_may_be_anything() {
        let text = "7 (a) S (b) R 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22000 23\n";
        let read = Stat::parse(text).unwrap();
        assert_eq!((read.session, read.started, read.has_ended), (5, 21, false));
        assert!(!read.is_stopped && Stat::parse(&text.replace(" R ", " T ")).unwrap().is_stopped);
        assert!(Stat::parse("7 (a) Z 1").is_none());
    }

    /// The test's own session says nothing: it is 0 where this runs in a PID namespace, as
    /// in a container, and the session was made outside of it.
    #[test]
    fn a_leader_is_in_its_own_session() {
        let mut leader = std::process::Command::new("setsid")
            .args(["sh", "-c", "echo; exec sleep 60"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // What it says, it says after `setsid`.
        let mut line = [0];
        std::io::Read::read_exact(leader.stdout.as_mut().unwrap(), &mut line).unwrap();
        let read = Stat::of(leader.id()).unwrap();
        leader.kill().unwrap();
        leader.wait().unwrap();
        assert_eq!(read.session, leader.id());
        assert!(!read.has_ended && read.started > 0);
    }
}
