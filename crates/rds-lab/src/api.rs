//! A local cloud: the APIs of RDS for PostgreSQL in two regions, of IAM and of the metrics
//! service, as plain HTTP on this machine. Behind it are the servers of a [`crate::Lab`], or
//! nothing.
//!
//! It does what the documents of the real service say, with their codes and bodies; where they
//! say nothing, [`Settings`] say what it does. Every effect is written to a log that is synced
//! before the answer goes out, so that a test can count what happened apart from what a client
//! believes.
//!
//! It is no model of a cloud's capacity, cost or permissions: there is one user, who may do
//! everything.

mod cloud;
mod control;
mod deliver;
mod fault;
mod flagship;
mod handle;
mod identity;
mod metrics;
mod options;
mod postgres;
mod rate;
mod rds;
mod record;
mod request;
mod route;
mod serve;
mod signature;
mod site;
mod start;
mod time;
mod wire;

pub use cloud::{
    AtLatest, Durations, Following, Instance, Kind, Node, Region, Servers, Settings, Trouble,
    UnderDr,
};
pub use fault::{Fault, On};
pub use flagship::without_servers;
pub use handle::Api;
pub use identity::Credentials;
pub use options::{Backing, Endpoints, Options};
pub use record::Effect;
pub use request::Request;
pub use route::Call;
pub use signature::{Dialect, authorization};
pub use site::Armed;
pub use time::{Clock, Time};
