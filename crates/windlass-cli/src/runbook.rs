//! Reading a runbook from a file and checking it, with its mistakes shown as they
//! are for authors.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use windlass_core::plan::{IndexedPlan, Plan};
use windlass_runbook::render::{COLUMNS, Style};
use windlass_runbook::{Checked, Given, TEXT_BYTES_MAX};

use crate::error::{Error, io};
use crate::output;
use crate::render::Paint;
use crate::sources::catalog;
use crate::text;

/// A runbook's name for messages, and its text.
#[derive(Debug)]
pub(crate) struct Runbook {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Runbook {
    /// Reads the file; `-` is the standard input.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        // One more than is allowed, so that what is too long is seen to be.
        let most = TEXT_BYTES_MAX as u64 + 1;
        let name = if path == Path::new("-") {
            let stdin = std::io::stdin().lock();
            stdin
                .take(most)
                .read_to_end(&mut bytes)
                .map_err(io("read", path))?;
            "standard input".to_owned()
        } else {
            let file = std::fs::File::open(path).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => {
                    Error::Usage(format!("there is no runbook {}", path.display()))
                }
                _ => io("read", path)(error),
            })?;
            file.take(most)
                .read_to_end(&mut bytes)
                .map_err(io("read", path))?;
            path.display().to_string()
        };
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::Usage(format!("{name} is not UTF-8 text")))?;
        Ok(Self { name, text })
    }

    /// Checks it against the actions of this program.
    pub(crate) fn checked(&self, inputs: Option<&BTreeMap<String, Given>>) -> Checked {
        windlass_runbook::check(&self.name, &self.text, inputs, &catalog())
    }

    /// The plan of a run with these inputs.
    pub(crate) fn plan(&self, inputs: &BTreeMap<String, Given>) -> Result<Arc<IndexedPlan>, Error> {
        let checked = self.checked(Some(inputs));
        // Whoever starts a run wants to know what stops it; advice is for its author.
        if checked.has_errors() {
            show(&checked);
        } else if let warnings @ 1.. = checked.diagnostics.len() + checked.omitted {
            let (name, s) = (text::line(&self.name), if warnings == 1 { "" } else { "s" });
            output::err(&format!(
                "{name}: {warnings} warning{s}; `windlass check` says more"
            ));
        }
        let lacks_inputs = checked.lacks_inputs();
        let plan: Plan = checked.plan.ok_or_else(|| Error::BadRunbook {
            name: self.name.clone(),
            help: lacks_inputs
                .then_some("give an input by --input NAME=VALUE, or all by --input-file FILE.json"),
        })?;
        IndexedPlan::new(plan).map_err(|error| {
            Error::Bug(format!(
                "the checker let a plan pass that has no meaning: {error}"
            ))
        })
    }
}

/// Prints what was found on standard error, as its terminal can show it.
pub(crate) fn show(checked: &Checked) {
    if !checked.diagnostics.is_empty() {
        show_rendered(|style, columns| checked.render_within(style, columns));
    }
}

/// Prints diagnostics, rendered for the terminal behind standard error.
pub(crate) fn show_rendered(render: impl FnOnce(Style, usize) -> String) {
    let paint = Paint::of_stderr();
    let style = if paint.colours {
        Style::Coloured
    } else {
        Style::Plain
    };
    let rendered = render(style, paint.columns.min(COLUMNS));
    let rendered = if paint.ascii {
        text::ascii(&rendered)
    } else {
        rendered
    };
    output::err(&rendered);
    output::err("");
}
