//! What a plugin is refused is recorded and told, whether its attempt succeeds or not, and in
//! a look, too: by the built program, with the hostile plugin.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use windlass_tests::receiver::{Receiver, Reply};

use crate::desk::Desk;

const STRAY: &str = r#"windlass: 1
name: stray
inputs:
  endpoint: {type: string}
  how: {type: string}
plugins:
  bad: {source: ./hostile, grants: manifest, networks: [127.0.0.0/8]}
steps:
  change:
    uses: bad/change
    timeout: 30s
    with: {endpoint: "${{ inputs.endpoint }}", how: "${{ inputs.how }}"}
  ask:
    needs: change
    uses: bad/ask
    retry: {attempts: 1}
    with: {endpoint: "http://169.254.169.254", url: "http://169.254.169.254/open/a?b=c"}
"#;

fn run(desk: &Desk, target: &Receiver, how: &str) -> std::process::Command {
    std::fs::write(desk.path("stray.yaml"), STRAY).expect("a file can be written");
    let (endpoint, how) = (format!("endpoint={}", target.url("")), format!("how={how}"));
    desk.command(&[
        "run",
        "stray.yaml",
        "--no-wait",
        "--input",
        &endpoint,
        "--input",
        &how,
    ])
}

#[test]
fn every_refusal_is_recorded_with_the_grant_that_is_missing() {
    let Some(desk) = Desk::with("hostile") else {
        return;
    };
    let target = Receiver::start(|_, _| Reply::Answer(200, "", ""));
    let ran = run(&desk, &target, "stray").output().unwrap();
    let ran = String::from_utf8(ran.stdout).unwrap();
    let stray = format!(
        "GET {}: the action's manifest does not ask for it",
        target.url("/elsewhere")
    );
    let metadata = "GET http://169.254.169.254/open/a: 169.254.169.254 is 169.254.169.254";
    for words in [
        &format!("change was refused {stray}"),
        "change succeeded",
        &format!("ask was refused {metadata}"),
        "it is never reached",
        "ask failed",
    ] {
        assert!(ran.contains(words), "no {words:?} in\n{ran}");
    }
    assert_eq!(target.came().len(), 1, "the change alone was sent");
    let run = ran.split_whitespace().nth(1).unwrap();
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = plain(&desk.call(&["show", run]).text);
    assert!(shown.contains(&format!("refused {stray}")), "{shown}");
    assert!(shown.contains(&format!("refused {metadata}")), "{shown}");
    let why = plain(&desk.call(&["why", run]).text);
    assert!(
        why.contains(&format!("change was refused {stray}")),
        "{why}"
    );
    let why = desk.call(&["why", run, "--json"]).text;
    let why: serde_json::Value = serde_json::from_str(&why).unwrap();
    assert_eq!(why["refusals"][0]["refusal"]["by"], "grant", "{why}");
    assert_eq!(why["refusals"][1]["refusal"]["by"], "address", "{why}");
}

#[test]
fn a_look_is_refused_a_change_and_says_so() {
    let Some(desk) = Desk::with("hostile") else {
        return;
    };
    let target = Receiver::start(|_, _| Reply::Cut);
    let mut running = run(&desk, &target, "change_again");
    let mut running = running.stdout(Stdio::piped()).spawn().unwrap();
    // The doubt goes on after the look; the test does not.
    let out = BufReader::new(running.stdout.take().unwrap());
    let lines = out.lines().map_while(Result::ok);
    let refused = lines
        .skip_while(|line| !line.contains("in doubt"))
        .find(|line| line.contains("change was refused POST"));
    running.kill().unwrap();
    running.wait().unwrap();
    let refused = refused.expect("a refusal after the doubt");
    let why = "a reconcile only reads, and no grant calls it a read";
    assert!(refused.contains(why), "{refused}");
    assert_eq!(target.came().len(), 1, "the look's change was not sent");
}
