//! Plugins that were built from source, in the real host. `cargo xtask plugins` builds them.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails its test"
)]

mod alertmanager;
mod changes;
mod contained;
mod fixtures;
mod hello;
mod hostile_set;
mod languages;
mod otc_rds;
mod requests;
mod secrets;
mod support;
