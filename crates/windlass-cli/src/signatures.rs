//! Signatures beside a file, as `ssh-keygen -Y sign -n windlass FILE` leaves them, and the
//! signing of what somebody approves. Whose a key is the policy says.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use windlass_core::id::PersonName;
use windlass_core::policy::Standing;
use windlass_core::statement::NAMESPACE;
use windlass_core::time::Timestamp;
use windlass_engine::signatures::signer;

use crate::error::{Error, io};

/// The most signatures of one file, and the longest of them.
const SIGNATURES_MAX: usize = 32;
const SIGNATURE_BYTES_MAX: u64 = 64 * 1024;

/// The signatures beside a file: `FILE.sig`, `FILE.NAME.sig`.
pub(crate) fn beside(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(Vec::new());
    };
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let beginning = format!("{}.", name.to_string_lossy());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io("list", folder))? {
        let entry = entry.map_err(io("list", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_small = entry
            .metadata()
            .is_ok_and(|found| found.is_file() && found.len() <= SIGNATURE_BYTES_MAX);
        if name.starts_with(&beginning) && name.ends_with(".sig") && is_small {
            found.push(entry.path());
        }
    }
    found.sort();
    found.truncate(SIGNATURES_MAX);
    Ok(found)
}

/// The persons of a policy whose signatures of the text are good now. `folder` is one where
/// nobody else writes.
pub(crate) fn signers(
    standing: &Standing,
    text: &str,
    signatures: &[PathBuf],
    now: Timestamp,
    folder: &Path,
) -> Result<BTreeSet<PersonName>, Error> {
    let mut signers = BTreeSet::new();
    for signature in signatures {
        let armored = fs::read(signature).map_err(io("read", signature))?;
        let armored = String::from_utf8_lossy(&armored);
        let found = signer(standing, text, &armored, now, folder);
        let found = found.map_err(io("start", Path::new("ssh-keygen")))?;
        signers.extend(found.map(|signer| signer.person));
    }
    Ok(signers)
}

/// Signs a text by a key, or by an agent that has the private half of a public one.
pub(crate) fn sign(text: &str, key: &Path) -> Result<String, Error> {
    let program = || io("ask", Path::new("ssh-keygen"));
    let mut asked = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", NAMESPACE, "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(program())?;
    if let Some(mut input) = asked.stdin.take() {
        // It may have refused the key before it has read all.
        let _refused = input.write_all(text.as_bytes());
    }
    let said = asked.wait_with_output().map_err(program())?;
    match String::from_utf8(said.stdout) {
        Ok(armored) if said.status.success() => Ok(armored),
        Ok(_) | Err(_) => Err(Error::Usage(format!(
            "ssh-keygen did not sign by the key {}",
            key.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keygen(args: &[&str], folder: &Path) {
        let done = Command::new("ssh-keygen")
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .expect("ssh-keygen is there");
        assert!(done.status.success(), "{done:?}");
    }

    #[test]
    fn who_signed_is_who_the_policy_says_the_key_is_of() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        for name in ["ann", "bob", "eve", "old"] {
            keygen(
                &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name],
                at,
            );
        }
        let key = |name: &str| fs::read_to_string(at.join(format!("{name}.pub"))).unwrap();
        let policy = format!(
            "windlass_policy: 1\npeople:\n  ann: {{ssh_keys: [{{key: \"{}\"}}]}}\n  bob: {{ssh_keys: [{{key: \"{}\"}}]}}\n  old: {{ssh_keys: [{{key: \"{}\", before: \"2020-01-01T00:00:00Z\"}}]}}\nrules:\n  all: {{may: start, people: [ann, bob]}}\n",
            key("ann").trim(),
            key("bob").trim(),
            key("old").trim(),
        );
        let read = windlass_runbook::policy::read("policy.yaml", &policy, Timestamp(0));
        let standing = read.policy.expect("it is right").standing_of_all();
        let text = "the new policy\n";
        let file = at.join("new.yaml");
        fs::write(&file, text).unwrap();
        for name in ["ann", "bob", "eve", "old"] {
            keygen(
                &["-q", "-Y", "sign", "-n", "windlass", "-f", name, "new.yaml"],
                at,
            );
            fs::rename(
                at.join("new.yaml.sig"),
                at.join(format!("new.yaml.{name}.sig")),
            )
            .unwrap();
        }
        keygen(
            &["-q", "-Y", "sign", "-n", "file", "-f", "ann", "new.yaml"],
            at,
        );
        let found = beside(&file).unwrap();
        assert_eq!(found.len(), 5);
        let names = |text: &str, found: &[PathBuf]| -> Vec<String> {
            let signers = signers(&standing, text, found, crate::time::now(), at).unwrap();
            signers.iter().map(PersonName::to_string).collect()
        };
        // A stranger's key, one that is over, and a signature for something else do not count.
        assert_eq!(names(text, &found), ["ann", "bob"]);
        assert_eq!(names(text, &found[..1]), ["ann"]);
        assert!(names("another text\n", &found).is_empty());
        let other = [at.join("new.yaml.sig")];
        assert!(names(text, &other).is_empty(), "made for another namespace");
    }
}
