//! Windows: which steps begin in one, and what belongs to them. When a window is open is the
//! policy's matter, and is looked up when a run starts. That the segments of a plan are sound
//! is the core's last word too; here each fault is told in its place.

use std::collections::BTreeMap;

use windlass_core::id::StepId;
use windlass_core::plan::{EffectClass, LEAD_MAX, Step, StepKind, Window, declared_bound};
use windlass_core::policy::Policy;
use windlass_core::time::Millis;

use super::fields::{Fields, Found};
use super::keys;
use super::world::{Form, StepDraft, World};
use crate::codes::{
    BAD_NAME, WINDOW_COVERS, WINDOW_END, WINDOW_LEAD, WINDOW_OVERLAP, WINDOW_PLACE,
    WINDOW_TOO_SHORT, WINDOW_UNBOUNDED,
};
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::node::NodeKind;
use crate::suggest::did_you_mean;

/// The window of a step, as its author writes it.
pub(super) fn window(
    draft: &StepDraft<'_>,
    fields: &Fields<'_>,
    found: &mut Found,
) -> Option<Option<Window>> {
    let Some(entry) = fields.get("window") else {
        return Some(None);
    };
    let before = found.len();
    if let Some((why, instead)) = misplaced(draft) {
        let message = format!("`window` has no place at `{}`", draft.id);
        found.push(
            Diagnostic::error(WINDOW_PLACE, message)
                .at(entry.key_span, why)
                .maybe_help(instead.map(str::to_owned)),
        );
    }
    let inner = match &entry.value.kind {
        NodeKind::Map(_) => Some(Fields::read(
            &entry.value,
            entry.key_span,
            &keys::WINDOW,
            found,
        )?),
        _ => None,
    };
    let node = match &inner {
        Some(inner) => inner.required("name", "a window", found)?,
        None => &entry.value,
    };
    let name = match node.as_text().unwrap_or_default().parse() {
        Ok(name) => Some(name),
        Err(error) => {
            let message = "a window has a name such as `off_peak`";
            found.push(Diagnostic::error(BAD_NAME, message).at(node.span, format!("{error}")));
            None
        }
    };
    let lead = inner.as_ref().and_then(|inner| inner.get("lead"));
    let covers = inner.as_ref().and_then(|inner| inner.get("covers"));
    if let (Some(lead), Some(covers)) = (lead, covers) {
        found.push(
            Diagnostic::error(WINDOW_PLACE, "`lead` and `covers` exclude each other")
                .at(lead.key_span, "this step prepares")
                .at(covers.key_span, "this step begins the segment")
                .help("give the lead to a step before, and let this one begin in the opening"),
        );
    }
    let span = inner
        .as_ref()
        .and_then(|inner| inner.duration("lead", found));
    if let (Some(entry), Some(span)) = (lead, span)
        && span > LEAD_MAX
    {
        let message = format!("a lead is at most {LEAD_MAX}");
        found.push(Diagnostic::error(WINDOW_PLACE, message).at(entry.value.span, "too early"));
    }
    let covered = covers.and_then(|entry| {
        let text = inner.as_ref()?.text("covers", found)?;
        let id = text.parse::<StepId>();
        if id.is_err() {
            let message = format!("there is no step `{}`", text.escape_debug());
            found.push(Diagnostic::error(WINDOW_COVERS, message).at(entry.value.span, "no step"));
        }
        id.ok()
    });
    (found.len() == before).then_some(Some(Window {
        name: name?,
        also: std::collections::BTreeSet::new(),
        lead: span.unwrap_or_default(),
        covers: covered,
    }))
}

/// Why a step begins in no window, and what its author may have meant.
fn misplaced(draft: &StepDraft<'_>) -> Option<(&'static str, Option<&'static str>)> {
    match (&draft.form, draft.effect()) {
        _ if draft.finally => Some(("`finally` waits for no window", None)),
        (Form::Gate, _) => Some((
            "people may decide at any time",
            Some(
                "give the window to the change behind it; `expires: window_end` lets the approval last until its end",
            ),
        )),
        (Form::Wait, _) => Some((
            "it changes nothing that could come at a wrong time",
            Some("give the window to the change behind it: that waits for its opening by itself"),
        )),
        (_, Some(EffectClass::Read)) => {
            Some(("it changes nothing that could come at a wrong time", None))
        }
        (Form::Broken | Form::Action { .. } | Form::Inlined { .. }, Some(_) | None) => None,
    }
}

/// Looks at the segments of the whole run, all that is inlined among it.
pub(super) fn check(world: &World<'_>, steps: &[Step], policy: Option<&Policy>, found: &mut Found) {
    let is_error = |found: &Diagnostic| found.severity == Severity::Error;
    if found.iter().any(is_error) || !steps.iter().any(knows_windows) {
        return;
    }
    let index = (0..).zip(steps).map(|(at, step)| (&step.id, at)).collect();
    let look = Look {
        world,
        steps,
        index,
    };
    let mut owners: BTreeMap<usize, usize> = BTreeMap::new();
    let mut firsts = Vec::new();
    for (first, step) in steps.iter().enumerate() {
        let Some(window) = &step.window else {
            continue;
        };
        if window.is_preparation() {
            continue;
        }
        let Some(members) = look.segment(first, window, found) else {
            continue;
        };
        firsts.push(first);
        for member in &members {
            if let Some(other) = owners.insert(*member, first) {
                found.push(look.overlap(*member, other, first));
                return;
            }
        }
        look.unbounded(first, &members, found);
        if let Some(policy) = policy {
            look.too_long(first, window, &members, policy, found);
        }
    }
    for at in 0..steps.len() {
        look.preparation(at, &owners, &firsts, found);
        look.window_end(at, &firsts, found);
    }
}

/// Whether a step is a reason to look at windows.
fn knows_windows(step: &Step) -> bool {
    let ends = matches!(&step.kind, StepKind::Gate(gate) if gate.window_end);
    step.window.is_some() || ends
}

struct Look<'a> {
    world: &'a World<'a>,
    steps: &'a [Step],
    index: BTreeMap<&'a StepId, usize>,
}

impl Look<'_> {
    /// Where a step stands; one of an inlined runbook, where that is used.
    fn span(&self, at: usize) -> Span {
        let id = self.steps[at].id.as_str();
        let outer = id.split_once('/').map_or(id, |(outer, _)| outer);
        let at = self.world.index_of(outer);
        at.map_or_else(Span::default, |at| self.world.steps[at].id_span)
    }

    fn id(&self, at: usize) -> &str {
        self.steps[at].id.as_str()
    }

    /// All that precedes a step, as a mark for each.
    fn before(&self, at: usize) -> Vec<bool> {
        let mut before = vec![false; self.steps.len()];
        let mut stack = vec![at];
        while let Some(next) = stack.pop() {
            for need in &self.steps[next].needs {
                if let Some(need) = self.index.get(need).copied()
                    && !std::mem::replace(&mut before[need], true)
                {
                    stack.push(need);
                }
            }
        }
        before
    }

    /// The steps from the one that has the window to the one that it covers.
    fn segment(&self, first: usize, window: &Window, found: &mut Found) -> Option<Vec<usize>> {
        let id = self.id(first);
        let Some(covered) = &window.covers else {
            return Some(vec![first]);
        };
        let Some(last) = self.index.get(covered).copied() else {
            let ids = self.steps.iter().map(|step| step.id.as_str());
            let message = format!("the window of `{id}` covers `{covered}`, which does not exist");
            found.push(
                Diagnostic::error(WINDOW_COVERS, message)
                    .at(self.span(first), "no such step")
                    .maybe_help(did_you_mean(covered.as_str(), ids)),
            );
            return None;
        };
        let before_last = self.before(last);
        if last != first && !before_last[first] {
            let message = format!("`{covered}` does not come after `{id}`, which covers it");
            found.push(
                Diagnostic::error(WINDOW_COVERS, message)
                    .at(self.span(last), "begins without it")
                    .at(self.span(first), "begins the segment")
                    .help(format!(
                        "let `{covered}` need `{id}`, directly or through others"
                    )),
            );
            return None;
        }
        let is_member = |at: &usize| {
            let from = *at == first || self.before(*at)[first];
            from && (*at == last || before_last[*at])
        };
        Some((0..self.steps.len()).filter(is_member).collect())
    }

    fn overlap(&self, member: usize, one: usize, other: usize) -> Diagnostic {
        let (id, one_id, other_id) = (self.id(member), self.id(one), self.id(other));
        let message = format!("`{id}` is in the segments of `{one_id}` and of `{other_id}`");
        let mut diagnostic =
            Diagnostic::error(WINDOW_OVERLAP, message).at(self.span(other), "begins a segment");
        if member != one {
            diagnostic = diagnostic.at(self.span(one), "begins another one");
        }
        diagnostic.help("what begins as one needs one window: leave out the inner one, or let the first cover less")
    }

    /// What nobody knows the length of cannot be tested for its fit.
    fn unbounded(&self, first: usize, members: &[usize], found: &mut Found) {
        let before = self.before(first);
        for at in members {
            let step = &self.steps[*at];
            let is_wait = matches!(step.kind, StepKind::Wait { .. });
            if !is_wait && declared_bound(step, 1).is_none() {
                let message = format!(
                    "nobody knows how long `{}` takes, in the segment of `{}`",
                    step.id,
                    self.id(first)
                );
                found.push(
                    Diagnostic::warning(WINDOW_UNBOUNDED, message)
                        .at(self.span(*at), "counts nothing when the fit is tested")
                        .help("let it stand before the segment, or give a gate an `expires`"),
                );
            }
            let needs = step
                .needs
                .iter()
                .filter_map(|need| self.index.get(need).copied());
            let outside = needs.filter(|need| *at != first && !before[*need]);
            for need in outside.filter(|need| !members.contains(need)) {
                let message = format!(
                    "the segment of `{}` waits for `{}`, which is outside of it",
                    self.id(first),
                    self.id(need)
                );
                found.push(
                    Diagnostic::warning(WINDOW_UNBOUNDED, message)
                        .at(self.span(*at), format!("waits for `{}`", self.id(need)))
                        .help(format!(
                            "let `{}` need `{}`, so that it is over before",
                            self.id(first),
                            self.id(need)
                        )),
                );
            }
        }
    }

    /// What is longer than every opening that the policy knows never begins. Lists count as
    /// one round and waits as nothing: what is refused is too long in any case.
    fn too_long(
        &self,
        first: usize,
        window: &Window,
        members: &[usize],
        policy: &Policy,
        found: &mut Found,
    ) {
        let Some(open) = policy.windows.get(&window.name) else {
            return;
        };
        let openings = open.as_slice().iter();
        let longest = openings.map(|opening| opening.length()).max();
        let longest = longest.unwrap_or_default();
        let (needed, path) = self.longest_way(first, members);
        if open.is_empty() || needed <= longest {
            return;
        }
        let message = format!(
            "the segment of `{}` never fits into the window `{}`",
            self.id(first),
            window.name
        );
        let way: Vec<&str> = path.iter().map(|at| self.id(*at)).collect();
        let way = way.join(" -> ");
        found.push(
            Diagnostic::error(WINDOW_TOO_SHORT, message)
                .at(self.span(first), format!("may take {needed}: {way}"))
                .help(format!(
                    "the longest opening that the policy knows is {longest}: let the segment \
                     cover less, or declare shorter times"
                )),
        );
    }

    /// The way through a segment that takes longest by what is declared.
    fn longest_way(&self, first: usize, members: &[usize]) -> (Millis, Vec<usize>) {
        let mut ways: BTreeMap<usize, (u64, Vec<usize>)> = BTreeMap::new();
        let mut left: Vec<usize> = members.to_vec();
        while !left.is_empty() {
            let is_ready = |at: &usize| {
                let needs = &self.steps[*at].needs;
                let mut needs = needs.iter().filter_map(|need| self.index.get(need));
                needs.all(|need| !left.contains(need))
            };
            let Some(next) = left.iter().position(is_ready) else {
                break;
            };
            let at = left.remove(next);
            let needs = self.steps[at].needs.iter();
            let needs = needs.filter_map(|need| ways.get(self.index.get(need)?));
            let before = needs.max_by_key(|(length, _)| *length).cloned();
            let (length, mut way) = before.unwrap_or_default();
            let own = declared_bound(&self.steps[at], 1).unwrap_or_default();
            way.push(at);
            ways.insert(at, (length.saturating_add(own.0), way));
        }
        let longest = ways.into_values().max_by_key(|(length, _)| *length);
        let (length, way) = longest.unwrap_or((0, vec![first]));
        (Millis(length), way)
    }

    /// A step with a lead prepares a segment behind it.
    fn preparation(
        &self,
        at: usize,
        owners: &BTreeMap<usize, usize>,
        firsts: &[usize],
        found: &mut Found,
    ) {
        let window = self.steps[at].window.as_ref();
        let Some(window) = window.filter(|window| window.is_preparation()) else {
            return;
        };
        let id = self.id(at);
        if let Some(first) = owners.get(&at) {
            let message = format!(
                "`{id}` has a lead, and is in the segment of `{}`",
                self.id(*first)
            );
            found.push(
                Diagnostic::error(WINDOW_OVERLAP, message)
                    .at(self.span(at), "prepares what has begun")
                    .at(self.span(*first), "begins the segment")
                    .help("leave its window out: what belongs to a segment waits for no window"),
            );
            return;
        }
        let prepared = firsts.iter().any(|first| {
            let named = self.steps[*first].window.as_ref().map(|own| &own.name);
            named == Some(&window.name) && self.before(*first)[at]
        });
        if !prepared {
            let name = &window.name;
            let message = format!("`{id}` prepares nothing");
            found.push(
                Diagnostic::error(WINDOW_LEAD, message)
                    .at(
                        self.span(at),
                        format!("no segment of `{name}` is behind it"),
                    )
                    .help("a step with a `lead` begins before the opening of a segment that comes after it; leave the lead out to begin in the opening"),
            );
        }
    }

    /// A gate that expires with an opening stands before one segment.
    fn window_end(&self, at: usize, firsts: &[usize], found: &mut Found) {
        let ends = matches!(&self.steps[at].kind, StepKind::Gate(gate) if gate.window_end);
        if !ends {
            return;
        }
        let behind = firsts.iter().filter(|first| self.before(**first)[at]);
        let (count, id) = (behind.count(), self.id(at));
        if count != 1 {
            let message =
                format!("`{id}` expires with an opening, and {count} segments are behind it");
            found.push(
                Diagnostic::error(WINDOW_END, message)
                    .at(self.span(at), "needs exactly one")
                    .help("a segment is begun by a step with a `window` that has no `lead`; otherwise write a duration such as 30m"),
            );
        }
    }
}
