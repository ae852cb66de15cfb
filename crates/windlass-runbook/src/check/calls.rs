//! How an action is called: its parameters, and what bounds its attempts,
//! its doubts and its undoing.

use std::collections::BTreeMap;

use windlass_core::catalog::Action;
use windlass_core::expr::is_identifier;
use windlass_core::id::ActionName;
use windlass_core::plan::{
    ATTEMPTS_MAX, Call, EffectClass, Reconcile, Retry, Template, Unit, Verb, shown,
};
use windlass_core::time::Millis;

use super::checks::checks;
use super::drafts::action;
use super::fields::{Fields, Found, wrong_shape};
use super::keys;
use super::names::{Around, Outputs, bare};
use super::shapes::bad_name;
use super::templates::{Wanted, folded_map, template};
use super::world::World;
use crate::codes::{MISSING_PARAM, NO_TIMEOUT, NOT_A_READ, SETTLE_SHORT, UNKNOWN_PARAM};
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Entry, NodeKind};
use crate::suggest::did_you_mean;

/// The timeout of a read or idempotent action that states none.
const TIMEOUT: Millis = Millis::from_mins(1);
/// The timeout of a look whether a change happened, when it states none.
const RECONCILE_TIMEOUT: Millis = Millis::from_mins(1);
/// What stands for the timeout of work by hand, which has none.
const BY_HAND: Millis = Millis::from_mins(1);
/// Work that was not handed over within this span of its intent never is.
const SEND_WITHIN: Millis = Millis::from_secs(5);
/// For how long a doubt is looked into when neither step nor action says.
const OBSERVE: Millis = Millis::from_mins(15);

/// What is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Called<'a> {
    pub(super) name: &'a ActionName,
    pub(super) action: Option<&'a Action>,
    pub(super) uses_span: Span,
    pub(super) is_change: bool,
}

/// The call that a step's or an undo's fields describe.
pub(super) fn call(
    world: &World<'_>,
    called: Called<'_>,
    fields: &Fields<'_>,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Call> {
    let with = with(world, called, fields.get("with"), around, found);
    let by_hand = called.action.is_some_and(Action::is_by_hand);
    let retry = if by_hand {
        Some(Retry::default())
    } else {
        retry(fields, found)
    };
    let timeout = if by_hand {
        Some(BY_HAND)
    } else {
        timeout(called, fields, found)
    };
    let (reconcile, stated_settle) = reconcile(world, called, fields, around, found);
    let observe = fields.duration("observe", found);
    let action = called.action?;
    let timeout = timeout?;
    Some(Call {
        uses: called.name.clone(),
        verb: Verb::Run,
        with: with?,
        retry: retry?,
        timeout,
        // A plugin looks around before it sends, for as long as it may take at all.
        send_within: match world.catalog.is_of_plugin(called.name) {
            true => timeout,
            false => SEND_WITHIN.min(timeout),
        },
        settle: stated_settle.unwrap_or(action.settle),
        observe: observe.unwrap_or(if action.observe.0 > 0 {
            action.observe
        } else {
            OBSERVE
        }),
        reconcile: reconcile?,
    })
}

/// The parameters: the step's own, then those that `defaults` add.
pub(super) fn with(
    world: &World<'_>,
    called: Called<'_>,
    entry: Option<&Entry>,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Template> {
    let own: &[Entry] = match entry.map(|entry| (&entry.value, &entry.value.kind)) {
        None => &[],
        Some((_, NodeKind::Map(entries))) => entries,
        Some((node, _)) => {
            found.push(
                wrong_shape(node, "`with` is a map of parameters").help(
                    "the parameters stand below it, indented further, or in braces: `with: {NAME: value}`",
                ),
            );
            return None;
        }
    };
    let family = called.name.as_str().split('/').next().unwrap_or_default();
    let defaults: &[Entry] = match world.defaults.get(family).map(|node| &node.kind) {
        Some(NodeKind::Map(entries)) => entries,
        _ => &[],
    };
    let mut map = BTreeMap::new();
    let mut whole = true;
    for (entry, is_default) in own
        .iter()
        .map(|entry| (entry, false))
        .chain(defaults.iter().map(|entry| (entry, true)))
    {
        let name = entry.key.as_str();
        if is_default && own.iter().any(|own| own.key == name) {
            continue;
        }
        let wanted = match called.action {
            None => Wanted {
                secret: true,
                ..Wanted::any(name)
            },
            Some(action) => match action.param(name) {
                // Defaults are for all actions of a family, not each for all.
                _ if is_default && !action.params.contains_key(name) => continue,
                // They are declared, not given: see `manual`.
                Some(param) if param.declares => continue,
                Some(param) if param.checks => {
                    match checks(world, &entry.value, around, found) {
                        Some(value) => {
                            map.insert(name.to_owned(), value);
                        }
                        None => whole = false,
                    }
                    continue;
                }
                Some(_) if action.echoes && !is_identifier(name) => {
                    found.push(bad_name(name, "an output", entry.key_span));
                    whole = false;
                    continue;
                }
                Some(param) => Wanted::param(name, param),
                None => {
                    unknown_param(called.name, action, entry, found);
                    whole = false;
                    continue;
                }
            },
        };
        match template(world, &entry.value, wanted, around, found) {
            Some(value) => {
                map.insert(name.to_owned(), value);
            }
            None => whole = false,
        }
    }
    let action = called.action?;
    if action.echoes && map.is_empty() && whole {
        let span = entry.map_or(called.uses_span, |entry| entry.key_span);
        let message = format!("`{}` is given nothing to name", called.name);
        found.push(
            Diagnostic::error(MISSING_PARAM, message)
                .at(span, "no values")
                .help(
                    "write `with: {NAME: VALUE}`; later steps read it as `steps.STEP.outputs.NAME`",
                ),
        );
        return None;
    }
    for (name, param) in &action.params {
        let given = |entries: &[Entry]| entries.iter().any(|entry| &entry.key == name);
        if param.required && !given(own) && !given(defaults) {
            let span = entry.map_or(called.uses_span, |entry| entry.key_span);
            let message = format!("`{}` needs the parameter `{name}`", called.name);
            found.push(
                Diagnostic::error(MISSING_PARAM, message)
                    .at(span, format!("`{name}` is missing"))
                    .help(format!("`{name}`: {}", param.summary)),
            );
            whole = false;
        }
    }
    whole.then(|| folded_map(map))
}

fn unknown_param(name: &ActionName, action: &Action, entry: &Entry, found: &mut Found) {
    let known = || action.params.keys().map(String::as_str);
    let of_step = keys::ACTION
        .get(&entry.key)
        .map(|_| "it is a key of the step: write it beside `with`, not in it".to_owned());
    let help = did_you_mean(&entry.key, known())
        .or(of_step)
        .unwrap_or_else(|| {
            format!(
                "the parameters are {}",
                known().collect::<Vec<_>>().join(", ")
            )
        });
    let message = format!("`{name}` has no parameter `{}`", entry.key.escape_debug());
    found.push(
        Diagnostic::error(UNKNOWN_PARAM, message)
            .at(entry.key_span, "unknown parameter")
            .help(help),
    );
}

fn retry(fields: &Fields<'_>, found: &mut Found) -> Option<Retry> {
    let default = Retry::default();
    let Some(entry) = fields.get("retry") else {
        return Some(default);
    };
    let before = found.len();
    let fields = Fields::read(&entry.value, entry.key_span, &keys::RETRY, found)?;
    fields.required("attempts", "`retry`", found);
    let attempts = fields.count("attempts", 1, ATTEMPTS_MAX, found);
    let backoff = fields
        .duration_or_zero("backoff", found)
        .unwrap_or(default.backoff);
    let backoff_max = fields
        .duration("max_backoff", found)
        .unwrap_or(default.backoff_max);
    let backoff_max = backoff_max.max(backoff);
    (found.len() == before).then_some(Retry {
        attempts: attempts.unwrap_or(default.attempts),
        backoff,
        backoff_max,
    })
}

fn timeout(called: Called<'_>, fields: &Fields<'_>, found: &mut Found) -> Option<Millis> {
    if fields.get("timeout").is_some() {
        return fields.duration("timeout", found);
    }
    let action = called.action?;
    // Nobody but the author knows how long a change may take that its action
    // does not know itself.
    let knows_change = action.effect.is_some() || !called.is_change;
    if let Some(timeout) = action.timeout.filter(|_| knows_change) {
        return Some(timeout);
    }
    if !called.is_change {
        return Some(TIMEOUT);
    }
    let message = format!("nothing says how long to wait for `{}`", called.name);
    found.push(
        Diagnostic::error(NO_TIMEOUT, message)
            .at(called.uses_span, "a change without a timeout")
            .help("add `timeout: 10m`: when it passes, the change is in doubt, not stopped"),
    );
    None
}

/// How a doubt is looked into, and the `settle` that the step states.
fn reconcile(
    world: &World<'_>,
    called: Called<'_>,
    fields: &Fields<'_>,
    around: Around<'_>,
    found: &mut Found,
) -> (Option<Reconcile>, Option<Millis>) {
    let Some(entry) = fields.get("reconcile") else {
        let native = called.is_change && called.action.is_some_and(|action| action.reconciles);
        let reconcile = if native {
            Reconcile::Native {
                timeout: RECONCILE_TIMEOUT,
            }
        } else {
            Reconcile::None
        };
        return (Some(reconcile), None);
    };
    let Some(fields) = Fields::read(&entry.value, entry.key_span, &keys::RECONCILE, found) else {
        return (None, None);
    };
    let settle = fields.duration_or_zero("settle", found);
    if let (Some(stated), Some(action)) = (settle, called.action)
        && stated < action.settle_least
        && let Some(entry) = fields.get("settle")
    {
        let spelled = |span: Millis| {
            let count = i64::try_from(span.0).unwrap_or(i64::MAX);
            shown(&count.into(), Some(&Unit::Duration))
        };
        let (uses, least) = (called.name, spelled(action.settle_least));
        let message = format!("`{uses}` may still take effect {least} after its send deadline");
        found.push(
            Diagnostic::error(SETTLE_SHORT, message)
                .at(entry.value.span, "a look before that proves nothing")
                .help(format!(
                    "state at least `settle: {least}`, or leave it out for {}",
                    spelled(action.settle)
                )),
        );
    }
    (reconcile_read(world, &fields, around, found), settle)
}

fn reconcile_read(
    world: &World<'_>,
    fields: &Fields<'_>,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Reconcile> {
    fields.required("happened", "`reconcile`", found);
    let Read {
        uses: name,
        with,
        timeout,
        outputs,
    } = read(world, fields, "`reconcile`", around, found)?;
    let judge = Around { outputs, ..around };
    let mut judged = |key: &str| -> Option<Option<_>> {
        match fields.value(key) {
            None => Some(None),
            Some(node) => bare(world, node, key, judge, found).map(Some),
        }
    };
    let happened = judged("happened");
    let in_progress = judged("in_progress");
    let settled = judged("settled");
    let not_happened = judged("not_happened");
    Some(Reconcile::Read {
        uses: name,
        with: with?,
        timeout: timeout?,
        happened: happened??,
        in_progress: in_progress?,
        settled: settled?,
        not_happened: not_happened?,
    })
}

/// A read that belongs to something else than a step: a look, a fact.
pub(super) struct Read<'a> {
    pub(super) uses: ActionName,
    pub(super) with: Option<Template>,
    pub(super) timeout: Option<Millis>,
    /// What it gives, for the expressions that judge it.
    pub(super) outputs: Outputs<'a>,
}

/// Reads the keys `uses`, `with` and `timeout` of something that may not change anything.
pub(super) fn read<'a>(
    world: &World<'a>,
    fields: &Fields<'a>,
    of: &str,
    around: Around<'_>,
    found: &mut Found,
) -> Option<Read<'a>> {
    let uses = fields.required("uses", of, found);
    let (uses_span, (name, action)) = (
        uses.map(|node| node.span)?,
        action(uses?, world.catalog, found)?,
    );
    // An action without a class of its own is a read because it is used as one.
    let effect = action
        .and_then(|action| action.effect)
        .unwrap_or(EffectClass::Read);
    if effect != EffectClass::Read {
        let message = format!(
            "`{name}` is {}: a look may not change anything",
            effect.as_str()
        );
        found.push(Diagnostic::error(NOT_A_READ, message).at(uses_span, "not a read"));
    } else if action.is_some_and(|action| action.computes) {
        let message = format!("`{name}` only computes: it looks at nothing");
        found.push(Diagnostic::error(NOT_A_READ, message).at(uses_span, "looks at nothing"));
    }
    let called = Called {
        name: &name,
        action,
        uses_span,
        is_change: false,
    };
    let with = with(world, called, fields.get("with"), around, found);
    let timeout = match fields.get("timeout") {
        Some(_) => fields.duration("timeout", found),
        None => Some(RECONCILE_TIMEOUT),
    };
    let outputs = match action.and_then(|action| action.outputs.as_ref()) {
        Some(outputs) => Outputs::Known(outputs),
        None => Outputs::Unknown,
    };
    action?;
    Some(Read {
        uses: name,
        with,
        timeout,
        outputs,
    })
}
