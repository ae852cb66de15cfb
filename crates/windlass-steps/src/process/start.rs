//! Starts a process in a session of its own, waits for it, and ends it when it may.
//!
//! The session comes from `setsid` of util-linux: the system call must happen in the
//! child between fork and exec, which Rust offers only through `unsafe`, forbidden
//! here. `setsid PROGRAM` makes the session and then *becomes* the program, so the
//! child's pid is the program's, and is the id of its session and process group.
//! Because a missing program would then look like the exit code 127 of `setsid`, the
//! program is looked up before anything is started.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncRead;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::Instant;
use windlass_core::plan::EffectClass;
use windlass_engine::attempt::HandedOver;
use windlass_engine::ports::{ATTEMPT_VARIABLE, StepContext};

use super::capture::{Captured, Keep, Reading, Sieve, Source};
use super::owner::Owner;
use super::spool::{self, Spool};
use crate::ending::Ending;

/// How long a read that was asked to stop (SIGTERM) has before it is killed (SIGKILL).
pub const KILL_GRACE: Duration = Duration::from_secs(5);

/// What a process reads.
pub(crate) enum StdIn<'a> {
    Nothing,
    /// All of this, there before it starts.
    Whole(&'a SecretString),
    /// What is written into its pipe.
    Pipe,
}

/// A process that is ready to be started: everything is checked that can be known before.
pub(crate) struct Prepared {
    command: Command,
    streams: Streams,
}

/// A process that was started, and what it prints.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stdout: Reading,
    stderr: Reading,
}

/// What a process printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) stdout: Captured,
    pub(crate) stderr: Captured,
}

impl Process {
    /// Prepares `argv` with what every process of an attempt has in its environment.
    pub(crate) fn prepare(
        owner: &Owner,
        context: &StepContext,
        argv: &[String],
        env: &[(String, SecretString)],
        cwd: Option<&str>,
        stdin: StdIn<'_>,
    ) -> Result<Prepared, Ending> {
        let Some(setsid) = &owner.setsid else {
            return Err(Ending::not_sent(
                "`setsid` (util-linux) was not found; without it a process has no session of its own",
            ));
        };
        if let Some(cwd) = cwd
            && !Path::new(cwd).is_dir()
        {
            return Err(Ending::not_sent(format!("`cwd` {cwd} is no directory")));
        }
        let (name, words) = argv.split_first().expect("a call has a program");
        let path = env.iter().rev().find(|(name, _)| name == "PATH");
        let path = path.map(|(_, value)| value.expose_secret());
        let program = owner
            .find(name, path, cwd)
            .ok_or_else(|| Ending::not_sent(format!("the program {name:?} was not found")))?;
        let mut command = Command::new(setsid);
        command.arg("--").arg(program).args(words);
        command.env_clear().envs(owner.variables());
        command.envs(
            env.iter()
                .map(|(name, value)| (name, value.expose_secret())),
        );
        command.envs(variables(context));
        if let Some(cwd) = cwd {
            command.current_dir(cwd);
        }
        command.stdin(match stdin {
            StdIn::Nothing => Stdio::null(),
            StdIn::Pipe => Stdio::piped(),
            StdIn::Whole(text) => spool::input(text.expose_secret().as_bytes())
                .map_err(|error| Ending::not_sent(format!("cannot keep its input: {error}")))?
                .into(),
        });
        let streams = Streams::prepare(context, &mut command)?;
        Ok(Prepared { command, streams })
    }

    /// Its standard input, when that is a pipe and nobody took it yet.
    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits for its end. Cancel-safe.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// SIGTERM to the group, SIGKILL to what is left of it after the grace. The child is
    /// not reaped meanwhile, so its pid cannot name anything else.
    pub(crate) async fn terminate(&self) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
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

    /// What it printed, as far as it can be read within this span. Something else may
    /// hold its output open.
    pub(crate) async fn printed(self, within: Duration) -> Printed {
        let drained_by = Instant::now() + within;
        Printed {
            stdout: self.stdout.finish(drained_by).await,
            stderr: self.stderr.finish(drained_by).await,
        }
    }
}

impl Prepared {
    /// Starts it as the sending of an attempt. The intent is used: it either starts or
    /// surely does not.
    pub(crate) fn send(self, _handed: HandedOver, context: &StepContext) -> io::Result<Process> {
        self.start(context, None)
    }

    /// Starts it before anything is sent; `sieve` passes on what is standard output.
    pub(crate) fn start(
        mut self,
        context: &StepContext,
        sieve: Option<Box<dyn Sieve>>,
    ) -> io::Result<Process> {
        let mut child = self.command.spawn()?;
        // Closes its own end of each file, so that only the process holds one.
        drop(self.command);
        record_session(context, &child);
        let [stdout, stderr] = self.streams.read(context, &mut child, sieve);
        Ok(Process {
            child,
            stdout,
            stderr,
        })
    }
}

/// The variables by which a command knows its attempt, and is found again.
pub(crate) fn variables(context: &StepContext) -> Vec<(&'static str, String)> {
    let fence = context
        .fence
        .map(|fence| ("WINDLASS_FENCE", fence.to_string()));
    let always = [
        (ATTEMPT_VARIABLE, context.marker()),
        ("WINDLASS_RUN", context.run.as_str().to_owned()),
        ("WINDLASS_STEP", context.node.to_string()),
        ("WINDLASS_ATTEMPT_NO", context.attempt.to_string()),
        ("WINDLASS_IDEMPOTENCY_KEY", context.idempotency_key.clone()),
    ];
    always.into_iter().chain(fence).collect()
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
    fn read(
        self,
        context: &StepContext,
        child: &mut Child,
        sieve: Option<Box<dyn Sieve>>,
    ) -> [Reading; 2] {
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
        let start = |source, keep, sieve| Reading::start(source, keep, sieve, context.log.clone());
        [
            start(stdout, Keep::Head, sieve),
            start(stderr, Keep::Tail, None),
        ]
    }
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
