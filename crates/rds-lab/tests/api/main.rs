//! The API over HTTP, with nothing behind it: who may ask, what is answered, what is done.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod client;
mod faults;
mod postgres;
mod program;

use std::time::Duration;

use rds_lab::api::{Api, Dialect, Durations, Options, Region, Settings};
use rds_lab::witness::Witness;
use serde_json::json;

use client::{Client, send, signed, token};

/// Operations end only when a test moves the clock.
fn api() -> Api {
    let mut options = Options::simulated();
    options.settings.durations = Durations::all(Duration::from_secs(40));
    Api::start(options).unwrap()
}

fn pass(api: &Api) {
    api.clock().advance(Duration::from_secs(40));
}

#[test]
fn a_token_opens_its_project_until_it_expires() {
    let api = api();
    let client = Client::new(&api, Region::EuDe);
    assert_eq!(client.get("instances").status, 200);

    let other = Client {
        region: Region::EuNl,
        ..Client::new(&api, Region::EuDe)
    };
    assert_eq!(other.get("instances").code(), (403, "DBS.200010"));
    let foreign = format!("/v3/{}/instances", Region::EuNl.project_id());
    let token = token(&api, Region::EuDe);
    let ask = |headers: &[(&str, &str)], target: &str| {
        send(&api.endpoints().rds_eu_de, "GET", target, headers, "").unwrap()
    };
    let shown = [("x-auth-token", token.as_str())];
    assert_eq!(ask(&shown, &foreign).code(), (403, "DBS.200010"));
    let own = format!("/v3/{}/instances", Region::EuDe.project_id());
    assert_eq!(ask(&[], &own).code(), (401, "APIGW.0301"));
    assert_eq!(
        ask(&[("x-auth-token", "x")], &own).code(),
        (401, "APIGW.0301")
    );
    assert_eq!(ask(&shown, "/v3/nothing").code(), (404, "APIGW.0101"));

    api.clock().advance(Duration::from_secs(24 * 3600));
    let expired = ask(&shown, &own);
    assert_eq!(expired.code(), (401, "APIGW.0307"));
    assert_eq!(expired.body["error_msg"], "The token must be updated.");
    assert_eq!(Client::new(&api, Region::EuDe).get("instances").status, 200);
}

#[test]
fn a_wrong_password_is_refused_in_iams_own_form() {
    let api = api();
    let who = api.credentials();
    let body = json!({"auth": {"identity": {"methods": ["password"], "password": {"user": {
        "name": who.user, "password": "guess", "domain": {"name": who.domain}}}}}});
    let iam = &api.endpoints().iam;
    let answer = send(iam, "POST", "/v3/auth/tokens", &[], &body.to_string()).unwrap();
    assert_eq!(
        (answer.status, &answer.body["error"]["code"]),
        (401, &json!(401))
    );
    assert!(!answer.body.to_string().contains(&who.password));
    let answer = send(iam, "POST", "/v3/auth/tokens", &[], "{}").unwrap();
    assert_eq!(answer.status, 400);
}

#[test]
fn both_dialects_sign_and_late_or_changed_requests_are_refused() {
    let api = api();
    let rds = &api.endpoints().rds_eu_de;
    let target = format!(
        "/v3/{}/instances?limit=2&name=orders",
        Region::EuDe.project_id()
    );
    for dialect in [Dialect::A, Dialect::B] {
        let headers = signed(&api, rds, &target, dialect);
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = send(rds, "GET", &target, &headers, "").unwrap();
        assert_eq!(answer.status, 200, "{dialect:?}: {answer:?}");
        assert_eq!(answer.body["total_count"], 1);
        let changed = target.replace("orders", "others");
        let answer = send(rds, "GET", &changed, &headers, "").unwrap();
        assert_eq!(answer.code(), (401, "APIGW.0301"), "{dialect:?}");
        let iam = &api.endpoints().iam;
        let headers = signed(&api, iam, "/v3/projects?name=eu-nl", dialect);
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = send(iam, "GET", "/v3/projects?name=eu-nl", &headers, "").unwrap();
        assert_eq!(answer.body["projects"][0]["id"], Region::EuNl.project_id());
    }
    let headers = signed(&api, rds, &target, Dialect::A);
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    api.clock().advance(Duration::from_secs(16 * 60));
    let answer = send(rds, "GET", &target, &headers, "").unwrap();
    assert_eq!(answer.code(), (401, "APIGW.0301"));
    assert!(
        answer.body["error_msg"]
            .as_str()
            .unwrap()
            .contains("expired")
    );
}

#[test]
fn the_list_of_instances_is_filtered_paged_and_whole() {
    let api = api();
    let client = Client::new(&api, Region::EuDe);
    let total = |rest: &str| client.get(rest).body["total_count"].clone();
    assert_eq!(total("instances"), 5);
    assert_eq!(total("instances?datastore_type=PostgreSQL"), 4);
    assert_eq!(total("instances?datastore_type=postgresql"), 0);
    assert_eq!(total("instances?type=Replica"), 2);
    assert_eq!(total("instances?name=orders"), 1);
    assert_eq!(total("instances?name=*orders"), 3);
    assert_eq!(total("instances?tags=a%3Db"), 0);
    assert_eq!(client.get("instances?name=*").code(), (400, "DBS.280001"));
    assert_eq!(
        client.get("instances?limit=101").code(),
        (400, "DBS.280001")
    );
    assert_eq!(client.get("instances?limit=x").code(), (400, "DBS.280001"));
    let page = client.get("instances?offset=4&limit=3").body;
    assert_eq!(page["instances"].as_array().unwrap().len(), 1);

    let servers = api.servers();
    let primary = client.instance(&servers.primary);
    assert_eq!(primary["type"], "Ha");
    assert_eq!(primary["datastore"]["complete_version"], "15.16.21");
    assert_eq!(primary["ha"]["replication_mode"], "async");
    assert_eq!(primary["nodes"].as_array().unwrap().len(), 2);
    let mut replicas: Vec<&str> = primary["related_instance"]
        .as_array()
        .unwrap()
        .iter()
        .map(|related| related["id"].as_str().unwrap())
        .collect();
    let mut expected: Vec<&str> = servers.replicas.iter().map(String::as_str).collect();
    replicas.sort_unstable();
    expected.sort_unstable();
    assert_eq!(replicas, expected);
    let replica = client.instance(&servers.replicas[0]);
    assert_eq!(replica["related_instance"][0]["type"], "replica_of");
    assert_eq!(
        replica["related_instance"][0]["id"],
        servers.primary.as_str()
    );
    assert!(primary["created"].as_str().unwrap().ends_with("+0000"));
    assert_eq!(primary["storage_used_space"], 21.0);
    let listed = client.get("instances?name=orders").body["instances"][0].clone();
    assert_eq!(
        listed.get("storage_used_space"),
        None,
        "measured for one id only"
    );
    let dr = Client::new(&api, Region::EuNl).instance(&servers.dr);
    assert_eq!(
        (&dr["type"], &dr["region"]),
        (&json!("Single"), &json!("eu-nl"))
    );
}

#[test]
fn a_backup_and_an_upgrade_go_through_and_are_witnessed() {
    let api = api();
    let client = Client::new(&api, Region::EuDe);
    let primary = api.servers().primary.clone();
    let new = json!({"instance_id": primary, "name": "before-upgrade"});
    let backup = client.call("POST", "backups", &new);
    assert_eq!(
        (backup.status, &backup.body["backup"]["status"]),
        (200, &json!("BUILDING"))
    );
    assert_eq!(
        client.call("POST", "backups", &new).code(),
        (409, "DBS.201205")
    );
    pass(&api);
    let list = format!("backups?instance_id={primary}");
    assert_eq!(client.get(&list).body["backups"][0]["status"], "COMPLETED");
    assert_eq!(client.get("backups").code(), (400, "DBS.280001"));
    let half = format!("{list}&begin_time=2026-01-01");
    assert_eq!(client.get(&half).code(), (400, "DBS.280001"));

    let path = format!("instances/{primary}/db-upgrade");
    let upgrade = client.call("POST", &path, &json!({"is_delayed": false}));
    assert_eq!(upgrade.status, 202);
    let job = upgrade.body["job_id"].as_str().unwrap();
    let look = format!("jobs?id={job}");
    assert_eq!(client.get(&look).code(), (400, "DBS.200543"));
    let again = client.call("POST", &path, &json!({}));
    assert_eq!(again.code(), (409, "DBS.200011"));
    pass(&api);
    assert_eq!(client.get(&look).body["job"]["status"], "Completed");
    assert_eq!(
        client.instance(&primary)["datastore"]["complete_version"],
        "15.18.24"
    );
    let tasks = client.get(&format!("tasklist?instance_id={primary}&start_time=1"));
    assert_eq!(tasks.body["tasks"][0]["id"], job);
    assert_eq!(client.get("tasklist?limit=51").code(), (400, "DBS.280001"));

    let id = backup.body["backup"]["id"].as_str().unwrap();
    assert_eq!(
        client
            .call("DELETE", &format!("backups/{id}"), &json!(null))
            .status,
        200
    );
    let witness = Witness::read(&api.effects_path()).unwrap();
    assert_eq!(witness.steps()["upgrade.started"], 1);
    assert_eq!(witness.steps()["backup.completed"], 1);
    assert_eq!(witness.lines[2].attempt, format!("{primary}/{job}"));
    assert_eq!(api.count("upgrade.started"), 1);
    let state = send(&api.endpoints().control, "GET", "/lab/effects", &[], "").unwrap();
    assert_eq!(state.body["effects"].as_array().unwrap().len(), 4);
}

#[test]
fn disaster_recovery_is_removed_and_built_over_both_regions() {
    let api = api();
    let (de, nl) = (
        Client::new(&api, Region::EuDe),
        Client::new(&api, Region::EuNl),
    );
    let (primary, dr) = (api.servers().primary.clone(), api.servers().dr.clone());
    let pairs = de.get("instances/disaster-recovery-relation").body;
    let pair = &pairs["instance_dr_relations"][0];
    assert_eq!(pair["slave_instances"][0]["instance_id"], dr.as_str());
    let status = format!("instances/{dr}/disaster-recovery");
    assert_eq!(nl.get(&status).body["replica_state"], "0");

    let toward = |client: &Client<'_>, id: &str| {
        let found = client.instance(id);
        json!({
            "target_instance_id": id, "target_project_id": client.region.project_id(),
            "target_region": client.region.as_str(), "target_ip": found["private_ips"][0],
        })
    };
    let (to_primary, mut to_dr) = (toward(&de, &primary), toward(&nl, &dr));
    let remove = |client: &Client<'_>, id: &str, target: &serde_json::Value, is_master| {
        let mut body = target.clone();
        body["is_master"] = json!(is_master);
        let rest = format!("instances/{id}/delete-disaster-recovery");
        let answer = client.call("DELETE", &rest, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        pass(&api);
        client.ended(&answer)["status"].clone()
    };
    assert_eq!(remove(&nl, &dr, &to_primary, false), "Completed");
    assert_eq!(remove(&de, &primary, &to_dr, true), "Completed");
    let infos = |client: &Client<'_>| {
        let answer = client.call("POST", "instances/disaster-recovery-infos", &json!({}));
        answer.body["instance_dr_infos"].clone()
    };
    assert_eq!((infos(&de), infos(&nl)), (json!([]), json!([])));
    assert_eq!(nl.get(&status).code(), (400, "DBS.01010244"));

    let act = |client: &Client<'_>, id: &str, body: &serde_json::Value| {
        let answer = client.call("POST", &format!("instances/{id}/action"), body);
        if answer.status != 202 {
            return json!(answer.code().1);
        }
        pass(&api);
        client.ended(&answer)["status"].clone()
    };
    let without_subnet = json!({ "build_master_dr_relation": to_dr });
    assert_eq!(act(&de, &primary, &without_subnet), "DBS.280001");
    to_dr["target_subnet"] = json!("10.1.0.0/24");
    let build = json!({ "build_master_dr_relation": to_dr });
    assert_eq!(act(&de, &primary, &build), "Completed");
    let build = json!({ "build_slave_dr_relation": to_primary });
    assert_eq!(act(&nl, &dr, &build), "Completed");
    assert_eq!(infos(&de)[0]["status"], "normal");
    assert_eq!(infos(&nl)[0]["replica_state"], "0");
    assert_eq!(act(&de, &primary, &json!({"explode": {}})), "APIGW.0101");
    assert_eq!(api.count("dr_build_dr.completed"), 1);
}

#[test]
fn a_cloud_may_lack_what_only_the_upstream_documents() {
    let mut options = Options::simulated();
    options.settings = Settings {
        dr_offered: false,
        minor_reads_offered: false,
        ..Settings::default()
    };
    let api = Api::start(options).unwrap();
    let client = Client::new(&api, Region::EuDe);
    for rest in [
        "instances/disaster-recovery-relation",
        "datastores/postgresql/small-version?version=15",
    ] {
        assert_eq!(client.get(rest).code(), (404, "APIGW.0101"), "{rest}");
    }
    let api = self::api();
    let client = Client::new(&api, Region::EuDe);
    let minors = client.get("datastores/postgresql/small-version?version=15.16.21");
    assert_eq!(minors.body["data_stores"][0]["name"], "15.18.24");
    let switch = format!("instances/{}/db-auto-upgrade", api.servers().primary);
    assert_eq!(client.get(&switch).body["switch_option"], false);
    let set = client.call("PUT", &switch, &json!({"switch_option": true}));
    assert_eq!(set.status, 200);
    assert_eq!(client.get(&switch).body["switch_option"], true);
}

#[test]
fn metrics_are_answered_one_by_one_and_in_batches() {
    let api = api();
    let token = token(&api, Region::EuDe);
    let headers = [("x-auth-token", token.as_str())];
    let project = Region::EuDe.project_id();
    let ask = |instance: &str, metric: &str| {
        let target = format!(
            "/V1.0/{project}/metric-data?namespace=SYS.RDS&metric_name={metric}\
             &dim.0=postgresql_cluster_id,{instance}&from=1700000000000&to=1700000600000\
             &period=300&filter=average"
        );
        send(&api.endpoints().metrics, "GET", &target, &headers, "").unwrap()
    };
    let replica = &api.servers().replicas[0];
    let status = |instance: &str| {
        ask(instance, "slave_replication_status").body["datapoints"][0]["average"].clone()
    };
    assert_eq!(status(&api.servers().primary), 2.0);
    assert_eq!(status(replica), 1.0);
    api.set_following(replica, rds_lab::api::Following::Away)
        .unwrap();
    assert_eq!(status(replica), 0.0);
    api.set_following(replica, rds_lab::api::Following::Behind(7000))
        .unwrap();
    let lag = ask(replica, "rds046_replication_lag").body;
    assert_eq!(lag["datapoints"].as_array().unwrap().len(), 2);
    assert_eq!(lag["datapoints"][1]["average"], 7000.0);
    assert_eq!(ask(replica, "no_such_metric").body["datapoints"], json!([]));

    let metric = |name: &str| {
        json!({"namespace": "SYS.RDS", "metric_name": name, "dimensions":
            [{"name": "postgresql_cluster_id", "value": api.servers().primary}]})
    };
    let body = json!({
        "metrics": [metric("rds039_disk_util"), metric("rds083_conn_usage")],
        "from": 1_700_000_000_000_u64, "to": 1_700_000_600_000_u64, "period": "300",
        "filter": "max",
    });
    let target = format!("/V1.0/{project}/batch-query-metric-data");
    let metrics = &api.endpoints().metrics;
    let answer = send(metrics, "POST", &target, &headers, &body.to_string()).unwrap();
    assert_eq!(answer.body["metrics"][0]["datapoints"][0]["max"], 21.0);
    let dr = Client::new(&api, Region::EuNl);
    assert_eq!(dr.get("instances").status, 200);
}
