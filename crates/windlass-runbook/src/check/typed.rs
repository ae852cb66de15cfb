//! The types of the names around an expression of the runbook, and what typing finds as
//! diagnostics. Typing itself is `expr::typing`'s; which names exist is `names`'.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use windlass_core::catalog::Output;
use windlass_core::expr::Expr;
use windlass_core::id::ActionName;
use windlass_core::types::Type;

use super::echoed;
use super::names::{Around, Outputs};
use super::world::{Form, World};
use crate::codes::{
    ARGUMENT_TYPE, Code, FAILS_ALWAYS, MAP_KEY, MIXED_NUMBERS, MIXED_UNITS, NESTED_MACROS,
    NEVER_EQUAL, NEVER_NULL, NOT_A_CONDITION, NOT_A_LIST, NULL_UNTESTED, OPERAND_TYPE, PARAM_TYPE,
    UNKNOWN_MEMBER,
};
use crate::diagnostic::{Diagnostic, Span};
use crate::expr::parse;
use crate::expr::typing::{Absent, Facts, Finding, Known, Names, Problem, Ty, facts_where, typing};
use crate::node::NodeKind;

/// What is worked out once about the steps and asked for by many expressions.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    /// The types of the items that a step runs over.
    items: RefCell<BTreeMap<usize, Ty>>,
    /// What a step's `when` says where it held.
    when: RefCell<BTreeMap<usize, Facts>>,
    /// The changes that ensure a step.
    ensuring: OnceCell<BTreeMap<usize, Vec<usize>>>,
    /// What precedes a change that ensures a step.
    before: RefCell<BTreeMap<usize, BTreeSet<usize>>>,
    /// The types of inputs that were asked for.
    inputs: RefCell<BTreeMap<String, Ty>>,
    /// The outputs of steps that give back what they are given; empty while they are
    /// being worked out, for steps that read each other in a circle.
    echoed: RefCell<BTreeMap<usize, BTreeMap<String, Output>>>,
}

/// What an expression must give where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wants<'a> {
    /// True or false, for the key of this name.
    Condition(&'a str),
    /// The items of `for_each`.
    Items,
    /// A piece of a text.
    Text,
    /// A value for the parameter or key of this name.
    Value {
        name: &'a str,
        ty: &'a Type,
        /// Whether null means that it is left out.
        optional: bool,
    },
}

impl<'a> Wants<'a> {
    /// A value of any type.
    pub(super) fn any(name: &'a str) -> Self {
        Wants::Value {
            name,
            ty: &Type::Any,
            optional: true,
        }
    }
}

/// The type of an expression in which nothing is wrong.
pub(super) fn type_of(world: &World<'_>, expr: &Expr, around: Around<'_>) -> Ty {
    let names = Surroundings { world, around };
    typing(expr, &names, &names.when_held()).ty
}

/// Everything that typing has to say about an expression. `place` finds a part of it in
/// the runbook.
pub(super) fn check(
    world: &World<'_>,
    expr: &Expr,
    around: Around<'_>,
    wants: Wants<'_>,
    place: &dyn Fn(windlass_core::expr::Span) -> Span,
) -> Vec<Diagnostic> {
    let names = Surroundings { world, around };
    // A step runs only where its `when` held, so its other expressions may rely on it.
    let known = match wants {
        Wants::Condition("when") => typing(expr, &names, &Facts::default()),
        _ => typing(expr, &names, &names.when_held()),
    };
    let mut diagnostics: Vec<Diagnostic> = known
        .findings
        .into_iter()
        .map(|finding| diagnostic(finding, place))
        .collect();
    // What follows from a mistake inside would be told twice.
    if diagnostics.is_empty() {
        let whole = expr.node(expr.root()).span;
        let end = unwanted(expr, &known.ty, known.why_null, wants);
        diagnostics.extend(end.map(|(code, message, label, help)| {
            Diagnostic::error(code, message)
                .at(place(whole), label)
                .maybe_help(help)
        }));
    }
    diagnostics
}

fn diagnostic(finding: Finding, place: &dyn Fn(windlass_core::expr::Span) -> Span) -> Diagnostic {
    let code = match finding.problem {
        Problem::Operands => OPERAND_TYPE,
        Problem::Argument => ARGUMENT_TYPE,
        Problem::Member => UNKNOWN_MEMBER,
        Problem::Condition => NOT_A_CONDITION,
        Problem::Null => NULL_UNTESTED,
        Problem::Comparison => NEVER_EQUAL,
        Problem::NeverNull => NEVER_NULL,
        Problem::MixedNumbers => MIXED_NUMBERS,
        Problem::Units => MIXED_UNITS,
        Problem::Key => MAP_KEY,
        Problem::Fails => FAILS_ALWAYS,
        Problem::Nested => NESTED_MACROS,
    };
    let diagnostic = if finding.problem == Problem::NeverNull {
        Diagnostic::warning(code, finding.message)
    } else {
        Diagnostic::error(code, finding.message)
    };
    diagnostic
        .at(place(finding.span), finding.label)
        .maybe_help(finding.help)
}

/// What is wrong with the value of the whole expression where it stands: code, message,
/// label and help.
fn unwanted(
    expr: &Expr,
    ty: &Ty,
    why_null: Option<String>,
    wants: Wants<'_>,
) -> Option<(Code, String, String, Option<String>)> {
    let this_is = || format!("this is {ty}");
    let null = |what: String| {
        let source = expr.source().trim();
        let help = match wants {
            Wants::Condition(_) => format!("test it first, as in `{source} != null && {source}`"),
            Wants::Items | Wants::Text | Wants::Value { .. } => {
                format!("say what stands for null, as in `{source} != null ? {source} : ...`")
            }
        };
        let help = (source.len() <= 60 && !source.contains('\n')).then_some(help);
        let label = why_null.clone().unwrap_or_else(this_is);
        Some((NULL_UNTESTED, what, label, help))
    };
    match wants {
        Wants::Condition(key) => match ty {
            Ty::Any | Ty::Never | Ty::Bool => None,
            Ty::Nullable(_) => null(format!(
                "`{key}` may be null, which is neither true nor false"
            )),
            _ => {
                let message = format!("`{key}` is true or false, not {ty}");
                Some((NOT_A_CONDITION, message, this_is(), condition_help(ty)))
            }
        },
        Wants::Items => match ty {
            Ty::Any | Ty::Never | Ty::List(_) => None,
            Ty::Nullable(_) => null("the items of `for_each` may be null".to_owned()),
            _ => {
                let help = matches!(ty, Ty::Map(_) | Ty::Object(_))
                    .then(|| "the keys of a map as a list: `map.filter(key, true)`".to_owned());
                let message = format!("`for_each` goes over a list, not over {ty}");
                Some((NOT_A_LIST, message, this_is(), help))
            }
        },
        Wants::Text => {
            if ty.may_be_null() {
                return null("a text cannot hold null".to_owned());
            }
            None
        }
        Wants::Value {
            name,
            ty: wanted,
            optional,
        } => {
            if !optional && !ty.null_fits(wanted) {
                return null(format!("`{name}` is {wanted}, and this may be null"));
            }
            if ty.fits(wanted) || (optional && *ty == Ty::Null) {
                return None;
            }
            let message = format!("`{name}` is {wanted}, not {ty}");
            Some((PARAM_TYPE, message, this_is(), value_help(ty, wanted)))
        }
    }
}

fn condition_help(ty: &Ty) -> Option<String> {
    let help = match ty {
        Ty::List(_) | Ty::Map(_) | Ty::Object(_) => "ask for its size, as in `list.size() > 0`",
        Ty::Null => return None,
        _ => "compare it with something, as in `x == ...`",
    };
    Some(help.to_owned())
}

fn value_help(ty: &Ty, wanted: &Type) -> Option<String> {
    let help = match (wanted, ty) {
        (
            Type::Text,
            Ty::Int | Ty::Duration | Ty::Bytes | Ty::Float | Ty::Number | Ty::Bool | Ty::Scalar,
        ) => "`string(x)` turns it into a string",
        (Type::Duration, Ty::Text) => "an input of `type: duration` holds one",
        (Type::Bytes, Ty::Text) => "an input of `type: bytes` holds one",
        (Type::Int | Type::Duration | Type::Bytes, Ty::Float | Ty::Number | Ty::Text) => {
            "`int(x)` turns it into an integer"
        }
        (Type::Number, Ty::Text) => "`double(x)` turns it into a number",
        _ => return None,
    };
    Some(help.to_owned())
}

/// The names around one expression of the runbook.
struct Surroundings<'a> {
    world: &'a World<'a>,
    around: Around<'a>,
}

impl Names for Surroundings<'_> {
    fn known(&self, path: &[&str]) -> Option<Known> {
        let first = *path.first()?;
        // Outputs hide the other names, as they do in the run.
        match self.around.outputs {
            Outputs::Known(outputs) => {
                if let Some(output) = outputs.get(first) {
                    return Some(Known::present(Ty::from(&output.ty), 1));
                }
            }
            Outputs::Unknown | Outputs::None => {}
        }
        match first {
            "inputs" => Some(Known::present(self.input(path.get(1)?)?, 2)),
            "item" if self.around.item => Some(Known::present(self.item(self.around.step), 1)),
            "run" => self.run(path.get(1)?),
            "steps" => self.step(path),
            _ => None,
        }
    }

    fn proven(&self, path: &[&str], text: &str) -> Vec<Vec<String>> {
        match path {
            ["steps", id, "state"] if text == "succeeded" => {
                let outputs = ["steps", id, "outputs"];
                vec![outputs.map(str::to_owned).to_vec()]
            }
            _ => Vec::new(),
        }
    }
}

impl Surroundings<'_> {
    /// An input's type, turned into one of expressions once.
    fn input(&self, name: &str) -> Option<Ty> {
        if let Some(ty) = self.world.knowledge.inputs.borrow().get(name) {
            return Some(ty.clone());
        }
        let ty = Ty::from(self.world.inputs.get(name)?);
        let mut known = self.world.knowledge.inputs.borrow_mut();
        known.insert(name.to_owned(), ty.clone());
        Some(ty)
    }

    fn run(&self, name: &str) -> Option<Known> {
        let known = |ty| Some(Known::present(ty, 2));
        match name {
            "id" | "requester" => known(Ty::Text),
            "started_at_ms" => known(Ty::Int),
            "fence" => Some(Known {
                ty: Ty::Int,
                used: 2,
                absent: Some(Absent {
                    len: 2,
                    why: "`run.fence` is null while the run holds no lock".to_owned(),
                }),
            }),
            "end" | "reason" if self.world.steps[self.around.step].finally => known(Ty::Text),
            "end" | "reason" => Some(Known {
                ty: Ty::Text,
                used: 2,
                absent: Some(Absent {
                    len: 2,
                    why: format!("`run.{name}` is null until the run ends; `finally` knows it"),
                }),
            }),
            _ => None,
        }
    }

    fn step(&self, path: &[&str]) -> Option<Known> {
        let index = self.world.index_of(path.get(1)?)?;
        match *path.get(2)? {
            "state" => Some(Known::present(Ty::Text, 3)),
            "outputs" => {
                let why = self.may_lack_outputs(index);
                let absent = why.map(|why| Absent { len: 3, why });
                let step = &self.world.steps[index];
                let name = path.get(3).copied();
                let settled = self.settled_by_a_look(index, name);
                let one = self.outputs(index, name);
                let (ty, used) = match (one, &settled) {
                    // A list of them has no members.
                    _ if step.fields_has_each() => (self.of_items(index), 3),
                    (One::Member(ty), None | Some(Settled::Same)) => (ty, 4),
                    (One::Member(ty), Some(Settled::Null(why))) if absent.is_none() => {
                        let why = why.clone();
                        let absent = Some(Absent { len: 4, why });
                        return Some(Known {
                            ty,
                            used: 4,
                            absent,
                        });
                    }
                    (One::Member(ty), Some(Settled::Null(_))) => (ty.nullable(), 4),
                    (One::Member(_), Some(Settled::Other)) => (Ty::Any, 4),
                    (One::All(ty), None) => (ty, 3),
                    (One::All(_), Some(_)) => (Ty::Any, 3),
                };
                Some(Known { ty, used, absent })
            }
            _ => None,
        }
    }

    fn outputs(&self, index: usize, name: Option<&str>) -> One {
        let step = &self.world.steps[index];
        if let Form::Inlined { fragment, .. } = &step.form {
            return match name.and_then(|name| fragment.outputs.get(name)) {
                Some(output) => One::Member(output.ty.clone()),
                None => One::All(Ty::Any),
            };
        }
        if let Some(ty) = name.and_then(|name| step.outputs.get(name)) {
            return One::Member(Ty::from(ty));
        }
        let Some(outputs) = stated(self.world, index, self.around) else {
            return One::All(Ty::Any);
        };
        match name.and_then(|name| outputs.get(name)) {
            Some(output) => One::Member(Ty::from(&output.ty)),
            None => One::All(Ty::object(
                outputs
                    .iter()
                    .map(|(name, output)| (name.clone(), Ty::from(&output.ty))),
            )),
        }
    }

    /// What an output is when not the step's action gave it but the read of its `reconcile`,
    /// which found that the change had happened; `None` when that cannot be.
    fn settled_by_a_look(&self, index: usize, name: Option<&str>) -> Option<Settled> {
        let step = &self.world.steps[index];
        let Form::Action { .. } = &step.form else {
            return None;
        };
        let NodeKind::Map(look) = &step.fields.as_ref()?.value("reconcile")?.kind else {
            return None;
        };
        let uses = look.iter().find(|entry| entry.key == "uses")?;
        let action = uses.value.as_text()?.parse::<ActionName>().ok()?;
        let Some(outputs) = self.world.catalog.get(&action)?.outputs.as_ref() else {
            return Some(Settled::Other);
        };
        let Some(name) = name else {
            return Some(Settled::Other);
        };
        let One::Member(own) = self.outputs(index, Some(name)) else {
            return Some(Settled::Other);
        };
        Some(match outputs.get(name) {
            Some(found) if Ty::from(&found.ty) == own => Settled::Same,
            Some(_) => Settled::Other,
            None => Settled::Null(format!(
                "a look of `{}` that finds it done gives what `{action}` does, which has no `{}`",
                step.id,
                name.escape_debug()
            )),
        })
    }

    /// The outputs of a step that runs over items.
    fn of_items(&self, index: usize) -> Ty {
        let (One::All(ty) | One::Member(ty)) = self.outputs(index, None);
        let ty = match self.settled_by_a_look(index, None) {
            Some(_) => Ty::Any,
            None => ty,
        };
        let budget = self.world.steps[index]
            .fields
            .as_ref()
            .is_some_and(|fields| fields.get("failure_budget").is_some());
        // Items that failed within the budget gave nothing.
        Ty::list(if budget { ty.nullable() } else { ty })
    }

    /// Why a step may have given nothing when the expression is read.
    fn may_lack_outputs(&self, index: usize) -> Option<String> {
        let world = self.world;
        let reader = &world.steps[self.around.step];
        let step = &world.steps[index];
        let id = &step.id;
        if index == self.around.step {
            return Some(format!(
                "an attempt of `{id}` that settled is undone too, and gave no outputs"
            ));
        }
        if reader.finally && !step.finally {
            return Some(format!("`{id}` need not have succeeded before `finally`"));
        }
        if step
            .fields
            .as_ref()
            .is_some_and(|fields| fields.get("when").is_some())
        {
            return Some(format!("`{id}` is skipped when its `when` is false"));
        }
        if step.finally && reader.finally {
            return Some(format!("`{id}` may have failed: `finally` goes on"));
        }
        let unsure = self.need_not_precede_debt(self.around.step, index);
        unsure.then(|| format!("`{id}` need not have run: `{}` also pays a debt", reader.id))
    }

    /// Whether `step` is ensured by a change that `index` does not precede.
    fn need_not_precede_debt(&self, step: usize, index: usize) -> bool {
        let world = self.world;
        let ensuring = world.knowledge.ensuring.get_or_init(|| ensuring(world));
        let Some(changes) = ensuring.get(&step) else {
            return false;
        };
        let mut known = world.knowledge.before.borrow_mut();
        changes.iter().any(|change| {
            let before = known
                .entry(*change)
                .or_insert_with(|| before(world, *change));
            !before.contains(&index)
        })
    }

    /// What the `when` of the step says where it held.
    fn when_held(&self) -> Facts {
        if !self.around.when_held {
            return Facts::default();
        }
        let step = self.around.step;
        if let Some(facts) = self.world.knowledge.when.borrow().get(&step) {
            return facts.clone();
        }
        let facts = self.world.steps[step]
            .fields
            .as_ref()
            .and_then(|fields| fields.value("when"))
            .and_then(|node| parse(node.as_text()?).ok())
            .map(|expr| {
                let names = Surroundings {
                    world: self.world,
                    around: Around {
                        item: false,
                        outputs: Outputs::None,
                        ..self.around
                    },
                };
                facts_where(&expr, &names)
            })
            .unwrap_or_default();
        let mut known = self.world.knowledge.when.borrow_mut();
        known.insert(step, facts.clone());
        facts
    }

    /// The type of the items that a step runs over.
    fn item(&self, step: usize) -> Ty {
        if let Some(ty) = self.world.knowledge.items.borrow().get(&step) {
            return ty.clone();
        }
        let fields = self.world.steps[step].fields.as_ref();
        let source = fields
            .and_then(|fields| fields.value("for_each"))
            .and_then(|node| node.as_text());
        // What does not parse, or is no list, is said where `for_each` is read.
        let ty = source.and_then(|source| parse(source).ok()).map(|expr| {
            let once = Around {
                item: false,
                outputs: Outputs::None,
                ..self.around
            };
            let names = Surroundings {
                world: self.world,
                around: once,
            };
            typing(&expr, &names, &names.when_held()).ty.not_null()
        });
        let item = match ty {
            Some(Ty::List(item)) => (*item).clone(),
            _ => Ty::Any,
        };
        let mut items = self.world.knowledge.items.borrow_mut();
        items.insert(step, item.clone());
        item
    }
}

/// An output of a step that was settled by a look with another action.
enum Settled {
    /// Of the same type.
    Same,
    /// Not known.
    Other,
    /// Null, and why.
    Null(String),
}

/// The outputs of one attempt of a step, or one of them.
enum One {
    All(Ty),
    Member(Ty),
}

/// The outputs of a step's action, with the types that the step declares; `None` where they
/// depend on the call.
pub(super) fn stated<'a>(
    world: &World<'a>,
    index: usize,
    around: Around<'_>,
) -> Option<Cow<'a, BTreeMap<String, Output>>> {
    let step = &world.steps[index];
    let Form::Action {
        action: Some(action),
        ..
    } = &step.form
    else {
        return None;
    };
    let outputs = if action.is_by_hand() {
        let stated = step.outputs.iter().map(|(name, ty)| {
            let summary = "What the person states".to_owned();
            let ty = ty.clone();
            (name.clone(), Output { summary, ty })
        });
        return Some(Cow::Owned(stated.collect()));
    } else if action.echoes {
        Cow::Owned(echoed(world, index, around))
    } else {
        Cow::Borrowed(action.outputs.as_ref()?)
    };
    if step.outputs.is_empty() {
        return Some(outputs);
    }
    let mut stated = outputs.into_owned();
    for (name, ty) in &step.outputs {
        if let Some(output) = stated.get_mut(name) {
            output.ty = ty.clone();
        }
    }
    Some(Cow::Owned(stated))
}

/// What a step gives back, worked out once.
fn echoed(world: &World<'_>, index: usize, around: Around<'_>) -> BTreeMap<String, Output> {
    if let Some(known) = world.knowledge.echoed.borrow().get(&index) {
        return known.clone();
    }
    let keep = |outputs| world.knowledge.echoed.borrow_mut().insert(index, outputs);
    keep(BTreeMap::new());
    let outputs = echoed::outputs(world, index, around);
    keep(outputs.clone());
    outputs
}

/// The changes that ensure each step.
fn ensuring(world: &World<'_>) -> BTreeMap<usize, Vec<usize>> {
    let mut ensuring: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (change, step) in world.steps.iter().enumerate() {
        let target = step
            .fields
            .as_ref()
            .and_then(|fields| fields.value("ensure"))
            .and_then(|node| node.as_text())
            .and_then(|id| world.index_of(id));
        if let Some(target) = target {
            ensuring.entry(target).or_default().push(change);
        }
    }
    ensuring
}

/// The steps that precede `step`, also where the needs go in a circle.
fn before(world: &World<'_>, step: usize) -> BTreeSet<usize> {
    let mut before = BTreeSet::new();
    let mut open = vec![step];
    while let Some(at) = open.pop() {
        for (need, _) in &world.steps[at].needs {
            if let Some(need) = world.by_id.get(need)
                && before.insert(*need)
            {
                open.push(*need);
            }
        }
    }
    before
}
