//! What every plugin must hold, whatever it is for. Each check names what it is; what is
//! wrong is told in sentences.

use std::path::Path;

use crate::fixture::{Answer, Fixture, Phase};
use crate::plugin::Plugin;
use crate::stage::Stage;
use crate::state::Kind;
use crate::trial::{attempt, call, times};

/// How often a guest that was asked to stop may wait all the same.
const WAITS_AFTER_CANCEL_MAX: u32 = 8;

/// One check.
#[derive(Clone, Debug)]
pub struct Check {
    pub name: String,
    pub wrong: Vec<String>,
}

/// Checks a plugin; calls are made with the inputs of its fixtures.
pub async fn conformance(
    plugin: &Plugin,
    fixtures: &[(String, Fixture)],
    log: &Path,
) -> Vec<Check> {
    let mut checks = vec![describes_the_same(plugin).await];
    let mut asks = Vec::new();
    let mut looks = Vec::new();
    let mut stops = Vec::new();
    for (name, fixture) in fixtures {
        let named = |wrong: Vec<String>| wrong.into_iter().map(move |why| format!("{name}: {why}"));
        asks.extend(named(asks_for_what_is_granted(plugin, fixture, log).await));
        looks.extend(named(changes_nothing(plugin, fixture, log).await));
        stops.extend(named(stops_when_asked(plugin, fixture, log).await));
    }
    for (name, action) in &plugin.manifest().actions {
        let has_fixture = fixtures.iter().any(|(_, fixture)| fixture.action == *name);
        if action.reconciles && !has_fixture {
            looks.push(format!(
                "`{name}` reconciles and has no fixture whose inputs could be used"
            ));
        }
    }
    for (name, wrong) in [
        ("asks for nothing that is not granted", asks),
        ("a reconcile changes nothing", looks),
        ("stops when it is asked to", stops),
    ] {
        let name = name.to_owned();
        checks.push(Check { name, wrong });
    }
    checks
}

async fn describes_the_same(plugin: &Plugin) -> Check {
    let name = "says the same of itself each time".to_owned();
    let wrong = match (plugin.described().await, plugin.described().await) {
        (Ok(first), Ok(second)) if first == second => Vec::new(),
        (Ok(_), Ok(_)) => vec!["two calls of `describe` gave two manifests".to_owned()],
        (Err(stopped), _) | (_, Err(stopped)) => vec![stopped.to_string()],
    };
    Check { name, wrong }
}

async fn asks_for_what_is_granted(plugin: &Plugin, fixture: &Fixture, log: &Path) -> Vec<String> {
    let Ok(times) = times(fixture) else {
        return Vec::new();
    };
    let stage = Stage::playing(times, &fixture.call.seed, &fixture.exchanges);
    match call(plugin, fixture, log, stage.clone()).await {
        // A fixture may be of just that.
        Ok(_)
            if fixture
                .expect
                .failure
                .as_ref()
                .is_some_and(|end| end.code == "not_granted") =>
        {
            Vec::new()
        }
        Ok(_) => stage.refusals(),
        Err(why) => vec![why],
    }
}

/// However the targets answer, a reconcile asks for no change, keeps nothing, and ends.
async fn changes_nothing(plugin: &Plugin, fixture: &Fixture, log: &Path) -> Vec<String> {
    let action = plugin.manifest().actions.get(&fixture.action);
    let Some(times) = times(fixture)
        .ok()
        .filter(|_| action.is_some_and(|action| action.reconciles))
    else {
        return Vec::new();
    };
    let answer = |status: u16, text: &str| {
        Some(Answer {
            status,
            headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
            json: None,
            text: Some(text.to_owned()),
            base64: None,
        })
    };
    let phase = match fixture.phase {
        Phase::Run | Phase::Reconcile => Phase::Reconcile,
        Phase::Undo | Phase::ReconcileUndo => Phase::ReconcileUndo,
    };
    let mut wrong = Vec::new();
    for (how, answer) in [
        ("nobody answers", None),
        ("all is 200 with {}", answer(200, "{}")),
        ("all is 200 with []", answer(200, "[]")),
        ("all is 404", answer(404, "{}")),
        ("all is 500 with no JSON", answer(500, "<html>")),
    ] {
        for checkpoint in [
            None,
            fixture
                .checkpoint
                .clone()
                .or(fixture.expect.checkpoint.clone()),
        ] {
            let fixture = Fixture {
                phase,
                checkpoint,
                ..fixture.clone()
            };
            let stage = Stage::answering(times, &fixture.call.seed, answer.clone());
            let looking = attempt(plugin, &fixture, log, stage.clone(), Kind::Reconcile);
            let Ok(Ok(looking)) = looking else { continue };
            if let Err(stopped) = looking.look().await {
                wrong.push(format!("where {how}: {stopped}"));
            }
            let refusals = stage.refusals().into_iter();
            wrong.extend(refusals.map(|refusal| format!("where {how}: {refusal}")));
        }
    }
    wrong
}

/// Asked to stop where it waits first, it soon ends and sends no change.
async fn stops_when_asked(plugin: &Plugin, fixture: &Fixture, log: &Path) -> Vec<String> {
    let Ok(times) = times(fixture) else {
        return Vec::new();
    };
    let stage = Stage::playing(times, &fixture.call.seed, &fixture.exchanges).cancelling();
    if let Err(why) = call(plugin, fixture, log, stage.clone()).await {
        return vec![why];
    }
    let (_, waits, changes) = stage.after_cancel();
    let mut wrong = Vec::new();
    if waits > WAITS_AFTER_CANCEL_MAX {
        wrong.push(format!("asked to stop, it waited {waits} times more"));
    }
    if changes > 0 {
        wrong.push(format!(
            "asked to stop, it sent {changes} more requests that change something"
        ));
    }
    wrong
}
