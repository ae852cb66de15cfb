//! Writes to the primary all the time and keeps account: how long writes were
//! refused, and whether every acknowledged row is there afterwards.

mod report;
mod session;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use report::{Attempt, Outage, ProbeReport, Reply, Verdict};

use crate::server::Server;
use crate::{Lab, Result};
pub(crate) use session::Session;

/// How a probe writes.
#[derive(Debug, Clone)]
pub struct ProbeOptions {
    /// From the start of one write to the start of the next.
    pub interval: Duration,
    /// After this time without an answer a write counts as unknown and its
    /// session is given up.
    pub patience: Duration,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(50),
            patience: Duration::from_secs(5),
        }
    }
}

/// A thread that inserts row after row into `write_probe` on the primary,
/// through one psql that is opened again after each failure.
#[derive(Debug)]
pub struct WriteProbe {
    run: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<ProbeReport>>,
}

impl Lab {
    /// Starts a probe. Two at once do not disturb each other.
    pub fn write_probe(&self, options: ProbeOptions) -> Result<WriteProbe> {
        let run = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| now.as_nanos())
            .to_string();
        let stop = Arc::new(AtomicBool::new(false));
        let mut psql = self.psql(Server::Primary);
        psql.args(["-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        // Asked here, so that a primary that does not answer at all is an
        // error and not one long outage.
        self.sql(Server::Primary, "select 1")?;
        let session = Session::open(&mut psql)?;
        let thread = {
            let (run, stop) = (run.clone(), Arc::clone(&stop));
            std::thread::spawn(move || write_until(&stop, psql, session, run, &options))
        };
        Ok(WriteProbe {
            run,
            stop,
            thread: Some(thread),
        })
    }
}

impl WriteProbe {
    /// The value of `run` in the rows of this probe.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Ends the writing, after the write that is under way.
    pub fn stop(mut self) -> ProbeReport {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("only stop takes the thread");
        thread.join().expect("the probe's thread does not panic")
    }
}

impl Drop for WriteProbe {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its report is unwanted, and a panic here would hide another one.
            let _ = thread.join();
        }
    }
}

fn write_until(
    stop: &AtomicBool,
    mut psql: Command,
    session: Session,
    run: String,
    options: &ProbeOptions,
) -> ProbeReport {
    let began = Instant::now();
    let mut session = Some(session);
    let mut attempts = Vec::new();
    for id in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let at = Instant::now();
        let reply = write_once(&mut session, &mut psql, &run, id, options.patience);
        attempts.push(Attempt {
            id,
            after: at - began,
            took: at.elapsed(),
            reply,
        });
        std::thread::sleep(options.interval.saturating_sub(at.elapsed()));
    }
    ProbeReport::new(run, attempts)
}

fn write_once(
    session: &mut Option<Session>,
    psql: &mut Command,
    run: &str,
    id: u64,
    patience: Duration,
) -> Reply {
    let mut open = match session.take().map_or_else(|| Session::open(psql), Ok) {
        Ok(open) => open,
        Err(error) => return Reply::Refused(error.to_string()),
    };
    // A row is echoed by psql only after the server reported the commit.
    let insert =
        format!("insert into write_probe (run, id) values ('{run}', {id}) returning id;\n");
    let answer = open.ask(&insert, patience);
    match answer {
        Ok(echo) if echo == id.to_string() => {
            *session = Some(open);
            Reply::Accepted
        }
        Ok(other) => Reply::Unknown(format!("psql answered `{other}`")),
        Err(said) => judge(said),
    }
}

/// A write whose connection never came up, or that the server answered with
/// an error, was surely not done. Of one that was cut, nobody knows.
fn judge(said: String) -> Reply {
    let never_connected = said.contains("connection to server at") && said.contains(" failed: ");
    if never_connected || said.contains("ERROR:") {
        Reply::Refused(said)
    } else {
        Reply::Unknown(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_surely_not_done_is_refused() {
        let refused = [
            "psql: error: connection to server at \"127.0.0.1\", port 1 failed: Connection refused",
            "psql: error: connection to server at \"127.0.0.1\", port 1 failed: FATAL:  the database system is starting up",
            "psql:<stdin>:1: ERROR:  cannot execute INSERT in a read-only transaction",
        ];
        for said in refused {
            assert!(
                matches!(judge(said.to_owned()), Reply::Refused(_)),
                "{said}"
            );
        }
        let cut = "FATAL:  terminating connection due to administrator command\n\
                   server closed the connection unexpectedly";
        assert!(matches!(judge(cut.to_owned()), Reply::Unknown(_)));
    }
}
