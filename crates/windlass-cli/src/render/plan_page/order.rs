//! The order of a plan's steps: waves, each step with what it is and does, and the line
//! where the point of no return is.

use windlass_core::id::StepId;
use windlass_core::plan::EffectClass;
use windlass_runbook::outline::{Kind, Outline, StepOutline, Wave};

use super::{MARKED_MAX, names_of};
use crate::render::Paint;
use crate::text;

/// The widest column of step names.
const NAME_COLUMNS_MAX: usize = 24;
/// On fewer columns than this a step's facts stand under its name; so do those of a step
/// whose name is too long.
const WIDE_COLUMNS_MIN: usize = 64;
/// The steps that are shown of a wave; gates and irreversible steps are shown above that.
const WAVE_STEPS_MAX: usize = 12;
/// The waves that are shown; those with gates and irreversible steps are shown above that.
const WAVES_MAX: usize = 40;

/// The waves, with a line where the point of no return is.
pub(super) fn order(plan: &Outline, paint: &Paint) -> Vec<String> {
    let mut lines = paint.labelled("order", &plan.counts.words());
    let by_id: std::collections::BTreeMap<&StepId, &StepOutline> =
        plan.steps.iter().map(|step| (&step.id, step)).collect();
    let names = plan.steps.iter().map(|step| step.id.as_str().len());
    let page = Page {
        paint,
        names: names.max().unwrap_or(0).min(NAME_COLUMNS_MAX),
    };
    let mut marked_left = MARKED_MAX;
    let mut no_return = Some(&plan.no_return.at).filter(|at| !at.is_empty());
    let mut finally = false;
    let mut skipped = Skipped::default();
    for (at, wave) in plan.waves.iter().enumerate() {
        let steps: Vec<&StepOutline> = wave
            .steps
            .iter()
            .filter_map(|id| by_id.get(id).copied())
            .collect();
        let marked = steps.iter().any(|step| is_marked(step));
        let begins_finally = wave.finally && !finally;
        if at >= WAVES_MAX && !begins_finally && !(marked && marked_left > 0) {
            skipped.add(wave, steps.len());
            continue;
        }
        lines.extend(skipped.take());
        if begins_finally {
            finally = true;
            lines.push(page.rule("finally: however the run ends", false));
        }
        let passes =
            no_return.filter(|_| !wave.finally && steps.iter().any(|step| is_irreversible(step)));
        if let Some(ids) = passes {
            lines.push(page.rule(&format!("point of no return: {}", names_of(ids)), true));
            no_return = None;
        }
        lines.extend(page.wave(wave, &steps, &mut marked_left));
    }
    lines.extend(skipped.take());
    lines
}

fn is_irreversible(step: &StepOutline) -> bool {
    step.effect == Some(EffectClass::Irreversible)
}

fn is_marked(step: &StepOutline) -> bool {
    step.kind == Kind::Gate || is_irreversible(step)
}

/// Waves that are left out.
#[derive(Default)]
struct Skipped {
    waves: Vec<usize>,
    steps: usize,
}

impl Skipped {
    fn add(&mut self, wave: &Wave, steps: usize) {
        self.waves.push(wave.number);
        self.steps += steps;
    }

    fn take(&mut self) -> Option<String> {
        let (first, last) = (*self.waves.first()?, *self.waves.last()?);
        let line = format!(
            "     waves {first} to {last}: {}",
            text::count(self.steps, "more step")
        );
        *self = Self::default();
        Some(line)
    }
}

struct Page<'a> {
    paint: &'a Paint,
    /// The width of the column of names.
    names: usize,
}

impl Page<'_> {
    fn rule(&self, words: &str, alarm: bool) -> String {
        let dash = if self.paint.ascii { "-" } else { "─" };
        let words = self.paint.cut(words, self.paint.columns.saturating_sub(6));
        let width = text::width(&words) + 5;
        let rest = self
            .paint
            .columns
            .min(WIDE_COLUMNS_MIN)
            .saturating_sub(width);
        let line = format!("{} {words} {}", dash.repeat(3), dash.repeat(rest));
        let line = line.trim_end();
        if alarm {
            self.paint.as_state(line, "failed")
        } else {
            self.paint.faint(line)
        }
    }

    fn wave(&self, wave: &Wave, steps: &[&StepOutline], marked_left: &mut usize) -> Vec<String> {
        let mut lines = Vec::new();
        let mut left_out = 0;
        let mut number = wave.number.to_string();
        for (at, step) in steps.iter().enumerate() {
            let marked = is_marked(step) && *marked_left > 0;
            if at >= WAVE_STEPS_MAX && !marked {
                left_out += 1;
                continue;
            }
            if marked {
                *marked_left -= 1;
            }
            lines.extend(self.step(&number, step));
            number.clear();
        }
        if left_out > 0 {
            lines.push(format!("       and {left_out} more"));
        }
        lines
    }

    fn step(&self, number: &str, step: &StepOutline) -> Vec<String> {
        let (glyph, ascii, state) = look(step);
        let glyph = if self.paint.ascii { ascii } else { glyph };
        let kind = match (step.kind, step.effect) {
            (Kind::Gate, _) => "gate",
            (Kind::Wait, _) => "wait",
            (Kind::Action, effect) => effect.map_or("", EffectClass::as_str),
        };
        let name = step.id.as_str();
        // Colours are no columns: the line is laid out without them.
        let plain = Paint {
            colours: false,
            ..*self.paint
        };
        let lead = format!("{number:>4} ");
        let coloured = format!("{lead}{}", self.paint.as_state(glyph, state));
        let (head, rest) = if self.paint.columns >= WIDE_COLUMNS_MIN && name.len() <= self.names {
            let names = self.names;
            let head = format!("{lead}{glyph} {name:<names$} {kind:<12} ");
            let indent = " ".repeat(5 + 2 + names + 1 + 12 + 1);
            (None, plain.hanging(&head, &indent, &facts(step).join(", ")))
        } else {
            let name = plain.cut(name, plain.columns.saturating_sub(7));
            let mut all = vec![kind.to_owned()];
            all.extend(facts(step));
            let rest = plain.hanging("       ", "       ", &all.join(", "));
            (Some(format!("{lead}{glyph} {name}")), rest)
        };
        let mut lines: Vec<String> = head.into_iter().chain(rest).collect();
        if let Some(first) = lines.first_mut()
            && let Some(tail) = first.strip_prefix(&format!("{lead}{glyph}"))
        {
            *first = format!("{coloured}{tail}");
        }
        lines
    }
}

/// A step's glyph, its ASCII stand-in, and the state whose colour it has.
fn look(step: &StepOutline) -> (&'static str, &'static str, &'static str) {
    match (step.kind, step.effect) {
        (Kind::Gate, _) => ("?", "?", "open"),
        (Kind::Wait, _) => ("◌", "~", "pending"),
        (Kind::Action, Some(EffectClass::Irreversible)) => ("!", "!", "failed"),
        (Kind::Action, Some(EffectClass::Reversible)) => ("±", "%", "in_doubt"),
        (Kind::Action, Some(EffectClass::Idempotent)) => ("=", "=", "running"),
        (Kind::Action, Some(EffectClass::Read) | None) => ("·", ".", "pending"),
    }
}

fn facts(step: &StepOutline) -> Vec<String> {
    let mut facts = Vec::new();
    facts.extend(step.uses.as_ref().map(ToString::to_string));
    if let Some(wait) = &step.wait {
        facts.push(wait.clone());
    }
    if let Some(expires) = step.expires_ms {
        facts.push(format!("expires {expires} after it opens"));
    }
    if let Some(each) = &step.for_each {
        let at_once = each.max_parallel;
        facts.push(match each.count {
            Some(1) => "1 item".to_owned(),
            Some(count) => format!("{count} items, {at_once} at once"),
            None => format!("each of {}, {at_once} at once", each.items),
        });
    }
    if let Some(attempts) = step.attempts.filter(|attempts| *attempts > 1) {
        facts.push(format!("{attempts} attempts"));
    }
    if let Some(until) = &step.until {
        facts.push(format!("every {} for {}", until.every_ms, until.within_ms));
    }
    if step.kind == Kind::Action {
        facts.push(match &step.longest.unbounded {
            None => format!("up to {}", step.longest.bounded_ms),
            // Only work by hand has no timeout.
            Some(_) if step.timeout_ms.is_none() => "until a person answers".to_owned(),
            Some(_) => format!("up to {} an item", step.longest.bounded_ms),
        });
    }
    if let Some(when) = &step.when {
        facts.push(format!("when {when}"));
    }
    if let Some(done) = &step.done {
        facts.push(format!("nothing to do if {done}"));
    }
    if let Some(owed) = &step.ensure {
        facts.push(format!("owes {owed}"));
    }
    if let Some(given) = &step.provides {
        let by = if given.claimed {
            ", claimed by the author"
        } else {
            ""
        };
        facts.push(format!("gives the guard {}{by}", given.guard));
    }
    for demand in &step.guards {
        let age = demand
            .max_age
            .map(|age| format!(", at most {age} old"))
            .unwrap_or_default();
        facts.push(format!("not without the guard {}{age}", demand.guard));
    }
    if step.effect.is_some_and(EffectClass::is_change) {
        facts.push(match &step.reconcile {
            Some(look) if look == "native" => "looks itself when in doubt".to_owned(),
            Some(look) => format!("looks with {look} when in doubt"),
            None => "asks a person when in doubt".to_owned(),
        });
    }
    if step.undo.is_some() {
        facts.push("has an undo".to_owned());
    }
    facts
}
