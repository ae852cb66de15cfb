//! What the proof lacks, as findings: each with a run that gets past, told step by step in
//! the runbook's lines. The proof itself is `crate::proof`.

use windlass_core::plan::{Plan, Step};
use windlass_core::policy::{Objection, Policy, Relaxation};

use super::fields::{DIAGNOSTICS_MAX, Found};
use super::world::World;
use crate::codes::{
    Code, DEBT_WITHOUT_EVIDENCE, GUARD_MISSING, OWED_UNAPPROVED, UNAPPROVED, UNDER_POLICY,
};
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::proof::{self, Demand, Fact, Gap, Happening, Lack, Passed, Way};

/// How many gates are looked at for one that a step could need.
const GATES_TRIED_MAX: usize = 8;

/// Proves the steps of the whole run, all that is inlined among them. What is wrong
/// otherwise comes first: a step that was not understood proves nothing.
pub(super) fn check(world: &World<'_>, steps: &[Step], under: &Under, found: &mut Found) {
    if found.iter().any(|found| found.severity == Severity::Error) {
        return;
    }
    let facts = proof::facts(steps);
    let telling = Telling {
        world,
        steps,
        facts: &facts,
        under,
    };
    for objection in &under.objections {
        found.extend(telling.objection(objection));
    }
    for gap in proof::prove(&facts) {
        // A story is as long as the runbook, and nobody reads a thousand of them.
        let story = (found.len() < DIAGNOSTICS_MAX).then(|| gap.story(&facts));
        found.push(telling.diagnostic(&gap, &story.unwrap_or_default()));
    }
}

/// What a gap is told with.
struct Telling<'a> {
    world: &'a World<'a>,
    steps: &'a [Step],
    facts: &'a [Fact],
    under: &'a Under,
}

/// What the policy says, where there is one.
#[derive(Default)]
pub(super) struct Under {
    objections: Vec<Objection>,
    /// Whether an irreversible step without an approval is a mistake.
    demands_approval: bool,
}

impl Under {
    pub(super) fn policy(policy: &Policy, plan: &Plan, objections: Vec<Objection>) -> Self {
        let relaxed = |relaxation: &Relaxation| relaxation.on.is_about(plan);
        Self {
            objections,
            demands_approval: !policy.relaxations.iter().any(relaxed),
        }
    }
}

impl Telling<'_> {
    fn diagnostic(&self, gap: &Gap, story: &[proof::Line]) -> Diagnostic {
        let step = self.id(gap.step);
        let (diagnostic, help) = match (&gap.lack, gap.way) {
            (Lack::Demand(Demand::Guard(guard)), way) => {
                let message = format!("`{step}` can start without the guard `{guard}`");
                let diagnostic = Diagnostic::error(GUARD_MISSING, message);
                (diagnostic, self.guard_before(gap.step, guard, way))
            }
            (Lack::Demand(Demand::Approval), Way::Needs) => {
                let message = format!("`{step}` is irreversible, and nobody approves it");
                let diagnostic = self.unapproved(UNAPPROVED, message);
                (diagnostic, self.gate_before(gap.step))
            }
            (Lack::Demand(Demand::Approval), Way::Debt { change }) => {
                let change = self.id(change);
                let message = format!(
                    "`{step}` is irreversible, and as a debt of `{change}` nobody approves it"
                );
                let help = format!(
                    "a debt is paid without waiting for what it needs: put a gate before `{change}`"
                );
                (self.unapproved(OWED_UNAPPROVED, message), help)
            }
            (Lack::Evidence(evidence), Way::Debt { .. } | Way::Needs) => {
                let evidence = self.id(*evidence);
                let message =
                    format!("`{step}` is owed, and as a debt it does not wait for `{evidence}`");
                let help = format!(
                    "put `{evidence}` before the change that owes it, or let another step wait for it"
                );
                (Diagnostic::warning(DEBT_WITHOUT_EVIDENCE, message), help)
            }
        };
        self.told(diagnostic, gap, story).help(help)
    }

    /// Advice without a policy; a mistake where one demands approvals.
    fn unapproved(&self, code: Code, message: String) -> Diagnostic {
        match self.under.demands_approval {
            true => Diagnostic::error(code, message),
            false => Diagnostic::warning(code, message),
        }
    }

    /// What a policy has against a step. That nobody approves it, the proof says.
    fn objection(&self, objection: &Objection) -> Option<Diagnostic> {
        let label = match objection {
            Objection::Unapproved { .. } => return None,
            Objection::NoTarget { .. } => "evidence of nothing",
            Objection::Claimed { .. } => "only claimed",
            Objection::Action { .. } => "not allowed here",
        };
        let mut steps = self.steps.iter();
        let step = steps.position(|step| step.id == *objection.step())?;
        let diagnostic = Diagnostic::error(UNDER_POLICY, objection.to_string());
        Some(diagnostic.at(self.span(step), label))
    }

    /// The step itself first, so that the finding stands at its place; then the story before it.
    fn told(&self, diagnostic: Diagnostic, gap: &Gap, story: &[proof::Line]) -> Diagnostic {
        let Some((last, before)) = story.split_last() else {
            return diagnostic.at(self.span(gap.step), "nothing that it demands precedes it");
        };
        let end = match (gap.way, before) {
            (Way::Needs, []) => "starts with the run".to_owned(),
            (Way::Needs, _) => format!("{}. starts", story.len()),
            (Way::Debt { .. }, _) => format!("{}. is owed, and starts", story.len()),
        };
        let mut diagnostic = diagnostic.at(self.span(last.step), end);
        for (number, line) in (1..).zip(before) {
            let what = self.what(line);
            diagnostic = diagnostic.at(self.span(line.step), format!("{number}. {what}"));
        }
        diagnostic
    }

    fn what(&self, line: &proof::Line) -> String {
        match line.what {
            Happening::Succeeds if self.facts[line.step].gives == Some(Demand::Approval) => {
                "is approved".to_owned()
            }
            Happening::Succeeds => "succeeds".to_owned(),
            Happening::Passed(Passed::Skipped) => "is skipped by its `when`".to_owned(),
            Happening::Passed(Passed::NoItems) => "has no items".to_owned(),
            Happening::Passed(Passed::ItemsFail(budget)) => {
                format!("goes on although {budget} of its items failed")
            }
            Happening::StartsAndOwes => "starts; then the run fails or is cancelled".to_owned(),
            Happening::Starts => "starts".to_owned(),
            Happening::Others(count) => format!("succeeds, and {} after it", count - 1),
        }
    }

    fn gate_before(&self, step: usize) -> String {
        let is_gate = |at: &usize| self.facts[*at].gives == Some(Demand::Approval);
        // One that itself waits for the step would make a circle.
        let is_free = |at: &usize| !proof::ancestors(self.facts, *at).contains(&step);
        let gates = (0..self.facts.len()).filter(is_gate);
        match gates.take(GATES_TRIED_MAX).find(is_free) {
            Some(at) => format!(
                "let it need a gate, such as `{}`, directly or through others",
                self.id(at)
            ),
            None => "put a gate before it: a step with `approval: {expires: 30m}` that it needs"
                .to_owned(),
        }
    }

    fn guard_before(&self, step: usize, guard: &str, way: Way) -> String {
        let wanted = Demand::Guard(guard.to_owned());
        let gives = |fact: &Fact| fact.gives.as_ref() == Some(&wanted);
        match (self.facts.iter().position(gives), way) {
            (Some(at), Way::Debt { change }) => format!(
                "a debt is paid without waiting for what it needs: let `{}` need `{}`",
                self.id(change),
                self.id(at)
            ),
            (Some(at), Way::Needs) if self.facts[at].passed.is_some() => format!(
                "`{}` gives it, and may give nothing: leave out its `when`",
                self.id(at)
            ),
            (Some(at), Way::Needs) if at != step => {
                format!("let it need `{}`, directly or through others", self.id(at))
            }
            (Some(_) | None, _) => format!(
                "put a step before it whose action gives the guard, or that claims it with `provides: {{guard: {guard}, evidence: ...}}`"
            ),
        }
    }

    fn id(&self, index: usize) -> &str {
        self.steps[index].id.as_str()
    }

    /// Where a step stands; one of an inlined runbook, where that is used.
    fn span(&self, index: usize) -> Span {
        let id = self.id(index);
        let outer = id.split_once('/').map_or(id, |(outer, _)| outer);
        let at = self.world.index_of(outer);
        at.map_or_else(Span::default, |at| self.world.steps[at].id_span)
    }
}
