//! What a step will touch of the world, as far as it is known before the run: hosts,
//! databases, programs, and the secrets that it is given. What a script or a statement
//! touches by itself nobody knows; its text is told.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Serialize;
use windlass_core::catalog::{Catalog, Param, Touch};
use windlass_core::id::{ActionName, SecretName};
use windlass_core::plan::{Call, Plan, Reconcile, Step, StepKind, Template};
use windlass_core::value::Value;

use super::known::{Known, Names, value_text};

/// The first items of a `for_each` whose values are told; the others are counted.
const ITEMS_MAX: usize = 100;
/// How many different values of one parameter are told, when a step has items.
pub(crate) const VALUES_MAX: usize = 32;

/// Which call of a step touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// The step's own work.
    Do,
    /// Its undo.
    Undo,
    /// The look whether a doubtful attempt took effect.
    Reconcile,
    /// The reading of what an approval rests on.
    Fact,
}

/// One parameter that names a part of the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Touched {
    pub what: Touch,
    pub doing: Doing,
    pub param: String,
    /// Its values, one for each different one of the items; at most 32.
    pub values: Vec<String>,
    /// How many more different values there are, at most.
    pub more: usize,
    /// The text of the expression, when the run decides the value.
    pub later: Option<String>,
    /// Why it has no value with these inputs: the step would fail.
    pub never: Option<String>,
}

/// A call of a step: which action, with what.
pub(crate) struct Called<'a> {
    pub(crate) doing: Doing,
    pub(crate) uses: &'a ActionName,
    pub(crate) with: &'a Template,
}

/// All calls of a step: its own, its undo's, and their looks; of a gate its facts.
pub(crate) fn called(step: &Step) -> Vec<Called<'_>> {
    let (call, undo) = match &step.kind {
        StepKind::Action { call, undo, .. } => (call, undo),
        StepKind::Gate(gate) => {
            let facts = gate.facts.iter();
            return facts
                .map(|fact| Called {
                    doing: Doing::Fact,
                    uses: &fact.uses,
                    with: &fact.with,
                })
                .collect();
        }
        StepKind::Wait { .. } => return Vec::new(),
    };
    let mut found = with_look(Doing::Do, call);
    found.extend(undo.iter().flat_map(|undo| with_look(Doing::Undo, undo)));
    found
}

fn with_look(doing: Doing, call: &Call) -> Vec<Called<'_>> {
    let mut found = vec![Called {
        doing,
        uses: &call.uses,
        with: &call.with,
    }];
    match &call.reconcile {
        Reconcile::Read { uses, with, .. } => found.push(Called {
            doing: Doing::Reconcile,
            uses,
            with,
        }),
        Reconcile::None | Reconcile::Native { .. } => {}
    }
    found
}

/// What a step touches; `items` are those of its `for_each` when they are known.
pub(crate) fn touched(
    plan: &Plan,
    step: &Step,
    items: Option<&[Value]>,
    catalog: &Catalog,
) -> Vec<Touched> {
    let mut found: Vec<Touched> = Vec::new();
    for called in called(step) {
        let Some(action) = catalog.get(called.uses) else {
            continue;
        };
        for (name, param) in &action.params {
            let Some(template) = member(called.with, name) else {
                continue;
            };
            let Some(touched) = of_param(plan, called.doing, name, param, &template, items) else {
                continue;
            };
            // An undo's look asks what the step's own look asked, as a rule.
            if !found.contains(&touched) {
                found.push(touched);
            }
        }
    }
    found.sort_by_key(|touched| (touched.doing, touched.what));
    found
}

/// What a call gives for a parameter.
pub(crate) fn member<'a>(with: &'a Template, name: &str) -> Option<Cow<'a, Template>> {
    match with {
        Template::Map(with) => with.get(name).map(Cow::Borrowed),
        Template::Literal(with) => {
            let value = with.get(name)?.clone();
            Some(Cow::Owned(Template::Literal(value)))
        }
        Template::Expr(_) | Template::Text(_) | Template::Secret(_) | Template::List(_) => None,
    }
}

fn of_param(
    plan: &Plan,
    doing: Doing,
    name: &str,
    param: &Param,
    template: &Template,
    items: Option<&[Value]>,
) -> Option<Touched> {
    let mut touched = Touched {
        what: param.touches?,
        doing,
        param: name.to_owned(),
        values: Vec::new(),
        more: 0,
        later: None,
        never: None,
    };
    let scopes: Vec<Names<'_>> = match items {
        Some(items) => items
            .iter()
            .take(ITEMS_MAX)
            .map(|item| Names {
                inputs: &plan.inputs,
                item: Some(item),
            })
            .collect(),
        None => vec![Names {
            inputs: &plan.inputs,
            item: None,
        }],
    };
    let mut seen = BTreeSet::new();
    for names in scopes {
        match names.template(template) {
            // A parameter that is null was left out.
            Known::Now(Value::Null) => {}
            Known::Now(value) => {
                let text = value_text(&value);
                if seen.insert(text.clone()) {
                    if touched.values.len() < VALUES_MAX {
                        touched.values.push(text);
                    } else {
                        touched.more += 1;
                    }
                }
            }
            Known::Later(text) => touched.later = Some(text),
            Known::Never(why) => touched.never = Some(why),
        }
    }
    let unseen = items.map_or(0, <[Value]>::len).saturating_sub(ITEMS_MAX);
    if touched.values.len() > 1 {
        touched.more += unseen;
    }
    let nothing = touched.values.is_empty() && touched.later.is_none() && touched.never.is_none();
    (!nothing).then_some(touched)
}

/// The secrets that a step's calls are given.
pub(crate) fn secrets(step: &Step) -> BTreeSet<SecretName> {
    let calls = called(step);
    let given = calls.iter().flat_map(|called| called.with.secrets());
    given.cloned().collect()
}
