//! The list of runs.

use windlass_core::time::Timestamp;
use windlass_server::view::waits_for_a_person;
use windlass_server::wire::RunSummary;

use super::Paint;
use crate::{text, time};

/// On fewer columns than this what a run waits for stands under its name.
const WIDE_COLUMNS_MIN: usize = 72;

/// One line a run, the newest first, with columns as wide as they need to be; on a narrow
/// terminal as many lines as it takes. Without an owner nothing goes on by itself, which
/// is said of each run that would.
pub(crate) fn run_list(runs: &[RunSummary], owned: bool, paint: &Paint) -> Vec<String> {
    let widest = |column: fn(&RunSummary) -> &str, least: usize| {
        let widths = runs.iter().map(|run| text::width(&text::line(column(run))));
        widths.max().unwrap_or(0).max(least)
    };
    let state = widest(|run| &run.state, 5);
    let name = widest(|run| &run.runbook, 7).min(32);
    let mut lines = Vec::new();
    for run in runs {
        let alone = (!owned && goes_on_by_itself(run)).then(|| {
            format!(
                "no owner is alive: windlass resume {}",
                text::line(&run.run)
            )
        });
        let head = format!("{}  {}", run.run, paint.glyph(&run.state));
        let runbook = text::line(&run.runbook);
        if paint.columns < WIDE_COLUMNS_MIN {
            lines.push(format!("{head} {}", paint.word(&text::line(&run.state))));
            let rest = format!("{runbook}  {}", tail(run));
            lines.extend(paint.hanging("    ", "    ", &rest));
            lines.extend(
                alone
                    .iter()
                    .flat_map(|alone| paint.hanging("    ", "    ", alone)),
            );
            continue;
        }
        // Padded before it is coloured: escapes take no columns.
        let word = paint.word(&format!("{:<state$}", text::line(&run.state)));
        let runbook = format!("{:<name$}", paint.cut(&runbook, name));
        let plain = text::width(&run.run) + 3 + 1 + state + 2 + name + 2;
        let tail = paint.cut(&tail(run), paint.columns.saturating_sub(plain));
        let line = format!("{head} {word}  {runbook}  {tail}");
        lines.push(line.trim_end().to_owned());
        lines.extend(alone.map(|alone| format!("    {alone}")));
    }
    lines
}

/// Whether a live run waits for nobody.
fn goes_on_by_itself(run: &RunSummary) -> bool {
    run.ended_at_ms.is_none()
        && matches!(run.state.as_str(), "running" | "ending" | "waiting")
        && !waits_for_a_person(&run.waits_for)
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
