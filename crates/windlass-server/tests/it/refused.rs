//! What a client must not send, and what it is told.

use crate::house::{House, gate, read, run};
use crate::raw::{code, exchange, send};

/// Method, path, headers, body; then the status and the code of the refusal.
type Case<'a> = (
    &'a str,
    &'a str,
    &'a [(&'a str, &'a str)],
    &'a str,
    u16,
    &'a str,
);

#[test]
fn what_is_no_request_of_ours_is_refused_in_one_form() {
    run(async {
        let house = House::open().await;
        let socket = house.server.socket().to_owned();
        let (_, run) = house.started(vec![gate("go", &[])], "gate_opened").await;
        let at = |path: &str| format!("/v1/runs/{run}/{path}");
        let text = [("content-type", "text/plain")];
        let key = [("idempotency-key", "two words")];
        let none = [];
        #[rustfmt::skip]
        let table: &[Case<'_>] = &[
            ("GET", "/", &none, "", 404, "no_such_path"),
            ("GET", "/v1/runs/none", &none, "", 404, "unknown_run"),
            ("GET", "/v1/runs/No", &none, "", 400, "bad_path"),
            ("GET", "/v1/runs/none/events", &none, "", 404, "unknown_run"),
            ("GET", "/v1/runs?limit=x", &none, "", 400, "bad_query"),
            ("GET", "/v1/runs?limt=1", &none, "", 400, "bad_query"),
            ("GET", "/v1/runs?state=maybe", &none, "", 400, "bad_query"),
            ("GET", &at("events?from=99"), &none, "", 400, "bad_query"),
            ("GET", &at("events?from=-1"), &none, "", 400, "bad_query"),
            ("PUT", "/v1/runs", &none, "{}", 405, "wrong_method"),
            ("DELETE", "/v1/owner", &none, "", 405, "wrong_method"),
            ("GET", &at("pause"), &none, "", 405, "wrong_method"),
            ("POST", &at("pause"), &none, "{\"reason\":", 400, "bad_body"),
            ("POST", &at("pause"), &none, "{\"reason\":\"a\"} {}", 400, "bad_body"),
            ("POST", &at("pause"), &none, "{\"reason\":\"a\",\"undo\":true}", 400, "bad_body"),
            ("POST", &at("pause"), &none, "", 400, "bad_body"),
            ("POST", &at("pause"), &text, "{\"reason\":\"a\"}", 415, "not_json"),
            ("POST", &at("pause"), &key, "{\"reason\":\"a\"}", 400, "bad_key"),
            ("POST", &at("resolve"), &none, "{\"node\":\"A\",\"reason\":\"a\",\"verdict\":{\"give_up\":{}}}", 400, "bad_body"),
            ("POST", &at("resolve"), &none, "{\"node\":\"go\",\"reason\":\"a\",\"verdict\":{\"happend\":{}}}", 400, "bad_body"),
            ("POST", "/v1/runs/none/pause", &none, "{\"reason\":\"a\"}", 404, "unknown_run"),
            ("POST", &at("approve"), &none, "{\"gate\":\"go\",\"statement\":{\"plan_digest\":\"00\",\"attempt\":1}}", 400, "bad_body"),
            ("POST", "/v1/shutdown", &none, "{\"now\":true}", 400, "bad_body"),
        ];
        for (method, path, headers, body, status, word) in table {
            let (got, answer) = send(&socket, method, path, headers, body).await;
            assert_eq!(
                (got, code(&answer).as_str()),
                (*status, *word),
                "{method} {path} {body}"
            );
        }
    });
}

#[test]
fn no_path_of_a_request_reaches_the_file_system() {
    run(async {
        let house = House::open().await;
        let (client, run) = house.started(vec![read("a", &[])], "run_ended").await;
        let socket = house.server.socket().to_owned();
        std::fs::write(house.root().join("owner.note"), "canary").unwrap();
        let below = format!("/v1/runs/{run}/logs");
        for path in [
            format!("{below}/../../../owner.note"),
            format!("{below}/..%2f..%2fowner.note/1"),
            format!("{below}/a/..%2f..%2fowner.note"),
            format!("{below}/a%00/1"),
            format!("{below}/a/1%2f..%2f..%2f..%2fowner.note"),
            format!("{below}/%2e%2e/1"),
            "/v1/runs/..%2f../logs/a/1".to_owned(),
            "//etc/passwd".to_owned(),
        ] {
            let (status, answer) = send(&socket, "GET", &path, &[], "").await;
            assert!([400, 404].contains(&status), "{path}: {status}");
            assert!(!answer.contains("canary"), "{path}");
        }
        // Even a link in the place of a log is not followed.
        let node = "a".parse().unwrap();
        let log = house.engine.state_dir().attempt_log(&run, &node, 1);
        assert!(!client.log(&run, &node, 1).await.unwrap().is_empty());
        std::fs::remove_file(&log).unwrap();
        std::os::unix::fs::symlink(house.root().join("owner.note"), &log).unwrap();
        let refused = client.log(&run, &node, 1).await.unwrap_err();
        assert_eq!(refused.code(), Some("unreadable_log"));
    });
}

#[test]
fn a_body_beyond_its_bound_is_not_read() {
    run(async {
        let house = House::open().await;
        let socket = house.server.socket().to_owned();
        let (_, run) = house.started(vec![gate("go", &[])], "gate_opened").await;
        let large = format!("{{\"reason\":\"{}\"}}", "a".repeat(600 << 10));
        let path = format!("/v1/runs/{run}/pause");
        let (status, answer) = send(&socket, "POST", &path, &[], &large).await;
        assert_eq!((status, code(&answer).as_str()), (413, "body_too_large"));
        // The same without saying beforehand how large it is.
        let mut chunked = format!(
            "POST {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\n\
             content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        for _ in 0..10 {
            chunked.push_str(&format!("{:x}\r\n{}\r\n", 64 << 10, " ".repeat(64 << 10)));
        }
        let (status, answer) = exchange(&socket, chunked.as_bytes()).await;
        assert_eq!((status, code(&answer).as_str()), (413, "body_too_large"));
        // The owner is still there, and the run as it was.
        let view = house.client().await.run(&run).await.unwrap();
        assert_eq!(view.state, "waiting");
    });
}

#[test]
fn what_is_not_http_harms_nobody() {
    run(async {
        let house = House::open().await;
        let socket = house.server.socket().to_owned();
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20));
        for bytes in [
            &b"\0\xff\xfe\r\n\r\n"[..],
            b"GET / HTTP/9.9\r\n\r\n",
            long.as_bytes(),
        ] {
            let (status, _) = exchange(&socket, bytes).await;
            assert!(status == 0 || status >= 400, "{status}");
        }
        assert!(house.client().await.owner().await.unwrap().you_are_owner);
    });
}
