//! The lab as its callers see it, on real servers: made, upgraded by hand,
//! put back, opened again, taken down.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rds_lab::{Lab, Options, ProbeOptions, Release, Server, Status};

const PATIENCE: Duration = Duration::from_secs(30);

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
    let mut options = Options::new(cache());
    options.fast_and_unsafe = true;
    let lab = timed("create", || Lab::create(&options));
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
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} lives");
    }
}
