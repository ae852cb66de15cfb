//! What the end of an operation makes of a relation of disaster recovery.

use super::super::super::time::Time;
use super::super::{Cloud, Following};
use super::Side;

impl Cloud {
    pub(in super::super) fn build_primary_ends(
        &mut self,
        at: Time,
        relation: &str,
        asked: Result<(), String>,
    ) -> Result<(), String> {
        let side = built(&asked);
        let relation = self.relation_mut(relation);
        (relation.primary_side, relation.primary_since) = (side, at);
        asked
    }

    pub(in super::super) fn build_dr_ends(
        &mut self,
        at: Time,
        relation: &str,
        asked: Result<(), String>,
    ) -> Result<(), String> {
        let side = built(&asked);
        let relation = self.relation_mut(relation);
        (relation.dr_side, relation.dr_since) = (side, at);
        let (primary, dr) = (relation.primary.clone(), relation.dr.clone());
        if asked.is_ok() {
            // The service brings the DR instance to the primary's minor by itself.
            let version = self.known(&primary).version.clone();
            let dr = self.known_mut(&dr);
            dr.version = version;
            dr.following = Following::Streaming;
        }
        asked
    }

    pub(in super::super) fn remove_primary_ends(
        &mut self,
        relation: &str,
        asked: Result<(), String>,
    ) -> Result<(), String> {
        let side = removed(&asked);
        self.relation_mut(relation).primary_side = side;
        self.forget_empty_relations();
        asked
    }

    pub(in super::super) fn remove_dr_ends(
        &mut self,
        relation: &str,
        asked: Result<(), String>,
    ) -> Result<(), String> {
        let side = removed(&asked);
        self.relation_mut(relation).dr_side = side;
        self.forget_empty_relations();
        asked
    }

    /// The DR side is gone by itself; the old primary's is to be removed by hand.
    pub(in super::super) fn promote_ends(
        &mut self,
        relation: &str,
        asked: Result<(), String>,
    ) -> Result<(), String> {
        if asked.is_ok() {
            self.relation_mut(relation).dr_side = Side::Absent;
            self.forget_empty_relations();
        }
        asked
    }

    pub(in super::super) fn break_relation(&mut self, primary: &str) {
        let reason = "The replication ended with the upgrade of the primary.";
        for relation in &mut self.relations {
            if relation.primary == primary {
                for side in [&mut relation.primary_side, &mut relation.dr_side] {
                    if *side == Side::Normal {
                        *side = Side::Failed(reason.to_owned());
                    }
                }
            }
        }
    }
}

fn built(asked: &Result<(), String>) -> Side {
    match asked {
        Ok(()) => Side::Normal,
        Err(reason) => Side::Failed(reason.clone()),
    }
}

fn removed(asked: &Result<(), String>) -> Side {
    match asked {
        Ok(()) => Side::Absent,
        Err(reason) => Side::Failed(reason.clone()),
    }
}
