//! The `windlass` binary: the only place where all crates meet. It reads the command
//! line, runs one command, and turns what came of it into an exit code.

// The doc comments of arguments are help text for a terminal, where `STEP[ITEM]` is no link.
#![allow(rustdoc::broken_intra_doc_links)]

mod args;
mod ask;
mod command;
mod diff;
mod error;
mod exit_codes;
mod explored;
mod findings;
mod follow;
mod given;
mod link;
mod logging;
mod look;
mod moment;
mod output;
mod owner;
mod parting;
mod place;
mod plugins;
mod policy;
mod private;
mod rehearse;
mod render;
mod replace;
mod runbook;
mod secrets;
mod signals;
mod signatures;
mod sources;
mod tell;
mod terminal;
mod text;
mod time;
mod walk;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::error::Error;
use crate::exit_codes::Exit;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(report_panic));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _gone = error.print();
            let asked = !error.use_stderr();
            return if asked { Exit::Success } else { Exit::Usage }.into();
        }
    };
    logging::start(cli.global.log_format, cli.global.verbose);
    let done = match start_runtime() {
        Ok(runtime) => {
            let done = runtime.block_on(perform(cli));
            // What still blocks, such as a read from the terminal, must not keep us.
            runtime.shutdown_background();
            done
        }
        Err(error) => Err(error),
    };
    terminal::keys::restore();
    match done {
        Ok(Exit::Success) if output::is_cut() => {
            output::err("windlass: standard output has no room: what was printed is cut");
            Exit::Io.into()
        }
        Ok(exit) => exit.into(),
        Err(error) => {
            report(&error);
            error.exit().into()
        }
    }
}

fn start_runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Bug(format!("cannot start the runtime: {error}")))
}

async fn perform(cli: Cli) -> Result<Exit, Error> {
    let Cli { global, command } = cli;
    // What needs no state directory needs no home for one either.
    let place = || global.place();
    match command {
        Command::Check(args) => command::check::perform(args, place),
        Command::Explain(args) => command::explain::perform(args),
        Command::Fmt(args) => command::fmt::perform(&args),
        Command::Plan(args) => command::plan::perform(args, place).await,
        Command::Test(args) => command::test::perform(args),
        Command::Rehearse(args) => command::rehearse::perform(args),
        Command::Preflight(args) => command::preflight::perform(args).await,
        Command::Actions(args) => command::actions::perform(&args),
        Command::Plugin(args) => command::plugin::perform(&args).await,
        Command::Policy(args) => command::policy::perform(&args, place),
        Command::Schema(args) => Ok(command::schema::perform(&args)),
        Command::Run(args) => command::run::perform(args, &place()?).await,
        Command::Resume(args) => command::resume::perform(args, &place()?).await,
        Command::Serve(args) => command::serve::perform(args, &place()?).await,
        Command::Runs(args) => command::runs::perform(args, &place()?).await,
        Command::Show(args) => command::show::perform(args, &place()?).await,
        Command::Why(args) => command::why::perform(args, &place()?).await,
        Command::Handover(args) => command::handover::perform(args, &place()?).await,
        Command::Watch(args) => command::watch::perform(args, &place()?).await,
        Command::Logs(args) => command::logs::perform(args, &place()?).await,
        Command::Approve(args) => command::approve::perform(args, &place()?).await,
        Command::Reject(args) => command::reject::perform(args, &place()?).await,
        Command::Pause(args) => command::pause::perform(args, &place()?).await,
        Command::Cancel(args) => command::cancel::perform(args, &place()?).await,
        Command::Resolve(args) => command::resolve::perform(args, &place()?).await,
        Command::Retry(args) => command::retry::perform(args, &place()?).await,
        Command::Attest(args) => command::attest::perform(args, &place()?).await,
        Command::Decline(args) => command::decline::perform(args, &place()?).await,
        Command::Abandon(args) => command::abandon::perform(args, &place()?).await,
        Command::TakeOver(args) => command::take_over::perform(args, &place()?).await,
        Command::Reviews(args) => command::reviews::perform(args, &place()?).await,
        Command::Review(args) => command::review::perform(args, &place()?).await,
        Command::Override(args) => command::override_window::perform(args, &place()?).await,
        Command::Rescue(args) => command::rescue::perform(args, &place()?).await,
        Command::Acknowledge(args) => command::acknowledge::perform(args, &place()?).await,
        Command::Ack(args) => command::ack::perform(args, &place()?).await,
        Command::Outbox(args) => command::outbox::perform(args, &place()?).await,
        Command::Export(args) => command::export::perform(args, &place()?),
        Command::Prune(args) => command::prune::perform(args, &place()?).await,
        Command::Journal(args) => command::journal::perform(args, &place()?),
        Command::Doctor(args) => command::doctor::perform(args, &place()?).await,
        Command::Init(args) => command::init::perform(&args),
        Command::Completions(args) => Ok(command::completions::perform(&args)),
    }
}

/// One line for people, and one more when there is something to do about it.
fn report(error: &Error) {
    output::err(&format!(
        "windlass: {}",
        text::lines(&error::without_numbers(&error.to_string()))
    ));
    if let Some(help) = error.help() {
        output::err(&format!("  {}", text::lines(help)));
    }
}

/// A panic is a bug: it is said in short and without the payload's data where that
/// is not text of our own. `RUST_BACKTRACE=1` shows where it came from.
fn report_panic(panic: &std::panic::PanicHookInfo<'_>) {
    terminal::keys::restore();
    let place = match panic.location() {
        Some(place) => format!("{}:{}", place.file(), place.line()),
        None => "an unknown place".to_owned(),
    };
    // The message may hold what a target or a runbook said; only a literal is shown.
    let said = panic.payload().downcast_ref::<&'static str>();
    let said = said.map_or(String::new(), |said| format!(": {said}"));
    output::err(&format!("windlass: bug at {place}{said}"));
    output::err("  the journal is as it was after its last record; please report this line");
    if std::env::var_os("RUST_BACKTRACE").is_some_and(|set| set != "0") {
        output::err(&std::backtrace::Backtrace::force_capture().to_string());
    }
}
