//! What is read of a project, and the pages in which it comes.

use serde_json::{Value, json};

use crate::cloud::{Cloud, Trouble};
use crate::model::{
    Backup, Backups, DrInfo, DrInfos, Instance, Instances, Job, JobOf, MetricData, Replication,
    SmallVersions, Task, Tasks,
};
use crate::refusal::Meaning;
use crate::sign::encode;
use crate::version;

/// What is asked for at once, and the most pages that are read of anything.
const PAGE: usize = 50;
const PAGES_MAX: usize = 100;

/// What a cloud does not offer is nothing.
fn offered<T>(read: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(trouble) if trouble.meaning() == Some(Meaning::NotOffered) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// Reads page after page until one is not full or everything that was counted is there.
fn pages<T>(
    mut page: impl FnMut(&str, &str) -> Result<(Vec<T>, Option<f64>), Trouble>,
) -> Result<Vec<T>, Trouble> {
    let mut all = Vec::new();
    for _ in 0..PAGES_MAX {
        let (found, total) = page(&all.len().to_string(), &PAGE.to_string())?;
        let count = found.len();
        all.extend(found);
        let is_last = match total {
            Some(total) => all.len() as f64 >= total,
            None => count < PAGE,
        };
        if count == 0 || is_last {
            return Ok(all);
        }
    }
    Err(Trouble::Garbled(format!(
        "there are more than {} of them",
        all.len()
    )))
}

impl Cloud<'_> {
    /// The instance with this id.
    pub(crate) fn instance(&self, id: &str) -> Result<Option<Instance>, Trouble> {
        let found: Result<Instances, Trouble> = self.get("/instances", &[("id", id)]);
        match found {
            Ok(found) => Ok(found
                .instances
                .into_iter()
                .find(|instance| instance.id == id)),
            Err(trouble) => match trouble.meaning() {
                // What is no id at all is refused as one.
                Some(Meaning::NotFound | Meaning::BadRequest) => Ok(None),
                _ => Err(trouble),
            },
        }
    }

    /// The instances with exactly this name.
    pub(crate) fn named(&self, name: &str) -> Result<Vec<Instance>, Trouble> {
        let found: Instances = self.get("/instances", &[("name", name)])?;
        let mut found = found.instances;
        found.retain(|instance| instance.name == name);
        Ok(found)
    }

    /// All instances of PostgreSQL.
    pub(crate) fn instances(&self) -> Result<Vec<Instance>, Trouble> {
        pages(|offset, limit| {
            let query = [
                ("datastore_type", "PostgreSQL"),
                ("offset", offset),
                ("limit", limit),
            ];
            let found: Instances = self.get("/instances", &query)?;
            Ok((found.instances, found.total_count))
        })
    }

    pub(crate) fn backups(&self, instance: &str) -> Result<Vec<Backup>, Trouble> {
        pages(|offset, limit| {
            let query = [
                ("instance_id", instance),
                ("offset", offset),
                ("limit", limit),
            ];
            let found: Backups = self.get("/backups", &query)?;
            Ok((found.backups, found.total_count))
        })
    }

    /// The tasks of an instance that were made since.
    pub(crate) fn tasks(&self, instance: &str, since: i64) -> Result<Vec<Task>, Trouble> {
        let since = since.max(0).to_string();
        pages(|offset, limit| {
            let query = [
                ("instance_id", instance),
                ("start_time", since.as_str()),
                ("offset", offset),
                ("limit", limit),
            ];
            let found: Tasks = self.get("/tasklist", &query)?;
            Ok((found.tasks, found.total_count))
        })
    }

    /// A job, unless the cloud knows none of this id (yet).
    pub(crate) fn job(&self, id: &str) -> Result<Option<Job>, Trouble> {
        let found: Result<JobOf, Trouble> = self.get("/jobs", &[("id", id)]);
        match found {
            Ok(found) => Ok(Some(found.job)),
            Err(trouble) => match trouble.meaning() {
                Some(Meaning::NoJob | Meaning::NotFound | Meaning::NotOffered) => Ok(None),
                _ => Err(trouble),
            },
        }
    }

    /// The newest minor version that the cloud offers beyond this one; the outer one is
    /// none where the cloud does not say what it offers.
    pub(crate) fn newer(&self, current: &str) -> Result<Option<Option<String>>, Trouble> {
        let path = "/datastores/postgresql/small-version";
        let query = [("version", version::major(current)), ("limit", "100")];
        let found: Option<SmallVersions> = offered(self.get(path, &query))?;
        Ok(found.map(|found| {
            let names = found.data_stores.iter().map(|offer| offer.name.as_str());
            version::newest(current, names).map(str::to_owned)
        }))
    }

    /// The relations that one of these instances is in, as this region tells them; none
    /// where the cloud offers no such thing.
    pub(crate) fn dr_infos(&self, filter: &str, id: &str) -> Result<Option<Vec<DrInfo>>, Trouble> {
        let body: Value = json!({filter: id, "limit": 100});
        let found: Option<DrInfos> =
            offered(self.ask("/instances/disaster-recovery-infos", &body))?;
        Ok(found.map(|found| found.instance_dr_infos))
    }

    /// How replication to a DR instance goes.
    pub(crate) fn replication(&self, dr: &str) -> Result<Option<Replication>, Trouble> {
        let path = format!("/instances/{}/disaster-recovery", encode(dr));
        let found: Result<Replication, Trouble> = self.get(&path, &[]);
        match found {
            Err(trouble) if trouble.meaning() == Some(Meaning::NoRelation) => Ok(None),
            found => offered(found),
        }
    }

    /// The newest value of a metric of the last ten minutes.
    pub(crate) fn newest_value(
        &self,
        origin: &str,
        instance: &str,
        metric: &str,
        filter: &str,
    ) -> Result<Option<f64>, Trouble> {
        let data = self.values(origin, instance, metric, filter, 600_000)?;
        let newest = data.datapoints.iter().max_by_key(|point| point.timestamp);
        Ok(newest.and_then(|point| point.value(filter)))
    }

    pub(crate) fn values(
        &self,
        origin: &str,
        instance: &str,
        metric: &str,
        filter: &str,
        span_ms: u64,
    ) -> Result<MetricData, Trouble> {
        let now = self.now();
        let (from, to) = (now.saturating_sub(span_ms).to_string(), now.to_string());
        let dimension = format!("postgresql_cluster_id,{instance}");
        let query = [
            ("namespace", "SYS.RDS"),
            ("metric_name", metric),
            ("dim.0", &dimension),
            ("from", &from),
            ("to", &to),
            ("period", "1"),
            ("filter", filter),
        ];
        self.metric(origin, &query)
    }
}
