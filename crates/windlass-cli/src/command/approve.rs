//! `windlass approve`: decides a gate as it stands now.

use windlass_core::id::{RunId, StepId};
use windlass_server::wire::{Approve, RunView};

use super::asking::ask;
use crate::args::Place;
use crate::ask::Ask;
use crate::error::Error;
use crate::exit_codes::Exit;

/// Approve an open gate
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Look at the gate first with `windlass show RUN`. --plan binds the approval to the digest
that you saw there; without it the plan that the run has now is approved.

Examples:
  windlass approve 20261122-0142-k3f9q2 go --note CHG-4711
  windlass approve 20261122-0142-k3f9q2 go --plan 3f9a1b2c3d4e

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
    let Args {
        run,
        gate,
        note,
        plan,
    } = args;
    ask(place, &run, |view| approval(view, gate, note, plan)).await
}

fn approval(
    view: &RunView,
    gate: StepId,
    note: String,
    plan: Option<String>,
) -> Result<Ask, Error> {
    let run = &view.run;
    let refused = |message: String| Error::Refused {
        message,
        help: Some(format!(
            "`windlass show {run}` shows the run as it stands now"
        )),
        exit: Exit::Rejected,
    };
    let Some(open) = view.gates.iter().find(|open| open.step == gate) else {
        return Err(refused(why_not_open(view, &gate)));
    };
    let digest = open.statement.plan_digest.to_string();
    if plan.is_some_and(|seen| !digest.starts_with(&seen)) {
        return Err(refused(format!(
            "the run's plan is {digest}, not the one that you saw"
        )));
    }
    Ok(Ask::Approve(Approve {
        gate,
        statement: open.statement,
        note,
    }))
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
