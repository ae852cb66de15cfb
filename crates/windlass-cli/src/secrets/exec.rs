//! Secrets that a program prints.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use windlass_core::id::SecretName;

use super::{SECRET_BYTES_MAX, as_text};
use crate::error::Error;
use crate::{output, text};

/// How long a program may take to print a secret; a person may have to unlock something.
const EXEC_TIME_MAX: Duration = Duration::from_secs(120);
/// The most of a program's standard error that is shown.
const EXEC_STDERR_BYTES_MAX: u64 = 16 * 1024;
/// After so long it is said that a program is waited for, and from then on again and again.
const EXEC_SILENT_MAX: Duration = Duration::from_secs(3);
/// How often it is said.
const EXEC_TOLD_EVERY: Duration = Duration::from_secs(30);

/// What a program prints. No shell reads its words; its standard error is shown, its
/// standard output never.
pub(super) async fn of_program(name: &SecretName, words: &[String]) -> Result<String, Error> {
    let program = words.first().map(String::as_str).unwrap_or_default();
    let shown = text::line(program);
    let fault = |why: String| Error::Usage(format!("the secret {name}: {shown} {why}"));
    let mut child = tokio::process::Command::new(program)
        .args(words.iter().skip(1))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| fault(format!("cannot be started: {error}")))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
        return Err(Error::Bug("a piped stream is not there".to_owned()));
    };
    let printed = async {
        let mut bytes = Vec::new();
        let mut stdout = stdout.take(SECRET_BYTES_MAX as u64 + 3);
        stdout.read_to_end(&mut bytes).await.map(|_| bytes)
    };
    let shows = async {
        let mut lines = BufReader::new(stderr.take(EXEC_STDERR_BYTES_MAX)).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line);
            output::err(&format!("{shown}: {}", text::line(&line)));
        }
    };
    // The streams first: a program that prints too much must not wait for a reader.
    let work = async {
        let (printed, ()) = tokio::join!(printed, shows);
        (printed, child.wait().await)
    };
    let work = tokio::time::timeout(EXEC_TIME_MAX, work);
    let Ok((printed, status)) = told_of(work, &shown).await else {
        let seconds = EXEC_TIME_MAX.as_secs();
        return Err(fault(format!(
            "took longer than {seconds} s and was stopped"
        )));
    };
    let status = status.map_err(|error| fault(format!("cannot be waited for: {error}")))?;
    let bytes = printed.map_err(|error| fault(format!("cannot be read: {error}")))?;
    // One that was cut off while it printed too much is told of its size, not of its end.
    if !status.success() && bytes.len() <= SECRET_BYTES_MAX + 2 {
        return Err(fault(how_it_ended(status)));
    }
    as_text(name, bytes, &format!("what {shown} printed"))
}

/// Says from time to time what is waited for: a silent terminal looks broken.
async fn told_of<T>(work: impl Future<Output = T>, program: &str) -> T {
    let first = tokio::time::Instant::now() + EXEC_SILENT_MAX;
    let mut told = tokio::time::interval_at(first, EXEC_TOLD_EVERY);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = told.tick() => output::err(&format!("windlass: still waiting for {program}")),
        }
    }
}

fn how_it_ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}
