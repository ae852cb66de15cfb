//! What differs between two plans, for a terminal: first which parts of the digest, then
//! place by place.

use windlass_core::plan::Plan;
use windlass_runbook::difference::{self, Difference};

use super::Paint;
use crate::diff;
use crate::text::line;

/// The lines that tell the difference, `other` being what the second plan is compared to;
/// none when both plans have one digest.
pub(crate) fn plan_difference(
    before: &Plan,
    other: &str,
    after: &Plan,
    paint: &Paint,
) -> Vec<String> {
    let (was, is) = (before.digest(), after.digest());
    if was == is {
        return Vec::new();
    }
    let parts: Vec<&str> = before
        .parts()
        .iter()
        .zip(after.parts())
        .filter(|((_, was), (_, is))| was != is)
        .map(|((part, _), _)| part.as_str())
        .collect();
    let mut lines = vec![paint.strong(&format!("this plan differs from that of {other}"))];
    lines.extend(paint.labelled("before", &was.to_string()));
    lines.extend(paint.labelled("now", &is.to_string()));
    lines.extend(paint.labelled("parts", &parts.join(", ")));
    for difference in difference::between(before, after) {
        lines.push(String::new());
        lines.extend(told(&difference, paint));
    }
    lines
}

fn told(difference: &Difference, paint: &Paint) -> Vec<String> {
    let mut lines = vec![paint.strong(&line(&difference.place))];
    match (&difference.before, &difference.after) {
        (Some(before), Some(after)) if before.contains('\n') || after.contains('\n') => {
            // Without the two lines that name the texts.
            let changed = diff::unified("", before, after).into_iter().skip(2);
            lines.extend(changed.map(|one| format!("  {}", line(&one))));
        }
        (before, after) => {
            for (sign, text) in [("- ", before), ("+ ", after)] {
                for one in text.iter().flat_map(|text| text.lines()) {
                    lines.extend(paint.hanging(&format!("  {sign}"), "    ", &line(one)));
                }
            }
        }
    }
    lines
}
