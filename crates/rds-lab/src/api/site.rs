//! The one place that all listeners share: the cloud, the user, the log of effects, and what
//! is behind the cloud. It answers one request at a time and carries out what follows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::cloud::{Cloud, Effect as CloudEffect, Following, Refusal, Region, Work};
use super::fault::{Count, Fault, Faults, On};
use super::identity::Identity;
use super::rate::Rate;
use super::record::EffectLog;
use super::request::{Reply, Request};
use super::route::{Call, Routed, Service, route};
use super::time::{Clock, Time};
use super::{control, metrics, rds};

/// What is behind the cloud. It may be slow; it is called on a thread of its own.
pub(crate) trait Servers: Send + Sync {
    /// Does it, or says why it could not.
    fn perform(&self, work: &Work) -> Result<(), String>;

    /// Whether there is nothing behind it, so that all work is done as soon as it is begun.
    fn is_simulated(&self) -> bool;

    /// How those follow that can be asked; what was set stays for the others.
    fn following(&self) -> Vec<(String, Following)>;

    /// Makes an instance follow so, if it can be told.
    fn follow(&self, instance: &str, following: Following) -> Result<(), String>;

    /// Everything is as at the start again.
    fn forget(&self);

    /// Waits for work under way, and does none any more.
    fn close(&self);
}

/// What a request may read and change.
pub(crate) struct State {
    pub(crate) cloud: Cloud,
    pub(crate) identity: Identity,
    pub(crate) log: EffectLog,
    pub(crate) faults: Faults,
    pub(crate) rate: Rate,
    /// How many requests of each call arrived, whatever became of them.
    pub(crate) asked: BTreeMap<Call, usize>,
}

/// Something that was armed to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Armed {
    /// Between the client and the cloud.
    Fault(usize),
    /// Inside the cloud.
    Trouble(usize),
}

impl State {
    pub(crate) fn new(cloud: Cloud, identity: Identity, log: EffectLog) -> Self {
        Self {
            cloud,
            identity,
            log,
            faults: Faults::default(),
            rate: Rate::default(),
            asked: BTreeMap::new(),
        }
    }

    pub(crate) fn arm(&mut self, on: On, fault: Fault) -> Armed {
        match fault {
            Fault::Trouble(trouble) => Armed::Trouble(self.cloud.troubles.arm(trouble, on.times)),
            fault => Armed::Fault(self.faults.arm(on, fault)),
        }
    }

    pub(crate) fn disarm(&mut self) {
        self.faults.disarm();
        self.cloud.troubles.disarm();
    }

    pub(crate) fn fired(&self, armed: Armed) -> u32 {
        match armed {
            Armed::Fault(number) => self.faults.fired(number),
            Armed::Trouble(number) => self.cloud.troubles.struck(number),
        }
    }
}

/// All of it, shared between the listeners and the handle.
pub(crate) struct Site {
    pub(crate) clock: Clock,
    state: Mutex<State>,
    servers: Box<dyn Servers>,
}

impl Site {
    pub(crate) fn new(clock: Clock, state: State, servers: Box<dyn Servers>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            state: Mutex::new(state),
            servers,
        })
    }

    /// The state as it is now, with everything ended whose time is over.
    pub(crate) fn with<T>(self: &Arc<Self>, act: impl FnOnce(&mut State, Time) -> T) -> T {
        let mut state = self.lock();
        let now = self.clock.now();
        state.cloud.advance(now);
        self.carry_out(&mut state, now);
        let answer = act(&mut state, now);
        self.carry_out(&mut state, now);
        answer
    }

    /// Counts a request that came over the wire, and finds the fault that it meets.
    pub(crate) fn arrived(
        self: &Arc<Self>,
        service: Service,
        request: &Request,
    ) -> Option<(Fault, Count)> {
        self.with(|state, _| {
            let routed = route(service, request, &state.cloud.settings)?;
            *state.asked.entry(routed.call).or_default() += 1;
            state.faults.meet(routed.call)
        })
    }

    pub(crate) fn answer(self: &Arc<Self>, service: Service, request: &Request) -> Reply {
        if service == Service::Control {
            let answer = control::answer(self, request);
            return answer.unwrap_or_else(|refusal| Reply::refused(&refusal));
        }
        self.look_at_servers(service, request);
        self.with(|state, now| {
            let limit = state.cloud.settings.requests_per_minute;
            if let Err(seconds) = state.rate.take(now, service, limit) {
                return Reply::throttled(seconds);
            }
            handle(state, now, service, request).unwrap_or_else(|refusal| match service {
                Service::Iam => Reply::refused_by_iam(&refusal),
                _ if state.cloud.settings.errors_of_v1 => Reply::refused_as_v1(&refusal),
                Service::Rds(_) | Service::Metrics | Service::Control => Reply::refused(&refusal),
            })
        })
    }

    /// Asks the servers how they follow, if the answer shows it; without holding up others.
    fn look_at_servers(self: &Arc<Self>, service: Service, request: &Request) {
        let shows = service == Service::Metrics || request.path.contains("/disaster-recovery");
        if !shows {
            return;
        }
        let found = self.servers.following();
        let mut state = self.lock();
        for (id, following) in found {
            if let Some(instance) = state.cloud.instance_mut(&id) {
                instance.following = following;
            }
        }
    }

    /// Makes an instance follow so, at the servers and in what is shown.
    pub(crate) fn follow(
        self: &Arc<Self>,
        instance: &str,
        following: Following,
    ) -> Result<(), String> {
        self.servers.follow(instance, following)?;
        self.with(|state, _| {
            let found = state.cloud.instance_mut(instance);
            let found = found.ok_or_else(|| format!("there is no instance {instance}"))?;
            found.following = following;
            Ok(())
        })
    }

    /// The servers are as at the start again.
    pub(crate) fn forget(&self) {
        self.servers.forget();
    }

    /// Waits for work under way, and begins none any more.
    pub(crate) fn close(&self) {
        self.servers.close();
    }

    /// Writes down and begins what followed, in its order.
    fn carry_out(self: &Arc<Self>, state: &mut State, now: Time) {
        for effect in state.cloud.take_effects() {
            match effect {
                CloudEffect::Note(note) => {
                    // Without its witness the lab proves nothing: it answers no more.
                    let written = state.log.append(note);
                    written.expect("the log of effects can be written");
                }
                CloudEffect::Work(number, _) if self.servers.is_simulated() => {
                    state.cloud.work_ended(now, number, Ok(()));
                }
                CloudEffect::Work(number, work) => self.begin(number, work),
            }
        }
    }

    fn begin(self: &Arc<Self>, number: u64, work: Work) {
        let site = Arc::clone(self);
        std::thread::spawn(move || {
            let result = site.servers.perform(&work);
            let now = site.clock.now();
            site.lock().cloud.work_ended(now, number, result);
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no request has broken the lab")
    }
}

fn handle(
    state: &mut State,
    now: Time,
    service: Service,
    request: &Request,
) -> Result<Reply, Refusal> {
    let routed =
        route(service, request, &state.cloud.settings).ok_or_else(Refusal::no_such_path)?;
    match service {
        Service::Iam => iam(state, now, &routed, request),
        Service::Rds(region) => {
            state.identity.check(now, request, Some(region))?;
            rds::answer(&mut state.cloud, now, region, &routed, request)
        }
        Service::Metrics => {
            let region = Region::of_project(&routed.project).ok_or_else(Refusal::no_permission)?;
            state.identity.check(now, request, Some(region))?;
            metrics::answer(&state.cloud, region, &routed, request)
        }
        Service::Control => Err(Refusal::no_such_path()),
    }
}

fn iam(state: &mut State, now: Time, routed: &Routed, request: &Request) -> Result<Reply, Refusal> {
    if routed.call == Call::Token {
        let expires = now.plus(state.cloud.settings.durations.token);
        return state.identity.issue(now, expires, request);
    }
    state.identity.check(now, request, None)?;
    Ok(Reply::new(200, state.identity.projects(request)))
}
