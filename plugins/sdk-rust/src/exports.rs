//! The exports of the WIT package for everything that is a [`Plugin`].

use crate::action::Action;
use crate::attempt::Attempt;
use crate::bindings::exports::windlass::plugin::{describe, reconcile, run, undo};
use crate::bindings::windlass::plugin::attempt::{Level, log};
use crate::bindings::windlass::plugin::types::{Answer, Call, Doubt, Failure, Manifest, Rate};

/// What [`plugin!`](crate::plugin) makes.
pub trait Plugin {
    const NAME: &'static str;
    const VERSION: &'static str;
    const SUMMARY: &'static str;
    const RATE: Option<Rate> = None;

    fn actions() -> Vec<Action>;
}

/// The action of a call, once a panic is told in the attempt's log: the trap that follows
/// says nothing.
fn action<P: Plugin>(call: &Call) -> Option<Action> {
    std::panic::set_hook(Box::new(|info| log(Level::Error, &info.to_string())));
    let mut actions = P::actions().into_iter();
    actions.find(|action| action.entry.name == call.action)
}

fn unknown_action(call: &Call) -> Failure {
    let message = format!("this plugin has no action `{}`", call.action);
    crate::failure::Failure::none("no_action", message).0
}

impl<P: Plugin> describe::Guest for P {
    fn describe() -> Manifest {
        Manifest {
            name: P::NAME.to_owned(),
            version: P::VERSION.to_owned(),
            summary: P::SUMMARY.to_owned(),
            actions: P::actions()
                .into_iter()
                .map(|action| action.entry)
                .collect(),
            rate: P::RATE,
        }
    }
}

impl<P: Plugin> run::Guest for P {
    fn run(call: Call, input: String) -> Result<String, Failure> {
        let action = action::<P>(&call).ok_or_else(|| unknown_action(&call))?;
        action.call_run(&Attempt::new(call), &input)
    }
}

impl<P: Plugin> reconcile::Guest for P {
    fn reconcile(call: Call, input: String, doubt: Doubt) -> Result<Answer, String> {
        let action = action::<P>(&call).ok_or_else(|| unknown_action(&call).message)?;
        action.call_reconcile(&Attempt::new(call), &input, doubt)
    }
}

impl<P: Plugin> undo::Guest for P {
    fn undo(call: Call, input: String, checkpoint: Option<String>) -> Result<(), Failure> {
        let action = action::<P>(&call).ok_or_else(|| unknown_action(&call))?;
        action.call_undo(&Attempt::new(call), &input, checkpoint.as_deref())
    }
}
