//! Gates: without a terminal, from a second process, and by another user.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use windlass_tests::binary::windlass;
use windlass_tests::golden::Test;
use windlass_tests::other_user::OtherUser;
use windlass_tests::skip::skip;

use crate::endings::id_of;
use crate::runbooks::{GATED, HELLO, SECRET};

#[test]
fn a_gate_is_approved_by_a_second_process() {
    let mut test = Test::new("gate_from_second_process");
    test.file("gated.yaml", GATED);
    let mut run = test.begin(&["run", "gated.yaml"]);
    run.wait_for("windlass reject");
    let id = id_of(&run.printed());
    test.call(&["approve", &id, "look"]);
    test.call(&["approve", &id, "go", "--plan", &"0".repeat(12)]);
    test.call(&["approve", &id, "go", "--note", "CHG-4711"]);
    test.end(run);
    test.call(&["approve", "RUN", "go"]);
    test.check();
}

#[test]
fn a_gate_is_rejected_while_nobody_owns_the_directory() {
    let mut test = Test::new("gate_rejected");
    test.file("gated.yaml", GATED);
    test.call(&["run", "gated.yaml", "--no-wait"]);
    test.call(&["runs", "--state", "live"]);
    test.call(&["watch", "RUN"]);
    test.call(&["reject", "RUN", "go", "--reason", "not on a Friday"]);
    test.call(&["show", "RUN"]);
    test.check();
}

#[test]
fn a_gate_is_approved_while_nobody_owns_the_directory() {
    let mut test = Test::new("gate_without_owner");
    test.file("gated.yaml", GATED);
    test.call(&["run", "gated.yaml", "--no-wait"]);
    test.call(&["approve", "RUN", "go"]);
    test.check();
}

#[test]
fn a_secret_is_brought_anew_after_a_restart() {
    let mut test = Test::new("secrets");
    test.file("secret.yaml", SECRET);
    let token = test.file("token", "s3cr3t-value\n");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600))
        .expect("the owner sets the mode");
    test.call(&[
        "run",
        "secret.yaml",
        "--secret",
        "token=file:token",
        "--no-wait",
    ]);
    test.call(&["approve", "RUN", "go"]);
    test.call(&["resume", "RUN", "--secret", "token=file:token"]);
    let log = test.call(&["logs", "RUN", "use_it"]);
    assert!(!log.contains("s3cr3t"), "{log}");
    test.check();
}

/// Another user of the machine approves through the socket of a group.
#[test]
fn another_user_approves_through_the_groups_socket() {
    let Some(other) = OtherUser::nobody() else {
        skip("approving as another user needs root, setpriv and the user `nobody`");
        return;
    };
    let mut test = Test::new("another_user");
    test.file("gated.yaml", GATED);
    // The other user must be able to reach the directory and to start the program.
    std::fs::set_permissions(test.dir(), std::fs::Permissions::from_mode(0o755))
        .expect("the owner sets the mode");
    let program = test.dir().join("windlass");
    std::fs::copy(windlass(), &program).expect("the program can be copied");
    let state = test.state();
    let as_other = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command
            .args(other.words())
            .arg(&program)
            .arg("--state-dir")
            .arg(&state)
            .args(arguments)
            .env("LANG", "C.UTF-8")
            .current_dir("/");
        command.output().expect("setpriv can be started")
    };
    test.file("hello.yaml", HELLO);
    test.call(&["run", "hello.yaml"]);
    let nobody = as_other(&["runs"]);
    let deaf = as_other(&["approve", "20261122-0142-k3f9q2", "go"]);
    let mut serve = test.begin(&["serve", "--socket-group", &other.gid]);
    serve.wait_for("socket ");
    test.call(&["run", "gated.yaml", "--detach"]);
    let id = test.run_id();
    while !String::from_utf8_lossy(&as_other(&["show", &id]).stdout).contains("gate go is open") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let pause = as_other(&["pause", &id, "--reason", "I would like to"]);
    let approve = as_other(&["approve", &id, "go", "--note", "second person"]);
    let cancelled = as_other(&["cancel", "no-such-run", "--reason", "x"]);
    test.add(
        "$ (another user) windlass runs, before there is a socket",
        &nobody,
    );
    test.add(
        "$ (another user) windlass approve, before there is a socket",
        &deaf,
    );
    test.add("$ (another user) windlass pause RUN", &pause);
    test.add("$ (another user) windlass approve RUN go", &approve);
    test.add("$ (another user) windlass cancel no-such-run", &cancelled);
    test.call(&["watch", "RUN"]);
    serve.signal("TERM");
    test.end_without_times(serve);
    test.check();
}
