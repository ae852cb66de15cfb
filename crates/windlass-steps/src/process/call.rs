//! The part of a `with` that says what is run and how its answer is read, checked before
//! anything is started: the same for `shell` and `ssh`.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use windlass_engine::ports::StepContext;

use super::answer::Answer;
use crate::with::{BadWith, Fields, Given};

/// One call of a program.
#[derive(Debug)]
pub(crate) struct Call {
    /// At least one item; no NUL in any.
    pub(crate) argv: Vec<String>,
    pub(crate) stdin: Option<SecretString>,
    pub(crate) env: Vec<(String, SecretString)>,
    pub(crate) cwd: Option<String>,
    pub(crate) answer: Answer,
}

impl Call {
    /// Reads its members; every secret that they name is looked up here, for a command on
    /// that host, or for one here.
    pub(crate) fn read(
        context: &StepContext,
        with: &mut Fields,
        host: Option<&str>,
    ) -> Result<Self, BadWith> {
        let resolve = |given| resolve(context, given, host);
        let argv = with.texts("argv")?;
        let script = with.text("script")?;
        let interpreter = with.texts("interpreter")?;
        let stdin = with.given("stdin")?;
        let env = with.givens("env")?;
        let cwd = with.text("cwd")?;
        let answer = Answer::read(with)?;

        let (argv, stdin) = match (argv, script) {
            (Some(_), Some(_)) => return Err(BadWith::new("give `argv` or `script`, not both")),
            (None, None) => return Err(BadWith::new("give `argv` or `script`")),
            (Some(argv), None) => {
                if interpreter.is_some() {
                    return Err(BadWith::new("`interpreter` goes with `script`"));
                }
                let stdin = stdin.map(resolve).transpose()?;
                (argv, stdin)
            }
            (None, Some(script)) => {
                if stdin.is_some() {
                    return Err(BadWith::new(
                        "`stdin` cannot be given together with `script`, which is fed there",
                    ));
                }
                let interpreter =
                    interpreter.unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-eu".to_owned()]);
                let script = whole_script(&interpreter, &script)?;
                (interpreter, Some(script.into()))
            }
        };
        if argv.first().is_none_or(String::is_empty) {
            return Err(BadWith::new("the program's name is empty"));
        }
        if argv.iter().chain(&cwd).any(|text| text.contains('\0')) {
            return Err(BadWith::new("arguments and `cwd` cannot hold a NUL"));
        }
        Ok(Self {
            argv,
            stdin,
            env: read_env(env, resolve)?,
            cwd,
            answer,
        })
    }
}

fn read_env(
    env: Vec<(String, Given)>,
    resolve: impl Fn(Given) -> Result<SecretString, BadWith>,
) -> Result<Vec<(String, SecretString)>, BadWith> {
    let read = env.into_iter().map(|(name, given)| {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(BadWith::new(format!("{name:?} is no variable's name")));
        }
        // They are how a process is found again after a crash.
        if name.starts_with("WINDLASS_") {
            return Err(BadWith::new(format!(
                "`{name}` is the engine's: names that begin with WINDLASS_ cannot be set"
            )));
        }
        let value = resolve(given)?;
        if value.expose_secret().contains('\0') {
            return Err(BadWith::new(format!("`env.{name}` cannot hold a NUL")));
        }
        Ok((name, value))
    });
    read.collect()
}

fn resolve(
    context: &StepContext,
    given: Given,
    host: Option<&str>,
) -> Result<SecretString, BadWith> {
    let secrets = &context.secrets;
    match (given, host) {
        (Given::Text(text), _) => Ok(text.into()),
        (Given::Secret(name), Some(host)) => Ok(secrets.for_host(&name, host)?.clone()),
        // Nobody knows where a command sends what it is given.
        (Given::Secret(name), None) => Ok(secrets.for_anywhere(&name)?.clone()),
    }
}

/// The script as it is fed.
///
/// A shell reads its script from standard input bit by bit, and so does every
/// command in it: one `ssh` would swallow the rest of the script, and the step would
/// succeed half done. For the known shells the script is therefore made one group,
/// which they parse to its end before its first command runs, with an empty standard
/// input. Line numbers stay. Other interpreters get the script as it is.
fn whole_script(interpreter: &[String], script: &str) -> Result<String, BadWith> {
    if script.trim().is_empty() {
        return Err(BadWith::new("`script` is empty"));
    }
    let program = interpreter.first().map(Path::new).and_then(Path::file_name);
    let is_shell = program
        .and_then(|name| name.to_str())
        .is_some_and(|name| matches!(name, "sh" | "bash" | "dash" | "ash" | "ksh" | "zsh"));
    Ok(if is_shell {
        format!("{{ :; {script}\n}} </dev/null\n")
    } else {
        script.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shells_get_their_script_as_one_group() {
        let sh = ["/usr/bin/bash".to_owned(), "-eu".to_owned()];
        let grouped = whole_script(&sh, "#!/bin/sh\necho a").unwrap();
        assert_eq!(grouped, "{ :; #!/bin/sh\necho a\n} </dev/null\n");
        let python = ["python3".to_owned()];
        assert_eq!(whole_script(&python, "x = 1").unwrap(), "x = 1");
        assert!(whole_script(&python, " \n").is_err());
    }
}
