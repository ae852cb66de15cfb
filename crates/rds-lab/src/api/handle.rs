//! The handle on a running API: where it is, who may ask it, what it did. Everything ends
//! when it is dropped.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::cloud::{Cloud, Following, Instance, Servers, Settings, Trouble};
use super::fault::{Fault, Faults, On};
use super::identity::Credentials;
use super::options::Endpoints;
use super::record::Effect;
use super::route::Call;
use super::site::{Armed, Site, State};
use super::start::places;
use super::time::Clock;
use crate::{Error, Lab, Result};

/// How long operations under way may take before everything is put back.
const RESTORE_PATIENCE: Duration = Duration::from_secs(120);

/// A running API.
pub struct Api {
    pub(super) endpoints: Endpoints,
    pub(super) credentials: Credentials,
    pub(super) servers: Servers,
    pub(super) site: Arc<Site>,
    /// The servers behind it.
    pub(super) lab: Option<Arc<Lab>>,
    /// Of the log of effects, when nobody chose its place.
    pub(super) _directory: Option<tempfile::TempDir>,
    pub(super) runtime: Option<Runtime>,
}

impl Api {
    /// Where it is.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Who may ask it.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The ids of the instances of the flagship.
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// The real servers behind it, if there are any.
    pub fn lab(&self) -> Option<&Lab> {
        self.lab.as_deref()
    }

    /// Keeps the state of the servers for [`Api::restore`]; for an API that has done nothing.
    pub fn snapshot(&self) -> Result<()> {
        if !self.site.with(|state, _| state.cloud.settings.dr_at_start) {
            let why = "keep a state without disaster recovery: the lab cannot put it back";
            return Err(Error::Refused(why.to_owned()));
        }
        self.lab().map_or(Ok(()), Lab::snapshot)
    }

    /// Puts everything back to the start: the cloud, the servers to their snapshot, the log of
    /// effects to an empty one. What was armed and asked is forgotten; settings, clock and
    /// tokens stay.
    pub fn restore(&self) -> Result<()> {
        self.wait_at_rest(RESTORE_PATIENCE)?;
        if let Some(lab) = self.lab() {
            lab.restore()?;
            // Their ids are going to be used again.
            lab.remove_backups()?;
            self.site.forget();
        }
        let places = places(self.lab());
        self.site.with(|state, now| {
            let settings = state.cloud.settings.clone();
            (state.cloud, _) = Cloud::new(settings, now, places);
            state.faults = Faults::default();
            state.asked.clear();
            state.log.restart()
        })
    }

    /// The clock that it goes by.
    pub fn clock(&self) -> &Clock {
        &self.site.clock
    }

    /// What it did, in order.
    pub fn effects(&self) -> Vec<Effect> {
        self.site.with(|state, _| state.log.effects().to_vec())
    }

    /// How many effects of this name there were, such as `upgrade.started`.
    pub fn count(&self, what: &str) -> usize {
        let effects = self.effects();
        effects.iter().filter(|effect| effect.what == what).count()
    }

    /// How many requests of a call came over the wire, also those that were refused, lost or
    /// met a fault: a client that asks again on its own shows here.
    pub fn asked(&self, call: Call) -> usize {
        let asked = |state: &mut State, _| state.asked.get(&call).copied().unwrap_or(0);
        self.site.with(asked)
    }

    /// The file of the effects, which [`crate::witness::Witness`] reads.
    pub fn effects_path(&self) -> PathBuf {
        self.site.with(|state, _| state.log.path().to_owned())
    }

    /// Changes how the cloud behaves from now on.
    pub fn settings(&self, change: impl FnOnce(&mut Settings)) {
        self.site.with(|state, _| change(&mut state.cloud.settings));
    }

    /// Lets something go wrong with requests, such as `api.fault(Call::Upgrade, ...)` for the
    /// next upgrade.
    pub fn fault(&self, on: impl Into<On>, fault: Fault) -> Armed {
        self.site.with(|state, _| state.arm(on.into(), fault))
    }

    /// Lets something go wrong with the next so many operations of its kind.
    pub fn trouble(&self, trouble: Trouble, times: u32) -> Armed {
        let on = On {
            times,
            ..On::default()
        };
        self.fault(on, Fault::Trouble(trouble))
    }

    /// How often it has happened.
    pub fn fired(&self, armed: Armed) -> u32 {
        self.site.with(|state, _| state.fired(armed))
    }

    /// Nothing that was armed happens any more.
    pub fn disarm(&self) {
        self.site.with(|state, _| state.disarm());
    }

    /// Changes anything of an instance, such as its address or its capacity.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut Instance)) -> Result<()> {
        self.site.with(|state, _| {
            let instance = state.cloud.instance_mut(id);
            instance
                .map(change)
                .ok_or_else(|| Error::Refused(format!("change {id}: there is no such instance")))
        })
    }

    /// Sets the status of an instance, such as `STORAGE FULL`; `ACTIVE` puts it in order.
    pub fn set_status(&self, instance: &str, status: &str) -> Result<()> {
        self.change(instance, |instance| status.clone_into(&mut instance.status))
    }

    /// Sets the status of an instance's last node; `ACTIVE` puts it in order.
    pub fn set_node_status(&self, instance: &str, status: &str) -> Result<()> {
        self.change(instance, |instance| instance.set_last_node(status))
    }

    /// Makes a replica or the DR instance follow so. A real one that is behind replays nothing
    /// more until it is told to stream or is restarted; how far behind it is shows what is
    /// written meanwhile.
    pub fn set_following(&self, instance: &str, following: Following) -> Result<()> {
        self.site
            .follow(instance, following)
            .map_err(|why| Error::Refused(format!("make {instance} follow: {why}")))
    }

    /// Makes every token void that was issued so far.
    pub fn expire_tokens(&self) {
        self.site
            .with(|state, now| state.identity.expire_tokens(now));
    }

    /// Waits until nothing is under way.
    pub fn wait_at_rest(&self, patience: Duration) -> Result<()> {
        crate::query::wait("the operations end", patience, || {
            let at_rest = self.site.with(|state, _| state.cloud.is_at_rest());
            Ok(at_rest.then_some(()).ok_or("one runs".to_owned()))
        })
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        // Before the lab goes: what its servers are doing would hold it.
        self.site.close();
        if let Some(runtime) = self.runtime.take() {
            // It may be dropped within another runtime, where waiting is forbidden.
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}
