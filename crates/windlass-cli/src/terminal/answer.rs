//! What a line typed at the prompt means. Approving takes the gate's whole name, so
//! that no single key and no habit approves anything.

use windlass_server::wire::{Approve, Gate, Reject};

use crate::ask::Ask;

/// The command that a line asks for.
///
/// # Errors
/// What to type instead.
pub(crate) fn answer(typed: &str, gates: &[Gate]) -> Result<Option<Ask>, String> {
    let typed = typed.trim();
    let Some(first) = gates.first() else {
        return Ok(None);
    };
    if typed.is_empty() {
        return Ok(None);
    }
    if let Some(gate) = gates.iter().find(|gate| gate.step.as_str() == typed) {
        return Ok(Some(Ask::Approve(Approve {
            gate: gate.step.clone(),
            statement: gate.statement,
            note: String::new(),
        })));
    }
    let (verb, rest) = typed.split_once(' ').unwrap_or((typed, ""));
    if verb != "reject" {
        let names: Vec<&str> = gates.iter().map(|gate| gate.step.as_str()).collect();
        return Err(format!(
            "`{typed}` is not the name of an open gate ({})",
            names.join(", ")
        ));
    }
    let rest = rest.trim();
    let (gate, reason) = match gates {
        [_] => (first, rest),
        _ => {
            let (name, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            let named = gates.iter().find(|gate| gate.step.as_str() == name);
            let named = named.ok_or_else(|| "say which: reject GATE REASON".to_owned())?;
            (named, reason.trim())
        }
    };
    if reason.is_empty() {
        return Err("say why: reject REASON".to_owned());
    }
    Ok(Some(Ask::Reject(Reject {
        gate: gate.step.clone(),
        reason: reason.to_owned(),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use windlass_core::plan::Digest;
    use windlass_server::wire::Statement;

    fn gate(name: &str) -> Gate {
        Gate {
            step: name.parse().unwrap(),
            title: None,
            state: "open".to_owned(),
            attempt: 3,
            opened_at_ms: None,
            expires_at_ms: None,
            target: None,
            shown: BTreeMap::new(),
            statement: Statement {
                plan_digest: Digest([7; 32]),
                attempt: 3,
            },
            not_requester: false,
            rule: String::new(),
            next: Vec::new(),
        }
    }

    #[test]
    fn only_the_whole_name_approves_and_only_with_a_reason_is_rejected() {
        let one = [gate("go")];
        let said = |typed: &str, gates: &[Gate]| match answer(typed, gates) {
            Ok(Some(Ask::Approve(ask))) => {
                format!("approve {} {}", ask.gate, ask.statement.attempt)
            }
            Ok(Some(Ask::Reject(ask))) => format!("reject {} {}", ask.gate, ask.reason),
            Ok(Some(other)) => panic!("{other:?}"),
            Ok(None) => "nothing".to_owned(),
            Err(error) => error,
        };
        assert_eq!(said(" go ", &one), "approve go 3");
        assert_eq!(said("", &one), "nothing");
        assert_eq!(said("go", &[]), "nothing");
        assert_eq!(said("reject not now", &one), "reject go not now");
        assert_eq!(said("reject", &one), "say why: reject REASON");
        assert_eq!(said("y", &one), "`y` is not the name of an open gate (go)");
        let two = [gate("go"), gate("board")];
        assert_eq!(said("board", &two), "approve board 3");
        assert_eq!(said("reject board too late", &two), "reject board too late");
        assert_eq!(
            said("reject too late", &two),
            "say which: reject GATE REASON"
        );
    }
}
