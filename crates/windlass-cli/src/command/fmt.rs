//! `windlass fmt`: runbooks and their tests in the one layout.

use std::path::{Path, PathBuf};

use windlass_runbook::diagnostic::Source;
use windlass_runbook::format::{Refusal, format};
use windlass_runbook::render::render_all;

use crate::diff;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::output;
use crate::replace::replace;
use crate::runbook::{self, Runbook};
use crate::text;
use crate::walk::{below, is_yaml};

/// Lay out runbooks and their tests in the one way
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What a file means and all of its comments stay: if they would not, the file is left as it
is. Of a directory every *.yaml and *.yml file below it is formatted.

Examples:
  windlass fmt upgrade.yaml
  windlass fmt --check runbooks
  windlass fmt - < upgrade.yaml

Exit codes: 0 all are formatted, 1 --check found one that is not, 2 one cannot be read")]
pub(crate) struct Args {
    /// The files or directories; - reads standard input and prints what it becomes
    #[arg(value_name = "FILE", required = true)]
    paths: Vec<PathBuf>,
    /// List the files that are not formatted, and write nothing
    #[arg(long)]
    check: bool,
    /// Show what would change, and write nothing
    #[arg(long)]
    diff: bool,
}

/// What became of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Became {
    Same,
    Changed,
    Unreadable,
}

pub(crate) fn perform(args: &Args) -> Result<Exit, Error> {
    let is_filter = args.paths.iter().any(|path| path == Path::new("-"));
    if is_filter && args.paths.len() > 1 {
        let message = "standard input is formatted alone: give either - or files".to_owned();
        return Err(Error::Usage(message));
    }
    let mut all = Vec::new();
    for path in files(&args.paths)? {
        all.push(file(&path, args)?);
    }
    let count = |became| all.iter().filter(|found| **found == became).count();
    let (changed, unreadable) = (count(Became::Changed), count(Became::Unreadable));
    if all.len() > 1 && unreadable > 0 {
        output::err(&format!(
            "{unreadable} of {} files cannot be read",
            all.len()
        ));
    }
    if args.check && changed > 0 {
        output::err("`windlass fmt` formats them");
    }
    Ok(if unreadable > 0 {
        Exit::Usage
    } else if args.check && changed > 0 {
        Exit::Failed
    } else {
        Exit::Success
    })
}

/// Formats one file, or the standard input.
fn file(path: &Path, args: &Args) -> Result<Became, Error> {
    let Runbook {
        name, text: before, ..
    } = match Runbook::read(path) {
        Ok(runbook) => runbook,
        // The others are formatted all the same.
        Err(error) => {
            output::err(&format!("windlass: {}", text::line(&error.to_string())));
            return Ok(Became::Unreadable);
        }
    };
    let after = match format(&before) {
        Ok(after) => after,
        Err(Refusal::Unreadable(found)) => {
            let sources = [Source { name, text: before }];
            runbook::show_rendered(|style, columns| render_all(&sources, &found, style, columns));
            return Ok(Became::Unreadable);
        }
        Err(refusal @ Refusal::TooLarge) => {
            return Err(Error::Usage(format!("{name}: {refusal}")));
        }
        Err(refusal @ Refusal::Unfaithful { .. }) => {
            return Err(Error::Bug(format!("{name} is left as it is: {refusal}")));
        }
    };
    let is_changed = before != after;
    let shown = text::line(&name);
    if args.diff {
        for line in diff::unified(&shown, &before, &after) {
            output::out(&text::lines(&line.replace('\r', "^M")));
        }
    } else if args.check {
        if is_changed {
            output::out(&format!("{shown}: not formatted"));
        }
    } else if path == Path::new("-") {
        output::raw(&after);
    } else if is_changed {
        replace(path, &after)?;
        output::out(&format!("{shown}: formatted"));
    }
    Ok(if is_changed {
        Became::Changed
    } else {
        Became::Same
    })
}

/// The files that are meant, directories looked into.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            below(path, &is_yaml, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}
