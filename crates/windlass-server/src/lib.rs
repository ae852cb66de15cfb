//! HTTP and JSON over the owner's Unix socket: the wire types, the client, and the
//! server. It takes no decision: the core authorises, the engine acts.
//!
//! - [`wire`]: requests, answers and stream lines; [`view`] builds a run's view.
//! - [`client`]: a typed method for each route.
//! - [`socket`], [`server`]: making the socket and serving an engine at it.
//!
//! Inside, `route` is the table of all routes with what each demands (`access`), and
//! `handle` does what they say.

mod access;
pub mod accounts;
mod admission;
mod body;
pub mod client;
mod connection;
mod context;
mod handle;
pub mod limits;
mod peer;
pub mod place;
mod refusal;
mod route;
pub mod server;
pub mod socket;
pub mod telling;
pub mod view;
pub mod wire;

pub use client::{Client, ClientError};
pub use refusal::HELP_WHEN_ERASED;
pub use server::{Options, Server};
pub use socket::{Access, Socket, SocketError};
