//! Every bound of the engine, as a named constant with its unit last.

use std::time::Duration;

use windlass_core::time::Millis;

/// Messages that may wait for one run.
pub const RUN_MESSAGES_MAX: usize = 256;
/// Runs that are loaded from the journal at the same time.
pub const RUNS_LOADING_MAX: usize = 16;
/// Runs whose state is kept after their task left, so that a look needs no replay.
pub const RUNS_CACHED_MAX: usize = 64;
/// Runs whose first records are read for one list of those with certain labels.
pub const LABELLED_RUNS_READ_MAX: usize = 20_000;
/// Records that one read of a run takes from the store.
pub const REPLAY_PAGE_RECORDS: usize = 1_000;
/// Records that a subscription reads at once, and so the most that it holds.
pub const SUBSCRIPTION_PAGE_RECORDS: usize = 256;
/// A run whose next timer is nearer than this keeps its task.
pub const LINGER_MS: u64 = 2_000;
/// How long a timer that changes nothing, because what is due lacks something, keeps the
/// next look away; what brings it, such as secrets, comes at once. A run with more timers
/// may be so late with the others.
pub const LACKING_TICK_MS: u64 = 30_000;
/// How long a cancelled read may take to stop before it is dropped: the 5 s that a
/// process has after SIGTERM, the 2 s for draining its output, and a margin. With less,
/// a runner that does all it should is dropped before it can say how the read ended.
pub const CANCEL_GRACE: Duration = Duration::from_secs(8);
/// How often living orphans are looked at.
pub const ORPHAN_POLL: Duration = Duration::from_millis(500);
/// How often a result is offered again to a store that another process locks;
/// each offer waits for `windlass_journal::BUSY_WAIT_MS`.
pub const STORE_BUSY_OFFERS_MAX: u32 = 12;
/// How long an answer about a doubt that was not accepted keeps the next look away.
pub const REFUSED_LOOK_PAUSE_MS: u64 = 5_000;
/// How much longer than its own bound a park waits for the tasks of runs.
pub const PARK_SLACK: Duration = Duration::from_secs(2);
/// Messages that are on their way at the same time.
pub const MESSAGES_SENDING_MAX: usize = 8;
/// For how long a message is tried before it is kept as undelivered, from its first try.
pub const MESSAGE_GIVE_UP_MS: u64 = 24 * 60 * 60 * 1_000;
/// The pause after the first failed try; it doubles with each further one.
pub const MESSAGE_BACKOFF_MS: u64 = 1_000;
/// The longest pause between two tries.
pub const MESSAGE_BACKOFF_MS_MAX: u64 = 5 * 60 * 1_000;
/// The longest pause that a receiver can ask for.
pub const MESSAGE_RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);
/// How often a call is sent at most while nobody acknowledges it.
pub const MESSAGE_CALLS_MAX: u32 = 288;
/// How long one try may take, whatever its messenger does.
pub const MESSAGE_TRY_MAX: Duration = Duration::from_secs(60);
/// How long a message that lacks a secret is left alone before it is looked at again.
pub const MESSAGE_SECRET_PAUSE_MS: u64 = 60_000;
/// The shortest and the longest piece in which a timer is slept through.
pub const SLEEP_PIECE_MIN: Duration = Duration::from_millis(1);
/// See [`SLEEP_PIECE_MIN`].
pub const SLEEP_PIECE_MAX: Duration = Duration::from_secs(30);
/// What the wall clock and the time that passed differ by at least when it was set.
pub const CLOCK_SET_MIN: Duration = Duration::from_secs(1);
/// How many such settings are remembered.
pub const CLOCK_SETS_KEPT_MAX: usize = 64;
/// How far the wall clock may be behind the records of a run for its time to go on from them.
pub const CLOCK_BEHIND_RECORDS_MAX: Millis = Millis::from_mins(24 * 60);
