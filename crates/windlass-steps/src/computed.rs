//! Runs what is only computed: the outcome follows from the resolved `with` alone, and
//! nothing is sent. What is computed belongs to `assert` and `set`.

use windlass_core::outcome::Outcome;
use windlass_core::plan::Input;
use windlass_core::value::Value;
use windlass_engine::attempt::DispatchToken;
use windlass_engine::ports::{StepContext, StepRunner, Work};

use crate::ending::Ending;

/// How an attempt ends, given its `with`.
#[derive(Clone, Copy)]
pub(crate) struct Computed(pub(crate) fn(&Input) -> Result<Value, Ending>);

impl Computed {
    /// The same as the runner's answer.
    pub(crate) fn outcome(self, input: &Input) -> Outcome {
        match (self.0)(input) {
            Ok(outputs) => Outcome::Succeeded { outputs, log: None },
            Err(ending) => ending.into_plain_outcome(),
        }
    }
}

impl StepRunner for Computed {
    fn run(&self, token: DispatchToken, context: StepContext) -> Work<Outcome> {
        let computed = *self;
        Box::pin(async move {
            match token.hand_over() {
                Ok(_handed) => computed.outcome(&context.input),
                Err(late) => late.into_outcome(),
            }
        })
    }
}
