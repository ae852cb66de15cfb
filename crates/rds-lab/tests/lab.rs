//! The lab as its callers see it, on real servers: made, upgraded by hand,
//! put back, opened again, taken down.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

use std::fmt::Debug;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rds_lab::{BuildSource, Lab, Options, ProbeOptions, Release, Server, Status, Tools};

const PATIENCE: Duration = Duration::from_secs(30);

/// Tells the child of a test where to make its lab.
const CHILD_DIR: &str = "RDS_LAB_TEST_CHILD_DIR";

fn options() -> Options {
    let mut options = Options::new(cache());
    options.fast_and_unsafe = true;
    options
}

/// A zombie does not; nobody may be there to reap it.
fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// `target/lab/builds`, whichever directory the test binary lies in.
fn cache() -> PathBuf {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().unwrap().join("lab/builds")
}

fn timed<T, E: Debug>(phase: &str, act: impl FnOnce() -> Result<T, E>) -> T {
    let began = Instant::now();
    let result = act().unwrap_or_else(|error| panic!("{phase}: {error:?}"));
    println!("{phase:<40} {:>6} ms", began.elapsed().as_millis());
    result
}

fn upgrade(lab: &Lab, server: Server) {
    lab.install(server, Release::New).unwrap();
    timed(&format!("restart {server} on the new build"), || {
        lab.restart(server)
    });
}

#[test]
fn a_lab_lives_through_an_upgrade_and_back() {
    let lab = timed("create", || Lab::create(&options()));
    let checksum = lab.checksum(Server::Primary).unwrap();
    assert!(checksum.starts_with("5000:"), "{checksum}");
    for server in Server::ALL {
        assert_eq!(lab.version(server).unwrap(), "15.16");
        assert_eq!(
            lab.is_in_recovery(server).unwrap(),
            server != Server::Primary
        );
        let lsn = lab.current_lsn().unwrap();
        if server != Server::Primary {
            lab.wait_replayed(server, &lsn, PATIENCE).unwrap();
        }
        assert_eq!(lab.checksum(server).unwrap(), checksum);
    }
    let names: Vec<String> = lab
        .streaming()
        .unwrap()
        .into_iter()
        .map(|s| s.name)
        .collect();
    assert_eq!(names, ["dr", "replica1", "replica2"]);
    timed("snapshot", || lab.snapshot());

    let started = lab.postmaster_start_time(Server::Primary).unwrap();
    let probe = lab.write_probe(ProbeOptions::default()).unwrap();
    for server in Server::STANDBYS {
        upgrade(&lab, server);
        assert_eq!(lab.version(server).unwrap(), "15.18");
    }
    lab.wait_streaming(&Server::STANDBYS, PATIENCE).unwrap();
    upgrade(&lab, Server::Primary);
    assert_eq!(lab.version(Server::Primary).unwrap(), "15.18");
    assert_ne!(lab.postmaster_start_time(Server::Primary).unwrap(), started);
    timed("stream again", || {
        lab.wait_streaming(&Server::STANDBYS, PATIENCE)
    });
    let report = probe.stop();
    println!(
        "writes: {} accepted, {} refused, {} unknown; refused for {:?}",
        report.accepted(),
        report.refused(),
        report.unknown(),
        report.refused_for()
    );
    assert!(
        report.accepted() > 0 && !report.outages.is_empty(),
        "{report:?}"
    );
    assert!(
        report.outages.iter().all(|outage| outage.ended),
        "{report:?}"
    );
    let lsn = lab.current_lsn().unwrap();
    for server in Server::STANDBYS {
        lab.wait_replayed(server, &lsn, PATIENCE).unwrap();
    }
    for server in Server::ALL {
        assert_eq!(
            report.verify(&lab, server).unwrap(),
            Default::default(),
            "{server}"
        );
        assert_eq!(lab.checksum(server).unwrap(), checksum);
    }

    timed("restore", || lab.restore());
    for server in Server::ALL {
        assert_eq!(lab.version(server).unwrap(), "15.16");
        assert_eq!(lab.checksum(server).unwrap(), checksum);
    }

    let again = timed("open", || Lab::open(lab.dir()));
    assert_eq!(again.description(), lab.description());
    assert_eq!(again.inputs(), lab.inputs());
    assert_eq!(again.sql_value(Server::Dr, "select 1").unwrap(), "1");
    drop(again);

    let pids: Vec<u32> = Server::ALL
        .into_iter()
        .map(|server| match lab.status(server).unwrap() {
            Status::Running(pid) => pid,
            other => panic!("{server} is {other:?}"),
        })
        .collect();
    println!("{:#}", lab.inputs());
    let dir = lab.dir().to_owned();
    timed("destroy", || lab.destroy());
    assert!(!dir.exists());
    for pid in pids {
        assert!(!lives(pid), "{pid} lives");
    }
}

#[test]
fn pg_ctl_restart_starts_the_build_that_ran_before() {
    // With fsync, as the other tests do not have it.
    let lab = timed("create with fsync", || Lab::create(&Options::new(cache())));
    let server = lab.description().server(Server::Dr).clone();
    lab.install(Server::Dr, Release::New).unwrap();
    assert_eq!(lab.installed_version(Server::Dr).unwrap(), "15.18");
    // As a runbook's argv would say it: `run_as`, then the program.
    let run_as = lab.description().account.run_as();
    let done = Command::new(&run_as[0])
        .args(&run_as[1..])
        .arg(server.current.join("bin/pg_ctl"))
        .args(["restart", "-w", "-m", "fast", "-D"])
        .arg(&server.data_dir)
        .arg("-l")
        .arg(&server.log)
        .current_dir("/")
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    assert_eq!(lab.version(Server::Dr).unwrap(), "15.16");
    lab.restart(Server::Dr).unwrap();
    assert_eq!(lab.version(Server::Dr).unwrap(), "15.18");
    let again = lab.snapshot().unwrap_err().to_string();
    assert_eq!(again, "take a snapshot: dr has 15.18 installed already");
}

/// Not a test of its own: the process that the next test lets die.
#[test]
fn child_makes_a_lab_and_dies() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let mut options = options();
    options.dir = Some(dir.into());
    let mut lab = Lab::create(&options).unwrap();
    lab.keep();
    std::process::abort();
}

#[test]
fn a_kept_lab_outlives_its_maker_and_is_restored_after_a_kill() {
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), Permissions::from_mode(0o755)).unwrap();
    let dir = home.path().join("lab");
    let died = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_makes_a_lab_and_dies"])
        .env(CHILD_DIR, &dir)
        .output()
        .unwrap();
    assert!(!died.status.success());

    let mut lab = Lab::open(&dir).unwrap_or_else(|error| panic!("{error}: {died:?}"));
    lab.adopt();
    assert_eq!(lab.streaming().unwrap().len(), 3);
    let checksum = lab.checksum(Server::Primary).unwrap();
    assert!(!lab.has_snapshot());
    lab.snapshot().unwrap();

    let Status::Running(pid) = lab.status(Server::Primary).unwrap() else {
        panic!("the primary does not run");
    };
    let killed = Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status();
    assert!(killed.unwrap().success());
    std::fs::remove_dir_all(&lab.description().server(Server::Dr).data_dir).unwrap();
    lab.install(Server::Replica1, Release::New).unwrap();
    timed("restore after a kill", || lab.restore());
    for server in Server::ALL {
        assert_eq!(lab.version(server).unwrap(), "15.16");
        assert_eq!(lab.checksum(server).unwrap(), checksum);
    }

    let mut options = options();
    options.dir = Some(dir.clone());
    let twice = Lab::create(&options).unwrap_err().to_string();
    assert!(twice.ends_with("one is there already"), "{twice}");
    lab.destroy().unwrap();
    assert!(!dir.exists());
}

#[test]
fn a_panic_stops_the_servers_and_leaves_their_logs() {
    let mut dir = PathBuf::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        // The system's own build, as `--pg-new DIR` would name it.
        let psql = Tools::ensure(None).unwrap().psql.canonicalize().unwrap();
        let mut options = options();
        options.pg_new = BuildSource::Directory(psql.ancestors().nth(2).unwrap().into());
        let lab = Lab::create(&options).unwrap();
        dir = lab.dir().to_owned();
        upgrade(&lab, Server::Dr);
        assert_eq!(
            lab.version(Server::Dr).unwrap(),
            lab.description().new.version
        );
        panic!("as a failing test does");
    }));
    assert!(panicked.is_err());
    let lab = Lab::open(&dir).unwrap();
    for server in Server::ALL {
        assert_eq!(lab.status(server).unwrap(), Status::Stopped);
        assert!(lab.description().server(server).log.exists());
    }
    lab.destroy().unwrap();
}
