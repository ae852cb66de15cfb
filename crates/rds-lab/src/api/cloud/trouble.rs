//! Troubles that strike inside the cloud, each as often as it was armed, and how often each
//! has struck. Troubles of the network are faults of the wire, not of the cloud.

use std::time::Duration;

use serde::Deserialize;

/// What goes wrong with the next operation of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The backup fails.
    BackupFails,
    /// The upgrade fails, and the service goes back to the version before.
    UpgradeFails,
    /// The upgrade completes, and one replica is left on the version before.
    ReplicaStaysOld,
    /// The upgrade completes, and one replica does not come back to its primary.
    ReplicaStaysAway,
    /// The primary's side of a DR relation cannot be built.
    BuildPrimaryFails,
    /// The DR instance's side of it cannot be built.
    BuildDrFails,
    /// The primary's side of it cannot be removed.
    RemovePrimaryFails,
    /// The DR instance's side of it cannot be removed.
    RemoveDrFails,
    /// The job cannot be looked up for so many milliseconds more.
    JobHidden(u64),
}

#[derive(Debug)]
struct Armed {
    trouble: Trouble,
    left: u32,
    struck: u32,
}

/// All troubles that were ever armed.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Vec<Armed>);

impl Troubles {
    /// Lets a trouble strike the next so many times; answers with its number.
    pub(crate) fn arm(&mut self, trouble: Trouble, times: u32) -> usize {
        self.0.push(Armed {
            trouble,
            left: times,
            struck: 0,
        });
        self.0.len() - 1
    }

    /// None strikes any more.
    pub(crate) fn disarm(&mut self) {
        for armed in &mut self.0 {
            armed.left = 0;
        }
    }

    pub(crate) fn struck(&self, number: usize) -> u32 {
        self.0.get(number).map_or(0, |armed| armed.struck)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (String, u32)> {
        self.0
            .iter()
            .map(|armed| (format!("{:?}", armed.trouble), armed.struck))
    }

    /// Whether this trouble strikes now.
    pub(crate) fn strikes(&mut self, trouble: Trouble) -> bool {
        self.first(|armed| armed == trouble).is_some()
    }

    pub(crate) fn job_hidden(&mut self) -> Duration {
        match self.first(|armed| matches!(armed, Trouble::JobHidden(_))) {
            Some(Trouble::JobHidden(millis)) => Duration::from_millis(millis),
            _ => Duration::ZERO,
        }
    }

    fn first(&mut self, is_it: impl Fn(Trouble) -> bool) -> Option<Trouble> {
        let armed = self
            .0
            .iter_mut()
            .find(|armed| armed.left > 0 && is_it(armed.trouble))?;
        armed.left -= 1;
        armed.struck += 1;
        Some(armed.trouble)
    }
}
