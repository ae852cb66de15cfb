//! A plan as a picture, in Mermaid and in SVG: what is drawn, and how the boxes are laid
//! out. Deterministic: the same plan gives the same bytes. Every plan can be drawn: one
//! with more than [`BOXES_MAX`] steps, or too many edges, is drawn by its waves.

mod layout;
mod mermaid;
mod place;
mod reduce;
mod svg;
#[cfg(test)]
mod tests;
mod text;

use windlass_core::id::StepId;
use windlass_core::plan::EffectClass;

use crate::outline::{Kind, Outline, StepOutline, Wave};

pub use mermaid::mermaid;
pub use svg::svg;

/// The most steps that are drawn one by one.
pub const BOXES_MAX: usize = 500;
/// The most edges between them, without those that others imply.
pub const EDGES_MAX: usize = 2_000;
/// The most boxes of a plan that is drawn by its waves; more waves share a box.
pub const GROUPS_MAX: usize = 60;
/// How many steps a box of several names: gates and irreversible steps.
const NAMED_MAX: usize = 3;

/// What a box stands for; also the class of its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Read,
    Idempotent,
    Reversible,
    Irreversible,
    Gate,
    Wait,
    /// Several steps.
    Group,
}

impl Class {
    const ALL: [Class; 7] = [
        Class::Read,
        Class::Idempotent,
        Class::Reversible,
        Class::Irreversible,
        Class::Gate,
        Class::Wait,
        Class::Group,
    ];

    fn of(step: &StepOutline) -> Self {
        match (step.kind, step.effect) {
            (Kind::Gate, _) => Class::Gate,
            (Kind::Wait, _) => Class::Wait,
            (Kind::Action, Some(EffectClass::Irreversible)) => Class::Irreversible,
            (Kind::Action, Some(EffectClass::Reversible)) => Class::Reversible,
            (Kind::Action, Some(EffectClass::Idempotent)) => Class::Idempotent,
            (Kind::Action, Some(EffectClass::Read) | None) => Class::Read,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Class::Read => "read",
            Class::Idempotent => "idempotent",
            Class::Reversible => "reversible",
            Class::Irreversible => "irreversible",
            Class::Gate => "gate",
            Class::Wait => "wait",
            Class::Group => "group",
        }
    }
}

/// One box.
#[derive(Clone, Debug)]
struct Card {
    class: Class,
    head: String,
    title: Option<String>,
    lines: Vec<String>,
    /// Whether it is an irreversible step that none precedes.
    no_return: bool,
    /// Everything worth knowing, for whoever points at it.
    tip: Vec<String>,
    wave: usize,
}

/// A row of boxes that belong together.
#[derive(Clone, Debug)]
struct Band {
    label: String,
    finally: bool,
}

/// What is drawn.
#[derive(Clone, Debug)]
struct Drawing {
    name: String,
    summary: String,
    /// What a reader must know of the picture itself.
    note: Option<String>,
    cards: Vec<Card>,
    /// From a box to one of a later wave, in order, each once.
    edges: Vec<(usize, usize)>,
    bands: Vec<Band>,
    /// The steps at the point of no return, when there is one; it is drawn above the first
    /// row with an irreversible step.
    no_return: Option<String>,
}

impl Drawing {
    fn of(outline: &Outline) -> Self {
        let edges = (outline.steps.len() <= BOXES_MAX)
            .then(|| reduce::edges(outline))
            .filter(|edges| edges.len() <= EDGES_MAX);
        match edges {
            Some(edges) => one_by_one(outline, edges),
            None => grouped(outline),
        }
    }

    /// The same plan by its waves, when it is too tangled to be drawn step by step.
    fn by_waves(outline: &Outline) -> Self {
        grouped(outline)
    }
}

fn name(outline: &Outline) -> String {
    if outline.title == outline.name {
        text::clean(&outline.name)
    } else {
        text::clean(&format!("{}: {}", outline.name, outline.title))
    }
}

fn summary(outline: &Outline) -> String {
    format!(
        "plan {}, {}",
        outline.digest.short(),
        outline.counts.words()
    )
}

fn one_by_one(outline: &Outline, edges: Vec<(usize, usize)>) -> Drawing {
    let main = outline.waves.iter().filter(|wave| !wave.finally).count();
    let band_of = |step: &StepOutline| step.wave - 1 + if step.finally { main } else { 0 };
    let cards: Vec<Card> = outline
        .steps
        .iter()
        .map(|step| Card {
            class: Class::of(step),
            head: step.id.to_string(),
            title: step.title.as_deref().map(text::clean),
            lines: lines(step),
            no_return: outline.no_return.at.contains(&step.id),
            tip: tip(step),
            wave: band_of(step),
        })
        .collect();
    let bands = outline.waves.iter().map(|wave| Band {
        label: wave.number.to_string(),
        finally: wave.finally,
    });
    Drawing {
        name: name(outline),
        summary: summary(outline),
        note: None,
        no_return: no_return(outline),
        cards,
        edges,
        bands: bands.collect(),
    }
}

fn no_return(outline: &Outline) -> Option<String> {
    let at = &outline.no_return.at;
    (!at.is_empty()).then(|| names(at))
}

/// The first few names, and how many more.
fn names(ids: &[StepId]) -> String {
    let named: Vec<&str> = ids.iter().take(NAMED_MAX).map(StepId::as_str).collect();
    let more = ids.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", named.join(", "))
}

/// What a box says under its name.
fn lines(step: &StepOutline) -> Vec<String> {
    let mut facts = Vec::new();
    let head = match step.kind {
        Kind::Gate => match step.expires_ms {
            Some(expires) => format!("gate · {expires}"),
            None => "gate".to_owned(),
        },
        Kind::Wait => format!("wait · {}", step.wait.as_deref().unwrap_or_default()),
        Kind::Action => {
            let effect = step.effect.map_or("", EffectClass::as_str);
            let uses = step.uses.as_ref().map_or("", |uses| uses.as_str());
            format!("{effect} · {uses}")
        }
    };
    if let Some(each) = &step.for_each {
        facts.push(match each.count {
            Some(1) => "1 item".to_owned(),
            Some(count) => format!("{count} items"),
            None => "each item".to_owned(),
        });
    }
    if step.kind == Kind::Action {
        facts.push(format!("≤ {}", step.longest.bounded_ms));
    }
    if step.when.is_some() {
        facts.push("if…".to_owned());
    }
    let mut lines = vec![text::clean(&head)];
    if !facts.is_empty() {
        lines.push(text::clean(&facts.join(" · ")));
    }
    if let Some(owed) = &step.ensure {
        lines.push(format!("owes {owed}"));
    }
    lines
}

/// What a box says to whoever points at it, or hears it.
fn tip(step: &StepOutline) -> Vec<String> {
    let mut tip = vec![format!("{} ({})", step.id, Class::of(step).word())];
    tip.extend(step.title.clone());
    tip.extend(step.uses.as_ref().map(|uses| format!("uses {uses}")));
    tip.extend(step.when.as_ref().map(|when| format!("when {when}")));
    if let Some(each) = &step.for_each {
        tip.push(format!("for each of {}", each.items));
    }
    tip.extend(step.undo.as_ref().map(|undo| format!("undone by {undo}")));
    tip.extend(step.ensure.as_ref().map(|owed| format!("owes {owed}")));
    tip.extend(step.longest.unbounded.clone());
    tip.iter().map(|line| text::clean(line)).collect()
}

fn grouped(outline: &Outline) -> Drawing {
    let by_id: std::collections::BTreeMap<&StepId, &StepOutline> =
        outline.steps.iter().map(|step| (&step.id, step)).collect();
    let finally = outline.waves.iter().filter(|wave| wave.finally).count();
    let main = outline.waves.len() - finally;
    let mut cards = Vec::new();
    let mut bands = Vec::new();
    let mut edges = Vec::new();
    // `finally` gets its share of the boxes, and each part at least one.
    let share = |waves: usize| waves.div_ceil(GROUPS_MAX / 2).max(1);
    for (waves, size) in [
        (&outline.waves[..main], share(main)),
        (&outline.waves[main..], share(finally)),
    ] {
        for (at, group) in waves.chunks(size).enumerate() {
            if at > 0 {
                edges.push((cards.len() - 1, cards.len()));
            }
            let steps: Vec<&StepOutline> = group
                .iter()
                .flat_map(|wave| &wave.steps)
                .filter_map(|id| by_id.get(id).copied())
                .collect();
            bands.push(Band {
                label: band_label(group),
                finally: group.iter().any(|wave| wave.finally),
            });
            cards.push(group_box(&steps, &band_label(group), cards.len()));
        }
    }
    Drawing {
        name: name(outline),
        summary: summary(outline),
        note: Some(format!(
            "drawn by waves: {} steps are too many or too tangled to be drawn one by one",
            outline.counts.steps
        )),
        cards,
        edges,
        bands,
        no_return: no_return(outline),
    }
}

fn band_label(group: &[Wave]) -> String {
    match group {
        [only] => only.number.to_string(),
        [first, .., last] => format!("{}–{}", first.number, last.number),
        [] => String::new(),
    }
}

fn group_box(steps: &[&StepOutline], label: &str, wave: usize) -> Card {
    let mut lines = Vec::new();
    for class in Class::ALL {
        let of_class: Vec<StepId> = steps
            .iter()
            .filter(|step| Class::of(step) == class)
            .map(|step| step.id.clone())
            .collect();
        if of_class.is_empty() {
            continue;
        }
        let mut line = format!("{} {}", of_class.len(), class.word());
        if matches!(class, Class::Gate | Class::Irreversible) {
            line = format!("{line}: {}", names(&of_class));
        }
        lines.push(line);
    }
    let head = match steps {
        [only] => only.id.to_string(),
        steps => format!("wave {label}: {} steps", steps.len()),
    };
    let class = match steps {
        [only] => Class::of(only),
        steps
            if steps
                .iter()
                .any(|step| Class::of(step) == Class::Irreversible) =>
        {
            Class::Irreversible
        }
        _ => Class::Group,
    };
    Card {
        class,
        tip: std::iter::once(head.clone()).chain(lines.clone()).collect(),
        head,
        title: None,
        lines,
        no_return: false,
        wave,
    }
}
