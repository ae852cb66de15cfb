//! Plugin steps: WebAssembly components of the contract in `plugins/wit`, on wasmtime.
//!
//! Responsible for loading a component, for asking it what it is and turning that into
//! catalog entries, and for carrying out its actions behind the engine's `StepRunner`:
//! with bounds on time, memory and talk, with HTTP through `windlass-http` alone and only
//! where manifest and plan say so, and with secrets that no guest sees. Not responsible for
//! where plugins come from, nor for what a runbook or a policy grants.
//!
//! - [`Host`] loads; [`Plugin`] is a loaded one, and a source of catalog entries and runners.
//! - [`Kept`]: the plugins that plans pin, from the bytes that an engine keeps.
//! - [`manifest`], [`schema`], [`requests`]: what a plugin says of itself, checked.
//! - [`limits`]: every bound.

mod bindings;
mod compiled;
mod conformance;
pub mod fixture;
mod hmac;
mod host;
mod imports;
mod kept;
pub mod limits;
pub mod manifest;
mod meter;
mod plugin;
mod powers;
mod recording;
pub mod requests;
mod runner;
pub mod schema;
mod seen;
mod stage;
mod state;
mod trial;
mod wasi;

pub use compiled::{BadDirectory, CompiledDir};
pub use conformance::{Check, conformance};
pub use host::{Host, HostError, Options};
pub use kept::Kept;
pub use plugin::{LoadError, Plugin};
pub use trial::play;
