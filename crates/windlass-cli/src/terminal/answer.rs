//! What a line typed at the prompt means. Approving and attesting take the whole name of
//! what is decided, so that no single key and no habit decides anything.

use windlass_core::id::NodeId;
use windlass_core::outcome::Effected;
use windlass_core::value::Value;
use windlass_server::wire::{Approve, Attest, ByHand, Decline, Gate, Reject};

use crate::ask::Ask;
use crate::given::{self, NamedText};

/// What the prompt asks for: open gates, and work by hand.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) gates: &'a [Gate],
    pub(crate) by_hand: &'a [ByHand],
}

impl Asked<'_> {
    /// The command that a line asks for.
    ///
    /// # Errors
    /// What to type instead.
    pub(crate) fn answer(self, typed: &str) -> Result<Option<Ask>, String> {
        let typed = typed.trim();
        if typed.is_empty() || (self.gates.is_empty() && self.by_hand.is_empty()) {
            return Ok(None);
        }
        if let Some(gate) = self.gates.iter().find(|gate| gate.step.as_str() == typed) {
            return Ok(Some(Ask::Approve(Approve {
                gate: gate.step.clone(),
                statement: gate.statement,
                note: String::new(),
                signature: None,
            })));
        }
        let (verb, rest) = word(typed);
        match verb {
            "reject" if !self.gates.is_empty() => self.reject(rest).map(Some),
            "attest" if !self.by_hand.is_empty() => self.attest(rest).map(Some),
            "decline" if !self.by_hand.is_empty() => self.decline(rest).map(Some),
            _ => Err(self.misunderstood(typed)),
        }
    }

    fn misunderstood(self, typed: &str) -> String {
        let gates: Vec<&str> = self.gates.iter().map(|gate| gate.step.as_str()).collect();
        match self.by_hand.first() {
            None => format!(
                "`{typed}` is not the name of an open gate ({})",
                gates.join(", ")
            ),
            Some(asked) => format!(
                "`{typed}` is no answer: type `attest {0} ...` or `decline {0} ...`{1}",
                asked.node,
                match gates.as_slice() {
                    [] => String::new(),
                    gates => format!(", or the name of an open gate ({})", gates.join(", ")),
                }
            ),
        }
    }

    fn reject(self, rest: &str) -> Result<Ask, String> {
        let (gate, reason) = match self.gates {
            [one] => (one, rest),
            gates => {
                let (name, reason) = word(rest);
                let named = gates.iter().find(|gate| gate.step.as_str() == name);
                let named = named.ok_or_else(|| "say which: reject GATE REASON".to_owned())?;
                (named, reason)
            }
        };
        if reason.is_empty() {
            return Err("say why: reject REASON".to_owned());
        }
        Ok(Ask::Reject(Reject {
            gate: gate.step.clone(),
            reason: reason.to_owned(),
        }))
    }

    fn attest(self, rest: &str) -> Result<Ask, String> {
        let (asked, mut rest) = self.named(rest)?;
        let mut typed: Vec<NamedText> = Vec::new();
        while let Some((value, after)) = value(rest) {
            typed.push(value);
            rest = after;
        }
        if rest.is_empty() {
            return Err(format!(
                "say how you know: attest {} ... REASON",
                asked.node
            ));
        }
        let mut outputs = Value::Map(Default::default());
        given::state(&mut outputs, typed, &asked.values).map_err(|error| error.to_string())?;
        Ok(Ask::Attest(Attest {
            node: asked.node.id.clone(),
            attempt: asked.attempt,
            reason: rest.to_owned(),
            outputs,
        }))
    }

    fn decline(self, rest: &str) -> Result<Ask, String> {
        let (asked, rest) = self.named(rest)?;
        let (effect, reason) = match word(rest) {
            ("--acted", reason) => (Effected::Settled, reason),
            ("--unknown", reason) => (Effected::Unknown, reason),
            _ => (Effected::None, rest),
        };
        if reason.is_empty() {
            return Err(format!("say why: decline {} REASON", asked.node));
        }
        Ok(Ask::Decline(Decline {
            node: asked.node.id.clone(),
            attempt: asked.attempt,
            reason: reason.to_owned(),
            effect,
        }))
    }

    /// What is done by hand under the name that comes first, and what stands behind it.
    fn named<'t>(&self, rest: &'t str) -> Result<(&ByHand, &'t str), String> {
        let (name, rest) = word(rest);
        let node: Option<NodeId> = name.parse().ok();
        let found = self
            .by_hand
            .iter()
            .find(|asked| Some(&asked.node.id) == node.as_ref());
        let names = || {
            let names: Vec<String> = self
                .by_hand
                .iter()
                .map(|open| open.node.to_string())
                .collect();
            names.join(", ")
        };
        found
            .map(|asked| (asked, rest))
            .ok_or_else(|| format!("`{name}` is not asked for by hand, but {}", names()))
    }
}

/// The first word, and the rest.
fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// `NAME=VALUE` at the beginning, and the rest. A value with spaces stands in quotes.
fn value(text: &str) -> Option<(NamedText, &str)> {
    let (name, rest) = text.split_once('=')?;
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return None;
    }
    let quoted = ['\'', '"'].iter().find_map(|quote| {
        let inside = rest.strip_prefix(*quote)?;
        inside.split_once(*quote)
    });
    let (value, rest) = quoted.unwrap_or_else(|| word(rest));
    let named = format!("{name}={value}").parse().ok()?;
    Some((named, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use windlass_core::plan::Digest;
    use windlass_core::types::Type;
    use windlass_server::wire::{AskedValue, NodeName, Statement};

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
            shown_units: BTreeMap::new(),
            statement: Statement {
                plan_digest: Digest([7; 32]),
                attempt: 3,
                digest: Digest([8; 32]),
            },
            statement_text: String::new(),
            signed: false,
            not_requester: false,
            rule: String::new(),
            places: Vec::new(),
            approvals: Vec::new(),
            facts: Vec::new(),
            next: Vec::new(),
        }
    }

    #[test]
    fn only_the_whole_name_approves_and_only_with_a_reason_is_rejected() {
        let one = [gate("go")];
        let said = |typed: &str, gates: &[Gate]| match (Asked {
            gates,
            by_hand: &[],
        })
        .answer(typed)
        {
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

    fn by_hand(node: &str, attempt: u32) -> ByHand {
        let asked = |name: &str, ty| AskedValue {
            name: name.to_owned(),
            ty,
            title: None,
            allowed: Vec::new(),
            optional: false,
        };
        ByHand {
            node: NodeName::of(&node.parse().unwrap(), false),
            title: None,
            effect: "reversible".to_owned(),
            attempt,
            asked_at_ms: None,
            expires_at_ms: None,
            instructions: String::new(),
            shown: BTreeMap::new(),
            shown_units: BTreeMap::new(),
            values: vec![asked("lamp", Type::Text), asked("shelf", Type::Int)],
            not_requester: false,
            rule: String::new(),
            next: Vec::new(),
        }
    }

    #[test]
    fn work_by_hand_is_answered_by_its_name_with_values_and_a_reason() {
        let by_hand = [by_hand("swap", 2), by_hand("rack[1]", 1)];
        let said = |typed: &str| {
            let asked = Asked {
                gates: &[],
                by_hand: &by_hand,
            };
            match asked.answer(typed) {
                Ok(Some(Ask::Attest(ask))) => format!(
                    "attest {}#{} {} because {}",
                    ask.node, ask.attempt, ask.outputs, ask.reason
                ),
                Ok(Some(Ask::Decline(ask))) => format!(
                    "decline {}#{} {:?} because {}",
                    ask.node, ask.attempt, ask.effect, ask.reason
                ),
                Ok(Some(other)) => panic!("{other:?}"),
                Ok(None) => "nothing".to_owned(),
                Err(error) => error,
            }
        };
        for (typed, expected) in [
            (
                "attest swap lamp=green shelf=7 I saw it, b=c",
                "attest swap#2 {\"lamp\":\"green\",\"shelf\":7} because I saw it, b=c",
            ),
            (
                "attest rack[1] lamp='pale green'  done",
                "attest rack[1]#1 {\"lamp\":\"pale green\"} because done",
            ),
            ("attest swap done", "attest swap#2 {} because done"),
            (
                "attest swap lamp=green",
                "say how you know: attest swap ... REASON",
            ),
            ("attest", "`` is not asked for by hand, but swap, rack[1]"),
            (
                "attest other x",
                "`other` is not asked for by hand, but swap, rack[1]",
            ),
            (
                "decline swap it is locked",
                "decline swap#2 None because it is locked",
            ),
            (
                "decline swap --acted half of it",
                "decline swap#2 Settled because half of it",
            ),
            (
                "decline swap --unknown who knows",
                "decline swap#2 Unknown because who knows",
            ),
            ("decline swap --acted", "say why: decline swap REASON"),
            (
                "swap",
                "`swap` is no answer: type `attest swap ...` or `decline swap ...`",
            ),
            (
                "reject no",
                "`reject no` is no answer: type `attest swap ...` or `decline swap ...`",
            ),
            ("", "nothing"),
        ] {
            assert_eq!(said(typed), expected, "{typed}");
        }
    }
}
