//! What a plan says to its reviewers: order, stages, gates, what is touched and how long
//! it can take, and which part of it a preflight runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_core::catalog::{Catalog, Param, Touch};
use windlass_core::plan::{EffectClass, IndexedPlan};
use windlass_core::time::Millis;
use windlass_core::types::Type;
use windlass_runbook::outline::{Doing, Outline, Stage, StepOutline};
use windlass_runbook::preflight::{Preflight, Why};
use windlass_runbook::{Given, check};

/// The tests' catalog, in which `shell` and `postgres/query` say what they touch.
fn catalog() -> Catalog {
    let mut catalog: Catalog = serde_json::from_str(include_str!("catalog.json")).unwrap();
    for action in ["shell", "postgres/query"] {
        let action = catalog.actions.get_mut(&action.parse().unwrap()).unwrap();
        let params = action.params.values_mut();
        params.for_each(|param| param.required = false);
        action.outputs = None;
    }
    let mut touching = |action: &str, name: &str, touches| {
        let action = catalog.actions.get_mut(&action.parse().unwrap()).unwrap();
        let param = Param {
            summary: String::new(),
            ty: Type::Any,
            required: false,
            secret: false,
            literal: false,
            checks: false,
            declares: false,
            touches: Some(touches),
        };
        action.params.insert(name.to_owned(), param);
    };
    touching("shell", "argv", Touch::Program);
    touching("postgres/query", "host", Touch::Host);
    touching("postgres/query", "sql", Touch::Code);
    catalog
}

fn plan(text: &str) -> Arc<IndexedPlan> {
    let given = BTreeMap::from([("host".to_owned(), Given::Text("db-1".to_owned()))]);
    let given = if text.contains("inputs:") {
        given
    } else {
        BTreeMap::new()
    };
    let checked = check("book.yaml", text, Some(&given), &catalog());
    let plan = checked
        .plan
        .unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    IndexedPlan::new(plan).unwrap()
}

fn outline(text: &str) -> Outline {
    Outline::new(&plan(text), &catalog())
}

fn step<'a>(outline: &'a Outline, id: &str) -> &'a StepOutline {
    outline
        .steps
        .iter()
        .find(|step| step.id.as_str() == id)
        .unwrap()
}

fn names<T: ToString>(ids: &[T]) -> String {
    ids.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A plan with one of everything.
const UPGRADE: &str = r#"
windlass: 1
name: upgrade
on_failure: undo
inputs:
  host: {type: string}
  replicas: {type: list, default: [db-2, db-3, db-4]}
secrets: [pw]
steps:
  look: {uses: shell, effect: read, timeout: 10s, with: {argv: [uptime, "${{ inputs.host }}"]}}
  lag:
    uses: postgres/query
    needs: look
    timeout: 20s
    retry: {attempts: 3, backoff: 4s, max_backoff: 6s}
    with: {host: "${{ inputs.host }}", password: "${{ secrets.pw }}", sql: select 1}
  pause_first: {uses: wait, needs: look, with: {for: 1m}}
  after_pause: {uses: shell, effect: read, needs: pause_first, timeout: 10s, with: {argv: [uptime]}}
  backup:
    uses: shell
    effect: idempotent
    needs: lag
    timeout: 1h
    with: {argv: [dump, "${{ steps.lag.outputs.value }}"]}
  go: {needs: backup, approval: {expires: 30m, show: {lag: "${{ steps.lag.outputs.value }}"}}}
  drain:
    uses: shell
    effect: reversible
    needs: go
    for_each: inputs.replicas
    max_parallel: 2
    timeout: 1m
    observe: 5m
    with: {argv: [drain, "${{ item }}"]}
    undo: {uses: shell, timeout: 2m, with: {argv: [fill, "${{ item }}"]}}
  swap:
    uses: shell
    effect: irreversible
    needs: drain
    timeout: 10m
    observe: 5m
    ensure: heal
    with: {argv: [swap, "${{ inputs.host }}"]}
    reconcile:
      uses: shell
      timeout: 20s
      with: {argv: [look]}
      happened: stdout == 'new'
  heal: {uses: shell, effect: idempotent, needs: swap, timeout: 5m, with: {argv: [heal]}}
finally:
  say: {uses: shell, effect: read, timeout: 15s, with: {argv: [say]}}
"#;

#[test]
fn the_order_and_the_point_of_no_return() {
    let plan = outline(UPGRADE);
    let waves: Vec<String> = plan
        .waves
        .iter()
        .map(|wave| {
            let finally = if wave.finally { "finally " } else { "" };
            format!("{finally}{}: {}", wave.number, names(&wave.steps))
        })
        .collect();
    assert_eq!(
        waves,
        [
            "1: look",
            "2: lag pause_first",
            "3: after_pause backup",
            "4: go",
            "5: drain",
            "6: swap",
            "7: heal",
            "finally 1: say",
        ]
    );
    assert_eq!(
        plan.counts.words(),
        "10 steps: 4 read, 2 idempotent, 1 reversible, 1 irreversible, 1 gate, 1 wait"
    );
    assert_eq!(names(&plan.no_return.changes_begin), "backup");
    assert_eq!(names(&plan.no_return.at), "swap");
    assert_eq!(names(&plan.no_return.beyond), "heal");
    assert_eq!(names(&plan.no_return.ungated), "");
    for (id, stage) in [
        ("backup", Stage::Looking),
        ("go", Stage::Changing),
        ("swap", Stage::Changing),
        ("heal", Stage::NoReturn),
    ] {
        assert_eq!(step(&plan, id).stage, stage, "{id}");
    }
    let gate = &plan.gates[0];
    assert_eq!(names(&gate.protects), "drain swap heal");
    assert_eq!(gate.show, ["lag"]);
    assert_eq!(
        names(&[&plan.debts[0].change, &plan.debts[0].step]),
        "swap heal"
    );
    assert_eq!(names(&plan.undo.order), "drain");
    assert_eq!(names(&plan.undo.stay), "swap");
    assert_eq!(names(&plan.secrets[0].steps), "lag");
}

#[test]
fn an_irreversible_step_without_a_gate_is_told() {
    let plan = outline(
        "
windlass: 1
name: a
steps:
  one: {uses: shell, effect: irreversible, timeout: 1m, with: {argv: [a]}}
  two: {uses: shell, effect: irreversible, needs: one, timeout: 1m, with: {argv: [a]}}
  other: {uses: shell, effect: irreversible, timeout: 1m, with: {argv: [a]}}
",
    );
    assert_eq!(names(&plan.no_return.at), "one other");
    assert_eq!(names(&plan.no_return.ungated), "one two other");
}

#[test]
fn spans_are_bounded_by_attempts_doubts_items_and_gates() {
    let plan = outline(UPGRADE);
    let secs = |id: &str| step(&plan, id).longest.bounded_ms.0 / 1000;
    assert_eq!(secs("look"), 10);
    // Three attempts, and waits of 4 and of 6 instead of 8 seconds.
    assert_eq!(secs("lag"), 3 * 20 + 4 + 6);
    assert_eq!(secs("pause_first"), 60);
    // A doubt is looked into, and the last look may begin at the end of that.
    assert_eq!(secs("swap"), 10 * 60 + 5 * 60 + 20);
    // Three items, two at once; a doubt that nobody can look into is a person's.
    assert_eq!(secs("drain"), 2 * 60);
    // It may open again three times.
    assert_eq!(secs("go"), 4 * 30 * 60);
    assert_eq!(step(&plan, "go").longest.people_ms, Millis::from_mins(120));

    let duration = &plan.duration;
    assert_eq!(
        names(&duration.path),
        "look lag backup go drain swap heal say"
    );
    let total: u64 = [
        "look", "lag", "backup", "go", "drain", "swap", "heal", "say",
    ]
    .iter()
    .map(|id| secs(id))
    .sum();
    assert_eq!(duration.bounded_ms, Millis::from_secs(total));
    assert_eq!(duration.people_ms, Millis::from_mins(120));
    assert_eq!(duration.queue_ms, Millis(0));
    assert!(duration.unbounded.is_empty());
    assert_eq!(duration.timeout_ms, None);
    // Each undo in its turn, three items.
    assert_eq!(duration.undo_ms, Some(Millis::from_secs(3 * 120)));
}

#[test]
fn what_has_no_bound_says_why() {
    let plan = outline(
        "
windlass: 1
name: a
timeout: 2h
max_parallel: 2
steps:
  find: {uses: shell, effect: read, timeout: 1m, with: {argv: [find]}}
  each:
    uses: shell
    effect: read
    needs: find
    for_each: steps.find.outputs.stdout
    max_parallel: 3
    timeout: 1m
    with: {argv: [a, \"${{ item }}\"]}
  go: {needs: each, approval: {}}
  wait: {uses: wait, needs: go, with: {for: \"${{ steps.find.outputs.stdout }}\"}}
",
    );
    let told: Vec<String> = plan
        .duration
        .unbounded
        .iter()
        .map(|none| format!("{}: {}", none.step, none.why))
        .collect();
    assert_eq!(
        told,
        [
            "each: steps before it decide how many items it has; one takes up to 1m 00s, 3 at once",
            "go: a gate without `expires` waits for a person for ever",
            "wait: the run decides its span: ${{ steps.find.outputs.stdout }}",
        ]
    );
    assert_eq!(plan.duration.timeout_ms, Some(Millis::from_mins(120)));
    assert_eq!(plan.duration.after_timeout_ms, Some(Millis::from_mins(1)));
}

#[test]
fn more_work_than_places_waits_in_a_queue() {
    let mut text = "windlass: 1\nname: a\nmax_parallel: 2\nsteps:\n".to_owned();
    for at in 0..5 {
        text +=
            &format!("  s{at}: {{uses: shell, effect: read, timeout: 10s, with: {{argv: [a]}}}}\n");
    }
    let duration = outline(&text).duration;
    // Five times ten seconds on two places take 25 seconds at most besides the path itself.
    assert_eq!(duration.queue_ms, Millis::from_secs(25));
    assert_eq!(duration.bounded_ms, Millis::from_secs(35));
}

#[test]
fn touches_are_resolved_as_far_as_the_inputs_decide_them() {
    let plan = outline(UPGRADE);
    let told = |id: &str| -> Vec<String> {
        step(&plan, id)
            .touches
            .iter()
            .map(|touched| {
                let values = touched.values.join(" | ");
                let later = touched.later.as_deref().unwrap_or("-");
                format!("{:?} {:?}: {values} / {later}", touched.doing, touched.what)
            })
            .collect()
    };
    assert_eq!(told("look"), ["Do Program: uptime db-1 / -"]);
    assert_eq!(told("lag"), ["Do Host: db-1 / -", "Do Code: select 1 / -"]);
    assert_eq!(
        told("backup"),
        ["Do Program:  / dump ${{ steps.lag.outputs.value }}"]
    );
    assert_eq!(
        told("drain"),
        [
            "Do Program: drain db-2 | drain db-3 | drain db-4 / -",
            "Undo Program: fill db-2 | fill db-3 | fill db-4 / -",
        ]
    );
    let lag = step(&plan, "lag");
    assert_eq!(names(&lag.secrets), "pw");
    let secret_shown = serde_json::to_string(&plan).unwrap();
    assert!(!secret_shown.contains("password\":\""), "{secret_shown}");
    assert_eq!(lag.touches[0].what, Touch::Host);
    assert_eq!(lag.touches[0].doing, Doing::Do);
}

#[test]
fn a_value_that_cannot_be_is_told_before_the_run() {
    let plan = outline(
        "
windlass: 1
name: a
inputs: {host: {type: string}, list: {type: list, default: []}}
steps:
  look: {uses: shell, effect: read, timeout: 1m, with: {argv: [a, \"${{ inputs.list[3] }}\"]}}
",
    );
    let never = step(&plan, "look").touches[0].never.as_deref().unwrap();
    assert!(never.contains("outside a list of 0"), "{never}");
}

#[test]
fn a_preflight_is_the_reads_behind_reads() {
    let full = plan(UPGRADE);
    let preflight = Preflight::of(&full);
    let part = preflight.plan.unwrap();
    let ids: Vec<_> = part.steps.iter().map(|step| step.id.clone()).collect();
    assert_eq!(names(&ids), "look lag");
    assert_eq!(names(&part.secrets.iter().collect::<Vec<_>>()), "pw");
    assert_eq!(part.target, None);
    let behind = |id: &str| Why::Behind(id.parse().unwrap());
    let left_out: Vec<(String, Why)> = preflight
        .left_out
        .into_iter()
        .map(|left| (left.step.to_string(), left.why))
        .collect();
    let expected = [
        ("pause_first", Why::Wait),
        ("after_pause", behind("pause_first")),
        ("backup", Why::Effect(EffectClass::Idempotent)),
        ("go", Why::Gate),
        ("drain", Why::Effect(EffectClass::Reversible)),
        ("swap", Why::Effect(EffectClass::Irreversible)),
        ("heal", Why::Effect(EffectClass::Idempotent)),
        ("say", Why::Finally),
    ];
    let expected = expected.map(|(id, why)| (id.to_owned(), why));
    assert_eq!(left_out, expected);
    // What is left is a plan, and holds nothing but reads.
    IndexedPlan::new(part).unwrap();
}

#[test]
fn a_plan_without_looks_has_no_preflight() {
    let plan = plan(
        "
windlass: 1
name: a
steps:
  go: {approval: {expires: 1h}}
  look: {uses: shell, effect: read, needs: go, timeout: 1m, with: {argv: [a]}}
",
    );
    let preflight = Preflight::of(&plan);
    assert_eq!(preflight.plan, None);
    assert_eq!(
        preflight.left_out[1].why,
        Why::Behind("go".parse().unwrap())
    );
}
