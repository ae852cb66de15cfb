//! Every bound of the journal, as a named constant with its unit last.
//! What is larger is refused with `AppendError::TooLarge` before it is queued.

/// Largest body of one record.
pub const RECORD_BODY_BYTES_MAX: usize = 16 << 20;
/// Most records in one append.
pub const APPEND_RECORDS_MAX: usize = 1_024;
/// Most bytes of bodies, answer and outbox rows together in one append.
pub const APPEND_BYTES_MAX: usize = 24 << 20;
/// Most outbox rows in one append.
pub const APPEND_OUTBOX_ROWS_MAX: usize = 256;
/// Most runs whose bodies one append may erase.
pub const APPEND_ERASED_RUNS_MAX: usize = 256;
/// Largest remembered answer of an idempotency key.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Longest idempotency key.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 200;
/// Longest topic, key or lane of an outbox row.
pub const OUTBOX_NAME_BYTES_MAX: usize = 200;
/// Longest note of a sender about an outbox row.
pub const OUTBOX_PROGRESS_BYTES_MAX: usize = 16 << 10;
/// Longest run name.
pub const RUN_KEY_BYTES_MAX: usize = 64;
/// Longest event kind.
pub const KIND_BYTES_MAX: usize = 64;
/// Longest text in one field of a `runs` index row.
pub const INDEX_TEXT_BYTES_MAX: usize = 4 << 10;
/// Most records that one read returns, whatever limit was asked for.
pub const READ_RECORDS_MAX: usize = 10_000;
/// A read ends once its bodies reach this size; it returns one record at least.
pub const READ_BYTES_MAX: usize = 64 << 20;
/// Most rows that one listing (`runs`, `tips`, `outbox`) returns.
pub const LIST_ROWS_MAX: usize = 10_000;
/// Bytes that may wait for the writer. Each append counts for at least
/// [`QUEUE_SLOT_BYTES`], so no more than 1,024 appends wait.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;
/// What the smallest append counts for in the queue.
pub const QUEUE_SLOT_BYTES: usize = 64 << 10;
/// Longest line of an export that is read: a body of which every byte is escaped, and its
/// header.
pub const EXPORT_LINE_BYTES_MAX: usize = 6 * RECORD_BODY_BYTES_MAX + (4 << 10);
/// Most appends in one commit.
pub const GROUP_APPENDS_MAX: usize = 512;
/// How long the writer waits for a lock that another process holds, in milliseconds.
pub const BUSY_WAIT_MS: u32 = 5_000;
/// How many records at the end of the journal are checked when it is opened.
pub const OPEN_CHECK_RECORDS: u64 = 1_000;
