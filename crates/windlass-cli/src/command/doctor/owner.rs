//! Who owns the state directory, and whether he does his work.

use std::time::Duration;

use windlass_core::time::Timestamp;
use windlass_engine::owner;
use windlass_engine::state_dir::StateDir;
use windlass_server::Client;

use super::{Finding, Word};
use crate::{text, time};

const WHAT: &str = "owner";
/// How long an owner may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The wall clock and the owner's time differ by more when somebody has set the former.
const SET_MS: i64 = 1_000;

pub(super) async fn look(dir: &StateDir) -> Vec<Finding> {
    let by = match owner::current(dir) {
        Ok(None) => return nobody(dir),
        Ok(Some(by)) => by,
        Err(error) => {
            let said = format!("look at the lock: {error}");
            return vec![Finding::fail(
                Word::OwnerUnknown,
                WHAT,
                said,
                "mend its permissions",
            )];
        }
    };
    if by.is_stopped() {
        let pid = by.pid;
        return vec![Finding::fail(
            Word::OwnerStopped,
            WHAT,
            format!("{by} is stopped: it holds the directory, and nothing goes on"),
            format!(
                "`kill -CONT {pid}` lets it go on; if it is not to, `kill -KILL {pid}`, and the next command takes over"
            ),
        )];
    }
    let answer = tokio::time::timeout(ANSWER_WITHIN, async {
        let client = Client::connect(dir.root()).await?;
        let Some(client) = client else {
            return Ok(None);
        };
        let view = client.owner().await?;
        Ok::<_, windlass_server::client::ClientError>(Some((client, view)))
    });
    let silent =
        |said: String, advice: String| vec![Finding::warn(Word::OwnerSilent, WHAT, said, advice)];
    let pid = by.pid;
    match answer.await {
        Err(_) => silent(
            format!("{by} does not answer within {} s", ANSWER_WITHIN.as_secs()),
            format!("look at process {pid}: is it starved of CPU or memory?"),
        ),
        Ok(Ok(None)) => silent(
            format!("{by} does not listen on its socket"),
            format!("look at process {pid}: it may be starting or ending"),
        ),
        Ok(Err(error)) => silent(format!("{by}: {error}"), "ask that process's user".into()),
        Ok(Ok(Some((client, view)))) => {
            let since = time::minute(Timestamp(view.started_at_ms));
            let version = text::line(&view.version);
            let socket = client.socket().display();
            let said = format!("{by}, windlass {version} since {since} UTC, at {socket}");
            let mut findings = vec![Finding::ok(WHAT, said)];
            findings.extend(clock(view.wall_ahead_ms));
            findings
        }
    }
}

fn clock(ahead_ms: i64) -> Option<Finding> {
    (ahead_ms.abs() >= SET_MS).then(|| {
        let by = windlass_core::time::Millis(ahead_ms.unsigned_abs());
        let way = if ahead_ms > 0 { "forward" } else { "back" };
        Finding::warn(
            Word::ClockSet,
            "owner's clock",
            format!(
                "the wall clock was set {way} by {by} while the owner was alive; its runs go on by the time that passes"
            ),
            "when the wall clock is right now, park the owner with Ctrl-C and start it again",
        )
    })
}

/// Nobody owns it; whoever was killed leaves his socket.
fn nobody(dir: &StateDir) -> Vec<Finding> {
    let mut findings = vec![Finding::ok(WHAT, "nobody; the lock is free")];
    let sockets = std::fs::read_dir(dir.socket_dir()).into_iter().flatten();
    let left = sockets.flatten().find(|entry| {
        use std::os::unix::fs::FileTypeExt as _;
        entry.file_type().is_ok_and(|kind| kind.is_socket())
    });
    if let Some(left) = left {
        findings.push(Finding::warn(
            Word::SocketStale,
            "socket",
            format!(
                "{} was left by an owner that was killed",
                left.path().display()
            ),
            "nothing: the next owner takes its place, and `windlass resume RUN` goes on with a run",
        ));
    }
    findings
}
