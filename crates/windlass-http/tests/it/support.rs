//! Short spellings for the suites of this crate.

use std::time::Duration;

use tokio::time::Instant;
use windlass_http::testing::Server;
use windlass_http::{Client, Limits, Method, Range, Reach, Request, Url};

/// A client that may reach this machine, without TLS.
pub(crate) fn local() -> Client {
    let loopback: Range = "127.0.0.0/8".parse().unwrap();
    Client::new(Reach::with(vec![loopback])).allowing_plaintext()
}

/// Time enough for everything that is not meant to run out of it.
pub(crate) fn ample() -> Limits {
    Limits::until(Instant::now() + Duration::from_secs(30))
}

/// A request to the server's `/x`.
pub(crate) fn request(server: &Server, method: Method) -> Request {
    Request::new(method, Url::build(&server.origin(), ["x"], []).unwrap())
}
