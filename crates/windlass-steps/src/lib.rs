//! Native step kinds: their catalog entries and their runners.
//! Responsible for processes here (`shell`) and on other machines (`ssh`), for
//! PostgreSQL statements (`postgres/query`, `postgres/execute`), for requests (`http`), for
//! messages (`notify/webhook`, `notify/page`) and for what is only computed (`assert`,
//! `set`); not for retries, timeouts of changes or the journal, which are the engine's. One
//! rule holds everywhere: an attempt sends at most once, and says `none` only when nothing
//! was sent or the target itself refused.

mod assert;
mod catalog;
mod computed;
mod detach;
mod ending;
mod http;
mod json;
mod manual;
mod native;
#[cfg(feature = "test-support")]
mod noop;
mod notify;
mod postgres;
mod process;
mod set;
mod shell;
mod ssh;
mod text;
mod wait;
mod with;

pub use assert::CHECKS_MAX;
pub use http::{BODY_BYTES_MAX, LINGER, NO_EFFECT};
pub use native::NativeSteps;
pub use notify::{Notifier, PAGERDUTY, REPEAT};
pub use postgres::{CONNECT_TIMEOUT, ROWS_MAX, STATEMENT_TIMEOUT};
pub use process::{DRAIN, KILL_GRACE, POLL, STDERR_TAIL_BYTES_MAX, STDOUT_BYTES_MAX};
pub use ssh::{GO_WITHIN, SSH_CONNECT_TIMEOUT};
