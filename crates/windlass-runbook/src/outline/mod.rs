//! A plan as people review it: order, effects, gates, the point of no return, what each
//! step touches and how long it can take. Data computed from the plan and the catalog
//! alone; it starts nothing. The JSON form is that of [`Outline`], described in
//! `docs/plan-json.md`. Not how it looks on a terminal (the CLI) nor as a picture
//! (`picture`).

mod known;
mod order;
mod segments;
mod separation;
mod spans;
mod steps;
mod touched;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use windlass_core::catalog::Catalog;
use windlass_core::id::{ActionName, SecretName, StepId};
use windlass_core::plan::{
    Change, ChangeClass, Digest, EffectClass, HostPattern, IndexedPlan, Notice, OnFailure, Plan,
    Plugin, Quorum, Risk, SecretSource, StepKind, Target, Template, Topic, Unit,
};
use windlass_core::policy::Policy;
use windlass_core::time::Millis;
use windlass_core::value::Value;

use crate::preflight;
use known::value_text;
pub(crate) use known::{Known, Names, template_text};
use order::{Order, PROTECTED_MAX, effect, indices};
use segments::segments;

pub(crate) use touched::{called as calls_of, member, secrets as secrets_of};

pub use order::Stage;
pub use segments::{PreparationOutline, SegmentOutline};
pub use spans::{Duration, Span, Unbounded};
pub use steps::{Each, Kind, Repeat, StepOutline};
pub use touched::{Doing, Touched};

/// The version of the JSON form.
pub const VERSION: u32 = 1;

/// A plan as people review it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outline {
    /// [`VERSION`]; raised when a reader of the older form would be misled.
    pub windlass_plan: u32,
    pub name: String,
    pub title: String,
    pub owner: String,
    pub labels: BTreeMap<String, String>,
    /// What an approval of a run of this plan binds.
    pub digest: Digest,
    /// SHA-256 of the runbook's bytes.
    pub source: Digest,
    /// SHA-256 of each runbook that is inlined, by its path as written.
    pub includes: BTreeMap<String, Digest>,
    pub change: Option<ChangeOutline>,
    /// Whom a run tells, and of what.
    pub on: Vec<NoticeOutline>,
    pub target: Option<TargetOutline>,
    pub inputs: BTreeMap<String, Value>,
    /// What those inputs count that are durations or numbers of bytes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub input_units: BTreeMap<String, Unit>,
    pub secrets: Vec<SecretOutline>,
    /// The plugins whose actions the steps use.
    pub plugins: Vec<PluginOutline>,
    /// What the actions of this plan may do to their surroundings; those that may do
    /// nothing are left out.
    pub grants: Vec<GrantOutline>,
    pub on_failure: OnFailure,
    pub max_parallel: u32,
    pub counts: Counts,
    /// Steps by how early their needs allow them; those of `finally` last.
    pub waves: Vec<Wave>,
    /// In the author's order.
    pub steps: Vec<StepOutline>,
    pub no_return: NoReturn,
    pub gates: Vec<GateOutline>,
    /// What begins in windows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<SegmentOutline>,
    pub debts: Vec<DebtOutline>,
    pub undo: UndoOutline,
    pub duration: Duration,
    /// The steps that `windlass preflight` can look with.
    pub preflight: Vec<StepId>,
    /// Who may approve, in words.
    pub approval_rule: String,
    /// Which separation of persons holds, and which does not.
    pub separation: Vec<String>,
}

/// What a change form asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeOutline {
    pub class: ChangeClass,
    pub risk: Option<Risk>,
    pub reason: Option<String>,
    pub affects: Vec<String>,
    pub impact: Option<String>,
    pub outage_ms: Option<Millis>,
    pub backout: Option<String>,
    pub test: Option<String>,
    pub communication: Option<String>,
}

/// Somebody whom a run tells of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeOutline {
    pub topic: Topic,
    pub uses: ActionName,
    /// The address as far as it is known, or the secret that holds it; null where the action
    /// has its own.
    pub to: Option<String>,
    /// The condition that only the run decides.
    pub when: Option<String>,
}

impl NoticeOutline {
    fn of(names: &Names<'_>, topic: Topic, notice: &Notice) -> Self {
        let to = member(&notice.with, "url").map(|url| match &*url {
            Template::Secret(name) => format!("secret {name}"),
            url => match names.template(url) {
                Known::Now(value) => value_text(&value),
                Known::Later(text) | Known::Never(text) => text,
            },
        });
        Self {
            topic,
            uses: notice.uses.clone(),
            to,
            when: notice.when.as_ref().map(|when| when.source().to_owned()),
        }
    }
}

/// What the run holds alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetOutline {
    /// As written.
    pub text: String,
    /// Resolved, when the inputs decide it.
    pub value: Option<String>,
}

/// A secret, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecretOutline {
    pub name: SecretName,
    /// Where its value is found, when the runbook says it.
    pub source: Option<SecretSource>,
    /// The hosts that it may go to; empty when nothing limits it.
    pub hosts: Vec<HostPattern>,
    /// The steps that are given it.
    pub steps: Vec<StepId>,
}

/// A plugin, and where its requests may lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginOutline {
    /// By which its actions begin.
    pub name: String,
    pub version: String,
    /// As written.
    pub source: String,
    /// SHA-256 of the component.
    pub digest: Digest,
    /// The private and loopback ranges that its requests may reach.
    pub networks: Vec<String>,
}

impl PluginOutline {
    fn of((name, pin): (&String, &Plugin)) -> Self {
        Self {
            name: name.clone(),
            version: pin.version.clone(),
            source: pin.source.clone(),
            digest: pin.digest,
            networks: pin.networks.clone(),
        }
    }
}

/// What an action may do, whatever its parameters say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantOutline {
    pub action: ActionName,
    /// In words that read after its name.
    pub may: Vec<String>,
    /// The steps that use it: themselves, in their undo, or to look.
    pub steps: Vec<StepId>,
}

/// How many steps of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub steps: usize,
    pub read: usize,
    pub idempotent: usize,
    pub reversible: usize,
    pub irreversible: usize,
    pub gates: usize,
    pub waits: usize,
}

impl Counts {
    /// `9 steps: 4 read, 1 irreversible, 1 gate`, without those that there are none of.
    pub fn words(&self) -> String {
        let many = |count: usize, one: &str| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {one}{plural}")
        };
        let parts: Vec<String> = [
            (self.read, format!("{} read", self.read)),
            (self.idempotent, format!("{} idempotent", self.idempotent)),
            (self.reversible, format!("{} reversible", self.reversible)),
            (
                self.irreversible,
                format!("{} irreversible", self.irreversible),
            ),
            (self.gates, many(self.gates, "gate")),
            (self.waits, many(self.waits, "wait")),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(_, words)| words)
        .collect();
        format!("{}: {}", many(self.steps, "step"), parts.join(", "))
    }
}

/// Steps that have as many steps before them on their longest way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wave {
    /// From 1, and again from 1 in `finally`.
    pub number: usize,
    pub finally: bool,
    pub steps: Vec<StepId>,
}

/// Where a run stops being free to give up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoReturn {
    /// The first steps of each path that are no reads: before them, giving up leaves
    /// everything as it was.
    pub changes_begin: Vec<StepId>,
    /// The first irreversible step of each path: the point of no return.
    pub at: Vec<StepId>,
    /// The steps behind it, where a failure waits for a person.
    pub beyond: Vec<StepId>,
    /// Irreversible steps that no gate precedes.
    pub ungated: Vec<StepId>,
}

/// A gate, and what it stands before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GateOutline {
    pub step: StepId,
    /// How long after it opens; none waits for ever.
    pub expires_ms: Option<Millis>,
    /// Whether the person who starts the run may not approve.
    pub not_requester: bool,
    /// Whether only signed approvals count.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub signed: bool,
    /// Whose approvals it takes; one of anybody when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all_of: Vec<Quorum>,
    /// Whether it expires with the opening that the segment behind it is to begin in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub window_end: bool,
    /// What an approval rests on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<FactOutline>,
    /// The names of what the approver is shown.
    pub show: Vec<String>,
    /// The steps behind it that are no reads, up to the next gate; at most 100.
    pub protects: Vec<StepId>,
    /// How many more.
    pub protects_more: usize,
}

/// A read that an approval rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FactOutline {
    pub name: String,
    pub uses: ActionName,
    /// What must hold over what it reads, as its author wrote it.
    pub accept: String,
    pub max_age_ms: Millis,
}

/// A step that must run once a change may have taken effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DebtOutline {
    pub change: StepId,
    pub step: StepId,
}

/// What can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UndoOutline {
    /// Steps with an undo, the last first: the order of undoing when all have run.
    pub order: Vec<StepId>,
    /// Changes that the run cannot take back: irreversible ones, and those without an undo.
    pub stay: Vec<StepId>,
}

impl Outline {
    /// Computes what there is to review of a plan.
    pub fn new(plan: &IndexedPlan, catalog: &Catalog) -> Self {
        let order = Order::new(plan);
        let looks = preflight::looks(plan);
        let all = || indices(plan.plan().steps.len());
        let ids = |found: Vec<u32>| -> Vec<StepId> {
            found.iter().map(|at| plan.step(*at).id.clone()).collect()
        };
        let items: Vec<Option<Vec<Value>>> = all().map(|at| items(plan, at)).collect();
        let counts: Vec<Option<usize>> = items
            .iter()
            .map(|items| items.as_ref().map(Vec::len))
            .collect();
        let spans: Vec<Span> = all()
            .map(|at| spans::span(plan.plan(), &plan.step(at).kind, counts[at as usize]))
            .collect();
        let duration = spans::duration(plan, &order, &spans, &counts);
        let mut steps = Vec::with_capacity(spans.len());
        for (at, span) in all().zip(spans) {
            let seen = steps::Seen {
                plan,
                order: &order,
                catalog,
                items: items[at as usize].as_deref(),
                looks: looks[at as usize],
            };
            steps.push(seen.outline(at, span));
        }
        let p = plan.plan();
        let names = Names {
            inputs: &p.inputs,
            item: None,
        };
        Self {
            windlass_plan: VERSION,
            name: p.name.clone(),
            title: p.title.clone(),
            owner: p.owner.clone(),
            labels: p.labels.clone(),
            digest: p.digest(),
            source: p.source,
            includes: p.includes.clone(),
            on: p
                .on
                .iter()
                .flat_map(|(topic, notices)| notices.iter().map(|notice| (*topic, notice)))
                .map(|(topic, notice)| NoticeOutline::of(&names, topic, notice))
                .collect(),
            change: p.change.as_ref().map(change),
            target: p.target.as_ref().map(|found| target(p, found)),
            inputs: p.inputs.clone(),
            input_units: p.input_units.clone(),
            secrets: secrets(p),
            plugins: p.plugins.iter().map(PluginOutline::of).collect(),
            grants: grants(p, catalog),
            on_failure: p.on_failure,
            max_parallel: p.max_parallel,
            counts: count(plan),
            waves: waves(plan, &order),
            steps,
            no_return: no_return(plan, &order, &ids),
            gates: all().filter_map(|at| gate(plan, at, &ids)).collect(),
            segments: segments(plan, &counts, &ids),
            debts: p
                .steps
                .iter()
                .filter_map(|step| {
                    let (change, step) = (step.id.clone(), step.ensure.clone()?);
                    Some(DebtOutline { change, step })
                })
                .collect(),
            undo: undo(plan, &order, &ids),
            duration,
            preflight: ids(all().filter(|at| looks[*at as usize]).collect()),
            approval_rule: "single-user: no second person".to_owned(),
            separation: separation::without_policy(p),
        }
    }

    /// The same under a policy, whose terms are in the plan already.
    pub fn under(mut self, policy: &Policy, plan: &Plan) -> Self {
        self.approval_rule = format!("the rules of policy {}", policy.digest.short());
        self.separation = separation::under(policy, plan);
        self
    }
}

/// Every step after those that it needs.
pub(crate) fn topological(plan: &IndexedPlan) -> Vec<u32> {
    Order::new(plan).topological
}

/// The items of a `for_each`, when the inputs decide them.
fn items(plan: &IndexedPlan, at: u32) -> Option<Vec<Value>> {
    let StepKind::Action {
        for_each: Some(each),
        ..
    } = &plan.step(at).kind
    else {
        return None;
    };
    let names = Names {
        inputs: &plan.plan().inputs,
        item: None,
    };
    match names.expr(&each.items) {
        Known::Now(Value::List(items)) => Some(items),
        Known::Now(_) | Known::Later(_) | Known::Never(_) => None,
    }
}

fn change(change: &Change) -> ChangeOutline {
    let change = change.clone();
    ChangeOutline {
        class: change.class,
        risk: change.risk,
        reason: change.reason,
        affects: change.affects,
        impact: change.impact,
        outage_ms: change.outage,
        backout: change.backout,
        test: change.test,
        communication: change.communication,
    }
}

fn target(plan: &Plan, target: &Target) -> TargetOutline {
    let text = format!("{}:{}", target.scheme, known::parts_text(&target.name));
    let name = windlass_core::plan::Template::Text(target.name.clone());
    let value = match (Names {
        inputs: &plan.inputs,
        item: None,
    })
    .template(&name)
    {
        Known::Now(Value::Text(name)) => Some(format!("{}:{name}", target.scheme)),
        Known::Now(_) | Known::Later(_) | Known::Never(_) => None,
    };
    TargetOutline { text, value }
}

fn secrets(plan: &Plan) -> Vec<SecretOutline> {
    let mut steps: BTreeMap<SecretName, Vec<StepId>> = BTreeMap::new();
    for step in &plan.steps {
        for name in touched::secrets(step) {
            steps.entry(name).or_default().push(step.id.clone());
        }
    }
    let names: BTreeSet<SecretName> = plan.secrets.iter().chain(steps.keys()).cloned().collect();
    let outline = |name: SecretName| SecretOutline {
        source: plan.secret_sources.get(&name).cloned(),
        hosts: plan.secret_hosts.get(&name).cloned().unwrap_or_default(),
        steps: steps.get(&name).cloned().unwrap_or_default(),
        name,
    };
    names.into_iter().map(outline).collect()
}

fn grants(plan: &Plan, catalog: &Catalog) -> Vec<GrantOutline> {
    let mut steps: BTreeMap<&ActionName, Vec<StepId>> = BTreeMap::new();
    for step in &plan.steps {
        let uses: BTreeSet<&ActionName> =
            touched::called(step).iter().map(|call| call.uses).collect();
        for action in uses {
            steps.entry(action).or_default().push(step.id.clone());
        }
    }
    let outline = |(action, steps): (&ActionName, Vec<StepId>)| {
        // Of a plugin's action the plan says what it may do: less than its manifest, perhaps.
        let granted = match plan.plugin_of(action) {
            Some((pin, name)) => pin.actions.get(name)?,
            None => &catalog.get(action)?.grants,
        };
        let may = granted.iter().map(ToString::to_string);
        Some(GrantOutline {
            action: action.clone(),
            may: Some(may.collect()).filter(|may: &Vec<String>| !may.is_empty())?,
            steps,
        })
    };
    steps.into_iter().filter_map(outline).collect()
}

fn count(plan: &IndexedPlan) -> Counts {
    let mut counts = Counts::default();
    for step in &plan.plan().steps {
        counts.steps += 1;
        match &step.kind {
            StepKind::Action { effect, .. } => match effect {
                EffectClass::Read => counts.read += 1,
                EffectClass::Idempotent => counts.idempotent += 1,
                EffectClass::Reversible => counts.reversible += 1,
                EffectClass::Irreversible => counts.irreversible += 1,
            },
            StepKind::Wait { .. } => counts.waits += 1,
            StepKind::Gate(_) => counts.gates += 1,
        }
    }
    counts
}

fn waves(plan: &IndexedPlan, order: &Order) -> Vec<Wave> {
    let mut found = Vec::new();
    for finally in [false, true] {
        for (steps, number) in order.waves(plan, finally).into_iter().zip(1..) {
            found.push(Wave {
                number,
                finally,
                steps: steps.iter().map(|at| plan.step(*at).id.clone()).collect(),
            });
        }
    }
    found
}

fn no_return(plan: &IndexedPlan, order: &Order, ids: &dyn Fn(Vec<u32>) -> Vec<StepId>) -> NoReturn {
    let main = |wanted: &dyn Fn(u32, Stage) -> bool| {
        let found = indices(order.stage.len())
            .filter(|at| !plan.step(*at).finally && wanted(*at, order.stage[*at as usize]));
        ids(found.collect())
    };
    let irreversible = |at: u32| effect(plan, at) == Some(EffectClass::Irreversible);
    let reads = |at: u32| effect(plan, at).is_none_or(|effect| effect == EffectClass::Read);
    NoReturn {
        changes_begin: main(&|at, stage| stage == Stage::Looking && !reads(at)),
        at: main(&|at, stage| stage < Stage::NoReturn && irreversible(at)),
        beyond: main(&|_, stage| stage == Stage::NoReturn),
        ungated: main(&|at, _| irreversible(at) && plan.gates_before(at).is_empty()),
    }
}

fn gate(plan: &IndexedPlan, at: u32, ids: &dyn Fn(Vec<u32>) -> Vec<StepId>) -> Option<GateOutline> {
    let StepKind::Gate(gate) = &plan.step(at).kind else {
        return None;
    };
    let mut protects = order::protected(plan, at);
    let protects_more = protects.len().saturating_sub(PROTECTED_MAX);
    protects.truncate(PROTECTED_MAX);
    Some(GateOutline {
        step: plan.step(at).id.clone(),
        expires_ms: gate.expires,
        not_requester: gate.not_requester,
        signed: gate.signed,
        all_of: gate.all_of.clone(),
        window_end: gate.window_end,
        facts: gate
            .facts
            .iter()
            .map(|fact| FactOutline {
                name: fact.name.clone(),
                uses: fact.uses.clone(),
                accept: fact.rule.clone(),
                max_age_ms: fact.max_age,
            })
            .collect(),
        show: gate.show.iter().map(|(name, _)| name.clone()).collect(),
        protects: ids(protects),
        protects_more,
    })
}

fn undo(plan: &IndexedPlan, order: &Order, ids: &dyn Fn(Vec<u32>) -> Vec<StepId>) -> UndoOutline {
    let has_undo = |at: u32| matches!(&plan.step(at).kind, StepKind::Action { undo: Some(_), .. });
    let mut undone: Vec<u32> = indices(order.depth.len())
        .filter(|at| has_undo(*at))
        .collect();
    undone.sort_by_key(|at| std::cmp::Reverse((order.depth[*at as usize], *at)));
    let stays = |at: &u32| effect(plan, *at).is_some_and(EffectClass::is_change) && !has_undo(*at);
    UndoOutline {
        order: ids(undone),
        stay: ids(indices(order.depth.len()).filter(stays).collect()),
    }
}
