//! One run in full: what `show` prints.

use windlass_core::time::Timestamp;
use windlass_server::wire::{Doubt, Item, Review, RunView, Step};

use super::{Paint, by_hand, commands, gate, need, told_by_need};
use crate::{text, time};

/// The widest column of step names; longer names push their line to the right.
const NAME_COLUMNS_MAX: usize = 28;

/// Everything that the run is, what it waits for first.
pub(crate) fn run_page(run: &RunView, now: Timestamp, paint: &Paint) -> Vec<String> {
    let mut lines = head(run, now, paint);
    lines.extend(owes(run, now).iter().map(|line| paint.alarm(line)));
    lines.push(String::new());
    let columns = run.steps.iter().map(|step| step.id.as_str().len()).max();
    let columns = columns.unwrap_or(0).min(NAME_COLUMNS_MAX);
    for step in &run.steps {
        lines.extend(step_lines(step, columns, now, paint));
    }
    for open in &run.gates {
        lines.push(String::new());
        lines.extend(gate(open, now, paint));
        lines.extend(commands(&open.next));
    }
    for asked in &run.by_hand {
        lines.push(String::new());
        lines.extend(by_hand(asked, now, paint));
        lines.extend(commands(&asked.next));
    }
    // A doubt that a person must settle stands among the needs; its looks are told here.
    let told = |doubt: &&Doubt| doubt.escalated.is_none() || doubt.looks > 0;
    for doubt in run.doubts.iter().filter(told) {
        lines.push(String::new());
        lines.extend(doubt_lines(&doubt.node.to_string(), doubt, now, paint));
    }
    if !run.reviews.is_empty() {
        lines.push(String::new());
        lines.push("reviews".to_owned());
        for review in &run.reviews {
            let line = review_line(review, now);
            lines.extend(paint.hanging("  ", "    ", &line));
            if review.closed.is_none() {
                let close = format!(
                    "windlass review close {} {} --code CODE --reason '...'",
                    run.run, review.number
                );
                lines.extend(commands(&[close]));
            }
        }
    }
    if !run.unsent.is_empty() {
        lines.push(String::new());
        lines.push("messages".to_owned());
        lines.extend(run.unsent.iter().flat_map(|it| super::unsent(it, now)));
    }
    for wanted in run.needs.iter().filter(|wanted| told_by_need(wanted)) {
        lines.push(String::new());
        lines.extend(need(wanted, paint));
    }
    lines
}

/// `2 overrun: change ran past its opening; team-a looks by 2026-11-25 01:42`.
pub(crate) fn review_line(review: &Review, now: Timestamp) -> String {
    let Review {
        number,
        cause,
        text,
        owner,
        ..
    } = review;
    let due = Timestamp(review.due_at_ms);
    let owner = match owner.as_str() {
        "" => "somebody",
        owner => owner,
    };
    match &review.closed {
        Some(closed) => format!(
            "{number} {cause}: {text}; closed as {} by {}: {}",
            closed.code.as_str(),
            closed.by,
            closed.reason
        ),
        None if due < now => {
            format!(
                "{number} {cause}: {text}; LATE: {owner} was to look by {}",
                time::full(due)
            )
        }
        None => format!(
            "{number} {cause}: {text}; {owner} looks by {}",
            time::full(due)
        ),
    }
}

fn head(run: &RunView, now: Timestamp, paint: &Paint) -> Vec<String> {
    let mut lines = vec![format!("run       {}", run.run)];
    let title = if run.title == run.name {
        run.name.clone()
    } else {
        format!("{}: {}", run.name, run.title)
    };
    lines.extend(paint.labelled("runbook", &title));
    let waits = if run.waits_for.is_empty() || run.needs.iter().any(told_by_need) {
        String::new()
    } else {
        format!(" for {}", text::line(&run.waits_for))
    };
    lines.push(format!(
        "state     {} {}{waits}",
        paint.glyph(&run.state),
        paint.word(&run.state)
    ));
    if let Some(reason) = &run.reason {
        lines.extend(paint.labelled("reason", reason));
    }
    if let Some(target) = &run.target {
        lines.extend(paint.labelled("target", &format!("{target}{}", lock(run, now))));
    }
    for deferred in &run.deferred {
        let until = deferred.until_ms.map(Timestamp);
        let until = until.map_or(String::new(), |at| format!(" until {}", time::full(at)));
        let why = text::line(&deferred.why);
        lines.extend(paint.labelled("deferred", &format!("{}{until}: {why}", deferred.step)));
    }
    if let Some(started) = run.started_at_ms.map(Timestamp) {
        let by = match &run.requester {
            Some(person) => format!(" by {}", text::line(&person.to_string())),
            None => String::new(),
        };
        lines.extend(paint.labelled("started", &format!("{}{by}", time::full(started))));
        let until = run.ended_at_ms.map_or(now, Timestamp);
        lines.push(format!("took      {}", time::age(started, until)));
    }
    if let Some(digest) = &run.plan_digest {
        lines.extend(paint.labelled("plan", &digest.to_string()));
    }
    for (name, value) in run.shown_inputs() {
        lines.extend(paint.labelled("input", &format!("{name} = {value}")));
    }
    lines
}

/// How the run stands to the lock of its target, behind the target's name.
fn lock(run: &RunView, now: Timestamp) -> String {
    let Some(lock) = &run.lock else {
        return String::new();
    };
    let since = lock.since_ms.map_or(String::new(), |at| {
        format!(" since {}", time::since(Timestamp(at), now))
    });
    let by = match &lock.held_by {
        Some(holder) => format!(", held by run {holder}"),
        None => String::new(),
    };
    match lock.state.as_str() {
        "held" => match &lock.instead_of {
            Some(holder) => format!(", locked{since} in the place of run {holder}"),
            None => format!(", locked{since}"),
        },
        "suspended" => format!(", stands aside with its lock{since}{by}"),
        "waiting" => format!(", waits for its lock{since}{by}"),
        _ => format!(", without its lock{by}"),
    }
}

/// `waits for the lock of db:main, held by run ID`, when the run does. Where no run holds
/// it, this one has it in a moment.
pub(crate) fn lock_awaited(run: &RunView) -> Option<String> {
    let lock = run.lock.as_ref().filter(|lock| lock.state == "waiting")?;
    let holder = lock.held_by.as_ref()?;
    // One that is held up itself does not stand in line.
    let is_in_line = matches!(run.state.as_str(), "running" | "waiting");
    let target = text::line(run.target.as_deref().unwrap_or_default());
    is_in_line.then(|| format!("waits for the lock of {target}, held by run {holder}"))
}

/// `OWES dr_establish since 01:12`, one line a debt: every view says it.
pub(crate) fn owes(run: &RunView, now: Timestamp) -> Vec<String> {
    let line = |debt: &windlass_server::wire::Debt| {
        format!(
            "OWES {} since {}",
            debt.step,
            time::since(Timestamp(debt.since_ms), now)
        )
    };
    run.debts.iter().map(line).collect()
}

/// `failed: REASON`, the last line of a run that was followed.
pub(crate) fn ending(run: &RunView, paint: &Paint) -> Vec<String> {
    let end = run.end.as_deref().unwrap_or(&run.state);
    let took = match (run.started_at_ms, run.ended_at_ms) {
        (Some(started), Some(ended)) => {
            format!(" in {}", time::age(Timestamp(started), Timestamp(ended)))
        }
        _ => String::new(),
    };
    let reason = match run.reason.as_deref() {
        // "all steps are done" says nothing that the word does not.
        Some(reason) if !reason.is_empty() => format!(": {reason}"),
        Some(_) | None => String::new(),
    };
    let head = format!("{} run {} {}", paint.glyph(end), run.run, paint.word(end));
    let plain = Paint {
        colours: false,
        ..*paint
    };
    let text = format!("run {} {end}{took}{reason}", run.run);
    let mut lines = plain.hanging("  ", "  ", &text);
    if let Some(first) = lines.first_mut() {
        let tail = first
            .trim_start()
            .strip_prefix(&format!("run {} {end}", run.run))
            .map(str::to_owned);
        match tail {
            Some(tail) => *first = format!("{head}{tail}"),
            // So narrow that the head itself was wrapped: without colours then.
            None => *first = format!("{} {}", plain.glyph(end), first.trim_start()),
        }
    }
    let wrote = |step: &Step| step.items.iter().any(|item| item.state == "failed");
    if end == "failed" && run.steps.iter().any(wrote) {
        lines.push(format!("    windlass logs {}", run.run));
    }
    lines
}

fn step_lines(step: &Step, columns: usize, now: Timestamp, paint: &Paint) -> Vec<String> {
    let state = state_of(step);
    let name = format!("{:<columns$}", step.id.as_str());
    let mut line = format!("{} {name}  {}", paint.glyph(state), paint.word(state));
    if let Some(started) = step.started_at_ms.map(Timestamp) {
        let until = step.ended_at_ms.map_or(now, Timestamp);
        line.push_str(&format!(" {}", time::age(started, until)));
    }
    if step.attempt > 1 {
        line.push_str(&format!(" (attempt {})", step.attempt));
    }
    let mut lines = vec![line];
    if let Some(message) = &step.message {
        lines.extend(paint.hanging("    ", "    ", message));
    }
    if step.items_left_out > 0 {
        lines.push(format!("    and {} more items", step.items_left_out));
    }
    for item in &step.items {
        let own = step.for_each || item.node.id.phase == windlass_core::id::Phase::Undo;
        if own {
            lines.push(item_line(&item.node.to_string(), item, paint));
        }
        let said = item
            .message
            .as_ref()
            .filter(|said| Some(*said) != step.message.as_ref());
        let indent = if own { "      " } else { "    " };
        if let Some(message) = said {
            let effect = match &item.effected {
                Some(effect) => format!(" ({effect})"),
                None => String::new(),
            };
            lines.extend(paint.hanging(indent, indent, &format!("{message}{effect}")));
        }
        for refusal in &item.refusals {
            let refused = format!("refused {refusal}");
            lines.extend(paint.hanging(indent, indent, &refused));
        }
        if let Some(pid) = item.orphan_pid {
            lines.push(format!("{indent}its process {pid} still lives"));
        }
        if let Some(last) = item.last_line.as_ref().filter(|last| !last.is_empty()) {
            let last = text::line(last);
            lines.push(format!(
                "{indent}{}",
                paint.cut(&last, paint.columns.saturating_sub(6))
            ));
        }
    }
    lines
}

/// A step with one item is what its item is, as long as that is not settled.
pub(super) fn state_of(step: &Step) -> &str {
    match step.items.as_slice() {
        [item] if step.state == "running" && item.state != "ready" => &item.state,
        _ => &step.state,
    }
}

fn item_line(node: &str, item: &Item, paint: &Paint) -> String {
    let attempt = if item.attempt > 1 {
        format!(" (attempt {})", item.attempt)
    } else {
        String::new()
    };
    let value = match &item.value {
        windlass_core::value::Value::Null => String::new(),
        value => format!("  {}", text::line(&value.to_string())),
    };
    let (glyph, word) = (paint.glyph(&item.state), paint.word(&item.state));
    let plain = format!("    . {node} {}{attempt}", item.state);
    let room = paint.columns.saturating_sub(text::width(&plain));
    format!(
        "    {glyph} {node} {word}{attempt}{}",
        paint.cut(&value, room)
    )
}

fn doubt_lines(node: &str, doubt: &Doubt, now: Timestamp, paint: &Paint) -> Vec<String> {
    let head = format!(
        "{} {node} (attempt {}) is in doubt since {}",
        paint.glyph("in_doubt"),
        doubt.attempt,
        time::since(Timestamp(doubt.since_ms), now)
    );
    let mut lines = vec![head];
    let looks = match doubt.looks {
        0 => "not looked into yet".to_owned(),
        1 => "looked into once".to_owned(),
        looks => format!("looked into {looks} times"),
    };
    let said = match &doubt.said {
        Some(said) => format!("{looks}; the last look said: {said}"),
        None => looks,
    };
    lines.extend(paint.hanging("    ", "    ", &said));
    if let Some(pid) = doubt.orphan_pid {
        lines.push(format!("    its process {pid} still lives"));
    }
    if doubt.escalated.is_none() {
        let until = time::since(Timestamp(doubt.observe_until_ms), now);
        lines.push(format!("    a person is asked after {until} UTC"));
    }
    lines
}
