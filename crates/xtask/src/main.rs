//! Developer commands: `cargo xtask demo`, `cargo xtask test`, `cargo xtask plugins`,
//! `cargo xtask bench`.
//! It composes other programs; it holds no product code.

mod bench;
mod demo;
mod fuzz;
mod plugins;
mod process;
mod reaper;
mod suites;
mod tools;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer commands of windlass")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Upgrade a real PostgreSQL topology with the flagship runbook, and print the proof.
    Demo(demo::Options),
    /// Run what CI runs: format, lints, all suites, docs, dependency rules.
    Test(suites::Options),
    /// Build the plugins from source, each into its build/plugin.wasm.
    Plugins(plugins::Options),
    /// Measure, and write docs/benchmarks.md.
    Bench(bench::Options),
}

fn main() -> anyhow::Result<std::process::ExitCode> {
    let command = Arguments::parse().command;
    if let Some(code) = reaper::stand_in()? {
        return Ok(code);
    }
    match command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => suites::run_command(&options),
        Command::Plugins(options) => plugins::run_command(&options),
        Command::Bench(options) => bench::run(&options),
    }?;
    Ok(std::process::ExitCode::SUCCESS)
}
