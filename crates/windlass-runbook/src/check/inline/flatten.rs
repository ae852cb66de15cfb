//! Fragments put in the place of the steps that use them: ids get a segment in front, needs
//! are joined at both ends, names become those of the runbook around.

use std::collections::BTreeMap;
use std::rc::Rc;

use windlass_core::expr::Expr;
use windlass_core::id::{STEP_ID_BYTES_MAX, StepId};
use windlass_core::plan::{Gate, Part, STEPS_MAX, Step, StepKind, Template};
use windlass_core::value::Value;

use super::call::Values;
use super::rewrite::{self, Names, both, template_text};
use super::{Check, Fragment};
use crate::check::fields::Found;
use crate::check::shapes::{Shape, shown_path};
use crate::check::world::World;
use crate::codes::{INLINED_DEPTH, INLINED_EXPR, INLINED_GATE, INLINED_RULE, YAML_LIMIT};
use crate::diagnostic::{Diagnostic, Span};
use crate::expr::{SyntaxError, text_literal, unparse};

/// A step that uses a fragment, with its values.
pub(in crate::check) struct Inlining {
    pub(super) id: StepId,
    /// Among the drafts.
    pub(super) index: usize,
    pub(super) needs: Vec<StepId>,
    pub(super) when: Option<Expr>,
    pub(super) inputs: Values,
    pub(super) fragment: Rc<Fragment>,
}

impl Inlining {
    /// What rules of the runbook around see in its place: its condition, its needs and the
    /// values that it is given, as a gate would show them.
    pub(in crate::check) fn stand_in(&self) -> Step {
        let show = self.inputs.iter();
        let show = show.map(|(name, (template, _))| (name.clone(), template.clone()));
        Step {
            id: self.id.clone(),
            title: None,
            needs: self.needs.clone(),
            when: self.when.clone(),
            kind: StepKind::Gate(Gate {
                show: show.collect(),
                ..Gate::default()
            }),
            ensure: None,
            provides: None,
            guards: Vec::new(),
            window: None,
            finally: false,
        }
    }
}

/// Steps without any inlining left.
pub(in crate::check) struct Flat {
    pub(in crate::check) steps: Vec<Step>,
    pub(super) checks: Vec<Check>,
}

/// A fragment in its place, as the steps around see it.
struct Placed {
    steps: Vec<Step>,
    /// Those that nothing inside needs: whoever needs the whole needs them.
    ends: Vec<StepId>,
    /// The text of each output; first for steps that run after it, then for steps that may
    /// run although it did not come to its end.
    outputs: BTreeMap<String, (String, String)>,
}

/// Puts all fragments in the place of the steps that `inlinings` names. `order` holds the
/// drafts so that each comes after those that it needs. `None` when something was found.
pub(in crate::check) fn flatten(
    world: &World<'_>,
    order: &[usize],
    lowered: Vec<Step>,
    inlinings: &BTreeMap<usize, Inlining>,
    found: &mut Found,
) -> Option<Flat> {
    let mut checks = Vec::new();
    if inlinings.is_empty() {
        let steps = lowered;
        return Some(Flat { steps, checks });
    }
    let before = found.len();
    let mut whole = true;
    let ensured = world.ensured();
    let mut placed: BTreeMap<String, Placed> = BTreeMap::new();
    for inlining in order.iter().filter_map(|index| inlinings.get(index)) {
        let draft = &world.steps[inlining.index];
        let around = Around {
            placed: &placed,
            late: draft.finally,
        };
        match place(inlining, draft.finally, &around, &mut checks) {
            Ok(done) => {
                placed.insert(inlining.id.as_str().to_owned(), done);
            }
            Err(fault) => {
                whole = false;
                found.extend(fault.diagnostic(draft.id_span, inlining));
            }
        }
    }
    let mut steps = Vec::with_capacity(lowered.len());
    for (index, step) in lowered.into_iter().enumerate() {
        let draft = &world.steps[index];
        if let Some(inlining) = inlinings.get(&index) {
            if let Some(done) = placed.get_mut(inlining.id.as_str()) {
                steps.append(&mut done.steps);
            }
            continue;
        }
        let around = Around {
            placed: &placed,
            late: draft.finally || ensured.contains(draft.id.as_str()),
        };
        let needs = expanded(&step.needs, &placed);
        match rewrite::step(step, &around) {
            Ok(step) => steps.push(Step { needs, ..step }),
            Err(error) => {
                found.push(too_large(&draft.id, error).at(draft.id_span, "this step"));
            }
        }
    }
    if steps.len() > STEPS_MAX {
        let message = format!(
            "with all that is inlined there are {} steps, more than {STEPS_MAX}",
            steps.len()
        );
        found.push(Diagnostic::error(YAML_LIMIT, message));
    }
    let checks = checks
        .into_iter()
        .filter(|check| !settled(check, world, found))
        .collect();
    (whole && found.len() == before).then_some(Flat { steps, checks })
}

/// Needs with each fragment replaced by its last steps.
fn expanded(needs: &[StepId], placed: &BTreeMap<String, Placed>) -> Vec<StepId> {
    needs
        .iter()
        .flat_map(|need| match placed.get(need.as_str()) {
            Some(done) => done.ends.clone(),
            None => vec![need.clone()],
        })
        .collect()
}

/// Why a fragment cannot be put in place.
enum Fault {
    Expr(StepId, SyntaxError),
    Id(String),
    Gate(StepId),
    Broken,
}

impl Fault {
    fn diagnostic(self, span: Span, inlining: &Inlining) -> Option<Diagnostic> {
        match self {
            Fault::Expr(id, error) => Some(too_large(&id, error).at(span, "inlined here")),
            Fault::Id(id) => {
                let message = format!("the id `{id}` is too long");
                let help = format!(
                    "with all segments an id has at most {STEP_ID_BYTES_MAX} bytes: shorten one of them"
                );
                let diagnostic = Diagnostic::error(INLINED_DEPTH, message);
                Some(diagnostic.at(span, "inlined here").help(help))
            }
            Fault::Gate(gate) => {
                let message = format!("`{}` has a `when`, and `{gate}` is a gate", inlining.id);
                Some(
                    Diagnostic::error(INLINED_GATE, message)
                        .at(span, "could skip the gate")
                        .help("a gate that can be skipped protects nothing: let the steps behind it have the `when`"),
                )
            }
            // It was said in the runbook itself.
            Fault::Broken => None,
        }
    }
}

fn too_large(id: &StepId, error: SyntaxError) -> Diagnostic {
    const HELP: &str = "values are written into the expressions that read them: give smaller ones, or let a step inside give them as outputs";
    let message = format!(
        "an expression of `{id}` cannot be inlined: {}",
        error.message
    );
    let help = error.help.unwrap_or_else(|| HELP.to_owned());
    Diagnostic::error(INLINED_EXPR, message).help(help)
}

/// The names of a runbook some of whose steps are fragments.
struct Around<'a> {
    placed: &'a BTreeMap<String, Placed>,
    /// Whether the reader may run although a fragment did not come to its end.
    late: bool,
}

impl Names for Around<'_> {
    fn text(&self, path: &[&str]) -> Option<String> {
        let ["steps", id, "outputs", name] = path else {
            return None;
        };
        let (after, late) = self.placed.get(*id)?.outputs.get(*name)?;
        Some(if self.late { late } else { after }.clone())
    }

    fn input(&self, _name: &str) -> Option<&Template> {
        None
    }
}

/// The names inside of a fragment.
struct Inside<'a> {
    id: &'a StepId,
    inputs: BTreeMap<String, (Template, Option<String>)>,
}

impl Names for Inside<'_> {
    fn text(&self, path: &[&str]) -> Option<String> {
        match path {
            ["inputs", name] => self.inputs.get(*name)?.1.clone(),
            ["steps", step] => {
                let id = format!("{}/{step}", self.id);
                Some(format!("steps[{}]", text_literal(&id)))
            }
            _ => None,
        }
    }

    fn input(&self, name: &str) -> Option<&Template> {
        Some(&self.inputs.get(name)?.0)
    }
}

fn place(
    inlining: &Inlining,
    finally: bool,
    around: &Around<'_>,
    checks: &mut Vec<Check>,
) -> Result<Placed, Fault> {
    let fragment = &inlining.fragment;
    let own = |error| Fault::Expr(inlining.id.clone(), error);
    let when = match &inlining.when {
        None => None,
        Some(when) => Some(rewrite::expr(when, around).map_err(own)?),
    };
    let mut inputs = BTreeMap::new();
    for (name, (template, span)) in &inlining.inputs {
        let template = rewrite::template(template, around).map_err(own)?;
        let text = template_text(&template);
        checks.extend(rules_of(fragment, name, &template, *span));
        inputs.insert(name.clone(), (template, text));
    }
    let inside = Inside {
        id: &inlining.id,
        inputs,
    };
    for check in &fragment.checks {
        let template = rewrite::template(&check.template, &inside).map_err(own)?;
        checks.push(Check {
            template,
            ..check.clone()
        });
    }
    let needs = expanded(&inlining.needs, around.placed);
    let mut steps = Vec::new();
    for step in fragment.steps.as_ref().ok_or(Fault::Broken)? {
        steps.push(step_inside(step, &inside, when.as_ref(), &needs, finally)?);
    }
    let needed = |id: &StepId| steps.iter().any(|step: &Step| step.needs.contains(id));
    let ends: Vec<StepId> = steps
        .iter()
        .map(|step| step.id.clone())
        .filter(|id| !needed(id))
        .collect();
    let mut outputs = BTreeMap::new();
    for (name, output) in &fragment.outputs {
        let expr = output.expr.as_ref().ok_or(Fault::Broken)?;
        let text = unparse(&rewrite::expr(expr, &inside).map_err(own)?);
        outputs.insert(name.clone(), output_texts(&text, when.as_ref(), &ends));
    }
    Ok(Placed {
        steps,
        ends,
        outputs,
    })
}

/// An output of a fragment that was skipped, or did not come to its end, is null.
fn output_texts(text: &str, when: Option<&Expr>, ends: &[StepId]) -> (String, String) {
    let when = when.map(|when| format!("({})", unparse(when)));
    let after = match &when {
        Some(when) => format!("({when} ? ({text}) : null)"),
        None => format!("({text})"),
    };
    let ended = ends.iter().map(|end| {
        let id = text_literal(end.as_str());
        format!("steps[{id}].state in ['succeeded', 'skipped', 'approved']")
    });
    let all: Vec<String> = when.into_iter().chain(ended).collect();
    let late = format!("({} ? ({text}) : null)", all.join(" && "));
    (after, late)
}

fn step_inside(
    step: &Step,
    inside: &Inside<'_>,
    when: Option<&Expr>,
    needs: &[StepId],
    finally: bool,
) -> Result<Step, Fault> {
    let renamed = |id: &StepId| {
        let inner = inside.id.inside(id.as_str());
        inner.map_err(|_| Fault::Id(format!("{}/{id}", inside.id)))
    };
    let id = renamed(&step.id)?;
    if when.is_some() && matches!(step.kind, StepKind::Gate(_)) {
        return Err(Fault::Gate(id));
    }
    let own = |error| Fault::Expr(id.clone(), error);
    let rewritten = rewrite::step(step.clone(), inside).map_err(own)?;
    let when = match (when, rewritten.when) {
        (Some(outer), Some(inner)) => Some(both(outer, &inner).map_err(own)?),
        (Some(outer), None) => Some(outer.clone()),
        (None, inner) => inner,
    };
    let needs = if step.needs.is_empty() {
        needs.to_vec()
    } else {
        step.needs.iter().map(renamed).collect::<Result<_, _>>()?
    };
    let ensure = step.ensure.as_ref().map(renamed).transpose()?;
    let mut window = step.window.clone();
    if let Some(window) = &mut window {
        window.covers = window.covers.as_ref().map(renamed).transpose()?;
    }
    Ok(Step {
        id,
        needs,
        when,
        ensure,
        window,
        finally,
        ..rewritten
    })
}

/// What must still be tested of a value that is no literal.
fn rules_of(fragment: &Rc<Fragment>, name: &str, template: &Template, span: Span) -> Option<Check> {
    if matches!(template, Template::Literal(_)) {
        return None;
    }
    let input = fragment
        .inputs
        .iter()
        .position(|input| input.name == name)?;
    let has_rules = fragment.inputs[input]
        .shape
        .as_ref()
        .is_some_and(Shape::has_rules);
    has_rules.then(|| Check {
        fragment: Rc::clone(fragment),
        input,
        template: template.clone(),
        span,
    })
}

/// Whether the rules were tested, or found untestable; if not, the runbook around must.
fn settled(check: &Check, world: &World<'_>, found: &mut Found) -> bool {
    let declared = &check.fragment.inputs[check.input];
    let Some(shape) = &declared.shape else {
        return true;
    };
    if !only_inputs(&check.template) {
        let message = format!(
            "the rules of `{}` cannot be tested: its value is known only in the run",
            declared.name
        );
        found.push(
            Diagnostic::error(INLINED_RULE, message)
                .at(check.span, "not known before")
                .at(declared.name_span, "has rules beside its type")
                .help("test the value in a step with `expect`, and take the rule out of the declaration"),
        );
        return true;
    }
    if world.inlined && !matches!(check.template, Template::Literal(_)) {
        return false;
    }
    // Without values the runbook alone is checked.
    let scope = match (&check.template, &world.values) {
        (Template::Literal(_), _) => BTreeMap::new(),
        (_, None) => return true,
        (_, Some(values)) => BTreeMap::from([("inputs".to_owned(), Value::Map(values.clone()))]),
    };
    // An expression without a value fails in the run, as it would anywhere else.
    let Some(value) = check
        .template
        .resolve(&scope)
        .ok()
        .and_then(windlass_core::plan::Input::into_value)
    else {
        return true;
    };
    for fault in shape.take_computed(&value).err().into_iter().flatten() {
        let path = shown_path(&declared.name, &fault.path);
        let message = format!("the value {} of `{path}` {}", fault.found, fault.rule);
        found.push(
            Diagnostic::error(fault.code, message)
                .at(check.span, "given here")
                .at(declared.name_span, "declared there")
                .maybe_help(fault.help),
        );
    }
    true
}

/// Whether a value depends on nothing but the runbook's inputs.
fn only_inputs(template: &Template) -> bool {
    let inputs = |expr: &Expr| {
        let references = expr.references();
        references
            .iter()
            .all(|reference| reference.path[0] == "inputs")
    };
    match template {
        Template::Literal(_) => true,
        Template::Secret(_) => false,
        Template::Expr(expr) => inputs(expr),
        Template::Text(parts) => parts.iter().all(|part| match part {
            Part::Text(_) => true,
            Part::Expr(expr) => inputs(expr),
        }),
        Template::List(items) => items.iter().all(only_inputs),
        Template::Map(map) => map.values().all(only_inputs),
    }
}
