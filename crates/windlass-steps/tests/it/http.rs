//! The step kind `http` against real servers: what its outcomes say, and how often a
//! request was on the wire.

use std::time::Duration;

use serde_json::json;
use windlass_core::outcome::Effected::{None as Nothing, Settled, Unknown};
use windlass_core::time::Timestamp;
use windlass_core::value::Value;
use windlass_engine::SimClock;
use windlass_http::testing::{Script, Server, answer};

use crate::support::{Attempt, shell, within};

/// A read of the server's `/x/{id}`, with more parameters.
fn http(server: &Server, more: serde_json::Value) -> Attempt {
    let mut with = json!({
        "url": "http://127.0.0.1:{port}/x/{id}",
        "parts": {"port": server.address.port(), "id": "a/b"},
        "private_addresses": ["127.0.0.0/8"],
        "insecure_reason": "a test on this machine",
    });
    for (key, value) in more.as_object().unwrap() {
        with[key] = value.clone();
    }
    Attempt {
        uses: "http",
        ..shell(with)
    }
}

fn post(server: &Server) -> Attempt {
    http(server, json!({"method": "POST"})).change()
}

#[tokio::test]
async fn a_read_gives_what_was_answered() {
    let headers =
        "content-type: application/json; charset=utf-8\r\nset-cookie: session=1\r\nx-a: b\r\n";
    let body = r#"{"state":"up","id":12345678901234567890}"#;
    let server = Server::always(Script::Answer(answer("200 OK", headers, body))).await;
    let more = json!({"query": {"limit": 10, "q": "a b&c"}, "headers": {"X-Trace": "t"}});
    let ended = http(&server, more).run().await;
    assert_eq!(*ended.output("status"), 200.into());
    assert_eq!(
        ended.output("json").to_string(),
        r#"{"id":"12345678901234567890","state":"up"}"#
    );
    assert_eq!(*ended.output("body"), Value::Null);
    assert_eq!(*ended.output("truncated"), false.into());
    let headers = ended.output("headers").to_string();
    assert!(headers.contains(r#""x-a":"b""#), "{headers}");
    assert!(!headers.contains("session"), "{headers}");
    let [request] = &server.requests()[..] else {
        panic!("{:?}", server.requests())
    };
    assert!(
        request.starts_with("GET /x/a%2Fb?limit=10&q=a%20b%26c HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("x-trace: t\r\n"), "{request}");
    assert!(request.contains("user-agent: windlass/"), "{request}");
    assert!(
        ended.log.contains("[no TLS: a test on this machine]"),
        "{}",
        ended.log
    );
}

#[tokio::test]
async fn a_body_is_read_as_it_is_asked_for() {
    let large = "a".repeat(200 * 1024);
    for (kind, body, more, json_output, text) in [
        ("text/plain", "{}", json!({}), "null", Some("{}")),
        ("text/plain", "{}", json!({"output": "json"}), "{}", None),
        ("application/problem+json", "[1]", json!({}), "[1]", None),
        (
            "application/json",
            "[1]",
            json!({"output": "text"}),
            "null",
            Some("[1]"),
        ),
        ("application/json", "oops", json!({}), "null", Some("oops")),
        ("text/plain", "", json!({}), "null", Some("")),
        (
            "text/plain",
            "abcdef",
            json!({"max_bytes": 3}),
            "null",
            Some("abc"),
        ),
    ] {
        let script = Script::Answer(answer("200 OK", &format!("content-type: {kind}\r\n"), body));
        let server = Server::always(script).await;
        let ended = http(&server, more).run().await;
        assert_eq!(
            ended.output("json").to_string(),
            json_output,
            "{kind} {body}"
        );
        let wanted = text.map_or(Value::Null, Value::from);
        assert_eq!(*ended.output("body"), wanted, "{kind} {body}");
    }
    let server = Server::always(Script::Answer(answer("200 OK", "", &large))).await;
    let ended = http(&server, json!({})).run().await;
    assert_eq!(*ended.output("truncated"), true.into());
    let ended = post(&server).with("output", json!("json")).run().await;
    ended.failed(Settled, "output_too_large");
    let server = Server::always(Script::Answer(answer("200 OK", "", "no"))).await;
    let ended = http(&server, json!({"output": "json"})).run().await;
    ended.failed(Settled, "output_not_json");
}

#[tokio::test]
async fn statuses_mean_what_the_page_says() {
    for (status, read, change) in [
        ("401 Unauthorized", Nothing, Nothing),
        ("412 Precondition Failed", Nothing, Nothing),
        ("429 Too Many Requests", Nothing, Nothing),
        ("303 See Other", Nothing, Unknown),
        ("400 Bad Request", Nothing, Unknown),
        ("404 Not Found", Nothing, Unknown),
        ("409 Conflict", Nothing, Unknown),
        ("500 Internal Server Error", Nothing, Unknown),
        ("503 Service Unavailable", Nothing, Unknown),
    ] {
        let script = Script::Answer(answer(status, "retry-after: 7\r\n", "because"));
        let server = Server::always(script).await;
        let ended = http(&server, json!({})).run().await;
        ended.failed(read, "http_status");
        let ended = post(&server).run().await;
        let failure = ended.failed(change, "http_status");
        assert!(failure.message.contains("because"), "{}", failure.message);
        let evidence = failure.evidence.as_ref().unwrap().to_string();
        assert!(evidence.contains(r#""retry-after":"7""#), "{evidence}");
        assert_eq!(server.requests().len(), 2, "{status}");
    }
    let server = Server::always(Script::Answer(answer("404 Not Found", "", ""))).await;
    let ended = post(&server).with("ok_status", json!([404])).run().await;
    assert_eq!(*ended.output("status"), 404.into());
    let ended = post(&server)
        .with("no_effect_status", json!([404]))
        .run()
        .await;
    ended.failed(Nothing, "http_status");
    let server = Server::always(Script::Answer(answer("401 Unauthorized", "", ""))).await;
    let ended = post(&server)
        .with("no_effect_status", json!([]))
        .run()
        .await;
    ended.failed(Unknown, "http_status");
    let ended = post(&server).with("ok_status", json!([401])).run().await;
    assert_eq!(*ended.output("status"), 401.into());
}

#[tokio::test]
async fn an_answer_cut_anywhere_leaves_a_change_in_doubt_and_is_sent_once() {
    // Also one that would have said that nothing was done.
    for status in ["200 OK", "401 Unauthorized"] {
        let whole = answer(status, "", "done");
        let bytes = whole.clone();
        let server = Server::scripted(move |number, _| {
            Script::Answer(bytes[..(number as usize).min(bytes.len())].to_vec())
        })
        .await;
        for _ in 0..whole.len() {
            post(&server).run().await.failed(Unknown, "connection_lost");
        }
        assert_eq!(server.requests().len(), whole.len());
    }
}

#[tokio::test]
async fn secrets_go_out_and_do_not_come_back() {
    let server = Server::scripted(|_, request| {
        Script::Answer(answer("200 OK", "", &request.replace("\r\n", "\n")))
    })
    .await;
    let secret = "hunter2-hunter2";
    for more in [
        json!({"headers": {"X-Key": "$secret:key"}}),
        json!({"bearer": "$secret:key"}),
        json!({"basic": {"user": "ops", "password": "$secret:key"}}),
    ] {
        let ended = http(&server, more.clone())
            .secret("key", secret)
            .run()
            .await;
        let sent = server.requests().pop().unwrap();
        let wanted = match more.get("basic") {
            Some(_) => "authorization: Basic b3BzOmh1bnRlcjItaHVudGVyMg==\r\n",
            None => "hunter2-hunter2\r\n",
        };
        assert!(sent.contains(wanted), "{sent}");
        for trace in [secret, "b3BzOmh1bnRlcjItaHVudGVyMg"] {
            assert!(
                !ended.everything().contains(trace),
                "{more}: {}",
                ended.everything()
            );
        }
        assert!(ended.output("body").to_string().contains("[secret]"));
    }
    // A pair as its header carries it is a secret of its own, wherever it comes back.
    let pair = "b3BzOmh1bnRlcjItaHVudGVyMg==";
    for status in ["200 OK", "400 Bad Request"] {
        let headers = format!("x-echo: {pair}\r\nwww-authenticate: {pair}\r\n");
        let server = Server::always(Script::Answer(answer(status, &headers, pair))).await;
        let more = json!({"basic": {"user": "ops", "password": "$secret:key"}});
        let ended = http(&server, more).secret("key", secret).run().await;
        let everything = ended.everything();
        assert!(everything.contains("[secret]"), "{everything}");
        for part in ["b3BzO", "Mg=="] {
            assert!(!everything.contains(part), "{status}: {everything}");
        }
    }
    // A body's secrets are redacted in refusals too.
    let server = Server::always(Script::Answer(answer(
        "403 Forbidden",
        "",
        &format!("not {secret}"),
    )))
    .await;
    let body = json!({"user": "ops", "deep": [{"password": "$secret:key"}], "n": 1});
    let ended = post(&server)
        .with("json", body)
        .secret("key", secret)
        .run()
        .await;
    ended.failed(Nothing, "http_status");
    assert!(
        !ended.everything().contains(secret),
        "{}",
        ended.everything()
    );
}

#[tokio::test]
async fn the_key_of_the_attempt_goes_into_the_header_that_is_named() {
    let server = Server::always(Script::Answer(answer("200 OK", "", ""))).await;
    let attempt = post(&server).with("idempotency_key", json!("Idempotency-Key"));
    attempt.with("json", json!({"a": 1})).run().await.outputs();
    let sent = server.requests().pop().unwrap();
    assert!(sent.contains("idempotency-key: key-1\r\n"), "{sent}");
    assert!(
        sent.contains("content-type: application/json\r\n"),
        "{sent}"
    );
    assert!(sent.contains("content-length: 7\r\n"), "{sent}");
}

#[tokio::test]
async fn a_change_goes_on_past_its_deadline_and_a_read_does_not() {
    let late = Script::Drip(answer("200 OK", "", "late"), Duration::from_millis(20));
    let server = Server::always(late).await;
    let ended = post(&server).timeout_ms(200).run().await;
    assert_eq!(*ended.output("body"), "late".into());
    let ended = http(&server, json!({})).timeout_ms(200).run().await;
    ended.failed(Unknown, "timeout");
    // Nobody waits for it any more: the connection of a change stays open.
    let running = post(&server).timeout_ms(100).start();
    within(Duration::from_secs(10), async {
        while server.requests().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let done = server.finished();
    running.outcome.abort();
    within(Duration::from_secs(10), async {
        while server.finished() <= done {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_sent_when_it_is_too_late_or_asked_to_stop() {
    let server = Server::always(Script::Answer(answer("200 OK", "", ""))).await;
    let clock = SimClock::at(Timestamp(10_000));
    let ended = post(&server).send_by(&clock, Timestamp(9_000)).run().await;
    ended.failed(Nothing, "not_sent");
    assert!(server.requests().is_empty());

    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", mute.local_addr().unwrap().port());
    let to_mute = |attempt: Attempt| {
        let mut attempt = attempt.with("url", json!(url)).with("parts", json!({}));
        attempt
            .with
            .as_object_mut()
            .unwrap()
            .remove("insecure_reason");
        attempt
    };
    let ended = to_mute(post(&server)).timeout_ms(200).run().await;
    ended.failed(Nothing, "timeout");
    let slow = to_mute(post(&server)).with("connect_timeout", json!(200));
    slow.run().await.failed(Nothing, "connect_failed");
    let running = to_mute(post(&server)).start();
    running.cancel.send(true).unwrap();
    running.end().await.failed(Nothing, "cancelled");
}

#[tokio::test]
async fn addresses_inside_are_reached_only_when_they_are_named() {
    let server = Server::always(Script::Answer(answer("200 OK", "", ""))).await;
    for named in [json!([]), json!(["10.0.0.0/8"])] {
        let ended = post(&server).with("private_addresses", named).run().await;
        let failure = ended.failed(Nothing, "address_refused");
        assert!(
            failure.message.contains("this machine"),
            "{}",
            failure.message
        );
    }
    let everything = json!(["0.0.0.0/0", "::/0"]);
    let metadata = post(&server).with("private_addresses", everything);
    let metadata = metadata.with("url", json!("http://169.254.169.254/latest"));
    metadata
        .with("parts", json!({}))
        .run()
        .await
        .failed(Nothing, "address_refused");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn redirects_are_followed_by_reads_that_say_so() {
    let server = Server::scripted(|_, request| match request.contains(" /end ") {
        true => Script::Answer(answer("200 OK", "", "there")),
        false => Script::Answer(answer("307 Temporary Redirect", "location: /end\r\n", "")),
    })
    .await;
    let ended = http(&server, json!({"follow_redirects": 1})).run().await;
    assert_eq!(*ended.output("body"), "there".into());
    assert!(ended.output("url").to_string().ends_with("/end\""));
    let ended = http(&server, json!({})).run().await;
    let failure = ended.failed(Nothing, "http_status");
    assert!(
        failure.message.contains("not followed"),
        "{}",
        failure.message
    );
    let before = server.requests().len();
    post(&server).run().await.failed(Unknown, "http_status");
    assert_eq!(server.requests().len(), before + 1);
}

#[tokio::test]
async fn a_with_that_cannot_be_used_sends_nothing() {
    let server = Server::always(Script::Answer(answer("200 OK", "", ""))).await;
    for (more, says) in [
        (json!({"method": "get"}), "`method` is one of"),
        (json!({"url": "127.0.0.1"}), "`url`: an address begins with"),
        (
            json!({"parts": {"id": "x"}}),
            "the blank `port` is given nothing",
        ),
        (
            json!({"parts": {"port": 1, "id": "x", "no": 1}}),
            "no blank `no`",
        ),
        (
            json!({"parts": {"port": 1, "id": "../x"}}),
            "no segment of a path",
        ),
        (json!({"parts": {"port": "1@evil", "id": "x"}}), "no port"),
        (json!({"insecure_reason": " "}), "needs `insecure_reason`"),
        (
            json!({"query": {"key": "$secret:key"}}),
            "`query` takes no secret",
        ),
        (json!({"headers": {"a": "b\r\nc: d"}}), "no header can"),
        (json!({"headers": {"host": "evil"}}), "the client's own"),
        (
            json!({"headers": {"authorization": "x"}, "bearer": "$secret:key"}),
            "given twice",
        ),
        (json!({"bearer": "typed"}), "must be a secret"),
        (
            json!({"basic": {"user": "a", "password": "typed"}}),
            "which is a secret",
        ),
        (json!({"json": {}, "body": "x"}), "not both"),
        (json!({"private_addresses": ["10.0.0.1/8"]}), "no range"),
        (json!({"follow_redirects": 6}), "from 0 to 5"),
        (
            json!({"follow_redirects": 1, "method": "POST"}),
            "sent once",
        ),
        (json!({"max_bytes": 0}), "`max_bytes` is from 1"),
        (json!({"output": "xml"}), "`json` or `text`"),
        (json!({"ok_status": [100]}), "no final status"),
        (
            json!({"ok_status": [404], "no_effect_status": [404]}),
            "404 is in",
        ),
        (json!({"urll": "x"}), "`urll` is no parameter"),
    ] {
        let ended = http(&server, more.clone())
            .secret("key", "hunter2")
            .run()
            .await;
        let failure = ended.failed(Nothing, "not_sent");
        assert!(
            failure.message.contains(says),
            "{more}: {}",
            failure.message
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_secret_goes_only_to_the_hosts_that_are_named_for_it() {
    let server = Server::always(Script::Answer(answer("200 OK", "", ""))).await;
    for more in [
        json!({"bearer": "$secret:key"}),
        json!({"headers": {"x": "$secret:key"}}),
        json!({"basic": {"user": "a", "password": "$secret:key"}}),
        json!({"json": [{"a": "$secret:key"}]}),
        json!({"body": "$secret:key"}),
    ] {
        let attempt = || http(&server, more.clone()).secret("key", "hunter2");
        let ended = attempt().granted("key", &["api.example.com"]).run().await;
        ended.failed(Nothing, "secret_not_granted");
        let ended = attempt().granted("key", &["127.0.0.1"]).run().await;
        assert_eq!(*ended.output("status"), 200.into());
    }
    assert_eq!(server.requests().len(), 5);
}
