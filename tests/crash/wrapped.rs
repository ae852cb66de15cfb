//! The `pg_ctl` of a lab's own builds: before it starts a server it adds a line to the
//! witness, and it waits at a moment of its call where a case asks for that, so that the
//! engine is killed there for certain. Runbooks know nothing of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rds_lab::witness::Witness;
use rds_lab::{Lab, Server};
use tempfile::TempDir;

/// How far a change of a server has come, told by the calls of `pg_ctl` that it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The old server has ended, and the link still names its build.
    Stopped,
    /// The link names the new build, and no server runs.
    Linked,
    /// The server runs on the new build, and the step has not ended.
    Started,
}

/// All phases of a swap in their order.
pub(crate) const SWAP: [Phase; 3] = [Phase::Stopped, Phase::Linked, Phase::Started];

impl Phase {
    fn moment(self) -> &'static str {
        match self {
            Self::Stopped => "after stop",
            Self::Linked => "before start",
            Self::Started => "after start",
        }
    }
}

/// The files through which a test and the wrappers speak.
pub(crate) struct Wrapped {
    dir: TempDir,
}

impl Wrapped {
    /// Puts wrappers before `pg_ctl` in copies of both builds: the lab may only link to builds
    /// that others use too. The witness lies on another file system than state directories.
    pub(crate) fn of(lab: &Lab) -> Self {
        let dir = tempfile::tempdir_in(crate::volatile()).unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        let wrapped = Self { dir };
        for build in [&lab.description().old.dir, &lab.description().new.dir] {
            wrapped.wrap(build);
        }
        wrapped.reset();
        wrapped
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn wrap(&self, build: &Path) {
        let copy = build.with_extension("copy");
        let from = build.canonicalize().unwrap();
        let mut cp = Command::new("cp");
        cp.args(["-a", "--reflink=auto"]).arg(from).arg(&copy);
        assert!(cp.status().unwrap().success(), "{cp:?}");
        if build.is_symlink() {
            fs::remove_file(build).unwrap();
        } else {
            fs::remove_dir_all(build).unwrap();
        }
        fs::rename(&copy, build).unwrap();
        let pg_ctl = build.join("bin/pg_ctl");
        fs::rename(&pg_ctl, build.join("bin/pg_ctl.real")).unwrap();
        let text = format!(
            r#"#!/bin/sh
verb=$1 data=$3
# The step starts its server with an empty environment: the caller's own says who it is.
caller() {{ tr '\0' '\n' <"/proc/$PPID/environ" | sed -n "s/^WINDLASS_$1=//p"; }}
hold() {{
  if [ "$(cat '{hold}' 2>/dev/null)" = "$1 $verb $data" ]; then
    echo reached >'{reached}'
    while [ -e '{hold}' ]; do sleep 0.02; done
  fi
}}
hold before
if [ "$verb" = start ]; then
  step=$(caller STEP) attempt=$(caller ATTEMPT_NO)
  printf '%s %s %s %s\n' "$(date +%s.%N)" "${{step:-nobody}}" "${{attempt:-0}}" "$$" >>'{witness}'
  sync '{witness}'
fi
"$0.real" "$@"
code=$?
hold after
exit $code
"#,
            hold = self.file("hold").display(),
            reached = self.file("reached").display(),
            witness = self.file("witness").display(),
        );
        fs::write(&pg_ctl, text).unwrap();
        fs::set_permissions(&pg_ctl, Permissions::from_mode(0o755)).unwrap();
    }

    /// An empty witness, and nobody waits.
    pub(crate) fn reset(&self) {
        self.release();
        for name in ["witness", "reached"] {
            let file = self.file(name);
            fs::write(&file, "").unwrap();
            // The servers' account writes to it.
            fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
        }
    }

    pub(crate) fn witness(&self) -> Witness {
        Witness::read(&self.file("witness")).unwrap()
    }

    /// Whoever comes to this moment of a server waits there until `release`.
    pub(crate) fn hold(&self, lab: &Lab, server: Server, phase: Phase) {
        let data = lab.description().server(server).data_dir.display();
        let draft = self.file("hold.draft");
        fs::write(&draft, format!("{} {data}", phase.moment())).unwrap();
        fs::rename(&draft, self.file("hold")).unwrap();
    }

    /// Whether somebody waits.
    pub(crate) fn is_reached(&self) -> bool {
        fs::metadata(self.file("reached")).is_ok_and(|about| about.len() > 0)
    }

    pub(crate) fn release(&self) {
        if let Err(error) = fs::remove_file(self.file("hold")) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        }
    }
}
