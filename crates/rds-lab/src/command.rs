//! Runs one program to its end and turns a failure into an [`Error`] with the
//! end of what it wrote. Always argv, never a shell.

use std::io::Write;
use std::process::{Command, ExitStatus, Output, Stdio};

use crate::{Error, Result};

/// How much of a failed program's stderr an error carries.
const STDERR_TAIL_BYTES_MAX: usize = 2000;

/// A command without the caller's `PG*` settings, which would redirect psql
/// and pg_basebackup to another server.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PG") {
            command.env_remove(name);
        }
    }
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Runs to the end; any exit but 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    succeeded(command, &output.status, &output.stderr)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs to the end with `input` on stdin; any exit but 0 is an error.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> Result<String> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(spawn_error(command))?;
    let mut stdin = child.stdin.take().expect("stdin is piped above");
    // A program that stops reading early says why on stderr; its exit decides.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().map_err(spawn_error(command))?;
    succeeded(command, &output.status, &output.stderr)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs to the end and leaves the judgement of the exit to the caller.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command.output().map_err(spawn_error(command))
}

/// The error of a program that ended with a failure, or nothing.
pub(crate) fn succeeded(command: &Command, status: &ExitStatus, stderr: &[u8]) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed {
        command: words(command),
        status: status.to_string(),
        stderr_tail: tail(stderr),
    })
}

fn spawn_error(command: &Command) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let command = words(command);
    move |source| Error::Spawn { command, source }
}

fn words(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

fn tail(stderr: &[u8]) -> String {
    let start = stderr.len().saturating_sub(STDERR_TAIL_BYTES_MAX);
    String::from_utf8_lossy(&stderr[start..]).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_its_exit_and_its_last_words() {
        let error = run(command("ls").arg("/nowhere/at/all")).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("run `ls /nowhere/at/all`: exit status: 2: "));
        assert!(text.contains("No such file"), "{text}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(&mut command("no-such-program-here")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("start `no-such-program-here`")
        );
    }
}
