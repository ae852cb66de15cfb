//! `windlass doctor`: whether this machine and directory can carry a run, and what the run
//! of a runbook would touch.

mod directory;
mod journal;
mod machine;
mod owner;
mod plan;
mod word;

use std::path::PathBuf;

use windlass_core::plan::StepKind;
use windlass_engine::state_dir::StateDir;
use windlass_runbook::outline::{Outline, StepOutline};

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::given::{self, NamedText};
use crate::output;
use crate::render::Paint;
use crate::runbook::Runbook;
use word::Word;

/// Check the state directory and this machine
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each line says ok, warn or FAIL, and what to do. A word in brackets names what is not well;
docs/doctor.md explains each. It changes nothing but makes the state directory when it is
missing. With a runbook it also looks whether the programs, PostgreSQL servers and Vaults that the
plan names are there; it logs in nowhere.

Examples:
  windlass doctor
  windlass doctor upgrade.yaml --input-file inputs.json

Exit codes: 0 nothing failed, 1 something did, 2 wrong input or runbook")]
pub(crate) struct Args {
    /// A runbook whose programs and servers are looked at too; - reads standard input
    #[arg(value_name = "RUNBOOK")]
    runbook: Option<PathBuf>,
    /// An input, as its type reads it
    #[arg(long, value_name = "NAME=VALUE", requires = "runbook")]
    input: Vec<NamedText>,
    /// A JSON object of inputs; --input stands above it
    #[arg(long, value_name = "FILE.json", requires = "runbook")]
    input_file: Option<PathBuf>,
}

/// How one look came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Ok,
    Warn,
    Fail,
}

/// One line of the report.
#[derive(Debug)]
struct Finding {
    what: &'static str,
    grade: Grade,
    said: String,
    /// What is not well, and what to do.
    ill: Option<(Word, String)>,
}

impl Finding {
    fn ok(what: &'static str, said: impl Into<String>) -> Self {
        Self {
            what,
            grade: Grade::Ok,
            said: said.into(),
            ill: None,
        }
    }

    fn warn(
        word: Word,
        what: &'static str,
        said: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            grade: Grade::Warn,
            ill: Some((word, advice.into())),
            ..Self::ok(what, said)
        }
    }

    fn fail(
        word: Word,
        what: &'static str,
        said: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            grade: Grade::Fail,
            ill: Some((word, advice.into())),
            ..Self::ok(what, said)
        }
    }
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    // First, as its mistakes are the caller's.
    let touched = touched(args).await?;
    let mut findings = directory(place).await;
    findings.extend(machine::look());
    findings.extend(touched);
    let paint = Paint::of_stdout();
    for finding in &findings {
        print(finding, &paint);
    }
    let failed = findings.iter().any(|finding| finding.grade == Grade::Fail);
    Ok(if failed { Exit::Failed } else { Exit::Success })
}

/// The state directory, its journal and its owner.
async fn directory(place: &Place) -> Vec<Finding> {
    match StateDir::prepare(&place.root) {
        Ok(dir) => {
            let mut findings = directory::look(&dir, place);
            findings.extend(owner::look(&dir).await);
            findings
        }
        Err(error) => vec![directory::refused(&error)],
    }
}

/// What a run of the runbook with these inputs would touch.
async fn touched(args: Args) -> Result<Vec<Finding>, Error> {
    let Some(path) = args.runbook else {
        return Ok(Vec::new());
    };
    let runbook = Runbook::read(&path)?;
    let inputs = given::inputs(args.input, args.input_file)?;
    let (indexed, actions) = runbook.planned(&inputs)?;
    let outline = Outline::new(&indexed, &actions);
    let plaintext = |look: &StepOutline| {
        let steps = &indexed.plan().steps;
        let step = steps.iter().find(|step| step.id == look.id);
        let call = step.and_then(|step| match &step.kind {
            StepKind::Action { call, .. } => Some(&call.with),
            _ => None,
        });
        plan::is_plaintext(call)
    };
    Ok(plan::look(&outline, plaintext).await)
}

fn print(finding: &Finding, paint: &Paint) {
    let grade = match finding.grade {
        Grade::Ok => "ok  ",
        Grade::Warn => "warn",
        Grade::Fail => "FAIL",
    };
    let state = match finding.grade {
        Grade::Ok => "succeeded",
        Grade::Warn => "needs_operator",
        Grade::Fail => "failed",
    };
    let head = format!("{grade}  {}: ", finding.what);
    let said = match &finding.ill {
        Some((word, _)) => format!("{} [{}]", finding.said, word.as_str()),
        None => finding.said.clone(),
    };
    let lines = paint.hanging(&head, "      ", &said);
    for (at, line) in lines.iter().enumerate() {
        match at {
            0 => output::out(&format!(
                "{}{}",
                paint.as_state(grade, state),
                &line[grade.len()..]
            )),
            _ => output::out(line),
        }
    }
    if let Some((_, advice)) = &finding.ill {
        let lines = paint.hanging("      -> ", "         ", advice);
        lines.iter().for_each(|line| output::out(line));
    }
}
