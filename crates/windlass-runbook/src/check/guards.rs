//! Guards: what the success of a step is evidence of, and the evidence that a step does not
//! start without. A run that changes a database demands a backup before what nothing takes
//! back. That the evidence surely precedes is the proof's matter (`proved`).

use windlass_core::catalog::Action;
use windlass_core::id::GuardName;
use windlass_core::plan::{
    EVIDENCE_FIELDS, EffectClass, GuardDemand, Provides, Step, StepKind, Target, Template,
};
use windlass_core::types::Type;

use super::fields::{Fields, Found, wrong_shape};
use super::keys;
use super::names::Around;
use super::templates::{Wanted, template};
use super::world::{StepDraft, World};
use crate::codes::{EVIDENCE_SHAPE, GUARD_PLACE};
use crate::diagnostic::Diagnostic;
use crate::node::{Node, NodeKind};
use crate::suggest::did_you_mean;

/// The most guards that a step may demand.
const DEMANDS_MAX: usize = 8;
/// Targets of these schemes are databases.
pub(crate) const DATABASE_SCHEMES: [&str; 9] = [
    "mariadb",
    "mongodb",
    "mysql",
    "oracle",
    "postgres",
    "postgresql",
    "rds",
    "redis",
    "sqlserver",
];
/// What is demanded of them without a policy.
const BACKUP: &str = "backup";

/// What the step's success is evidence of: by its action, or as its author claims.
pub(super) fn provides(
    world: &World<'_>,
    draft: &StepDraft<'_>,
    fields: &Fields<'_>,
    action: Option<&Action>,
    judge: Around<'_>,
    found: &mut Found,
) -> Option<Option<Provides>> {
    let own = action.and_then(|action| action.provides.clone());
    let Some(entry) = fields.get("provides") else {
        // Over items there may be none of them, so nothing is promised.
        let own = own.filter(|_| !draft.fields_has_each());
        return Some(own.map(|guard| Provides {
            guard,
            claimed: None,
        }));
    };
    let misplaced = if draft.fields_has_each() {
        Some("a step over items gives no evidence: there may be none")
    } else if own.is_some() {
        Some("its action gives evidence by itself")
    } else {
        None
    };
    if let Some(why) = misplaced {
        let message = format!("`provides` has no place at `{}`", draft.id);
        found.push(Diagnostic::error(GUARD_PLACE, message).at(entry.key_span, why));
        return None;
    }
    let fields = Fields::read(&entry.value, entry.key_span, &keys::PROVIDES, found)?;
    let guard = guard(&fields, found);
    let evidence = fields.required("evidence", "`provides`", found)?;
    let claimed = evidence_of(world, evidence, judge, found);
    Some(Some(Provides {
        guard: guard?,
        claimed: Some(claimed?),
    }))
}

/// The evidence as texts; the target may be left out, as it is the run's.
fn evidence_of(
    world: &World<'_>,
    node: &Node,
    judge: Around<'_>,
    found: &mut Found,
) -> Option<Template> {
    let NodeKind::Map(entries) = &node.kind else {
        let rule = "`evidence` is a map of texts";
        let help = "write `evidence: {id: ..., taken_at: ..., verified_how: ...}`";
        found.push(wrong_shape(node, rule).help(help));
        return None;
    };
    let before = found.len();
    for entry in entries {
        if !EVIDENCE_FIELDS.contains(&entry.key.as_str()) {
            let message = format!("evidence has no `{}`", entry.key.escape_debug());
            let help = did_you_mean(&entry.key, EVIDENCE_FIELDS)
                .unwrap_or_else(|| format!("it has {}", EVIDENCE_FIELDS.join(", ")));
            found.push(
                Diagnostic::error(EVIDENCE_SHAPE, message)
                    .at(entry.key_span, "unknown")
                    .help(help),
            );
        }
    }
    let has = |name: &str| entries.iter().any(|entry| entry.key == name);
    let lacks: Vec<&str> = EVIDENCE_FIELDS
        .into_iter()
        .filter(|name| *name != "target" && !has(name))
        .collect();
    if !lacks.is_empty() {
        let message = format!("evidence needs {}", lacks.join(" and "));
        found.push(
            Diagnostic::error(EVIDENCE_SHAPE, message)
                .at(node.span, "not all of it")
                .help("say by what it is known, when it was taken, and how it is known to be good"),
        );
    }
    let mut map = std::collections::BTreeMap::new();
    for entry in entries {
        let wanted = Wanted {
            ty: &Type::Text,
            optional: false,
            ..Wanted::any(&entry.key)
        };
        if let Some(value) = template(world, &entry.value, wanted, judge, found) {
            map.insert(entry.key.clone(), value);
        }
    }
    (found.len() == before).then_some(Template::Map(map))
}

/// The evidence that the step does not start without, as its author demands.
pub(super) fn demands(
    draft: &StepDraft<'_>,
    fields: &Fields<'_>,
    found: &mut Found,
) -> Option<Vec<GuardDemand>> {
    let Some(entry) = fields.get("guards") else {
        return Some(Vec::new());
    };
    if !draft.is_change() {
        let message = format!("`guards` has no place at `{}`", draft.id);
        found.push(Diagnostic::error(GUARD_PLACE, message).at(
            entry.key_span,
            "it changes nothing that evidence would have to precede",
        ));
        return None;
    }
    let nodes: Vec<&Node> = match &entry.value.kind {
        NodeKind::List(items) => items.iter().collect(),
        _ => vec![&entry.value],
    };
    if nodes.is_empty() || nodes.len() > DEMANDS_MAX {
        let message = format!("a step demands from 1 to {DEMANDS_MAX} guards");
        let label = format!("{} of them", nodes.len());
        found.push(Diagnostic::error(GUARD_PLACE, message).at(entry.value.span, label));
        return None;
    }
    let demands: Vec<Option<GuardDemand>> = nodes
        .into_iter()
        .map(|node| {
            let fields = Fields::read(node, node.span, &keys::GUARD, found)?;
            let max_age = match fields.value("max_age") {
                Some(_) => Some(fields.duration("max_age", found)?),
                None => None,
            };
            let guard = guard(&fields, found)?;
            Some(GuardDemand { guard, max_age })
        })
        .collect();
    demands.into_iter().collect()
}

fn guard(fields: &Fields<'_>, found: &mut Found) -> Option<GuardName> {
    let node = fields.required("guard", "a guard", found)?;
    let name = node.as_text().unwrap_or_default();
    match name.parse() {
        Ok(guard) => Some(guard),
        Err(error) => {
            let diagnostic =
                Diagnostic::error(EVIDENCE_SHAPE, "a guard has a name such as `backup`");
            found.push(diagnostic.at(node.span, format!("{error}")));
            None
        }
    }
}

/// Adds what is demanded before every irreversible step of a run that changes a database.
pub(super) fn of_databases(target: Option<&Target>, steps: &mut [Step]) {
    let is_database =
        target.is_some_and(|target| DATABASE_SCHEMES.contains(&target.scheme.as_str()));
    let Some(backup) = is_database
        .then(|| BACKUP.parse::<GuardName>().ok())
        .flatten()
    else {
        return;
    };
    for step in steps {
        let irreversible = matches!(
            step.kind,
            StepKind::Action {
                effect: EffectClass::Irreversible,
                ..
            }
        );
        if irreversible && !step.guards.iter().any(|demand| demand.guard == backup) {
            step.guards.push(GuardDemand {
                guard: backup.clone(),
                max_age: None,
            });
        }
    }
}
