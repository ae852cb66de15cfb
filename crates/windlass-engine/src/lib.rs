//! Drives runs: appends what the core decided, then performs what is outstanding.
//! It owns the ports to the world; it takes no decision itself.
//!
//! - [`Engine`]: the owner's handle; [`offline`]: what can be done without an owner.
//! - [`redact`]: no secret gets past it; [`printable`]: no escape sequence.
//! - [`ports`], [`attempt`]: what runners, clocks and catalogs implement and are handed.
//! - [`explore`]: every outcome of a plan, with values that stand for all others.
//! - [`rehearsal`]: a plan with mocked work and a clock that jumps; no store, no runner.
//! - [`state_dir`], [`owner`]: the directory, and the lock that makes a process its owner.
//!
//! Inside, one task drives one run (`run`), and exists only while something of the run is
//! in flight; `registry` knows which, `turning` wakes the others when their time comes.

pub mod announce;
pub mod attempt;
mod clock;
mod engine;
mod error;
pub mod explore;
#[cfg(feature = "failpoints")]
mod failpoints;
mod governing;
mod index;
pub mod limits;
mod list;
mod locks;
mod looking;
pub mod offline;
mod options;
mod orphans;
pub mod outbox;
pub mod owner;
pub mod plugins;
pub mod ports;
pub mod printable;
pub mod prune;
pub mod redact;
mod registry;
pub mod rehearsal;
mod replay;
mod run;
mod run_ids;
mod run_secrets;
mod runbooks;
mod shared;
pub mod signatures;
#[cfg(any(test, feature = "test-support"))]
mod sim_clock;
mod snapshot;
mod stat;
pub mod state_dir;
mod stopping;
pub mod store_events;
mod subscription;
mod turning;
mod wheel;

pub use clock::SystemClock;
pub use engine::{Engine, Start};
pub use error::{CommandError, Erased, Fatal, OpenError};
pub use governing::Governing;
pub use index::row as index_row;
pub use list::{Labels, Listed};
pub use looking::ProgressLine;
pub use options::{GoOn, Options};
pub use replay::ReplayError;
pub use run::CommandAnswer;
pub use run_ids::{IdSource, SystemIds};
#[cfg(any(test, feature = "test-support"))]
pub use sim_clock::SimClock;
pub use snapshot::{Lacks, Snapshot};
pub use state_dir::StateDir;
pub use stopping::{Parked, ParkedRun};
pub use subscription::{Recorded, Subscription};
