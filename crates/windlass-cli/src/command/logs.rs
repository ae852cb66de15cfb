//! `windlass logs`: what attempts wrote, with secrets already replaced.

use std::time::Duration;

use windlass_core::id::{NodeId, RunId};
use windlass_server::wire::RunView;

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::look::Look;
use crate::{output, text};

/// How often a followed log is read again.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Print what attempts wrote
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without NODE: the latest attempt of every step that began. Control and escape sequences
are taken out; `windlass show --json` names the digest of each whole log.

Examples:
  windlass logs RUN
  windlass logs RUN upgrade --attempt 1
  windlass logs RUN upgrade --follow")]
pub(crate) struct Args {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: RunId,
    /// The step, STEP[ITEM] of a for_each, or undo:STEP
    #[arg(value_name = "NODE")]
    node: Option<NodeId>,
    /// Another attempt than the latest
    #[arg(long, value_name = "N", requires = "node")]
    attempt: Option<u32>,
    /// Go on until the attempt has ended
    #[arg(short, long, requires = "node")]
    follow: bool,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let look = Look::open(place).await?;
    let view = look.view(&args.run).await?;
    let Some(node) = args.node else {
        return all(&look, &view).await;
    };
    let latest = latest(&view, &node).ok_or_else(|| Error::Refused {
        message: format!("{node} has not come to run yet"),
        help: Some(format!("`windlass show {}` lists the steps", args.run)),
        exit: Exit::Rejected,
    })?;
    let attempt = args.attempt.unwrap_or(latest);
    let mut printed = 0;
    loop {
        // Looked at before the log is read: what is written until the end is read.
        let over = !args.follow || is_over(&look.view(&args.run).await?, &node, attempt);
        let log = look.log(&args.run, &node, attempt).await?;
        printed += print_from(&log, printed, over);
        if over {
            return Ok(Exit::Success);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn all(look: &Look, view: &RunView) -> Result<Exit, Error> {
    let steps = view.steps.iter();
    let items = steps.flat_map(|step| &step.items);
    for item in items.filter(|item| item.attempt > 0) {
        let log = look.log(&view.run, &item.node.id, item.attempt).await?;
        if !log.is_empty() {
            output::out(&format!("== {} attempt {}", item.node, item.attempt));
            print_from(&log, 0, true);
        }
    }
    Ok(Exit::Success)
}

/// Prints whole lines, at the end also one without its end; answers how many bytes.
fn print_from(log: &[u8], from: usize, over: bool) -> usize {
    let rest = log.get(from..).unwrap_or_default();
    let whole = match rest.iter().rposition(|byte| *byte == b'\n') {
        _ if over => rest.len(),
        Some(at) => at + 1,
        None => 0,
    };
    for line in String::from_utf8_lossy(&rest[..whole]).lines() {
        output::out(&text::lines(line));
    }
    whole
}

fn latest(view: &RunView, node: &NodeId) -> Option<u32> {
    let mut items = view.steps.iter().flat_map(|step| &step.items);
    let item = items.find(|item| item.node.id == *node)?;
    (item.attempt > 0).then_some(item.attempt)
}

fn is_over(view: &RunView, node: &NodeId, attempt: u32) -> bool {
    let mut items = view.steps.iter().flat_map(|step| &step.items);
    let item = items.find(|item| item.node.id == *node);
    item.is_none_or(|item| item.attempt != attempt || item.state != "running")
}
