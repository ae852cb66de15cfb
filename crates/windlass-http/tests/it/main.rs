//! The guarded request against real sockets: what goes out on the wire, what is known
//! when no answer comes, and where it never goes.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot go on fails its test"
)]

mod addresses;
mod redirects;
mod sending;
mod support;
mod tls;
