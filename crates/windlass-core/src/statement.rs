//! The statement of a gate: the text that an approval is of, and that people sign. It says
//! of which run, plan, gate and attempt, until when, and by which rules; `docs/gates.md`
//! specifies it with an example. Not responsible for verifying signatures (the engine's).

use std::fmt::Write as _;

use serde::Serialize;

use crate::command::{Command, Statement};
use crate::id::StepId;
use crate::operator::Operator;
use crate::plan::{Digest, StepKind};
use crate::state::{RunState, StepPhase};

/// What a signature of a statement is made for: `ssh-keygen -Y sign -n windlass`.
pub const NAMESPACE: &str = "windlass";

/// The statement of one attempt of a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateStatement {
    text: String,
}

impl GateStatement {
    /// Its bytes: lines, each of which ends in a line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What an approval names it by.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// What an approver signs: the statement, and what he says himself.
    pub fn signed_text(&self, note: &str) -> String {
        signed_text(&self.text, note)
    }
}

/// What an approver signs: a statement's text, and what he says himself.
pub fn signed_text(statement: &str, note: &str) -> String {
    let mut text = statement.to_owned();
    if !note.is_empty() {
        line(&mut text, &["note", &json(note)]);
    }
    text
}

impl RunState {
    /// The statement of a gate that is open.
    pub fn statement(&self, gate: &StepId) -> Option<GateStatement> {
        let plan = self.plan()?;
        let look = self.step(gate)?;
        let StepKind::Gate(asked) = &look.step.kind else {
            return None;
        };
        let StepPhase::GateOpen { expires_at, shown } = &look.state.phase else {
            return None;
        };
        let mut text = "windlass approval 1\n".to_owned();
        line(&mut text, &["run", self.run().as_str()]);
        line(&mut text, &["runbook", &json(&plan.name)]);
        line(&mut text, &["title", &json(&plan.title)]);
        line(&mut text, &["plan", &self.digest()?.to_string()]);
        if let Some(target) = self.target() {
            line(&mut text, &["target", &json(target)]);
        }
        line(
            &mut text,
            &["requester", &json(&self.requester()?.to_string())],
        );
        line(&mut text, &["gate", &gate.to_string()]);
        line(
            &mut text,
            &["attempt", &look.state.gate_attempt.to_string()],
        );
        line(&mut text, &["opened", &look.state.started_at?.to_string()]);
        if let Some(at) = expires_at {
            line(&mut text, &["expires", &at.to_string()]);
        }
        for quorum in &asked.all_of {
            let count = quorum.count.to_string();
            line(&mut text, &["group", quorum.group.as_str(), &count]);
        }
        for (flag, word) in [
            (asked.not_requester, "not_requester"),
            (asked.signed, "signed"),
        ] {
            if flag {
                line(&mut text, &[word]);
            }
        }
        for fact in &asked.facts {
            let age = fact.max_age.0.to_string();
            let rule = json(&fact.rule);
            line(
                &mut text,
                &["fact", &fact.name, fact.uses.as_str(), &age, &rule],
            );
        }
        for (caption, _) in &asked.show {
            let value = shown.get(caption).map(json);
            line(
                &mut text,
                &["shown", &json(caption), &value.unwrap_or_default()],
            );
        }
        Some(GateStatement { text })
    }

    /// Whether only signed approvals count at a gate. Without a policy nobody's key is
    /// known, and one person is everybody.
    pub fn takes_signed(&self, gate: &StepId) -> bool {
        let kind = self.step(gate).map(|look| &look.step.kind);
        match kind {
            Some(StepKind::Gate(gate)) => gate.signed && self.standing().is_some(),
            Some(StepKind::Action { .. } | StepKind::Wait { .. }) | None => false,
        }
    }

    /// What somebody who looks at a gate now has before his eyes.
    pub fn seen(&self, gate: &StepId) -> Statement {
        let look = self.step(gate);
        let statement = self.statement(gate);
        let nothing = || Digest::of(b"");
        Statement {
            plan: self.digest().unwrap_or_else(nothing),
            attempt: look.map_or(0, |look| look.state.gate_attempt),
            digest: statement.map_or_else(nothing, |statement| statement.digest()),
        }
    }

    /// What a statement that somebody has seen is of, when it is not the gate's as it
    /// stands now.
    pub fn stale(&self, gate: &StepId, seen: Statement) -> Option<&'static str> {
        let now = self.seen(gate);
        if seen.plan != now.plan {
            Some("another plan")
        } else if seen.attempt != now.attempt {
            Some("another attempt")
        } else {
            (seen.digest != now.digest).then_some("another statement")
        }
    }

    /// The approval of a gate as it stands now.
    pub fn approval(&self, gate: StepId, by: Operator, note: String) -> Command {
        Command::Approve {
            seen: self.seen(&gate),
            gate,
            by,
            note,
            signature: None,
        }
    }
}

fn line(text: &mut String, words: &[&str]) {
    let _to_memory = writeln!(text, "{}", words.join(" "));
}

/// On one line and in ASCII, whatever it holds: no terminal, editor or mail changes it.
fn json(value: &(impl Serialize + ?Sized)) -> String {
    let json = serde_json::to_string(value);
    let json = json.expect("a value has only text keys and finite numbers");
    let mut ascii = String::with_capacity(json.len());
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ b' '..=b'~') => ascii.push(char::from(byte)),
            Ok(_) | Err(_) => {
                let _to_memory = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}
