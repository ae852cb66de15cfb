//! `postgres_rolling_restart.yaml` on a lab: values grow, shrink, and are refused.

use std::path::Path;

use rds_lab::{Lab, Options, Server};
use serde_json::{Value, json};
use windlass_core::event::Event;
use windlass_core::outcome::Effected;

use crate::runs::Run;

const RUNBOOK: &str = "postgres_rolling_restart.yaml";
const SERVERS: [Server; 4] = [
    Server::Primary,
    Server::Replica1,
    Server::Replica2,
    Server::Dr,
];

fn lab() -> Lab {
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/lab/builds");
    let options = Options {
        fast_and_unsafe: true,
        ..Options::new(cache)
    };
    Lab::create(&options).unwrap()
}

fn run(lab: &Lab, parameters: Value) -> Run {
    let all = lab.inputs();
    let mut standbys = all["standbys"].as_array().unwrap().clone();
    standbys.push(all["dr"].clone());
    let mut inputs = json!({"standbys": standbys, "parameters": parameters});
    for name in [
        "primary",
        "run_as",
        "psql",
        "database",
        "admin_user",
        "sslmode",
        "insecure_reason",
    ] {
        inputs[name] = all[name].clone();
    }
    let secrets = lab.secret_files();
    let is_used = |(name, _): &(String, _)| name == "admin_password";
    Run::of(
        RUNBOOK,
        &inputs,
        secrets.into_iter().filter(is_used).collect(),
    )
}

fn value(lab: &Lab, server: Server, name: &str) -> String {
    lab.sql_value(server, &format!("show {name}")).unwrap()
}

/// The items of the restart, in the order in which they began.
fn order(run: &Run) -> Vec<String> {
    let story = run.story();
    let started = story.events().filter_map(|event| match event {
        Event::AttemptStarted { node, .. } => Some(node.to_string()),
        _ => None,
    });
    started.filter(|node| node.starts_with("restart")).collect()
}

#[test]
fn values_grow_standbys_first_and_shrink_primary_first() {
    let lab = lab();
    let before = value(&lab, Server::Primary, "max_connections");
    let before: u32 = before.parse().unwrap();
    for (step, first) in [(30, Server::Replica1), (20, Server::Primary)] {
        let wanted = (before + step).to_string();
        let parameters = json!({"max_connections": wanted, "shared_buffers": "24MB"});
        let run = run(&lab, parameters);
        let starts = SERVERS.map(|server| lab.postmaster_start_time(server).unwrap());
        let death = run.live(|_| {});
        assert!(death.status.success(), "{death:#?}");
        for (server, start) in SERVERS.into_iter().zip(starts) {
            assert_eq!(value(&lab, server, "max_connections"), wanted);
            assert_eq!(value(&lab, server, "shared_buffers"), "24MB");
            assert_ne!(lab.postmaster_start_time(server).unwrap(), start);
        }
        assert_eq!(
            order(&run),
            ["restart", "restart[1]", "restart[2]", "restart[3]"]
        );
        // Times of start are texts of one form, and so are in order.
        let times = SERVERS.map(|server| lab.postmaster_start_time(server).unwrap());
        let earliest = times.iter().min().unwrap();
        let earliest = times.iter().position(|time| time == earliest).unwrap();
        assert_eq!(SERVERS[earliest].as_str(), first.as_str());
        assert_eq!(lab.streaming().unwrap().len(), 3);
    }
}

#[test]
fn a_server_that_does_not_start_goes_back_and_so_do_the_others() {
    let lab = lab();
    let before = value(&lab, Server::Primary, "shared_buffers");
    // Well formed, and more memory than any machine has: the first server stays down.
    let run = run(
        &lab,
        json!({"max_connections": 140, "shared_buffers": "1000000GB"}),
    );
    let death = run.live(|_| {});
    assert_eq!(death.status.code(), Some(1), "{death:#?}");
    let story = run.story();
    let failures = story.events().filter_map(|event| match event {
        Event::AttemptFailed { failure, .. } => Some(failure.effect),
        _ => None,
    });
    assert_eq!(failures.collect::<Vec<_>>(), [Effected::None]);
    for server in SERVERS {
        assert_eq!(value(&lab, server, "shared_buffers"), before);
        let file = "select count(*) from pg_file_settings where setting = '140'";
        assert_eq!(lab.sql_value(server, file).unwrap(), "0");
    }
    assert_eq!(lab.streaming().unwrap().len(), 3);
}
