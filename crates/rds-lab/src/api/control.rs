//! The lab's own paths, for those who have no handle: what the cloud is and did, faults, and
//! the clock. They ask for no credentials; whoever reaches the loopback interface may use them.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::cloud::{AtLatest, Following, Refusal, UnderDr};
use super::fault::{Fault, On};
use super::request::{Reply, Request};
use super::site::{Site, State};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFault {
    fault: Fault,
    #[serde(default)]
    on: On,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    status: Option<String>,
    node_status: Option<String>,
    address: Option<String>,
    following: Option<Following>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Behaviour {
    under_dr: Option<UnderDr>,
    at_latest: Option<AtLatest>,
    dr_offered: Option<bool>,
    minor_reads_offered: Option<bool>,
    upgrade_job_shown: Option<bool>,
    upgrade_status: Option<String>,
    switches_over: Option<bool>,
    errors_of_v1: Option<bool>,
    requests_per_minute: Option<u32>,
}

#[derive(Deserialize)]
struct Passage {
    advance_ms: u64,
}

/// Answers one of the lab's own paths.
pub(crate) fn answer(site: &Arc<Site>, request: &Request) -> Result<Reply, Refusal> {
    let path = request.path.trim_matches('/');
    let segments: Vec<&str> = path.split('/').collect();
    let body = match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["lab", "state"]) => site.with(|state, now| state.cloud.overview(now)),
        ("GET", ["lab", "effects"]) => {
            site.with(|state, _| json!({"effects": state.log.effects()}))
        }
        ("POST", ["lab", "clock"]) => {
            let passage: Passage = request.body_as()?;
            site.clock
                .advance(Duration::from_millis(passage.advance_ms));
            json!({"now": site.clock.now().rds()})
        }
        ("POST", ["lab", "faults"]) => {
            let new: NewFault = request.body_as()?;
            site.with(|state, _| {
                state.arm(new.on, new.fault);
                listed(state)
            })
        }
        ("GET", ["lab", "faults"]) => site.with(|state, _| listed(state)),
        ("DELETE", ["lab", "faults"]) => site.with(|state, _| {
            state.disarm();
            listed(state)
        }),
        ("POST", ["lab", "behaviour"]) => {
            let new: Behaviour = request.body_as()?;
            site.with(|state, _| behave(state, new));
            json!({})
        }
        ("POST", ["lab", "instances", id]) => {
            let new: Change = request.body_as()?;
            if let Some(following) = new.following {
                site.follow(id, following).map_err(Refusal::bad_parameter)?;
            }
            site.with(|state, now| {
                change(state, id, new)?;
                Ok(state.cloud.overview(now))
            })?
        }
        _ => return Err(Refusal::no_such_path()),
    };
    Ok(Reply::new(200, body))
}

fn listed(state: &State) -> Value {
    let all = state.faults.all().chain(state.cloud.troubles.all());
    let all: Vec<Value> = all
        .map(|(fault, fired)| json!({"fault": fault, "fired": fired}))
        .collect();
    json!({ "faults": all })
}

fn change(state: &mut State, id: &str, change: Change) -> Result<(), Refusal> {
    let instance = state.cloud.instance_mut(id);
    let instance = instance.ok_or_else(|| Refusal::no_such_instance(id))?;
    if let Some(status) = change.status {
        instance.status = status;
    }
    if let Some(status) = change.node_status {
        instance.set_last_node(&status);
    }
    if let Some(address) = change.address {
        instance.address = address;
    }
    Ok(())
}

fn behave(state: &mut State, new: Behaviour) {
    let settings = &mut state.cloud.settings;
    fn set<T>(place: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *place = value;
        }
    }
    set(&mut settings.under_dr, new.under_dr);
    set(&mut settings.at_latest, new.at_latest);
    set(&mut settings.dr_offered, new.dr_offered);
    set(&mut settings.minor_reads_offered, new.minor_reads_offered);
    set(&mut settings.upgrade_job_shown, new.upgrade_job_shown);
    set(&mut settings.upgrade_status, new.upgrade_status);
    set(&mut settings.switches_over, new.switches_over);
    set(&mut settings.errors_of_v1, new.errors_of_v1);
    if new.requests_per_minute.is_some() {
        settings.requests_per_minute = new.requests_per_minute;
    }
}
