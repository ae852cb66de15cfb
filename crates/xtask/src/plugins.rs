//! `cargo xtask plugins`: builds the plugins of `plugins/` from source, each into its own
//! `build/plugin.wasm`, and prints what that cost. Nothing that is built is committed.
//!
//! Plugins in Rust are built in one go, plugins in other languages by `windlass plugin
//! build`, whose tools are kept below `target` for the next time. For Rust: where rustup has the target or can fetch it, that is one call of cargo. Elsewhere the
//! standard library is compiled as well, from Debian's sources and against its libc for
//! WASI, and linked with the tools that every Rust toolchain brings along.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::process::{cargo, root, run, target_dir};
use crate::tools;

const TARGET: &str = "wasm32-wasip2";
/// The folders below `plugins/` that become plugins: those in Rust, and the others.
const RUST: &[&str] = &["alertmanager", "hello", "hostile", "otc-rds"];
const OTHERS: &[&str] = &["hello-js", "hello-python"];

/// What the others need: a program, and the Debian package that has it.
const OTHERS_NEED: &[(&str, &str)] = &[
    ("node", "nodejs"),
    ("npm", "npm"),
    ("python3", "python3-venv"),
];

/// What the second way needs: a file of each Debian package, and the package.
const DEBIAN: &[(&str, &str)] = &[
    ("/usr/bin/rustc", "rustc-web"),
    ("/usr/bin/cargo", "cargo-web"),
    (
        "/usr/lib/rustlib/src/rust/library/std/Cargo.toml",
        "rust-web-src",
    ),
    ("/usr/lib/wasm32-wasi/libc.a", "wasi-libc"),
];
const LIBC: &str = "/usr/lib/wasm32-wasi";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Build as where the target cannot be fetched, with Debian's Rust.
    #[arg(long)]
    without_target: bool,
    /// Build the plugins in Rust alone.
    #[arg(long)]
    rust: bool,
}

/// The command itself.
pub(crate) fn run_command(options: &Options) -> anyhow::Result<()> {
    let start = Instant::now();
    let has_target = !options.without_target && (is_installed()? || fetched()?);
    let built = match has_target {
        true => with_target()?,
        false => without_target()?,
    };
    for name in RUST {
        let crate_name = name.replace('-', "_");
        let from = built.join(format!("windlass_plugin_{crate_name}.wasm"));
        let to = component(name);
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let bytes = std::fs::copy(&from, &to)
            .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        println!("{bytes:>9} bytes  plugins/{name}/build/plugin.wasm");
    }
    let rust = start.elapsed();
    let others = match options.rust {
        true => Duration::ZERO,
        false => build_others()?,
    };
    println!(
        "plugins: {:.1} s for Rust, {:.1} s for other languages",
        rust.as_secs_f64(),
        others.as_secs_f64()
    );
    Ok(())
}

/// Builds the plugins in Rust that are older than their sources, which cargo knows.
pub(crate) fn ensure() -> anyhow::Result<()> {
    run_command(&Options {
        without_target: false,
        rust: true,
    })
}

/// Where a plugin's component is built to.
fn component(name: &str) -> PathBuf {
    let folder = root().join("plugins").join(name);
    folder.join("build").join("plugin.wasm")
}

/// Builds the plugins that are not in Rust, with the command that every author has.
fn build_others() -> anyhow::Result<Duration> {
    tools::ensure_packages(OTHERS_NEED)?;
    run(cargo().args([
        "build",
        "--locked",
        "-p",
        "windlass-cli",
        "--bin",
        "windlass",
    ]))?;
    let start = Instant::now();
    let folders = OTHERS.iter().map(|name| format!("plugins/{name}"));
    let mut build = Command::new(target_dir().join("debug").join("windlass"));
    build
        .current_dir(root())
        .args(["plugin", "build"])
        .args(folders)
        .env("XDG_CACHE_HOME", target_dir().join("cache"));
    run(&mut build)?;
    Ok(start.elapsed())
}

/// Whether rustc has the target's standard library.
fn is_installed() -> anyhow::Result<bool> {
    let output = Command::new("rustc")
        .current_dir(root())
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("cannot start `rustc`")?;
    let directory = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let Ok(files) = std::fs::read_dir(directory) else {
        return Ok(false);
    };
    let mut names = files.flatten().map(|file| file.file_name());
    Ok(names.any(|name| name.to_string_lossy().starts_with("libstd-")))
}

/// Whether rustup could fetch it.
fn fetched() -> anyhow::Result<bool> {
    println!("fetching the target {TARGET}");
    let mut rustup = Command::new("rustup");
    rustup.current_dir(root()).args(["target", "add", TARGET]);
    match rustup.status() {
        Ok(status) if status.success() => is_installed(),
        Ok(_) | Err(_) => {
            println!("the target cannot be fetched");
            Ok(false)
        }
    }
}

fn arguments(command: &mut Command, directory: &Path) {
    command
        .current_dir(root().join("plugins"))
        .env("CARGO_TARGET_DIR", directory)
        .env_remove("RUSTFLAGS")
        .args(["build", "--release", "--locked", "--target", TARGET]);
}

fn with_target() -> anyhow::Result<PathBuf> {
    let directory = target_dir().join("plugins-build");
    let mut command = cargo();
    arguments(&mut command, &directory);
    run(&mut command)?;
    Ok(directory.join(TARGET).join("release"))
}

fn without_target() -> anyhow::Result<PathBuf> {
    let missing: Vec<&str> = DEBIAN
        .iter()
        .filter(|(file, _)| !Path::new(file).exists())
        .map(|(_, package)| *package)
        .collect();
    tools::install(&missing)?;
    let linkers = linkers()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(linkers.into_iter().chain(std::env::split_paths(&path)))?;
    let flags = [
        "-C link-self-contained=no".to_owned(),
        format!("-L native={LIBC}"),
        format!("-C link-arg={LIBC}/crt1-reactor.o"),
    ];
    let directory = target_dir().join("plugins-build-debian");
    let mut command = Command::new("/usr/bin/cargo");
    arguments(&mut command, &directory);
    command
        .args(["-Z", "build-std=std,panic_abort"])
        .env("PATH", path)
        .env("RUSTC", "/usr/bin/rustc")
        // Debian's compiler is a stable one, and this way is for its machines alone.
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env("CARGO_TARGET_WASM32_WASIP2_LINKER", "wasm-component-ld")
        .env("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", flags.join(" "));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
    run(&mut command)?;
    Ok(directory.join(TARGET).join("release"))
}

/// The folders of `wasm-component-ld` and of `wasm-ld`, which come with the toolchain that
/// builds windlass itself, also where it has no target.
fn linkers() -> anyhow::Result<[PathBuf; 2]> {
    let output = Command::new("rustc")
        .current_dir(root())
        .args(["--print", "target-libdir"])
        .output()
        .context("cannot start `rustc`")?;
    let library = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let Some(own) = library.parent().map(|own| own.join("bin")) else {
        bail!("`rustc` has no folder for its tools");
    };
    let nested = own.join("gcc-ld");
    for program in [own.join("wasm-component-ld"), nested.join("wasm-ld")] {
        ensure!(
            program.exists(),
            "{} is missing: install Rust with rustup",
            program.display()
        );
    }
    Ok([own, nested])
}
