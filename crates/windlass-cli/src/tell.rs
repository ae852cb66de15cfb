//! Sentences about runs on the terminal: their times, and their lines.

use windlass_core::time::Timestamp;
use windlass_server::telling::Telling;
use windlass_server::wire::RunView;

use crate::render::Paint;
use crate::{output, text, time};

/// Tells a run with times as `show` prints them.
pub(crate) fn telling<T>(view: &RunView, owned: bool, tell: impl FnOnce(&Telling<'_>) -> T) -> T {
    let now = time::now();
    let at = |at: i64| format!("{} UTC", time::near(Timestamp(at), now));
    tell(&Telling {
        run: view,
        owned,
        at: &at,
    })
}

/// Prints prose: one line into a file or a pipe, wrapped on a terminal.
pub(crate) fn print(prose: &str, paint: &Paint) {
    lines(prose, paint)
        .iter()
        .for_each(|line| output::out(line));
}

fn lines(prose: &str, paint: &Paint) -> Vec<String> {
    text::wrap(&text::line(prose), paint.columns, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_fits_a_narrow_terminal_and_shows_no_escapes() {
        let paint = Paint {
            columns: 40,
            ..Paint::plain()
        };
        let prose = "Run 20261122-0142-k3f9q2 (x\u{1b}[31my) waits for nothing: it succeeded \
                     at 01:42 UTC (every step succeeded).";
        let lines = lines(prose, &paint);
        assert_eq!(
            lines,
            [
                "Run 20261122-0142-k3f9q2 (xy) waits for",
                "nothing: it succeeded at 01:42 UTC",
                "(every step succeeded).",
            ]
        );
    }
}
