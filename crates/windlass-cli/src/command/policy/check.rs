//! `windlass policy check`: mistakes of a policy file, and what it says otherwise than
//! another.

use std::path::PathBuf;

use windlass_runbook::policy;

use crate::error::Error;
use crate::exit_codes::Exit;
use crate::policy::{Named, lines, read};
use crate::runbook::{self, Runbook};
use crate::{output, text, time};

/// Check a policy file and show its mistakes
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --against it also tells what the policy says otherwise than another: what a load of
it would record.

Examples:
  windlass policy check policy.yaml
  windlass policy check policy.yaml --against /etc/windlass/policy.yaml

Exit codes: 0 no mistakes (warnings are none), 2 mistakes")]
pub(crate) struct Args {
    /// The policy; - reads standard input
    #[arg(value_name = "FILE")]
    policy: PathBuf,
    /// Another policy, such as the one that holds
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Print the mistakes as one JSON object
    #[arg(long, conflicts_with = "against")]
    json: bool,
}

pub(crate) fn perform(args: &Args) -> Result<Exit, Error> {
    let file = Runbook::read(&args.policy)?;
    let now = time::now();
    let found = policy::read(&file.name, &file.text, now);
    if args.json {
        output::json(&found.checked.report());
    } else {
        runbook::show(&found.checked);
    }
    let Some(policy) = found.policy else {
        return Ok(Exit::Usage);
    };
    if args.json {
        return Ok(Exit::Success);
    }
    let counted = |count: usize, what: &str| text::count(count, what);
    output::out(&format!(
        "{}: ok, {}, {}, {}, digest {}",
        text::line(&file.name),
        counted(policy.people.len(), "person"),
        counted(policy.rules.len(), "rule"),
        counted(policy.demands.len(), "demand"),
        policy.digest
    ));
    if let Some(path) = &args.against {
        let other = Runbook::read(path)?;
        let before = read(&Named::of(other), now)?;
        let lines = lines(&before, &policy);
        if lines.is_empty() {
            output::out("it says nothing otherwise");
        }
        for line in lines {
            output::out(&format!("  {}", text::line(&line)));
        }
    }
    Ok(Exit::Success)
}
