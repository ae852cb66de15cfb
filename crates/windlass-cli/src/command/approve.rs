//! `windlass approve`: decides a gate as it stands now.

use std::fs;
use std::path::PathBuf;

use windlass_core::id::{RunId, StepId};
use windlass_core::statement::signed_text;
use windlass_server::wire::{Approve, Gate, RunView};

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::{Error, io};
use crate::exit_codes::Exit;
use crate::look::Look;
use crate::output;
use crate::signatures;

/// Approve an open gate
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Look at the gate first with `windlass show RUN`. --plan binds the approval to the digest
that you saw there; without it the plan that the run has now is approved.

Examples:
  windlass approve 20261122-0142-k3f9q2 go --note CHG-4711
  windlass approve 20261122-0142-k3f9q2 go --plan 3f9a1b2c3d4e
  windlass approve 20261122-0142-k3f9q2 go --sign ~/.ssh/id_ed25519

Somebody else may bring what the approver has signed elsewhere:
  windlass approve 20261122-0142-k3f9q2 go --print-statement > go.statement
  ssh-keygen -Y sign -n windlass -f ~/.ssh/id_ed25519 go.statement
  windlass approve 20261122-0142-k3f9q2 go --signature go.statement.sig

Exit codes: 0 approved, 3 refused, 7 nobody listens or you may not")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The gate's step
    #[arg(value_name = "GATE")]
    gate: StepId,
    /// What the record keeps beside your name
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
    /// The plan's digest as you saw it, or its first 12 digits at least
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    plan: Option<String>,
    /// Print what is approved and signed, and approve nothing
    #[arg(long, conflicts_with_all = ["sign", "signature"])]
    print_statement: bool,
    /// Sign the gate's statement with this key; a public one when an agent has the private one
    #[arg(long, value_name = "KEY", conflicts_with = "signature")]
    sign: Option<PathBuf>,
    /// Bring a signature of the gate's statement; its approver is whose key has signed
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// The statement that was signed; where it is not the gate's any more, the lines that
    /// differ are shown
    #[arg(long, value_name = "FILE", requires = "signature")]
    statement: Option<PathBuf>,
}

/// The fewest digits that name a plan.
const DIGITS_MIN: usize = 12;

fn digest(text: &str) -> Result<String, String> {
    let hex = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if hex && (DIGITS_MIN..=64).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err(format!("expected {DIGITS_MIN} to 64 digits of 0-9 and a-f"))
    }
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    if args.print_statement {
        let view = Look::open(place).await?.view(&args.run).await?;
        let open = open_gate(&view, &args)?;
        output::raw(&asked_for(open, &args)?);
        return Ok(Exit::Success);
    }
    let run = args.run.clone();
    ask(place, &run, |view| approval(view, args)).await
}

fn approval(view: &RunView, args: Args) -> Result<Ask, Error> {
    let open = open_gate(view, &args)?;
    let text = asked_for(open, &args)?;
    if let Some(path) = &args.statement {
        let signed = fs::read_to_string(path).map_err(io("read", path))?;
        if let Some(differs) = difference(&signed, &text) {
            return Err(refused(
                &view.run,
                format!("another statement was signed: {differs}"),
            ));
        }
    }
    let signature = match (&args.sign, &args.signature) {
        (Some(key), _) => {
            output::err(&format!(
                "signed by {}:\n{}",
                key.display(),
                text.trim_end()
            ));
            Some(signatures::sign(&text, key)?)
        }
        (None, Some(path)) => Some(fs::read_to_string(path).map_err(io("read", path))?),
        (None, None) => None,
    };
    Ok(Ask::Approve(Approve {
        gate: args.gate,
        statement: open.statement,
        note: args.note,
        signature,
    }))
}

/// The text to sign, once it is the statement of what was asked for: whoever answers may be
/// the one from whom a signature is to protect.
fn asked_for(open: &Gate, args: &Args) -> Result<String, Error> {
    let text = signed_text(&open.statement_text, &args.note);
    let says = |name: &str, wanted: &dyn Fn(&str) -> bool| {
        let said: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix(name))
            .collect();
        matches!(said.as_slice(), [said] if wanted(said))
    };
    let is_of = says("run ", &|run| run == args.run.to_string())
        && says("gate ", &|gate| gate == args.gate.to_string())
        && says("plan ", &|plan| {
            let seen = args.plan.as_ref();
            seen.is_none_or(|seen| plan.starts_with(seen.as_str()))
        });
    match is_of {
        true => Ok(text),
        false => Err(Error::Bug(
            "the owner gave the statement of another gate or plan".to_owned(),
        )),
    }
}

/// The gate as it stands, when it is open and the plan is the one that was seen.
fn open_gate<'v>(view: &'v RunView, args: &Args) -> Result<&'v Gate, Error> {
    let found = view.gates.iter().find(|open| open.step == args.gate);
    let Some(open) = found else {
        return Err(refused(&view.run, why_not_open(view, &args.gate)));
    };
    let digest = open.statement.plan_digest.to_string();
    match &args.plan {
        Some(seen) if !digest.starts_with(seen) => Err(refused(
            &view.run,
            format!("the run's plan is {digest}, not the one that you saw"),
        )),
        Some(_) | None => Ok(open),
    }
}

/// The first line that one of two statements has and the other has not.
fn difference(signed: &str, now: &str) -> Option<String> {
    let (mut then, mut lines) = (signed.lines(), now.lines());
    loop {
        match (then.next(), lines.next()) {
            (None, None) => return None,
            (then, now) if then == now => {}
            (then, now) => {
                let words = |line: Option<&str>| line.unwrap_or("nothing").to_owned();
                return Some(format!(
                    "it says `{}`, the gate `{}`",
                    words(then),
                    words(now)
                ));
            }
        }
    }
}

fn refused(run: &RunId, message: String) -> Error {
    Error::Refused {
        message,
        help: Some(format!(
            "`windlass show {run}` shows the run as it stands now"
        )),
        exit: Exit::Rejected,
    }
}

fn why_not_open(view: &RunView, gate: &StepId) -> String {
    match view.steps.iter().find(|step| step.id == *gate) {
        Some(step) if step.kind == "gate" => {
            let message = step.message.as_ref().map(|text| format!(" ({text})"));
            format!(
                "the gate {gate} is {}, not open{}",
                step.state,
                message.unwrap_or_default()
            )
        }
        Some(_) => format!("{gate} is no gate"),
        None => format!("the plan has no step {gate}"),
    }
}
