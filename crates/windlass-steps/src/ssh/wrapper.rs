//! What the other machine is told, in two parts.
//!
//! The *greeting* is the command that the SSH client carries there. It holds nothing of
//! the step: it says that it is ready, and waits for one line on its standard input. The
//! *line* holds all the rest: words, variables, input. So nothing of it stands in a list
//! of processes, no login shell takes it apart, and what did not come whole is not begun:
//! its last byte, the line's end, is the sending.
//!
//! Both are for a POSIX shell. Names that begin with `WINDLASS_` are not the author's.

use std::fmt::Write as _;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use windlass_engine::ports::StepContext;

use crate::process::{Call, variables};
use crate::with::BadWith;

/// How long after its greeting the other machine begins a command. Less than the settle
/// time: when that is over, what is still on its way is refused on arrival.
pub const GO_WITHIN: Duration = Duration::from_secs(20);
/// The most bytes of a line.
const LINE_BYTES_MAX: usize = 512 * 1024;
/// The most bytes of one word or variable, which is what Linux takes.
const WORD_BYTES_MAX: usize = 128 * 1024 - 1;

/// The command for the client, by whose answers `mark` is known.
///
/// The login shell may be any: single quotes, with nothing in them that csh or fish take
/// for more than itself.
pub(super) fn greeting(mark: &str) -> String {
    format!(
        "exec /bin/sh -c 'WINDLASS_m={mark};WINDLASS_s=$(date +%s);\
         echo \"$WINDLASS_m ready $WINDLASS_s\";\
         IFS= read -r WINDLASS_l||exit 0;eval \"$WINDLASS_l\"'"
    )
}

/// The line, without its end. It is a secret when anything in it is.
pub(super) fn line(context: &StepContext, call: &Call) -> Result<SecretString, BadWith> {
    if call.argv[0].starts_with('-') {
        return Err(BadWith::new(format!(
            "{:?} is no program's name",
            call.argv[0]
        )));
    }
    let mut line = format!(
        "WINDLASS_n=$(printf \"\\nx\");WINDLASS_n=${{WINDLASS_n%x}};\
         WINDLASS_r(){{ echo \"$WINDLASS_m refused $1\";exit 0;}};\
         test $(($(date +%s)-$WINDLASS_s)) -le {}||WINDLASS_r late;",
        GO_WITHIN.as_secs()
    );
    if call.stdin.is_some() {
        // A `printf` that is a program would show the input as its argument.
        line.push_str("test \"$(command -v printf)\" = printf||WINDLASS_r printf;");
    }
    if let Some(cwd) = &call.cwd {
        let cwd = quoted(cwd);
        let _ = write!(line, "CDPATH= cd -- {cwd} >/dev/null||WINDLASS_r cwd;");
    }
    for (name, value) in &call.env {
        if !is_name(name) {
            return Err(BadWith::new(format!(
                "{name:?} is no variable's name in a shell: letters, digits and `_`"
            )));
        }
        export(&mut line, name, value.expose_secret())?;
    }
    for (name, value) in variables(context) {
        export(&mut line, name, &value)?;
    }
    line.push_str("set --");
    for word in &call.argv {
        bounded("a word of `argv`", word)?;
        let _ = write!(line, " {}", quoted(word));
    }
    line.push_str(
        ";command -v \"$1\" >/dev/null 2>&1||WINDLASS_r program;\
         echo \"$WINDLASS_m began\";",
    );
    // `exec` takes programs only, in a shell of its own: what it cannot start ends that.
    match &call.stdin {
        None => line.push_str("(exec \"$@\") </dev/null;"),
        Some(text) => {
            let text = text.expose_secret();
            if text.contains('\0') {
                return Err(BadWith::new("`stdin` cannot hold a NUL"));
            }
            let text = quoted(text);
            let _ = write!(line, "printf %s {text} 2>/dev/null|(exec \"$@\");");
        }
    }
    line.push_str("WINDLASS_c=$?;echo \"$WINDLASS_m ended $WINDLASS_c\";exit 0");
    if line.len() > LINE_BYTES_MAX {
        return Err(BadWith::new(format!(
            "words, variables and input are {} bytes, more than the {LINE_BYTES_MAX} that are sent",
            line.len()
        )));
    }
    Ok(line.into())
}

fn export(line: &mut String, name: &str, value: &str) -> Result<(), BadWith> {
    bounded(&format!("`env.{name}`"), value)?;
    let _ = write!(line, "export {name}={};", quoted(value));
    Ok(())
}

fn bounded(what: &str, text: &str) -> Result<(), BadWith> {
    if text.len() > WORD_BYTES_MAX {
        return Err(BadWith::new(format!(
            "{what} is longer than {WORD_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

/// Whether a shell can export it.
fn is_name(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(is_word) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// A text as one word on one line.
fn quoted(text: &str) -> String {
    let mut word = String::with_capacity(text.len() + 2);
    word.push('\'');
    for c in text.chars() {
        match c {
            '\'' => word.push_str("'\\''"),
            '\n' => word.push_str("'\"$WINDLASS_n\"'"),
            c => word.push(c),
        }
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_on_one_line() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's\n$x"), "'it'\\''s'\"$WINDLASS_n\"'$x'");
        for (name, expected) in [("A_1", true), ("1A", false), ("A-B", false), ("Ä", false)] {
            assert_eq!(is_name(name), expected, "{name}");
        }
    }

    #[test]
    fn the_greeting_fits_any_login_shell() {
        let greeting = greeting("windlass-0");
        let inside = greeting
            .strip_prefix("exec /bin/sh -c '")
            .and_then(|rest| rest.strip_suffix('\''));
        assert!(!inside.unwrap().contains(['\'', '\\', '!', '\n']));
    }
}
