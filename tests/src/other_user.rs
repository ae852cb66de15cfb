//! A second person on the machine, for tests of who may do what.

use std::process::Command;

/// Another user of the machine, as which root can run programs.
#[derive(Debug)]
pub struct OtherUser {
    pub uid: String,
    pub gid: String,
}

impl OtherUser {
    /// `nobody`, when this process is root and may become him.
    pub fn nobody() -> Option<Self> {
        let id = |arguments: &[&str]| {
            let output = Command::new("id").args(arguments).output().ok()?;
            let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            (output.status.success() && !text.is_empty()).then_some(text)
        };
        let is_root = id(&["-u"])? == "0";
        let (uid, gid) = (id(&["-u", "nobody"])?, id(&["-g", "nobody"])?);
        let other = Self { uid, gid };
        let tried = Command::new("setpriv")
            .args(other.words())
            .arg("true")
            .status();
        (is_root && tried.is_ok_and(|status| status.success())).then_some(other)
    }

    /// The words between `setpriv` and the program.
    pub fn words(&self) -> [&str; 5] {
        let Self { uid, gid } = self;
        ["--reuid", uid, "--regid", gid, "--clear-groups"]
    }
}
