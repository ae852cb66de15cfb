//! Every code that the process ends with, and what each means to a script.
//! `docs/cli.md` shows the same table; a golden test covers each code.

use std::process::ExitCode;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked is done; a followed run succeeded.
    Success = 0,
    /// The followed run or a look of `preflight` failed, `doctor`, `fmt --check` or
    /// `journal verify` found something bad, or a case of `test` is not as expected.
    Failed = 1,
    /// The command line, the inputs or the runbook are wrong; nothing was started.
    Usage = 2,
    /// The engine refused the command; nothing was recorded.
    Rejected = 3,
    /// The followed run was cancelled; a signal stopped a preflight.
    Cancelled = 4,
    /// The run waits for a person, and `--no-wait` said not to wait with it.
    WaitsForPerson = 5,
    /// A signal parked the run; `windlass resume` goes on with it.
    Parked = 6,
    /// Nobody listens whom this user could ask, or this user may not ask it.
    NotAllowed = 7,
    /// A bug of windlass.
    Internal = 70,
    /// A file or the journal could not be read or written.
    Io = 74,
    /// Something else is busy: the same command may work later.
    Temporary = 75,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// The table as `--help` shows it.
pub(crate) const HELP: &str = "\
Exit codes:
  0   done; the followed run succeeded
  1   the run or a look failed; doctor, fmt --check, journal verify or test found something bad
  2   the command line, an input or the runbook is wrong
  3   the engine refused the command; nothing was recorded
  4   the followed run was cancelled, or a preflight stopped by a signal
  5   the run waits for a person (with --no-wait)
  6   parked by a signal; `windlass resume` goes on
  7   nobody listens, or you may not do this
  70  a bug of windlass
  74  a file or the journal could not be read or written
  75  something is busy; try again later";
