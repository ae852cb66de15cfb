//! The `change` block: what a change form asks, as the author answers it.

use windlass_core::plan::{Change, ChangeClass, Risk};

use super::fields::{Fields, Found, text, wrong_shape};
use super::keys;
use crate::codes::BAD_VALUE;
use crate::diagnostic::Diagnostic;
use crate::node::NodeKind;
use crate::suggest::did_you_mean;

/// The block of a runbook's fields; `None` when there is none or it is wrong.
pub(super) fn change(fields: &Fields<'_>, found: &mut Found) -> Option<Change> {
    let entry = fields.get("change")?;
    let before = found.len();
    let fields = Fields::read(&entry.value, entry.key_span, &keys::CHANGE, found)?;
    fields.required("class", "a change", found);
    let classes = [
        ChangeClass::Standard,
        ChangeClass::Normal,
        ChangeClass::Emergency,
    ];
    let class = word(&fields, "class", classes, ChangeClass::as_str, found);
    let risks = [Risk::Low, Risk::Moderate, Risk::High];
    let risk = word(&fields, "risk", risks, Risk::as_str, found);
    let mut text = |key| fields.text(key, found).map(str::to_owned);
    let (reason, impact) = (text("reason"), text("impact"));
    let (backout, test, communication) = (text("backout"), text("test"), text("communication"));
    let affects = affects(&fields, found);
    let outage = fields.duration_or_zero("outage", found);
    let change = Change {
        class: class?,
        risk,
        reason,
        affects,
        impact,
        // No time at all is how a form says that there is none.
        outage: outage.filter(|outage| outage.0 > 0),
        backout,
        test,
        communication,
    };
    (found.len() == before).then_some(change)
}

/// One of a few words.
fn word<T: Copy, const N: usize>(
    fields: &Fields<'_>,
    key: &str,
    known: [T; N],
    name: fn(T) -> &'static str,
    found: &mut Found,
) -> Option<T> {
    let word = fields.text(key, found)?;
    let meant = known.into_iter().find(|known| name(*known) == word);
    if let (None, Some(node)) = (meant, fields.value(key)) {
        let words = known.map(name);
        let message = format!("there is no {key} `{}`", word.escape_debug());
        let help =
            did_you_mean(word, words).unwrap_or_else(|| format!("write {}", words.join(", ")));
        found.push(
            Diagnostic::error(BAD_VALUE, message)
                .at(node.span, "unknown")
                .help(help),
        );
    }
    meant
}

/// One name or a list of names.
fn affects(fields: &Fields<'_>, found: &mut Found) -> Vec<String> {
    let Some(node) = fields.value("affects") else {
        return Vec::new();
    };
    match &node.kind {
        NodeKind::Text(name) => vec![name.clone()],
        NodeKind::List(items) => items
            .iter()
            .filter_map(|item| text(item, "`affects` lists names", found).map(str::to_owned))
            .collect(),
        NodeKind::Null
        | NodeKind::Bool(_)
        | NodeKind::Int(_)
        | NodeKind::Float(_)
        | NodeKind::Map(_) => {
            found.push(wrong_shape(node, "`affects` is a name or a list of names"));
            Vec::new()
        }
    }
}
