//! What a command prints: into outputs, evidence and the log, bounded and without secrets.

use std::time::{Duration, Instant};

use serde_json::json;
use windlass_core::outcome::Effected;
use windlass_core::value::Value;
use windlass_steps::{STDERR_TAIL_BYTES_MAX, STDOUT_BYTES_MAX};

use crate::support::{Attempt, is_alive, json as value, kill, shell};

const CANARY: &str = "canary-7f3a\"quoted";
const KEY: &str = "-----BEGIN KEY-----\nMIIcanary-line-two\n-----END KEY-----";

fn with_secrets(attempt: Attempt) -> Attempt {
    attempt
        .secret("token", CANARY)
        .secret("key", KEY)
        .secret("number", "73519842")
}

fn leaks(text: &str) -> bool {
    ["canary", "73519842"]
        .iter()
        .any(|secret| text.contains(secret))
}

#[tokio::test]
async fn a_secret_never_shows() {
    let env = json!({"TOKEN": "$secret:token", "KEY": "$secret:key", "NUMBER": "$secret:number"});
    let print =
        "echo \"a $TOKEN b\"; echo \"$KEY\"; echo \"$TOKEN$NUMBER\" >&2; printf %s \"$KEY\" >&2";
    let color = "printf 'canary-\\033[1m7f3a\"quoted\\n'";
    for (script, output) in [
        (print.to_owned(), "text"),
        (print.to_owned(), "lines"),
        (format!("{print}; exit 7"), "text"),
        (color.to_owned(), "text"),
        (
            r#"printf '{"%s":["canary-7f3a\\"quoted",%s]}' "$NUMBER" "$NUMBER""#.to_owned(),
            "json",
        ),
        // Half of it at the cut of the output, and in an endless line.
        (
            format!(
                "head -c {} /dev/zero | tr '\\0' x; echo \"$TOKEN\"",
                STDOUT_BYTES_MAX - 9
            ),
            "text",
        ),
        (
            "i=0; while [ $i -lt 4000 ]; do printf %s \"$TOKEN\"; i=$((i+1)); done".to_owned(),
            "text",
        ),
    ] {
        let with = json!({"script": script, "env": env, "output": output});
        let ended = with_secrets(shell(with)).change().run().await;
        // The bytes between an escape sequence's ends are only hidden where text is shown.
        let shown = if script == color {
            ended.log.clone()
        } else {
            ended.everything()
        };
        assert!(
            !leaks(&shown),
            "{script}: {}",
            &shown[..shown.len().min(2000)]
        );
    }
    let stdin = json!({"argv": ["cat"], "stdin": "$secret:key"});
    let ended = with_secrets(shell(stdin)).run().await;
    assert_eq!(*ended.output("stdout"), "[secret]".into());
    assert!(!leaks(&ended.everything()));
}

#[tokio::test]
async fn large_text_is_cut_and_flagged() {
    let with =
        json!({"script": format!("head -c {} /dev/zero | tr '\\0' x", STDOUT_BYTES_MAX + 1)});
    let ended = shell(with).change().run().await;
    assert_eq!(*ended.output("stdout_truncated"), Value::Bool(true));
    assert_eq!(
        ended.output("stdout").as_text().unwrap().len(),
        STDOUT_BYTES_MAX
    );
    let with = json!({"script": "yes | head -c 3000000"});
    shell(with).run().await.output("stdout");
}

#[tokio::test]
async fn outputs_that_cannot_be_had_leave_no_doubt() {
    for (script, output, code) in [
        ("yes | head -c 300000", "lines", "output_too_large"),
        // Small as text, large as a list.
        ("yes '' | head -c 100000", "lines", "output_too_large"),
        ("yes | head -c 300000", "json", "output_too_large"),
        ("echo '{'", "json", "output_not_json"),
        ("", "json", "output_not_json"),
        ("echo '{\"a\":1,\"a\":2}'", "json", "output_not_json"),
    ] {
        let script = format!(":; {script}");
        let ended = shell(json!({"script": script, "output": output}))
            .change()
            .run()
            .await;
        let failure = ended.failed(Effected::Settled, code);
        assert!(
            failure.message.contains("the command succeeded"),
            "{}",
            failure.message
        );
    }
}

#[tokio::test]
async fn json_keeps_large_integers_exact() {
    let script = r#"echo '{"big":18446744073709551616,"small":-3,"list":[1.5,null]}'"#;
    let ended = shell(json!({"script": script, "output": "json"}))
        .run()
        .await;
    assert_eq!(
        *ended.output("json"),
        value(r#"{"big":"18446744073709551616","small":-3,"list":[1.5,null]}"#)
    );
    assert_eq!(*ended.output("stdout"), Value::Null);
}

#[tokio::test]
async fn bytes_that_are_no_text_do_no_harm() {
    let script = r"printf 'a\000b\377c\r\n'; printf '\033[31mred\033[0m \033]0;title\007x\n' >&2";
    let ended = shell(json!({"script": script})).run().await;
    assert_eq!(*ended.output("stdout"), "a\u{fffd}b\u{fffd}c".into());
    assert_eq!(*ended.output("stderr_tail"), "red x".into());
    assert!(
        !ended.log.contains('\u{1b}') && !ended.log.contains('\0'),
        "{:?}",
        ended.log
    );
}

#[tokio::test]
async fn the_tail_of_standard_error_is_bounded() {
    let script = "seq 1 5000 >&2; exit 9";
    let ended = shell(json!({"script": script})).change().run().await;
    let failure = ended.failed(Effected::Unknown, "exit_status");
    assert_eq!(failure.message, "exit code 9: 5000");
    let evidence = failure.evidence.as_ref().unwrap();
    let tail = evidence.get("stderr_tail").unwrap().as_text().unwrap();
    assert!(tail.ends_with("4999\n5000") && tail.len() <= STDERR_TAIL_BYTES_MAX);
    assert!(tail.len() > STDERR_TAIL_BYTES_MAX / 2, "{}", tail.len());
    assert_eq!(*evidence.get("exit_code").unwrap(), Value::Int(9));
}

#[tokio::test]
async fn a_process_left_behind_neither_holds_the_step_nor_is_ended() {
    let started = Instant::now();
    let script = "(while :; do echo still; sleep 0.05; done) & echo $!";
    let ended = shell(json!({"script": script, "output": "lines"}))
        .change()
        .run()
        .await;
    assert!(started.elapsed() < Duration::from_secs(15));
    let Value::List(lines) = ended.output("stdout") else {
        panic!("no list")
    };
    let pid = lines
        .iter()
        .find_map(|line| line.as_text()?.parse::<i64>().ok())
        .unwrap();
    assert!(
        ended.log.contains("still holds its output open"),
        "{}",
        ended.log
    );
    // It goes on writing: a closed pipe would have ended it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(is_alive(pid));
    // Found again by its environment, whoever started it.
    let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let marker = b"WINDLASS_ATTEMPT=run-1/step/2";
    assert!(
        environ
            .split(|byte| *byte == 0)
            .any(|variable| variable == marker)
    );
    kill(pid);
}
