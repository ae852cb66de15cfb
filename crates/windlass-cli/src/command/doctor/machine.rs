//! What windlass needs of the machine: a clock, processes that can be found again,
//! sessions of their own for commands, files, trust roots for TLS, and a terminal.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::Command;

use super::{Finding, Word};
use crate::render::Paint;
use crate::terminal::keys;
use crate::time;

/// 2026-01-01: no clock before it is right.
const EARLIEST_MS: i64 = 1_767_225_600_000;
/// With fewer open files an owner of many runs may come to its limit.
const FILES_WARN: u64 = 1_024;
/// 2100-01-01: none after it is either.
const LATEST_MS: i64 = 4_102_444_800_000;

pub(super) fn look() -> Vec<Finding> {
    vec![
        clock(),
        processes(),
        sessions(),
        files(),
        trust_roots(),
        terminal(),
    ]
}

fn clock() -> Finding {
    let now = time::now();
    let said = time::full(now);
    if (EARLIEST_MS..LATEST_MS).contains(&now.0) {
        Finding::ok("clock", said)
    } else {
        Finding::fail(
            Word::ClockAbsurd,
            "clock",
            said,
            "set it: expiries and deadlines would be wrong",
        )
    }
}

/// Processes that outlive their engine are found in `/proc`: by their environment, and by
/// their session when they belong to another user. `hidepid` hides the latter.
fn processes() -> Finding {
    const WHAT: &str = "/proc";
    let own = std::fs::read("/proc/self/environ").is_ok();
    let all = std::fs::read_dir(WHAT).is_ok();
    if !own || !all {
        return Finding::fail(
            Word::ProcMissing,
            WHAT,
            "it cannot be read",
            "mount it: without it no run with processes is gone on with",
        );
    }
    // There always is a process 1, and for most users it is somebody else's.
    if std::fs::read("/proc/1/stat").is_err() {
        return Finding::warn(
            Word::ProcHidden,
            WHAT,
            "it hides the processes of other users (hidepid)",
            "mount it without hidepid: what a step left running under sudo is not found",
        );
    }
    Finding::ok(
        WHAT,
        "shows the processes of all users: those in the session of a step can be found",
    )
}

/// Steps run in sessions of their own, so that Ctrl-C does not reach them.
fn sessions() -> Finding {
    const WHAT: &str = "processes";
    // Where the step kind `shell` looks, whatever PATH says.
    let setsid = ["/usr/bin/setsid", "/bin/setsid"].map(Path::new);
    let Some(setsid) = setsid.into_iter().find(|path| path.is_file()) else {
        let advice = "install util-linux: shell steps are not started without it";
        let said = "there is no setsid in /usr/bin or /bin";
        return Finding::fail(Word::SetsidMissing, WHAT, said, advice);
    };
    let started = Command::new(setsid)
        .args(["/bin/sh", "-c", "exit 0"])
        .status();
    if started.is_ok_and(|status| status.success()) {
        Finding::ok(
            WHAT,
            format!(
                "{} starts /bin/sh in a session of its own",
                setsid.display()
            ),
        )
    } else {
        Finding::fail(
            Word::ShMissing,
            WHAT,
            "/bin/sh does not run",
            "mend it: shell steps with a script need it",
        )
    }
}

/// Each attempt has files open, and so has each client.
fn files() -> Finding {
    const WHAT: &str = "open files";
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    match limit.current {
        Some(count) if count < FILES_WARN => Finding::warn(
            Word::FilesLow,
            WHAT,
            format!("at most {count}"),
            format!(
                "raise it to {FILES_WARN} or more, as with `ulimit -n`: an owner of many runs needs them"
            ),
        ),
        Some(count) => Finding::ok(WHAT, format!("at most {count}")),
        None => Finding::ok(WHAT, "as many as there may be"),
    }
}

fn trust_roots() -> Finding {
    let found = rustls_native_certs::load_native_certs();
    match found.certs.len() {
        0 => Finding::warn(
            Word::RootsMissing,
            "TLS roots",
            "none found",
            "install ca-certificates: TLS to databases needs them unless a step names its own",
        ),
        count => Finding::ok("TLS roots", format!("{count} certificates")),
    }
}

fn terminal() -> Finding {
    const WHAT: &str = "terminal";
    if !std::io::stdout().is_terminal() {
        return Finding::ok(
            WHAT,
            "none: runs are shown as plain lines, and nothing is asked",
        );
    }
    let paint = Paint::of_stdout();
    let signs = if paint.ascii { "ASCII" } else { "UTF-8" };
    let asks = if keys::is_attended() {
        "gates are asked for"
    } else {
        "nothing is asked"
    };
    Finding::ok(WHAT, format!("{} columns, {signs}, {asks}", paint.columns))
}
