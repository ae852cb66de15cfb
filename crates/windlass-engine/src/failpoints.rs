//! Points at which a crash test ends this process as SIGKILL does: at once, without a
//! word. `WINDLASS_FAILPOINT` names one; this module is built only with the feature
//! `failpoints`, which no release has.
//!
//! - `append:N`: a run's N-th record is durable, and nothing has followed from it yet.
//! - `record:KIND:NODE`: the same for the first record of that kind about NODE.
//! - `each:FILE`: the same for every record whose kind and node are no line of FILE,
//!   which then gets that line; so a run that is resumed again and again comes to an end.
//! - `dispatch:NODE`, `dispatch:NODE+MS`: an attempt of NODE was handed to its runner, as
//!   many milliseconds ago.
//! - `sending:TOPIC`: a message of that topic is about to be sent.
//! - `sent:TOPIC`: its receiver has answered, and nothing of that is recorded yet.
//! - `outcome:NODE`: an attempt's outcome has arrived and is not recorded yet.
//! - `panic:NODE`: an attempt of NODE panics with every secret that it was given.
//! - `stop:NODE`: the intent of NODE's first attempt is durable and it is not handed over
//!   yet; here the process is not ended but stopped, as by SIGSTOP.
//!
//! A decision's records are written by one append; the first three points cut it, so that
//! each of its prefixes is left behind once.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::ops::Range;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use secrecy::ExposeSecret;
use windlass_core::event::Event;
use windlass_core::id::NodeId;
use windlass_core::value::Value;

use crate::ports::StepContext;

enum Point {
    Append(u64),
    Record(String),
    Each(String),
    Dispatch(String, Duration),
    Outcome(String),
    Panic(String),
    Stop(String),
    Sending(String),
    Sent(String),
}

fn armed() -> Option<&'static Point> {
    static ARMED: OnceLock<Option<Point>> = OnceLock::new();
    let read = || {
        let text = std::env::var("WINDLASS_FAILPOINT").ok()?;
        Some(parse(&text).unwrap_or_else(|| panic!("WINDLASS_FAILPOINT is {text:?}")))
    };
    ARMED.get_or_init(read).as_ref()
}

fn parse(text: &str) -> Option<Point> {
    let (kind, rest) = text.split_once(':')?;
    match kind {
        "append" => rest.parse().ok().map(Point::Append),
        "record" => Some(Point::Record(rest.replacen(':', " ", 1))),
        "each" => Some(Point::Each(rest.to_owned())),
        "dispatch" => {
            let (node, ms) = rest.split_once('+').unwrap_or((rest, "0"));
            let after = Duration::from_millis(ms.parse().ok()?);
            Some(Point::Dispatch(node.to_owned(), after))
        }
        "outcome" => Some(Point::Outcome(rest.to_owned())),
        "panic" => Some(Point::Panic(rest.to_owned())),
        "stop" => Some(Point::Stop(rest.to_owned())),
        "sending" => Some(Point::Sending(rest.to_owned())),
        "sent" => Some(Point::Sent(rest.to_owned())),
        _ => None,
    }
}

fn die() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    // The signal may need a moment to reach every thread; this one does nothing more.
    loop {
        std::thread::park();
    }
}

/// The kind of an event and the node or step that it is about, if any.
fn label(event: &Event) -> String {
    let json = serde_json::to_value(event).unwrap_or_default();
    let body = &json[event.kind()];
    let node = serde_json::from_value::<NodeId>(body["node"].clone());
    let subject = match node {
        Ok(node) => node.to_string(),
        Err(_) => body["step"].as_str().unwrap_or_default().to_owned(),
    };
    format!("{} {subject}", event.kind())
}

/// Whether the run is to be cut off after this event, its `records`-th.
fn is_last(event: &Event, records: u64) -> bool {
    match armed() {
        Some(Point::Append(at)) => *at == records,
        Some(Point::Record(of)) => *of == label(event),
        Some(Point::Each(file)) => {
            let seen = fs::read_to_string(file).unwrap_or_default();
            !seen.lines().any(|line| line == label(event))
        }
        Some(
            Point::Dispatch(..)
            | Point::Outcome(_)
            | Point::Panic(_)
            | Point::Stop(_)
            | Point::Sending(_)
            | Point::Sent(_),
        )
        | None => false,
    }
}

/// Cuts the parts of an append so that the armed record is the last of its part.
pub(crate) fn cut(parts: Vec<Range<usize>>, events: &[Event], next_seq: u64) -> Vec<Range<usize>> {
    let mut cut = Vec::new();
    for part in parts {
        let mut from = part.start;
        for at in part.clone() {
            if at + 1 < part.end && is_last(&events[at], next_seq + at as u64 + 1) {
                cut.push(from..at + 1);
                from = at + 1;
            }
        }
        cut.push(from..part.end);
    }
    cut
}

/// The run has as many durable records, this event the last of them.
pub(crate) fn appended(event: Option<&Event>, records: u64) {
    let Some(event) = event.filter(|event| is_last(event, records)) else {
        return;
    };
    if let Some(Point::Each(file)) = armed() {
        let file = OpenOptions::new().append(true).create(true).open(file);
        let written = file.and_then(|mut file| writeln!(file, "{}", label(event)));
        written.expect("the file of the failpoint can be written");
    }
    die()
}

/// An attempt is about to be handed to its runner.
pub(crate) fn dispatching(node: &NodeId, attempt: u32) {
    if let Some(Point::Stop(at)) = armed()
        && *at == node.to_string()
        && attempt == 1
    {
        let _ = kill_process(getpid(), Signal::STOP);
        // Another thread may be the one that takes the signal, and on a machine with much to
        // do this one would go on for a moment.
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

/// What a runner might do with its secrets when it meets a bug.
pub(crate) fn panicking(context: &StepContext) {
    if let Some(Point::Panic(at)) = armed()
        && *at == context.node.to_string()
    {
        let named = context.input.secrets().into_iter();
        let secrets: Vec<&str> = named
            .filter_map(|name| context.secrets.for_anywhere(name).ok())
            .map(ExposeSecret::expose_secret)
            .collect();
        panic!("a bug with {}", secrets.join(" and "));
    }
}

/// An attempt was handed to its runner.
pub(crate) fn dispatched(node: &NodeId) {
    if let Some(Point::Dispatch(at, after)) = armed()
        && *at == node.to_string()
    {
        if after.is_zero() {
            die()
        }
        std::thread::spawn(|| {
            std::thread::sleep(*after);
            die()
        });
    }
}

/// An attempt's outcome has arrived.
pub(crate) fn arrived(node: &NodeId) {
    if let Some(Point::Outcome(at)) = armed()
        && *at == node.to_string()
    {
        die()
    }
}

/// A message is about to be sent.
pub(crate) fn sending(topic: &str) {
    if let Some(Point::Sending(at)) = armed()
        && at == topic
    {
        die()
    }
}

/// The receiver of a message has answered.
pub(crate) fn sent(facts: &Value) {
    if let Some(Point::Sent(at)) = armed()
        && facts.get("kind") == Some(&Value::Text(at.clone()))
    {
        die()
    }
}
