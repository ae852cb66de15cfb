//! What guests cannot do to the engine of the built program: keep it from other work by
//! spinning, or be another one by the time that their steps are undone.

use std::time::Duration;

use windlass_core::event::Event;
use windlass_tests::journal::{Story, Watch};
use windlass_tests::life::Life;
use windlass_tests::receiver::{Receiver, Reply};

use crate::desk::Desk;

/// Four steps that never give the processor back, on two or four cores; beside them steps of
/// another guest, a timer, a gate and a native step.
const SPINNING: &str = r#"windlass: 1
name: spinning
plugins:
  bad: {source: ./hostile, grants: manifest}
steps:
  spin_1: {uses: bad/misbehave, timeout: 10m, with: {how: loop}}
  spin_2: {uses: bad/misbehave, timeout: 10m, with: {how: loop}}
  spin_3: {uses: bad/misbehave, timeout: 10m, with: {how: loop}}
  spin_4: {uses: bad/misbehave, timeout: 10m, with: {how: loop}}
  guest: {uses: bad/misbehave, with: {how: nothing}}
  timer: {uses: wait, needs: guest, with: {for: 1s}}
  native: {uses: set, needs: timer, with: {done: true}}
  go: {needs: native, approval: {}}
  last: {uses: bad/misbehave, needs: go, with: {how: nothing}}
"#;

/// More than what it takes on any machine; the guests would spin for longer still.
const SPINNING_MAX: Duration = Duration::from_secs(300);

fn succeeded(story: &Story, step: &str) -> bool {
    story.events().any(
        |event| matches!(event, Event::AttemptSucceeded { node, .. } if node.to_string() == step),
    )
}

#[test]
fn four_spinning_guests_starve_no_step_no_timer_and_no_command() {
    let Some(desk) = Desk::with("hostile") else {
        return;
    };
    std::fs::write(desk.path("spinning.yaml"), SPINNING).unwrap();
    let watch = Watch::of(desk.path("state"));
    let (mut told, mut spun) = (0, None);
    let run = Life::begin(desk.command(&["run", "spinning.yaml"]));
    run.wait(SPINNING_MAX, |run| {
        let Some(story) = watch.look() else { return };
        if succeeded(&story, "last") && spun.is_none() {
            spun = Some(story.clone());
            run.kill();
        } else if story.open_gate().is_some() && told == 0 {
            told += 1;
            let (gate, run) = ("go", &story.run);
            // The owner answers it.
            desk.call(&["approve", run, gate]).with(0, &[]);
            desk.call(&["show", run]).with(0, &["spin_4"]);
        }
    });
    let story = spun.expect("all other steps came to their end");
    assert_eq!(told, 1, "{}", story.outline());
    for step in ["spin_1", "spin_2", "spin_3", "spin_4"] {
        let of_it = story.events().filter_map(|event| match event {
            Event::AttemptStarted { node, .. } => (node.to_string() == step).then_some("started"),
            Event::AttemptSucceeded { node, .. } | Event::AttemptFailed { node, .. } => {
                (node.to_string() == step).then_some("ended")
            }
            _ => None,
        });
        let of_it: Vec<_> = of_it.collect();
        assert_eq!(of_it, ["started"], "{step}\n{}", story.outline());
    }
}

const QUIET: &str = r#"windlass: 1
name: quiet
inputs:
  endpoint: {type: string}
plugins:
  am: {source: ./alertmanager, grants: manifest, networks: [127.0.0.0/8]}
steps:
  silence:
    uses: am/silence
    with:
      endpoint: ${{ inputs.endpoint }}
      matchers: ['service="db"']
      minutes: 5
      comment: work
  go: {needs: silence, approval: {}}
"#;

/// A silence as Alertmanager tells of it.
const SILENCE: &str = r#"{"id": "s-1", "comment": "work", "endsAt": "2030-01-01T00:00:00Z",
 "status": {"state": "active"}}"#;

#[test]
fn what_a_plugin_may_send_stands_on_the_plan_with_method_and_path() {
    let Some(desk) = Desk::with("alertmanager") else {
        return;
    };
    std::fs::write(desk.path("quiet.yaml"), QUIET).unwrap();
    let plan = |words: &[&str]| {
        let given = [
            "plan",
            "quiet.yaml",
            "--input",
            "endpoint=http://127.0.0.1:9",
        ];
        let said = desk.call(&[&given[..], words].concat()).with(0, &[]);
        // The page is as wide as a terminal.
        said.text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    for (words, between) in [(&[][..], "; "), (&["--format", "json"][..], "\", \"")] {
        let said = plan(words);
        let sends = [
            "sends POST {endpoint}/api/v2/silences",
            "sends DELETE {endpoint}/api/v2/silence/*",
            "reads by GET {endpoint}/api/v2/silences",
            "reads by GET {endpoint}/api/v2/silence/*",
        ];
        let sends = sends.join(between);
        assert!(said.contains(&sends), "no {sends} in {said}");
    }
    // What is narrower is what is granted, and nothing else.
    let narrow = QUIET.replace(
        "grants: manifest",
        r#"grants: [{methods: [POST], url: "{endpoint}/api/v2/silences"}]"#,
    );
    std::fs::write(desk.path("quiet.yaml"), narrow).unwrap();
    let said = plan(&[]);
    assert!(
        said.contains("sends POST {endpoint}/api/v2/silences"),
        "{said}"
    );
    assert!(!said.contains("DELETE"), "{said}");
}

#[test]
fn a_step_is_undone_by_the_bytes_that_its_run_pinned() {
    let Some(desk) = Desk::with("alertmanager") else {
        return;
    };
    std::fs::write(desk.path("quiet.yaml"), QUIET).unwrap();
    let target = Receiver::start(|_, request| match request.method.as_str() {
        "POST" => Reply::Answer(200, "", r#"{"silenceID": "s-1"}"#),
        "GET" => Reply::Answer(200, "", SILENCE),
        _ => Reply::Answer(200, "", ""),
    });
    let endpoint = format!("endpoint={}", target.url(""));
    let started = desk
        .call(&["run", "quiet.yaml", "--input", &endpoint, "--no-wait"])
        .with(5, &["silence succeeded"]);
    let run = started.text.split_whitespace().nth(1).unwrap().to_owned();
    let taken_back = || {
        let came = target.came();
        let taken = came.iter().filter(|request| request.method == "DELETE");
        taken
            .map(|request| request.path.clone())
            .collect::<Vec<_>>()
    };
    // What is built meanwhile knows neither the action nor how it is undone.
    let built = desk.path("alertmanager/build/plugin.wasm");
    std::fs::write(&built, b"rebuilt").unwrap();
    // Without the pinned bytes nothing undoes it.
    let kept = desk.kept();
    let bytes = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, b"another").unwrap();
    desk.call(&["cancel", &run, "--undo", "--reason", "not today"]);
    desk.call(&["resume", &run, "--no-wait"])
        .with(5, &["am/silence cannot begin without its plugin"]);
    assert_eq!(taken_back(), Vec::<String>::new());
    std::fs::write(&kept, bytes).unwrap();
    desk.call(&["resume", &run, "--no-wait"])
        .with(4, &["undo:silence succeeded"]);
    assert_eq!(taken_back(), ["/api/v2/silence/s-1"]);
}
