//! One process of the owner's machine, in a session of its own: what `shell` and `ssh`
//! share. `owner` says what a process inherits, `call` says what is
//! run, `start` starts and ends it, `spool` keeps
//! the files between the two, `capture` reads what it prints, `lines` cuts that into
//! lines, and `answer` says what its end means. Not responsible for what is started.

mod answer;
mod call;
mod capture;
mod lines;
mod owner;
mod spool;
mod start;

pub(crate) use answer::{End, Ended, outcome};
pub(crate) use call::Call;
pub(crate) use capture::Sieve;
pub use capture::{DRAIN, POLL, STDERR_TAIL_BYTES_MAX, STDOUT_BYTES_MAX};
pub(crate) use owner::Owner;
pub use start::KILL_GRACE;
pub(crate) use start::{Printed, Process, StdIn, variables};
