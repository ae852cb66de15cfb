//! Rehearsals: the same events as a real run has, what is said of a script that does not
//! fit, and what is said of a story that was expected otherwise.

mod judged;

use std::sync::Arc;

use windlass_core::event::{End, Event};
use windlass_core::expr::{Expr, ExprBuilder, Kind, Span};
use windlass_core::outcome::{Answer, Effected, Failure, Outcome};
use windlass_core::plan::{EffectClass, IndexedPlan, Input, Step, StepKind, Until};
use windlass_core::rehearsal::{
    Act, Cue, Decision, Ending, Expected, GateReply, GateScript, LookReply, Mock, Moment, Pattern,
    Reply, Rest, Said, Script, Series,
};
use windlass_core::state::RunStatus;
use windlass_core::time::Millis;
use windlass_core::value::Value;
use windlass_engine::rehearsal::{Coverage, Story, judge, rehearse};
use windlass_journal::MemoryStore;

use crate::world::*;

fn reply(ending: Ending) -> Reply {
    Reply {
        ending,
        takes: Millis(0),
        looks: None,
    }
}

fn ok() -> Reply {
    reply(Ending::Outcome(outputs(1)))
}

fn fails(effect: Effected) -> Reply {
    reply(Ending::Outcome(Outcome::Failed(Failure {
        effect,
        code: "fake".to_owned(),
        message: "as it was told".to_owned(),
        evidence: None,
        log: None,
    })))
}

fn looked(reply: Reply, answers: Vec<Answer>) -> Reply {
    let look = |answer| LookReply {
        said: Said::Answer(answer),
        takes: Millis(0),
    };
    let looks = Series::Each(answers.into_iter().map(look).collect());
    Reply {
        looks: Some(looks),
        ..reply
    }
}

fn happened() -> Answer {
    Answer::Happened {
        outputs: Value::Null,
    }
}

fn mock(of: &str, replies: Series<Reply>) -> Mock {
    Mock {
        of: of.parse().unwrap(),
        replies,
        own: true,
    }
}

fn approve(after: Millis) -> GateReply {
    GateReply::Decide {
        decision: Decision::Approve {
            note: String::new(),
        },
        by: "approver".to_owned(),
        after,
    }
}

fn gated(gate: &str, replies: Series<GateReply>) -> GateScript {
    GateScript {
        gate: id(gate),
        replies,
        own: true,
    }
}

fn after(kind: &'static str, act: Act) -> Cue {
    let (of, attempt) = (None, None);
    Cue {
        moment: Moment::After(Pattern { kind, of, attempt }),
        later: Millis(0),
        act,
        by: "requester".to_owned(),
        refused: None,
        line: 1,
    }
}

fn pause() -> Act {
    Act::Pause {
        reason: "lunch".to_owned(),
    }
}

fn script(mocks: Vec<Mock>) -> Script {
    Script {
        mocks,
        ..Script::default()
    }
}

/// `true` or `false`.
fn literal(value: bool) -> Expr {
    let text = value.to_string();
    let length = u32::try_from(text.len()).unwrap();
    let mut builder = ExprBuilder::new(text).unwrap();
    builder
        .push(Span::new(0, length), Kind::Bool(value))
        .unwrap();
    builder.finish().unwrap()
}

fn kinds_of(story: &Story) -> Vec<String> {
    let kind = |(event, _): &(Event, _)| event.kind().to_owned();
    story.events.iter().map(kind).collect()
}

fn faults(plan: &Arc<IndexedPlan>, script: &Script) -> Vec<String> {
    let story = rehearse(plan, script, &[]);
    assert!(story.state.audit().is_empty());
    story.faults.iter().map(ToString::to_string).collect()
}

/// A read, a change that ends in doubt and had happened, and a read that is tried twice.
#[test]
fn a_rehearsal_has_the_events_of_a_real_run() {
    let steps = || vec![read("a", &[]), change("b", &["a"]), change("c", &["b"])];
    let place = Place::new();
    let store = Arc::new(MemoryStore::new());
    place.world.doing("b", Doing::ActAndFail);
    place.world.doing("c", Doing::Refuse);
    let real = place.life(async {
        let engine = place.open(store.clone()).await;
        let run = engine.start(start(plan(steps()))).await.unwrap();
        let waits = |snapshot: &windlass_engine::Snapshot| {
            matches!(snapshot.state.status(), RunStatus::NeedsOperator { .. })
        };
        place.until(&engine, &run, waits).await;
        kinds(&*store, &run)
    });
    let story = rehearse(
        &plan(steps()),
        &script(vec![
            mock("a", Series::Always(ok())),
            mock(
                "b",
                Series::Each(vec![looked(fails(Effected::Unknown), vec![happened()])]),
            ),
            mock("c", Series::Always(fails(Effected::None))),
        ]),
        &[],
    );
    assert_eq!(story.faults, []);
    assert_eq!(story.rest(), Some(Rest::NeedsOperator));
    assert_eq!(kinds_of(&story), real);
}

#[test]
fn the_clock_jumps_and_a_gate_expires() {
    let steps = vec![
        wait("w", &[], 3_600_000),
        gate("g", &["w"], Some(Millis::from_mins(30))),
        change("c", &["g"]),
    ];
    let plan = plan(steps);
    let told = |replies| {
        let gates = vec![gated("g", replies)];
        let mocks = vec![Mock {
            own: false,
            ..mock("c", Series::Always(ok()))
        }];
        rehearse(
            &plan,
            &Script {
                mocks,
                gates,
                ..Script::default()
            },
            &[],
        )
    };
    let story = told(Series::Always(approve(Millis::from_mins(29))));
    assert_eq!(story.rest(), Some(Rest::Ended(End::Succeeded)));
    let (first, last) = (story.events[0].1, story.events.last().unwrap().1);
    assert_eq!(last.since(first), Millis::from_mins(89));
    let story = told(Series::Always(GateReply::Leave));
    assert_eq!(story.rest(), Some(Rest::Ended(End::Failed)));
    assert_eq!(story.faults, []);
    // At the very moment of its expiry a gate cannot be approved any more.
    let story = told(Series::Always(approve(Millis::from_mins(30))));
    let fault = story.faults[0].to_string();
    assert!(fault.contains("the gate g expired at"), "{fault}");
}

/// The lock is waited for until the other run has ended; a run that ends does not wait.
#[test]
fn another_run_holds_the_target() {
    let mut last = action("last", EffectClass::Idempotent, &[]);
    last.finally = true;
    let plan = plan_for("main", vec![change("c", &[]), last]);
    let told = |mocks, cues| {
        let target_held = Millis::from_mins(20);
        let script = Script {
            mocks,
            cues,
            target_held,
            ..Script::default()
        };
        rehearse(&plan, &script, &[])
    };
    let mocks = vec![
        mock("c", Series::Always(ok())),
        mock("last", Series::Always(ok())),
    ];
    let story = told(mocks, Vec::new());
    assert_eq!(story.faults, []);
    assert_eq!(story.rest(), Some(Rest::Ended(End::Succeeded)));
    let start = story.events[0].1;
    let of = |kind: &str| story.events.iter().find(|(event, _)| event.kind() == kind);
    let acquired = of("lock_acquired").unwrap().1;
    assert_eq!(acquired.since(start), Millis::from_mins(20));

    let cancel = Act::Cancel {
        reason: "enough".to_owned(),
        undo: false,
    };
    let story = told(Vec::new(), vec![after("lock_requested", cancel)]);
    assert_eq!(story.faults, []);
    assert_eq!(story.rest(), Some(Rest::Ended(End::Cancelled)));
    assert!(kinds_of(&story).contains(&"lock_forgone".to_owned()));
}

#[test]
fn an_engine_that_dies_takes_what_was_in_flight_with_it() {
    let plan = plan(vec![
        read("a", &[]),
        action("i", EffectClass::Idempotent, &[]),
        change("c", &["a", "i"]),
    ]);
    let crash = Ending::Crash {
        down: Millis::from_mins(1),
        process_lives: Millis::from_mins(5),
    };
    let slow = Reply {
        takes: Millis::from_mins(1),
        ..ok()
    };
    let mut dies = looked(reply(crash), vec![happened()]);
    dies.takes = Millis::from_secs(10);
    let a_dies = Reply {
        looks: None,
        ..dies.clone()
    };
    let told = script(vec![
        mock("a", Series::Each(vec![a_dies, ok()])),
        mock("i", Series::Each(vec![slow.clone(), slow])),
        mock("c", Series::Each(vec![dies])),
    ]);
    let story = rehearse(&plan, &told, &[]);
    assert_eq!(story.faults, []);
    assert_eq!(story.rest(), Some(Rest::Ended(End::Succeeded)));
    let kinds = kinds_of(&story);
    let count = |kind: &str| kinds.iter().filter(|found| *found == kind).count();
    // Both were interrupted by the first death, and nothing of `a` restarts while its
    // process lives; the change is handed over once.
    assert_eq!(count("attempt_started"), 5);
    assert_eq!(count("orphan_found"), 2);
    assert_eq!(count("orphan_ended"), 2);
    assert_eq!(count("doubt_opened"), 1);
    assert_eq!(
        kinds_of(&rehearse(&plan, &told, &[])),
        kinds,
        "told twice alike"
    );
}

#[test]
fn a_script_that_does_not_fit_says_where() {
    let one = plan(vec![change("c", &[])]);
    let gates = plan(vec![gate("g", &[], None)]);
    let unknown = || fails(Effected::Unknown);
    let busy = Answer::InProgress {
        note: String::new(),
    };
    let table: Vec<(&Arc<IndexedPlan>, Script, &str)> = vec![
        (
            &one,
            Script::default(),
            "attempt 1 of c (fake) has no answer: `mocks` says nothing about it",
        ),
        (
            &one,
            script(vec![mock("c", Series::Each(vec![fails(Effected::None)]))]),
            "attempt 2 of c (fake) has no answer: its mock states 1 answer",
        ),
        (
            &one,
            script(vec![mock("c", Series::Always(unknown()))]),
            "look 1 at what became of attempt 1 of c has no answer: give `looks` in the answer of that attempt",
        ),
        (
            &one,
            script(vec![mock(
                "c",
                Series::Each(vec![looked(unknown(), vec![busy])]),
            )]),
            "look 2 at what became of attempt 1 of c has no answer: give `looks` in the answer of that attempt (it has 1)",
        ),
        (
            &one,
            script(vec![mock("c", Series::Each(vec![ok(), ok()]))]),
            "the mock of c states 2 answers, 1 came",
        ),
        (
            &one,
            script(vec![
                mock("c", Series::Always(ok())),
                mock("undo:c", Series::Always(ok())),
            ]),
            "the mock of undo:c was never asked",
        ),
        (
            &one,
            script(vec![mock(
                "c",
                Series::Each(vec![looked(ok(), vec![happened()])]),
            )]),
            "the mock of c states 1 look for its attempt 1, 0 came",
        ),
        (
            &gates,
            Script::default(),
            "the gate g opened (opening 1) and `gates` has no answer: approve, reject or leave",
        ),
        (
            &one,
            Script {
                mocks: vec![mock("c", Series::Always(ok()))],
                gates: vec![gated("g", Series::Always(GateReply::Leave))],
                ..Script::default()
            },
            "`gates` answers g, which never opened",
        ),
        (
            &gates,
            Script {
                gates: vec![gated(
                    "g",
                    Series::Each(vec![approve(Millis(0)), GateReply::Leave]),
                )],
                ..Script::default()
            },
            "`gates` states 2 answers for g, it opened 1 times",
        ),
    ];
    for (plan, script, expected) in table {
        assert_eq!(faults(plan, &script), [expected]);
    }
}

#[test]
fn what_people_do_is_accepted_or_refused_as_it_was_said() {
    let plan = plan(vec![change("c", &[])]);
    let with = |cue: Cue| Script {
        mocks: vec![mock("c", Series::Always(ok()))],
        cues: vec![cue],
        ..Script::default()
    };
    let refused = |cue: Cue, code: &str| Cue {
        refused: Some(code.to_owned()),
        ..cue
    };
    let resume = || after("run_started", Act::Resume);
    let table = [
        (refused(resume(), "not_paused"), None),
        (
            resume(),
            Some("the resume by requester was refused: the run is not paused"),
        ),
        (
            refused(resume(), "bad_reason"),
            Some(
                "the resume by requester was refused with `not_paused` (the run is not paused), expected was `bad_reason`",
            ),
        ),
        (
            refused(after("run_started", pause()), "not_paused"),
            Some(
                "the pause by requester was expected to be refused with `not_paused`, and was accepted",
            ),
        ),
        (
            after("gate_opened", pause()),
            Some("the pause by requester never came to its turn: no event was `gate_opened`"),
        ),
        (
            Cue {
                moment: Moment::At(Millis::from_mins(1)),
                ..after("run_started", pause())
            },
            Some("the pause by requester never came to its turn: the run came to its end before"),
        ),
        (
            Cue {
                by: "somebody".to_owned(),
                ..refused(after("run_started", pause()), "not_authorised")
            },
            None,
        ),
    ];
    for (cue, expected) in table {
        let found = faults(&plan, &with(cue));
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
}

/// A read that polls for ever.
#[test]
fn a_rehearsal_has_an_end() {
    let mut step = read("r", &[]);
    if let StepKind::Action { until, .. } = &mut step.kind {
        *until = Some(Until {
            that: literal(false),
            every: Millis(1),
            within: Millis::from_mins(100_000),
        });
    }
    let plan = plan(vec![step]);
    let found = faults(&plan, &script(vec![mock("r", Series::Always(ok()))]));
    assert_eq!(
        found,
        ["the run does not come to rest within 100000 commands"]
    );
}

/// Random plans and scripts: whatever is told, the story is a history that the core accepts,
/// it is told twice alike, and it comes to rest or says why it does not.
#[test]
fn random_stories_are_true_and_repeat() {
    let mut rests = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let mut steps = Vec::new();
        let mut told = Script::default();
        for number in 0..=dice.roll(6) {
            let name = format!("s{number}");
            let before = format!("s{}", dice.roll(number.max(1)));
            let needs: &[&str] = if number > 0 { &[&before] } else { &[] };
            match dice.roll(6) {
                0 => {
                    steps.push(gate(&name, needs, Some(Millis::from_mins(30))));
                    let reply = match dice.roll(3) {
                        0 => GateReply::Leave,
                        _ => approve(Millis::from_mins(dice.roll(40))),
                    };
                    told.gates.push(gated(&name, Series::Always(reply)));
                    continue;
                }
                1 => steps.push(read(&name, needs)),
                2 => steps.push(action(&name, EffectClass::Idempotent, needs)),
                3 => {
                    steps.push(wait(&name, needs, 60_000));
                    continue;
                }
                _ => steps.push(change(&name, needs)),
            }
            let ending = match dice.roll(6) {
                0 => Ending::Never,
                1 => Ending::Crash {
                    down: Millis::from_mins(dice.roll(3)),
                    process_lives: Millis::from_mins(dice.roll(5)),
                },
                2 => fails(Effected::None).ending,
                3 => fails(Effected::Unknown).ending,
                _ => ok().ending,
            };
            let answer = match dice.roll(3) {
                0 => happened(),
                1 => Answer::NotHappened {
                    evidence: Value::Null,
                },
                _ => Answer::Unknown {
                    note: String::new(),
                },
            };
            let look = LookReply {
                said: Said::Answer(answer),
                takes: Millis::from_secs(dice.roll(20)),
            };
            let reply = Reply {
                ending,
                takes: Millis::from_mins(dice.roll(15)),
                looks: Some(Series::Always(look)),
            };
            told.mocks.push(Mock {
                own: false,
                ..mock(&name, Series::Always(reply))
            });
        }
        told.gates.iter_mut().for_each(|gate| gate.own = false);
        let plan = plan(steps);
        let story = rehearse(&plan, &told, &[]);
        assert!(story.state.audit().is_empty(), "seed {seed}");
        let again = rehearse(&plan, &told, &[]);
        assert_eq!(story.events, again.events, "seed {seed}");
        // Every gate expires, so that no run waits for ever.
        match story.rest() {
            _ if !story.faults.is_empty() => {}
            Some(rest) => drop(rests.insert(rest.as_str())),
            None => panic!("seed {seed} stands still"),
        }
    }
    assert_eq!(
        rests.into_iter().collect::<Vec<_>>(),
        ["failed", "needs_operator", "succeeded"]
    );
}
