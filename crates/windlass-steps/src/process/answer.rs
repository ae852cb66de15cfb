//! What the end of a process means. An exit code is the program's own word: a change
//! that ends with one that its author did not list leaves everybody in doubt.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use windlass_core::outcome::{Effected, OUTPUTS_BYTES_MAX, Outcome};
use windlass_core::value::Value;
use windlass_engine::ports::StepContext;

use super::capture::{Captured, STDOUT_BYTES_MAX};
use super::start::Printed;
use crate::detach::Stop;
use crate::ending::{Ending, succeeded};
use crate::json;
use crate::text::truncate;
use crate::with::{BadWith, Fields};

/// How an author wants a command's answer read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) output: Output,
    pub(crate) exit_codes: ExitCodes,
}

/// How the standard output is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Text,
    Lines,
    Json,
}

/// Which exit codes mean what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ExitCodes {
    pub(crate) ok: Vec<i64>,
    pub(crate) no_effect: Vec<i64>,
}

/// The end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exit(i64),
    Signal(i32),
}

/// A command that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    /// Why it was asked to stop, when it was.
    pub(crate) stopped: Option<Stop>,
    pub(crate) printed: Printed,
}

impl Answer {
    /// Reads `output`, `ok_exit_codes` and `no_effect_exit_codes`.
    pub(crate) fn read(with: &mut Fields) -> Result<Self, BadWith> {
        let output = read_output(with.text("output")?)?;
        let exit_codes = ExitCodes {
            ok: with.ints("ok_exit_codes")?.unwrap_or_else(|| vec![0]),
            no_effect: with.ints("no_effect_exit_codes")?.unwrap_or_default(),
        };
        check_exit_codes(&exit_codes)?;
        Ok(Self { output, exit_codes })
    }
}

fn read_output(output: Option<String>) -> Result<Output, BadWith> {
    match output.as_deref() {
        None | Some("text") => Ok(Output::Text),
        Some("lines") => Ok(Output::Lines),
        Some("json") => Ok(Output::Json),
        Some(other) => Err(BadWith::new(format!(
            "`output` is `text`, `lines` or `json`, not {other:?}"
        ))),
    }
}

fn check_exit_codes(codes: &ExitCodes) -> Result<(), BadWith> {
    if let Some(code) = codes.ok.iter().find(|code| codes.no_effect.contains(code)) {
        return Err(BadWith::new(format!(
            "exit code {code} is in `ok_exit_codes` and in `no_effect_exit_codes`"
        )));
    }
    let all = codes.ok.iter().chain(&codes.no_effect);
    match all.into_iter().find(|code| !(0..=255).contains(*code)) {
        Some(code) => Err(BadWith::new(format!("{code} is no exit code: 0 to 255"))),
        None => Ok(()),
    }
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => End::Exit(code.into()),
            // An end is one or the other; zero is no signal.
            (None, signal) => End::Signal(signal.unwrap_or(0)),
        }
    }
}

/// The outcome of a command that ended.
pub(crate) fn outcome(
    context: &StepContext,
    answer: &Answer,
    ended: Ended,
) -> Result<Outcome, Ending> {
    let Printed { stdout, stderr } = &ended.printed;
    if stdout.still_open || stderr.still_open {
        context.log.line(
            "[the process has ended; something that it started still holds its output open, \
             and is no longer read here]",
        );
    }
    let stderr = &stderr.tail;
    if let Some(stop) = ended.stopped {
        let message = format!("{}; the process was ended", stop.reason());
        return Err(Ending::new(Effected::Unknown, stop.code(), message)
            .with_evidence(evidence(ended.end, stderr)));
    }
    if let Some((effect, code)) = failure(context.effect.is_change(), &answer.exit_codes, ended.end)
    {
        let mut message = describe(ended.end);
        if let Some(last) = stderr.lines().rfind(|line| !line.trim().is_empty()) {
            message.push_str(": ");
            message.push_str(last.trim());
        }
        return Err(Ending::new(effect, code, message).with_evidence(evidence(ended.end, stderr)));
    }
    success(context, answer, &ended)
}

/// How an end failed, or `None` when it is a success. The whole law of exit codes.
fn failure(change: bool, codes: &ExitCodes, end: End) -> Option<(Effected, &'static str)> {
    let End::Exit(code) = end else {
        return Some((Effected::Unknown, "killed"));
    };
    if codes.ok.contains(&code) {
        None
    } else if !change || codes.no_effect.contains(&code) {
        Some((Effected::None, "exit_status"))
    } else {
        Some((Effected::Unknown, "exit_status"))
    }
}

fn describe(end: End) -> String {
    match end {
        End::Exit(code) => format!("exit code {code}"),
        End::Signal(signal) => format!("killed by signal {signal}"),
    }
}

fn evidence(end: End, stderr: &str) -> Value {
    let (name, number) = match end {
        End::Exit(code) => ("exit_code", code),
        End::Signal(signal) => ("signal", signal.into()),
    };
    Value::Map(BTreeMap::from([
        ("stderr_tail".to_owned(), stderr.into()),
        (name.to_owned(), number.into()),
    ]))
}

/// The outputs of a success. The command has acted, so outputs that cannot be had
/// make a settled failure and no doubt.
fn success(context: &StepContext, answer: &Answer, ended: &Ended) -> Result<Outcome, Ending> {
    let Printed { stdout, stderr } = &ended.printed;
    let exit_code = match ended.end {
        End::Exit(code) => code.into(),
        End::Signal(_) => Value::Null,
    };
    let too_large = stdout.head.len() > STDOUT_BYTES_MAX;
    let settled = |code, message: String| {
        Err(Ending::new(Effected::Settled, code, message)
            .with_evidence(evidence(ended.end, &stderr.tail)))
    };
    let too_large_ending = || {
        settled(
            "output_too_large",
            format!(
                "the command succeeded, but its {} bytes of output are more than the {} that \
                 outputs can hold",
                stdout.bytes, STDOUT_BYTES_MAX
            ),
        )
    };
    let (text, truncated, json) = match answer.output {
        Output::Text => {
            let (text, truncated) = text_output(context, stdout);
            (Value::Text(text), truncated, Value::Null)
        }
        Output::Lines | Output::Json if too_large => return too_large_ending(),
        Output::Lines => {
            let text = String::from_utf8_lossy(&stdout.head);
            // Redacted whole first: a secret may have lines.
            let text = storable(context.log.redact(&text));
            (
                Value::List(text.lines().map(Value::from).collect()),
                false,
                Value::Null,
            )
        }
        Output::Json => match json::parse(&String::from_utf8_lossy(&stdout.head)) {
            Ok(json) => (Value::Null, false, context.log.redactor().value(json)),
            Err(error) => {
                return settled(
                    "output_not_json",
                    format!("the command succeeded, but its output is no JSON document: {error}"),
                );
            }
        },
    };
    let outputs = BTreeMap::from([
        ("stdout".to_owned(), text),
        ("stdout_truncated".to_owned(), truncated.into()),
        ("json".to_owned(), json),
        ("stderr_tail".to_owned(), stderr.tail.as_str().into()),
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
    let mut text = String::from_utf8_lossy(&stdout.head).into_owned();
    let mut truncated = stdout.head.len() > STDOUT_BYTES_MAX;
    if !truncated && let Some(line) = text.strip_suffix('\n') {
        text.truncate(line.strip_suffix('\r').unwrap_or(line).len());
    }
    let text = if truncated || stdout.still_open {
        context.log.redactor().cut_text(&text)
    } else {
        context.log.redact(&text)
    };
    let mut text = storable(text);
    truncated |= text.len() > STDOUT_BYTES_MAX;
    truncate(&mut text, STDOUT_BYTES_MAX);
    (text, truncated)
}

/// NUL, which not every store holds, becomes what bytes that are no UTF-8 are: U+FFFD.
fn storable(text: String) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_cannot_contradict() {
        let codes = |ok: &[i64], no_effect: &[i64]| ExitCodes {
            ok: ok.to_vec(),
            no_effect: no_effect.to_vec(),
        };
        assert!(check_exit_codes(&codes(&[0, 3], &[4])).is_ok());
        assert!(check_exit_codes(&codes(&[0, 3], &[3])).is_err());
        assert!(check_exit_codes(&codes(&[256], &[])).is_err());
    }

    #[test]
    fn exit_codes_mean_what_the_page_says() {
        let codes = ExitCodes {
            ok: vec![0, 3],
            no_effect: vec![4],
        };
        let exited = |code: i32| End::from(ExitStatus::from_raw(code << 8));
        let killed = End::from(ExitStatus::from_raw(9));
        assert_eq!((exited(3), killed), (End::Exit(3), End::Signal(9)));
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
        for (change, end, expected) in table {
            let told = failure(change, &codes, end);
            assert_eq!(told, expected, "{change} {end:?}");
        }
    }
}
