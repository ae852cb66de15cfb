//! Explorations: what they find on plans that are small enough to count by hand, and that
//! merging equal states and leaving out orders loses no end that plain enumeration and runs
//! by themselves come to.

#[allow(dead_code, reason = "an exploration needs plans alone")]
#[path = "../../../windlass-core/tests/scenarios/notation/mod.rs"]
mod notation;

use std::collections::BTreeSet;

use notation::plan::{plan, try_plan};
use windlass_core::plan::{IndexedPlan, StepKind};
use windlass_engine::explore::{Effort, Explored, Promise, What, explore, wander};

/// Plans that are drawn; `PROPTEST_CASES` asks for more.
fn cases() -> u64 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(40)
}

/// A small generator (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

fn explored(line: &str, effort: Effort) -> Explored {
    explore(&plan(line), None, &[], effort).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn ends(line: &str) -> Vec<(String, String, usize)> {
    let effort = Effort {
        cancels: false,
        ..Effort::default()
    };
    let found = explored(line, effort);
    assert!(found.is_complete, "{line}");
    let ends = found.ends.into_iter();
    ends.map(|((end, reason), count)| (end, reason, count))
        .collect()
}

fn told(ends: &[(String, String, usize)]) -> Vec<String> {
    let line = |(end, reason, _): &(String, String, usize)| format!("{end}: {reason}");
    ends.iter().map(line).collect()
}

#[test]
fn a_read_succeeds_or_fails() {
    assert_eq!(
        told(&ends("look")),
        ["failed: look failed", "succeeded: every step succeeded"]
    );
}

#[test]
fn what_is_done_is_nothing_to_do() {
    let line = "look[done=`x == 5`] -> go? -> act!!";
    let ends = told(&ends(line));
    assert!(ends.contains(&"succeeded: nothing to do, says look".to_owned()));
}

/// The same question in two steps, and its contrary, have one answer.
#[test]
fn the_same_question_has_one_answer() {
    let both = "look -> a[when=`steps.look.outputs.x == 1`]; look -> b[when=`steps.look.outputs.x != 1`]; a, b -> c";
    let found = explored(both, Effort::default());
    let never = |view: &String| !(view.contains("a=skipped") && view.contains("b=skipped"));
    // `a` and `b` are looks, and told only when an invariant names them.
    assert!(found.end_views.iter().all(never));
    let line = "look -> go? -> a!![when=`steps.look.outputs.x == 1`]; go -> b!![when=`steps.look.outputs.x != 1`]";
    let found = explored(line, Effort::default());
    let skipped = |name: &str| {
        let mut views = found.end_views.iter();
        views.any(|view| view.contains(&format!("{name}=skipped")))
    };
    assert!(skipped("a") && skipped("b"));
    let is_bad = |view: &&String| {
        view.contains("a=skipped") && view.contains("b=skipped")
            || view.contains("a=succeeded") && view.contains("b=succeeded")
    };
    assert_eq!(found.end_views.iter().find(is_bad), None);
    // One thing does not equal two texts.
    let line = "look -> go? -> a!![when=`steps.look.outputs.x == 'p'`]; go -> b!![when=`steps.look.outputs.x == 'q'`]";
    let found = explored(line, Effort::default());
    let both = |view: &&String| view.contains("a=succeeded") && view.contains("b=succeeded");
    assert_eq!(found.end_views.iter().find(both), None);
}

#[test]
fn an_unapproved_change_is_found_by_the_shortest_way() {
    let found = explored("look -> act!!; go?", Effort::default());
    let broken = found
        .broken
        .iter()
        .find(|broken| broken.what == What::Promise(Promise::Unapproved));
    let story: Vec<&str> = broken
        .unwrap()
        .story
        .iter()
        .map(|line| &*line.text)
        .collect();
    assert_eq!(story.last(), Some(&"`act` starts"));
    assert!(story.contains(&"`look` succeeds"), "{story:?}");
    assert!(
        explored("look -> go? -> act!!", Effort::default())
            .broken
            .is_empty()
    );
}

/// A closed window is waited for, an opening is missed once, and a person may let begin what
/// waits; the approval for an opening that was missed is none for the next one.
#[test]
fn windows_are_closed_missed_and_overridden() {
    let line = "look -> go?[window_end] -> act!![window=off]";
    let found = explored(line, Effort::default());
    assert!(found.is_complete && found.broken.is_empty(), "{found:?}");
    let plain = explored("look -> go? -> act!!", Effort::default());
    assert!(found.states > plain.states, "{} states", found.states);
    let more: Vec<&String> = found.end_views.difference(&plain.end_views).collect();
    assert_eq!(more, ["cancelled go=approved act=pending"]);
    assert!(plain.end_views.is_subset(&found.end_views));
    let unapproved = explored("look -> act!![window=off]", Effort::default());
    let story = |found: &Explored| {
        let mut broken = found.broken.iter();
        let broken = broken.find(|broken| broken.what == What::Promise(Promise::Unapproved));
        let story = broken.map(|broken| broken.story.iter());
        let lines = story.into_iter().flatten().map(|line| line.text.clone());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(
        story(&unapproved).last().map(String::as_str),
        Some("`act` starts")
    );
}

#[test]
fn no_bound_is_passed_in_silence() {
    let effort = Effort {
        states: 5,
        ..Effort::default()
    };
    assert!(!explored("look -> go? -> act!!", effort).is_complete);
}

/// A plan of few steps with every construct.
fn small(dice: &mut Dice, most: usize) -> String {
    let mut statements = Vec::new();
    if dice.below(3) == 0 {
        statements.push("opts: undo".to_owned());
    }
    if dice.below(5) == 0 {
        statements.push("opts: parallel=1".to_owned());
    }
    if dice.below(4) == 0 {
        statements.push("opts: target=db:main".to_owned());
    }
    let count = 1 + dice.below(most);
    let mut owes = None;
    for index in 0..count {
        let suffix = dice.one_of(&["", "", "~", "!", "!!", "?", "%"]);
        let mut attributes = Vec::new();
        if suffix == "?" {
            let expires = ["", "expires=40", "window_end"];
            attributes.push(dice.one_of(&expires).to_owned());
        } else if suffix != "%" {
            attributes.push(
                dice.one_of(&["", "retry=3", "hand", "each=`steps.s0.outputs.l`"])
                    .to_owned(),
            );
            let is_by_hand = attributes[0] == "hand";
            if suffix.starts_with('!') {
                attributes.push(dice.one_of(&["", "rec", "recread"]).to_owned());
            }
            if index > 0 && attributes[0] != "each=`steps.s0.outputs.l`" {
                let when = [
                    "",
                    "",
                    "when=`steps.s0.outputs.x == 1`",
                    "when=`steps.s0.outputs.x != 1`",
                ];
                attributes.push(dice.one_of(&when).to_owned());
            }
            if suffix.starts_with('!') && dice.below(4) == 0 {
                attributes.push("window=off".to_owned());
            } else if suffix == "~" && dice.below(6) == 0 {
                attributes.push("prepares=off:60".to_owned());
            }
            if suffix.starts_with('!') && owes.is_none() && !is_by_hand && dice.below(2) == 0 {
                attributes.push("ensure=owed".to_owned());
                owes = Some(index);
            }
        }
        let mut needs = Vec::new();
        for other in 0..index {
            if dice.below(2) == 0 {
                needs.push(format!("s{other}"));
            }
        }
        // What reads the first step comes after it.
        let reads = attributes.iter().any(|text| text.contains("s0"));
        if reads && index > 0 && !needs.contains(&"s0".to_owned()) {
            needs.push("s0".to_owned());
        }
        let body = format!("s{index}{suffix}[{}]", attributes.join(" "));
        statements.push(match needs.is_empty() {
            true => body,
            false => format!("{} -> {body}", needs.join(", ")),
        });
    }
    if let Some(change) = owes {
        let suffix = dice.one_of(&["~", "!", ""]);
        statements.push(format!("s{change} -> owed{suffix}"));
    }
    if dice.below(3) == 0 {
        statements.push("finally: f0~".to_owned());
    }
    statements.join("; ")
}

/// What `check` demands of a gate that expires with an opening.
fn has_its_segments(plan: &IndexedPlan) -> bool {
    (0u32..)
        .zip(&plan.plan().steps)
        .all(|(index, step)| match &step.kind {
            StepKind::Gate(gate) if gate.window_end => plan.segments_behind(index).count() == 1,
            _ => true,
        })
}

fn drawn(dice: &mut Dice, most: usize) -> String {
    loop {
        let line = small(dice, most);
        let drawn = std::panic::catch_unwind(|| try_plan(&line));
        if let Ok(Ok(plan)) = drawn
            && has_its_segments(&plan)
        {
            return line;
        }
    }
}

const ALL: Effort = Effort {
    states: 2_500,
    cancels: true,
    merges: true,
    reduces: true,
};

fn missing<'a>(of: &'a BTreeSet<String>, within: &'a BTreeSet<String>) -> Vec<&'a String> {
    of.difference(within).collect()
}

/// Leaving orders out finds the same ends, needs and faults as every order.
#[test]
fn reducing_loses_no_end() {
    let mut compared = 0;
    for seed in 0..cases() * 3 {
        let line = drawn(&mut Dice(seed), 4);
        let every = explored(
            &line,
            Effort {
                reduces: false,
                ..ALL
            },
        );
        if !every.is_complete {
            continue;
        }
        compared += 1;
        let found = explored(&line, ALL);
        assert!(found.states <= every.states, "{seed}: {line}");
        assert_eq!(
            missing(&every.end_views, &found.end_views),
            Vec::<&String>::new(),
            "{seed}: {line}"
        );
        assert_eq!(
            missing(&found.end_views, &every.end_views),
            Vec::<&String>::new(),
            "{seed}: {line}"
        );
        let needs = |found: &Explored| found.needs.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(needs(&every), needs(&found), "{seed}: {line}");
        let broken = |found: &Explored| {
            found
                .broken
                .iter()
                .map(|broken| broken.what)
                .collect::<Vec<_>>()
        };
        assert_eq!(broken(&every), broken(&found), "{seed}: {line}");
        let reasons = |found: &Explored| found.ends.keys().cloned().collect::<Vec<_>>();
        assert_eq!(reasons(&every), reasons(&found), "{seed}: {line}");
    }
    assert!(compared > cases() / 2, "only {compared} were small enough");
}

/// What enumeration of runs finds without merging is found with it.
#[test]
fn merging_loses_no_end() {
    let mut ended = 0;
    for seed in 0..cases() * 2 {
        let line = drawn(&mut Dice(seed ^ 0x5eed), 3);
        let plain = explored(
            &line,
            Effort {
                merges: false,
                reduces: false,
                states: 1_500,
                ..ALL
            },
        );
        let found = explored(&line, ALL);
        if !found.is_complete {
            continue;
        }
        ended += plain.end_views.len();
        assert_eq!(
            missing(&plain.end_views, &found.end_views),
            Vec::<&String>::new(),
            "{seed}: {line}"
        );
    }
    assert!(ended as u64 > cases(), "only {ended} ends were compared");
}

/// Runs by themselves, each move by chance, end where the exploration says that runs end.
#[test]
fn no_run_by_itself_ends_elsewhere() {
    let mut ended = 0;
    for seed in 0..cases() {
        let mut dice = Dice(seed ^ 0xa11);
        let line = drawn(&mut dice, 5);
        let found = explored(&line, ALL);
        if !found.is_complete {
            continue;
        }
        let plan = plan(&line);
        for _ in 0..30 {
            let view = wander(&plan, 120, &mut |count| dice.below(count)).unwrap();
            if let Some(view) = view {
                ended += 1;
                assert!(found.end_views.contains(&view), "{seed}: {line}\n{view}");
            }
        }
    }
    assert!(ended > cases() * 10, "only {ended} runs came to an end");
}
