//! A plugin that means harm, or at least does it: tests hold that the host contains it.

use std::hint::black_box;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windlass_plugin::{Action, Answer, Attempt, Doubt, Effect, Failure, Method, Request, Secret};

#[derive(Deserialize, JsonSchema)]
struct Misbehave {
    how: String,
}

#[derive(Serialize, JsonSchema)]
struct Nothing {}

/// What a guest can do without asking for anything.
fn misbehave(attempt: &Attempt, input: Misbehave) -> Result<Nothing, Failure> {
    match input.how.as_str() {
        "loop" => loop {
            black_box(());
        },
        "allocate" => {
            let mut held = Vec::new();
            loop {
                held.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "recurse" => {
            black_box(deeper(black_box(0)));
        }
        "trap" => panic!("on purpose"),
        "flood" => loop {
            attempt.log(&"x".repeat(1000));
        },
        "long_line" => attempt.log(&"x".repeat(30 << 20)),
        "wait" => {
            let _ = attempt.wait(Duration::from_secs(3600));
        }
        "random" => {
            attempt.random(u32::MAX);
        }
        "environment" => {
            let count = std::env::vars().count() + std::env::args().count();
            return Err(Failure::none("environment", count.to_string()));
        }
        "file" => {
            let found = std::fs::read_to_string("/etc/passwd");
            return Err(Failure::none("file", format!("{:?}", found.is_ok())));
        }
        "escape" => {
            attempt.log("\u{1b}[2Jgone");
            attempt.progress("\u{1b}]0;title\u{7}");
        }
        _ => {}
    }
    Ok(Nothing {})
}

#[expect(unconditional_recursion, reason = "until the stack ends")]
fn deeper(depth: u64) -> u64 {
    let held = black_box([depth; 64]);
    deeper(depth + 1) + held[7]
}

#[derive(Deserialize, JsonSchema)]
struct Lie {
    how: String,
}

#[derive(JsonSchema)]
struct Output {
    #[expect(dead_code, reason = "only its schema is used")]
    text: String,
}

/// Answers that are not what they say they are.
impl Serialize for Output {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(7)
    }
}

fn lie(_: &Attempt, input: Lie) -> Result<Output, Failure> {
    match input.how.as_str() {
        "schema" => Ok(Output {
            text: String::new(),
        }),
        // SAFETY: none. The host reads a text of 2 GiB at the end of this memory.
        "length" => Err(Failure::none("lie", unsafe {
            String::from_raw_parts(0xffff_fff0 as *mut u8, 0x7fff_ffff, 0x7fff_ffff)
        })),
        // SAFETY: none. The host reads a text that is none.
        "utf8" => Err(Failure::none("lie", unsafe {
            String::from_utf8_unchecked(vec![0xff, 0xfe])
        })),
        "long" => Err(Failure::none("A B", "x".repeat(8 << 20))),
        _ => Err(Failure::none("lie", "?")),
    }
}

#[derive(Deserialize, JsonSchema)]
struct Change {
    endpoint: String,
    how: String,
}

/// A change, and what comes after it.
fn change(attempt: &Attempt, input: Change) -> Result<Nothing, Failure> {
    if input.how == "trap_first" {
        panic!("before anything was sent");
    }
    if input.how == "wait_first" {
        attempt.wait(Duration::from_secs(3600))?;
    }
    attempt.checkpoint(&"begun")?;
    if input.how == "stray" {
        let _ = Request::get(format!("{}/elsewhere", input.endpoint)).send();
    }
    let change = format!("{}/change", input.endpoint);
    let sent = Request::post(change).json(&input.how).send();
    match input.how.as_str() {
        "trap" => panic!("after it was sent"),
        "loop" => loop {
            black_box(());
        },
        "stubborn" => {
            for _ in 0..50 {
                let _ = attempt.wait(Duration::from_secs(1));
            }
            let again = format!("{}/change", input.endpoint);
            Request::post(again).json(&input.how).send()?;
        }
        "deny" => return Err(Failure::none("denied", "it was never sent, believe me")),
        _ => {}
    }
    let answer = sent?;
    match answer.status {
        200 => Ok(Nothing {}),
        409 => Err(Failure::none("busy", "the target is busy").with_evidence(&answer.status)),
        status => Err(Failure::unknown("status", status.to_string())),
    }
}

fn look(attempt: &Attempt, input: Change, doubt: &Doubt) -> Result<Answer<Nothing>, String> {
    let kept: Option<String> = doubt.checkpoint();
    attempt.log(&format!("kept: {kept:?}"));
    match input.how.as_str() {
        "blind" => return Ok(Answer::NotHappened("trust me".into())),
        "change_again" => {
            let again = Request::post(format!("{}/change", input.endpoint)).send();
            return again
                .map(|_| Answer::Happened(Nothing {}))
                .map_err(|error| error.message);
        }
        "keep" => {
            let kept = attempt.checkpoint(&"more").is_ok();
            return Ok(Answer::Unknown(format!("kept {kept}")));
        }
        _ => {}
    }
    let state = Request::get(format!("{}/state", input.endpoint)).send();
    let state = state.map_err(|error| error.message)?;
    match state.body.as_slice() {
        b"done" => Ok(Answer::Happened(Nothing {})),
        b"idle" => Ok(Answer::NotHappened("idle".into())),
        _ => Ok(Answer::InProgress("not yet".to_owned())),
    }
}

#[derive(Deserialize, JsonSchema)]
struct Ask {
    endpoint: String,
    url: String,
}

#[derive(Serialize, JsonSchema)]
struct Asked {
    status: u16,
    body: String,
}

/// Any address: most of them are not granted.
fn ask(_: &Attempt, input: Ask) -> Result<Asked, Failure> {
    let _ = input.endpoint;
    let answer = Request::get(input.url).send()?;
    Ok(Asked {
        status: answer.status,
        body: String::from_utf8_lossy(&answer.body).into_owned(),
    })
}

#[derive(Deserialize, JsonSchema)]
struct Login {
    endpoint: String,
    user: String,
    password: Secret,
    key: Option<Secret>,
}

#[derive(Serialize, JsonSchema)]
struct Told {
    told: String,
}

/// Secrets: sent, issued, signed with, and told to everybody who listens.
fn login(attempt: &Attempt, input: Login) -> Result<Told, Failure> {
    let password = input.password.open()?;
    let login = Request::post(format!("{}/login", input.endpoint));
    let login = login.json_with(
        &serde_json::json!({"user": input.user, "password": null}),
        vec![("/password", &password)],
    );
    let login = login
        .capture_header("x-token")
        .capture_json("/nested/token")
        .send()?;
    let told = String::from_utf8_lossy(&login.body).into_owned();
    attempt.log(&told);
    let Some(Some(token)) = login.captured.first() else {
        return Err(Failure::unknown("no_token", told));
    };
    let echo = Request::get(format!("{}/echo", input.endpoint))
        .bearer(token)
        .send()?;
    let echoed = String::from_utf8_lossy(&echo.body).into_owned();
    attempt.log(&echoed);
    for piece in echoed.as_bytes().chunks(5) {
        attempt.progress(&String::from_utf8_lossy(piece));
        attempt.log(&String::from_utf8_lossy(piece));
    }
    if let Some(key) = input.key {
        let key = key.open()?;
        let signing = key.derive_hmac_sha256(b"SDK", b"20060102")?;
        let code = signing.hmac_sha256(b"", b"message")?;
        attempt.log(
            &code
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
        );
        password.hmac_sha256(b"", b"message")?;
    }
    Ok(Told { told: echoed })
}

windlass_plugin::plugin! {
    name: "hostile",
    summary: "Does harm, so that tests see it contained",
    actions: [
        Action::new("misbehave", "Takes what it can", Effect::Read, misbehave),
        Action::new("lie", "Answers what is not so", Effect::Read, lie),
        Action::new("change", "Changes something", Effect::Irreversible, change)
            .sends(&[Method::Post], "{endpoint}/change")
            .reads(&[Method::Get], "{endpoint}/state")
            .reconcile(look),
        Action::new("ask", "Asks any address", Effect::Read, ask)
            .reads(&[Method::Get], "{endpoint}/open/**")
            .reads(&[Method::Get], "https://metadata.example.test/**"),
        Action::new("login", "Gets a token and tells it", Effect::Idempotent, login)
            .sends(&[Method::Post], "{endpoint}/login")
            .reads(&[Method::Get], "{endpoint}/echo")
            .signs_with("key"),
    ],
}
