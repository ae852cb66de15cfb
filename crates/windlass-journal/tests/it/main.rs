//! One test binary for the crate: the port's conformance on both stores, and
//! what only a file can show.

mod conformance;
mod support;
