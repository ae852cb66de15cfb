//! Runbooks inside runbooks: `uses: ./other.yaml`. Each is read and checked once, by itself
//! and in its own terms; what it leaves is a fragment of a plan, which takes the place of
//! every step that uses it. How a fragment is called is `call`'s, how it is put in place
//! `flatten`'s.

mod call;
mod files;
mod flatten;
mod rewrite;

use std::collections::BTreeMap;
use std::rc::Rc;

use windlass_core::catalog::Catalog;
use windlass_core::expr::{Expr, is_identifier};
use windlass_core::id::{STEP_SEGMENTS_MAX, SecretName, StepId};
use windlass_core::plan::{Digest, EffectClass, OnFailure, Step, Template};

pub(super) use call::call;
pub(super) use files::is_path;
pub(super) use files::resolve;
pub use files::{Files, NoFiles, is_runbook};
pub(super) use flatten::{Flat, Inlining, flatten};

use super::actions::Actions;
use super::fields::{Fields, Found, is_full, wrong_shape};
use super::graph::Graph;
use super::inputs::{self, Declared};
use super::names::{Around, Outputs};
use super::shapes::bad_name;
use super::typed::{self, Wants};
use super::world::{Form, StepDraft, World};
use super::{drafts, keys, plugins, secrets};
use crate::codes::{INLINED_CYCLE, INLINED_DEPTH, INLINED_FILE, INLINED_KEY};
use crate::diagnostic::{Diagnostic, Source, Span};
use crate::expr::typing::Ty;
use crate::node::{Node, NodeKind};
use crate::yaml;

/// The most files that a runbook inlines.
const FILES_MAX: usize = 64;
/// How deep runbooks stand inside of runbooks: each adds a segment to the ids.
const DEPTH_MAX: usize = STEP_SEGMENTS_MAX - 1;

/// A runbook that was checked to be inlined.
#[derive(Debug)]
pub(super) struct Fragment {
    /// Its file's name for people.
    name: String,
    inputs: Vec<Declared>,
    pub(super) secrets: BTreeMap<SecretName, Span>,
    secret_hosts: secrets::Hosts,
    /// Its plugins by their names, and where they stand.
    pub(super) plugins: BTreeMap<String, (Digest, Span)>,
    /// `None` when something is wrong with it, which has been said.
    steps: Option<Vec<Step>>,
    pub(super) outputs: BTreeMap<String, Output>,
    /// The most that one of its actions does.
    pub(super) effect: Option<EffectClass>,
    pub(super) has_gate: bool,
    /// Values whose rules only the runbook around can test.
    checks: Vec<Check>,
}

/// What the runbook gives to the one around it.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) ty: Ty,
    /// `None` when it is wrong.
    expr: Option<Expr>,
}

/// A value that was given to an input with rules and is no literal.
#[derive(Clone, Debug)]
struct Check {
    fragment: Rc<Fragment>,
    /// Which of the fragment's inputs.
    input: usize,
    template: Template,
    span: Span,
}

/// The runbooks that the steps of one file use, by the path as written; `None` where one
/// cannot be used, which has been said.
pub(super) type Used = BTreeMap<String, Option<Rc<Fragment>>>;

/// Reads runbooks to be inlined, each once.
pub(super) struct Loader<'a> {
    root: &'a str,
    files: &'a dyn Files,
    catalog: &'a Catalog,
    /// Of the runbook that is checked: it is the whole run's.
    on_failure: OnFailure,
    /// By resolved path.
    known: BTreeMap<String, Option<Rc<Fragment>>>,
    /// The files that are being read, the outermost first, each with where it is used.
    open: Vec<(String, Span)>,
    /// The texts by their numbers in spans, from 1.
    pub(super) sources: Vec<Source>,
    pub(super) digests: BTreeMap<String, Digest>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(root: &'a str, files: &'a dyn Files, catalog: &'a Catalog) -> Self {
        Self {
            root,
            files,
            catalog,
            on_failure: OnFailure::default(),
            known: BTreeMap::new(),
            open: Vec::new(),
            sources: Vec::new(),
            digests: BTreeMap::new(),
        }
    }

    pub(super) fn files(&self) -> &'a dyn Files {
        self.files
    }

    pub(super) fn set_on_failure(&mut self, on_failure: OnFailure) {
        self.on_failure = on_failure;
    }

    /// Reads every runbook that steps under these nodes use.
    pub(super) fn used(&mut self, nodes: [Option<&Node>; 2], found: &mut Found) -> Used {
        let mut used = Used::new();
        let maps = nodes.into_iter().flatten().filter_map(entries);
        for entry in maps.flatten() {
            let uses = entries(&entry.value)
                .and_then(|fields| fields.iter().find(|field| field.key == "uses"));
            let Some((node, path)) =
                uses.and_then(|uses| Some((&uses.value, uses.value.as_text()?)))
            else {
                continue;
            };
            if is_path(path) && !used.contains_key(path) && !is_full(found) {
                let fragment = self.load(path, node.span, found);
                used.insert(path.to_owned(), fragment);
            }
        }
        used
    }

    fn load(&mut self, written: &str, span: Span, found: &mut Found) -> Option<Rc<Fragment>> {
        let refuse =
            |code, message: String, label: &str| Diagnostic::error(code, message).at(span, label);
        let shown = written.escape_debug();
        if !written.starts_with("./") && !written.starts_with("../") {
            let message = format!("`{shown}` is no path of a runbook");
            found.push(
                refuse(INLINED_FILE, message, "not relative")
                    .help("a path begins with ./ or ../, from the directory of this runbook"),
            );
            return None;
        }
        let from = self.open.last().map_or("", |(path, _)| path.as_str());
        let path = files::resolve(from, written);
        if let Some(known) = self.known.get(&path) {
            return known.clone();
        }
        if let Some((circle, closes)) = self.circle(&path, span) {
            let message = format!("runbooks inline each other: {circle}");
            found.push(Diagnostic::error(INLINED_CYCLE, message).at(closes, "closes the circle"));
            return None;
        }
        if self.open.len() >= DEPTH_MAX {
            let message = format!("runbooks are inlined at most {DEPTH_MAX} deep");
            found.push(refuse(INLINED_DEPTH, message, "one more"));
            return None;
        }
        if self.sources.len() >= FILES_MAX {
            let message = format!("a runbook inlines at most {FILES_MAX} files");
            found.push(refuse(INLINED_DEPTH, message, "one more"));
            return None;
        }
        let text = match self.files.read(&path) {
            Ok(text) => text,
            Err(why) => {
                let message = format!("`{shown}` cannot be read: {why}");
                found.push(refuse(INLINED_FILE, message, "this runbook"));
                return None;
            }
        };
        // What is no runbook may be anybody's file: nothing of it is repeated.
        if !files::is_runbook(&text) {
            let message =
                format!("`{shown}` is no runbook: nothing in it begins with `windlass: 1`");
            found.push(refuse(INLINED_FILE, message, "this file"));
            self.known.insert(path, None);
            return None;
        }
        self.digests
            .insert(path.clone(), Digest::of(text.as_bytes()));
        let source = Source {
            name: files::shown(self.root, &path),
            text,
        };
        self.sources.push(source.clone());
        let file = u16::try_from(self.sources.len()).expect("bounded by FILES_MAX");
        let (node, diagnostics) = yaml::read_file(&source.text, file);
        found.extend(diagnostics);
        self.open.push((path.clone(), span));
        let fragment = node.and_then(|node| self.fragment(&source, &node, found));
        self.open.pop();
        let fragment = fragment.map(Rc::new);
        self.known.insert(path, fragment.clone());
        fragment
    }

    /// The circle that `path` would close from `span`, in words, and where it is told that it
    /// closes: at the first of its names, so that each file's check tells it alike.
    fn circle(&self, path: &str, span: Span) -> Option<(String, Span)> {
        // The runbook that is checked is where a circle through it begins.
        let root = self.root.rsplit('/').next().unwrap_or_default();
        let open = self.open.iter().map(|(path, used)| (path.as_str(), *used));
        let mut circle: Vec<(&str, Span)> = std::iter::once((root, span))
            .chain(open)
            .skip_while(|(open, _)| *open != path)
            .collect();
        circle.first_mut()?.1 = span;
        let first = (0..circle.len()).min_by_key(|at| circle[*at].0)?;
        circle.rotate_left(first);
        let (begin, closes) = circle[0];
        let names: Vec<&str> = circle
            .iter()
            .map(|(name, _)| *name)
            .chain([begin])
            .collect();
        Some((names.join(" uses "), closes))
    }

    /// Checks a runbook by itself.
    fn fragment(&mut self, source: &Source, node: &Node, found: &mut Found) -> Option<Fragment> {
        let start = Span {
            end: node.span.start,
            ..node.span
        };
        let fields = Fields::read(node, start, &keys::TOP, found)?;
        super::language(&fields, found);
        super::name(&fields, found);
        fields.text("title", found);
        fields.text("owner", found);
        super::labels(&fields, found);
        super::change::change(&fields, found);
        whole_run_keys(&fields, &source.name, found);
        let declared = inputs::declared(fields.value("inputs"), found);
        let secrets = secrets::secrets(&fields, found);
        let path = self.open.last().map_or("", |(path, _)| path.as_str());
        let beside = (self.files, path);
        let mut actions = Actions::native(self.catalog);
        let plugins = plugins::declared(&fields, &mut actions, beside, found);
        let defaults = super::defaults(&fields, &actions, found);
        let steps_node = fields.required("steps", "a runbook", found);
        let used = self.used([steps_node, None], found);
        let mut steps = steps_node.map_or_else(Vec::new, |node| {
            drafts::drafts(node, false, &actions, &used, found)
        });
        for step in &steps {
            refuse_done(step, found);
        }
        let outputs_at = add_outputs_step(&fields, &mut steps);
        let world = World {
            source,
            catalog: &actions,
            inputs: inputs::types(&declared),
            may_be_empty: inputs::may_be_empty(&declared),
            values: None,
            secrets: secrets.names,
            secret_hosts: secrets.hosts.clone(),
            defaults,
            by_id: super::by_id(&steps),
            steps,
            knowledge: typed::Knowledge::default(),
            inlined: true,
        };
        let graph = Graph::new(&world, found);
        let outputs = outputs(&world, &graph, &fields, outputs_at, found);
        let flat = super::lower(&world, &graph, &fields, self.on_failure, outputs_at, found);
        let mut checks = Vec::new();
        let steps = flat.map(|flat| {
            checks = flat.checks;
            flat.steps
        });
        Some(Fragment {
            name: source.name.clone(),
            effect: world.steps.iter().filter_map(StepDraft::effect).max(),
            has_gate: world.steps.iter().any(StepDraft::has_gate),
            inputs: declared,
            secrets: secrets.spans,
            secret_hosts: secrets.hosts,
            plugins: plugins.names(),
            steps,
            outputs,
            checks,
        })
    }
}

fn entries(node: &Node) -> Option<&[crate::node::Entry]> {
    match &node.kind {
        NodeKind::Map(entries) => Some(entries),
        NodeKind::Null
        | NodeKind::Bool(_)
        | NodeKind::Int(_)
        | NodeKind::Float(_)
        | NodeKind::Text(_)
        | NodeKind::List(_) => None,
    }
}

/// What says something about a whole run belongs to the runbook that the run is of.
fn whole_run_keys(fields: &Fields<'_>, name: &str, found: &mut Found) {
    for key in [
        "target",
        "finally",
        "on_failure",
        "timeout",
        "max_parallel",
        "on",
    ] {
        if let Some(entry) = fields.get(key) {
            let message = format!("`{key}` speaks of a whole run, and `{name}` is inlined");
            found.push(
                Diagnostic::error(INLINED_KEY, message)
                    .at(entry.key_span, "not in an inlined runbook")
                    .help("say it in the runbook that uses this one"),
            );
        }
    }
}

fn refuse_done(step: &StepDraft<'_>, found: &mut Found) {
    let done = step.fields.as_ref().and_then(|fields| fields.get("done"));
    if let Some(entry) = done {
        let message = "`done` ends a whole run, and this runbook is inlined";
        found.push(
            Diagnostic::error(INLINED_KEY, message)
                .at(entry.key_span, "not in an inlined runbook")
                .help(
                    "give the answer as an output, and let the runbook around test it with `when`",
                ),
        );
    }
}

/// Adds a step that stands for the end of the runbook, after all others: what its `outputs`
/// read has run by then. Its id is none that an author can write.
pub(super) fn add_outputs_step<'a>(
    fields: &Fields<'a>,
    steps: &mut Vec<StepDraft<'a>>,
) -> Option<usize> {
    let entry = fields.get("outputs")?;
    let needs = steps.iter().filter(|step| !step.finally);
    let needs = needs.map(|step| (step.id.clone(), step.id_span)).collect();
    let id: StepId = "the/outputs".parse().expect("a step id of two segments");
    steps.push(StepDraft {
        values: BTreeMap::new(),
        id,
        id_span: entry.key_span,
        finally: false,
        needs,
        form: Form::Broken,
        outputs: BTreeMap::new(),
        fields: None,
    });
    Some(steps.len() - 1)
}

/// The `outputs` of a runbook: expressions over all of its steps.
pub(super) fn outputs(
    world: &World<'_>,
    graph: &Graph,
    fields: &Fields<'_>,
    at: Option<usize>,
    found: &mut Found,
) -> BTreeMap<String, Output> {
    let mut outputs = BTreeMap::new();
    let (Some(node), Some(step)) = (fields.value("outputs"), at) else {
        return outputs;
    };
    let Some(entries) = entries(node) else {
        found.push(wrong_shape(
            node,
            "`outputs` is a map from names to expressions",
        ));
        return outputs;
    };
    let around = Around {
        step,
        before: graph.before(step),
        when_held: false,
        item: false,
        itself: false,
        outputs: Outputs::None,
    };
    for entry in entries {
        if !is_identifier(&entry.key) {
            found.push(bad_name(&entry.key, "an output", entry.key_span));
            continue;
        }
        let expr = super::names::bare_for(
            world,
            &entry.value,
            &entry.key,
            Wants::any(&entry.key),
            around,
            found,
        );
        let ty = expr
            .as_ref()
            .map_or(Ty::Any, |expr| typed::type_of(world, expr, around));
        outputs.insert(entry.key.clone(), Output { ty, expr });
    }
    outputs
}
