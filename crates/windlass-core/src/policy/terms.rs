//! What a policy demands of a plan. Terms only ever add up, whatever else demands something:
//! a runbook, and a second policy, can only be stricter.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{GuardName, WindowName};
use crate::time::Millis;

/// What is demanded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Evidence before each step that the demand is about, at most so old.
    pub guards: BTreeMap<GuardName, Option<Millis>>,
    /// No evidence that an author only claims.
    pub no_claims: bool,
    /// No gate before such a step is approved by the person who started the run.
    pub not_requester: bool,
    /// Gates before such a step take only approvals that are signed.
    pub signed: bool,
    /// Such a step begins only while these are open.
    pub windows: BTreeSet<WindowName>,
    /// The whole run takes no longer.
    pub timeout: Option<Millis>,
    /// No more steps run at a time.
    pub max_parallel: Option<u32>,
    /// Only these actions are used, in which each `*` stands for anything.
    pub actions: Option<BTreeSet<String>>,
}

/// The smaller bound, where no bound is the largest.
pub(super) fn least<T: Ord + Copy>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
