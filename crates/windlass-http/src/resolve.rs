//! Names into addresses, once: what was judged is what the connection gets. Without that,
//! a name that answers differently the second time would lead past the judgement.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use reqwest::dns::{Addrs, Name, Resolve};
use url::Host;

use crate::address::{Judgement, Reach, judge};
use crate::error::{Error, Kind};
use crate::url::Url;

/// Addresses to come.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Where names are looked up.
pub trait Resolver: Send + Sync {
    /// All addresses of a name.
    fn resolve(&self, name: &str) -> Resolving;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Resolver for System {
    fn resolve(&self, name: &str) -> Resolving {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The judged addresses of one host, and no other.
#[derive(Clone, Debug)]
pub(crate) struct Pinned {
    host: String,
    addresses: Vec<SocketAddr>,
}

impl Pinned {
    /// Looks up where `url` leads, and keeps what may be reached.
    pub(crate) async fn look_up(
        url: &Url,
        reach: &Reach,
        resolver: &dyn Resolver,
    ) -> Result<Self, Error> {
        let origin = url.origin();
        let found = match url.host() {
            Some(Host::Ipv4(address)) => vec![IpAddr::V4(address)],
            Some(Host::Ipv6(address)) => vec![IpAddr::V6(address)],
            Some(Host::Domain(name)) => resolver.resolve(name).await.map_err(|error| {
                let message = format!("cannot resolve {name}: {error}");
                Error::unsent(Kind::Resolve, message)
            })?,
            None => Vec::new(),
        };
        let host = origin.host().to_owned();
        if found.is_empty() {
            let message = format!("cannot resolve {host}: it has no address");
            return Err(Error::unsent(Kind::Resolve, message));
        }
        let mut addresses = Vec::new();
        let mut refused = None;
        for address in found {
            match reach.allows(address) {
                Ok(()) => addresses.push(SocketAddr::new(address, origin.port())),
                Err(barred) => refused = refused.or(Some((address, barred))),
            }
        }
        match (addresses.is_empty(), refused) {
            (true, Some((address, barred))) => {
                let message = format!("{host} is {address}, {barred}");
                Err(Error::unsent(Kind::Refused, message))
            }
            (_, _) => Ok(Self { host, addresses }),
        }
    }

    /// Whether none of the addresses is public.
    pub(crate) fn is_private(&self) -> bool {
        let mut addresses = self.addresses.iter();
        addresses.all(|address| matches!(judge(address.ip()), Judgement::Private(_)))
    }
}

impl Resolve for Pinned {
    fn resolve(&self, name: Name) -> reqwest::dns::Resolving {
        let found: Result<Addrs, _> = if name.as_str() == self.host {
            Ok(Box::new(self.addresses.clone().into_iter()))
        } else {
            Err(format!("{} was not judged", name.as_str()).into())
        };
        Box::pin(std::future::ready(found))
    }
}
