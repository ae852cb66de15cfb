//! Disaster recovery: the relation between a primary and an instance in the other region,
//! which has two sides that are built and removed one by one. What requests see of it is the
//! matter of `recovery/view.rs`, what the end of an operation makes of it that of
//! `recovery/ends.rs`.
//!
//! Building succeeds with the primary's side first. Removing takes any order, as the service
//! does; after the wrong one the DR side reports its replication as abnormal.

mod ends;
mod view;

pub(crate) use view::InfoFilter;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::time::Time;
use super::operation::Doing;
use super::{Cloud, Instance, Kind, Refusal, Region, Trouble, Work};

/// One side of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Side {
    Absent,
    Building,
    Normal,
    Failed(String),
    Removing,
}

/// A pair that disaster recovery joins; gone when both sides are absent.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub(crate) id: String,
    pub(crate) primary: String,
    pub(crate) dr: String,
    pub(crate) primary_side: Side,
    pub(crate) dr_side: Side,
    /// When the building of a side was begun, then when it ended.
    pub(crate) primary_since: Time,
    pub(crate) dr_since: Time,
}

impl Relation {
    /// Whether data flows, as far as the relation is concerned.
    fn is_whole(&self) -> bool {
        self.primary_side == Side::Normal && self.dr_side == Side::Normal
    }
}

/// The other side, as a request names it. Building the DR side has no subnet.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Other {
    #[serde(rename = "target_instance_id")]
    pub(crate) instance: String,
    #[serde(rename = "target_project_id")]
    pub(crate) project: String,
    #[serde(rename = "target_region")]
    pub(crate) region: String,
    #[serde(rename = "target_ip")]
    pub(crate) address: String,
    #[serde(rename = "target_subnet", default)]
    pub(crate) subnet: Option<String>,
}

impl Cloud {
    /// Begins to build the primary's side.
    pub(crate) fn build_primary(
        &mut self,
        now: Time,
        project: &str,
        id: &str,
        other: &Other,
    ) -> Result<Value, Refusal> {
        if other.subnet.as_deref().is_none_or(str::is_empty) {
            return Err(Refusal::bad_parameter("target_subnet is missing."));
        }
        let instance = self.instance(project, id)?;
        if instance.kind != Kind::Ha || !instance.is_postgres() {
            return Err(Refusal::not_supported(
                "A DR relationship needs a primary/standby DB instance of PostgreSQL.",
            ));
        }
        self.must_be_free(instance)?;
        if let Some(relation) = self.relation_of_primary(id)
            && (relation.dr != other.instance || relation.primary_side == Side::Normal)
        {
            return Err(Refusal::exists_already("The DR relationship"));
        }
        let mut fails = self.other_is_wrong(other, Some(self.known(id)));
        if self.troubles.strikes(Trouble::BuildPrimaryFails) {
            fails = Some("The primary side could not be built.".to_owned());
        }
        let relation = match self.relation_of_pair(id, &other.instance) {
            // The DR side may have been asked first, and have failed.
            Some(relation) => relation.id.clone(),
            None => self.new_relation(now, id, &other.instance),
        };
        let side = self.relation_mut(&relation);
        (side.primary_side, side.primary_since) = (Side::Building, now);
        let work = match fails {
            Some(_) => Work::Nothing,
            None => Work::OfferDr {
                dr: other.instance.clone(),
            },
        };
        let doing = Doing::BuildPrimary { relation };
        let job = self.begin(now, doing, vec![id.to_owned()], fails, work);
        Ok(json!({ "job_id": job }))
    }

    /// Begins to build the DR instance's side.
    pub(crate) fn build_dr(
        &mut self,
        now: Time,
        project: &str,
        id: &str,
        other: &Other,
    ) -> Result<Value, Refusal> {
        let instance = self.instance(project, id)?;
        if instance.kind != Kind::Single || !instance.is_postgres() {
            return Err(Refusal::not_supported(
                "A DR instance must be a single DB instance of PostgreSQL.",
            ));
        }
        self.must_be_free(instance)?;
        let found = self.relation_of_pair(&other.instance, id);
        let mut fails = self.other_is_wrong(other, None);
        match found {
            Some(relation) if relation.dr_side == Side::Normal => {
                return Err(Refusal::exists_already("The DR relationship"));
            }
            Some(relation) if relation.primary_side == Side::Normal => {}
            _ => fails = Some("The primary side of the relationship is not ready.".to_owned()),
        }
        let found = found.map(|relation| relation.id.clone());
        if self.troubles.strikes(Trouble::BuildDrFails) {
            fails = Some("The DR side could not be built.".to_owned());
        }
        let relation = match found {
            Some(relation) => relation,
            None => self.new_relation(now, &other.instance, id),
        };
        let side = self.relation_mut(&relation);
        (side.dr_side, side.dr_since) = (Side::Building, now);
        let work = match fails {
            Some(_) => Work::Nothing,
            None => Work::Follow { dr: id.to_owned() },
        };
        let doing = Doing::BuildDr { relation };
        let job = self.begin(now, doing, vec![id.to_owned()], fails, work);
        Ok(json!({ "job_id": job }))
    }

    /// Begins to remove one side of a relation.
    pub(crate) fn remove_dr(
        &mut self,
        now: Time,
        project: &str,
        id: &str,
        other: &Other,
        is_primary: bool,
    ) -> Result<Value, Refusal> {
        let instance = self.instance(project, id)?;
        let (primary, dr) = match is_primary {
            true => (id, other.instance.as_str()),
            false => (other.instance.as_str(), id),
        };
        let relation = self
            .relation_of_pair(primary, dr)
            .filter(|relation| match is_primary {
                true => relation.primary_side != Side::Absent,
                false => relation.dr_side != Side::Absent,
            })
            .ok_or_else(Refusal::no_relation)?
            .id
            .clone();
        self.must_be_free(instance)?;
        let dr = dr.to_owned();
        let trouble = match is_primary {
            true => Trouble::RemovePrimaryFails,
            false => Trouble::RemoveDrFails,
        };
        let fails = self.troubles.strikes(trouble);
        let fails = fails.then(|| "The relationship could not be removed.".to_owned());
        let found = self.relation_mut(&relation);
        let (doing, work) = if is_primary {
            found.primary_side = Side::Removing;
            (Doing::RemovePrimary { relation }, Work::WithdrawDr { dr })
        } else {
            found.dr_side = Side::Removing;
            (Doing::RemoveDr { relation }, Work::StopFollowing { dr })
        };
        let work = match fails {
            Some(_) => Work::Nothing,
            None => work,
        };
        let job = self.begin(now, doing, vec![id.to_owned()], fails, work);
        Ok(json!({ "job_id": job }))
    }

    /// Begins to make a DR instance one that takes writes.
    pub(crate) fn promote(&mut self, now: Time, project: &str, id: &str) -> Result<Value, Refusal> {
        let instance = self.instance(project, id)?;
        self.must_be_free(instance)?;
        let relation = self.relation_of_dr(id).ok_or_else(Refusal::no_relation)?;
        let relation = relation.id.clone();
        let doing = Doing::Promote { relation };
        let work = Work::Promote { dr: id.to_owned() };
        let job = self.begin(now, doing, vec![id.to_owned()], None, work);
        Ok(json!({ "job_id": job }))
    }

    pub(super) fn relation_of_primary(&self, primary: &str) -> Option<&Relation> {
        self.relations
            .iter()
            .find(|relation| relation.primary == primary && relation.primary_side != Side::Absent)
    }

    pub(super) fn relation_of_dr(&self, dr: &str) -> Option<&Relation> {
        self.relations
            .iter()
            .find(|relation| relation.dr == dr && relation.dr_side != Side::Absent)
    }

    fn relation_of_pair(&self, primary: &str, dr: &str) -> Option<&Relation> {
        self.relations
            .iter()
            .find(|relation| relation.primary == primary && relation.dr == dr)
    }

    pub(super) fn add_built_relation(&mut self, now: Time, primary: &str, dr: &str) {
        let id = self.new_relation(now, primary, dr);
        let relation = self.relation_mut(&id);
        relation.primary_side = Side::Normal;
        relation.dr_side = Side::Normal;
    }

    fn new_relation(&mut self, now: Time, primary: &str, dr: &str) -> String {
        let id = self.ids.plain();
        self.relations.push(Relation {
            id: id.clone(),
            primary: primary.to_owned(),
            dr: dr.to_owned(),
            primary_side: Side::Absent,
            dr_side: Side::Absent,
            primary_since: now,
            dr_since: now,
        });
        id
    }

    fn relation_mut(&mut self, id: &str) -> &mut Relation {
        let found = self.relations.iter_mut().find(|relation| relation.id == id);
        // A side with an operation on it is not absent.
        found.expect("a relation is kept while something is done to it")
    }

    fn forget_empty_relations(&mut self) {
        self.relations.retain(|relation| {
            relation.primary_side != Side::Absent || relation.dr_side != Side::Absent
        });
    }

    /// Why a build toward this other side will fail, which the service finds out later.
    fn other_is_wrong(&self, other: &Other, primary: Option<&Instance>) -> Option<String> {
        let region = Region::ALL
            .into_iter()
            .find(|region| region.as_str() == other.region);
        let found = self.instances().find(|instance| {
            instance.id == other.instance
                && Some(instance.region) == region
                && instance.region.project_id() == other.project
        });
        let Some(found) = found else {
            return Some("The target instance does not exist.".to_owned());
        };
        if found.address != other.address {
            return Some(format!("No connection to {} can be made.", other.address));
        }
        let suited = found.can_stand_in_for(primary?);
        (!suited).then(|| "The target instance is not suited to be a DR instance.".to_owned())
    }
}
