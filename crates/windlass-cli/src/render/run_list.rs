//! The list of runs.

use windlass_core::time::Timestamp;
use windlass_server::wire::RunSummary;

use super::Paint;
use crate::{text, time};

/// One line a run, the newest first, with columns as wide as they need to be.
pub(crate) fn run_list(runs: &[RunSummary], paint: &Paint) -> Vec<String> {
    let widest = |column: fn(&RunSummary) -> &str, least: usize| {
        let widths = runs.iter().map(|run| text::width(&text::line(column(run))));
        widths.max().unwrap_or(0).max(least)
    };
    let state = widest(|run| &run.state, 5);
    let name = widest(|run| &run.runbook, 7).min(32);
    runs.iter()
        .map(|run| {
            // Padded before it is coloured: escapes take no columns.
            let word = format!("{:<state$}", text::line(&run.state));
            let head = format!("{}  {}", run.run, paint.glyph(&run.state));
            let runbook = format!("{:<name$}", paint.cut(&text::line(&run.runbook), name));
            let plain = text::width(&run.run) + 3 + 1 + state + 2 + name + 2;
            let tail = paint.cut(&tail(run), paint.columns.saturating_sub(plain));
            let word = paint.word(&word);
            format!("{head} {word}  {runbook}  {tail}")
                .trim_end()
                .to_owned()
        })
        .collect()
}

fn tail(run: &RunSummary) -> String {
    let mut parts = Vec::new();
    if run.owes {
        parts.push("OWES".to_owned());
    }
    if !run.waits_for.is_empty() {
        parts.push(text::line(&run.waits_for));
    }
    let started = Timestamp(run.started_at_ms);
    parts.push(match run.ended_at_ms {
        Some(ended) => format!(
            "{} took {}",
            time::minute(started),
            time::age(started, Timestamp(ended))
        ),
        None => format!("since {}", time::minute(started)),
    });
    parts.join("  ")
}
