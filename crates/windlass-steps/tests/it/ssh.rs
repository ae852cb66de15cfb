//! `ssh` against a real server: what goes there, what comes back, and who is let in.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value as Json, json};
use windlass_core::outcome::Effected;
use windlass_core::plan::EffectClass;
use windlass_core::value::Value;
use windlass_steps::STDOUT_BYTES_MAX;

use crate::sshd::Sshd;
use crate::support::{Attempt, json};

/// An `ssh` read with a minute of time: how to log in, and what to run.
pub(crate) fn ssh(mut login: Json, what: Json) -> Attempt {
    let Json::Object(what) = what else {
        panic!("a map")
    };
    login.as_object_mut().unwrap().extend(what);
    Attempt {
        uses: "ssh",
        effect: EffectClass::Read,
        ..crate::support::shell(login)
    }
}

#[tokio::test]
async fn a_command_runs_there_and_answers() {
    let sshd = Sshd::start();
    let script = "echo \"$GREETING $WINDLASS_ATTEMPT $WINDLASS_IDEMPOTENCY_KEY\"
        pwd; echo warned >&2; echo no end | tr -d '\\n'; exit 3";
    let what = json!({
        "script": script, "env": {"GREETING": "it's\n\"me\""}, "cwd": "/usr", "ok_exit_codes": [3],
    });
    for change in [false, true] {
        let attempt = ssh(sshd.login(), what.clone());
        let attempt = if change { attempt.change() } else { attempt };
        let ended = attempt.run().await;
        let stdout = "it's\n\"me\" run-1/step/2 key-1\n/usr\nno end";
        assert_eq!(*ended.output("stdout"), stdout.into());
        assert_eq!(*ended.output("stderr_tail"), "warned".into());
        assert_eq!(*ended.output("exit_code"), 3.into());
    }
    let what = json!({"argv": ["cat"], "stdin": "{\"a\": [1]}", "output": "json"});
    let ended = ssh(sshd.login(), what).run().await;
    assert_eq!(*ended.output("json"), json("{\"a\":[1]}"));
    let what = json!({"argv": ["printf", "%s\\n", "a", "b"], "output": "lines"});
    let ended = ssh(sshd.login(), what).run().await;
    assert_eq!(*ended.output("stdout"), json(r#"["a","b"]"#));
}

/// Texts of all characters up to some, and of those that shells mind.
fn texts(count: usize) -> Vec<String> {
    const MINDED: &str =
        "'\"\\`$!#&|;<>(){}[]*?~^%=@-+,: \t\n\r\u{1}\u{7f}\u{81}\u{88}äß€😀\u{fffd}";
    let minded: Vec<char> = MINDED.chars().collect();
    // A small generator, so that a failure repeats.
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let mut texts: Vec<String> = vec![
        String::new(),
        "-n".to_owned(),
        "\n\n".to_owned(),
        "'".repeat(40),
        ('\u{1}'..='\u{7ff}').collect(),
    ];
    while texts.len() < count {
        let length = next(30);
        let mut text = String::new();
        for _ in 0..length {
            let any = char::from_u32(u32::try_from(1 + next(0x2000)).unwrap());
            text.push(if next(2) == 0 {
                minded[next(minded.len())]
            } else {
                any.unwrap()
            });
        }
        texts.push(text);
    }
    texts
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn words_variables_and_input_arrive_byte_by_byte() {
    let sshd = Sshd::start();
    let hex_of_words = "h() { od -An -v -tx1 | tr -d ' \\n'; echo; }
        for word; do printf %s \"$word\" | h; done; printf %s \"$V\" | h; h";
    let texts = texts(400);
    for some in texts.chunks(100) {
        let mut argv = vec![
            "sh".to_owned(),
            "-c".to_owned(),
            hex_of_words.to_owned(),
            "sh".to_owned(),
        ];
        argv.extend_from_slice(some);
        let all = some.concat();
        let what = json!({"argv": argv, "env": {"V": all}, "stdin": all, "output": "lines"});
        let ended = ssh(sshd.login(), what).run().await;
        let Value::List(lines) = ended.output("stdout") else {
            panic!("lines")
        };
        assert_eq!(lines.len(), some.len() + 2);
        for (text, line) in some.iter().chain([&all, &all]).zip(lines) {
            assert_eq!(line.as_text().unwrap(), hex(text), "{text:?}");
        }
    }
    println!("{} words round trip", texts.len());
}

#[tokio::test]
async fn who_is_not_let_in_has_sent_nothing() {
    let sshd = Sshd::start();
    let made = sshd.path("made");
    let attempt = async |key: &str, value: Json| {
        let mut login = sshd.login();
        login[key] = value;
        let touch = json!({"argv": ["touch", made]});
        let ended = ssh(login, touch).change().run().await;
        let message = ended.failed(Effected::None, "not_sent").message.clone();
        assert!(!made.exists(), "{message}");
        message
    };
    sshd.know("other_hosts", "stranger");
    let other = json!(sshd.path("other_hosts"));
    let message = attempt("known_hosts", other).await;
    assert!(
        message.ends_with("Host key verification failed."),
        "{message}"
    );
    // A host that nobody knows is not made known.
    fs::write(sshd.path("no_hosts"), "").unwrap();
    fs::set_permissions(sshd.path("no_hosts"), fs::Permissions::from_mode(0o644)).unwrap();
    let message = attempt("known_hosts", json!(sshd.path("no_hosts"))).await;
    assert!(
        message.ends_with("Host key verification failed."),
        "{message}"
    );
    assert_eq!(fs::read(sshd.path("no_hosts")).unwrap(), b"");
    let message = attempt("identity_file", json!(sshd.path("stranger"))).await;
    assert!(
        message.contains("Permission denied (publickey)"),
        "{message}"
    );
    // A port that nobody listens on: bound, and let go.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let message = attempt("port", json!(port)).await;
    assert!(message.ends_with("Connection refused"), "{message}");
    fs::set_permissions(sshd.path("user"), fs::Permissions::from_mode(0o644)).unwrap();
    let message = attempt("identity_file", json!(sshd.path("user"))).await;
    assert!(message.ends_with("others can use it"), "{message}");
}

#[tokio::test]
async fn what_cannot_be_begun_there_was_refused() {
    let sshd = Sshd::start();
    let refused = async |what: Json| {
        let ended = ssh(sshd.login(), what).change().run().await;
        ended.failed(Effected::None, "refused").message.clone()
    };
    let message = refused(json!({"argv": ["no-such-program"]})).await;
    assert_eq!(
        message,
        "the program \"no-such-program\" was not found there"
    );
    let message = refused(json!({"argv": ["true"], "cwd": "/no/such/dir"})).await;
    assert_eq!(message, "`cwd` /no/such/dir cannot be entered there");
    for (what, word) in [
        (json!({"argv": ["-c", "x"]}), "no program's name"),
        (
            json!({"argv": ["true"], "env": {"A-B": "1"}}),
            "no variable's name",
        ),
        (
            json!({"argv": ["true"], "env": {"WINDLASS_RUN": "1"}}),
            "the engine's",
        ),
        (
            json!({"argv": ["true", "x".repeat(200_000)]}),
            "longer than",
        ),
        (
            json!({"argv": ["cat"], "stdin": "x".repeat(600_000)}),
            "more than",
        ),
        (json!({"argv": ["cat"], "stdin": "a\u{0}b"}), "NUL"),
        (
            json!({"argv": ["true"], "host": "-oProxyCommand=touch x"}),
            "no name",
        ),
    ] {
        let ended = ssh(sshd.login(), what).change().run().await;
        let message = &ended.failed(Effected::None, "not_sent").message;
        assert!(message.contains(word), "{message}");
    }
}

#[tokio::test]
async fn secrets_go_in_no_list_of_processes() {
    let sshd = Sshd::start();
    let (seen, got) = (sshd.path("seen"), sshd.path("got"));
    // Looks at all processes while it, its shell and the client here live.
    let look = format!(
        "cat > {}; printf %s \"$TOKEN\" >> {0}; cat /proc/[0-9]*/cmdline > {} 2>/dev/null; echo \"$TOKEN\"",
        got.display(),
        seen.display()
    );
    let what = json!({
        "argv": ["sh", "-c", look], "stdin": "$secret:input", "env": {"TOKEN": "$secret:token"},
    });
    let attempt = ssh(sshd.login(), what);
    let attempt = attempt
        .secret("input", "canary-in-7f")
        .secret("token", "canary-token-7f");
    let ended = attempt.run().await;
    assert_eq!(*ended.output("stdout"), "[secret]".into());
    assert!(!ended.everything().contains("canary"));
    assert_eq!(
        fs::read_to_string(got).unwrap(),
        "canary-in-7fcanary-token-7f"
    );
    let seen = fs::read(seen).unwrap();
    let seen = String::from_utf8_lossy(&seen);
    assert!(
        seen.contains("StrictHostKeyChecking=yes"),
        "it saw the client"
    );
    assert!(!seen.contains("canary"), "{seen}");
}

#[tokio::test]
async fn big_outputs_are_bounded_and_the_end_is_heard() {
    let sshd = Sshd::start();
    for change in [false, true] {
        let what =
            json!({"script": "x() { yes $(seq 300) | head -c $1; }; x 20000000; x 3000000 >&2"});
        let attempt = ssh(sshd.login(), what);
        let attempt = if change { attempt.change() } else { attempt };
        let ended = attempt.run().await;
        let stdout = ended.output("stdout").as_text().unwrap();
        assert_eq!(stdout.len(), STDOUT_BYTES_MAX);
        assert_eq!(*ended.output("stdout_truncated"), true.into());
    }
}
