//! Real servers behind the API: a primary, two replicas and the DR instance are those of a
//! [`Lab`]. The standby of the `Ha` pair and the bystanders exist in the API only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use super::cloud::{Following, Servers, Work};
use super::site;
use crate::create::STREAMING_PATIENCE;
use crate::server::{Release, Server};
use crate::{Lab, Result};

/// WAL that counts as a millisecond of delay.
const BYTES_A_MILLISECOND: i64 = 4096;

/// A lab until it is closed, and which instance each of its servers is.
pub(crate) struct Postgres {
    lab: RwLock<Option<Arc<Lab>>>,
    servers: Servers,
    /// What those followed that were cut off.
    cut_off: Mutex<BTreeMap<Server, String>>,
    /// Held by the one work that is under way: what waits for who streams must not meet
    /// another that changes it.
    works: Mutex<()>,
}

impl Postgres {
    pub(crate) fn new(lab: Arc<Lab>, servers: Servers) -> Self {
        Self {
            lab: RwLock::new(Some(lab)),
            servers,
            cut_off: Mutex::default(),
            works: Mutex::default(),
        }
    }

    fn named(&self, instance: &str) -> Option<Server> {
        let Servers {
            primary,
            replicas: [one, two],
            dr,
        } = &self.servers;
        [
            (primary, Server::Primary),
            (one, Server::Replica1),
            (two, Server::Replica2),
            (dr, Server::Dr),
        ]
        .into_iter()
        .find(|(id, _)| *id == instance)
        .map(|(_, server)| server)
    }

    fn cut_off(&self) -> MutexGuard<'_, BTreeMap<Server, String>> {
        let cut_off = self.cut_off.lock();
        cut_off.expect("nothing panics while it holds them")
    }

    fn try_follow(&self, lab: &Lab, server: Server, following: Following) -> Result<()> {
        match following {
            Following::Away => {
                // While it pauses it would not see that it is told to leave.
                lab.sql(server, "select pg_wal_replay_resume()")?;
                let followed = lab.cut_off(server)?;
                self.cut_off().insert(server, followed);
                Ok(())
            }
            Following::Behind(_) => lab.sql(server, "select pg_wal_replay_pause()").map(drop),
            Following::Streaming => {
                lab.sql(server, "select pg_wal_replay_resume()")?;
                let followed = self.cut_off().remove(&server);
                match followed {
                    Some(followed) => {
                        lab.set_parameter(server, "primary_conninfo", Some(&followed))
                    }
                    None => Ok(()),
                }
            }
        }
    }

    fn try_perform(&self, lab: &Lab, work: &Work) -> Result<()> {
        match work {
            Work::Nothing => Ok(()),
            Work::Backup { instance, backup } => match self.named(instance) {
                Some(server) => lab.verified_backup(server, backup).map(drop),
                None => Ok(()),
            },
            Work::Upgrade {
                instance,
                replicas,
                goes_back,
                breaks,
                away,
            } => {
                // The replicas first, as PostgreSQL's manual says.
                let members = replicas.iter().chain([instance]);
                let members: Vec<Server> = members.filter_map(|id| self.named(id)).collect();
                let lost = breaks.iter().chain(away);
                let lost: Vec<Server> = lost.filter_map(|id| self.named(id)).collect();
                self.upgrade(lab, &members, *goes_back, &lost)
            }
            Work::Restart { instance } => match self.named(instance) {
                Some(server) => {
                    let before = lab.followers()?;
                    lab.restart(server)?;
                    lab.wait_streaming(&before, STREAMING_PATIENCE)
                }
                None => Ok(()),
            },
            Work::OfferDr { .. } => lab.offer_slot(Server::Dr),
            Work::Follow { .. } => lab.copy_anew(Server::Dr),
            Work::StopFollowing { .. } => self.try_follow(lab, Server::Dr, Following::Away),
            Work::WithdrawDr { .. } => lab.withdraw_slot(Server::Dr),
            Work::Promote { .. } => lab.promote(Server::Dr),
        }
    }

    /// Other binaries and a restart of each server; then the way back, if it is to fail.
    /// Whoever streamed before streams again, except those that are to lose their replication.
    fn upgrade(
        &self,
        lab: &Lab,
        members: &[Server],
        goes_back: bool,
        lost: &[Server],
    ) -> Result<()> {
        let mut followers = lab.followers()?;
        let before: Vec<Release> = members
            .iter()
            .map(|server| lab.installed_release(*server))
            .collect::<Result<_>>()?;
        let swap = |releases: &[Release]| -> Result<()> {
            for (server, release) in members.iter().zip(releases) {
                lab.install(*server, *release)?;
                lab.restart(*server)?;
            }
            lab.wait_streaming(&followers, STREAMING_PATIENCE)
        };
        swap(&vec![Release::New; members.len()])?;
        if goes_back {
            swap(&before)?;
        }
        for server in lost {
            self.try_follow(lab, *server, Following::Away)?;
        }
        followers.retain(|server| !lost.contains(server));
        lab.wait_streaming(&followers, STREAMING_PATIENCE)
    }
}

impl site::Servers for Postgres {
    fn perform(&self, work: &Work) -> std::result::Result<(), String> {
        let lab = self.lab.read().expect("no work has broken the lab");
        let Some(lab) = lab.as_ref() else {
            return Err("the lab is closed".to_owned());
        };
        let _one_at_a_time = self.works.lock().expect("no work has broken the lab");
        self.try_perform(lab, work)
            .map_err(|error| format!("failed to {error}"))
    }

    fn is_simulated(&self) -> bool {
        false
    }

    /// What `pg_stat_replication` says; nothing while the primary does not answer.
    fn following(&self) -> Vec<(String, Following)> {
        let lab = self.lab.read().expect("no work has broken the lab");
        let Some(Ok(streaming)) = lab.as_ref().map(|lab| lab.streaming()) else {
            return Vec::new();
        };
        let [one, two] = &self.servers.replicas;
        [
            (one, Server::Replica1),
            (two, Server::Replica2),
            (&self.servers.dr, Server::Dr),
        ]
        .into_iter()
        .map(|(id, server)| {
            let found = streaming
                .iter()
                .find(|standby| standby.name == server.as_str() && standby.state == "streaming");
            let following = match found.map(|standby| standby.lag_bytes) {
                None => Following::Away,
                Some(bytes) => match u64::try_from(bytes / BYTES_A_MILLISECOND) {
                    Ok(0) | Err(_) => Following::Streaming,
                    Ok(millis) => Following::Behind(millis),
                },
            };
            (id.clone(), following)
        })
        .collect()
    }

    fn follow(&self, instance: &str, following: Following) -> std::result::Result<(), String> {
        let lab = self.lab.read().expect("no work has broken the lab");
        let (Some(lab), Some(server)) = (lab.as_ref(), self.named(instance)) else {
            return Err("no server stands behind it".to_owned());
        };
        self.try_follow(lab, server, following)
            .map_err(|error| format!("failed to {error}"))
    }

    fn forget(&self) {
        self.cut_off().clear();
    }

    /// Waits for work under way, and lets go of the lab.
    fn close(&self) {
        self.lab.write().expect("no work has broken the lab").take();
    }
}
