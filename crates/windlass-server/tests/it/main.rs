//! The server from outside: a real socket, a real engine, fake runners.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod attached;
mod captured;
mod house;
mod others;
mod raw;
mod refused;
mod secrets;
mod sockets;
mod starting;
mod telling;
mod views;
