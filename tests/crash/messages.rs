//! Messages to the outside, against real receivers: killed between the record and the
//! sending, and between the sending and its record; refused, put off, never answered.
//! A receiver sees each message at least once, always with the same id and signed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use windlass_tests::binary::{windlass, windlass_failpoints};
use windlass_tests::life::{Death, Life, Place};
use windlass_tests::receiver::{KEY, Receiver, Reply, SECRET, TAKEN};

/// How long one process may take, and one message.
const LIFE_MAX: Duration = Duration::from_secs(180);
/// What lets a message go to a receiver on this machine.
const LOCAL: &str = "private_addresses: [127.0.0.0/8], insecure_reason: a test";

/// A run of one look that tells of its end.
fn runbook(place: &Place, rest: &str) -> std::path::PathBuf {
    let text = format!(
        "windlass: 1\nname: tells\nsecrets: {{hook_key: {{env: HOOK_KEY}}}}\n\
         steps:\n  look: {{uses: shell, effect: read, with: {{argv: [uname]}}}}\n{rest}"
    );
    let path = place.beside().join("tells.yaml");
    fs::write(&path, text).unwrap();
    path
}

fn of(place: &Place, words: &[&str]) -> Command {
    let mut command = place.command(words);
    command.env("HOOK_KEY", SECRET);
    command
}

fn run(place: &Place, path: &Path) -> Command {
    let mut command = of(place, &["run", "--no-wait"]);
    command.arg(path);
    command
}

fn lived(command: Command) -> Death {
    Life::begin(command).wait(LIFE_MAX, |_| {})
}

/// What `windlass outbox --json` says.
fn outbox(place: &Place) -> Vec<Value> {
    let said = lived(of(place, &["outbox", "--json"]));
    assert!(said.status.success(), "{}", said.err);
    said.out
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// No file of the state directory holds a secret.
fn assert_no_secret(place: &Place) {
    let mut looked = 0;
    let mut open = vec![place.state()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                let bytes = fs::read(entry.path()).unwrap();
                let needle = &SECRET.as_bytes()["whsec_".len()..];
                let found = bytes.windows(needle.len()).any(|bytes| bytes == needle);
                assert!(!found, "{}", entry.path().display());
                looked += 1;
            }
        }
    }
    assert!(looked > 0);
}

#[test]
fn a_message_outlives_the_engine_that_owed_it() {
    for point in ["record:run_ended:", "sending:ended", "sent:ended"] {
        let place = Place::below(&crate::volatile(), windlass_failpoints());
        let receiver = Receiver::start(|_, _| TAKEN);
        let url = receiver.url("/hook");
        let signed = "secret: \"${{ secrets.hook_key }}\"";
        let path = runbook(
            &place,
            &format!(
                "on:\n  ended: {{uses: notify/webhook, with: {{url: {url:?}, {signed}, {LOCAL}}}}}\n"
            ),
        );
        let mut armed = run(&place, &path);
        armed.env("WINDLASS_FAILPOINT", point);
        let death = lived(armed);
        assert!(
            !death.status.success(),
            "{point}: not killed: {:?}",
            death.out
        );
        let sent = usize::from(point.starts_with("sent:"));
        assert_eq!(receiver.came().len(), sent, "{point}");

        // It is durable; the secret that signs it died with its process.
        let waiting = outbox(&place);
        assert_eq!(waiting.len(), 1, "{point}: {waiting:?}");
        let id = waiting[0]["id"].to_string();
        let next =
            lived(place.command(["outbox", "--retry", &id, "--secret", "hook_key=env:NONE"]));
        assert!(!next.status.success(), "{point}: there is no such variable");
        let next = lived(of(&place, &["outbox", "--retry", &id]));
        assert!(next.status.success(), "{point}: {}", next.err);
        assert_eq!(next.out, ["sent"], "{point}");

        let came = receiver.came();
        assert_eq!(came.len(), sent + 1, "{point}");
        for message in &came {
            assert_eq!(message.id(), came[0].id(), "{point}");
            assert!(message.is_signed_by(&KEY), "{point}: {message:?}");
            assert_eq!(message.json()["type"], "run.ended", "{point}");
        }
        assert_eq!(outbox(&place), Vec::<Value>::new(), "{point}");
        assert_no_secret(&place);
    }
}

#[test]
fn a_message_without_secrets_is_sent_by_whoever_owns_the_directory_next() {
    let place = Place::below(&crate::volatile(), windlass_failpoints());
    let receiver = Receiver::start(|_, _| TAKEN);
    let url = receiver.url("/hook");
    let path = runbook(
        &place,
        &format!(
            "  tell: {{uses: notify/webhook, needs: look, with: {{url: {url:?}, {LOCAL}}}}}\n\
             \u{20} secretly: {{uses: shell, effect: read, needs: tell, with: {{argv: ['true'], env: {{K: \"${{{{ secrets.hook_key }}}}\"}}}}}}\n"
        ),
    );
    // The step's success and its message are one record.
    let mut armed = run(&place, &path);
    armed.env("WINDLASS_FAILPOINT", "record:attempt_succeeded:tell");
    assert!(!lived(armed).status.success());
    assert_eq!(receiver.came().len(), 0);
    let waiting = outbox(&place);
    assert_eq!(waiting[0]["topic"], "step");
    // Another run's owner finds it.
    let other = place.beside().join("other.yaml");
    let text = "windlass: 1\nname: other\nsteps: {look: {uses: shell, effect: read, with: {argv: [uname]}}}\n";
    fs::write(&other, text).unwrap();
    let death = lived(run(&place, &other));
    assert!(death.status.success(), "{}", death.err);
    let came = receiver.once(LIFE_MAX, |came| !came.is_empty());
    assert_eq!(came[0].id(), waiting[0]["key"].as_str().unwrap());
}

#[test]
fn a_receiver_that_never_answers_delays_no_run_and_no_other_receiver() {
    let place = Place::below(&crate::volatile(), windlass());
    let hole = Receiver::start(|_, _| Reply::Nothing);
    let well = Receiver::start(|_, _| TAKEN);
    let (dead, alive) = (hole.url("/"), well.url("/"));
    let path = runbook(
        &place,
        &format!(
            "  first: {{uses: notify/webhook, needs: look, with: {{url: {dead:?}, {LOCAL}}}}}\n\
             \u{20} second: {{uses: notify/webhook, needs: first, with: {{url: {alive:?}, secret: \"${{{{ secrets.hook_key }}}}\", {LOCAL}}}}}\n\
             on:\n  ended: {{uses: notify/webhook, with: {{url: {dead:?}, {LOCAL}}}}}\n"
        ),
    );
    let death = lived(run(&place, &path));
    assert!(death.status.success(), "{}", death.err);
    assert!(
        death.err.contains("2 messages are not delivered"),
        "{}",
        death.err
    );
    // The run has ended, while its first message still has no answer.
    assert_eq!((hole.came().len(), well.came().len()), (1, 1));
    let left = outbox(&place);
    let topics: Vec<&Value> = left.iter().map(|message| &message["topic"]).collect();
    assert_eq!(topics, ["step", "ended"]);
}

#[test]
fn a_receiver_is_asked_again_when_it_can_and_not_when_it_never_will() {
    let place = Place::below(&crate::volatile(), windlass());
    let busy = Receiver::start(|_, _| Reply::Answer(429, "retry-after: 3600\r\n", "later"));
    let ill = Receiver::start(|number, _| match number {
        0 | 1 => Reply::Answer(500, "", "oops"),
        _ => TAKEN,
    });
    let gone = Receiver::start(|_, _| Reply::Answer(410, "", ""));
    let [busy_url, ill_url, gone_url] = [&busy, &ill, &gone].map(|receiver| receiver.url("/"));
    let notice = |url: &str| {
        format!(
            "    - {{uses: notify/webhook, with: {{url: {url:?}, secret: \"${{{{ secrets.hook_key }}}}\", {LOCAL}}}}}\n"
        )
    };
    let notices = [&busy_url, &ill_url, &gone_url].map(|url| notice(url));
    let path = runbook(&place, &format!("on:\n  ended:\n{}", notices.concat()));
    let death = lived(run(&place, &path));
    assert!(death.status.success(), "{}", death.err);
    let ids: Vec<String> = ill.came().iter().map(|it| it.id().to_owned()).collect();
    assert_eq!(ids.len(), 3, "twice ill, then well: {ids:?}");
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!((busy.came().len(), gone.came().len()), (1, 1));
    let left = outbox(&place);
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(left[0]["reason"], "answered 429: later");
    let pause = left[0]["next_at_ms"].as_i64().unwrap() - left[0]["at_ms"].as_i64().unwrap();
    assert!(pause >= 3_600_000, "{pause}");
    assert_eq!(left[1]["state"], "undelivered");
    assert_eq!(left[1]["reason"], "refused: answered 410");
    let id = left[1]["id"].to_string();
    assert!(
        lived(of(&place, &["outbox", "--drop", &id]))
            .status
            .success()
    );
    assert_eq!(outbox(&place).len(), 1);
    let again = lived(of(&place, &["outbox", "--drop", &id]));
    assert_eq!(again.status.code(), Some(3), "{}", again.err);
}

#[test]
fn a_step_that_waits_fails_when_nobody_takes_its_message() {
    let place = Place::below(&crate::volatile(), windlass());
    let receiver = Receiver::start(|number, _| match number {
        0 => Reply::Answer(503, "", ""),
        1 => TAKEN,
        _ => Reply::Answer(400, "", "no such hook"),
    });
    let url = receiver.url("/");
    let step = |name: &str, needs: &str| {
        format!(
            "  {name}: {{uses: notify/webhook, needs: {needs}, timeout: 20s, with: {{url: {url:?}, wait: true, secret: \"${{{{ secrets.hook_key }}}}\", {LOCAL}}}}}\n"
        )
    };
    let steps = [step("taken", "look"), step("refused", "taken")];
    let path = runbook(&place, &steps.concat());
    let death = lived(run(&place, &path));
    assert_eq!(death.status.code(), Some(1), "{:?}", death.out);
    let came = receiver.came();
    assert_eq!(came.len(), 3);
    assert_eq!(came[0].id(), came[1].id(), "one id for all tries");
    assert_ne!(came[1].id(), came[2].id());
    assert!(came.iter().all(|message| message.is_signed_by(&KEY)));
    let said = death.out.join("\n") + &death.err;
    assert!(said.contains("answered 400: no such hook"), "{said}");
}

#[test]
fn a_page_calls_until_somebody_sees_to_it_and_says_when_it_is_over() {
    let place = Place::below(&crate::volatile(), windlass());
    let receiver = Receiver::start(|_, _| TAKEN);
    let (pager, own) = (receiver.url("/pagerduty"), receiver.url("/own"));
    let path = runbook(
        &place,
        &format!(
            "  go: {{needs: look, approval: {{}}}}\n\
             on:\n  gate_opened:\n\
             \u{20}   - {{uses: notify/page, with: {{provider: pagerduty, routing_key: \"${{{{ secrets.hook_key }}}}\", url: {pager:?}, repeat: 1s, {LOCAL}}}}}\n\
             \u{20}   - {{uses: notify/page, with: {{provider: webhook, secret: \"${{{{ secrets.hook_key }}}}\", url: {own:?}, repeat: 1s, {LOCAL}}}}}\n"
        ),
    );
    let mut staying = of(&place, &["run"]);
    staying.arg(&path);
    let owner = Life::begin(staying);
    let actions = |came: &[windlass_tests::receiver::Received], path: &str| -> Vec<String> {
        let mine = came.iter().filter(|message| message.path == path);
        let word = |message: &windlass_tests::receiver::Received| {
            let body = message.json();
            let word = body["event_action"].as_str().or(body["type"].as_str());
            word.unwrap_or_default()
                .trim_start_matches("page.")
                .to_owned()
        };
        mine.map(word).collect()
    };
    let triggered = |came: &[windlass_tests::receiver::Received], times: usize| {
        ["/pagerduty", "/own"]
            .iter()
            .all(|path| actions(came, path).len() >= times)
    };
    let came = receiver.once(LIFE_MAX, |came| triggered(came, 2));
    let run = came[0].json();
    let run = run
        .pointer("/payload/source")
        .or(run.pointer("/data/event/run"));
    let run = run.and_then(Value::as_str).unwrap().to_owned();

    let acked = lived(of(&place, &["ack", &run]));
    assert_eq!(acked.out, [format!("acknowledged: 2 pages of run {run}")]);
    let seen = |came: &[windlass_tests::receiver::Received], word: &str| {
        ["/pagerduty", "/own"]
            .iter()
            .all(|path| actions(came, path).iter().any(|it| it == word))
    };
    receiver.once(LIFE_MAX, |came| seen(came, "acknowledge"));
    let approved = lived(of(&place, &["approve", &run, "go"]));
    assert!(approved.status.success(), "{}", approved.err);
    let came = receiver.once(LIFE_MAX, |came| seen(came, "resolve"));
    let death = owner.wait(LIFE_MAX, |_| {});
    assert!(death.status.success(), "{}", death.err);
    for path in ["/pagerduty", "/own"] {
        let actions = actions(&came, path);
        let calls = actions.iter().take_while(|word| *word == "trigger").count();
        assert!(calls >= 2, "{path}: {actions:?}");
        assert_eq!(
            actions[calls..],
            ["acknowledge", "resolve"],
            "{path}: {actions:?}"
        );
    }
    for (path, at) in [("/pagerduty", "/dedup_key"), ("/own", "/data/dedup_key")] {
        let mine = came.iter().filter(|message| message.path == path);
        let keys: Vec<Value> = mine
            .map(|it| it.json().pointer(at).unwrap().clone())
            .collect();
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }
    let own: Vec<&str> = came
        .iter()
        .filter(|it| it.path == "/own")
        .map(|it| it.id())
        .collect();
    let distinct: std::collections::BTreeSet<&&str> = own.iter().collect();
    assert_eq!(
        distinct.len(),
        own.len(),
        "each repeat is a message of its own: {own:?}"
    );
    assert_eq!(outbox(&place), Vec::<Value>::new());
    assert_no_secret(&place);
}

#[test]
fn a_page_that_its_receiver_acknowledges_is_not_repeated() {
    let place = Place::below(&crate::volatile(), windlass());
    let receiver = Receiver::start(|_, _| Reply::Answer(200, "", "{\"acknowledged\": true}"));
    let url = receiver.url("/");
    let path = runbook(
        &place,
        &format!(
            "on:\n  ended: {{uses: notify/page, with: {{provider: webhook, repeat: 1s, secret: \"${{{{ secrets.hook_key }}}}\", url: {url:?}, {LOCAL}}}}}\n"
        ),
    );
    let death = lived(run(&place, &path));
    assert!(death.status.success(), "{}", death.err);
    assert_eq!(receiver.once(LIFE_MAX, |came| !came.is_empty()).len(), 1);
    assert_eq!(outbox(&place), Vec::<Value>::new());
}
