//! `scan`: which instances are behind the newest minor version.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windlass_plugin::{Action, Attempt, Effect, Failure, Method};

use crate::access::{Access, with_identity};
use crate::cloud::Cloud;
use crate::model::Instance;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Input {
    #[serde(flatten)]
    access: Access,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Found {
    instance_id: String,
    name: String,
    status: String,
    version: String,
    /// The newest version that is offered; null where the cloud does not say.
    latest: Option<String>,
    replicas: i64,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Instances for which a newer minor version is offered.
    behind: Vec<Found>,
    /// Instances of which it is not known.
    unknown: Vec<Found>,
    /// How many primary instances were looked at.
    count: i64,
}

pub(crate) fn action() -> Action {
    let action = Action::new(
        "scan",
        "Lists the instances of a project that are behind the newest minor version",
        Effect::Read,
        run,
    )
    .reads(&[Method::Get], "{endpoint}/v3/*/instances")
    .reads(
        &[Method::Get],
        "{endpoint}/v3/*/datastores/postgresql/small-version",
    )
    .timeout(std::time::Duration::from_secs(300));
    with_identity(action, false)
}

fn run(attempt: &Attempt, input: Input) -> Result<Output, Failure> {
    let cloud = Cloud::new(attempt, &input.access, input.access.near())?;
    let all = cloud.instances()?;
    let primaries = all
        .iter()
        .filter(|instance| instance.is_postgres() && !instance.is_replica());
    let mut output = Output {
        behind: Vec::new(),
        unknown: Vec::new(),
        count: 0,
    };
    // Instances of one version are asked for once.
    let mut newer: BTreeMap<String, Option<Option<String>>> = BTreeMap::new();
    for instance in primaries {
        output.count += 1;
        let version = instance.version();
        let offered = match newer.get(version) {
            Some(offered) => offered.clone(),
            None => {
                let offered = cloud.newer(version)?;
                newer.insert(version.to_owned(), offered.clone());
                offered
            }
        };
        match offered {
            None => output.unknown.push(found(instance, None)),
            Some(Some(latest)) => output.behind.push(found(instance, Some(latest))),
            Some(None) => {}
        }
    }
    Ok(output)
}

fn found(instance: &Instance, latest: Option<String>) -> Found {
    Found {
        instance_id: instance.id.clone(),
        name: instance.name.clone(),
        status: instance.status.clone(),
        version: instance.version().to_owned(),
        latest,
        replicas: i64::try_from(instance.replica_ids().len()).unwrap_or(i64::MAX),
    }
}
