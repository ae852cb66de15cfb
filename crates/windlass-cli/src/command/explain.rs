//! `windlass explain`: the page of a diagnostic's code, for a terminal.

use windlass_runbook::codes::{CODES, Code};

use crate::error::Error;
use crate::exit_codes::Exit;
use crate::output;
use crate::render::{Paint, page};

/// Explain a code of the checker, with a wrong and a right example
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without a code all of them are listed.

Examples:
  windlass explain WL0406
  windlass explain | grep timeout

Exit codes: 0 explained, 2 there is no such code")]
pub(crate) struct Args {
    /// The code, such as WL0406
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

pub(crate) fn perform(args: Args) -> Result<Exit, Error> {
    let paint = Paint::of_stdout();
    let Some(text) = args.code else {
        for code in CODES {
            let head = format!("{code}  ");
            let indent = " ".repeat(head.len());
            for line in paint.hanging(&head, &indent, code.explanation()) {
                output::out(&line);
            }
        }
        return Ok(Exit::Success);
    };
    let code = Code::named(&text).ok_or_else(|| unknown(&text))?;
    for line in page(code.page(), &paint) {
        output::out(&line);
    }
    Ok(Exit::Success)
}

fn unknown(text: &str) -> Error {
    let known = match Code::nearest(text) {
        Some(code) => format!("did you mean {code}?"),
        None => "`windlass explain` lists all codes".to_owned(),
    };
    Error::Usage(format!("there is no code {text:?}: {known}"))
}
