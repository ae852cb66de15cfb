//! Secrets go to the attempts of one run and nowhere else.

use std::collections::BTreeMap;
use std::path::Path;

use windlass_core::id::SecretName;
use windlass_core::plan::{Plan, Template};
use windlass_server::wire::{BringSecrets, SecretText, StartRun};

use crate::captured;
use crate::house::{House, calling, plan, read, run, seen, start};
use crate::raw::{code, send};

const CANARY: &str = "canary-7f3a-do-not-print";

fn secret() -> BTreeMap<SecretName, SecretText> {
    let value = secrecy::SecretString::from(CANARY).into();
    BTreeMap::from([("password".parse().unwrap(), value)])
}

fn needing() -> Plan {
    let name: SecretName = "password".parse().unwrap();
    let step = calling(read("a", &[]), |call| {
        call.with = Template::Secret(name.clone())
    });
    let mut plan = plan(vec![step]);
    plan.secrets.insert(name);
    plan
}

/// Every file under a directory that holds the canary.
fn leaks(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(leaks(&path));
        } else if std::fs::read(&path)
            .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(CANARY))
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_run_waits_for_secrets_until_they_are_brought() {
    captured::begin();
    run(async {
        let house = House::open().await;
        let client = house.client().await;
        let started = client.start(&start(needing()), None).await.unwrap();
        let view = seen(&client, &started.run, |view| !view.waits_for.is_empty()).await;
        assert_eq!(
            (view.state.as_str(), view.waits_for.as_str()),
            ("waiting", "secrets password")
        );
        let need = view
            .needs
            .iter()
            .find(|need| need.code == "secrets")
            .unwrap();
        assert_eq!(need.next, [format!("windlass resume {}", started.run)]);

        let bring = BringSecrets { secrets: secret() };
        assert!(!format!("{bring:?}").contains(CANARY));
        client.bring_secrets(&started.run, &bring).await.unwrap();
        let view = seen(&client, &started.run, |view| view.end.is_some()).await;
        assert_eq!(view.end.as_deref(), Some("succeeded"));
        assert!(view.needs.is_empty());
        let late = client
            .bring_secrets(&started.run, &bring)
            .await
            .unwrap_err();
        assert_eq!(late.code(), Some("run_ended"));

        let node = "a".parse().unwrap();
        let log = client.log(&started.run, &node, 1).await.unwrap();
        let log = String::from_utf8(log).unwrap();
        assert!(log.contains("login with [secret]"), "{log}");
        assert_eq!(leaks(house.root()), Vec::<String>::new());
        let view = serde_json::to_string(&view).unwrap();
        assert!(!view.contains(CANARY));
    });
    assert!(
        captured::log().contains("/v1/runs/{run}/secrets"),
        "the log was captured"
    );
    assert!(!captured::log().contains(CANARY));
}

#[test]
fn secrets_that_come_with_a_start_are_used_and_not_kept() {
    captured::begin();
    run(async {
        let house = House::open().await;
        let client = house.client().await;
        let ask = StartRun {
            secrets: secret(),
            ..start(needing())
        };
        assert!(!format!("{ask:?}").contains(CANARY));
        let started = client.start(&ask, None).await.unwrap();
        seen(&client, &started.run, |view| view.end.is_some()).await;
        assert_eq!(leaks(house.root()), Vec::<String>::new());

        let unnamed = StartRun {
            secrets: secret(),
            ..start(plan(vec![read("a", &[])]))
        };
        let error = client.start(&unnamed, None).await.unwrap_err();
        assert_eq!(error.code(), Some("unknown_secret"));
        assert!(!format!("{error} {error:?}").contains(CANARY));
    });
    assert!(!captured::log().contains(CANARY));
}

#[test]
fn a_refusal_repeats_no_secret_wherever_it_stood() {
    captured::begin();
    run(async {
        let house = House::open().await;
        let socket = house.server.socket().to_owned();
        let client = house.client().await;
        let started = client.start(&start(needing()), None).await.unwrap();
        let bring = format!("/v1/runs/{}/secrets", started.run);
        for path in ["/v1/runs", &bring] {
            for body in [
                format!("{{\"secrets\":\"{CANARY}\"}}"),
                format!("{{\"{CANARY}\":1}}"),
                format!("{{\"secrets\":{{\"{CANARY}\":\"x\"}}}}"),
                format!("{{\"secrets\":{{\"password\":{{\"value\":\"{CANARY}\"}}}}}}"),
                format!("{{\"secrets\":{{\"password\":\"{CANARY}\"}},\"{CANARY}\":2}}"),
                format!("{{\"plan\":\"{CANARY}\"}}"),
                format!("\"{CANARY}\""),
                format!("{{\"secrets\":{{\"password\":\"{CANARY}"),
            ] {
                let (status, answer) = send(&socket, "POST", path, &[], &body).await;
                assert_eq!(
                    (status, code(&answer).as_str()),
                    (400, "bad_body"),
                    "{body}"
                );
                assert!(!answer.contains(CANARY), "{answer}");
            }
        }
        let path = format!("/v1/runs/{CANARY}/secrets?{CANARY}");
        send(&socket, "POST", &path, &[("x-canary", CANARY)], "{}").await;
        assert_eq!(leaks(house.root()), Vec::<String>::new());
    });
    assert!(!captured::log().contains(CANARY));
}
