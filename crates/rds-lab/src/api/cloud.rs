//! The state machine of the cloud: what it has, what it is doing, and what follows from a
//! request or from time that passes. It is pure: time comes in with each call, and what is to
//! be written down or done at servers goes out as [`Effect`]s, whose ends come back by
//! [`Cloud::work_ended`]. HTTP, files and PostgreSQL are not its matter.

mod backup;
mod ids;
mod instance;
mod job;
mod operation;
mod recovery;
mod refusal;
mod seed;
mod settings;
mod show;
mod trouble;
mod upgrade;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(crate) use backup::{Backup, BackupFilter};
pub use instance::{Following, Instance, Kind, Node, Region};
pub(crate) use job::Job;
pub(crate) use job::TaskFilter;
pub(crate) use operation::Work;
pub(crate) use operation::{Effect, Note, Operation};
pub(crate) use recovery::{InfoFilter, Other, Relation};
pub(crate) use refusal::Refusal;
pub(crate) use seed::Place;
pub use seed::Servers;
pub use settings::{AtLatest, Durations, Settings, UnderDr};
pub(crate) use show::InstanceFilter;
pub use trouble::Trouble;
pub(crate) use trouble::Troubles;

use ids::Ids;

/// Everything that the cloud knows.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) settings: Settings,
    pub(crate) troubles: Troubles,
    instances: BTreeMap<String, Instance>,
    backups: Vec<Backup>,
    jobs: Vec<Job>,
    relations: Vec<Relation>,
    operations: BTreeMap<u64, Operation>,
    operations_begun: u64,
    ids: Ids,
    effects: Vec<Effect>,
}

impl Cloud {
    /// What is to be written down and done, in this order, before the answer goes out.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// All instances.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.instances.values()
    }

    /// An instance of the project, or the refusal that says there is none.
    fn instance(&self, project: &str, id: &str) -> Result<&Instance, Refusal> {
        self.instances
            .get(id)
            .filter(|instance| instance.region.project_id() == project)
            .ok_or_else(|| Refusal::no_such_instance(id))
    }

    pub(crate) fn instance_mut(&mut self, id: &str) -> Option<&mut Instance> {
        self.instances.get_mut(id)
    }

    /// One that the cloud itself has named; instances are never deleted.
    fn known(&self, id: &str) -> &Instance {
        self.instances
            .get(id)
            .expect("the cloud named the instance")
    }

    fn known_mut(&mut self, id: &str) -> &mut Instance {
        self.instances
            .get_mut(id)
            .expect("the cloud named the instance")
    }

    /// Not for an instance that only a request has named.
    fn in_project(&self, instance: &str, project: &str) -> bool {
        let found = self.instances.get(instance);
        found.is_some_and(|found| found.region.project_id() == project)
    }

    fn name_of(&self, instance: &str) -> &str {
        &self.known(instance).name
    }

    /// The ids of the read replicas of an instance.
    fn replicas_of(&self, primary: &str) -> Vec<String> {
        self.instances()
            .filter(|instance| instance.replica_of.as_deref() == Some(primary))
            .map(|instance| instance.id.clone())
            .collect()
    }

    fn operation_on(&self, instance: &str) -> Option<&Operation> {
        self.operations
            .values()
            .find(|operation| operation.members.iter().any(|member| member == instance))
    }

    /// What a request sees as `status`: what is being done goes before what is stored.
    fn status_of(&self, instance: &str) -> &str {
        match self.operation_on(instance) {
            Some(operation) => operation.shown_as(&self.settings),
            None => &self.known(instance).status,
        }
    }

    /// Refuses what needs an instance at rest and in order.
    fn must_be_free(&self, instance: &Instance) -> Result<(), Refusal> {
        if self.operation_on(&instance.id).is_some() {
            return Err(Refusal::busy());
        }
        match instance.status.as_str() {
            "ACTIVE" => Ok(()),
            "STORAGE FULL" => Err(Refusal::storage_is_full()),
            "FROZEN" => Err(Refusal::frozen()),
            "FAILED" | "CREATE FAIL" | "SHUTDOWN" => Err(Refusal::state_forbids(
                "The status of the DB instance does not allow the operation.",
            )),
            // The service does something on its own, such as its nightly backup.
            _ => Err(Refusal::busy()),
        }
    }
}
