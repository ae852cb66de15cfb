//! What each step touches, as far as it is known before the run.

use windlass_core::catalog::Touch;
use windlass_runbook::outline::{Doing, Outline, StepOutline, Touched};

use super::{NAMES_MAX, VALUE_COLUMNS_MAX};
use crate::render::Paint;
use crate::text;

/// The steps of which it is shown what they touch.
const TOUCHING_MAX: usize = 40;

/// What each step touches.
pub(super) fn touching(plan: &Outline, paint: &Paint) -> Vec<String> {
    let all: Vec<&StepOutline> = plan
        .steps
        .iter()
        .filter(|step| !step.touches.is_empty())
        .collect();
    if all.is_empty() {
        return paint.labelled("touches", "nothing that the plan names");
    }
    let mut lines = vec!["touches".to_owned()];
    for step in all.iter().take(TOUCHING_MAX) {
        lines.push(paint.cut(&format!("  {}", step.id), paint.columns));
        for doing in [Doing::Do, Doing::Fact, Doing::Undo, Doing::Reconcile] {
            let touches: Vec<String> = step
                .touches
                .iter()
                .filter(|touched| touched.doing == doing)
                .flat_map(|touched| touched_words(touched, paint))
                .collect();
            if touches.is_empty() {
                continue;
            }
            let label = match doing {
                Doing::Do => "    ",
                Doing::Undo => "    undo: ",
                Doing::Reconcile => "    in doubt: ",
                Doing::Fact => "    facts: ",
            };
            lines.extend(paint.hanging(label, "      ", &touches.join("; ")));
        }
    }
    if let Some(more) = all.len().checked_sub(TOUCHING_MAX + 1) {
        let more = more + 1;
        lines.extend(paint.hanging(
            "  ",
            "  ",
            &format!("and {more} more steps; --format json has them all"),
        ));
    }
    lines
}

fn touched_words(touched: &Touched, paint: &Paint) -> Vec<String> {
    let what = match touched.what {
        Touch::Host => "host",
        Touch::Port => "port",
        Touch::Database => "database",
        Touch::User => "user",
        Touch::Program => "program",
        Touch::Directory => "directory",
        Touch::Code | Touch::Url | Touch::Detail => touched.param.as_str(),
    };
    let mut words = Vec::new();
    if !touched.values.is_empty() {
        let values: Vec<String> = touched
            .values
            .iter()
            .take(NAMES_MAX)
            .map(|value| shown(value, touched.what, paint))
            .collect();
        let more = touched.more + touched.values.len().saturating_sub(NAMES_MAX);
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        words.push(format!("{what} {}{more}", values.join(", ")));
    }
    if let Some(later) = &touched.later {
        let later = shown(later, touched.what, paint);
        words.push(format!("{what} {later} (known at run time)"));
    }
    if let Some(never) = &touched.never {
        words.push(format!("{what} has no value: {never}"));
    }
    words
}

/// A value in one line; of code its first line, and how many there are.
fn shown(value: &str, what: Touch, paint: &Paint) -> String {
    let lines = value.trim().lines().count();
    let first = match what {
        Touch::Code => value.trim().lines().next().unwrap_or_default(),
        Touch::Host
        | Touch::Port
        | Touch::Database
        | Touch::User
        | Touch::Program
        | Touch::Directory
        | Touch::Url
        | Touch::Detail => value,
    };
    let first = paint.cut(&text::line(first), VALUE_COLUMNS_MAX / 2);
    if what == Touch::Code && lines > 1 {
        let dots = if paint.ascii { "..." } else { "…" };
        format!("of {lines} lines ({first} {dots})")
    } else {
        first
    }
}
