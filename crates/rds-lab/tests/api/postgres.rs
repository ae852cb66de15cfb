//! The API with real servers behind it: what it says of them is compared with what they say
//! themselves.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rds_lab::api::{Api, Durations, Following, Options, Region, Trouble, UnderDr};
use rds_lab::{Lab, Server};
use serde_json::{Value, json};

use crate::client::{Answer, Client, send};

const OLD: &str = "15.16";
const NEW: &str = "15.18";

/// `target/lab/builds`, whichever directory the test binary lies in.
fn cache() -> PathBuf {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().unwrap().join("lab/builds")
}

fn api() -> Api {
    let mut lab = rds_lab::Options::new(cache());
    lab.fast_and_unsafe = true;
    let mut options = Options::postgres(lab);
    options.settings.durations = Durations::all(Duration::from_millis(20));
    Api::start(options).unwrap()
}

/// Both regions' clients, and the time that each phase took.
struct Scene<'a> {
    api: &'a Api,
    lab: &'a Lab,
    de: Client<'a>,
    nl: Client<'a>,
}

impl Scene<'_> {
    fn done(&self, what: &str, client: &Client<'_>, answer: &Answer) -> Value {
        let began = Instant::now();
        let job = client.ended(answer);
        println!("{what:<40} {:>6} ms", began.elapsed().as_millis());
        job
    }

    fn upgrade(&self) -> Value {
        let rest = format!("instances/{}/db-upgrade", self.api.servers().primary);
        let answer = self.de.call("POST", &rest, &json!({"is_delayed": false}));
        self.done("upgrade", &self.de, &answer)
    }

    /// The other side, as a body names it.
    fn target(&self, client: &Client<'_>, id: &str) -> Value {
        let shown = client.instance(id);
        json!({
            "target_instance_id": id, "target_project_id": client.region.project_id(),
            "target_region": client.region.as_str(), "target_ip": shown["private_ips"][0],
        })
    }

    fn remove(&self, of_primary: bool) {
        let (primary, dr) = (&self.api.servers().primary, &self.api.servers().dr);
        let (client, id, mut target) = match of_primary {
            true => (&self.de, primary, self.target(&self.nl, dr)),
            false => (&self.nl, dr, self.target(&self.de, primary)),
        };
        target["is_master"] = json!(of_primary);
        let rest = format!("instances/{id}/delete-disaster-recovery");
        let answer = client.call("DELETE", &rest, &target);
        assert_eq!(self.done("remove", client, &answer)["status"], "Completed");
    }

    fn build(&self, of_primary: bool) {
        let (primary, dr) = (&self.api.servers().primary, &self.api.servers().dr);
        let (client, id, body) = if of_primary {
            let mut target = self.target(&self.nl, dr);
            target["target_subnet"] = json!("127.0.0.0/8");
            (
                &self.de,
                primary,
                json!({ "build_master_dr_relation": target }),
            )
        } else {
            let target = self.target(&self.de, primary);
            (&self.nl, dr, json!({ "build_slave_dr_relation": target }))
        };
        let answer = client.call("POST", &format!("instances/{id}/action"), &body);
        let job = self.done("build", client, &answer);
        assert_eq!(job["status"], "Completed", "{job}");
    }

    fn replica_state(&self) -> Value {
        let rest = format!("instances/{}/disaster-recovery", self.api.servers().dr);
        self.nl.get(&rest).body["replica_state"].clone()
    }

    /// What the metric says.
    fn lag(&self, instance: &str) -> f64 {
        let target = format!(
            "/V1.0/{}/metric-data?namespace=SYS.RDS&metric_name=rds046_replication_lag\
             &dim.0=postgresql_cluster_id,{instance}&from=1&to=1000000&period=300&filter=max",
            Region::EuDe.project_id()
        );
        let headers = [("x-auth-token", self.de.token.as_str())];
        let answer = send(&self.api.endpoints().metrics, "GET", &target, &headers, "");
        answer.unwrap().body["datapoints"][0]["max"]
            .as_f64()
            .unwrap()
    }

    /// What each server says it is, in the lab's order.
    fn versions(&self) -> [String; 4] {
        Server::ALL.map(|server| self.lab.version(server).unwrap())
    }

    fn slots(&self) -> Vec<String> {
        let query = "select slot_name from pg_replication_slots order by slot_name";
        let rows = self.lab.sql(Server::Primary, query).unwrap();
        rows.into_iter().map(|mut row| row.remove(0)).collect()
    }
}

#[test]
fn what_the_api_says_is_done_at_real_servers() {
    let began = Instant::now();
    let api = api();
    println!("{:<40} {:>6} ms", "start", began.elapsed().as_millis());
    let lab = api.lab().unwrap();
    let (de, nl) = (
        Client::new(&api, Region::EuDe),
        Client::new(&api, Region::EuNl),
    );
    let scene = Scene {
        api: &api,
        lab,
        de,
        nl,
    };
    api.snapshot().unwrap();
    let primary = api.servers().primary.clone();
    let shown = scene.de.instance(&primary);
    let port = lab.description().server(Server::Primary).port;
    assert_eq!(
        (&shown["private_ips"][0], &shown["port"]),
        (&json!("127.0.0.1"), &json!(port))
    );
    assert_eq!(shown["datastore"]["complete_version"], "15.16.21");

    // A backup is one that PostgreSQL has verified.
    let body = json!({"instance_id": primary, "name": "before-upgrade"});
    let backup = scene.de.call("POST", "backups", &body);
    api.wait_at_rest(Duration::from_secs(60)).unwrap();
    let id = backup.body["backup"]["id"].as_str().unwrap();
    let listed = scene
        .de
        .get(&format!("backups?instance_id={primary}&backup_id={id}"));
    assert_eq!(listed.body["backups"][0]["status"], "COMPLETED");
    assert!(
        lab.dir()
            .join("backups")
            .join(id)
            .join("backup_manifest")
            .exists()
    );

    // A failed upgrade has restarted the servers and is back at the old build.
    let started = lab.postmaster_start_time(Server::Primary).unwrap();
    api.trouble(Trouble::UpgradeFails, 1);
    let job = scene.upgrade();
    assert!(
        job["fail_reason"].as_str().unwrap().contains("rolled back"),
        "{job}"
    );
    assert_eq!(scene.versions(), [OLD; 4]);
    assert_ne!(lab.postmaster_start_time(Server::Primary).unwrap(), started);
    assert_eq!(lab.followers().unwrap(), Server::STANDBYS);

    // An upgrade takes the replicas along and leaves disaster recovery behind, streaming.
    assert_eq!(scene.upgrade()["status"], "Completed");
    assert_eq!(scene.versions(), [NEW, NEW, NEW, OLD]);
    assert_eq!(scene.replica_state(), "0");

    // Removed, nothing streams and no WAL is kept; built again, it streams on the new build.
    scene.remove(false);
    let replicas = [Server::Replica1, Server::Replica2];
    assert_eq!(lab.followers().unwrap(), replicas);
    assert_eq!(scene.slots(), ["dr", "replica1", "replica2"]);
    scene.remove(true);
    assert_eq!(scene.slots(), ["replica1", "replica2"]);
    scene.build(true);
    assert_eq!(scene.slots(), ["dr", "replica1", "replica2"]);
    scene.build(false);
    assert_eq!(scene.versions(), [NEW; 4]);
    assert_eq!(scene.replica_state(), "0");
    lab.sql(
        Server::Primary,
        "create table after_all as select 42 as answer",
    )
    .unwrap();
    let lsn = lab.current_lsn().unwrap();
    lab.wait_replayed(Server::Dr, &lsn, Duration::from_secs(30))
        .unwrap();
    assert_eq!(
        lab.sql_value(Server::Dr, "select answer from after_all")
            .unwrap(),
        "42"
    );

    // What stays away is seen, although nobody told the API.
    lab.cut_off(Server::Dr).unwrap();
    assert_eq!(scene.replica_state(), "-1");

    // A replica is made to lag and to stay away, and catches up.
    let replica = &api.servers().replicas[0];
    api.set_following(replica, Following::Behind(0)).unwrap();
    lab.write_wal().unwrap();
    assert!(scene.lag(replica) > 100.0, "{}", scene.lag(replica));
    api.set_following(replica, Following::Away).unwrap();
    assert_eq!(lab.followers().unwrap(), [Server::Replica2]);
    api.set_following(replica, Following::Streaming).unwrap();
    lab.wait_streaming(&replicas, Duration::from_secs(30))
        .unwrap();
    let lsn = lab.current_lsn().unwrap();
    lab.wait_replayed(Server::Replica1, &lsn, Duration::from_secs(30))
        .unwrap();

    // Put back, everything is as it was, and the other behaviour breaks the relation.
    let began = Instant::now();
    api.restore().unwrap();
    println!("{:<40} {:>6} ms", "restore", began.elapsed().as_millis());
    assert_eq!(
        (scene.versions(), api.effects()),
        ([OLD; 4].map(str::to_owned), vec![])
    );
    assert_eq!(scene.replica_state(), "0");
    api.settings(|settings| settings.under_dr = UnderDr::Breaks);
    let old = api.trouble(Trouble::ReplicaStaysOld, 1);
    let away = api.trouble(Trouble::ReplicaStaysAway, 1);
    assert_eq!(scene.upgrade()["status"], "Completed");
    assert_eq!((api.fired(old), api.fired(away)), (1, 1));
    assert_eq!(scene.replica_state(), "-1");
    let versions = scene.versions();
    let followers = lab.followers().unwrap();
    let (kept, other) = match followers.as_slice() {
        [Server::Replica1] => (&versions[2], &versions[1]),
        [Server::Replica2] => (&versions[1], &versions[2]),
        others => panic!("one replica follows, but {others:?} do"),
    };
    assert_eq!(
        [&versions[0], kept, other, &versions[3]],
        [NEW, OLD, NEW, OLD]
    );

    let dir = lab.dir().to_owned();
    drop(scene);
    drop(api);
    assert!(!dir.exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
