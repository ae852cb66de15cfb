//! Disaster recovery: a look at both sides, and the changes that one needs two of.
//!
//! Each move is one request to one side, made once an attempt; then its job and the
//! records of both sides are waited for.

mod establish;
mod remove;
mod status;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use windlass_plugin::{Action, Attempt, Failure, Method};

pub(crate) use establish::action as establish;
pub(crate) use remove::action as remove;
pub(crate) use status::action as status;

use crate::access::{Access, Far, Place, bad_input, id};
use crate::actions::upgrade::job_id;
use crate::cloud::{Cloud, Trouble};
use crate::judge::dr::{Health, Move, Pair, Sides};
use crate::judge::upgrade::GRACE_MS;
use crate::model::{Instance, Progress};

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Input {
    #[serde(flatten)]
    access: Access,
    #[serde(flatten)]
    far: Far,
    /// The primary instance's id.
    instance_id: String,
}

/// A relation, as both sides tell it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Relation {
    /// `half`, `building`, `failed`, `abnormal` or `normal`.
    state: String,
    primary_instance_id: String,
    primary_region: String,
    primary_version: String,
    primary_host: String,
    dr_instance_id: String,
    dr_region: String,
    dr_version: String,
    dr_host: String,
    dr_port: i64,
    /// Whether both sides run the same minor version.
    versions_equal: bool,
    /// Written on the primary and not received by DR, in MB.
    receive_delay_mb: Option<f64>,
    /// Written on the primary and not replayed by DR, in MB.
    replay_delay_mb: Option<f64>,
    /// How old what DR replays is, in milliseconds.
    replay_delay_ms: Option<f64>,
}

impl Relation {
    /// None where neither side has a record.
    pub(crate) fn of(
        sides: &Sides,
        primary: &Instance,
        dr: &Instance,
        near: &Place,
        far: &Place,
    ) -> Option<Self> {
        let health = sides.health();
        if health == Health::Absent {
            return None;
        }
        let delays = sides.dr.as_ref();
        Some(Self {
            state: health.word().to_owned(),
            primary_instance_id: primary.id.clone(),
            primary_region: near.region.clone(),
            primary_version: primary.version().to_owned(),
            primary_host: primary.host(),
            dr_instance_id: dr.id.clone(),
            dr_region: far.region.clone(),
            dr_version: dr.version().to_owned(),
            dr_host: dr.host(),
            dr_port: dr.listens_on(),
            versions_equal: primary.version() == dr.version(),
            receive_delay_mb: delays.and_then(|info| info.wal_write_receive_delay_in_mb),
            replay_delay_mb: delays.and_then(|info| info.wal_write_replay_delay_in_mb),
            replay_delay_ms: delays.and_then(|info| info.wal_receive_replay_delay_in_ms),
        })
    }
}

/// One look at both regions.
pub(crate) struct Look {
    /// Whether both clouds have endpoints for DR.
    pub(crate) offered: bool,
    /// The records, unless one of the instances is in a relation with somebody else.
    pub(crate) sides: Result<Sides, String>,
    pub(crate) primary: Option<Instance>,
    pub(crate) dr: Option<Instance>,
}

pub(crate) fn look(
    near: &Cloud<'_>,
    far: &Cloud<'_>,
    primary: &str,
    dr: &str,
) -> Result<Look, Trouble> {
    let pair = Pair {
        primary: primary.to_owned(),
        dr: dr.to_owned(),
    };
    let found = (
        near.dr_infos("master_instance_id", primary)?,
        far.dr_infos("slave_instance_id", dr)?,
    );
    let (offered, mut sides) = match found {
        (Some(near), Some(far)) => (true, Sides::of(&pair, &near, &far)),
        (None, _) | (_, None) => (false, Ok(Sides::default())),
    };
    // Only the DR side's record may tell how replication goes; where it does not, it is asked.
    if let Ok(Sides { dr: Some(info), .. }) = &mut sides
        && info.replica_state.is_empty()
        && let Some(replication) = far.replication(dr)?
    {
        info.replica_state = replication.replica_state;
        info.wal_write_receive_delay_in_mb = replication.wal_write_receive_delay_in_mb;
        info.wal_write_replay_delay_in_mb = replication.wal_write_replay_delay_in_mb;
        info.wal_receive_replay_delay_in_ms = replication.wal_receive_replay_delay_in_ms;
    }
    Ok(Look {
        offered,
        sides,
        primary: near.instance(primary)?,
        dr: far.instance(dr)?,
    })
}

/// What is kept of the moves of an attempt.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Those whose request left, or was about to.
    pub(crate) made: Vec<Move>,
    /// The job of the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job_id: Option<String>,
    pub(crate) asked_at: u64,
}

/// Both sides of a pair, with what a request to either needs.
pub(crate) struct Both<'a> {
    near: Cloud<'a>,
    far: Cloud<'a>,
    primary: String,
    dr: String,
}

impl<'a> Both<'a> {
    pub(crate) fn new(
        attempt: &'a Attempt,
        access: &Access,
        far: &Far,
        instance: &str,
    ) -> Result<Self, Failure> {
        let Some((place, dr)) = far.place(access)? else {
            return Err(bad_input(
                "`dr_endpoint`, `dr_region` and `dr_instance_id` are needed",
            ));
        };
        Ok(Self {
            near: Cloud::new(attempt, access, access.near())?,
            far: Cloud::new(attempt, access, place)?,
            primary: id("instance_id", instance)?.to_owned(),
            dr,
        })
    }

    fn look(&self) -> Result<Look, Trouble> {
        look(&self.near, &self.far, &self.primary, &self.dr)
    }

    fn cloud(&self, wanted: Move) -> &Cloud<'a> {
        match wanted {
            Move::RemoveDr | Move::BuildDr => &self.far,
            Move::RemovePrimary | Move::BuildPrimary => &self.near,
        }
    }

    /// The request of a move: method, path, body.
    fn request(
        &self,
        wanted: Move,
        look: &Look,
        subnet: Option<&str>,
    ) -> Result<(Method, String, Value), Failure> {
        let of_primary = match wanted {
            Move::RemovePrimary | Move::BuildPrimary => true,
            Move::RemoveDr | Move::BuildDr => false,
        };
        // A request to one side tells of the other.
        let (own, other, other_cloud, other_instance) = match of_primary {
            true => (&self.primary, &self.dr, &self.far, &look.dr),
            false => (&self.dr, &self.primary, &self.near, &look.primary),
        };
        let Some(address) = other_instance.as_ref().and_then(Instance::address) else {
            let what = format!("{other} is not found, or has no address");
            return Err(Failure::none("not_found", what));
        };
        let project = other_cloud.project()?;
        let mut target = json!({
            "target_instance_id": other,
            "target_project_id": &*project,
            "target_region": other_cloud.place.region,
            "target_ip": address,
        });
        Ok(match wanted {
            Move::RemoveDr | Move::RemovePrimary => {
                target["is_master"] = of_primary.into();
                let path = format!("/instances/{own}/delete-disaster-recovery");
                (Method::Delete, path, target)
            }
            Move::BuildPrimary | Move::BuildDr => {
                let word = if of_primary {
                    "build_master_dr_relation"
                } else {
                    "build_slave_dr_relation"
                };
                if of_primary {
                    let Some(subnet) = subnet else {
                        return Err(bad_input("`dr_subnet` is needed to build a relation"));
                    };
                    target["target_subnet"] = subnet.into();
                }
                (
                    Method::Post,
                    format!("/instances/{own}/action"),
                    json!({word: target}),
                )
            }
        })
    }

    /// Makes one move and waits for its job. What is kept says so before the request leaves.
    fn make(
        &self,
        wanted: Move,
        look: &Look,
        subnet: Option<&str>,
        kept: &mut Kept,
    ) -> Result<(), Failure> {
        let cloud = self.cloud(wanted);
        let attempt = cloud.attempt();
        let (method, path, body) = self.request(wanted, look, subnet)?;
        let before = kept.clone();
        kept.made.push(wanted);
        kept.job_id = None;
        kept.asked_at = cloud.now();
        attempt.checkpoint(kept)?;
        attempt.progress(wanted.word());
        let response = match cloud.change(method, &path, &body) {
            Ok(response) => response,
            // The side has no relation: what was to be removed is gone.
            Err(failure) if failure.code() == "no_relation" => return Ok(()),
            Err(failure) if failure.is_none() => {
                if self.has_changed(look)? {
                    return Ok(());
                }
                *kept = before;
                attempt.checkpoint(kept)?;
                return Err(failure);
            }
            Err(failure) => return Err(failure),
        };
        kept.job_id = job_id(&response);
        attempt.checkpoint(kept)?;
        self.wait_for_job(wanted, kept)
    }

    /// Whether a refused request was carried out all the same: one that a gateway delivered
    /// twice is answered as busy, by its own first delivery.
    fn has_changed(&self, before: &Look) -> Result<bool, Failure> {
        self.near.pause()?;
        let health = |look: &Look| look.sides.as_ref().map(Sides::health).ok();
        let after = self.look().ok();
        Ok(after.is_some_and(|after| health(&after) != health(before)))
    }

    /// Waits until the job is over; one that is not seen is left to the records.
    fn wait_for_job(&self, wanted: Move, kept: &Kept) -> Result<(), Failure> {
        let Some(job_id) = &kept.job_id else {
            return Ok(());
        };
        let cloud = self.cloud(wanted);
        loop {
            match cloud.job(job_id) {
                Ok(Some(job)) => match job.progress() {
                    Progress::Completed => return Ok(()),
                    Progress::Failed => {
                        let what = format!("{} failed: {}", wanted.word(), job.fail_reason);
                        return Err(Failure::settled("dr_job_failed", what));
                    }
                    Progress::Going => {
                        let line = format!("{}: {}", wanted.word(), job.said());
                        cloud.attempt().progress(&line);
                        cloud.pause()?;
                    }
                },
                Ok(None) if cloud.now() > kept.asked_at + GRACE_MS => return Ok(()),
                Ok(None) => cloud.pause()?,
                Err(trouble) => cloud.pause_after(&trouble)?,
            }
        }
    }
}

/// What every action on a relation may read.
pub(crate) fn reads(action: Action) -> Action {
    let get = &[Method::Get];
    let sides = ["endpoint", "dr_endpoint"];
    let action = sides.iter().fold(action, |action, side| {
        let rds = |path: &str| format!("{{{side}}}/v3/*/{path}");
        action
            .reads(get, &rds("instances"))
            .reads(get, &rds("jobs"))
            .reads(&[Method::Post], &rds("instances/disaster-recovery-infos"))
    });
    let action = action.reads(get, "{dr_endpoint}/v3/*/instances/*/disaster-recovery");
    crate::access::with_identity(action, true)
}

/// The change of a relation failed in the middle: what was done before stays done.
pub(crate) fn in_the_middle(failure: Failure, kept: &Kept) -> Failure {
    match failure.is_none() && !kept.made.is_empty() {
        false => failure,
        true => {
            let done: Vec<&str> = kept.made.iter().map(|made| made.word()).collect();
            let what = format!("{} (done before: {})", failure.message(), done.join(", "));
            Failure::settled("dr_unfinished", what)
        }
    }
}
