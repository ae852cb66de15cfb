//! Which directories a command works on.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::error::Error;

/// The variable that names the directory when the command line does not.
pub(crate) const VARIABLE: &str = "WINDLASS_STATE_DIR";

/// The directory, by the first of: the option, `WINDLASS_STATE_DIR`,
/// `$XDG_STATE_HOME/windlass`, `~/.local/state/windlass`.
pub(crate) fn state_dir(option: Option<PathBuf>) -> Result<PathBuf, Error> {
    choose(option, |name| std::env::var_os(name))
}

/// Where what can be made again is kept: `$XDG_CACHE_HOME/windlass`, `~/.cache/windlass`.
pub(crate) fn cache_dir() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let cache = cache.or_else(|| Some(set("HOME")?.join(".cache")))?;
    cache.is_absolute().then(|| cache.join("windlass"))
}

fn choose(
    option: Option<PathBuf>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, Error> {
    let set = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(given) = option.or_else(|| set(VARIABLE)) {
        return Ok(given);
    }
    // The XDG rules say that a relative path is to be ignored.
    if let Some(state) = set("XDG_STATE_HOME").filter(|path| path.is_absolute()) {
        return Ok(state.join("windlass"));
    }
    match set("HOME") {
        Some(home) => Ok(home.join(".local/state/windlass")),
        None => Err(Error::Usage(format!(
            "no state directory: HOME is not set; give --state-dir DIR or set {VARIABLE}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_set_wins() {
        let look = |option: Option<&str>, set: &[(&str, &str)]| {
            let variable = |name: &str| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            };
            choose(option.map(PathBuf::from), variable)
                .map(|path| path.display().to_string())
                .ok()
        };
        let all = [(VARIABLE, "/v"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(look(Some("o"), &all).unwrap(), "o");
        assert_eq!(look(None, &all).unwrap(), "/v");
        assert_eq!(look(None, &all[1..]).unwrap(), "/x/windlass");
        assert_eq!(look(None, &all[2..]).unwrap(), "/h/.local/state/windlass");
        let relative = [("XDG_STATE_HOME", "x"), ("HOME", "/h")];
        assert_eq!(look(None, &relative).unwrap(), "/h/.local/state/windlass");
        assert_eq!(look(None, &[(VARIABLE, "")]), None);
    }
}
