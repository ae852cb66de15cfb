//! Every bound of the server and its client, as a named constant with its unit last.

use std::time::Duration;

/// The longest path of a socket, which the kernel gives 108 bytes with their end.
pub const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Largest body of a request that starts a run: a plan, its runbook and its secrets.
pub const START_BODY_BYTES_MAX: usize = 26 << 20;
/// Largest body of any other request.
pub const BODY_BYTES_MAX: usize = 512 << 10;
/// Largest plan, as JSON: it must fit into one record with something around it.
pub const PLAN_BYTES_MAX: usize = windlass_journal::RECORD_BODY_BYTES_MAX - (64 << 10);
/// Most secrets in one request.
pub const SECRETS_MAX: usize = 256;
/// Longest value of a secret.
pub const SECRET_BYTES_MAX: usize = 64 << 10;
/// Longest idempotency key that a client may choose; the server adds who, what and where.
pub const CLIENT_KEY_BYTES_MAX: usize = 80;
/// Most rows of a list.
pub const LIST_ROWS_MAX: usize = 1_000;
/// Rows of a list that asks for no number.
pub const LIST_ROWS_DEFAULT: usize = 100;
/// Connections of one user.
pub const CONNECTIONS_PER_USER_MAX: usize = 64;
/// Connections of all users that are not the owner.
pub const CONNECTIONS_OF_OTHERS_MAX: usize = 192;
/// Requests that are worked on at once, the owner's and the others' counted apart;
/// those that follow a run are bounded by their connections.
pub const REQUESTS_MAX: usize = 64;
/// How long a request may take, the reading of its body among it.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a connection may be silent in both directions.
pub const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How often a stream without news says that the owner is alive.
pub const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
/// Lines of a stream that wait for a slow reader.
pub const STREAM_LINES_MAX: usize = 8;
/// How long connections may take to end when the server stops.
pub const STOP_GRACE: Duration = Duration::from_secs(3);
/// Most bytes that are read from `/etc/passwd` or `/etc/group`.
pub const ACCOUNTS_BYTES_MAX: u64 = 1 << 20;

/// How long a client waits for a connection.
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a client waits for an answer; longer than the server may take.
pub const CALL_TIME_MAX: Duration = Duration::from_secs(35);
/// How long a client follows a stream that says nothing, not even that it is alive.
pub const STREAM_SILENCE_MAX: Duration = Duration::from_secs(50);
/// Largest answer that a client reads.
pub const ANSWER_BYTES_MAX: usize = 32 << 20;
/// Longest line of a stream that a client reads.
pub const LINE_BYTES_MAX: usize = 24 << 20;
