//! Operations: an instance does one at a time. Each begins with its effects, lasts for as long
//! as the settings say and the servers need, and ends in what the other files make of it.

use super::super::time::Time;
use super::{Cloud, Job, Settings};

/// What must happen outside of the cloud, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// To be written down for good.
    Note(Note),
    /// To be done at the servers; its end is told by `work_ended`.
    Work(u64, Work),
}

/// A line of the log of effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) at: Time,
    pub(crate) what: String,
    pub(crate) instance: String,
    pub(crate) by: String,
}

/// What servers have to do. Instances are named by their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Nothing, since the operation fails or concerns no server.
    Nothing,
    /// A verified base backup.
    Backup {
        /// Of this instance.
        instance: String,
        /// Under this id.
        backup: String,
    },
    /// Other binaries and a restart.
    Upgrade {
        /// The primary.
        instance: String,
        /// Those of its replicas that go along.
        replicas: Vec<String>,
        /// Whether it ends where it began.
        goes_back: bool,
        /// The DR instance that loses its replication over it.
        breaks: Option<String>,
        /// The replica that does not follow afterwards.
        away: Option<String>,
    },
    /// A restart.
    Restart {
        /// Of this instance.
        instance: String,
    },
    /// The primary makes ready for a DR instance.
    OfferDr {
        /// The DR instance.
        dr: String,
    },
    /// The DR instance takes a copy of the primary and streams from it.
    Follow {
        /// The DR instance.
        dr: String,
    },
    /// The DR instance streams no longer.
    StopFollowing {
        /// The DR instance.
        dr: String,
    },
    /// The primary gives up what it kept for a DR instance.
    WithdrawDr {
        /// The DR instance.
        dr: String,
    },
    /// The DR instance takes writes.
    Promote {
        /// The DR instance.
        dr: String,
    },
}

/// What an operation does, as far as its end needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Doing {
    Backup {
        backup: String,
    },
    Upgrade {
        to: String,
        /// Replicas that keep their version.
        old: Option<String>,
        /// Replicas that do not follow afterwards.
        away: Option<String>,
        /// Whether the DR relation is failed afterwards.
        breaks: bool,
    },
    Restart,
    BuildPrimary {
        relation: String,
    },
    BuildDr {
        relation: String,
    },
    RemovePrimary {
        relation: String,
    },
    RemoveDr {
        relation: String,
    },
    Promote {
        relation: String,
    },
}

impl Doing {
    /// The word for the log of effects.
    fn noted_as(&self) -> &'static str {
        match self {
            Self::Backup { .. } => "backup",
            Self::Upgrade { .. } => "upgrade",
            Self::Restart => "restart",
            Self::BuildPrimary { .. } => "dr_build_primary",
            Self::BuildDr { .. } => "dr_build_dr",
            Self::RemovePrimary { .. } => "dr_remove_primary",
            Self::RemoveDr { .. } => "dr_remove_dr",
            Self::Promote { .. } => "dr_promote",
        }
    }

    /// The lab's own name for the job.
    fn job_name(&self) -> &'static str {
        match self {
            Self::Backup { .. } => "CreateManualSnapshot",
            Self::Upgrade { .. } => "UpgradeMinorVersion",
            Self::Restart => "RestartInstance",
            Self::BuildPrimary { .. } => "BuildMasterDrRelation",
            Self::BuildDr { .. } => "BuildSlaveDrRelation",
            Self::RemovePrimary { .. } | Self::RemoveDr { .. } => "DeleteDisasterRecovery",
            Self::Promote { .. } => "DrReplicaToMaster",
        }
    }
}

/// An operation under way.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) doing: Doing,
    /// The instance that was asked, and those that it takes along.
    pub(crate) members: Vec<String>,
    pub(crate) job: String,
    pub(crate) until: Time,
    /// Why it is going to fail, whatever the servers do.
    pub(crate) fails: Option<String>,
    /// How and when the servers ended.
    pub(crate) worked: Option<(Time, Result<(), String>)>,
}

impl Operation {
    pub(crate) fn shown_as<'a>(&self, settings: &'a Settings) -> &'a str {
        match self.doing {
            Doing::Backup { .. } => "BACKING UP",
            Doing::Upgrade { .. } => &settings.upgrade_status,
            Doing::Restart => "REBOOTING",
            Doing::BuildPrimary { .. }
            | Doing::BuildDr { .. }
            | Doing::RemovePrimary { .. }
            | Doing::RemoveDr { .. }
            | Doing::Promote { .. } => "MODIFYING",
        }
    }
}

impl Cloud {
    /// Begins an operation on `members`, the first of which was asked; answers with its job.
    pub(crate) fn begin(
        &mut self,
        now: Time,
        doing: Doing,
        members: Vec<String>,
        fails: Option<String>,
        work: Work,
    ) -> String {
        let settings = &self.settings;
        let durations = &settings.durations;
        let lasts = match doing {
            Doing::Backup { .. } => durations.backup,
            Doing::Upgrade { .. } => durations.upgrade,
            Doing::Restart => durations.restart,
            Doing::BuildPrimary { .. } | Doing::BuildDr { .. } => durations.build_dr,
            Doing::RemovePrimary { .. } | Doing::RemoveDr { .. } => durations.remove_dr,
            Doing::Promote { .. } => durations.promote,
        };
        let is_upgrade = matches!(doing, Doing::Upgrade { .. });
        let shown = !is_upgrade || settings.upgrade_job_shown;
        let hidden = durations.job_hidden + self.troubles.job_hidden();
        // Both shapes of ids are in use; which job has which is not documented.
        let job = if is_upgrade {
            self.ids.dashed()
        } else {
            self.ids.plain()
        };
        let instance = members[0].clone();
        self.jobs.push(Job {
            id: job.clone(),
            name: doing.job_name(),
            instance: instance.clone(),
            created: now,
            visible: shown.then(|| now.plus(hidden)),
            expected: now.plus(lasts),
            ended: None,
        });
        for member in &members {
            self.known_mut(member).updated = now;
        }
        self.operations_begun += 1;
        let number = self.operations_begun;
        self.note(now, &doing, "started", &instance, &job);
        self.effects.push(Effect::Work(number, work));
        let operation = Operation {
            doing,
            members,
            job: job.clone(),
            until: now.plus(lasts),
            fails,
            worked: None,
        };
        self.operations.insert(number, operation);
        job
    }

    /// The servers have done what an effect asked for, or could not.
    pub(crate) fn work_ended(&mut self, now: Time, number: u64, result: Result<(), String>) {
        if let Some(operation) = self.operations.get_mut(&number) {
            operation.worked = Some((now, result));
        }
    }

    /// Ends every operation whose time is over and whose servers are through.
    pub(crate) fn advance(&mut self, now: Time) {
        while let Some((number, at)) = self.next_to_end(now) {
            let operation = self
                .operations
                .remove(&number)
                .expect("its number was just found");
            self.end(at, operation);
        }
    }

    /// The operation that ends first, by `now`.
    fn next_to_end(&self, now: Time) -> Option<(u64, Time)> {
        self.operations
            .iter()
            .filter_map(|(number, operation)| {
                let (worked, _) = operation.worked.as_ref()?;
                Some((*number, operation.until.max(*worked)))
            })
            .filter(|(_, at)| *at <= now)
            .min_by_key(|(number, at)| (*at, *number))
    }

    fn end(&mut self, at: Time, operation: Operation) {
        let worked = operation.worked.map_or(Ok(()), |(_, result)| result);
        let instance = operation.members[0].clone();
        let asked = match operation.fails {
            Some(reason) => Err(reason),
            None => worked,
        };
        let members = &operation.members;
        let result = match &operation.doing {
            Doing::Backup { backup } => self.backup_ends(at, backup, asked),
            Doing::Upgrade {
                to,
                old,
                away,
                breaks,
            } => {
                if *breaks {
                    self.break_relation(&instance);
                }
                self.upgrade_ends(members, to, [old.as_deref(), away.as_deref()], asked)
            }
            Doing::Restart => asked,
            Doing::BuildPrimary { relation } => self.build_primary_ends(at, relation, asked),
            Doing::BuildDr { relation } => self.build_dr_ends(at, relation, asked),
            Doing::RemovePrimary { relation } => self.remove_primary_ends(relation, asked),
            Doing::RemoveDr { relation } => self.remove_dr_ends(relation, asked),
            Doing::Promote { relation } => self.promote_ends(relation, asked),
        };
        for member in members {
            self.known_mut(member).updated = at;
        }
        let how = if result.is_ok() {
            "completed"
        } else {
            "failed"
        };
        self.note(at, &operation.doing, how, &instance, &operation.job);
        let job = self.jobs.iter_mut().find(|job| job.id == operation.job);
        job.expect("every operation has a job").ended = Some((at, result.err()));
    }

    fn note(&mut self, at: Time, doing: &Doing, how: &str, instance: &str, job: &str) {
        let by = match doing {
            Doing::Backup { backup } => backup,
            Doing::Upgrade { .. }
            | Doing::Restart
            | Doing::BuildPrimary { .. }
            | Doing::BuildDr { .. }
            | Doing::RemovePrimary { .. }
            | Doing::RemoveDr { .. }
            | Doing::Promote { .. } => job,
        };
        self.effects.push(Effect::Note(Note {
            at,
            what: format!("{}.{how}", doing.noted_as()),
            instance: instance.to_owned(),
            by: by.to_owned(),
        }));
    }

    /// Whether something is under way at all.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.operations.is_empty()
    }
}
