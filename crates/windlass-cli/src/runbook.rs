//! Reading a runbook from a file and checking it, with its mistakes shown as they
//! are for authors.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_core::catalog::Catalog;
use windlass_core::plan::{IndexedPlan, Plan};
use windlass_core::policy::Policy;
use windlass_runbook::render::{COLUMNS, Style};
use windlass_runbook::{Checked, Files, Given, NoFiles, NoPlugin, Plugin, TEXT_BYTES_MAX};

use crate::error::Error;
use crate::output;
use crate::plugins;
use crate::render::Paint;
use crate::sources::catalog;
use crate::text;

/// A runbook's name for messages, and its text.
#[derive(Debug)]
pub(crate) struct Runbook {
    pub(crate) name: String,
    pub(crate) text: String,
    /// Where the runbooks are that it inlines; nowhere for the standard input.
    directory: Option<PathBuf>,
    /// The policy that it is checked under.
    policy: Option<Policy>,
}

/// The files of a runbook's directory and of those around it.
pub(crate) struct Beside<'a> {
    pub(crate) directory: &'a Path,
    /// The runbook, as commands name it.
    pub(crate) runbook: &'a str,
}

impl Files for Beside<'_> {
    fn plugin(&self, path: &str) -> Result<Plugin, NoPlugin> {
        plugins::find(self.directory, path, self.runbook)
    }

    fn read(&self, path: &str) -> Result<String, String> {
        let path = self.directory.join(path);
        let said = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => crate::error::said(&error),
        };
        // Opening a pipe would wait for somebody who writes.
        if !std::fs::metadata(&path).map_err(said)?.is_file() {
            return Err("it is no regular file".to_owned());
        }
        let file = std::fs::File::open(&path).map_err(said)?;
        let mut bytes = Vec::new();
        file.take(TEXT_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(said)?;
        String::from_utf8(bytes).map_err(|_| NO_TEXT.to_owned())
    }
}

/// Why bytes are no text.
const NO_TEXT: &str = "it is not UTF-8 text";

/// The bytes of a file or of the standard input, at most one more than is allowed, so that
/// what is too long is seen to be.
fn bytes(path: &Path, is_stdin: bool) -> std::io::Result<Vec<u8>> {
    let most = TEXT_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    if is_stdin {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)?;
    } else {
        let file = std::fs::File::open(path)?;
        file.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

impl Runbook {
    /// Reads the file; `-` is the standard input.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let is_stdin = path == Path::new("-");
        let name = if is_stdin {
            "standard input".to_owned()
        } else {
            path.display().to_string()
        };
        let text = bytes(path, is_stdin)
            .map_err(|error| crate::error::said(&error))
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| NO_TEXT.to_owned()));
        let text = match text {
            Ok(text) => text,
            Err(why) => return Err(Error::Unreadable { name, why }),
        };
        let directory = (!is_stdin)
            .then(|| path.parent().map(Path::to_owned))
            .flatten();
        Ok(Self {
            name,
            text,
            directory,
            policy: None,
        })
    }

    /// The same, to be checked under a policy.
    pub(crate) fn under(self, policy: Option<Policy>) -> Self {
        Self { policy, ..self }
    }

    /// Checks it against the actions of this program.
    pub(crate) fn checked(&self, inputs: Option<&BTreeMap<String, Given>>) -> Checked {
        let catalog = catalog();
        let check = |files: &dyn Files| {
            let policy = self.policy.as_ref();
            windlass_runbook::check_under(&self.name, &self.text, inputs, &catalog, files, policy)
        };
        match &self.directory {
            Some(directory) => check(&Beside {
                directory,
                runbook: &self.name,
            }),
            None => check(&NoFiles),
        }
    }

    /// The plan of a run with these inputs, and the actions that it may use.
    pub(crate) fn planned(
        &self,
        inputs: &BTreeMap<String, Given>,
    ) -> Result<(Arc<IndexedPlan>, Catalog), Error> {
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
        let plan = IndexedPlan::new(plan).map_err(|error| {
            Error::Bug(format!(
                "the checker let a plan pass that has no meaning: {error}"
            ))
        })?;
        Ok((plan, checked.actions))
    }

    /// The plan of a run with these inputs.
    pub(crate) fn plan(&self, inputs: &BTreeMap<String, Given>) -> Result<Arc<IndexedPlan>, Error> {
        Ok(self.planned(inputs)?.0)
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
