//! `cargo xtask test`: every check of the project in order, with the time of each.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::bail;

use crate::process::{cargo, run};
use crate::{fuzz, plugins, tools};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run the heavy sets whole instead of in their reduced form.
    #[arg(long)]
    full: bool,
    /// Run only the checks whose name contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Let tests be skipped for want of a tool or a right; as root on Linux they fail.
    #[arg(long)]
    allow_skips: bool,
}

impl Options {
    /// Root on Linux has, or can install, whatever a test may want.
    fn refuses_skips(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        // Only Linux has it, and it belongs to this process's user.
        let myself = std::fs::metadata("/proc/self");
        !self.allow_skips && myself.is_ok_and(|about| about.uid() == 0)
    }
}

type Check = (&'static str, fn(&Options) -> anyhow::Result<()>);

/// The packages that nobody is given.
const UNPUBLISHED: &[&str] = &["xtask", "rds-lab", "windlass-tests"];

/// All checks, the quick ones first.
const CHECKS: &[Check] = &[
    ("packages", |_| tools::ensure_packages(tools::SUITES)),
    ("format", |_| {
        run(cargo().args(["fmt", "--all", "--check"]))?;
        let plugins = [
            "fmt",
            "--all",
            "--check",
            "--manifest-path",
            "plugins/Cargo.toml",
        ];
        run(cargo().args(plugins))
    }),
    ("lints", |_| {
        let strict = [
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ];
        run(cargo().arg("clippy").args(strict))
    }),
    ("dependencies", |_| {
        let deny = tools::cargo_deny()?;
        let check = [
            "--locked",
            "check",
            "--hide-inclusion-graph",
            "bans",
            "licenses",
            "sources",
        ];
        let judge = |manifest: &[&str]| {
            let mut deny = std::process::Command::new(&deny);
            run(deny
                .current_dir(crate::process::root())
                .args(manifest)
                .args(check))
        };
        judge(&[])?;
        judge(&["--manifest-path", "plugins/Cargo.toml"])
    }),
    ("build", |_| {
        // What is not published asks crates of wasmtime for other features: built with it,
        // they would be compiled twice.
        let shipped = UNPUBLISHED.iter().flat_map(|name| ["--exclude", name]);
        let all = ["build", "--workspace", "--locked"].into_iter();
        run(cargo().args(all.chain(shipped)))?;
        let others = UNPUBLISHED.iter().flat_map(|name| ["-p", name]);
        run(cargo().args(["build", "--locked"].into_iter().chain(others)))
    }),
    ("core", |options| test(options, &["-p", "windlass-core"])),
    ("runbook", |options| {
        test(options, &["-p", "windlass-runbook"])
    }),
    ("journal", |options| {
        test(options, &["-p", "windlass-journal"])
    }),
    ("engine", |options| {
        test(options, &["-p", "windlass-engine"])
    }),
    ("http", |options| test(options, &["-p", "windlass-http"])),
    ("steps", |options| test(options, &["-p", "windlass-steps"])),
    ("plugins", |_| {
        run(cargo().args(["run", "--locked", "-p", "xtask", "--", "plugins"]))
    }),
    // What plugins decide without a host, and how they are written.
    ("decisions", |_| {
        let with = |arguments: &[&str]| {
            let directory = crate::process::target_dir().join("plugins-build");
            run(cargo()
                .current_dir(crate::process::root().join("plugins"))
                .env("CARGO_TARGET_DIR", directory)
                .args(arguments))
        };
        let lints = [
            "clippy",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ];
        with(&lints)?;
        with(&["test", "--locked", "-p", "windlass-plugin-otc-rds"])
    }),
    // Beside the program, so that wasmtime has the same features as in it.
    ("wasm", |options| {
        let with_program = ["-p", "windlass-wasm", "-p", "windlass-cli"];
        let suites = ["--lib", "--test", "it"];
        told_by(options, &[&with_program[..], &suites[..]].concat())
    }),
    ("server", |options| {
        test(options, &["-p", "windlass-server"])
    }),
    ("cli", |options| test(options, &["-p", "windlass-cli"])),
    ("lab", |options| {
        test(options, &["-p", "rds-lab", "-p", "xtask"])
    }),
    // Goldens of the built binary, kept journals, shipped runbooks, the pages of `docs`, the
    // shape of the sources.
    ("golden", |options| {
        let suites = [
            "--lib",
            "--test",
            "tidy",
            "--test",
            "runbooks",
            "--test",
            "compat",
            "--test",
            "golden",
            "--test",
            "diagnostics",
            "--test",
            "schema",
            "--test",
            "docs",
        ];
        test(options, &[&["-p", "windlass-tests"][..], &suites].concat())
    }),
    ("fuzz", |options| fuzz::fuzz(options.full)),
    ("vault", |options| {
        let suite = ["-p", "windlass-tests", "--test", "vault"];
        match tools::openbao() {
            Ok(program) => test_with(options, &suite, &[("WINDLASS_TEST_OPENBAO", program)]),
            Err(error) if options.refuses_skips() => Err(error),
            Err(_) => test(options, &suite),
        }
    }),
    ("secrets", |options| told(options, "secrets")),
    ("flagship", |options| told(options, "flagship")),
    ("rds", |options| told(options, "rds")),
    ("variants", |options| told(options, "variants")),
    ("crash", |options| told(options, "crash")),
    ("faults", |options| told(options, "faults")),
    ("benches", |_| {
        run(cargo().args(["run", "--locked", "-p", "xtask", "--", "bench", "--quick"]))
    }),
    ("demo", |_| {
        let demo = ["run", "--locked", "-p", "xtask", "--", "demo", "--yes"];
        run(cargo().args(demo))?;
        run(cargo().args(demo).arg("--self-managed"))
    }),
    ("docs", |_| {
        let words = ["doc", "--workspace", "--no-deps", "--locked"];
        run(cargo().args(words).env("RUSTDOCFLAGS", "-D warnings"))
    }),
];

/// Without these nothing that follows can be judged.
const NEEDED: &[&str] = &["packages", "build"];

/// What takes plugins in Rust as they are built: one that is older than its source misleads.
const OF_PLUGINS: &[&str] = &["wasm", "golden", "rds", "crash", "benches"];

/// What came of a check.
struct Done {
    name: &'static str,
    seconds: f64,
    failed: bool,
}

/// Runs the checks. One that fails does not keep the others from running: one pass shows
/// every fault.
fn run_checks(options: &Options) -> Vec<Done> {
    let mut all = Vec::new();
    for (name, check) in CHECKS {
        if options
            .only
            .as_ref()
            .is_some_and(|only| !name.contains(only.as_str()))
        {
            continue;
        }
        println!("\n=== {name}");
        let start = Instant::now();
        let result = check(options);
        let seconds = start.elapsed().as_secs_f64();
        println!("=== {name}: {seconds:.1} s");
        if let Err(error) = &result {
            println!("=== {name} FAILED: {error:#}");
        }
        let failed = result.is_err();
        all.push(Done {
            name,
            seconds,
            failed,
        });
        if failed && NEEDED.contains(name) {
            break;
        }
    }
    all
}

/// The command itself.
pub(crate) fn run_command(options: &Options) -> anyhow::Result<()> {
    if let Some(only) = &options.only {
        let mut named = CHECKS.iter().filter(|(name, _)| name.contains(only));
        if named.clone().count() == 0 {
            bail!("no check has that name; there are: {}", names());
        }
        // In a whole run the check `plugins` comes before them.
        if named.any(|(name, _)| OF_PLUGINS.contains(name)) {
            plugins::ensure()?;
        }
    }
    let all = run_checks(options);
    println!("\ntime of each check");
    for done in &all {
        let mark = if done.failed { "  FAILED" } else { "" };
        println!("{:>9.1} s  {}{mark}", done.seconds, done.name);
    }
    let total: f64 = all.iter().map(|done| done.seconds).sum();
    println!("{total:>9.1} s  in all");
    if options.refuses_skips() {
        println!("skips: refused");
    } else {
        println!("skips: allowed; look for SKIP above");
    }
    let failed: Vec<&str> = all
        .iter()
        .filter(|done| done.failed)
        .map(|done| done.name)
        .collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn names() -> String {
    CHECKS
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ")
}

fn test(options: &Options, packages: &[&str]) -> anyhow::Result<()> {
    test_with(options, packages, &[])
}

/// The same with more variables in the environment.
fn test_with(
    options: &Options,
    packages: &[&str],
    variables: &[(&str, PathBuf)],
) -> anyhow::Result<()> {
    let mut command = cargo();
    command
        .args(["test", "--locked", "--no-fail-fast"])
        .args(packages);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    if options.full {
        command.env("WINDLASS_FULL", "1");
    }
    if options.refuses_skips() {
        command.env("WINDLASS_NO_SKIP", "1");
    } else {
        command.env_remove("WINDLASS_NO_SKIP");
    }
    run(&mut command)
}

/// A suite whose counts are its proof: what it prints is shown.
fn told(options: &Options, suite: &str) -> anyhow::Result<()> {
    told_by(options, &["-p", "windlass-tests", "--test", suite])
}

fn told_by(options: &Options, packages: &[&str]) -> anyhow::Result<()> {
    test(options, &[packages, &["--", "--nocapture"]].concat())
}
