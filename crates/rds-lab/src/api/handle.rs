//! The handle on a running API: where it is, who may ask it, what it did. Everything ends
//! when it is dropped.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::cloud::{Cloud, Following, Instance, Place, Region, Servers, Settings, Trouble, Work};
use super::fault::{Fault, Faults, On};
use super::identity::{Credentials, Identity};
use super::options::{Backing, Endpoints, Options};
use super::postgres::Postgres;
use super::record::{Effect, EffectLog};
use super::route::{Call, Service};
use super::serve;
use super::site::{self, Armed, Site, State};
use super::time::Clock;
use crate::{Error, Lab, Result, Server};

/// How long operations under way may take before everything is put back.
const RESTORE_PATIENCE: Duration = Duration::from_secs(120);

/// A running API.
pub struct Api {
    endpoints: Endpoints,
    credentials: Credentials,
    servers: Servers,
    site: Arc<Site>,
    /// The servers behind it.
    lab: Option<Arc<Lab>>,
    /// Of the log of effects, when nobody chose its place.
    _directory: Option<tempfile::TempDir>,
    runtime: Option<Runtime>,
}

impl Api {
    /// Starts it; it takes requests when this returns.
    pub fn start(options: Options) -> Result<Self> {
        let Options {
            backing,
            mut settings,
            effects,
        } = options;
        let lab = match backing {
            Backing::Simulated => None,
            Backing::Postgres(options) => Some(Arc::new(made(&options, &mut settings)?)),
        };
        let (directory, effects) = match effects {
            Some(path) => (None, path),
            None => {
                let temporary = std::env::temp_dir();
                let directory = tempfile::Builder::new()
                    .prefix("rds-lab-api-")
                    .tempdir_in(&temporary)
                    .map_err(Error::io("create a directory in", &temporary))?;
                let path = directory.path().join("effects");
                (Some(directory), path)
            }
        };
        let clock = Clock::default();
        let (cloud, servers) = Cloud::new(settings, clock.now(), places(lab.as_deref()));
        let credentials = Credentials::generate()?;
        let identity = Identity::new(credentials.clone());
        let state = State::new(cloud, identity, EffectLog::new(effects));
        let behind: Box<dyn site::Servers> = match &lab {
            None => Box::new(Nothing),
            Some(lab) => Box::new(Postgres::new(Arc::clone(lab), servers.clone())),
        };
        let site = Site::new(clock, state, behind);
        let (runtime, endpoints) = listen(&site).map_err(|error| {
            Error::Refused(format!("listen on the loopback interface: {error}"))
        })?;
        Ok(Self {
            endpoints,
            credentials,
            servers,
            site,
            lab,
            _directory: directory,
            runtime: Some(runtime),
        })
    }

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
    /// effects to an empty one. What was armed and asked is forgotten; settings, clock and tokens stay.
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
        let same = |state: &mut State, _| state.asked.iter().filter(|one| **one == call).count();
        self.site.with(same)
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

fn listen(site: &Arc<Site>) -> std::io::Result<(Runtime, Endpoints)> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("rds-lab-api")
        .enable_all()
        .build()?;
    let services = [
        Service::Rds(Region::EuDe),
        Service::Rds(Region::EuNl),
        Service::Iam,
        Service::Metrics,
        Service::Control,
    ];
    let mut origins = Vec::new();
    for service in services {
        // On a thread of its own, since the caller's may be a runtime's.
        let handle = runtime.handle().clone();
        let bound = std::thread::spawn(move || handle.block_on(serve::bind())).join();
        let (listener, address) = bound.expect("binding does not panic")?;
        runtime.spawn(serve::serve(listener, service, Arc::clone(site)));
        origins.push(format!("http://{address}"));
    }
    let [rds_eu_de, rds_eu_nl, iam, metrics, control] =
        <[String; 5]>::try_from(origins).expect("five services were bound");
    let endpoints = Endpoints {
        rds_eu_de,
        rds_eu_nl,
        iam,
        metrics,
        control,
    };
    Ok((runtime, endpoints))
}

/// A lab as the settings want it, which learn its versions.
fn made(options: &crate::Options, settings: &mut Settings) -> Result<Lab> {
    let lab = Lab::create(options)?;
    let described = lab.description();
    // The service adds a number of its own to PostgreSQL's.
    settings.old_version = format!("{}.21", described.old.version);
    settings.new_version = format!("{}.24", described.new.version);
    if !settings.dr_at_start {
        lab.cut_off(Server::Dr)?;
        lab.withdraw_slot(Server::Dr)?;
    }
    Ok(lab)
}

/// Where the primary, the replicas and the DR instance are.
fn places(lab: Option<&Lab>) -> [Place; 4] {
    match lab {
        None => [31, 32, 33, 34].map(|host| (format!("192.168.7.{host}"), 5432)),
        Some(lab) => Server::ALL.map(|server| {
            let described = lab.description();
            (described.host.clone(), described.server(server).port)
        }),
    }
}

/// What is behind a simulated API.
struct Nothing;

impl site::Servers for Nothing {
    fn perform(&self, _work: &Work) -> std::result::Result<(), String> {
        Ok(())
    }

    fn is_simulated(&self) -> bool {
        true
    }

    fn following(&self) -> Vec<(String, Following)> {
        Vec::new()
    }

    fn follow(&self, _: &str, _: Following) -> std::result::Result<(), String> {
        Ok(())
    }

    fn forget(&self) {}

    fn close(&self) {}
}
