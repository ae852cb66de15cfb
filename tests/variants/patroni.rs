//! `postgres_patroni_minor_upgrade.yaml` on a real Patroni cluster of three members, with
//! the engine killed in the middle of the switchover.

mod cluster;

use serde_json::{Value, json};
use windlass_core::event::Event;
use windlass_tests::skip::skip;

use crate::runs::Run;
use cluster::Cluster;

const RUNBOOK: &str = "postgres_patroni_minor_upgrade.yaml";

#[test]
fn a_cluster_is_upgraded_although_the_engine_is_killed_in_its_switchover() {
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(reason) => return skip(&reason),
    };
    let before = cluster.view();
    let is_leader = |member: &&Value| member["role"] == "leader";
    let members = before["members"].as_array().unwrap();
    let leader = members.iter().find(is_leader).unwrap()["name"].clone();
    let candidate = members.iter().find(|member| !is_leader(member)).unwrap()["name"].clone();
    let timeline = members[0]["timeline"].as_i64().unwrap();
    let lab = cluster.lab.description();
    let inputs = json!({
        "members": cluster.members(),
        "candidate": candidate,
        "old_version": lab.old.version,
        "new_version": lab.new.version,
        "old_build": lab.old.dir,
        "new_build": lab.new.dir,
        "run_as": lab.account.run_as(),
    });
    let password = cluster.secret();
    let run = Run::of(
        RUNBOOK,
        &inputs,
        vec![("api_password".to_owned(), password)],
    );
    let started = |run: &Run| {
        let is_started = |event: &Event| matches!(event, Event::AttemptStarted { node, .. } if node.to_string() == "switchover");
        run.try_story()
            .is_some_and(|story| story.events().any(is_started))
    };
    let first = run.live(|life| {
        // It was told, and has not answered yet.
        if started(&run) && cluster.is_asked() {
            life.kill();
        }
    });
    assert!(first.was_killed(), "{first:#?}");
    let second = run.live(|_| {});
    assert!(second.status.success(), "{second:#?}");

    let story = run.story();
    let of_switchover = |event: &&Event| match event {
        Event::AttemptStarted { node, .. } | Event::DoubtResolved { node, .. } => {
            node.to_string() == "switchover"
        }
        _ => false,
    };
    let kinds: Vec<&str> = story
        .events()
        .filter(of_switchover)
        .map(|event| event.kind())
        .collect();
    assert_eq!(kinds, ["attempt_started", "doubt_resolved"]);
    let after = cluster.view();
    for member in after["members"].as_array().unwrap() {
        // Each promotion begins a timeline: there was one.
        assert_eq!(member["timeline"], timeline + 1, "{after}");
        let is_candidate = member["name"] == candidate;
        let role = if is_candidate { "leader" } else { "replica" };
        assert_eq!(member["role"], role, "{after}");
    }
    assert_ne!(leader, candidate);
    assert_eq!(cluster.versions(), [150_018; 3]);
}
