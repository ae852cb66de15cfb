//! `windlass test`: rehearses runbooks with mocked work, as their test files say.

use std::path::PathBuf;

use crate::error::Error;
use crate::exit_codes::Exit;
use crate::output;
use crate::rehearse::{self, Report, human, junit, tap};
use crate::render::Paint;

/// Test runbooks: rehearse the cases of test files with mocked work
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A test file, NAME.test.yaml, stands beside its runbook NAME.yaml. Its cases say how the
work ends, how gates are answered and what the run must come to. Nothing is started: the
same decisions as in a run are taken, on a clock that jumps. docs/testing.md has the format.

Examples:
  windlass test                      all test files here and below
  windlass test upgrade.test.yaml
  windlass test runbooks --coverage --min-coverage 100
  windlass test --format junit > report.xml

Exit codes: 0 every case is as expected, 1 a case is not or too little was reached,
2 a test file or its runbook is wrong")]
pub(crate) struct Args {
    /// Test files, and folders to look for them in
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// What is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Say which steps were reached, and which sides of each `when`
    #[arg(long)]
    coverage: bool,
    /// Fail when less than this share of a runbook was reached
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    min_coverage: Option<u32>,
}

/// How the result is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    #[default]
    Human,
    /// TAP version 14
    Tap,
    /// JUnit XML
    Junit,
}

pub(crate) fn perform(args: Args) -> Result<Exit, Error> {
    let files = rehearse::find(&args.paths)?;
    let report = rehearse::report(&files, args.coverage, args.min_coverage)?;
    match args.format {
        Format::Human => {
            for file in report.files.iter().filter(|file| file.wrong.is_some()) {
                output::err(file.wrong.as_deref().unwrap_or_default());
                output::err("");
            }
            for line in human::lines(&report, &Paint::of_stdout()) {
                output::out(&line);
            }
        }
        Format::Tap => output::data(tap::document(&report).trim_end()),
        Format::Junit => output::data(junit::document(&report).trim_end()),
    }
    Ok(exit(&report))
}

fn exit(report: &Report) -> Exit {
    if report.files.iter().any(|file| file.wrong.is_some()) {
        Exit::Usage
    } else if report.is_good() {
        Exit::Success
    } else {
        Exit::Failed
    }
}
