//! What a route demands of whoever asks, before a byte of the request's body is read.
//! The answer is the core's: one function decides every authorisation.

use windlass_core::authorise::{Act, Circumstances, authorise};
use windlass_core::operator::Operator;
use windlass_core::policy::Policy;
use windlass_core::rejection::Rejection;

use crate::context::Context;
use crate::refusal::Refusal;

/// What a route demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever the socket's permissions admit may look.
    Look,
    /// Whoever they admit may ask; `decide` judges him with the gate, or the work by hand,
    /// before its eyes.
    Judged,
    /// Who may start runs.
    Start,
    /// Who may direct runs; `decide` judges again with the run before its eyes.
    Direct,
    /// Whose directory it is.
    Own,
}

impl Access {
    /// Whether the person may ask at all.
    pub(crate) fn check(self, by: &Operator, context: &Context) -> Result<(), Refusal> {
        let act = match self {
            Access::Look | Access::Judged => return Ok(()),
            Access::Start => Act::Start,
            Access::Direct => Act::Direct,
            Access::Own => Act::Own,
        };
        let owner = context.owner();
        let standing = context.engine.policy().map(Policy::standing_of_all);
        let circumstances = Circumstances {
            owner: &owner,
            requester: None,
            single_user: context.single_user,
            standing: standing.as_ref(),
            target: None,
            now: context.engine.now(),
        };
        match authorise(act, by, circumstances) {
            Ok(_rule) => Ok(()),
            Err(denial) => Err(Rejection::NotAuthorised {
                by: by.clone(),
                why: denial.to_string(),
            }
            .into()),
        }
    }
}
