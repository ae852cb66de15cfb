//! `resolve`: a name or an id becomes the id of a primary instance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windlass_plugin::{Action, Attempt, Effect, Failure, Method};

use crate::access::{Access, bad_input, with_identity};
use crate::cloud::Cloud;
use crate::model::Instance;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Input {
    #[serde(flatten)]
    access: Access,
    /// The instance's id or name.
    instance: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The id of the primary instance.
    instance_id: String,
    name: String,
    /// Whether a read replica was named, and its primary is meant.
    was_replica: bool,
    /// `Single` or `Ha`.
    #[serde(rename = "type")]
    kind: String,
    engine: String,
    /// The whole version, with the minor.
    version: String,
    status: String,
    /// Where it listens.
    host: String,
    port: i64,
    replica_ids: Vec<String>,
}

pub(crate) fn action() -> Action {
    let action = Action::new(
        "resolve",
        "Finds an instance by its name or id; of a read replica, its primary",
        Effect::Read,
        run,
    )
    .reads(&[Method::Get], "{endpoint}/v3/*/instances")
    .timeout(std::time::Duration::from_secs(60));
    with_identity(action, false)
}

fn run(attempt: &Attempt, input: Input) -> Result<Output, Failure> {
    let cloud = Cloud::new(attempt, &input.access, input.access.near())?;
    let (instance, was_replica) = primary(&cloud, &input.instance)?;
    Ok(Output {
        was_replica,
        name: instance.name.clone(),
        kind: instance.kind.clone(),
        engine: instance.datastore.kind.clone(),
        version: instance.version().to_owned(),
        status: instance.status.clone(),
        host: instance.host(),
        port: instance.listens_on(),
        replica_ids: instance.replica_ids(),
        instance_id: instance.id,
    })
}

/// The primary that is meant, and whether a replica of it was named.
pub(crate) fn primary(cloud: &Cloud<'_>, wanted: &str) -> Result<(Instance, bool), Failure> {
    let named = find(cloud, wanted)?;
    let Some(primary) = named.primary_id() else {
        return Ok((named, false));
    };
    match cloud.instance(primary)? {
        Some(primary) => Ok((primary, true)),
        None => {
            let what = format!("{wanted:?} is a replica of {primary}, which is not there");
            Err(Failure::none("not_found", what))
        }
    }
}

/// An id goes before a name.
fn find(cloud: &Cloud<'_>, wanted: &str) -> Result<Instance, Failure> {
    // A star would mean any name that holds the rest.
    if wanted.is_empty() || wanted.starts_with('*') {
        return Err(bad_input(format!(
            "{wanted:?} is no name and no id of an instance"
        )));
    }
    if let Some(instance) = cloud.instance(wanted)? {
        return Ok(instance);
    }
    let mut named = cloud.named(wanted)?.into_iter();
    match (named.next(), named.next()) {
        (Some(instance), None) => Ok(instance),
        (None, _) => {
            let what = format!("no instance of this project has the id or the name {wanted:?}");
            Err(Failure::none("not_found", what))
        }
        (Some(first), Some(second)) => {
            let what = format!(
                "several instances are named {wanted:?}, such as {} and {}: give the id",
                first.id, second.id
            );
            Err(Failure::none("ambiguous", what))
        }
    }
}
