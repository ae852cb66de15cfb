//! What a command is given, and what refuses to start.

use serde_json::json;
use windlass_core::outcome::Effected;
use windlass_core::time::Timestamp;
use windlass_engine::SimClock;

use crate::support::{json as value, shell};

#[tokio::test]
async fn arguments_are_passed_as_they_are() {
    let ended = shell(json!({"argv": ["printf", "%s|", "$HOME; `id`", "a b", 5, true]}))
        .run()
        .await;
    assert_eq!(
        ended.outputs().to_string(),
        r#"{"exit_code":0,"json":null,"stderr_tail":"","stdout":"$HOME; `id`|a b|5|true|","stdout_truncated":false}"#
    );
}

#[tokio::test]
async fn a_command_gets_a_clean_environment_and_its_attempt() {
    let ended = shell(json!({
        "argv": ["env"], "env": {"GREETING": "hello", "COUNT": 3}, "output": "lines",
    }))
    .run()
    .await;
    let base = ["PATH", "HOME", "LANG", "TZ", "USER", "TMPDIR"];
    let mut given = Vec::new();
    let windlass_core::value::Value::List(lines) = ended.output("stdout") else {
        panic!("no list")
    };
    for line in lines {
        let (name, value) = line.as_text().unwrap().split_once('=').unwrap();
        if !base.contains(&name) {
            given.push(format!("{name}={value}"));
        }
    }
    given.sort();
    assert_eq!(
        given,
        [
            "COUNT=3",
            "GREETING=hello",
            "WINDLASS_ATTEMPT=run-1/step/2",
            "WINDLASS_ATTEMPT_NO=2",
            "WINDLASS_FENCE=17",
            "WINDLASS_IDEMPOTENCY_KEY=key-1",
            "WINDLASS_RUN=run-1",
            "WINDLASS_STEP=step",
        ]
    );
}

#[tokio::test]
async fn a_command_leads_a_session_of_its_own() {
    let ended =
        shell(json!({"script": "echo $$; cut -d' ' -f5,6 /proc/$$/stat", "output": "lines"}))
            .run()
            .await;
    let windlass_core::value::Value::List(lines) = ended.output("stdout") else {
        panic!("no list")
    };
    let pid = lines[0].as_text().unwrap();
    assert_eq!(lines[1].as_text().unwrap(), format!("{pid} {pid}"));
}

#[tokio::test]
async fn a_script_runs_to_its_end_even_when_a_command_reads_all_input() {
    let script = "cat\ncat <<EOT\nhere\nEOT\nname=after\necho \"$name\"";
    // `bash` reads its input byte by byte, so `cat` would get the rest of the script.
    for interpreter in [json!(null), json!(["bash", "-eu"])] {
        let with = json!({"script": script, "interpreter": interpreter});
        let ended = shell(with).run().await;
        assert_eq!(*ended.output("stdout"), "here\nafter".into());
    }
}

#[tokio::test]
async fn a_script_that_does_not_parse_runs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let touched = dir.path().join("touched");
    let ended = shell(json!({
        "script": "touch \"$TOUCHED\"\nif true; then\n", "env": {"TOUCHED": touched},
    }))
    .run()
    .await;
    ended.failed(Effected::None, "exit_status");
    assert!(!touched.exists());
}

#[tokio::test]
async fn a_script_stops_at_its_first_failure_and_at_an_unset_name() {
    for script in ["false\necho no", "echo \"$unset\"\necho no"] {
        let ended = shell(json!({"script": script})).run().await;
        ended.failed(Effected::None, "exit_status");
        assert!(!ended.log.contains("no\n"), "{}", ended.log);
    }
}

#[tokio::test]
async fn other_interpreters_and_standard_input() {
    let awk = json!({
        "interpreter": ["awk", "-f", "-"], "script": "BEGIN { print 6 * 7 }", "output": "json",
    });
    assert_eq!(*shell(awk).run().await.output("json"), value("42"));
    let cat = json!({"argv": ["cat"], "stdin": "line 1\nline 2\n", "output": "lines"});
    assert_eq!(
        *shell(cat).run().await.output("stdout"),
        value(r#"["line 1","line 2"]"#)
    );
    // A program that reads nothing of a large input still succeeds.
    let ignored = json!({"argv": ["true"], "stdin": "x".repeat(200_000)});
    shell(ignored).run().await.outputs();
}

#[tokio::test]
async fn what_cannot_start_has_no_effect() {
    let long = "x".repeat(200 * 1024);
    for (with, says) in [
        (
            json!({"argv": ["no-such-program-anywhere"]}),
            "was not found",
        ),
        (json!({"argv": ["/etc/passwd"]}), "was not found"),
        (
            json!({"argv": ["true"], "cwd": "/no/such/directory"}),
            "is no directory",
        ),
        (
            json!({"argv": ["true", long]}),
            "cannot start true: Argument list too long",
        ),
        (json!({"argv": ["true", "a\0b"]}), "NUL"),
        (json!({"argv": [""]}), "empty"),
        (json!({"argv": []}), "empty"),
        (json!({}), "give `argv` or `script`"),
        (json!({"argv": ["true"], "script": "true"}), "not both"),
        (
            json!({"script": "cat", "stdin": "x"}),
            "together with `script`",
        ),
        (
            json!({"argv": ["true"], "interpreter": ["sh"]}),
            "goes with `script`",
        ),
        (
            json!({"argv": ["true"], "output": "xml"}),
            "`text`, `lines` or `json`",
        ),
        (
            json!({"argv": ["true"], "shell": "bash"}),
            "`shell` is no parameter",
        ),
        (
            json!({"argv": ["true"], "env": {"WINDLASS_RUN": "x"}}),
            "WINDLASS_",
        ),
        (
            json!({"argv": ["true"], "env": {"A=B": "x"}}),
            "no variable's name",
        ),
        (
            json!({"argv": ["true"], "env": {"A": "$secret:unknown"}}),
            "was not given",
        ),
        (
            json!({"argv": ["true"], "ok_exit_codes": [0, 300]}),
            "no exit code",
        ),
    ] {
        let ended = shell(with.clone()).change().run().await;
        let failure = ended.failed(Effected::None, "not_sent");
        assert!(failure.message.contains(says), "{}", failure.message);
    }
    let late = shell(json!({"argv": ["true"]}))
        .change()
        .timeout_ms(0)
        .run()
        .await;
    late.failed(Effected::None, "not_sent");
}

#[tokio::test]
async fn a_command_is_not_started_after_its_send_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let clock = SimClock::at(Timestamp(1_000));
    let touch = || shell(json!({"argv": ["touch", "touched"], "cwd": dir.path()})).change();
    let ended = touch().send_by(&clock, Timestamp(1_000)).run().await;
    let failure = ended.failed(Effected::None, "not_sent");
    assert!(failure.message.contains("send deadline"), "{failure:?}");
    assert!(!dir.path().join("touched").exists());
    let in_time = touch().send_by(&clock, Timestamp(61_000)).run().await;
    in_time.outputs();
    assert!(dir.path().join("touched").exists());
}

#[tokio::test]
async fn a_secret_in_an_argument_is_refused() {
    for with in [
        json!({"argv": ["echo", "$secret:token"]}),
        json!({"script": "echo", "interpreter": ["sh", "$secret:token"]}),
        json!({"argv": ["true"], "cwd": "$secret:token"}),
    ] {
        let ended = shell(with)
            .change()
            .secret("token", "hunter2-canary")
            .run()
            .await;
        let failure = ended.failed(Effected::None, "not_sent");
        assert!(
            failure.message.contains("takes no secret"),
            "{}",
            failure.message
        );
    }
}

#[tokio::test]
async fn a_program_is_found_by_the_commands_own_path_and_directory() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("own-program");
    std::fs::write(&program, "#!/bin/sh\necho own\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).unwrap();
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    for with in [
        json!({"argv": ["own-program"], "env": {"PATH": path}}),
        json!({"argv": ["./own-program"], "cwd": dir.path()}),
        json!({"argv": [program]}),
    ] {
        assert_eq!(*shell(with).run().await.output("stdout"), "own".into());
    }
}
