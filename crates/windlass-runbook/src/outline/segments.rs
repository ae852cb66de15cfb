//! What of a plan begins together in an opening, what prepares it, and how long it may take.

use serde::Serialize;
use windlass_core::id::{StepId, WindowName};
use windlass_core::plan::{IndexedPlan, Preparation, Segment, StepKind, Window, declared_bound};
use windlass_core::time::Millis;

/// What begins in an opening, and is then not parked for time any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentOutline {
    /// All that must be open.
    pub windows: Vec<WindowName>,
    /// The step that has the window.
    pub first: StepId,
    /// The step that ends it.
    pub last: StepId,
    pub steps: Vec<StepId>,
    /// The steps that prepare it.
    pub preparation: Vec<PreparationOutline>,
    /// How long it may take by what its steps declare; lists that nobody knows before count
    /// as many items as run at once.
    pub bounded_ms: Millis,
}

/// A step that may begin before the opening of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PreparationOutline {
    pub step: StepId,
    pub lead_ms: Millis,
}

pub(super) fn segments(
    plan: &IndexedPlan,
    counts: &[Option<usize>],
    ids: &dyn Fn(Vec<u32>) -> Vec<StepId>,
) -> Vec<SegmentOutline> {
    let segments = plan.segments().iter();
    let outline = |segment: &Segment| {
        let window = plan.step(segment.first).window.as_ref();
        let length = |at: u32| {
            let step = plan.step(at);
            let at_once = match &step.kind {
                StepKind::Action {
                    for_each: Some(each),
                    ..
                } => u64::from(each.max_parallel),
                StepKind::Action { .. } | StepKind::Wait { .. } | StepKind::Gate(_) => 1,
            };
            let items = counts[at as usize].map_or(at_once, |count| count as u64);
            declared_bound(step, items).unwrap_or_default()
        };
        let prepares = |prepares: &Preparation| {
            let step = plan.step(prepares.step);
            PreparationOutline {
                step: step.id.clone(),
                lead_ms: step.window.as_ref().map(|own| own.lead).unwrap_or_default(),
            }
        };
        SegmentOutline {
            windows: window
                .into_iter()
                .flat_map(Window::names)
                .cloned()
                .collect(),
            first: plan.step(segment.first).id.clone(),
            last: plan.step(segment.last).id.clone(),
            steps: ids(segment.steps.clone()),
            preparation: segment.preparation.iter().map(prepares).collect(),
            bounded_ms: plan.bound(segment, length),
        }
    };
    segments.map(outline).collect()
}
