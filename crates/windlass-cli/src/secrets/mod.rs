//! Secrets of a run: where the command line or the runbook says that their values are, and
//! the values themselves, read when a run starts or is resumed. Values are never printed,
//! not even in an error, and stay in memory.

mod exec;
mod file;
mod spelled;
pub(crate) mod vault;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use secrecy::SecretString;
use windlass_core::id::SecretName;
use windlass_core::plan::SecretSource;
use windlass_engine::redact::{REDACTED_BYTES_MIN, Redactor, stand_before_all};

use crate::error::Error;
use crate::output;
use spelled::spelled;

/// The most bytes of one secret.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// Values by name.
pub(crate) type Secrets = BTreeMap<SecretName, SecretString>;

/// Where values are, by name.
pub(crate) type Sources = BTreeMap<SecretName, SecretSource>;

/// What `--secret` says. The texts come unread from the command line: its own error
/// messages would repeat what was typed.
pub(crate) fn typed(texts: &[String]) -> Result<Sources, Error> {
    let mut sources = Sources::new();
    for text in texts {
        let (name, source) =
            spelled(text).map_err(|expected| Error::Usage(format!("--secret: {expected}")))?;
        if sources.insert(name.clone(), source).is_some() {
            return Err(Error::Usage(format!("the secret {name} is given twice")));
        }
    }
    Ok(sources)
}

/// The places of all values: those of the command line stand above those of the runbook.
pub(crate) fn placed(
    typed: Sources,
    known: &BTreeSet<SecretName>,
    of_runbook: &Sources,
) -> Result<Sources, Error> {
    if let Some(stranger) = typed.keys().find(|name| !known.contains(name)) {
        return Err(Error::Usage(format!(
            "the runbook has no secret {stranger}; `secrets:` lists those that it may use"
        )));
    }
    let mut sources = of_runbook.clone();
    sources.extend(typed);
    Ok(sources)
}

/// Reads the values, now.
pub(crate) async fn read(sources: &Sources) -> Result<Secrets, Error> {
    let mut secrets = Secrets::new();
    let mut vaults = vault::Vaults::default();
    for (name, source) in sources {
        let value = match source {
            SecretSource::Env(variable) => std::env::var(variable).map_err(|_| {
                Error::Usage(format!(
                    "the secret {name}: the environment variable {variable} is not set, or no text"
                ))
            })?,
            SecretSource::File(path) => file::of_file(name, Path::new(path))?,
            SecretSource::Exec(words) => exec::of_program(name, words).await?,
            SecretSource::Vault(place) => vaults.read(name, place).await?,
        };
        if value.is_empty() || value.len() > SECRET_BYTES_MAX {
            let bytes = match value.len() {
                0..=SECRET_BYTES_MAX => value.len().to_string(),
                _ => format!("more than {SECRET_BYTES_MAX}"),
            };
            return Err(Error::Usage(format!(
                "the secret {name} has {bytes} bytes; 1 to {SECRET_BYTES_MAX} are allowed"
            )));
        }
        if value.len() < REDACTED_BYTES_MIN {
            output::err(&format!(
                "windlass: the secret {name} has fewer than {REDACTED_BYTES_MIN} bytes: logs and outputs that hold it show it"
            ));
        }
        secrets.insert(name.clone(), SecretString::from(value));
    }
    guard(&secrets);
    Ok(secrets)
}

/// From now on this process prints none of the values.
fn guard(secrets: &Secrets) {
    /// What stands before the sinks does so as long as somebody keeps it.
    static KEPT: Mutex<Vec<Redactor>> = Mutex::new(Vec::new());
    let redactor = Redactor::new(secrets.values());
    stand_before_all(&redactor);
    KEPT.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(redactor);
}

/// Editors, `echo` and most programs end their text with a newline that is no part of it.
fn as_text(name: &SecretName, mut bytes: Vec<u8>, what: &str) -> Result<String, Error> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::Usage(format!("the secret {name}: {what} is not UTF-8 text")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;
    use std::os::unix::fs::PermissionsExt as _;

    fn name() -> SecretName {
        "token".parse().unwrap()
    }

    async fn value(source: SecretSource) -> Result<String, String> {
        let sources = Sources::from([(name(), source)]);
        match read(&sources).await {
            Ok(secrets) => Ok(secrets[&name()].expose_secret().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn exec(words: &[&str]) -> SecretSource {
        SecretSource::Exec(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn spellings() {
        assert!(spelled("a=env:B").is_ok());
        assert!(spelled(r#"a=exec:["pass", "show"]"#).is_ok());
        for wrong in ["token=hunter2", "a=env:", "a=exec:pass show", "a=exec:[]"] {
            let refused = spelled(wrong).unwrap_err();
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }

    #[tokio::test]
    async fn files_are_for_their_owner_alone_and_lose_their_last_line_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let source = || SecretSource::File(path.display().to_string());
        std::fs::write(&path, "two\nlines\n").unwrap();
        for mode in [0o640, 0o604, 0o644, 0o620, 0o602] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let refused = value(source()).await.unwrap_err();
            assert!(refused.contains(&format!("(mode {mode:04o})")), "{refused}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(value(source()).await.unwrap(), "two\nlines");
        std::fs::write(&path, [0xff]).unwrap();
        assert!(value(source()).await.unwrap_err().contains("UTF-8"));
        std::fs::write(&path, vec![b'a'; SECRET_BYTES_MAX + 1]).unwrap();
        assert!(value(source()).await.unwrap_err().contains("more than"));
    }

    #[tokio::test]
    async fn only_a_file_at_a_place_of_ones_own_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::write(&path, "a value").unwrap();
        std::fs::set_permissions(&path, private).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let of = |path: &Path| SecretSource::File(path.display().to_string());
        assert_eq!(value(of(&link)).await.unwrap(), "a value");
        // A link leads to a file that everybody can replace.
        let open = dir.path().join("open");
        std::fs::create_dir(&open).unwrap();
        let elsewhere = open.join("s");
        std::fs::rename(&path, &elsewhere).unwrap();
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        for (mode, refused) in [(0o777, true), (0o1777, false), (0o755, false)] {
            std::fs::set_permissions(&open, std::fs::Permissions::from_mode(mode)).unwrap();
            let read = value(of(&link)).await;
            assert_eq!(read.is_err(), refused, "{mode:o} {read:?}");
        }
        // What waits or never ends is not opened for it.
        let pipe = dir.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
        for path in [pipe.as_path(), Path::new("/dev/zero"), dir.path()] {
            let refused = value(of(path)).await.unwrap_err();
            assert!(refused.contains("no regular file"), "{refused}");
        }
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&elsewhere, Some(65_534), None).unwrap();
            let refused = value(of(&elsewhere)).await.unwrap_err();
            assert!(refused.contains("belongs to user 65534"), "{refused}");
        }
    }

    #[tokio::test]
    async fn programs_print_secrets_without_a_shell() {
        assert_eq!(
            value(exec(&["printf", "a $HOME\\n"])).await.unwrap(),
            "a $HOME"
        );
        let failed = value(exec(&["sh", "-c", "echo s3cr3t; exit 3"])).await;
        assert_eq!(
            failed.unwrap_err(),
            "the secret token: sh ended with exit code 3"
        );
        let missing = value(exec(&["windlass-no-such-program"]))
            .await
            .unwrap_err();
        assert!(missing.contains("cannot be started"), "{missing}");
        let silent = value(exec(&["true"])).await.unwrap_err();
        assert!(silent.contains("has 0 bytes"), "{silent}");
        let much = value(exec(&["head", "-c", "100000", "/dev/zero"])).await;
        assert!(much.unwrap_err().contains("more than"));
    }
}
