//! What must hold when a run of the vendor's procedure has come as far as it can: by its
//! journal, and by the cloud's own log of effects.

use rds_lab::witness::{Line, Witness};
use windlass_core::event::{self, Event};
use windlass_tests::journal::{Story, assert_whole};

use super::life::Night;
use crate::audit::{Counts, audit_of};

/// The step that is held against the witness.
const UPGRADE: &str = "upgrade";

/// How far a run came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// Upgraded once, with DR present.
    Succeeded,
    /// It ended before the upgrade, or the upgrade was refused; DR is as it was.
    Stopped,
    /// It waits for a person, and shows what it owes.
    #[default]
    Waits,
}

/// What a row showed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// Kills and faults that really happened.
    pub(super) dealt: usize,
    pub(super) lives: usize,
    pub(super) upgrades: usize,
    pub(super) upgrades_max: usize,
    pub(super) person: usize,
    pub(super) debts_shown: usize,
    pub(super) acknowledged: usize,
    pub(super) counts: Counts,
    pub(super) end: End,
}

impl std::ops::AddAssign for Told {
    fn add_assign(&mut self, other: Self) {
        self.dealt += other.dealt;
        self.lives += other.lives;
        self.upgrades += other.upgrades;
        self.upgrades_max = self.upgrades_max.max(other.upgrades_max);
        self.person += other.person;
        self.debts_shown += other.debts_shown;
        self.acknowledged += other.acknowledged;
        self.counts += other.counts;
    }
}

impl Night {
    /// Brings the run as far as it goes and holds the promises against it.
    pub(super) fn finish(&mut self) -> Told {
        self.end_it();
        let story = self.story().expect("a run has begun");
        let outline = story.outline();
        let upgrades = self.api.count("upgrade.started");
        assert!(upgrades <= 1, "{upgrades} upgrades were started\n{outline}");
        let mut told = Told {
            lives: self.deaths.len(),
            upgrades,
            upgrades_max: upgrades,
            person: self.person,
            debts_shown: self.debts_shown,
            ..Told::default()
        };
        for death in &self.deaths {
            let (held, lost) = story.holds(&death.acknowledged());
            told.acknowledged += held;
            assert!(
                lost.is_empty(),
                "acknowledged and lost: {lost:?}\n{outline}"
            );
        }
        assert_whole(&self.place.state());
        told.counts = audit_of(&story, &self.witness(&story), UPGRADE);
        told.end = self.end(&story);
        match told.end {
            End::Succeeded => {
                assert_eq!(self.api.count("upgrade.completed"), 1, "{outline}");
                assert!(self.dr_is_present(), "{:#}\n{outline}", self.api.overview());
                assert!(self.all_are_upgraded(), "{:#}", self.api.overview());
            }
            End::Stopped => {
                assert_eq!(upgrades, 0, "{outline}");
                assert!(self.dr_is_present(), "{:#}\n{outline}", self.api.overview());
            }
            End::Waits => assert!(self.shows_debt(&story.run), "{outline}"),
        }
        told
    }

    fn end(&self, story: &Story) -> End {
        match story.events().last() {
            Some(Event::RunEnded { end, .. }) if *end == event::End::Succeeded => End::Succeeded,
            Some(Event::RunEnded { .. }) => End::Stopped,
            _ => End::Waits,
        }
    }

    /// Both sides of the relation are normal, and both instances run the same version.
    fn dr_is_present(&self) -> bool {
        let seen = self.api.overview();
        let ids = self.api.servers();
        let relations = seen["relations"].as_array().unwrap();
        let is_normal = |relation: &serde_json::Value| {
            relation["primary"] == ids.primary.as_str()
                && relation["dr"] == ids.dr.as_str()
                && relation["primary_side"] == "Normal"
                && relation["dr_side"] == "Normal"
        };
        relations.len() == 1
            && is_normal(&relations[0])
            && self.version(&ids.primary) == self.version(&ids.dr)
    }

    fn all_are_upgraded(&self) -> bool {
        let ids = self.api.servers();
        let mut all = [&ids.primary, &ids.replicas[0], &ids.replicas[1], &ids.dr].into_iter();
        let mut new = String::new();
        self.api
            .settings(|settings| new.clone_from(&settings.new_version));
        all.all(|id| self.version(id) == new)
    }

    fn version(&self, id: &str) -> String {
        let seen = self.api.overview();
        let instances = seen["instances"].as_array().unwrap();
        let found = instances.iter().find(|instance| instance["id"] == id);
        found.unwrap()["version"].as_str().unwrap().to_owned()
    }

    /// The upgrades that the cloud began, each told of the attempt that was made before it.
    fn witness(&self, story: &Story) -> Witness {
        let effects = self.api.effects().into_iter();
        let begun = effects.filter(|effect| effect.what == "upgrade.started");
        let lines = begun.map(|effect| {
            let at = i64::try_from(effect.at).unwrap();
            let intents = story.records.iter().filter(|record| record.at_ms <= at);
            let attempt = intents.fold(0, |found, record| match &record.event {
                Event::AttemptStarted { node, attempt, .. } if node.to_string() == UPGRADE => {
                    *attempt
                }
                _ => found,
            });
            Line {
                at: std::time::Duration::from_millis(effect.at),
                step: UPGRADE.to_owned(),
                attempt: attempt.to_string(),
                pid: 0,
            }
        });
        Witness {
            lines: lines.collect(),
            torn: None,
        }
    }
}
