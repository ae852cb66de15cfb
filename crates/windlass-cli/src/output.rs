//! Standard output and error, written so that a reader who went away is no error:
//! `windlass runs | head` ends well, and a hang-up does not stop a park. A full disk is one:
//! a cut report must not look like a whole one. Secrets that this process has read are
//! replaced in all of it.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use windlass_engine::redact::everywhere;

use crate::text;

/// Whether something could not be printed for want of room.
static CUT: AtomicBool = AtomicBool::new(false);

/// Whether standard output lacks something for want of room.
pub(crate) fn is_cut() -> bool {
    CUT.load(Ordering::Relaxed)
}

fn note(done: io::Result<()>) {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    if let Err(error) = done
        && matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull)
    {
        CUT.store(true, Ordering::Relaxed);
    }
}

/// One line for people on standard output, in what its terminal can show.
pub(crate) fn out(line: &str) {
    if speaks_utf8() {
        data(line);
    } else {
        // Before the characters change: a secret is found as it is.
        data(&text::escaped(&everywhere(line)));
    }
}

/// One line for programs on standard output, as it is.
pub(crate) fn data(line: &str) {
    let line = everywhere(line);
    let mut stdout = io::stdout().lock();
    let done = stdout
        .write_all(line.as_bytes())
        .and_then(|()| stdout.write_all(b"\n"))
        .and_then(|()| stdout.flush());
    note(done);
}

/// A text that ends with its own line end on standard output, if it is not empty.
pub(crate) fn raw(text: &str) {
    let text = everywhere(text);
    let mut stdout = io::stdout().lock();
    let done = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    note(done);
}

/// One line on standard error.
pub(crate) fn err(line: &str) {
    let line = everywhere(line);
    let mut stderr = io::stderr().lock();
    let _gone = stderr
        .write_all(line.as_bytes())
        .and_then(|()| stderr.write_all(b"\n"));
}

/// Some data as one line of JSON on standard output.
pub(crate) fn json(value: &impl serde::Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => data(&text),
        // Wire types have only text keys; this cannot be met, and is no reason to panic.
        Err(error) => err(&format!("cannot write JSON: {error}")),
    }
}

/// Whether the locale is one of UTF-8.
pub(crate) fn speaks_utf8() -> bool {
    static SPEAKS: OnceLock<bool> = OnceLock::new();
    *SPEAKS.get_or_init(|| {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = set("LC_ALL")
            .or_else(|| set("LC_CTYPE"))
            .or_else(|| set("LANG"));
        locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
    })
}

/// Whether standard output shows colours: a terminal, and nobody said `NO_COLOR`.
pub(crate) fn colours() -> bool {
    may_colour() && io::stdout().is_terminal()
}

/// Whether a terminal is shown colours: nobody said `NO_COLOR`.
pub(crate) fn may_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !refused && !dumb
}
