//! The flagship's steps in the states that a good run never shows: a swap that does not
//! start, a DR standby that is healthy, that nobody can ask, that was cut in the middle of
//! a move, that has left its primary. Each step runs alone, by the shipped text.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use rds_lab::Server;

use crate::bench::{Bench, told};

#[test]
fn disaster_recovery_is_right_in_any_state_that_it_finds() {
    let mut bench = Bench::new();

    let before = bench.started(Server::Dr);
    let healthy = bench.run("dr_established", |_| {}, None);
    assert!(healthy.status.success(), "{}", told(&healthy));
    assert!(bench.log("dr_established").contains("nothing to do"));
    assert_eq!(
        bench.started(Server::Dr),
        before,
        "a healthy DR was restarted"
    );

    let blind = bench.run("dr_established", |_| {}, Some("wrong"));
    assert_eq!(blind.status.code(), Some(1), "{}", told(&blind));
    assert!(
        bench
            .log("dr_established")
            .contains("cannot be asked: nothing was touched")
    );
    assert_eq!(
        bench.started(Server::Dr),
        before,
        "DR was touched although nobody could ask"
    );
    assert!(bench.dr_streams());

    // Cut between the two moves of an earlier rebuilding.
    bench.lab.stop(Server::Dr).unwrap();
    let data = bench.data_dir(Server::Dr);
    let old = data.with_extension("old");
    std::fs::rename(&data, &old).unwrap();
    let cut = bench.run("dr_established", |_| {}, None);
    assert!(cut.status.success(), "{}", told(&cut));
    assert!(data.exists() && !old.exists());
    assert!(bench.dr_streams());

    // It left its primary: it runs, it answers, and it follows nobody.
    bench.lab.stop(Server::Dr).unwrap();
    std::fs::remove_file(data.join("standby.signal")).unwrap();
    bench.lab.start(Server::Dr).unwrap();
    assert!(!bench.lab.is_in_recovery(Server::Dr).unwrap());
    let lost = bench.run("dr_established", |_| {}, None);
    assert!(
        lost.status.success(),
        "{}{}",
        told(&lost),
        bench.log("dr_established")
    );
    assert!(bench.log("dr_established").contains("built anew"));
    assert!(bench.lab.is_in_recovery(Server::Dr).unwrap());
    assert!(bench.dr_streams());
    assert_eq!(bench.lab.version(Server::Dr).unwrap(), "15.18");
    assert!(!old.exists());
    assert_eq!(
        bench.lab.checksum(Server::Dr).unwrap(),
        bench.lab.checksum(Server::Primary).unwrap()
    );

    // The rebuilt server carries nothing of the attempt.
    let pid = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
    let environ = std::fs::read(format!("/proc/{}/environ", pid.lines().next().unwrap())).unwrap();
    let environ = String::from_utf8_lossy(&environ);
    assert!(
        !environ.contains("PASSWORD") && !environ.contains("WINDLASS"),
        "{environ}"
    );
}

#[test]
fn a_primary_that_does_not_start_on_the_new_binaries_goes_back_to_the_old() {
    let mut bench = Bench::new();
    // A build whose server ends at once.
    let broken = bench.lab.dir().join("broken");
    let real = bench.lab.inputs()["new_build"]
        .as_str()
        .map(PathBuf::from)
        .unwrap();
    std::fs::create_dir_all(broken.join("bin")).unwrap();
    for folder in ["lib", "share"] {
        if real.join(folder).exists() {
            symlink(real.join(folder), broken.join(folder)).unwrap();
        }
    }
    std::fs::copy(real.join("bin/pg_ctl"), broken.join("bin/pg_ctl")).unwrap();
    std::fs::write(broken.join("bin/postgres"), "#!/bin/sh\nexit 1\n").unwrap();
    std::fs::set_permissions(
        broken.join("bin/postgres"),
        std::fs::Permissions::from_mode(0o755),
    )
    .unwrap();

    let failed = bench.run(
        "upgrade_primary",
        |inputs| inputs["new_build"] = broken.display().to_string().into(),
        None,
    );
    assert_eq!(failed.status.code(), Some(1), "{}", told(&failed));
    assert!(
        bench.log("upgrade_primary").contains("does not start on"),
        "{}",
        told(&failed)
    );
    assert_eq!(bench.lab.version(Server::Primary).unwrap(), "15.16");
    assert_eq!(
        bench.lab.installed_version(Server::Primary).unwrap(),
        "15.16"
    );
    assert!(!bench.lab.is_in_recovery(Server::Primary).unwrap());
}
