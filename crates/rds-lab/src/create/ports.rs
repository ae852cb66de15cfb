//! Picks the ports of a new lab.

use std::net::TcpListener;

use crate::{Error, Result};

/// Ports below the range that Linux hands to outgoing connections, so that
/// none of those takes a server's port while it restarts.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// Four ports that nobody listens on now.
pub(super) fn free_ports() -> Result<[u16; 4]> {
    let mut listeners = Vec::new();
    // Labs that are made at once begin at different places.
    let span = PORTS.end - PORTS.start;
    let spread = std::process::id().wrapping_mul(97) ^ clock_noise();
    let first = u16::try_from(spread % u32::from(span)).expect("a remainder of a u16 fits");
    for step in 0..span {
        let port = PORTS.start + (first + step) % span;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            listeners.push((listener, port));
        }
        if let [a, b, c, d] = listeners.as_slice() {
            return Ok([a.1, b.1, c.1, d.1]);
        }
    }
    Err(Error::Refused(format!("find four free ports in {PORTS:?}")))
}

fn clock_noise() -> u32 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |now| now.subsec_nanos())
}
