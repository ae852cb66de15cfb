//! The bounds of a plugin: for each a default and the most that may be set, or one value
//! that holds always. What an attempt may log is the engine's bound, what it may output
//! and keep the core's.

use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// The most bytes of a component.
pub const COMPONENT_BYTES_MAX: usize = 64 * MIB;
/// The most bytes of all texts of a manifest.
pub const MANIFEST_BYTES_MAX: usize = 256 * 1024;
/// The most actions of a plugin.
pub const ACTIONS_MAX: usize = 64;
/// The most entries of an action's `requests`.
pub const REQUESTS_MAX: usize = 64;
/// The most requests of a manifest's rate.
pub const RATE_REQUESTS_MAX: u32 = 100_000;
/// How deep a schema may be.
pub const SCHEMA_DEPTH_MAX: usize = 16;
/// How long a plugin may take to say what it is.
pub const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest timeout, settle and observe that a manifest may ask for.
pub const SPAN_MAX: Duration = Duration::from_secs(24 * 3600);
/// The most elements of all tables of an instance.
pub const TABLE_ELEMENTS_MAX: usize = 200_000;
/// The most core instances, memories and tables of an instance.
pub const PARTS_MAX: usize = 256;
/// The most handles of secrets that live at once, and the most secrets that an attempt is
/// issued.
pub const HANDLES_MAX: usize = 256;
/// The most bytes that `random.bytes` gives at once.
pub const RANDOM_BYTES_MAX: u32 = 4096;
/// The most bytes of a request's body.
pub const REQUEST_BYTES_MAX: usize = MIB;
/// The most bytes of an answer's body that a guest gets.
pub const ANSWER_BYTES_MAX: usize = MIB;
/// The most secrets that one request takes out of its answer.
pub const CAPTURES_MAX: usize = 8;
/// For how long the answer to a change is waited for after the attempt's time is over.
/// Many servers give a request up when its connection ends.
pub const LINGER: Duration = Duration::from_secs(10 * 60);
/// How often a running guest is looked at.
pub const TICK: Duration = Duration::from_millis(10);

/// The bounds that may be set, within [`Limits::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of all memories of an instance together.
    pub memory_bytes: usize,
    /// Calls of imports in one attempt.
    pub host_calls: u32,
}

impl Limits {
    /// The most that may be set.
    pub const MOST: Limits = Limits {
        memory_bytes: 1024 * MIB,
        host_calls: 10_000_000,
    };

    /// The same within what may be set.
    pub fn capped(self) -> Self {
        Self {
            memory_bytes: self.memory_bytes.min(Self::MOST.memory_bytes),
            host_calls: self.host_calls.min(Self::MOST.host_calls),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 * MIB,
            host_calls: 100_000,
        }
    }
}
