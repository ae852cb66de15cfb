//! The native step kinds against real processes and a real PostgreSQL server.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails its test"
)]

mod network;
mod postgres;
mod secret_hosts;
mod server;
mod shell;
mod shell_ends;
mod shell_outlives;
mod shell_output;
mod support;
mod tls;
