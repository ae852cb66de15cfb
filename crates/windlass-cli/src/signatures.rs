//! Signatures of files by SSH keys, as `ssh-keygen -Y sign -n windlass` makes them, verified
//! by the stock `ssh-keygen`. Who a key belongs to is the policy's to say.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use windlass_core::id::PersonName;
use windlass_core::policy::Standing;

use crate::error::{Error, io};

/// What a signature must have been made for.
const NAMESPACE: &str = "windlass";
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

/// The persons of a policy whose signatures of the text are good now. In `folder`, where
/// nobody else writes, the keys are written down for `ssh-keygen`.
pub(crate) fn signers(
    standing: &Standing,
    text: &str,
    signatures: &[PathBuf],
    folder: &Path,
) -> Result<BTreeSet<PersonName>, Error> {
    let mut signers = BTreeSet::new();
    if signatures.is_empty() {
        return Ok(signers);
    }
    let allowed = folder.join("allowed_signers");
    fs::write(&allowed, standing.allowed_signers()).map_err(io("write", &allowed))?;
    for signature in signatures {
        for person in principals(&allowed, signature)? {
            if standing.people.contains_key(&person) && verify(&allowed, signature, &person, text)?
            {
                signers.insert(person);
            }
        }
    }
    Ok(signers)
}

/// Whose key made a signature, by what is written of it.
fn principals(allowed: &Path, signature: &Path) -> Result<Vec<PersonName>, Error> {
    let said = Command::new("ssh-keygen")
        .args(["-Y", "find-principals", "-n", NAMESPACE, "-f"])
        .arg(allowed)
        .arg("-s")
        .arg(signature)
        .stdin(Stdio::null())
        .output()
        .map_err(io("start", Path::new("ssh-keygen")))?;
    let lines = String::from_utf8_lossy(&said.stdout);
    Ok(lines
        .split([',', '\n'])
        .filter_map(|name| name.trim().parse().ok())
        .collect())
}

fn verify(
    allowed: &Path,
    signature: &Path,
    person: &PersonName,
    text: &str,
) -> Result<bool, Error> {
    let failed = || io("ask", Path::new("ssh-keygen"));
    let mut asked = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-n", NAMESPACE, "-I", person.as_str(), "-f"])
        .arg(allowed)
        .arg("-s")
        .arg(signature)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed())?;
    if let Some(mut input) = asked.stdin.take() {
        // It may have refused the signature before it has read all.
        let _refused = input.write_all(text.as_bytes());
    }
    Ok(asked.wait().map_err(failed())?.success())
}

#[cfg(test)]
mod tests {
    use windlass_core::time::Timestamp;

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
            let signers = signers(&standing, text, found, at).unwrap();
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
