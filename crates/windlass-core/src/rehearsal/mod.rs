//! What a rehearsal is told, as data: how mocked work ends, what people do and when, and
//! what is expected of the run. The front end reads it from a test file, the engine
//! rehearses a plan with it; nothing of it is ever stored in a journal.

mod expected;
mod invariant;
mod pattern;
mod script;

pub use expected::{Expected, Rest};
pub use invariant::{Invariant, When};
pub use pattern::{EVENT_KINDS, Pattern, Subject};
pub use script::{
    APPROVER, Act, Cue, Decision, Ending, FactScript, GateReply, GateScript, LookReply, Mock,
    Moment, Openings, REQUESTER, Reply, Said, Script, Series,
};

/// One case of a test file.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    /// Where it stands in the test file, from 1.
    pub line: usize,
    pub script: Script,
    pub expected: Expected,
}
