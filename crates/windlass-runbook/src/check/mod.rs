//! A runbook's text to a plan: everything that can be known before a run is
//! checked here, and every mistake found is reported, not only the first.

mod actions;
mod calls;
mod change;
mod checks;
mod drafts;
mod echoed;
mod facts;
pub(crate) mod fields;
mod gates;
mod grants;
mod graph;
mod guards;
mod hints;
mod inline;
mod inputs;
pub(crate) mod keys;
mod manual;
mod names;
mod on;
mod outputs;
mod place;
mod plugins;
mod proved;
mod rules;
mod secrets;
mod shapes;
mod steps;
mod target;
mod templates;
mod typed;
mod units;
mod vault;
mod windows;
mod world;

pub use manual::stated_value;

use std::collections::BTreeMap;
use std::fmt;

use windlass_core::catalog::Catalog;
use windlass_core::id::StepId;
use windlass_core::plan::{
    Digest, IndexedPlan, OnFailure, PARALLEL_MAX, Plan, PlanError, STEPS_MAX, Step,
};
use windlass_core::policy::{Policy, apply};
use windlass_core::value::Value;

use crate::codes::{BAD_NAME, BAD_VALUE, PLAN_RULE, UNREADABLE, YAML_LIMIT};
use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::node::{Entry, Node, NodeKind};
use crate::render::{COLUMNS, Style, render_all};
use crate::suggest::did_you_mean;
use crate::yaml;

use actions::Actions;
pub use fields::DIAGNOSTICS_MAX;
use fields::{Fields, Found, is_full, wrong_shape};
use graph::Graph;
pub use inline::{Files, NoFiles, is_runbook};
use inline::{Flat, Loader};
use world::{Form, StepDraft, World};

/// The version of the language that this crate reads.
const LANGUAGE: i64 = 1;

/// A value for an input.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// As typed: read by the input's type.
    Text(String),
    /// As sent: must have the input's type.
    Value(Value),
    /// Any value of the input's type: for a look at a plan that nobody runs.
    Sample,
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Given::Text(text) => write!(f, "{text:?}"),
            Given::Value(value) => value.fmt(f),
            Given::Sample => f.write_str("a sample"),
        }
    }
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The plan, when there is no error and every input has a value.
    pub plan: Option<Plan>,
    /// In the order of the text, at most [`DIAGNOSTICS_MAX`].
    pub diagnostics: Vec<Diagnostic>,
    /// How many more were found before the check gave up looking.
    pub omitted: usize,
    /// What was read: the runbook, then those that it inlines. A span's `file` counts them.
    pub sources: Vec<Source>,
    /// The actions that it may use: those of the program, and those of its plugins.
    pub actions: Catalog,
}

impl Checked {
    /// What is said of a file whose text nobody can read; `why` ends a sentence.
    pub fn unreadable(source_name: &str, why: &str) -> Self {
        let name: String = source_name.escape_debug().collect();
        let message = format!("{name} cannot be read: {why}");
        Self {
            plan: None,
            diagnostics: vec![Diagnostic::error(UNREADABLE, message)],
            omitted: 0,
            sources: vec![Source {
                name: source_name.to_owned(),
                text: String::new(),
            }],
            actions: Catalog::default(),
        }
    }

    /// Whether something is wrong; warnings do not count.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|found| found.severity == Severity::Error)
    }

    /// The runbook's name as given.
    pub fn source_name(&self) -> &str {
        self.sources.first().map_or("", |source| &source.name)
    }

    /// Whether an input without a default was given no value.
    pub fn lacks_inputs(&self) -> bool {
        let missing = crate::codes::INPUT_MISSING.id();
        self.diagnostics
            .iter()
            .any(|found| found.code.id() == missing)
    }

    /// The diagnostics as text, with the lines they point at.
    pub fn render(&self, style: Style) -> String {
        self.render_within(style, COLUMNS)
    }

    /// The same, with lines of the runbook cut to a terminal's columns.
    pub fn render_within(&self, style: Style, columns: usize) -> String {
        let mut text = render_all(&self.sources, &self.diagnostics, style, columns);
        if self.omitted > 0 {
            text += &format!("\n\nand at least {} more", self.omitted);
        }
        text
    }
}

/// Checks a runbook and resolves it to a plan.
///
/// Without `inputs` the runbook alone is checked: an input without a default
/// is no mistake then, but there is no plan.
///
/// The runbook has no other files beside it: one that inlines others needs [`check_with`].
pub fn check(
    source_name: &str,
    text: &str,
    inputs: Option<&BTreeMap<String, Given>>,
    catalog: &Catalog,
) -> Checked {
    check_with(source_name, text, inputs, catalog, &NoFiles)
}

/// As [`check`], with the files that the runbook may inline.
pub fn check_with(
    source_name: &str,
    text: &str,
    inputs: Option<&BTreeMap<String, Given>>,
    catalog: &Catalog,
    files: &dyn Files,
) -> Checked {
    check_under(source_name, text, inputs, catalog, files, None)
}

/// As [`check_with`], under a policy: its terms are written into the plan, and what it does
/// not let run is a mistake.
pub fn check_under(
    source_name: &str,
    text: &str,
    inputs: Option<&BTreeMap<String, Given>>,
    catalog: &Catalog,
    files: &dyn Files,
    policy: Option<&Policy>,
) -> Checked {
    let (node, mut found) = yaml::read(text);
    let source = Source {
        name: source_name.to_owned(),
        text: text.to_owned(),
    };
    let mut loader = Loader::new(source_name, files, catalog);
    let mut actions = Actions::native(catalog);
    let plan = node.and_then(|node| {
        runbook(
            &source,
            &node,
            inputs,
            &mut actions,
            &mut loader,
            policy,
            &mut found,
        )
    });
    let mut sources = vec![source];
    sources.append(&mut loader.sources);
    let plan = plan.filter(|_| !found.iter().any(|found| found.severity == Severity::Error));
    in_order_of_text(&mut found);
    // A mistake under `defaults` is met once for each step that uses it.
    found.dedup();
    let omitted = found.len().saturating_sub(DIAGNOSTICS_MAX);
    if omitted > 0 {
        // Warnings give way to errors.
        found.sort_by_key(|found| found.severity == Severity::Warning);
        found.truncate(DIAGNOSTICS_MAX);
        in_order_of_text(&mut found);
    }
    Checked {
        plan,
        diagnostics: found,
        omitted,
        sources,
        actions: actions.into_catalog(),
    }
}

fn in_order_of_text(found: &mut Found) {
    found.sort_by_key(|found| found.labels.first().map(|(span, _)| *span));
}

/// The plan, when nothing stands in its way.
fn runbook(
    source: &Source,
    node: &Node,
    given: Option<&BTreeMap<String, Given>>,
    actions: &mut Actions,
    loader: &mut Loader<'_>,
    policy: Option<&Policy>,
    found: &mut Found,
) -> Option<Plan> {
    let start = crate::diagnostic::Span::default();
    let hint = |entry: &Entry| {
        drafts::looks_like_step(&entry.value)
            .then(|| "it looks like a step: indent it under `steps`".to_owned())
    };
    let fields = Fields::read_hinted(node, start, &keys::TOP, &hint, found)?;
    language(&fields, found);
    let name = name(&fields, found);
    let title = fields.text("title", found).map(str::to_owned);
    let owner = fields.text("owner", found).map(str::to_owned);
    let labels = labels(&fields, found);
    let declared = inputs::declared(fields.value("inputs"), found);
    let inputs = inputs::values(&declared, given, found);
    let secrets = secrets::secrets(&fields, found);
    let change = change::change(&fields, found);
    let on_failure = on_failure(&fields, found);
    let timeout = fields.duration("timeout", found);
    let max_parallel = fields.count("max_parallel", 1, PARALLEL_MAX, found);
    let plugins = plugins::declared(&fields, actions, (loader.files(), ""), found);
    let actions = &*actions;
    let defaults = defaults(&fields, actions, found);

    loader.set_on_failure(on_failure);
    let steps = fields.required("steps", "a runbook", found);
    let finally = fields.value("finally");
    let used = loader.used([steps, finally], found);
    let mut drafts = Vec::new();
    if let Some(node) = steps {
        drafts.extend(drafts::drafts(node, false, actions, &used, found));
    }
    if let Some(node) = finally {
        drafts.extend(drafts::drafts(node, true, actions, &used, found));
    }
    drafts::drop_duplicates(&mut drafts, found);
    if drafts.len() > STEPS_MAX {
        let message = format!("a runbook has at most {STEPS_MAX} steps");
        found.push(Diagnostic::error(YAML_LIMIT, message));
        return None;
    }
    let outputs_at = inline::add_outputs_step(&fields, &mut drafts);
    let world = World {
        source,
        catalog: actions,
        inputs: inputs::types(&declared),
        may_be_empty: inputs::may_be_empty(&declared),
        values: inputs.clone(),
        secrets: secrets.names,
        secret_hosts: secrets.hosts,
        defaults,
        by_id: by_id(&drafts),
        steps: drafts,
        inlined: false,
        knowledge: typed::Knowledge::default(),
    };
    let graph = Graph::new(&world, found);
    inline::outputs(&world, &graph, &fields, outputs_at, found);
    let target = target::target(&world, &graph, &fields, found);
    let on = on::on(&world, &graph, &fields, found);
    let mut steps = lower(&world, &graph, &fields, on_failure, outputs_at, found);
    if let Some(flat) = &mut steps {
        grants::check(&world, &world.secret_hosts, &flat.steps, found);
        guards::of_databases(target.as_ref(), &mut flat.steps);
        windows::check(&world, &flat.steps, policy, found);
    }
    let lowered = steps.as_ref().map(|flat| flat.steps.as_slice());
    let plugins = plugins::pins(&plugins, &world, &graph, lowered, found);
    let mut plan = Plan {
        title: title.or_else(|| name.clone()).unwrap_or_default(),
        name: name.clone().unwrap_or_default(),
        owner: owner.unwrap_or_default(),
        labels,
        source: Digest::of(source.text.as_bytes()),
        inputs: inputs.clone().unwrap_or_default(),
        input_units: inputs::units(&declared),
        secrets: world.secrets.clone(),
        secret_sources: secrets.sources,
        secret_hosts: world
            .secret_hosts
            .iter()
            .map(|(name, (hosts, _))| (name.clone(), hosts.clone()))
            .collect(),
        change,
        target,
        includes: std::mem::take(&mut loader.digests),
        plugins,
        on,
        steps: steps?.steps,
        on_failure,
        timeout,
        max_parallel: max_parallel.unwrap_or(PARALLEL_MAX),
    };
    let mut under = proved::Under::default();
    if let Some(policy) = policy {
        let applied = apply(policy, plan);
        plan = applied.plan;
        under = proved::Under::policy(policy, &plan, applied.objections);
    }
    proved::check(&world, &plan.steps, &under, found);
    // Without them there is no plan; the proof stands all the same.
    name?;
    inputs?;
    if found
        .iter()
        .all(|found| found.severity == Severity::Warning)
    {
        last_word(&world, &plan, found);
    }
    Some(plan)
}

/// The steps' places among the drafts.
fn by_id(drafts: &[StepDraft<'_>]) -> BTreeMap<StepId, usize> {
    drafts
        .iter()
        .enumerate()
        .map(|(index, step)| (step.id.clone(), index))
        .collect()
}

/// The steps of the plan, with all that is inlined in its place. The step that stands for
/// the runbook's outputs is none of them.
fn lower(
    world: &World<'_>,
    graph: &Graph,
    top: &Fields<'_>,
    on_failure: OnFailure,
    outputs_at: Option<usize>,
    found: &mut Found,
) -> Option<Flat> {
    let mut inlinings = BTreeMap::new();
    let steps: Vec<Option<Step>> = (0..world.steps.len())
        .filter(|index| Some(*index) != outputs_at)
        .map(|index| {
            if is_full(found) {
                return None;
            }
            let before = graph.before(index);
            rules::check(world, graph, index, before, found);
            if let Form::Inlined {
                fragment,
                uses_span,
            } = &world.steps[index].form
            {
                let inlining = inline::call(world, index, before, fragment, *uses_span, found)?;
                let stand_in = inlining.stand_in();
                inlinings.insert(index, inlining);
                return Some(stand_in);
            }
            steps::step(world, index, before, on_failure, found)
        })
        .collect();
    let steps: Vec<Step> = steps.into_iter().collect::<Option<_>>()?;
    let whole = found
        .iter()
        .all(|found| found.severity == Severity::Warning);
    if whole {
        let book = rules::Book {
            world,
            graph,
            steps: &steps,
            top,
        };
        rules::advise(&book, found);
    }
    inline::flatten(world, graph.order(), steps, &inlinings, found)
}

/// Core keeps the rules of every plan; what it refuses and this crate did not
/// foresee is still a diagnostic.
fn last_word(world: &World<'_>, plan: &Plan, found: &mut Found) {
    let Err(error) = IndexedPlan::new(plan.clone()) else {
        return;
    };
    let id = match &error {
        PlanError::DuplicateStep(id) | PlanError::Rule(id, _) => Some(id),
        PlanError::UnknownNeed { step, .. } | PlanError::AcrossFinally { step, .. } => Some(step),
        PlanError::Ensure { change, .. } => Some(change),
        PlanError::Cycle(ids) => ids.first(),
        PlanError::StepCount(_)
        | PlanError::Target(_)
        | PlanError::Parallel(_)
        | PlanError::Notices(_) => None,
    };
    let mut diagnostic = Diagnostic::error(PLAN_RULE, error.to_string());
    if let Some(index) = id.and_then(|id| world.by_id.get(id)) {
        diagnostic = diagnostic.at(world.steps[*index].id_span, "this step");
    }
    found.push(diagnostic);
}

fn language(fields: &Fields<'_>, found: &mut Found) {
    let Some(node) = fields.required("windlass", "a runbook", found) else {
        return;
    };
    if node.kind != NodeKind::Int(LANGUAGE) {
        let label = match node.as_text() {
            Some("1") => "a text: write it without quotes",
            _ => "another version of the language",
        };
        found.push(
            Diagnostic::error(BAD_VALUE, "this version reads `windlass: 1`").at(node.span, label),
        );
    }
}

fn name(fields: &Fields<'_>, found: &mut Found) -> Option<String> {
    let node = fields.required("name", "a runbook", found)?;
    let name = fields::text(node, "`name` is a string", found)?;
    // The same spelling as for steps, so that names fit into paths and URLs.
    match name.parse::<StepId>() {
        Ok(id) if id.is_plain() => Some(name.to_owned()),
        Ok(_) | Err(_) => {
            let message = format!("`{}` is no name for a runbook", name.escape_debug());
            found.push(
                Diagnostic::error(BAD_NAME, message)
                    .at(node.span, "not a name")
                    .help(format!(
                        "{}a lower-case letter, then lower-case letters, digits or _ (64 at most); `title` is free text",
                        hints::respelled(name).map_or(String::new(), |meant| meant + ": ")
                    )),
            );
            None
        }
    }
}

fn labels(fields: &Fields<'_>, found: &mut Found) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let Some(node) = fields.value("labels") else {
        return labels;
    };
    let NodeKind::Map(entries) = &node.kind else {
        found.push(wrong_shape(node, "`labels` is a map"));
        return labels;
    };
    for entry in entries {
        if let Some(text) = fields::text(&entry.value, "a label is a string", found) {
            labels.insert(entry.key.clone(), text.to_owned());
        }
    }
    labels
}

fn on_failure(fields: &Fields<'_>, found: &mut Found) -> OnFailure {
    let Some(text) = fields.text("on_failure", found) else {
        return OnFailure::default();
    };
    match text {
        "undo" => OnFailure::Undo,
        "stop" => OnFailure::Stop,
        _ => {
            let message = "`on_failure` is `undo` or `stop`";
            if let Some(node) = fields.value("on_failure") {
                let help = match text {
                    "rollback" | "revert" => Some("did you mean `undo`?".to_owned()),
                    _ => did_you_mean(text, ["undo", "stop"]).or_else(|| {
                        let both = "`stop` leaves what was done as it is, `undo` takes it back";
                        Some(both.to_owned())
                    }),
                };
                let diagnostic = Diagnostic::error(BAD_VALUE, message).at(node.span, "neither");
                found.push(diagnostic.maybe_help(help));
            }
            OnFailure::default()
        }
    }
}

/// Parameters for all actions whose names begin with a word.
fn defaults<'a>(
    fields: &Fields<'a>,
    catalog: &Catalog,
    found: &mut Found,
) -> BTreeMap<&'a str, &'a Node> {
    let mut defaults = BTreeMap::new();
    let Some(node) = fields.value("defaults") else {
        return defaults;
    };
    let NodeKind::Map(entries) = &node.kind else {
        found.push(wrong_shape(
            node,
            "`defaults` is a map from the first word of actions to parameters",
        ));
        return defaults;
    };
    for entry in entries {
        let family = entry.key.as_str();
        let of_family = || {
            catalog
                .actions
                .iter()
                .filter(|(name, _)| name.as_str().split('/').next() == Some(family))
        };
        if of_family().next().is_none() {
            let words = catalog
                .actions
                .keys()
                .filter_map(|name| name.as_str().split('/').next());
            let message = format!("no action begins with `{}`", family.escape_debug());
            found.push(
                Diagnostic::error(crate::codes::UNKNOWN_ACTION, message)
                    .at(entry.key_span, "no such actions")
                    .maybe_help(did_you_mean(family, words)),
            );
            continue;
        }
        let NodeKind::Map(params) = &entry.value.kind else {
            found.push(wrong_shape(
                &entry.value,
                "`defaults` holds maps of parameters",
            ));
            continue;
        };
        for param in params {
            if !of_family().any(|(_, action)| action.params.contains_key(&param.key)) {
                let names = of_family().flat_map(|(_, action)| action.params.keys());
                let message = format!(
                    "no action of `{family}` has a parameter `{}`",
                    param.key.escape_debug()
                );
                found.push(
                    Diagnostic::error(crate::codes::UNKNOWN_PARAM, message)
                        .at(param.key_span, "unknown parameter")
                        .maybe_help(did_you_mean(&param.key, names.map(String::as_str))),
                );
            }
        }
        defaults.insert(family, &entry.value);
    }
    defaults
}
