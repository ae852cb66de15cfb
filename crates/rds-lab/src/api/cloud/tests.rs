//! The state machine by itself: requests and time go in, answers and effects come out.

mod recovery;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::api::time::Time;

const DE: &str = Region::EuDe.project_id();
const NL: &str = Region::EuNl.project_id();
const LASTS: Duration = Duration::from_millis(1000);
const OLD: &str = "15.16.21";
const NEW: &str = "15.18.24";

/// A cloud with its clock, whose servers are through as soon as they are asked, unless held.
struct Model {
    cloud: Cloud,
    ids: Servers,
    now: Time,
    holds: bool,
    works: Vec<(u64, Work)>,
    notes: Vec<String>,
}

fn model() -> Model {
    let settings = Settings {
        durations: Durations::all(LASTS),
        ..Settings::default()
    };
    model_of(settings)
}

fn model_of(settings: Settings) -> Model {
    let now = Time::from_millis(1_700_000_000_000);
    let places = [1, 2, 3, 4].map(|host| (format!("10.0.0.{host}"), 5432));
    let (cloud, ids) = Cloud::new(settings, now, places);
    Model {
        cloud,
        ids,
        now,
        holds: false,
        works: Vec::new(),
        notes: Vec::new(),
    }
}

impl Model {
    fn settle(&mut self) {
        for effect in self.cloud.take_effects() {
            match effect {
                Effect::Note(note) => self.notes.push(note.what),
                Effect::Work(number, work) => {
                    if !self.holds {
                        self.cloud.work_ended(self.now, number, Ok(()));
                    }
                    self.works.push((number, work));
                }
            }
        }
    }

    fn pass(&mut self, duration: Duration) {
        self.settle();
        self.now = self.now.plus(duration);
        self.cloud.advance(self.now);
        self.settle();
    }

    fn backup(&mut self, name: &str) -> Result<Value, Refusal> {
        let primary = self.ids.primary.clone();
        self.cloud.create_backup(self.now, DE, &primary, name, "")
    }

    fn upgrade(&mut self) -> Result<Value, Refusal> {
        let primary = self.ids.primary.clone();
        self.cloud.upgrade(self.now, DE, &primary, false)
    }

    fn shown(&self, project: &str, id: &str) -> Value {
        let region = Region::of_project(project).unwrap();
        let filter = InstanceFilter {
            id: Some(id.to_owned()),
            ..InstanceFilter::default()
        };
        let answer = self.cloud.list_instances(region, &filter, (0, 1)).unwrap();
        answer["instances"][0].clone()
    }

    fn version(&self, project: &str, id: &str) -> String {
        let shown = self.shown(project, id);
        shown["datastore"]["complete_version"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn other(&self, of_dr: bool) -> Other {
        let (project, id) = if of_dr {
            (NL, &self.ids.dr)
        } else {
            (DE, &self.ids.primary)
        };
        let instance = self.cloud.known(id);
        Other {
            instance: id.clone(),
            project: project.to_owned(),
            region: instance.region.as_str().to_owned(),
            address: instance.address.clone(),
            subnet: of_dr.then(|| "10.1.0.0/24".to_owned()),
        }
    }

    fn build_primary(&mut self) -> Result<Value, Refusal> {
        let (id, other) = (self.ids.primary.clone(), self.other(true));
        self.cloud.build_primary(self.now, DE, &id, &other)
    }

    fn build_dr(&mut self) -> Result<Value, Refusal> {
        let (id, other) = (self.ids.dr.clone(), self.other(false));
        self.cloud.build_dr(self.now, NL, &id, &other)
    }

    fn remove(&mut self, of_primary: bool) -> Result<Value, Refusal> {
        let (project, id) = if of_primary {
            (DE, self.ids.primary.clone())
        } else {
            (NL, self.ids.dr.clone())
        };
        let other = self.other(of_primary);
        self.cloud
            .remove_dr(self.now, project, &id, &other, of_primary)
    }

    fn infos(&self, project: &str) -> Value {
        let answer = self.cloud.dr_infos(project, &InfoFilter::default());
        answer.unwrap()["instance_dr_infos"].clone()
    }

    /// Lets an accepted request come to its end; answers with the job.
    fn done(&mut self, answer: Result<Value, Refusal>) -> Value {
        let job = answer.unwrap()["job_id"].as_str().unwrap().to_owned();
        self.pass(LASTS);
        let instance = &self
            .cloud
            .jobs
            .iter()
            .find(|known| known.id == job)
            .unwrap()
            .instance;
        let project = self.cloud.known(instance).region.project_id();
        self.cloud.job(self.now, project, &job).unwrap()["job"].clone()
    }
}

fn code<T: std::fmt::Debug>(answer: Result<T, Refusal>) -> (u16, &'static str) {
    let refusal = answer.unwrap_err();
    (refusal.status, refusal.code)
}

#[test]
fn a_backup_is_built_then_completed_and_its_name_is_used_once() {
    let mut model = model();
    let made = model.backup("before-upgrade").unwrap();
    assert_eq!(made["backup"]["status"], "BUILDING");
    assert_eq!(made.get("job_id"), None);
    let primary = model.ids.primary.clone();
    assert_eq!(model.shown(DE, &primary)["status"], "BACKING UP");
    assert_eq!(code(model.backup("another")), (409, "DBS.201205"));
    assert_eq!(code(model.upgrade()), (409, "DBS.200011"));
    let id = made["backup"]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        code(model.cloud.delete_backup(DE, &id)),
        (409, "DBS.201205")
    );

    model.pass(LASTS);
    let filter = BackupFilter {
        instance: primary.clone(),
        ..BackupFilter::default()
    };
    let listed = model.cloud.backups(DE, &filter, (0, 10)).unwrap();
    assert_eq!(listed["backups"][0]["status"], "COMPLETED");
    assert_eq!(model.shown(DE, &primary)["status"], "ACTIVE");
    assert_eq!(code(model.backup("before-upgrade")), (409, "DBS.200022"));
    assert_eq!(model.notes, ["backup.started", "backup.completed"]);

    model.cloud.delete_backup(DE, &id).unwrap();
    let listed = model.cloud.backups(DE, &filter, (0, 10)).unwrap();
    assert_eq!(listed["total_count"], 0);
    assert_eq!(
        code(model.cloud.delete_backup(DE, &id)),
        (404, "DBS.201010")
    );
}

#[test]
fn a_backup_is_refused_for_bad_names_and_for_replicas_and_fails_when_armed() {
    let mut model = model();
    for bad in ["", "abc", "1abc", "a b c", "naïve", &"a".repeat(65)] {
        assert_eq!(code(model.backup(bad)), (400, "DBS.280001"), "{bad}");
    }
    let replica = model.ids.replicas[0].clone();
    let refused = model
        .cloud
        .create_backup(model.now, DE, &replica, "good", "");
    assert_eq!(code(refused), (400, "DBS.280238"));

    let armed = model.cloud.troubles.arm(Trouble::BackupFails, 1);
    model.backup("fails").unwrap();
    model.pass(LASTS);
    assert_eq!(model.cloud.backups[0].status, "FAILED");
    assert_eq!(model.works[0].1, Work::Nothing);
    assert_eq!(model.cloud.troubles.struck(armed), 1);
    model.backup("succeeds").unwrap();
    model.pass(LASTS);
    assert_eq!(model.cloud.backups[1].status, "COMPLETED");
}

#[test]
fn an_upgrade_takes_the_replicas_along_and_exchanges_the_roles() {
    let mut model = model();
    let primary = model.ids.primary.clone();
    let members = [vec![primary.clone()], model.ids.replicas.to_vec()].concat();
    let before = model.shown(DE, &primary)["nodes"].clone();
    let job = model.upgrade().unwrap()["job_id"]
        .as_str()
        .unwrap()
        .to_owned();
    // Not yet visible.
    assert_eq!(
        code(model.cloud.job(model.now, DE, &job)),
        (400, "DBS.200543")
    );
    model.pass(LASTS / 2);
    let running = model.cloud.job(model.now, DE, &job).unwrap();
    assert_eq!(running["job"]["status"], "Running");
    assert_eq!(running["job"]["process"], "50% ");
    assert_eq!(running["job"].get("ended"), None);
    for member in &members {
        assert_eq!(model.version(DE, member), OLD);
        assert_eq!(model.shown(DE, member)["status"], "MODIFYING");
    }
    model.pass(LASTS / 2);
    let now = model.now.rds();
    for member in &members {
        assert_eq!(model.shown(DE, member)["updated"], now);
        assert_eq!(model.version(DE, member), NEW);
        assert_eq!(model.shown(DE, member)["status"], "ACTIVE");
    }
    assert_eq!(model.version(NL, &model.ids.dr), OLD, "left behind");
    let after = model.shown(DE, &primary)["nodes"].clone();
    assert_eq!(after[0]["role"], before[1]["role"]);
    assert_eq!(after[1]["role"], before[0]["role"]);
    let ended = model.cloud.job(model.now, DE, &job).unwrap();
    assert_eq!(ended["job"]["status"], "Completed");
    assert_eq!(model.notes, ["upgrade.started", "upgrade.completed"]);
    assert_eq!(
        code(model.upgrade()),
        (409, "DBS.200402"),
        "the latest already"
    );

    let filter = TaskFilter {
        instance: Some(primary),
        ..TaskFilter::default()
    };
    let tasks = model.cloud.tasks(model.now, DE, &filter, (0, 10));
    assert_eq!(tasks["tasks"][0]["id"], job);
}

#[test]
fn a_failed_upgrade_goes_back_and_can_be_asked_for_again() {
    let mut model = model();
    model.cloud.troubles.arm(Trouble::UpgradeFails, 1);
    let answer = model.upgrade();
    let job = model.done(answer);
    assert_eq!(job["status"], "Failed");
    assert!(job["fail_reason"].as_str().unwrap().contains("rolled back"));
    assert_eq!(model.version(DE, &model.ids.primary), OLD);
    assert!(matches!(
        &model.works[0].1,
        Work::Upgrade {
            goes_back: true,
            ..
        }
    ));
    assert_eq!(model.notes, ["upgrade.started", "upgrade.failed"]);
    let answer = model.upgrade();
    assert_eq!(model.done(answer)["status"], "Completed");
}

#[test]
fn a_replica_is_left_on_its_version_or_stays_away() {
    let mut model = model();
    let [one, two] = model.ids.replicas.clone();
    let first = model.cloud.replicas_of(&model.ids.primary)[0].clone();
    let other = if first == one { two } else { one };
    let old = model.cloud.troubles.arm(Trouble::ReplicaStaysOld, 1);
    let away = model.cloud.troubles.arm(Trouble::ReplicaStaysAway, 1);
    let answer = model.upgrade();
    assert_eq!(model.done(answer)["status"], "Completed");
    assert_eq!(
        (model.version(DE, &first), model.version(DE, &other)),
        (OLD.into(), NEW.into())
    );
    assert_eq!(model.cloud.known(&first).following, Following::Away);
    assert_eq!(
        (
            model.cloud.troubles.struck(old),
            model.cloud.troubles.struck(away)
        ),
        (1, 1)
    );
    // As not all have the latest, it may be asked for again, and mends the version.
    let answer = model.upgrade();
    assert_eq!(model.done(answer)["status"], "Completed");
    assert_eq!(model.version(DE, &first), NEW);
}

/// Random requests and passing time: what must hold in every state.
#[test]
fn whatever_is_asked_each_thing_begun_ends_once_and_nobody_does_two() {
    let mut refused = 0;
    for seed in 1..=40_u64 {
        let mut model = model();
        let mut random = seed;
        let mut draw = |below: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (random >> 33) % below
        };
        for step in 0..150 {
            let answer = match draw(9) {
                0 => model.backup(&format!("backup-{step}")),
                1 => model.upgrade(),
                2 => model.remove(true),
                3 => model.remove(false),
                4 => model.build_primary(),
                5 => model.build_dr(),
                6 => {
                    let trouble = match draw(4) {
                        0 => Trouble::UpgradeFails,
                        1 => Trouble::BuildDrFails,
                        2 => Trouble::BuildPrimaryFails,
                        _ => Trouble::BackupFails,
                    };
                    model.cloud.troubles.arm(trouble, 1);
                    Ok(Value::Null)
                }
                _ => {
                    model.pass(LASTS / 3);
                    Ok(Value::Null)
                }
            };
            refused += usize::from(answer.is_err());
            model.settle();
            let mut members: Vec<&String> = model
                .cloud
                .operations
                .values()
                .flat_map(|one| &one.members)
                .collect();
            let all = members.len();
            members.sort();
            members.dedup();
            assert_eq!(members.len(), all, "seed {seed} step {step}");
            let count = |end: &str| {
                model
                    .notes
                    .iter()
                    .filter(|note| note.ends_with(end))
                    .count()
            };
            let open = count(".started") - count(".completed") - count(".failed");
            assert_eq!(
                open,
                model.cloud.operations.len(),
                "seed {seed} step {step}"
            );
            let whole = model.infos(DE)[0]["status"] == "normal"
                && model.infos(NL)[0]["status"] == "normal";
            let streams = model.infos(NL)[0]["replica_state"] == "0";
            assert_eq!(streams, whole, "seed {seed} step {step}");
        }
        model.pass(LASTS);
        assert!(model.cloud.is_at_rest(), "seed {seed}");
        assert!(
            model.cloud.jobs.iter().all(|job| job.ended.is_some()),
            "seed {seed}"
        );
    }
    assert!(
        refused > 100,
        "too few requests met a busy instance: {refused}"
    );
}

#[test]
fn what_the_vendor_forbids_is_refused() {
    let mut model = model();
    let [replica, _] = model.ids.replicas.clone();
    let (primary, dr) = (model.ids.primary.clone(), model.ids.dr.clone());
    let mysql = model
        .cloud
        .instances()
        .find(|one| one.engine == "MySQL")
        .unwrap();
    let mysql = mysql.id.clone();
    let now = model.now;
    let mut refused =
        |project, id: &str, delayed| code(model.cloud.upgrade(now, project, id, delayed));
    assert_eq!(refused(DE, &primary, true), (400, "DBS.280001"));
    assert_eq!(refused(DE, &replica, false), (409, "DBS.200402"));
    assert_eq!(refused(DE, &mysql, false), (400, "DBS.280238"));
    assert_eq!(refused(DE, "nobody", false), (404, "DBS.200002"));
    assert_eq!(refused(NL, &primary, false), (404, "DBS.200002"));
    assert_eq!(refused(NL, &dr, false), (400, "DBS.200086"));

    for (status, expected) in [
        ("STORAGE FULL", (409, "DBS.200316")),
        ("FROZEN", (400, "DBS.280449")),
        ("FAILED", (400, "DBS.200086")),
        ("BACKING UP", (409, "DBS.200011")),
    ] {
        model.cloud.known_mut(&replica).status = status.to_owned();
        assert_eq!(code(model.upgrade()), expected, "{status}");
    }
    model.cloud.known_mut(&replica).status = "ACTIVE".to_owned();
    for member in [&primary, &replica] {
        model.cloud.known_mut(member).nodes[0].status = "ABNORMAL".to_owned();
        assert_eq!(code(model.upgrade()), (400, "DBS.200076"));
        model.cloud.known_mut(member).nodes[0].status = "ACTIVE".to_owned();
    }
    assert!(
        model.cloud.take_effects().is_empty(),
        "a refusal has no effect"
    );
    model.upgrade().unwrap();
}

#[test]
fn an_instance_does_one_thing_at_a_time() {
    type Ask = fn(&mut Model) -> Result<Value, Refusal>;
    let begin: [Ask; 3] = [
        Model::upgrade,
        |model| model.backup("first"),
        |model| model.remove(true),
    ];
    let ask: [Ask; 3] = [
        Model::upgrade,
        |model| {
            let (now, id) = (model.now, model.ids.primary.clone());
            model.cloud.restart(now, DE, &id)
        },
        |model| model.remove(true),
    ];
    for first in begin {
        for second in ask {
            let mut model = model();
            first(&mut model).unwrap();
            assert_eq!(code(second(&mut model)), (409, "DBS.200011"));
            assert_eq!(model.cloud.operations.len(), 1);
        }
    }
    // The replicas are busy with their primary's upgrade, and it with theirs.
    let mut model = model();
    let replica = model.ids.replicas[1].clone();
    model.cloud.restart(model.now, DE, &replica).unwrap();
    assert_eq!(code(model.upgrade()), (409, "DBS.200011"));
    model.backup("of-the-primary").unwrap();
}

#[test]
fn an_operation_lasts_until_the_servers_are_through() {
    let mut model = model();
    model.holds = true;
    let job = model.upgrade().unwrap()["job_id"]
        .as_str()
        .unwrap()
        .to_owned();
    model.pass(LASTS * 10);
    let running = model.cloud.job(model.now, DE, &job).unwrap();
    assert_eq!(running["job"]["status"], "Running");
    let (number, _) = model.works[0];
    let why = Err("the server does not start".to_owned());
    model.cloud.work_ended(model.now, number, why);
    model.pass(Duration::ZERO);
    let ended = model.cloud.job(model.now, DE, &job).unwrap();
    assert_eq!(ended["job"]["fail_reason"], "the server does not start");
    assert_eq!(model.version(DE, &model.ids.primary), OLD);
}

#[test]
fn a_job_can_be_hidden_for_longer_or_for_good() {
    let mut model = model();
    model.cloud.troubles.arm(Trouble::JobHidden(5000), 1);
    let job = model.upgrade().unwrap()["job_id"]
        .as_str()
        .unwrap()
        .to_owned();
    model.pass(LASTS * 2);
    assert_eq!(
        code(model.cloud.job(model.now, DE, &job)),
        (400, "DBS.200543")
    );
    model.pass(LASTS * 4);
    assert_eq!(
        model.cloud.job(model.now, DE, &job).unwrap()["job"]["status"],
        "Completed"
    );

    let mut model = model_of(Settings {
        upgrade_job_shown: false,
        ..Settings::default()
    });
    let job = model.upgrade().unwrap()["job_id"]
        .as_str()
        .unwrap()
        .to_owned();
    model.pass(LASTS * 1000);
    assert_eq!(
        code(model.cloud.job(model.now, DE, &job)),
        (400, "DBS.200543")
    );
    assert_eq!(model.version(DE, &model.ids.primary), NEW);
}

#[test]
fn minors_are_offered_only_within_the_major_and_upwards() {
    let model = model();
    let offered = |version| model.cloud.small_versions(version)["count"].clone();
    assert_eq!(offered("15"), 1);
    assert_eq!(offered("15.16"), 1);
    assert_eq!(offered(OLD), 1);
    assert_eq!(offered(NEW), 0);
    assert_eq!(offered("16.2.1"), 0);
}
