//! The `with` of a `shell` step, read and checked before anything is started.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use windlass_engine::ports::StepContext;

use crate::with::{BadWith, Fields, Given};

/// How the standard output is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Text,
    Lines,
    Json,
}

/// Which exit codes mean what.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ExitCodes {
    pub(super) ok: Vec<i64>,
    pub(super) no_effect: Vec<i64>,
}

/// One call of a program.
#[derive(Debug)]
pub(super) struct Call {
    /// At least one item; no NUL in any.
    pub(super) argv: Vec<String>,
    pub(super) stdin: Option<SecretString>,
    pub(super) env: Vec<(String, SecretString)>,
    pub(super) cwd: Option<String>,
    pub(super) output: Output,
    pub(super) exit_codes: ExitCodes,
}

impl Call {
    /// Reads the `with`; every secret that it names is looked up here.
    pub(super) fn read(context: &StepContext) -> Result<Self, BadWith> {
        let mut with = Fields::of(&context.input)?;
        let argv = with.texts("argv")?;
        let script = with.text("script")?;
        let interpreter = with.texts("interpreter")?;
        let stdin = with.given("stdin")?;
        let env = with.givens("env")?;
        let cwd = with.text("cwd")?;
        let output = read_output(with.text("output")?)?;
        let exit_codes = ExitCodes {
            ok: with.ints("ok_exit_codes")?.unwrap_or_else(|| vec![0]),
            no_effect: with.ints("no_effect_exit_codes")?.unwrap_or_default(),
        };
        with.finish()?;
        check_exit_codes(&exit_codes)?;

        let (argv, stdin) = match (argv, script) {
            (Some(_), Some(_)) => return Err(BadWith::new("give `argv` or `script`, not both")),
            (None, None) => return Err(BadWith::new("give `argv` or `script`")),
            (Some(argv), None) => {
                if interpreter.is_some() {
                    return Err(BadWith::new("`interpreter` goes with `script`"));
                }
                let stdin = stdin.map(|given| resolve(context, given)).transpose()?;
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
            env: read_env(context, env)?,
            cwd,
            output,
            exit_codes,
        })
    }
}

fn read_output(output: Option<String>) -> Result<Output, BadWith> {
    match output.as_deref() {
        None | Some("text") => Ok(Output::Text),
        Some("lines") => Ok(Output::Lines),
        Some("json") => Ok(Output::Json),
        Some(other) => Err(BadWith::new(format!(
            "`output` is `text`, `lines` or `json`, not {other:?}"
        ))),
    }
}

fn check_exit_codes(codes: &ExitCodes) -> Result<(), BadWith> {
    if let Some(code) = codes.ok.iter().find(|code| codes.no_effect.contains(code)) {
        return Err(BadWith::new(format!(
            "exit code {code} is in `ok_exit_codes` and in `no_effect_exit_codes`"
        )));
    }
    let all = codes.ok.iter().chain(&codes.no_effect);
    match all.into_iter().find(|code| !(0..=255).contains(*code)) {
        Some(code) => Err(BadWith::new(format!("{code} is no exit code: 0 to 255"))),
        None => Ok(()),
    }
}

fn read_env(
    context: &StepContext,
    env: Vec<(String, Given)>,
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
        let value = resolve(context, given)?;
        if value.expose_secret().contains('\0') {
            return Err(BadWith::new(format!("`env.{name}` cannot hold a NUL")));
        }
        Ok((name, value))
    });
    read.collect()
}

fn resolve(context: &StepContext, given: Given) -> Result<SecretString, BadWith> {
    match given {
        Given::Text(text) => Ok(text.into()),
        // Nobody knows where a command sends what it is given.
        Given::Secret(name) => Ok(context.secrets.for_anywhere(&name)?.clone()),
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
    fn exit_codes_cannot_contradict() {
        let codes = |ok: &[i64], no_effect: &[i64]| ExitCodes {
            ok: ok.to_vec(),
            no_effect: no_effect.to_vec(),
        };
        assert!(check_exit_codes(&codes(&[0, 3], &[4])).is_ok());
        assert!(check_exit_codes(&codes(&[0, 3], &[3])).is_err());
        assert!(check_exit_codes(&codes(&[256], &[])).is_err());
    }

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
