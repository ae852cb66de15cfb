//! The native step kinds against real processes, a real SSH server and a real
//! PostgreSQL server.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails its test"
)]

mod http;
mod network;
mod postgres;
mod secret_hosts;
mod server;
mod shell;
mod shell_ends;
mod shell_outlives;
mod shell_output;
mod ssh;
mod ssh_ends;
mod ssh_network;
mod sshd;
mod support;
mod tls;
