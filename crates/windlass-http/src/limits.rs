//! The bounds of one request, each with its unit last.

use std::time::Duration;

use tokio::time::Instant;

/// The default for resolution, TCP and TLS together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The default for the bytes of an answer's body.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The most bytes of an answer's headers, names and values together.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;
/// The most headers of an answer.
pub const HEADERS_MAX: usize = 128;
/// The most redirects that a read may follow.
pub const REDIRECTS_MAX: u8 = 5;
/// The most bytes of an address.
pub const URL_BYTES_MAX: usize = 8 * 1024;

/// How long a request may take, and how much its answer may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For resolution, TCP and TLS together, on every hop.
    pub connect: Duration,
    /// On the monotonic clock: when the waiting for the whole answer ends.
    pub deadline: Instant,
    /// What is read of a body; the rest is left and the answer says so.
    pub body_bytes_max: usize,
}

impl Limits {
    /// The defaults, until this moment.
    pub fn until(deadline: Instant) -> Self {
        Self {
            connect: CONNECT_TIMEOUT,
            deadline,
            body_bytes_max: BODY_BYTES_MAX,
        }
    }
}
