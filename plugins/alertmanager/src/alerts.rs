//! The alerts that fire.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windlass_plugin::{Attempt, Failure, Secret};

use crate::api::{Api, failure};
use crate::matchers::query;

/// The most alerts whose labels are given; all are counted.
const LISTED_MAX: usize = 50;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Look {
    /// Where Alertmanager is, such as https://alerts.example.com.
    endpoint: String,
    /// A bearer token.
    token: Option<Secret>,
    /// Only alerts with these labels, such as severity="page".
    matchers: Option<Vec<String>>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Firing {
    /// How many fire that are neither silenced nor inhibited.
    count: u32,
    /// The first fifty of them.
    alerts: Vec<Alert>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Alert {
    name: String,
    labels: BTreeMap<String, String>,
}

/// An alert of the API.
#[derive(Deserialize)]
struct Found {
    labels: BTreeMap<String, String>,
}

pub(crate) fn list(_: &Attempt, input: Look) -> Result<Firing, Failure> {
    let api = Api::new(&input.endpoint, input.token.as_ref())?;
    let mut path = "alerts?active=true&silenced=false&inhibited=false".to_owned();
    for matcher in input.matchers.iter().flatten() {
        let query = query(matcher).map_err(|why| Failure::none("bad_matcher", why))?;
        path = format!("{path}&{query}");
    }
    let answer = api.get(&path)?;
    if answer.status != 200 {
        return Err(failure(&answer));
    }
    let unreadable = |why| Failure::none("unreadable", format!("the list of alerts: {why}"));
    let found: Vec<Found> = answer.json().map_err(unreadable)?;
    let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
    let alerts = found.into_iter().take(LISTED_MAX).map(|alert| Alert {
        name: alert.labels.get("alertname").cloned().unwrap_or_default(),
        labels: alert.labels,
    });
    Ok(Firing {
        count,
        alerts: alerts.collect(),
    })
}
