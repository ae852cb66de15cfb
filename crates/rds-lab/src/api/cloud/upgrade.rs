//! The upgrade of an instance to the latest minor, with its replicas: refused for what the
//! vendor's page names, else begun at once; a failed one leaves the version as it was.

use serde_json::{Value, json};

use super::super::time::Time;
use super::operation::Doing;
use super::{AtLatest, Cloud, Following, Kind, Refusal, Trouble, UnderDr, Work};

impl Cloud {
    /// Begins an upgrade; answers with the job.
    pub(crate) fn upgrade(
        &mut self,
        now: Time,
        project: &str,
        id: &str,
        is_delayed: bool,
    ) -> Result<Value, Refusal> {
        let instance = self.instance(project, id)?;
        if !instance.is_postgres() {
            return Err(Refusal::not_supported(
                "The lab upgrades instances of PostgreSQL only.",
            ));
        }
        if is_delayed {
            return Err(Refusal::bad_parameter(
                "Delayed upgrade of minor versions is not supported.",
            ));
        }
        if instance.kind == Kind::Replica {
            return Err(Refusal::invalid_operation(
                "Read replicas are upgraded with their primary.",
            ));
        }
        self.must_be_free(instance)?;
        let replicas = self.replicas_of(id);
        let members: Vec<String> = [vec![id.to_owned()], replicas.clone()].concat();
        for member in &members {
            let member = self.known(member);
            self.must_be_free(member)?;
            if member.has_abnormal_node() {
                return Err(Refusal::node_is_abnormal());
            }
        }
        if self.relation_of_dr(id).is_some() {
            return Err(Refusal::state_forbids(
                "The minor version of a DR instance cannot be upgraded.",
            ));
        }
        let live = self
            .relation_of_primary(id)
            .map(|relation| relation.dr.clone());
        if live.is_some() && self.settings.under_dr == UnderDr::Refused {
            return Err(Refusal::state_forbids(
                "The DB instance has a DR relationship. Remove it first.",
            ));
        }
        let latest = self.settings.new_version.clone();
        let is_latest = members
            .iter()
            .all(|member| self.known(member).version == latest);
        if is_latest && self.settings.at_latest == AtLatest::Refused {
            return Err(Refusal::invalid_operation(
                "The minor version is the latest version already.",
            ));
        }
        let fails = self.troubles.strikes(Trouble::UpgradeFails).then(|| {
            "The upgrade failed. The instance was rolled back to the source version.".to_owned()
        });
        let mut strikes = |trouble| {
            let strikes = fails.is_none() && self.troubles.strikes(trouble);
            replicas.first().filter(|_| strikes).cloned()
        };
        let old = strikes(Trouble::ReplicaStaysOld);
        let away = strikes(Trouble::ReplicaStaysAway);
        let work = if is_latest {
            Work::Restart {
                instance: id.to_owned(),
            }
        } else {
            Work::Upgrade {
                instance: id.to_owned(),
                replicas: replicas
                    .into_iter()
                    .filter(|replica| old.as_ref() != Some(replica))
                    .collect(),
                away: away.clone(),
                goes_back: fails.is_some(),
                breaks: live.filter(|_| self.settings.under_dr == UnderDr::Breaks),
            }
        };
        let doing = Doing::Upgrade {
            to: latest,
            old,
            away,
            breaks: matches!(
                &work,
                Work::Upgrade {
                    breaks: Some(_),
                    ..
                }
            ),
        };
        let job = self.begin(now, doing, members, fails, work);
        Ok(json!({ "job_id": job }))
    }

    pub(super) fn upgrade_ends(
        &mut self,
        members: &[String],
        to: &str,
        [old, away]: [Option<&str>; 2],
        asked: Result<(), String>,
    ) -> Result<(), String> {
        let switches = self.settings.switches_over;
        for member in members {
            let member = self.known_mut(member);
            if away == Some(&member.id) {
                member.following = Following::Away;
            }
            if asked.is_ok() && old != Some(&member.id) {
                member.version = to.to_owned();
            }
            if switches && member.kind == Kind::Ha {
                for node in &mut member.nodes {
                    node.role = match node.role {
                        "master" => "slave",
                        _ => "master",
                    };
                }
            }
        }
        asked
    }

    /// The answer to `small-version`: the minors that an instance of this version can go to.
    pub(crate) fn small_versions(&self, version: &str) -> Value {
        let latest = &self.settings.new_version;
        let parts = |text: &str| -> Vec<u64> {
            text.split('.')
                .map(|part| part.parse().unwrap_or(0))
                .collect()
        };
        let (from, to) = (parts(version), parts(latest));
        let offered = from.first() == to.first() && (from.len() < 2 || from < to);
        let stores: Vec<Value> = offered
            .then(|| json!({"id": "c3a1f0b2-6f0e-4d3f-9b52-6a8d0a6c1502", "name": latest, "favored": true}))
            .into_iter()
            .collect();
        json!({"count": stores.len(), "data_stores": stores})
    }

    /// Whether the service may upgrade an instance on its own.
    pub(crate) fn auto_upgrade(&self, project: &str, id: &str) -> Result<Value, Refusal> {
        let instance = self.instance(project, id)?;
        if !instance.is_postgres() {
            return Err(Refusal::not_by_this_engine());
        }
        Ok(json!({"switch_option": instance.auto_upgrade}))
    }

    /// Says whether it may.
    pub(crate) fn set_auto_upgrade(
        &mut self,
        project: &str,
        id: &str,
        on: bool,
    ) -> Result<Value, Refusal> {
        self.auto_upgrade(project, id)?;
        self.known_mut(id).auto_upgrade = on;
        Ok(json!({}))
    }

    /// Begins a restart; answers with the job.
    pub(crate) fn restart(&mut self, now: Time, project: &str, id: &str) -> Result<Value, Refusal> {
        let instance = self.instance(project, id)?;
        self.must_be_free(instance)?;
        let work = Work::Restart {
            instance: id.to_owned(),
        };
        let job = self.begin(now, Doing::Restart, vec![id.to_owned()], None, work);
        Ok(json!({ "job_id": job }))
    }
}
