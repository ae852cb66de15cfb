//! RDS for PostgreSQL of the Open Telekom Cloud: what the runbook of its minor upgrade does.
//!
//! Responsible for the cloud's API: its credentials, its requests, and what its answers say
//! of a change. `docs/rds.md` tells what of that is documented and what is assumed. Not
//! responsible for when a change may be made: that is the runbook's.
//!
//! `judge` decides and is tested anywhere; `actions` ask and wait, and run in the host.

mod access;
mod actions;
mod cloud;
mod judge;
mod model;
mod reads;
mod refusal;
mod sign;
mod time;
mod version;

windlass_plugin::plugin! {
    name: "otc_rds",
    summary: "Upgrades instances of RDS for PostgreSQL, with their backups and DR relations",
    rate: windlass_plugin::Rate { requests: 60, per_ms: 60_000 },
    actions: [
        actions::resolve::action(),
        actions::precheck::action(),
        actions::backup::action(),
        actions::upgrade::action(),
        actions::verify::action(),
        actions::dr::status(),
        actions::dr::remove(),
        actions::dr::establish(),
        actions::scan::action(),
        actions::lists::tasks(),
        actions::lists::backups(),
        actions::lists::metrics(),
    ],
}
