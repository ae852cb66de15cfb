//! Messages that are not delivered, as lists and pages show them.

use windlass_core::time::Timestamp;
use windlass_engine::outbox::{Unsent, UnsentState};

use crate::{text, time};

/// One message: what it is about, to whom, and how far it has come.
pub(crate) fn unsent(message: &Unsent, now: Timestamp) -> Vec<String> {
    let to = match (message.uses.as_str(), message.to.as_str()) {
        ("", _) => String::new(),
        (uses, "") => format!(" by {}", text::line(uses)),
        (uses, to) => format!(" by {} to {}", text::line(uses), text::line(to)),
    };
    let head = format!(
        "{:>5}  {} {} of run {}{to}",
        message.id,
        message.state.as_str(),
        text::line(&message.topic),
        text::line(&message.run),
    );
    let mut lines = vec![head];
    let times = |count: u32| match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    let mut facts = Vec::new();
    if message.taken > 0 {
        facts.push(format!("taken {}", times(message.taken)));
    }
    if message.tries > 0 {
        facts.push(format!("failed {}", times(message.tries)));
    }
    if !message.reason.is_empty() {
        facts.push(text::line(&message.reason));
    }
    let next = message.next_at_ms.map(Timestamp).filter(|at| *at > now);
    if let Some(at) = next {
        facts.push(format!("again at {}", time::since(at, now)));
    }
    if !facts.is_empty() {
        lines.push(format!("       {}", facts.join("; ")));
    }
    lines
}

/// `2 messages are not delivered`, when some are not.
pub(crate) fn undelivered(messages: &[Unsent]) -> Option<String> {
    let kept = |message: &&Unsent| message.state == UnsentState::Undelivered;
    let (all, kept) = (
        messages.iter().filter(|it| it.is_undelivered()).count(),
        messages.iter().filter(kept).count(),
    );
    let counted = match all {
        0 => return None,
        1 => "1 message is not delivered".to_owned(),
        all => format!("{all} messages are not delivered"),
    };
    Some(match kept {
        0 => counted,
        kept => format!("{counted}, {kept} of them given up"),
    })
}
