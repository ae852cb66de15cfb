//! `rds-lab`: the local cloud as a program, for people and for programs in other languages. It
//! prints where everything is and how to ask, and ends with all its servers at Ctrl-C.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use rds_lab::api::{Api, Durations, Options, Region, UnderDr};
use rds_lab::{RoleName, Server};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A local cloud that speaks the API of RDS for PostgreSQL, with real servers behind it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Nothing behind the API: no PostgreSQL is needed, and none is started.
    #[arg(long)]
    simulate: bool,
    /// How long every operation takes at least, in seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// What an upgrade does to a live DR relation.
    #[arg(long, value_enum, default_value = "leaves-behind")]
    under_dr: UnderDrWord,
    /// The DR relation is not built at the start.
    #[arg(long)]
    without_dr: bool,
    /// The cloud has no paths of disaster recovery, small versions and automatic upgrades.
    #[arg(long)]
    documented_only: bool,
    /// The file of the effects, each a line `TIME EFFECT INSTANCE/ID PID`.
    #[arg(long, value_name = "FILE")]
    effects: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum UnderDrWord {
    Refused,
    Breaks,
    LeavesBehind,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rds-lab: failed to {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> rds_lab::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(refused("start"))?;
    // Before the servers, so that an early Ctrl-C waits for them and then ends them.
    let ends = runtime
        .block_on(async { ends() })
        .map_err(refused("listen for signals"))?;
    let api = Api::start(options(arguments)?)?;
    print(&api);
    runtime.block_on(first_of(ends));
    eprintln!("ending");
    drop(api);
    Ok(())
}

fn options(arguments: Arguments) -> rds_lab::Result<Options> {
    let each = Duration::try_from_secs_f64(arguments.seconds)
        .map_err(|error| rds_lab::Error::Refused(format!("take --seconds: {error}")))?;
    let mut options = if arguments.simulate {
        Options::simulated()
    } else {
        Options::postgres(rds_lab::Options::new(builds()))
    };
    options.effects = arguments.effects;
    let settings = &mut options.settings;
    settings.durations = Durations::all(each);
    settings.dr_at_start = !arguments.without_dr;
    settings.dr_offered = !arguments.documented_only;
    settings.minor_reads_offered = !arguments.documented_only;
    settings.under_dr = match arguments.under_dr {
        UnderDrWord::Refused => UnderDr::Refused,
        UnderDrWord::Breaks => UnderDr::Breaks,
        UnderDrWord::LeavesBehind => UnderDr::LeavesBehind,
    };
    Ok(options)
}

/// Where other labs keep their builds, too: beside the directory of this program's profile.
fn builds() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.parent().and_then(Path::parent);
    target.unwrap_or(Path::new(".")).join("lab/builds")
}

fn ends() -> std::io::Result<[Signal; 3]> {
    Ok([
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    ])
}

async fn first_of([mut interrupt, mut terminate, mut hangup]: [Signal; 3]) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

fn refused(what: &'static str) -> impl FnOnce(std::io::Error) -> rds_lab::Error {
    move |error| rds_lab::Error::Refused(format!("{what}: {error}"))
}

fn print(api: &Api) {
    let at = api.endpoints();
    println!(
        "RDS eu-de    {}  project {}",
        at.rds_eu_de,
        Region::EuDe.project_id()
    );
    println!(
        "RDS eu-nl    {}  project {}",
        at.rds_eu_nl,
        Region::EuNl.project_id()
    );
    println!("IAM          {}", at.iam);
    println!("metrics      {}", at.metrics);
    println!(
        "lab          {}  (/lab/state, /lab/effects, /lab/faults)",
        at.control
    );
    let who = api.credentials();
    println!();
    println!("user         {}", who.user);
    println!("domain       {}", who.domain);
    println!("password     {}", who.password);
    println!("access key   {}", who.access_key);
    println!("secret key   {}", who.secret_key);
    println!("effects      {}", api.effects_path().display());
    println!();
    let ids = api.servers();
    let instances = [&ids.primary, &ids.replicas[0], &ids.replicas[1], &ids.dr];
    for (server, id) in Server::ALL.into_iter().zip(instances) {
        let dsn = api.lab().map(|lab| lab.dsn(server, RoleName::Monitor));
        println!("{:<12} {id}  {}", server.as_str(), dsn.unwrap_or_default());
    }
    if let Some(lab) = api.lab() {
        let name = RoleName::Monitor;
        println!(
            "{:<12} {}  (password of {})",
            "",
            lab.password(name),
            name.user()
        );
    }
    println!();
    println!("{}", curl(api));
    println!();
    println!("Ctrl-C ends it.");
}

/// A line that works as it stands, in any shell: a token, then the instances.
fn curl(api: &Api) -> String {
    let (at, who) = (api.endpoints(), api.credentials());
    let body = format!(
        r#"{{"auth":{{"identity":{{"methods":["password"],"password":{{"user":{{"name":"{}","password":"{}","domain":{{"name":"{}"}}}}}}}},"scope":{{"project":{{"name":"eu-de"}}}}}}}}"#,
        who.user, who.password, who.domain
    );
    format!(
        "curl -s '{}/v3/{}/instances' -H \"X-Auth-Token: $(curl -s -o /dev/null -D - \
         -H 'Content-Type: application/json' -d '{body}' '{}/v3/auth/tokens' \
         | tr -d '\\r' | sed -n 's/^x-subject-token: //p')\"",
        at.rds_eu_de,
        Region::EuDe.project_id(),
        at.iam
    )
}
