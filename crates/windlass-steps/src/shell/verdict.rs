//! What the end of a process means. An exit code is the program's own word: a change
//! that ends with one that its author did not list leaves everybody in doubt.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use windlass_core::outcome::{Effected, OUTPUTS_BYTES_MAX, Outcome};
use windlass_core::value::Value;
use windlass_engine::ports::StepContext;

use super::call::{Call, ExitCodes, Output};
use super::capture::{Captured, STDOUT_BYTES_MAX};
use crate::detach::Stop;
use crate::ending::{Ending, redact_value, succeeded};
use crate::json;
use crate::text::{drop_cut_secret, truncate};

/// A process that ended.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    /// Why it was asked to stop, when it was.
    pub(super) stopped: Option<Stop>,
    pub(super) stdout: Captured,
    pub(super) stderr: Captured,
}

/// The outcome of a process that ended.
pub(super) fn outcome(
    context: &StepContext,
    call: &Call,
    finished: Finished,
) -> Result<Outcome, Ending> {
    if finished.stdout.still_open || finished.stderr.still_open {
        context.log.line(
            "[the process has ended; something that it started still holds its output open, \
             and is no longer read here]",
        );
    }
    let stderr = finished.stderr.tail.clone();
    if let Some(stop) = finished.stopped {
        let message = format!("{}; the process was ended", stop.reason());
        return Err(Ending::new(Effected::Unknown, stop.code(), message)
            .with_evidence(evidence(finished.status, &stderr)));
    }
    if let Some((effect, code)) = failure(
        context.effect.is_change(),
        &call.exit_codes,
        finished.status,
    ) {
        let mut message = describe(finished.status);
        if let Some(last) = stderr.lines().rfind(|line| !line.trim().is_empty()) {
            message.push_str(": ");
            message.push_str(last.trim());
        }
        return Err(
            Ending::new(effect, code, message).with_evidence(evidence(finished.status, &stderr))
        );
    }
    success(context, call, finished)
}

/// How an end failed, or `None` when it is a success. The whole law of exit codes.
fn failure(
    change: bool,
    codes: &ExitCodes,
    status: ExitStatus,
) -> Option<(Effected, &'static str)> {
    let Some(code) = status.code() else {
        return Some((Effected::Unknown, "killed"));
    };
    let code = i64::from(code);
    if codes.ok.contains(&code) {
        None
    } else if !change || codes.no_effect.contains(&code) {
        Some((Effected::None, "exit_status"))
    } else {
        Some((Effected::Unknown, "exit_status"))
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

fn evidence(status: ExitStatus, stderr: &str) -> Value {
    let mut evidence = BTreeMap::from([("stderr_tail".to_owned(), stderr.into())]);
    if let Some(code) = status.code() {
        evidence.insert("exit_code".to_owned(), i64::from(code).into());
    }
    if let Some(signal) = status.signal() {
        evidence.insert("signal".to_owned(), i64::from(signal).into());
    }
    Value::Map(evidence)
}

/// The outputs of a success. The command has acted, so outputs that cannot be had
/// make a settled failure and no doubt.
fn success(context: &StepContext, call: &Call, finished: Finished) -> Result<Outcome, Ending> {
    let exit_code = finished
        .status
        .code()
        .map_or(Value::Null, |code| i64::from(code).into());
    let too_large = finished.stdout.head.len() > STDOUT_BYTES_MAX;
    let settled = |code, message: String| {
        Err(Ending::new(Effected::Settled, code, message)
            .with_evidence(evidence(finished.status, &finished.stderr.tail)))
    };
    let too_large_ending = || {
        settled(
            "output_too_large",
            format!(
                "the command succeeded, but its {} bytes of output are more than the {} that \
                 outputs can hold",
                finished.stdout.bytes, STDOUT_BYTES_MAX
            ),
        )
    };
    let (stdout, truncated, json) = match call.output {
        Output::Text => {
            let (text, truncated) = text_output(context, &finished.stdout);
            (Value::Text(text), truncated, Value::Null)
        }
        Output::Lines | Output::Json if too_large => return too_large_ending(),
        Output::Lines => {
            let text = decode(&finished.stdout.head);
            // Redacted whole first: a secret may have lines.
            let text = context.log.redact(&text);
            (
                Value::List(text.lines().map(Value::from).collect()),
                false,
                Value::Null,
            )
        }
        Output::Json => match json::parse(&String::from_utf8_lossy(&finished.stdout.head)) {
            Ok(json) => (Value::Null, false, redact_value(&context.log, json)),
            Err(error) => {
                return settled(
                    "output_not_json",
                    format!("the command succeeded, but its output is no JSON document: {error}"),
                );
            }
        },
    };
    let outputs = BTreeMap::from([
        ("stdout".to_owned(), stdout),
        ("stdout_truncated".to_owned(), truncated.into()),
        ("json".to_owned(), json),
        (
            "stderr_tail".to_owned(),
            finished.stderr.tail.as_str().into(),
        ),
        ("exit_code".to_owned(), exit_code),
    ]);
    // Many short lines or numbers weigh more than their text.
    if Value::Map(outputs.clone()).weight_bytes() > OUTPUTS_BYTES_MAX {
        return too_large_ending();
    }
    Ok(succeeded(&context.log, outputs))
}

/// Standard output as text: redacted, bounded, without its last line end.
fn text_output(context: &StepContext, stdout: &Captured) -> (String, bool) {
    let mut text = decode(&stdout.head);
    let mut truncated = stdout.head.len() > STDOUT_BYTES_MAX;
    if truncated {
        drop_cut_secret(&mut text, context.secrets.values());
    } else if let Some(line) = text.strip_suffix('\n') {
        text.truncate(line.strip_suffix('\r').unwrap_or(line).len());
    }
    let mut text = context.log.redact(&text);
    truncated |= text.len() > STDOUT_BYTES_MAX;
    truncate(&mut text, STDOUT_BYTES_MAX);
    (text, truncated)
}

/// Bytes as text: what is no UTF-8, and NUL, which not every store holds, become U+FFFD.
fn decode(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_mean_what_the_page_says() {
        let codes = ExitCodes {
            ok: vec![0, 3],
            no_effect: vec![4],
        };
        let exited = |code: i32| ExitStatus::from_raw(code << 8);
        let killed = ExitStatus::from_raw(9);
        let table = [
            (true, exited(0), None),
            (true, exited(3), None),
            (true, exited(4), Some((Effected::None, "exit_status"))),
            (true, exited(1), Some((Effected::Unknown, "exit_status"))),
            (true, killed, Some((Effected::Unknown, "killed"))),
            (false, exited(3), None),
            (false, exited(4), Some((Effected::None, "exit_status"))),
            (false, exited(1), Some((Effected::None, "exit_status"))),
            (false, killed, Some((Effected::Unknown, "killed"))),
        ];
        for (change, status, expected) in table {
            assert_eq!(
                failure(change, &codes, status),
                expected,
                "{change} {status}"
            );
        }
    }
}
