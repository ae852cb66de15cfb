//! Approvals that the real `ssh-keygen` signs and verifies: here, elsewhere and by an agent,
//! with keys that are good, over, taken away and unknown, and from an export afterwards.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use windlass_tests::golden::Test;

const SIGNED: &str = "\
windlass: 1
name: signed
title: A change that two persons sign
steps:
  go:
    approval:
      expires: 30m
      signed: true
      all_of: [{group: leads}, {group: managers}]
      show: {lag: none}
  change:
    needs: go
    uses: shell
    effect: irreversible
    timeout: 1m
    with: {argv: [echo, changed]}
";

/// Whoever runs the tests is ann, who starts; bob leads and cyd manages, each by keys.
fn policy(bob: &[String], cyd: &[String]) -> String {
    let here = std::fs::metadata("/proc/self").expect("this is Linux");
    let uid = here.uid();
    let ways = |keys: &[String]| keys.join(", ");
    format!(
        "windlass_policy: 1\n\
         people:\n  ann: {{uid: {uid}}}\n  bob: {{ssh_keys: [{}]}}\n  cyd: {{ssh_keys: [{}]}}\n\
         groups:\n  leads: {{members: bob}}\n  managers: {{members: cyd}}\n\
         rules:\n  ann_runs: {{may: [start, direct, perform], people: ann}}\n  \
         board: {{may: approve, groups: [leads, managers]}}\n",
        ways(bob),
        ways(cyd)
    )
}

fn keygen(arguments: &[&str], folder: &Path) {
    let done = Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("ssh-keygen is there");
    assert!(done.status.success(), "{done:?}");
}

/// Makes a key; answers how a policy names it.
fn key(test: &mut Test, name: &'static str, more: &str) -> String {
    let words = ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name];
    keygen(&words, test.dir());
    let listed = Command::new("ssh-keygen")
        .args(["-l", "-f", name])
        .current_dir(test.dir())
        .output()
        .expect("ssh-keygen is there");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let print = listed
        .split(' ')
        .nth(1)
        .expect("its second word is the fingerprint");
    test.hide(print, "[KEY]");
    let public = test.dir().join(format!("{name}.pub"));
    let public = std::fs::read_to_string(public).expect("it was written");
    format!("{{key: \"{}\"{more}}}", public.trim())
}

/// Signs a file elsewhere; the signature is in `FILE.sig`.
fn sign(test: &Test, namespace: &str, key: &str, file: &str) {
    let _none = std::fs::remove_file(test.dir().join(format!("{file}.sig")));
    keygen(
        &["-q", "-Y", "sign", "-n", namespace, "-f", key, file],
        test.dir(),
    );
}

/// Prints what the gate's approvers sign into a file.
fn statement(test: &mut Test, file: &str) {
    let run = test.run_id();
    let said = test
        .command(&["approve", &run, "go", "--print-statement"])
        .output()
        .expect("it can be called");
    assert!(said.status.success(), "{said:?}");
    std::fs::write(test.dir().join(file), said.stdout).expect("it is ours");
}

#[test]
fn who_signed_approves_whoever_brings_it() {
    let mut test = Test::new("signed");
    let over = ", before: \"2020-01-01T00:00:00Z\"";
    let (bob, old) = (key(&mut test, "bob", ""), key(&mut test, "bob_old", over));
    let (cyd, new) = (key(&mut test, "cyd", ""), key(&mut test, "cyd_new", ""));
    key(&mut test, "eve", "");
    let known = [bob, old];
    test.file("signed.yaml", SIGNED);
    test.file("policy.yaml", &policy(&known, std::slice::from_ref(&cyd)));
    test.file("rotated.yaml", &policy(&known, &[new]));
    test.call(&["run", "signed.yaml", "--no-wait", "--policy", "policy.yaml"]);
    statement(&mut test, "first");
    sign(&test, "windlass", "bob", "first");
    test.call(&["run", "signed.yaml", "--no-wait"]);
    test.call(&[
        "approve",
        "RUN",
        "go",
        "--print-statement",
        "--note",
        "CHG-4711",
    ]);

    test.remark("Signed for another run.");
    test.call(&["approve", "RUN", "go", "--signature", "first.sig"]);
    let late = ["--signature", "first.sig", "--statement", "first"];
    test.call(&[&["approve", "RUN", "go"], &late[..]].concat());
    statement(&mut test, "go");
    for (who, namespace) in [
        ("bob_old", "windlass"),
        ("eve", "windlass"),
        ("bob", "file"),
    ] {
        test.remark(&format!("Signed by {who} for `{namespace}`."));
        sign(&test, namespace, who, "go");
        test.call(&["approve", "RUN", "go", "--signature", "go.sig"]);
    }
    test.remark("Signed by bob, who said nothing of it.");
    sign(&test, "windlass", "bob", "go");
    test.call(&[
        "approve",
        "RUN",
        "go",
        "--signature",
        "go.sig",
        "--note",
        "x",
    ]);
    test.call(&["approve", "RUN", "go", "--signature", "go.sig"]);
    test.call(&["approve", "RUN", "go", "--signature", "go.sig"]);
    test.remark("Another key takes the place of cyd's.");
    sign(&test, "windlass", "cyd", "go");
    test.call(&[
        "approve",
        "RUN",
        "go",
        "--signature",
        "go.sig",
        "--policy",
        "rotated.yaml",
    ]);
    test.call(&[
        "approve", "RUN", "go", "--sign", "cyd_new", "--note", "CHG-4711",
    ]);
    offline(&mut test);
    test.check();
}

/// Verifies from an export as `docs/gates.md` says.
fn offline(test: &mut Test) {
    let page = include_str!("../../docs/gates.md");
    let (_, program) = page
        .split_once("```python signed-approvals\n")
        .expect("the page has the program");
    let (program, _) = program.split_once("```").expect("the program ends");
    test.file("signed.py", program);
    test.call(&["export", "RUN", "-o", "run.jsonl"]);
    let output = Command::new("python3")
        .args(["signed.py", "run.jsonl", "found"])
        .current_dir(test.dir())
        .output()
        .expect("python3 starts");
    assert!(output.status.success(), "{output:?}");
    let commands = String::from_utf8(output.stdout).expect("it is text");
    let verified = |command: &str| {
        let said = Command::new("sh")
            .args(["-c", command])
            .current_dir(test.dir())
            .output()
            .expect("sh starts");
        said.status.success()
    };
    assert_eq!(commands.lines().count(), 2, "{commands}");
    for (command, person) in commands.lines().zip(["bob", "cyd"]) {
        assert!(command.contains(&format!("-I {person} ")), "{command}");
        assert!(verified(command), "{command}");
    }
    // What is not what was signed, and a moment at which the key was not good yet or any
    // more, are found.
    let text = test.dir().join("found/1.text");
    let kept = std::fs::read_to_string(&text).expect("it was written");
    std::fs::write(&text, kept.replace("attempt 1", "attempt 2")).expect("it is ours");
    let bob = commands.lines().next().expect("there are two");
    assert!(!verified(bob), "{kept}");
    std::fs::write(&text, kept).expect("it is ours");
    assert!(verified(bob));
    let signers = test.dir().join("found/1.signers");
    let keys = std::fs::read_to_string(&signers).expect("it was written");
    let over = keys.replace(
        "namespaces=",
        "valid-before=\"20200101000000Z\",namespaces=",
    );
    std::fs::write(&signers, over).expect("it is ours");
    assert!(!verified(bob));
}

#[test]
fn an_agent_signs_and_the_owner_verifies() {
    let mut test = Test::new("signed_by_agent");
    let (bob, cyd) = (key(&mut test, "bob", ""), key(&mut test, "cyd", ""));
    test.file("signed.yaml", SIGNED);
    test.file("policy.yaml", &policy(&[bob], &[cyd]));
    let socket = test.dir().join("agent").display().to_string();
    let mut agent = Command::new("ssh-agent")
        .args(["-D", "-a", &socket])
        .stdout(Stdio::null())
        .spawn()
        .expect("ssh-agent is there");
    let mut serve = test.begin(&["serve", "--policy", "policy.yaml"]);
    serve.wait_for("socket ");
    test.set("SSH_AUTH_SOCK", &socket);
    let added = |name: &str| {
        let output = Command::new("ssh-add")
            .arg(test.dir().join(name))
            .env("SSH_AUTH_SOCK", &socket)
            .output();
        output.expect("ssh-add is there").status.success()
    };
    // The agent makes its socket in its own time.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !added("bob") {
        assert!(std::time::Instant::now() < until, "the agent takes no key");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(added("cyd"));
    for name in ["bob", "cyd"] {
        std::fs::remove_file(test.dir().join(name)).expect("only the agent has it");
    }
    test.call(&["run", "signed.yaml", "--detach"]);
    test.call(&["approve", "RUN", "go"]);
    test.call(&["approve", "RUN", "go", "--sign", "bob.pub"]);
    test.call(&["approve", "RUN", "go", "--sign", "cyd.pub"]);
    test.call(&["watch", "RUN"]);
    // Which of its lines it comes to is a matter of time.
    serve.signal("TERM");
    serve.finish();
    agent.kill().expect("it is ours");
    agent.wait().expect("it is ours");
    test.check();
}
