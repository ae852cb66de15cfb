//! Rules, demands and relaxations: who may do what, and what is demanded of plans.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::id::{GuardName, RuleName};
use windlass_core::plan::EffectClass;
use windlass_core::policy::{
    Deed, Demand, Permission, RULES_MAX, Relaxation, Rule, Scope, TargetPattern, Terms,
};

use super::keys;
use super::names::{Names, entries, members, texts};
use crate::check::fields::{Fields, Found, wrong_shape};
use crate::codes::{BAD_VALUE, POLICY_IDLE, POLICY_TARGET};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::NodeKind;
use crate::suggest::did_you_mean;

type Facts = BTreeMap<String, String>;

const EFFECTS: [EffectClass; 4] = [
    EffectClass::Read,
    EffectClass::Idempotent,
    EffectClass::Reversible,
    EffectClass::Irreversible,
];

pub(super) fn rules(
    fields: &Fields<'_>,
    names: &Names<'_>,
    facts: &mut Facts,
    found: &mut Found,
) -> Vec<Rule> {
    fields.required("rules", "a policy", found);
    let mut rules = Vec::new();
    for (name, entry) in members::<RuleName>(fields, "rules", RULES_MAX, found) {
        facts.insert(format!("rule {name}"), entry.value.to_value().to_string());
        let Some(rule) = Fields::read(&entry.value, entry.key_span, &keys::RULE, found) else {
            continue;
        };
        rule.required("may", "a rule", found);
        let deed = |text: &str| Deed::ALL.into_iter().find(|deed| deed.as_str() == text);
        let may = words(&rule, "may", Deed::ALL.map(Deed::as_str), deed, found);
        let people: BTreeSet<_> = names.people(&rule, "people", found).into_iter().collect();
        let groups: BTreeSet<_> = names.groups(&rule, "groups", found).into_iter().collect();
        if rule.get("people").is_none() && rule.get("groups").is_none() {
            let message = format!("the rule {name} allows nobody anything");
            found.push(
                Diagnostic::warning(POLICY_IDLE, message)
                    .at(entry.key_span, "about nobody")
                    .help("say whom it is about with `people` or `groups`"),
            );
        }
        let on = scope(&rule, found);
        rules.push(Rule {
            allows: Permission {
                name,
                may: may.into_iter().collect(),
                people,
                groups,
                targets: on.targets.clone(),
                own_runs: rule.boolean("own_runs", found).unwrap_or(false),
                from: None,
            },
            on,
        });
    }
    rules
}

pub(super) fn demands(
    fields: &Fields<'_>,
    names: &Names<'_>,
    facts: &mut Facts,
    found: &mut Found,
) -> Vec<Demand> {
    let mut demands = Vec::new();
    for (name, entry) in members::<RuleName>(fields, "demands", RULES_MAX, found) {
        facts.insert(format!("demand {name}"), entry.value.to_value().to_string());
        let Some(demand) = Fields::read(&entry.value, entry.key_span, &keys::DEMAND, found) else {
            continue;
        };
        let actions = demand.get("actions").is_some();
        let actions = actions.then(|| {
            let actions = texts(&demand, "actions", found).into_iter();
            actions.map(|(action, _)| action.to_owned()).collect()
        });
        demands.push(Demand {
            name,
            on: scope(&demand, found),
            terms: Terms {
                guards: guards(&demand, found),
                no_claims: demand.boolean("no_claims", found).unwrap_or(false),
                not_requester: demand.boolean("not_requester", found).unwrap_or(false),
                signed: demand.boolean("signed", found).unwrap_or(false),
                windows: names
                    .windows(&demand, "windows", found)
                    .into_iter()
                    .collect(),
                timeout: demand.duration("timeout", found),
                max_parallel: demand.count("max_parallel", 1, 64, found),
                actions,
            },
        });
    }
    demands
}

pub(super) fn relaxations(
    fields: &Fields<'_>,
    facts: &mut Facts,
    found: &mut Found,
) -> Vec<Relaxation> {
    let mut relaxations = Vec::new();
    for (name, entry) in members::<RuleName>(fields, "relaxations", RULES_MAX, found) {
        let says = entry.value.to_value().to_string();
        facts.insert(format!("relaxation {name}"), says);
        let fields = Fields::read(&entry.value, entry.key_span, &keys::RELAXATION, found);
        let Some(relaxation) = fields else { continue };
        relaxation.required("allow", "a relaxation", found);
        let allow = relaxation
            .text("allow", found)
            .zip(relaxation.value("allow"));
        if let Some((word, node)) = allow.filter(|(word, _)| !keys::RELAXED.contains(word)) {
            found.push(unknown_word("allow", word, node.span, &keys::RELAXED));
        }
        let on = scope(&relaxation, found);
        relaxations.push(Relaxation { name, on });
    }
    relaxations
}

fn guards(
    demand: &Fields<'_>,
    found: &mut Found,
) -> BTreeMap<GuardName, Option<windlass_core::time::Millis>> {
    let mut guards = BTreeMap::new();
    for (guard, entry) in members::<GuardName>(demand, "guards", RULES_MAX, found) {
        if let Some(fields) = Fields::read(&entry.value, entry.key_span, &keys::GUARD, found) {
            guards.insert(guard, fields.duration("max_age", found));
        }
    }
    guards
}

/// Which plans something is about.
fn scope(fields: &Fields<'_>, found: &mut Found) -> Scope {
    let runbooks = texts(fields, "runbooks", found).into_iter();
    let runbooks = runbooks.map(|(name, _)| name.to_owned()).collect();
    let mut labels = BTreeMap::new();
    if let Some(node) = fields.value("labels") {
        if !matches!(node.kind, NodeKind::Map(_)) {
            found.push(wrong_shape(node, "`labels` is a map of strings"));
        }
        for entry in entries(Some(node)) {
            match entry.value.as_text() {
                Some(text) => {
                    labels.insert(entry.key.clone(), text.to_owned());
                }
                None => found.push(wrong_shape(&entry.value, "a label is a string")),
            }
        }
    }
    let effect = |text: &str| EFFECTS.into_iter().find(|effect| effect.as_str() == text);
    let effects = words(
        fields,
        "effects",
        EFFECTS.map(EffectClass::as_str),
        effect,
        found,
    );
    Scope {
        runbooks,
        labels,
        targets: targets(fields, found),
        effects: effects.into_iter().collect(),
    }
}

/// Targets by patterns.
pub(super) fn targets(fields: &Fields<'_>, found: &mut Found) -> Vec<TargetPattern> {
    let mut targets = Vec::new();
    for (text, span) in texts(fields, "targets", found) {
        match text.parse::<TargetPattern>() {
            Ok(pattern) => targets.push(pattern),
            Err(error) => found.push(
                Diagnostic::error(
                    POLICY_TARGET,
                    format!("`{}` is no target", text.escape_debug()),
                )
                .at(span, "not a target")
                .help(error.to_string()),
            ),
        }
    }
    targets
}

/// Words of a list, each of which means something.
fn words<T, const N: usize>(
    fields: &Fields<'_>,
    key: &str,
    known: [&'static str; N],
    read: impl Fn(&str) -> Option<T>,
    found: &mut Found,
) -> Vec<T> {
    let mut words = Vec::new();
    for (text, span) in texts(fields, key, found) {
        match read(text) {
            Some(word) => words.push(word),
            None => found.push(unknown_word(key, text, span, &known)),
        }
    }
    words
}

fn unknown_word(key: &str, text: &str, span: Span, known: &[&str]) -> Diagnostic {
    let message = format!("`{key}` has no `{}`", text.escape_debug());
    let help = did_you_mean(text, known.iter().copied())
        .unwrap_or_else(|| format!("the words are {}", known.join(", ")));
    Diagnostic::error(BAD_VALUE, message)
        .at(span, "not one of its words")
        .help(help)
}
