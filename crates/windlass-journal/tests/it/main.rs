//! One test binary for the crate: the port's conformance on both stores, and
//! what only a file can show.

// Marked as tests, so that helpers may unwrap as the tests do.
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod export;
#[cfg(test)]
mod format;
#[cfg(test)]
mod group;
#[cfg(test)]
mod model;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tamper;
