//! One guarded HTTP request, for everything in windlass that speaks HTTP to the world.
//!
//! Responsible for where a request may go (addresses are judged after our own resolution
//! and the connection is pinned to them), for TLS, for bounds on time and size, and for
//! what is known about a request that got no answer: whether it was [`Sent`]. Not
//! responsible for retries (there are none), for what a status means, nor for who may
//! have a secret: those are its callers'.

mod address;
mod answer;
mod client;
mod error;
mod gate;
mod limits;
mod redirect;
mod request;
mod resolve;
#[cfg(feature = "test-support")]
pub mod testing;
mod tls;
mod url;

pub use address::{BadRange, Barred, Judgement, Range, Reach, judge};
pub use answer::Answer;
pub use client::Client;
pub use error::{Error, Kind};
pub use gate::{Refusal, Sent};
pub use limits::{
    BODY_BYTES_MAX, CONNECT_TIMEOUT, HEADER_BYTES_MAX, HEADERS_MAX, Limits, REDIRECTS_MAX,
    URL_BYTES_MAX,
};
pub use request::{BadHeader, Method, Request};
pub use resolve::{Resolver, Resolving, System};
pub use tls::{BadTrust, Trust, none_trusted};
pub use url::{BadUrl, Origin, Url};
