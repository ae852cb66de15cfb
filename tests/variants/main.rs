//! The shipped variants of the flagship, done on real servers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod patroni;
mod rolling;
mod runs;
