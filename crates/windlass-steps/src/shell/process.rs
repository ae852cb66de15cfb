//! Starts a process in a session of its own, waits for it, and ends it when it may.
//!
//! The session comes from `setsid` of util-linux: the system call must happen in the
//! child between fork and exec, which Rust offers only through `unsafe`, forbidden
//! here. `setsid PROGRAM` makes the session and then *becomes* the program, so the
//! child's pid is the program's, and is the id of its session and process group.
//! Because a missing program would then look like the exit code 127 of `setsid`, the
//! program is looked up before anything is started.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::Access;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncRead;
use tokio::process::{Child, Command};
use tokio::time::Instant;
use windlass_core::outcome::{Effected, Outcome};
use windlass_core::plan::EffectClass;
use windlass_engine::attempt::{DispatchToken, HandedOver};
use windlass_engine::ports::{ATTEMPT_VARIABLE, StepContext};

use super::call::Call;
use super::capture::{DRAIN, Keep, Reading, Source};
use super::spool::{self, Spool};
use super::verdict::{self, Finished};
use crate::detach::{Stop, Stops};
use crate::ending::Ending;

/// How long a read that was asked to stop (SIGTERM) has before it is killed (SIGKILL).
pub const KILL_GRACE: Duration = Duration::from_secs(5);

/// Where programs are looked for when no `PATH` is set.
const PATH_DEFAULT: &str = "/usr/local/bin:/usr/bin:/bin";
/// What a command inherits from the owner's environment, and nothing else.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "TZ", "USER", "TMPDIR"];

/// What a command gets from the process that owns the run.
#[derive(Debug)]
pub(crate) struct Owner {
    base: Vec<(&'static str, OsString)>,
    /// `None` when the machine has no `setsid`; then nothing is started.
    setsid: Option<PathBuf>,
}

impl Owner {
    /// Reads this process's environment once.
    pub(crate) fn of_this_process() -> Self {
        let base: Vec<(&'static str, OsString)> = INHERITED
            .into_iter()
            .filter_map(|name| Some((name, std::env::var_os(name)?)))
            .collect();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let setsid = std::env::split_paths("/usr/bin:/bin")
            .chain(std::env::split_paths(&path))
            .map(|directory| directory.join("setsid"))
            .find(|program| is_program(program));
        Self { base, setsid }
    }
}

/// Starts the process and sees it to its end. The token is used up by the start.
pub(super) async fn perform(
    owner: &Owner,
    token: DispatchToken,
    context: &StepContext,
    call: Call,
    mut stops: Stops,
) -> Result<Outcome, Ending> {
    if Instant::now() >= context.deadline_instant {
        return Err(Ending::not_sent(
            "the attempt's time was over before its start",
        ));
    }
    let mut command = prepare(owner, context, &call)?;
    let streams = Streams::prepare(context, &mut command)?;
    let handed = token.hand_over().map_err(Ending::too_late)?;
    let mut child = spawn(handed, command)
        .map_err(|error| Ending::not_sent(format!("cannot start {}: {error}", call.argv[0])))?;
    record_session(context, &child);
    let [stdout, stderr] = streams.read(context, &mut child);

    let (status, stopped) = wait(&mut child, &mut stops, context.effect.is_change()).await;
    let drained_by = Instant::now() + DRAIN;
    let finished = Finished {
        status: status.map_err(|error| {
            let message = format!("the process was started and cannot be waited for: {error}");
            Ending::new(Effected::Unknown, "wait_failed", message)
        })?,
        stopped,
        stdout: stdout.finish(drained_by).await,
        stderr: stderr.finish(drained_by).await,
    };
    verdict::outcome(context, &call, finished)
}

/// Keeps what the command's processes are found again by when they hide their environment
/// or lost it. A read is not worth it: nobody minds when it is done twice.
fn record_session(context: &StepContext, child: &Child) {
    let Some(leader) = child.id() else { return };
    if context.effect == EffectClass::Read {
        return;
    }
    if let Err(error) = context.log.record_session(leader) {
        // It is started; WINDLASS_ATTEMPT is what is left to find it by.
        let note = format!("[the session of the command cannot be recorded: {error}]");
        context.log.line(&note);
        tracing::warn!(run = %context.run, node = %context.node, %error, "cannot record a session");
    }
}

/// What a process prints into. A read has pipes, and ends with its engine. Everything
/// else has files, because its work goes on without one: a pipe would end it with the
/// first line that it prints when its engine is dead.
enum Streams {
    Pipes,
    Files([Spool; 2]),
}

impl Streams {
    fn prepare(context: &StepContext, command: &mut Command) -> Result<Self, Ending> {
        if context.effect == EffectClass::Read {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            return Ok(Streams::Pipes);
        }
        let mut directories = Vec::from_iter(context.log.directory());
        directories.push(std::env::temp_dir());
        let create = || {
            Spool::create(&directories).map_err(|error| {
                Ending::not_sent(format!("cannot keep what it would print: {error}"))
            })
        };
        let ((stdout, stdout_end), (stderr, stderr_end)) = (create()?, create()?);
        command.stdout(stdout_end).stderr(stderr_end);
        Ok(Streams::Files([stdout, stderr]))
    }

    /// Standard output and standard error, being read.
    fn read(self, context: &StepContext, child: &mut Child) -> [Reading; 2] {
        let [stdout, stderr] = match self {
            Streams::Files(files) => files.map(Source::File),
            Streams::Pipes => {
                let stdout = child.stdout.take().expect("standard output is piped");
                let stderr = child.stderr.take().expect("standard error is piped");
                let boxed: [Box<dyn AsyncRead + Send + Unpin>; 2] =
                    [Box::new(stdout), Box::new(stderr)];
                boxed.map(Source::Pipe)
            }
        };
        let start = |source, keep| {
            Reading::start(source, keep, context.log.clone(), context.secrets.clone())
        };
        [start(stdout, Keep::Head), start(stderr, Keep::Tail)]
    }
}

/// Starts the process. The intent is used: it either starts or surely does not. The
/// command's end of each file closes here, so that only the process holds one.
fn spawn(_handed: HandedOver, mut command: Command) -> io::Result<Child> {
    command.spawn()
}

/// Waits for the end. A change is never asked to stop.
async fn wait(
    child: &mut Child,
    stops: &mut Stops,
    change: bool,
) -> (io::Result<ExitStatus>, Option<Stop>) {
    let stop = tokio::select! {
        biased;
        status = child.wait() => return (status, None),
        stop = stops.stopped_unless(change) => stop,
    };
    terminate(child).await;
    (child.wait().await, Some(stop))
}

/// SIGTERM to the group, SIGKILL to what is left of it after the grace. The child is
/// not reaped meanwhile, so its pid cannot name anything else.
async fn terminate(child: &Child) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    let Some(pid) = pid.and_then(Pid::from_raw) else {
        return;
    };
    signal(pid, Signal::TERM);
    let until = Instant::now() + KILL_GRACE;
    while !has_ended(pid) && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    signal(pid, Signal::KILL);
}

fn signal(pid: Pid, signal: Signal) {
    // Before `setsid` has made the group there is only the process itself.
    if rustix::process::kill_process_group(pid, signal).is_err() {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Whether the process has ended, leaving it to be reaped.
fn has_ended(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    !matches!(rustix::process::waitid(WaitId::Pid(pid), options), Ok(None))
}

/// The command, with everything checked that can be known before the start.
fn prepare(owner: &Owner, context: &StepContext, call: &Call) -> Result<Command, Ending> {
    let Some(setsid) = &owner.setsid else {
        return Err(Ending::not_sent(
            "`setsid` (util-linux) was not found; without it a process has no session of its own",
        ));
    };
    if let Some(cwd) = &call.cwd
        && !Path::new(cwd).is_dir()
    {
        return Err(Ending::not_sent(format!("`cwd` {cwd} is no directory")));
    }
    let program = find_program(owner, call)
        .ok_or_else(|| Ending::not_sent(format!("the program {:?} was not found", call.argv[0])))?;
    let mut command = Command::new(setsid);
    command.arg("--").arg(program).args(&call.argv[1..]);
    command
        .env_clear()
        .envs(owner.base.iter().map(|(name, value)| (name, value)));
    command.envs(
        call.env
            .iter()
            .map(|(name, value)| (name, value.expose_secret())),
    );
    command.env(ATTEMPT_VARIABLE, context.marker());
    command.env("WINDLASS_RUN", context.run.as_str());
    command.env("WINDLASS_STEP", context.node.to_string());
    command.env("WINDLASS_ATTEMPT_NO", context.attempt.to_string());
    command.env("WINDLASS_IDEMPOTENCY_KEY", &context.idempotency_key);
    if let Some(cwd) = &call.cwd {
        command.current_dir(cwd);
    }
    let stdin = match &call.stdin {
        Some(text) => spool::input(text.expose_secret().as_bytes())
            .map_err(|error| Ending::not_sent(format!("cannot keep its input: {error}")))?
            .into(),
        None => Stdio::null(),
    };
    command.stdin(stdin);
    Ok(command)
}

/// The program as `exec` will find it: by the child's own `PATH` and directory.
fn find_program(owner: &Owner, call: &Call) -> Option<PathBuf> {
    let name = &call.argv[0];
    let from = |path: &Path| match &call.cwd {
        Some(cwd) => Path::new(cwd).join(path),
        None => path.to_owned(),
    };
    if name.contains('/') {
        // Kept as written: a relative name counts from the child's own directory.
        return is_program(&from(Path::new(name))).then(|| PathBuf::from(name));
    }
    let given = call.env.iter().rev().find(|(name, _)| name == "PATH");
    let path = match given {
        Some((_, value)) => OsString::from(SecretString::expose_secret(value)),
        None => match owner.base.iter().find(|(name, _)| *name == "PATH") {
            Some((_, value)) => value.clone(),
            None => PATH_DEFAULT.into(),
        },
    };
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|program| is_program(&from(program)))
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok()
}
