//! HTTP and JSON over the owner's Unix socket: the wire types, the client, and the
//! server. It takes no decision: the core authorises, the engine acts.

pub mod client;
pub mod limits;
pub mod place;
pub mod view;
pub mod wire;
