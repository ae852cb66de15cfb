//! A run told in sentences, in every state that it can be in. Driven by the core's own
//! decisions, so that no state here is one that a run cannot be in.

use windlass_core::command::{Command, Orphan, Verdict};
use windlass_core::expr::{Expr, ExprBuilder, Kind, Span};
use windlass_core::id::{ActionName, NodeId, SecretName, StepId};
use windlass_core::operator::{Door, Identity, Operator};
use windlass_core::outcome::{Effected, Failure, Outcome};
use windlass_core::plan::{
    EffectClass, IndexedPlan, Part, Plan, Reconcile, Retry, Step, StepKind, Target, Template, Until,
};
use windlass_core::state::{RunState, StepPhase};
use windlass_core::time::{Millis, Timestamp};
use windlass_core::value::Value;
use windlass_core::{decide, evolve};
use windlass_engine::Lacks;
use windlass_server::telling::{Decision, Telling, Waits, decision, handover, why};
use windlass_server::view::{Overlay, view};
use windlass_server::wire::RunView;

use crate::house::{action, calling, change, gate, plan, read};

/// 2026-11-22 at midnight UTC.
const MIDNIGHT: i64 = 1_795_305_600_000;

/// One run, driven by hand.
struct Told {
    state: RunState,
    decisions: Vec<Decision>,
    now: Timestamp,
    lacks: Lacks,
    owned: bool,
}

impl Told {
    fn of(steps: Vec<Step>) -> Self {
        Self::of_plan(plan(steps))
    }

    fn of_plan(plan: Plan) -> Self {
        let mut told = Self {
            state: RunState::new("20261122-0000-aaaaaa".parse().unwrap()),
            decisions: Vec::new(),
            now: Timestamp(MIDNIGHT),
            lacks: Lacks::default(),
            owned: true,
        };
        told.ask(Command::Start {
            plan: IndexedPlan::new(plan).unwrap(),
            requester: ann(),
            owner: Identity::OsUser { uid: 1 },
            single_user: true,
            standing: None,
        });
        told
    }

    fn ask(&mut self, command: Command) -> &mut Self {
        for event in decide(&self.state, command, self.now).unwrap() {
            evolve(&mut self.state, &event, self.now).unwrap();
            if let Some(text) = decision(&event, &|node| self.state.spelled(node)) {
                let at_ms = self.now.0;
                self.decisions.push(Decision { at_ms, text });
            }
        }
        self
    }

    fn after(&mut self, mins: u64) -> &mut Self {
        self.now = self.now + Millis::from_mins(mins);
        self.ask(Command::Tick)
    }

    fn ends(&mut self, node: &str, effect: Option<Effected>) -> &mut Self {
        let node: NodeId = node.parse().unwrap();
        let look = self.state.step(&node.step).unwrap();
        let item = look.items.iter().find(|item| item.node == node).unwrap();
        let attempt = item.state.attempt;
        let outcome = match effect {
            None => Outcome::Succeeded {
                outputs: Value::Null,
                log: None,
            },
            Some(effect) => Outcome::Failed(Failure {
                effect,
                code: "fake".to_owned(),
                message: "as it was told.".to_owned(),
                evidence: None,
                log: None,
            }),
        };
        self.ask(Command::Ended {
            node,
            attempt,
            outcome,
        })
    }

    fn approve(&mut self, gate: &str) -> &mut Self {
        let gate: StepId = gate.parse().unwrap();
        self.ask(self.state.approval(gate, bob(), "seen".to_owned()))
    }

    fn unowned(&mut self) -> &mut Self {
        self.owned = false;
        self
    }

    fn view(&self) -> RunView {
        let overlay = Overlay {
            lacks: self.lacks.clone(),
            lock_holder: Some("20261122-0000-bbbbbb".parse().unwrap()),
            ..Overlay::default()
        };
        view(&self.state, &overlay)
    }

    fn telling<T>(&self, tell: impl FnOnce(&Telling<'_>) -> T) -> T {
        let at = |at: i64| {
            let shown = Timestamp(at).to_string();
            shown.split(['T', 'Z']).nth(1).unwrap()[..5].to_owned()
        };
        tell(&Telling {
            run: &self.view(),
            owned: self.owned,
            at: &at,
        })
    }

    /// The sentence, without what all of them begin with.
    fn why(&self) -> String {
        let why = self.telling(why);
        let sentence = why.sentence.replace("20261122-0000-aaaaaa", "R");
        let rest = sentence.strip_prefix("Run R (test) waits for ");
        let rest = rest.expect(&sentence).to_owned();
        assert!(rest.ends_with('.') && !rest.contains(". "), "{rest}");
        assert_eq!(why.stop.is_none(), self.state.is_ended());
        rest
    }
}

fn person(name: &str, uid: u32) -> Operator {
    Operator {
        name: name.to_owned(),
        identity: Identity::OsUser { uid },
        door: Door::Socket,
    }
}

/// The owner and requester.
fn ann() -> Operator {
    person("ann", 1)
}

fn bob() -> Operator {
    person("bob", 2)
}

fn reversible(id: &str, needs: &[&str]) -> Step {
    action(id, EffectClass::Reversible, needs)
}

fn wait(id: &str, needs: &[&str]) -> Step {
    let kind = StepKind::Wait {
        span: Template::Literal(Value::Int(3_600_000)),
    };
    Step {
        kind,
        ..read(id, needs)
    }
}

fn looked_into(step: Step) -> Step {
    calling(step, |call| {
        call.reconcile = Reconcile::Native {
            timeout: Millis::from_mins(1),
        };
    })
}

/// An expression that never holds.
fn never() -> Expr {
    let mut builder = ExprBuilder::new("false".to_owned()).unwrap();
    builder.push(Span::new(0, 5), Kind::Bool(false)).unwrap();
    builder.finish().unwrap()
}

/// Each state once: what it is called here, how it comes about, and what is said of it.
#[test]
fn every_state_has_its_sentence() {
    let pause = || Command::Pause {
        by: ann(),
        reason: "lunch.".to_owned(),
    };
    let cancel = |undo| Command::Cancel {
        by: ann(),
        reason: "enough".to_owned(),
        undo,
    };
    let table: Vec<(&str, Told, &str)> = vec![
        (
            "a read in flight, before a change behind a gate",
            Told::of(vec![
                read("look", &[]),
                gate("go", &["look"]),
                change("do", &["go"]),
            ]),
            "attempt 1 of look, in flight since 00:00 and given up after 00:10; nothing has been \
             changed yet, and the last safe time to stop is before gate go is approved, as the \
             irreversible change do follows.",
        ),
        (
            "a read in flight, before a change",
            Told::of(vec![read("look", &[]), change("do", &["look"])]),
            "attempt 1 of look, in flight since 00:00 and given up after 00:10; nothing has been \
             changed yet, and the last safe time to stop is before look ends, as the irreversible \
             change do follows.",
        ),
        (
            "a run that changes nothing",
            Told::of(vec![read("look", &[]), read("again", &["look"])]),
            "attempt 1 of look, in flight since 00:00 and given up after 00:10; every \
             step of it may be repeated, so it can be stopped at any time.",
        ),
        (
            "a gate",
            Told::of(vec![gate("go", &[]), reversible("do", &["go"])]),
            "an approval of gate go by anybody who may decide gates, as there is no second person \
             (`windlass approve R go`) until 00:30, when it expires and fails; nothing has been \
             changed yet, and the last safe time to stop is before gate go is approved, as the \
             reversible change do follows.",
        ),
        (
            "a gate beside a read in flight",
            Told::of(vec![read("look", &[]), gate("go", &[])]),
            "attempt 1 of look, in flight since 00:00 and given up after 00:10; and for an \
             approval of gate go by anybody who may decide gates, as there is no second person \
             (`windlass approve R go`) until 00:30, when it expires and fails; every step of it may be repeated, \
             so it can be stopped at any time.",
        ),
        (
            "a wait",
            Told::of(vec![wait("calm", &[]), change("do", &["calm"])]),
            "01:00, when the wait calm is over; nothing has been changed yet, and the last safe \
             time to stop is 01:00, when the irreversible change do may start.",
        ),
        (
            "a lock",
            Told::of_plan(Plan {
                target: Some(Target {
                    scheme: "db".to_owned(),
                    name: vec![Part::Text("main".to_owned())],
                }),
                ..plan(vec![change("do", &[])])
            }),
            "the lock of db:main, held by run 20261122-0000-bbbbbb, until that has ended; nothing \
             has been changed yet, and the last safe time to stop is before it gets the lock, as \
             the irreversible change do follows.",
        ),
        (
            "a change in flight",
            Told::of(vec![reversible("do", &[])]),
            "attempt 1 of do, in flight since 00:00 and looked into after 00:10; the reversible \
             change do is in flight, and a stop lets it come to its end by 00:10 first.",
        ),
        (
            "an irreversible change in flight",
            Told::of(vec![change("do", &[])]),
            "attempt 1 of do, in flight since 00:00 and looked into after 00:10; the irreversible \
             change do is in flight, so no time to stop is safe any more: a stop lets it come to \
             its end by 00:10.",
        ),
        (
            "a backoff",
            {
                let retried = calling(change("do", &[]), |call| {
                    call.retry = Retry {
                        attempts: 3,
                        backoff: Millis::from_mins(5),
                        backoff_max: Millis::from_mins(5),
                    };
                });
                let mut told = Told::of(vec![retried]);
                told.ends("do", Some(Effected::None));
                told.state_is("backoff")
            },
            "00:03, when attempt 2 of do starts; nothing has been changed yet, and the last safe \
             time to stop is 00:03, when the irreversible change do may start.",
        ),
        (
            "a read that looks again and again",
            {
                let mut polled = read("look", &[]);
                if let StepKind::Action { until, .. } = &mut polled.kind {
                    *until = Some(Until {
                        that: never(),
                        every: Millis::from_mins(2),
                        within: Millis::from_mins(30),
                    });
                }
                let mut told = Told::of(vec![polled, change("do", &["look"])]);
                told.ends("look", None);
                told.state_is("polling")
            },
            "00:02, when look looks again; nothing has been changed yet, and the last safe time \
             to stop is 00:02, when the irreversible change do may start.",
        ),
        (
            "an undo that failed",
            {
                let mut undone = reversible("a", &[]);
                if let StepKind::Action { undo, call, .. } = &mut undone.kind {
                    *undo = Some(call.clone());
                }
                let mut told = Told::of(vec![undone, gate("go", &["a"])]);
                told.ends("a", None).ask(cancel(true));
                told.ends("undo:a", Some(Effected::None));
                told
            },
            "the owner of the state directory to type `windlass retry R undo:a --reason '...'` \
             (or 2 other commands, see `windlass show R`), as undo:a failed, and the undoing \
             waits for it; it is being led to its end already, and a stop changes nothing of that.",
        ),
        (
            "a resolution that was contradicted",
            {
                let mut told = Told::of(vec![change("do", &[]), gate("go", &["do"])]);
                told.ends("do", Some(Effected::Unknown))
                    .ask(Command::Resolve {
                        node: "do".parse().unwrap(),
                        by: ann(),
                        reason: "seen".to_owned(),
                        verdict: Verdict::Happened {
                            outputs: Value::Null,
                        },
                    });
                told.ends("do", Some(Effected::None));
                told
            },
            "the owner of the state directory to type `windlass acknowledge R do --reason '...'`, \
             as a later outcome of do disagrees with how its doubt was resolved; and for an \
             approval of gate go by anybody who may decide gates, as there is no second person \
             (`windlass approve R go`) until 00:30, when it expires and fails; the point of no \
             return is passed: the irreversible change do took effect at 00:00, and no stop takes \
             it back.",
        ),
        (
            "a doubt that is looked into",
            {
                let mut told = Told::of(vec![looked_into(change("do", &[]))]);
                told.ends("do", Some(Effected::Unknown));
                told
            },
            "windlass to find out whether attempt 1 of do took effect, and asks a person after \
             00:25; the point of no return may be passed, as the irreversible change do is in \
             doubt since 00:00.",
        ),
        (
            "a doubt with a process that still lives",
            {
                let mut told = Told::of(vec![looked_into(reversible("do", &[]))]);
                told.ask(Command::Open {
                    orphans: vec![Orphan {
                        node: "do".parse().unwrap(),
                        attempt: 1,
                        pid: 77,
                    }],
                });
                told
            },
            "windlass to find out whether attempt 1 of do took effect, of which process 77 still \
             lives, and asks a person after 00:25; a stop waits until it is known whether the \
             reversible change do took effect, in doubt since 00:00.",
        ),
        (
            "a doubt that a person must settle",
            {
                let mut told = Told::of(vec![change("do", &[])]);
                told.ends("do", Some(Effected::Unknown));
                told
            },
            "the owner of the state directory to type `windlass resolve R do happened --reason \
             '...'` (or 2 other commands, see `windlass show R`), as nobody knows whether attempt \
             1 of do took effect: the step has no reconcile; the point of no return may be \
             passed, as the irreversible change do is in doubt since 00:00.",
        ),
        (
            "a failure after the point of no return",
            {
                let mut told = Told::of(vec![change("do", &[]), read("look", &["do"])]);
                told.ends("do", None)
                    .after(1)
                    .ends("look", Some(Effected::None));
                told
            },
            "the owner of the state directory to type `windlass retry R look --reason '...'` (or \
             2 other commands, see `windlass show R`), as look failed, and an irreversible step \
             has succeeded; the point of no return is passed: the irreversible change do took \
             effect at 00:00, and no stop takes it back.",
        ),
        (
            "a debt whose step failed",
            {
                let mut owing = reversible("do", &[]);
                owing.ensure = Some("pay".parse().unwrap());
                let mut told = Told::of(vec![owing, read("pay", &["do"])]);
                told.ends("do", None)
                    .after(1)
                    .ends("pay", Some(Effected::None));
                told
            },
            "the owner of the state directory to type `windlass retry R pay --reason '...'` (or 2 \
             other commands, see `windlass show R`), as pay is owed and failed; it is being led \
             to its end already, and a stop changes nothing of that, and it owes pay since 00:00, \
             which a stop does not cancel.",
        ),
        (
            "paused",
            {
                let mut told = Told::of(vec![read("look", &[]), change("do", &["look"])]);
                told.ask(pause()).ends("look", None);
                told
            },
            "the owner of the state directory to type `windlass resume R`, as the run was paused \
             by ann (uid 1): lunch; nothing has been changed yet, and the last safe time to stop \
             is before it goes on, as the irreversible change do may follow at once.",
        ),
        (
            "secrets",
            {
                let mut told = Told::of(vec![read("look", &[])]);
                told.lacks.secrets = ["token"]
                    .map(|name| name.parse::<SecretName>().unwrap())
                    .into();
                told
            },
            "the owner of the state directory to type `windlass resume R`, as this owner was not \
             given the secrets token; and for attempt 1 of look, in flight since 00:00 and given \
             up after 00:10; every step of it may be repeated, so it can be stopped at any time.",
        ),
        (
            "a plugin",
            {
                let mut told = Told::of(vec![gate("go", &[])]);
                let action = "rds/x".parse::<ActionName>().unwrap();
                told.lacks.actions = [(action, "gone".to_owned())].into();
                told
            },
            "the owner of the state directory, as this owner has no plugin for rds/x: start it \
             with one; and for an approval of gate go by anybody who may decide gates, as there \
             is no second person (`windlass approve R go`) until 00:30, when it expires and \
             fails; every step of it may be repeated, so it can be stopped at any time.",
        ),
        (
            "nobody drives it",
            {
                let mut told = Told::of(vec![read("look", &[]), change("do", &["look"])]);
                told.unowned();
                told
            },
            "somebody to drive it with `windlass resume R`, as nobody owns the state directory \
             now, and attempt 1 of look was in flight when the last owner left; nothing has been \
             changed yet, and the last safe time to stop is before it goes on, as the \
             irreversible change do may follow at once.",
        ),
        (
            "a gate, and nobody owns the directory",
            {
                let mut told = Told::of(vec![gate("go", &[])]);
                told.unowned();
                told
            },
            "an approval of gate go by anybody who may decide gates, as there is no second person \
             (`windlass approve R go`) until 00:30, when it expires and fails; every step of it may be repeated, \
             so it can be stopped at any time.",
        ),
        (
            "something reversible done, something irreversible to come",
            {
                let steps = vec![
                    reversible("a", &[]),
                    gate("go", &["a"]),
                    change("do", &["go"]),
                ];
                let mut told = Told::of(steps);
                told.ends("a", None);
                told
            },
            "an approval of gate go by anybody who may decide gates, as there is no second person \
             (`windlass approve R go`) until 00:30, when it expires and fails; a changed something \
             that a stop does not take back, and the last time to stop before the point of no \
             return is before gate go is approved, as the irreversible change do follows.",
        ),
        (
            "ending, with an undo in flight",
            {
                let mut undone = reversible("a", &[]);
                if let StepKind::Action { undo, call, .. } = &mut undone.kind {
                    *undo = Some(call.clone());
                }
                let mut told = Told::of(vec![undone, gate("go", &["a"])]);
                told.ends("a", None).ask(cancel(true));
                told
            },
            "attempt 1 of undo:a, in flight since 00:00 and looked into after 00:10; it is being \
             led to its end already, and a stop changes nothing of that.",
        ),
        (
            "succeeded",
            {
                let mut told = Told::of(vec![read("look", &[])]);
                told.ends("look", None);
                told
            },
            "nothing: it succeeded at 00:00 (every step succeeded).",
        ),
        (
            "failed",
            {
                let mut told = Told::of(vec![read("look", &[])]);
                told.ends("look", Some(Effected::None));
                told
            },
            "nothing: it failed at 00:00 (look: as it was told).",
        ),
        (
            "cancelled",
            {
                let mut told = Told::of(vec![gate("go", &[])]);
                told.after(3).ask(cancel(false));
                told
            },
            "nothing: it was cancelled at 00:03 (cancelled by ann (uid 1): enough).",
        ),
    ];
    let mut wrong = String::new();
    for (name, told, expected) in &table {
        let found = told.why();
        if found != *expected {
            wrong.push_str(&format!("{name}:\n  {found}\n  {expected}\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The core refuses a retry and an attestation then: they are not offered.
#[test]
fn a_run_whose_time_is_over_is_only_given_up() {
    let mut plan = plan(vec![change("do", &[]), read("look", &["do"])]);
    plan.timeout = Some(Millis::from_mins(5));
    let mut told = Told::of_plan(plan);
    told.ends("do", None).after(6);
    told.ends("look", Some(Effected::None));
    let view = told.view();
    assert_eq!(view.needs[0].code, "failed_after_irreversible");
    let abandon = format!("windlass abandon {} --reason '...'", view.run);
    assert_eq!(view.needs[0].next, [abandon]);
    let refused = decide(
        &told.state,
        Command::Retry {
            node: "look".parse().unwrap(),
            by: ann(),
            reason: "again".to_owned(),
            nothing_remains: false,
        },
        told.now,
    );
    assert!(refused.is_err());
}

#[test]
fn a_doubt_given_up_leaves_no_safe_time() {
    let mut told = Told::of(vec![change("do", &[]), change("b", &[])]);
    told.ends("do", Some(Effected::Unknown))
        .ask(Command::Resolve {
            node: "do".parse().unwrap(),
            by: ann(),
            reason: "the machine is gone".to_owned(),
            verdict: Verdict::GiveUp,
        });
    assert!(
        told.why().ends_with(
            "no time to stop is safe any more, as nobody will know whether the irreversible \
             change do took effect."
        ),
        "{}",
        told.why()
    );
}

#[test]
fn what_is_waited_for_is_told_to_machines_too() {
    let mut told = Told::of(vec![read("look", &[]), gate("go", &[]), gate("on", &[])]);
    let kinds = |told: &Told| -> Vec<Waits> {
        let why = told.telling(why);
        why.waits.iter().map(|wait| wait.kind).collect()
    };
    assert_eq!(kinds(&told), [Waits::Attempt, Waits::Gate, Waits::Gate]);
    told.approve("go");
    told.unowned();
    assert_eq!(kinds(&told), [Waits::Owner, Waits::Gate]);
    let why = told.telling(why);
    assert_eq!(why.waits[0].next, ["windlass resume 20261122-0000-aaaaaa"]);
    assert_eq!(why.waits[1].until_ms, Some(MIDNIGHT + 1_800_000));
}

#[test]
fn a_shift_is_handed_over_in_one_paragraph() {
    let steps = vec![
        read("look", &[]),
        gate("go", &["look"]),
        change("do", &["go"]),
        read("verify", &["do"]),
    ];
    let mut plan = plan(steps);
    plan.inputs = [("instance".to_owned(), Value::from("db-1"))].into();
    let mut told = Told::of_plan(plan);
    told.ends("look", None).after(5).approve("go").after(2);
    let text = told.telling(|telling| handover(telling, told.decisions.clone()).paragraph);
    assert_eq!(
        text.replace("20261122-0000-aaaaaa", "R"),
        "Run R of test (A test) was started by ann (uid 1) at 00:00 with instance = \"db-1\". Done \
         are 2 of 4 steps: look and go. It waits for attempt 1 of do, in flight since 00:05 and \
         looked into after 00:15. Still to come: verify. About stopping it: the irreversible \
         change do is in flight, so no time to stop is safe any more: a stop lets it come to its \
         end by 00:15. Decided: bob (uid 2) approved gate go (seen) at 00:05. `windlass show R` \
         shows it, `windlass watch R` follows it, and `windlass cancel R --reason '...'` stops it."
    );
    told.ends("do", None).ends("verify", Some(Effected::None));
    told.ask(Command::Abandon {
        by: ann(),
        reason: "we restore the backup".to_owned(),
    });
    let text = told.telling(|telling| handover(telling, told.decisions.clone()).paragraph);
    assert_eq!(
        text.replace("20261122-0000-aaaaaa", "R"),
        "Run R of test (A test) was started by ann (uid 1) at 00:00 with instance = \"db-1\". Done \
         are 3 of 4 steps: look, go and do. Failed: verify (as it was told). It failed at 00:07 \
         (verify: as it was told.; given up by ann (uid 1): we restore the backup). Decided: bob \
         (uid 2) approved gate go (seen) at 00:05; ann (uid 1) gave it up (we restore the backup) \
         at 00:07. `windlass show R` and `windlass logs R` tell the rest."
    );
}

impl Told {
    /// The state of its only item, for a table whose time is not fixed by the plan.
    fn state_is(self, state: &str) -> Self {
        let view = self.view();
        assert_eq!(view.steps[0].items[0].state, state);
        assert!(matches!(
            self.state.step(&view.steps[0].id).unwrap().state.phase,
            StepPhase::Begun
        ));
        self
    }
}
