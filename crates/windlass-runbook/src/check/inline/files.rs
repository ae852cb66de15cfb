//! Where the texts of inlined runbooks and the plugins come from, and how their paths are
//! told apart.

use crate::plugin::{NoPlugin, Plugin};

/// What lies beside a runbook. The check reads no file itself, and loads no plugin.
pub trait Files {
    /// The text at `path`, which is relative to the directory of the runbook that is
    /// checked, with `/` between its parts.
    ///
    /// # Errors
    /// Why there is none, as the end of a sentence: `there is no such file`.
    fn read(&self, path: &str) -> Result<String, String>;

    /// The plugin at `path`, a directory or a component.
    ///
    /// # Errors
    /// Why none can be used.
    fn plugin(&self, path: &str) -> Result<Plugin, NoPlugin> {
        let _ = path;
        let why = "a runbook without a file of its own has no plugins beside it";
        Err(NoPlugin::Unreadable(why.to_owned()))
    }
}

/// No files at all, as for a runbook on standard input.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _path: &str) -> Result<String, String> {
        Err("a runbook without a file of its own has no others beside it".to_owned())
    }
}

impl Files for std::collections::BTreeMap<String, String> {
    fn read(&self, path: &str) -> Result<String, String> {
        let missing = || "there is no such file".to_owned();
        self.get(path).cloned().ok_or_else(missing)
    }
}

/// Whether a `uses` means a runbook rather than an action.
pub(in crate::check) fn is_path(uses: &str) -> bool {
    uses.starts_with(['.', '/']) || uses.ends_with(".yaml") || uses.ends_with(".yml")
}

/// Whether a text says that it is a runbook, by a key `windlass` at the margin.
pub fn is_runbook(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    text.lines().any(|line| {
        let key = line.trim_start_matches('{').trim_start_matches(['"', '\'']);
        key.strip_prefix("windlass")
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
    })
}

/// `written` as seen from the directory of the runbook that is checked, when it stands in
/// the runbook `from`. Dots are resolved by their spelling alone, so that a file has one name.
pub(in crate::check) fn resolve(from: &str, written: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in written.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A file's name for people: beside the runbook's own name.
pub(super) fn shown(root: &str, path: &str) -> String {
    match root.rsplit_once('/') {
        Some((directory, _)) => format!("{directory}/{path}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runbook_says_that_it_is_one() {
        for text in [
            "windlass: 1\n",
            "# a\n\"windlass\" : 1",
            "{windlass: 1}",
            "\u{feff}windlass: 1",
        ] {
            assert!(is_runbook(text), "{text}");
        }
        for text in ["", "root:x:0:0:", "a:\n  windlass: 1", "windlass_test: 1"] {
            assert!(!is_runbook(text), "{text}");
        }
    }

    #[test]
    fn a_file_has_one_name() {
        for (from, written, found) in [
            ("", "./a.yaml", "a.yaml"),
            ("", "../b/./a.yaml", "../b/a.yaml"),
            ("sub/x.yaml", "./a.yaml", "sub/a.yaml"),
            ("sub/x.yaml", "../a.yaml", "a.yaml"),
            ("sub/x.yaml", "../../a.yaml", "../a.yaml"),
            ("../x.yaml", "../a.yaml", "../../a.yaml"),
        ] {
            assert_eq!(resolve(from, written), found);
        }
        assert_eq!(shown("books/a.yaml", "b.yaml"), "books/b.yaml");
        assert_eq!(shown("a.yaml", "../b.yaml"), "../b.yaml");
    }
}
