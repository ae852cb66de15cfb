//! Starts an API: what is behind it, the cloud in front of that, the listeners.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use super::cloud::{Cloud, Following, Place, Region, Settings, Work};
use super::handle::Api;
use super::identity::{Credentials, Identity};
use super::options::{Backing, Endpoints, Options};
use super::postgres::Postgres;
use super::record::EffectLog;
use super::route::Service;
use super::serve;
use super::site::{self, Site, State};
use super::time::Clock;
use crate::{Error, Lab, Result, Server};

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
pub(super) fn places(lab: Option<&Lab>) -> [Place; 4] {
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
