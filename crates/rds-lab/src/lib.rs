//! A local lab of real PostgreSQL servers: a primary, two streaming replicas
//! and a disaster-recovery standby, of which a runbook swaps the binaries.
//!
//! It is not an upgrader: it offers the servers, the two builds, one
//! `current` link a server, and the means to judge what a runbook did to them
//! (queries, a checksum, a write probe, a witness file). Nothing here restarts
//! or swaps anything on its own.
//!
//! [`api`] is a local cloud: the APIs that a vendor's procedure is driven by.
//!
//! ```no_run
//! use rds_lab::{Lab, Options, Release, Server};
//!
//! let lab = Lab::create(&Options::new("target/lab/builds"))?;
//! lab.install(Server::Replica1, Release::New)?;
//! lab.restart(Server::Replica1)?;
//! assert_eq!(lab.version(Server::Replica1)?, "15.18");
//! lab.destroy()?;
//! # Ok::<(), rds_lab::Error>(())
//! ```
//!
//! Two facts that a runbook must know. `pg_ctl restart` reads the path of the
//! binary from `postmaster.opts`, where it stands with links resolved, and so
//! starts the *old* build again: swap `current`, then `stop`, then `start`.
//! And PostgreSQL refuses to run as root: run `pg_ctl` behind the `run_as`
//! words of [`Lab::inputs`].

mod account;
pub mod api;
mod builds;
mod command;
mod control;
mod create;
mod description;
mod error;
mod faults;
mod inputs;
mod lab;
mod passwords;
mod probe;
mod processes;
pub mod proxy;
mod query;
mod server;
mod snapshot;
mod standby;
mod tools;
pub mod witness;

pub use account::Account;
pub use builds::{Build, BuildSource, PINNED_NEW, PINNED_OLD, Pin};
pub use control::Status;
pub use create::Options;
pub use description::{Description, Role, ServerDescription};
pub use error::Error;
pub use faults::{Consumer, Held};
pub use lab::Lab;
pub use probe::{Attempt, Outage, ProbeOptions, ProbeReport, Reply, Verdict, WriteProbe};
pub use query::{Row, Standby};
pub use server::{Release, RoleName, Server};
pub use tools::Tools;

/// What every function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
