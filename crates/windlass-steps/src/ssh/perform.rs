//! One attempt of `ssh`. The connection is made first; only when the other machine has
//! said that it is ready, and the whole line but its end is with the client, the line's
//! end is sent. Whatever fails before that has surely changed nothing. What fails after
//! it is known only when the other machine said so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;
use tokio::sync::watch;
use tokio::time::timeout;
use windlass_core::outcome::{Effected, Outcome};
use windlass_core::value::Value;
use windlass_engine::attempt::{DispatchToken, HandedOver};
use windlass_engine::ports::StepContext;

use super::connection::Connection;
use super::frame::{Frame, Heard};
use super::wrapper::{self, GO_WITHIN};
use crate::detach::{Stop, Stops};
use crate::ending::Ending;
use crate::process::{self, Call, DRAIN, End, Ended, Owner, Printed, Process, StdIn};
use crate::with::{BadWith, Fields};

/// How long the reading of what an ended client printed may take: the last words tell how
/// the command ended, and nobody else holds them back.
const READ_WITHIN: Duration = Duration::from_secs(60);

/// Calls the other machine and sees the command to its end. The token is used up by the
/// line's end.
pub(super) async fn perform(
    owner: &Owner,
    token: DispatchToken,
    context: &StepContext,
    mut stops: Stops,
) -> Result<Outcome, Ending> {
    let (connection, call) = read(context).map_err(BadWith::into_ending)?;
    let line = wrapper::line(context, &call).map_err(BadWith::into_ending)?;
    let mark = new_mark().map_err(|error| Ending::not_sent(format!("no randomness: {error}")))?;
    let (frame, mut hearing) = Frame::new(&mark);
    let argv = connection.argv(wrapper::greeting(&mark));
    let env: Vec<(String, SecretString)> = owner.agent().into_iter().collect();
    let mut process = Process::prepare(owner, context, &argv, &env, None, StdIn::Pipe)?
        .start(context, Some(Box::new(frame)))
        .map_err(|error| Ending::not_sent(format!("cannot start ssh: {error}")))?;

    let (handed, stdin) = match prepare(
        token,
        &connection,
        &line,
        &mut process,
        &mut hearing,
        &mut stops,
    )
    .await
    {
        Ok(ready) => ready,
        Err(why) => return Err(not_begun(&connection, why, process, &hearing).await),
    };
    if let Err(error) = send(handed, stdin).await {
        // Without its end the line is not begun there.
        let why = NotBegun::Failed(format!("the connection broke: {error}"));
        return Err(not_begun(&connection, why, process, &hearing).await);
    }
    context
        .log
        .line("[the other machine was ready; the command is sent]");
    let change = context.effect.is_change();
    let (stopped, span) = wait(&mut process, &mut hearing, &mut stops, change).await;
    let printed = process.printed(span).await;
    let heard = hearing.borrow().clone();
    judge(context, &call, &heard, stopped, printed)
}

fn read(context: &StepContext) -> Result<(Connection, Call), BadWith> {
    let mut with = Fields::of(&context.input)?;
    let connection = Connection::read(&mut with)?;
    let call = Call::read(context, &mut with, Some(&connection.host))?;
    with.finish()?;
    Ok((connection, call))
}

/// By what the wrapper's lines are told from what the command prints.
fn new_mark() -> io::Result<String> {
    let mut random = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    let mut mark = "windlass-".to_owned();
    for byte in random {
        let _ = write!(mark, "{byte:02x}");
    }
    Ok(mark)
}

/// Why nothing was begun.
enum NotBegun {
    /// The client ended, and its own words say why.
    Ended,
    Stopped(Stop),
    Failed(String),
}

/// Waits until the other machine is ready, brings it the line, and uses the token up.
async fn prepare(
    token: DispatchToken,
    connection: &Connection,
    line: &SecretString,
    process: &mut Process,
    hearing: &mut watch::Receiver<Heard>,
    stops: &mut Stops,
) -> Result<(HandedOver, ChildStdin), NotBegun> {
    let mut stdin = process.take_stdin().expect("the client's input is a pipe");
    let ready = tokio::select! {
        biased;
        ready = hearing.wait_for(|heard| heard.ready.is_some()) => {
            ready.ok().and_then(|heard| heard.ready.clone())
        }
        _ = process.wait() => None,
        stop = stops.stopped() => return Err(NotBegun::Stopped(stop)),
        () = tokio::time::sleep(connection.connect_timeout) => {
            let seconds = connection.connect_timeout.as_secs_f64();
            return Err(NotBegun::Failed(format!("it was not ready within {seconds} s")));
        }
    };
    let ready = ready.ok_or(NotBegun::Ended)?;
    if ready.is_empty() || !ready.bytes().all(|byte| byte.is_ascii_digit()) {
        let why = "its `date +%s` does not tell the time in seconds".to_owned();
        return Err(NotBegun::Failed(why));
    }
    let bring = async {
        stdin.write_all(line.expose_secret().as_bytes()).await?;
        stdin.flush().await
    };
    let brought = tokio::select! {
        biased;
        brought = timeout(GO_WITHIN, bring) => brought,
        stop = stops.stopped() => return Err(NotBegun::Stopped(stop)),
    };
    match brought {
        Ok(Ok(())) => {}
        Ok(Err(_)) => return Err(NotBegun::Ended),
        Err(_) => {
            let seconds = GO_WITHIN.as_secs();
            let why = format!("the command could not be brought there within {seconds} s");
            return Err(NotBegun::Failed(why));
        }
    }
    let handed = token
        .hand_over()
        .map_err(|late| NotBegun::Failed(late.to_string()))?;
    Ok((handed, stdin))
}

/// Sends the line's end: from here on the command may run.
async fn send(_handed: HandedOver, mut stdin: ChildStdin) -> io::Result<()> {
    stdin.write_all(b"\n").await?;
    stdin.flush().await
}

/// Ends the client, if it still lives, and says why nothing was begun.
async fn not_begun(
    connection: &Connection,
    why: NotBegun,
    mut process: Process,
    hearing: &watch::Receiver<Heard>,
) -> Ending {
    process.terminate().await;
    // It was killed if it had to be, so this is short.
    let _ = timeout(DRAIN, process.wait()).await;
    let printed = process.printed(DRAIN).await;
    let host = &connection.host;
    match why {
        NotBegun::Stopped(stop) => {
            let reason = stop.reason();
            Ending::not_sent(format!("{reason}, before {host} was sent the command"))
        }
        NotBegun::Failed(why) => Ending::not_sent(format!("{host}: {why}")),
        NotBegun::Ended => {
            let heard = hearing.borrow();
            let prelude = String::from_utf8_lossy(&heard.prelude);
            let said = last_line(&printed.stderr.tail)
                .or_else(|| last_line(&prelude))
                .unwrap_or("ssh ended without a word");
            Ending::not_sent(format!("{host}: {said}"))
        }
    }
}

/// Waits for the command's end, or that of the connection; a change is never stopped.
/// Answers also how long what was printed may take to be read.
async fn wait(
    process: &mut Process,
    hearing: &mut watch::Receiver<Heard>,
    stops: &mut Stops,
    change: bool,
) -> (Option<Stop>, Duration) {
    let is_over = |heard: &Heard| heard.ended.is_some() || heard.refused.is_some();
    let stopped = tokio::select! {
        biased;
        _ = process.wait() => return (None, READ_WITHIN),
        // The stream cannot end before its process, which is waited for here.
        Ok(_) = hearing.wait_for(is_over) => None,
        stop = stops.stopped_unless(change) => Some(stop),
    };
    // What is left to come of a command that has ended. A client that stays longer serves
    // what the command left behind; that of a read serves nobody.
    let gone = stopped.is_none() && timeout(DRAIN, process.wait()).await.is_ok();
    if !gone && !change {
        process.terminate().await;
        let _ = process.wait().await;
    }
    (stopped, DRAIN)
}

/// What the attempt came to, once the command may have begun.
fn judge(
    context: &StepContext,
    call: &Call,
    heard: &Heard,
    stopped: Option<Stop>,
    printed: Printed,
) -> Result<Outcome, Ending> {
    if let Some(reason) = &heard.refused {
        return Err(Ending::new(
            Effected::None,
            "refused",
            refusal(reason, call),
        ));
    }
    if let Some(code) = heard.ended {
        let ended = Ended {
            end: End::Exit(code),
            stopped: None,
            printed,
        };
        return process::outcome(context, &call.answer, ended);
    }
    let (code, mut message) = match stopped {
        Some(stop) => (stop.code(), stop.reason().to_owned()),
        None => ("connection_lost", "the connection ended".to_owned()),
    };
    message.push_str(if heard.began {
        "; the command had begun, and may go on there"
    } else {
        "; the command was sent, and may have begun there"
    });
    let stderr = &printed.stderr.tail;
    if let Some(last) = last_line(stderr) {
        let _ = write!(message, ": {last}");
    }
    let evidence = BTreeMap::from([
        ("began".to_owned(), Value::Bool(heard.began)),
        ("stderr_tail".to_owned(), stderr.as_str().into()),
    ]);
    Err(Ending::new(Effected::Unknown, code, message).with_evidence(Value::Map(evidence)))
}

fn refusal(reason: &str, call: &Call) -> String {
    match reason {
        "late" => format!(
            "the command came there more than {} s after the greeting, and was not begun",
            GO_WITHIN.as_secs()
        ),
        "cwd" => {
            let cwd = call.cwd.as_deref().unwrap_or_default();
            format!("`cwd` {cwd} cannot be entered there")
        }
        "program" => format!("the program {:?} was not found there", call.argv[0]),
        "printf" => "the /bin/sh there has no `printf` of its own, and an input given to \
                     another would show in the list of processes"
            .to_owned(),
        other => format!("refused there: {other}"),
    }
}

fn last_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty())
}
