//! Secrets of a run: where the command line or the runbook says that their values are, and
//! the values themselves, read when a run starts or is resumed. Values are never printed,
//! not even in an error, and stay in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use windlass_core::id::SecretName;
use windlass_core::plan::SecretSource;

use crate::error::{Error, io};
use crate::{output, text};

/// The most bytes of one secret.
const SECRET_BYTES_MAX: usize = 64 * 1024;
/// How long a program may take to print a secret; a person may have to unlock something.
const EXEC_TIME_MAX: Duration = Duration::from_secs(120);
/// The most of a program's standard error that is shown.
const EXEC_STDERR_BYTES_MAX: u64 = 16 * 1024;
/// The bits of a file's mode that let others than its owner read it.
const OTHERS_READ: u32 = 0o044;

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

/// `NAME=env:VARIABLE`, `NAME=file:PATH` or `NAME=exec:["PROGRAM", "ARGUMENT"]`.
fn spelled(text: &str) -> Result<(SecretName, SecretSource), String> {
    // Whatever was typed here may be a secret's value by mistake: it is not repeated.
    let expected =
        || r#"expected NAME=env:VARIABLE, NAME=file:PATH or NAME=exec:["PROGRAM", ...]"#.to_owned();
    let (name, from) = text.split_once('=').ok_or_else(expected)?;
    let name = name.parse().map_err(|_| expected())?;
    let source = match from.split_once(':') {
        Some(("env", variable)) if !variable.is_empty() => SecretSource::Env(variable.to_owned()),
        Some(("file", path)) if !path.is_empty() => SecretSource::File(path.to_owned()),
        Some(("exec", words)) => match serde_json::from_str::<Vec<String>>(words) {
            Ok(words) if words.first().is_some_and(|program| !program.is_empty()) => {
                SecretSource::Exec(words)
            }
            Ok(_) | Err(_) => return Err(expected()),
        },
        Some(_) | None => return Err(expected()),
    };
    Ok((name, source))
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
    for (name, source) in sources {
        let value = match source {
            SecretSource::Env(variable) => std::env::var(variable).map_err(|_| {
                Error::Usage(format!(
                    "the secret {name}: the environment variable {variable} is not set, or no text"
                ))
            })?,
            SecretSource::File(path) => of_file(name, Path::new(path))?,
            SecretSource::Exec(words) => of_program(name, words).await?,
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
        secrets.insert(name.clone(), SecretString::from(value));
    }
    Ok(secrets)
}

fn of_file(name: &SecretName, path: &Path) -> Result<String, Error> {
    let file = std::fs::File::open(path).map_err(io("read", path))?;
    let mode = file.metadata().map_err(io("look at", path))?.mode();
    let shown = text::line(&path.display().to_string());
    if mode & OTHERS_READ != 0 {
        return Err(Error::Usage(format!(
            "the secret {name}: others than its owner can read {shown} (mode {:04o}); `chmod 600 {shown}` stops that",
            mode & 0o7777
        )));
    }
    let mut bytes = Vec::new();
    // More than is allowed, with a line end, so that what is too long is seen to be.
    file.take(SECRET_BYTES_MAX as u64 + 3)
        .read_to_end(&mut bytes)
        .map_err(io("read", path))?;
    as_text(name, bytes, &format!("what is in {shown}"))
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

/// What a program prints. No shell reads its words; its standard error is shown, its
/// standard output never.
async fn of_program(name: &SecretName, words: &[String]) -> Result<String, Error> {
    let program = words.first().map(String::as_str).unwrap_or_default();
    let shown = text::line(program);
    let fault = |why: String| Error::Usage(format!("the secret {name}: {shown} {why}"));
    let mut child = tokio::process::Command::new(program)
        .args(words.iter().skip(1))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| fault(format!("cannot be started: {error}")))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
        return Err(Error::Bug("a piped stream is not there".to_owned()));
    };
    let printed = async {
        let mut bytes = Vec::new();
        let mut stdout = stdout.take(SECRET_BYTES_MAX as u64 + 3);
        stdout.read_to_end(&mut bytes).await.map(|_| bytes)
    };
    let shows = async {
        let mut lines = BufReader::new(stderr.take(EXEC_STDERR_BYTES_MAX)).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line);
            output::err(&format!("{shown}: {}", text::line(&line)));
        }
    };
    // The streams first: a program that prints too much must not wait for a reader.
    let work = async {
        let (printed, ()) = tokio::join!(printed, shows);
        (printed, child.wait().await)
    };
    let Ok((printed, status)) = tokio::time::timeout(EXEC_TIME_MAX, work).await else {
        let seconds = EXEC_TIME_MAX.as_secs();
        return Err(fault(format!(
            "took longer than {seconds} s and was stopped"
        )));
    };
    let status = status.map_err(|error| fault(format!("cannot be waited for: {error}")))?;
    let bytes = printed.map_err(|error| fault(format!("cannot be read: {error}")))?;
    // One that was cut off while it printed too much is told of its size, not of its end.
    if !status.success() && bytes.len() <= SECRET_BYTES_MAX + 2 {
        return Err(fault(how_it_ended(status)));
    }
    as_text(name, bytes, &format!("what {shown} printed"))
}

fn how_it_ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
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
        for mode in [0o640, 0o604, 0o644] {
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
