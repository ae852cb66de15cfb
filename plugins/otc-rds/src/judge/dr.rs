//! A disaster-recovery relation: how it is, and what brings it where it should be.
//!
//! It has a record on each side, kept in that side's region. It is built on the primary
//! first and removed from the DR instance first; the order is the vendor's, and a relation
//! that somebody left half done is finished before anything else is begun.

use serde::{Deserialize, Serialize};

use crate::model::{DrInfo, said};

/// Which instances are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pair {
    pub(crate) primary: String,
    pub(crate) dr: String,
}

/// The records of a relation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sides {
    pub(crate) primary: Option<DrInfo>,
    pub(crate) dr: Option<DrInfo>,
}

/// How a relation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Absent,
    /// One side has a record and the other has none.
    Half,
    Building,
    Failed,
    /// Built, but it does not replicate.
    Abnormal,
    Normal,
}

impl Health {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Health::Absent => "absent",
            Health::Half => "half",
            Health::Building => "building",
            Health::Failed => "failed",
            Health::Abnormal => "abnormal",
            Health::Normal => "normal",
        }
    }
}

/// What a side's record says of itself; a word that is not known means that it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Building,
    Normal,
    Failed,
}

fn status(info: &DrInfo) -> Status {
    match info.status.as_str() {
        "normal" => Status::Normal,
        "failed" => Status::Failed,
        _ => Status::Building,
    }
}

impl Sides {
    /// Picks the two records out of what both regions answered.
    ///
    /// # Errors
    /// One of the instances is in a relation with somebody else.
    pub(crate) fn of(pair: &Pair, near: &[DrInfo], far: &[DrInfo]) -> Result<Self, String> {
        let is_own = |info: &&DrInfo| {
            info.master_instance_id == pair.primary && info.slave_instance_id == pair.dr
        };
        let is_strange = |info: &&DrInfo| {
            let touches = |id: &str| info.master_instance_id == id || info.slave_instance_id == id;
            (touches(&pair.primary) || touches(&pair.dr)) && !is_own(info)
        };
        if let Some(strange) = near.iter().chain(far).find(is_strange) {
            return Err(format!(
                "there is a relation of {} with {}, which is not the pair that was given",
                strange.master_instance_id, strange.slave_instance_id
            ));
        }
        // Each region may tell of both sides; the side's own record has its name.
        let side = |infos: &[DrInfo], own: &str| {
            let mut infos = infos.iter().filter(is_own);
            infos
                .find(|info| info.build_process.is_empty() || info.build_process == own)
                .cloned()
        };
        Ok(Self {
            primary: side(near, "master"),
            dr: side(far, "slave"),
        })
    }

    pub(crate) fn health(&self) -> Health {
        let both = [&self.primary, &self.dr];
        let is = |wanted: Status| {
            both.iter()
                .copied()
                .flatten()
                .any(|info| status(info) == wanted)
        };
        if is(Status::Building) {
            return Health::Building;
        }
        if is(Status::Failed) {
            return Health::Failed;
        }
        match (&self.primary, &self.dr) {
            (None, None) => Health::Absent,
            (Some(_), Some(dr)) if dr.replica_state == "-1" => Health::Abnormal,
            (Some(_), Some(_)) => Health::Normal,
            (Some(_), None) | (None, Some(_)) => Health::Half,
        }
    }

    /// In a sentence.
    pub(crate) fn said(&self) -> String {
        let side = |info: &Option<DrInfo>| match info {
            None => "no relation".to_owned(),
            Some(info) if info.failed_message.is_empty() => said(&info.status).to_owned(),
            Some(info) => format!("{} ({})", said(&info.status), info.failed_message),
        };
        format!("primary: {}, DR: {}", side(&self.primary), side(&self.dr))
    }

    /// Whether both sides were built since.
    fn are_since(&self, at: u64) -> bool {
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        let both = [&self.primary, &self.dr];
        let mut both = both.iter().copied().flatten();
        both.all(|info| info.time.is_some_and(|built| built >= at))
    }
}

/// One request that changes a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Move {
    RemoveDr,
    RemovePrimary,
    BuildPrimary,
    BuildDr,
}

impl Move {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Move::RemoveDr => "remove_dr",
            Move::RemovePrimary => "remove_primary",
            Move::BuildPrimary => "build_primary",
            Move::BuildDr => "build_dr",
        }
    }
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Done,
    Wait(String),
    Make(Move),
    /// It came to an end that is not the wanted one.
    Stuck(String),
}

/// What is wanted of an established relation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// When the upgrade of this run was asked for, if one succeeded: the relation must be
    /// younger.
    pub(crate) upgraded_at: Option<u64>,
    pub(crate) versions_equal: bool,
    /// Whether a relation that does not replicate was given time to do so again.
    pub(crate) waited: bool,
}

/// Each move is made once at most: `made` holds those of this attempt.
fn once(wanted: Move, made: &[Move]) -> Next {
    match made.contains(&wanted) {
        false => Next::Make(wanted),
        true => Next::Wait(format!("{} is not seen yet", wanted.word())),
    }
}

/// The next step towards a relation that is built anew where it must be.
pub(crate) fn establish(sides: &Sides, wish: Wish, made: &[Move]) -> Next {
    let built = made.contains(&Move::BuildPrimary) || made.contains(&Move::BuildDr);
    match sides.health() {
        Health::Building => Next::Wait(sides.said()),
        Health::Failed if built => Next::Stuck(sides.said()),
        Health::Failed => remove(sides, made),
        Health::Absent => once(Move::BuildPrimary, made),
        Health::Half => half(sides, wish, made),
        Health::Abnormal | Health::Normal if made.contains(&Move::BuildDr) => {
            match sides.health() == Health::Normal && wish.versions_equal {
                true => Next::Done,
                false => Next::Wait(format!(
                    "{}, versions equal: {}",
                    sides.said(),
                    wish.versions_equal
                )),
            }
        }
        Health::Abnormal | Health::Normal
            if wish.upgraded_at.is_some_and(|at| !sides.are_since(at)) || !wish.versions_equal =>
        {
            once(Move::RemoveDr, made)
        }
        Health::Normal => Next::Done,
        Health::Abnormal if wish.waited => once(Move::RemoveDr, made),
        Health::Abnormal => Next::Wait("the relation does not replicate".to_owned()),
    }
}

/// One side has a record: a removal or a build that was not finished.
fn half(sides: &Sides, wish: Wish, made: &[Move]) -> Next {
    if sides.primary.is_none() {
        return match made.contains(&Move::BuildDr) {
            true => Next::Wait(sides.said()),
            false => once(Move::RemoveDr, made),
        };
    }
    // The primary's side was built by this attempt, or after the upgrade by an earlier one.
    // What is older may be what a removal left: only the way over its removal is surely right.
    let is_new = made.contains(&Move::BuildPrimary)
        || (!made.contains(&Move::RemoveDr)
            && wish.upgraded_at.is_some_and(|at| sides.are_since(at)));
    once(
        if is_new {
            Move::BuildDr
        } else {
            Move::RemovePrimary
        },
        made,
    )
}

/// The next step towards no relation.
pub(crate) fn remove(sides: &Sides, made: &[Move]) -> Next {
    if sides.health() == Health::Building {
        return Next::Wait(sides.said());
    }
    match (&sides.dr, &sides.primary) {
        (Some(_), _) => once(Move::RemoveDr, made),
        (None, Some(_)) => once(Move::RemovePrimary, made),
        (None, None) => Next::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPGRADE: u64 = 1000;

    fn pair() -> Pair {
        Pair {
            primary: "p".to_owned(),
            dr: "d".to_owned(),
        }
    }

    fn info(status: &str, time: i64) -> DrInfo {
        DrInfo {
            status: status.to_owned(),
            replica_state: "0".to_owned(),
            master_instance_id: "p".to_owned(),
            slave_instance_id: "d".to_owned(),
            time: Some(time),
            ..DrInfo::default()
        }
    }

    fn sides(primary: Option<DrInfo>, dr: Option<DrInfo>) -> Sides {
        Sides { primary, dr }
    }

    fn wish(upgraded: bool) -> Wish {
        Wish {
            upgraded_at: upgraded.then_some(UPGRADE),
            versions_equal: true,
            waited: false,
        }
    }

    /// Plays the cloud: each move does what it should, until nothing is left to be done.
    fn played(mut sides: Sides, wish: Wish, mut made: Vec<Move>) -> Vec<Move> {
        loop {
            match establish(&sides, wish, &made) {
                Next::Make(wanted) => {
                    made.push(wanted);
                    match wanted {
                        Move::RemoveDr => sides.dr = None,
                        Move::RemovePrimary => {
                            assert!(sides.dr.is_none(), "removed in the wrong order");
                            sides.primary = None;
                        }
                        Move::BuildPrimary => sides.primary = Some(info("normal", 2000)),
                        Move::BuildDr => {
                            assert!(sides.primary.is_some(), "built in the wrong order");
                            sides.dr = Some(info("normal", 2001));
                        }
                    }
                }
                Next::Done => return made,
                other => panic!("{other:?}"),
            }
        }
    }

    const ALL: [Move; 4] = [
        Move::RemoveDr,
        Move::RemovePrimary,
        Move::BuildPrimary,
        Move::BuildDr,
    ];

    #[test]
    fn a_good_relation_stays_as_it_is() {
        let good = || sides(Some(info("normal", 1)), Some(info("normal", 1)));
        assert_eq!(played(good(), wish(false), vec![]), []);
        let young = sides(Some(info("normal", 1500)), Some(info("normal", 1500)));
        assert_eq!(played(young, wish(true), vec![]), []);
    }

    #[test]
    fn after_an_upgrade_it_is_built_anew() {
        let good = sides(Some(info("normal", 1)), Some(info("normal", 1)));
        assert_eq!(played(good, wish(true), vec![]), ALL);
        let mut unknown = info("normal", 1);
        unknown.time = None;
        assert_eq!(
            played(
                sides(Some(unknown.clone()), Some(unknown)),
                wish(true),
                vec![]
            ),
            ALL
        );
    }

    #[test]
    fn unequal_versions_and_a_dead_relation_are_built_anew() {
        let good = sides(Some(info("normal", 1)), Some(info("normal", 1)));
        let unequal = Wish {
            versions_equal: false,
            ..wish(false)
        };
        assert_eq!(establish(&good, unequal, &[]), Next::Make(Move::RemoveDr));
        let mut dead = info("normal", 1);
        dead.replica_state = "-1".to_owned();
        let dead = sides(Some(info("normal", 1)), Some(dead));
        assert!(matches!(establish(&dead, wish(false), &[]), Next::Wait(_)));
        let waited = Wish {
            waited: true,
            ..wish(false)
        };
        assert_eq!(played(dead, waited, vec![]), ALL);
    }

    #[test]
    fn what_was_left_half_done_is_finished_first() {
        // Removed on the DR side only, before the upgrade or without one.
        let old = || sides(Some(info("normal", 1)), None);
        let rest = [Move::RemovePrimary, Move::BuildPrimary, Move::BuildDr];
        assert_eq!(played(old(), wish(true), vec![]), rest);
        assert_eq!(played(old(), wish(false), vec![]), rest);
        // Built on the primary only, after the upgrade.
        let new = sides(Some(info("normal", 1500)), None);
        assert_eq!(played(new, wish(true), vec![]), [Move::BuildDr]);
        // Only DR has one: a removal in the wrong order.
        let wrong = sides(None, Some(info("normal", 1)));
        let rest = [Move::RemoveDr, Move::BuildPrimary, Move::BuildDr];
        assert_eq!(played(wrong, wish(true), vec![]), rest);
        assert_eq!(played(sides(None, None), wish(false), vec![]), ALL[2..]);
    }

    #[test]
    fn a_build_that_failed_is_removed_by_the_next_attempt_alone() {
        let failed = || sides(Some(info("normal", 1500)), Some(info("failed", 1500)));
        assert_eq!(played(failed(), wish(true), vec![]), ALL);
        let made = [Move::BuildPrimary, Move::BuildDr];
        assert!(matches!(
            establish(&failed(), wish(true), &made),
            Next::Stuck(_)
        ));
    }

    #[test]
    fn nothing_is_done_to_what_is_being_built_and_nothing_twice() {
        for word in ["running", "something"] {
            let building = sides(Some(info("normal", 1)), Some(info(word, 1)));
            assert!(matches!(
                establish(&building, wish(true), &[]),
                Next::Wait(_)
            ));
            assert!(matches!(remove(&building, &[]), Next::Wait(_)));
        }
        let stale = sides(Some(info("normal", 1)), Some(info("normal", 1)));
        assert!(matches!(
            establish(&stale, wish(true), &[Move::RemoveDr]),
            Next::Wait(_)
        ));
        let absent = Sides::default();
        assert!(matches!(
            establish(&absent, wish(true), &[Move::BuildPrimary]),
            Next::Wait(_)
        ));
    }

    #[test]
    fn a_removal_begins_with_dr() {
        let both = sides(Some(info("normal", 1)), Some(info("normal", 1)));
        assert_eq!(remove(&both, &[]), Next::Make(Move::RemoveDr));
        let rest = sides(Some(info("normal", 1)), None);
        assert_eq!(
            remove(&rest, &[Move::RemoveDr]),
            Next::Make(Move::RemovePrimary)
        );
        assert_eq!(remove(&Sides::default(), &[]), Next::Done);
    }

    #[test]
    fn records_are_told_apart_by_their_region_and_side() {
        let of = |side: &str| DrInfo {
            build_process: side.to_owned(),
            ..info("normal", 1)
        };
        let found = Sides::of(&pair(), &[of("slave"), of("master")], &[of("slave")]).unwrap();
        assert_eq!(found.primary.unwrap().build_process, "master");
        assert_eq!(found.dr.unwrap().build_process, "slave");
        let other = DrInfo {
            slave_instance_id: "other".to_owned(),
            ..info("normal", 1)
        };
        let error = Sides::of(&pair(), &[other], &[]).unwrap_err();
        assert!(error.contains("p with other"), "{error}");
        let foreign = DrInfo {
            master_instance_id: "x".to_owned(),
            slave_instance_id: "y".to_owned(),
            ..info("normal", 1)
        };
        assert!(
            Sides::of(&pair(), &[foreign], &[])
                .unwrap()
                .primary
                .is_none()
        );
    }
}
