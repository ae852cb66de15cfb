//! The story of a rehearsed run: one line for each thing that happened, with the time
//! since the run's start.

use windlass_core::event::Event;
use windlass_core::time::Millis;
use windlass_engine::rehearsal::Story;

use crate::render::{Loops, note};
use crate::text;

/// The most lines of a story that are told: its end explains more than its beginning.
const LINES_MAX: usize = 200;

pub(super) fn lines(story: &Story) -> Vec<String> {
    let start = story.events.first().map(|(_, at)| *at).unwrap_or_default();
    let mut loops = Loops::default();
    let mut lines: Vec<String> = story
        .events
        .iter()
        .filter_map(|(event, at)| {
            loops.learn(event);
            let said = match event {
                Event::RunEnded { end, reason } => {
                    format!("the run {}: {reason}", end.as_str())
                }
                event => note(event, *at, &loops)?.text,
            };
            Some(format!(
                "{:>9}  {}",
                elapsed(at.since(start)),
                text::line(&said)
            ))
        })
        .collect();
    let left_out = lines.len().saturating_sub(LINES_MAX);
    if left_out > 0 {
        lines.drain(..left_out);
        lines.insert(0, format!("({left_out} lines before this are left out)"));
    }
    lines
}

/// `+1h02m03s`: exact to the second, or to the millisecond below one.
fn elapsed(span: Millis) -> String {
    let (seconds, rest) = (span.0 / 1000, span.0 % 1000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let second = seconds % 60;
    match (hours, minutes) {
        (0, 0) if rest > 0 => format!("+{second}.{rest:03}s"),
        (0, 0) => format!("+{second}s"),
        (0, _) => format!("+{minutes}m{second:02}s"),
        (_, _) => format!("+{hours}h{minutes:02}m{second:02}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_since_the_start() {
        let shown: Vec<String> = [0, 1_500, 61_000, 7_325_000]
            .iter()
            .map(|ms| elapsed(Millis(*ms)))
            .collect();
        assert_eq!(shown, ["+0s", "+1.500s", "+1m01s", "+2h02m05s"]);
    }
}
