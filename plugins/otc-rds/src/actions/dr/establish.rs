//! `dr_establish`: a relation is built, or built anew where it must be, on the primary
//! first. It is right in any state that it finds, and does nothing when nothing is missing.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windlass_plugin::{Action, Attempt, Effect, Failure, Method};

use super::{Both, Kept, Look, Relation, in_the_middle, reads};
use crate::access::{Access, Far, bad_input};
use crate::judge::dr::{Next, Wish, establish};
use crate::judge::upgrade::GRACE_MS;
use crate::model::said;
use crate::time;

/// How often one move that was refused as busy is tried again within an attempt.
const BUSY_MAX: u32 = 30;

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Input {
    #[serde(flatten)]
    access: Access,
    #[serde(flatten)]
    far: Far,
    /// The primary instance's id.
    instance_id: String,
    /// The DR instance's subnet, such as 192.168.0.0/24.
    dr_subnet: String,
    /// When this run asked for an upgrade that succeeded: `asked_at_ms` of `upgrade_minor`. The relation is built anew unless it is younger.
    upgraded_at_ms: Option<u64>,
    /// Where an upgrade succeeded and nobody knows when: a time before it, after RFC 3339.
    upgraded_after: Option<String>,
}

impl Input {
    fn upgraded_at(&self) -> Result<Option<u64>, Failure> {
        if self.upgraded_at_ms.is_some() {
            return Ok(self.upgraded_at_ms);
        }
        let Some(text) = &self.upgraded_after else {
            return Ok(None);
        };
        let at = time::parse(text).and_then(|at| u64::try_from(at).ok());
        match at {
            Some(at) => Ok(Some(at)),
            None => Err(bad_input("`upgraded_after` is no time after RFC 3339")),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Whether something was missing.
    changed: bool,
    /// What was done, such as `build_dr`.
    moves: Vec<String>,
    relation: Option<Relation>,
}

pub(crate) fn action() -> Action {
    let delete = "v3/*/instances/*/delete-disaster-recovery";
    let build = "v3/*/instances/*/action";
    let action = Action::new(
        "dr_establish",
        "Builds a DR relation where it is missing, broken or older than the upgrade; the DR instance's data is replaced",
        Effect::Idempotent,
        run,
    )
    .sends(&[Method::Delete], &format!("{{endpoint}}/{delete}"))
    .sends(&[Method::Delete], &format!("{{dr_endpoint}}/{delete}"))
    .sends(&[Method::Post], &format!("{{endpoint}}/{build}"))
    .sends(&[Method::Post], &format!("{{dr_endpoint}}/{build}"))
    .timeout(Duration::from_secs(4 * 3600))
    .settle(Duration::from_secs(60))
    .observe(Duration::from_secs(4 * 3600));
    reads(action)
}

fn run(attempt: &Attempt, input: Input) -> Result<Output, Failure> {
    let both = Both::new(attempt, &input.access, &input.far, &input.instance_id)?;
    let mut kept = Kept::default();
    match go(&both, &input, &mut kept) {
        Ok(relation) => Ok(Output {
            changed: !kept.made.is_empty(),
            moves: kept
                .made
                .iter()
                .map(|made| made.word().to_owned())
                .collect(),
            relation,
        }),
        Err(failure) => Err(in_the_middle(failure, &kept)),
    }
}

fn go(both: &Both<'_>, input: &Input, kept: &mut Kept) -> Result<Option<Relation>, Failure> {
    let begun = both.near.now();
    let upgraded_at = input.upgraded_at()?;
    let mut busy = 0;
    loop {
        let look = match both.look() {
            Ok(look) => look,
            Err(trouble) if kept.made.is_empty() => return Err(trouble.into()),
            Err(trouble) => {
                both.near.pause_after(&trouble)?;
                continue;
            }
        };
        let sides = fits(&look)?;
        let (Some(primary), Some(dr)) = (&look.primary, &look.dr) else {
            let what = "the primary or the DR instance is not found";
            return Err(Failure::none("not_found", what));
        };
        let wish = Wish {
            upgraded_at,
            versions_equal: primary.version() == dr.version(),
            waited: both.near.now() > begun + GRACE_MS,
        };
        match establish(sides, wish, &kept.made) {
            Next::Done => {
                return Ok(Relation::of(
                    sides,
                    primary,
                    dr,
                    &both.near.place,
                    &both.far.place,
                ));
            }
            Next::Wait(note) => {
                both.near.attempt().progress(&note);
                both.near.pause()?;
            }
            Next::Make(wanted) => {
                let made = both.make(wanted, &look, Some(&input.dr_subnet), kept);
                match made {
                    Ok(()) => busy = 0,
                    // Refused, so not made: what was done before is to be finished.
                    Err(failure)
                        if !kept.made.is_empty()
                            && busy < BUSY_MAX
                            && failure.is_none()
                            && ["busy", "throttled"].contains(&failure.code()) =>
                    {
                        busy += 1;
                        both.near.pause()?;
                    }
                    Err(failure) => return Err(failure),
                }
            }
            Next::Stuck(what) => return Err(Failure::settled("dr_build_failed", what)),
        }
    }
}

/// The records, where the two instances are fit for a relation with each other.
fn fits(look: &Look) -> Result<&crate::judge::dr::Sides, Failure> {
    if !look.offered {
        return Err(Failure::none(
            "not_offered",
            "the cloud offers no endpoints for DR",
        ));
    }
    let sides = look.sides.as_ref();
    let sides = sides.map_err(|what| Failure::none("other_relation", what.as_str()))?;
    for instance in [&look.primary, &look.dr].into_iter().flatten() {
        if !instance.is_postgres() || instance.is_replica() {
            let what = format!("{} is no primary instance of PostgreSQL", instance.name);
            return Err(Failure::none("not_supported", what));
        }
    }
    if let Some(dr) = &look.dr
        && !dr.replica_ids().is_empty()
    {
        // Its data will be replaced: what has replicas serves somebody.
        let what = format!("{} ({}) has read replicas", dr.name, said(&dr.status));
        return Err(Failure::none("not_supported", what));
    }
    Ok(sides)
}
