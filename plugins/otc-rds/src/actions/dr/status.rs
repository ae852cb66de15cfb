//! `dr_status`: how a relation is.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use windlass_plugin::{Action, Attempt, Effect, Failure};

use super::{Both, Input, Relation, reads};

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Whether the clouds on both sides have endpoints for DR; where not, it is work by hand.
    offered: bool,
    /// `absent`, `half`, `building`, `failed`, `abnormal`, `normal`, `other` where one of the two is in another relation, or `unknown`.
    state: String,
    /// In a sentence.
    message: String,
    /// Whether the relation is normal and both sides run the same minor version.
    ok: bool,
    /// The relation; null when there is none.
    relation: Option<Relation>,
}

pub(crate) fn action() -> Action {
    let action = Action::new(
        "dr_status",
        "Looks how a DR relation is, on both sides",
        Effect::Read,
        run,
    )
    .timeout(Duration::from_secs(120));
    reads(action)
}

fn run(attempt: &Attempt, input: Input) -> Result<Output, Failure> {
    let both = Both::new(attempt, &input.access, &input.far, &input.instance_id)?;
    let look = both.look()?;
    let told = |state: &str, message: String| Output {
        offered: look.offered,
        state: state.to_owned(),
        message,
        ok: false,
        relation: None,
    };
    if !look.offered {
        let what = "the cloud offers no endpoints for DR".to_owned();
        return Ok(told("unknown", what));
    }
    let (Some(primary), Some(dr)) = (&look.primary, &look.dr) else {
        let what = "the primary or the DR instance is not found".to_owned();
        return Ok(told("unknown", what));
    };
    let sides = match &look.sides {
        Ok(sides) => sides,
        Err(what) => return Ok(told("other", what.clone())),
    };
    let relation = Relation::of(sides, primary, dr, &both.near.place, &both.far.place);
    let state = sides.health().word();
    Ok(Output {
        ok: state == "normal" && primary.version() == dr.version(),
        relation,
        ..told(state, sides.said())
    })
}
