//! Waits for orphans where nobody else does. In a container whose first process is no
//! init, every process that outlives its parent stays a zombie, and `pg_ctl` takes a
//! zombie for a server that lives. Does nothing where orphans are waited for.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, WaitOptions, set_child_subreaper, wait};

/// Set for the process that does the work, so that it does not ask again.
const MARK: &str = "WINDLASS_XTASK_REAPED";
/// How long an orphan may take to be waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where nobody waits for orphans: starts this command once more as a child, waits for
/// it and for every orphan below it, and gives its exit code. `None` where all is well.
pub(crate) fn stand_in() -> anyhow::Result<Option<ExitCode>> {
    if std::env::var_os(MARK).is_some() || orphans_are_waited_for()? {
        return Ok(None);
    }
    println!("nobody waits for orphans here (a container without an init?): xtask does");
    // The kernel takes any process id for "yes".
    set_child_subreaper(Some(Pid::INIT)).context("cannot adopt orphans")?;
    let child = Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(MARK, "1")
        .spawn()
        .context("cannot start xtask again")?;
    loop {
        let ended = wait(WaitOptions::empty()).context("cannot wait for children")?;
        let Some((pid, status)) = ended else { continue };
        if pid.as_raw_nonzero().get().unsigned_abs() == child.id() {
            let code = status
                .exit_status()
                .and_then(|code| u8::try_from(code).ok());
            return Ok(Some(ExitCode::from(code.unwrap_or(1))));
        }
    }
}

/// Makes an orphan and looks whether it stays a zombie.
fn orphans_are_waited_for() -> anyhow::Result<bool> {
    let made = Command::new("sh")
        .args(["-c", "sleep 0 >/dev/null & echo $!"])
        .output()
        .context("cannot start sh")?;
    let pid = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if !std::path::Path::new(&format!("/proc/{pid}")).exists() {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    Ok(!stat.contains(") Z "))
}
