//! Each fault as a client meets it, and what the log of effects says was done.

use std::time::Duration;

use rds_lab::api::{Api, Call, Fault, On, Region, Trouble};
use serde_json::json;

use crate::client::{Answer, Client, send};
use crate::{api, pass};

/// A backup, which is an effect that can be asked for again under another name.
fn backup(client: &Client<'_>, name: &str) -> Result<Answer, String> {
    let body = json!({"instance_id": client.api.servers().primary, "name": name});
    client.try_call("POST", "backups", &body.to_string())
}

/// What the fault answers, how often it fired, and how many backups were begun.
fn met(api: &Api, fault: Fault) -> (Result<Answer, String>, u32, usize) {
    let client = Client::new(api, Region::EuDe);
    let before = api.count("backup.started");
    let asked = api.asked(Call::CreateBackup);
    let armed = api.fault(Call::CreateBackup, fault);
    let answer = backup(&client, &format!("backup-{before}"));
    let fired = api.fired(armed);
    assert_eq!(
        api.asked(Call::CreateBackup) - asked,
        1,
        "counted whatever became of it"
    );
    let begun = api.count("backup.started") - before;
    pass(api);
    (answer, fired, begun)
}

#[test]
fn a_reply_is_lost_before_or_after_the_effect() {
    let api = api();
    let (answer, fired, begun) = met(&api, Fault::LoseReplyBefore);
    assert!(answer.unwrap_err().contains("after 0 bytes"));
    assert_eq!((fired, begun), (1, 0));
    let (answer, fired, begun) = met(&api, Fault::LoseReplyAfter);
    assert!(answer.unwrap_err().contains("after 0 bytes"));
    assert_eq!((fired, begun), (1, 1));
}

#[test]
fn a_reply_is_cut_after_so_many_bytes_and_a_short_one_comes_whole() {
    let api = api();
    for bytes in [1, 20, 150] {
        let (answer, fired, begun) = met(&api, Fault::CutAfter(bytes));
        let why = answer.unwrap_err();
        assert_eq!(why, format!("cut after {bytes} bytes"));
        assert_eq!((fired, begun), (1, 1));
    }
    let (answer, fired, begun) = met(&api, Fault::CutAfter(1 << 20));
    assert_eq!(answer.unwrap().status, 200);
    assert_eq!((fired, begun), (0, 1));
}

#[test]
fn refusals_of_the_gateway_have_no_effect_unless_they_come_after_it() {
    let api = api();
    let (answer, fired, begun) = met(&api, Fault::Conflict);
    assert_eq!(answer.unwrap().code(), (409, "DBS.200011"));
    assert_eq!((fired, begun), (1, 0));
    let (answer, fired, begun) = met(&api, Fault::TooMany(7));
    let answer = answer.unwrap();
    assert_eq!(answer.code(), (429, "APIGW.0308"));
    assert_eq!(answer.header("retry-after").as_deref(), Some("7"));
    assert_eq!((fired, begun), (1, 0));
    let (answer, fired, begun) = met(&api, Fault::ServerErrorBefore(500));
    assert_eq!(answer.unwrap().code(), (500, "DBS.200005"));
    assert_eq!((fired, begun), (1, 0));
    let (answer, fired, begun) = met(&api, Fault::ServerErrorAfter(503));
    assert_eq!(answer.unwrap().code(), (503, "none"));
    assert_eq!((fired, begun), (1, 1));
}

#[test]
fn a_request_is_delivered_twice_and_late() {
    let api = api();
    // The second delivery finds the backup running.
    let (answer, fired, begun) = met(&api, Fault::Twice);
    assert_eq!(answer.unwrap().status, 200);
    assert_eq!((fired, begun), (1, 1));
    let (answer, fired, begun) = met(&api, Fault::TwiceAnsweredLast);
    assert_eq!(answer.unwrap().code(), (409, "DBS.201205"));
    assert_eq!((fired, begun), (1, 1));
    let (answer, fired, begun) = met(&api, Fault::Slow(20));
    assert_eq!((answer.unwrap().status, fired, begun), (200, 1, 1));
    let (answer, fired, begun) = met(&api, Fault::Late(20));
    assert_eq!((answer.unwrap().status, fired, begun), (200, 1, 1));
}

#[test]
fn what_was_sent_arrives_when_its_sender_has_gone() {
    let api = api();
    let client = Client::new(&api, Region::EuDe);
    let armed = api.fault(Call::CreateBackup, Fault::Late(300));
    let host = api.endpoints().rds_eu_de.strip_prefix("http://").unwrap();
    let body = json!({"instance_id": api.servers().primary, "name": "left-alone"}).to_string();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    let head = format!(
        "POST /v3/{}/backups HTTP/1.1\r\nhost: {host}\r\nx-auth-token: {}\r\ncontent-length: {}\r\n\r\n",
        Region::EuDe.project_id(),
        client.token,
        body.len()
    );
    std::io::Write::write_all(&mut stream, (head + &body).as_bytes()).unwrap();
    while api.fired(armed) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(stream);
    let patience = std::time::Instant::now() + Duration::from_secs(20);
    while api.count("backup.started") == 0 {
        assert!(std::time::Instant::now() < patience, "it never arrived");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_fault_waits_for_its_call_and_is_counted_at_the_labs_own_paths() {
    let api = api();
    let client = Client::new(&api, Region::EuDe);
    let control = &api.endpoints().control;
    let armed = json!({"fault": {"too_many": 3}, "on": {"call": "list_instances", "skip": 1}});
    let set = send(control, "POST", "/lab/faults", &[], &armed.to_string()).unwrap();
    assert_eq!(set.body["faults"][0]["fired"], 0, "{set:?}");
    let typo = json!({"fault": "conflict", "on": {"calls": "upgrade"}});
    let refused = send(control, "POST", "/lab/faults", &[], &typo.to_string()).unwrap();
    assert_eq!(refused.code(), (400, "DBS.280001"));
    assert_eq!(client.get("tasklist").status, 200);
    let statuses: Vec<u16> = (0..3).map(|_| client.get("instances").status).collect();
    assert_eq!(statuses, [200, 429, 200]);
    let listed = send(control, "GET", "/lab/faults", &[], "").unwrap();
    assert_eq!(listed.body["faults"][0]["fired"], 1);

    let on = On {
        times: u32::MAX,
        ..On::default()
    };
    api.fault(on, Fault::ServerErrorBefore(502));
    assert_eq!(client.get("instances").status, 502);
    let cleared = send(control, "DELETE", "/lab/faults", &[], "").unwrap();
    assert_eq!(cleared.status, 200);
    assert_eq!(client.get("instances").status, 200);
}

#[test]
fn troubles_states_and_behaviour_are_set_at_the_labs_own_paths() {
    let api = api();
    let client = Client::new(&api, Region::EuDe);
    let primary = api.servers().primary.clone();
    let set = |path: &str, body: serde_json::Value| {
        let control = &api.endpoints().control;
        let answer = send(control, "POST", path, &[], &body.to_string()).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let upgrade = || {
        let path = format!("instances/{primary}/db-upgrade");
        client.call("POST", &path, &json!({}))
    };
    let here = format!("/lab/instances/{primary}");
    set(&here, json!({"node_status": "ABNORMAL"}));
    assert_eq!(upgrade().code(), (400, "DBS.200076"));
    set(
        &here,
        json!({"node_status": "ACTIVE", "status": "STORAGE FULL"}),
    );
    assert_eq!(upgrade().code(), (409, "DBS.200316"));
    set(
        &here,
        json!({"status": "ACTIVE", "address": "192.168.7.99", "following": {"behind": 5}}),
    );
    assert_eq!(
        client.instance(&primary)["private_ips"],
        json!(["192.168.7.99"])
    );
    api.change(&primary, |instance| instance.volume_gb = 40)
        .unwrap();
    assert_eq!(client.instance(&primary)["volume"]["size"], 40);
    assert!(api.change("nobody", |_| ()).is_err());
    set("/lab/behaviour", json!({"under_dr": "refused"}));
    assert_eq!(upgrade().code(), (400, "DBS.200086"));
    set(
        "/lab/behaviour",
        json!({"under_dr": "breaks", "requests_per_minute": 1000}),
    );

    let failing = api.trouble(Trouble::UpgradeFails, 1);
    set(
        "/lab/faults",
        json!({"fault": {"trouble": {"job_hidden": 1000}}}),
    );
    let begun = upgrade();
    set("/lab/clock", json!({"advance_ms": 40_000}));
    assert_eq!(client.ended(&begun)["status"], "Failed");
    assert_eq!(api.fired(failing), 1);

    set("/lab/behaviour", json!({"requests_per_minute": 1}));
    assert_eq!(client.get("instances").code(), (429, "APIGW.0308"));
    api.settings(|settings| {
        settings.requests_per_minute = None;
        settings.errors_of_v1 = true;
    });
    assert_eq!(client.get("backups").body["errCode"], "DBS.280001");
}
