//! `windlass plugin build`: makes the component of a plugin from its source.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::source::{Language, Source};
use super::tools;
use crate::error::{Error, io};
use crate::exit_codes::Exit;
use crate::output;

/// Build a plugin from source
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The component is DIR/build/plugin.wasm, which is not for version control.
Rust needs the target wasm32-wasip2 (`rustup target add wasm32-wasip2`); JavaScript needs
node and npm, Python needs python3 with venv. What makes components of the latter two is
fetched once, in a pinned version, into ~/.cache/windlass/tools.

Exit codes: 0 built, 2 not built")]
pub(super) struct Args {
    /// The directories with a plugin.toml
    #[arg(value_name = "DIR", default_value = ".")]
    dirs: Vec<PathBuf>,
}

const TARGET: &str = "wasm32-wasip2";
const WORLD: &str = "undoing-plugin";

/// The contract, which tools for other languages read as files.
pub(super) const WIT: [(&str, &str); 4] = [
    (
        "exports.wit",
        include_str!("../../../../../plugins/wit/exports.wit"),
    ),
    (
        "imports.wit",
        include_str!("../../../../../plugins/wit/imports.wit"),
    ),
    (
        "types.wit",
        include_str!("../../../../../plugins/wit/types.wit"),
    ),
    (
        "worlds.wit",
        include_str!("../../../../../plugins/wit/worlds.wit"),
    ),
];

pub(super) fn perform(args: &Args) -> Result<Exit, Error> {
    for dir in &args.dirs {
        let source = Source::read(dir)?;
        let build = source.build_dir();
        std::fs::create_dir_all(&build).map_err(io("make", &build))?;
        match &source.language {
            Language::Rust => rust(&source)?,
            Language::Js { entry } => js(&source, entry)?,
            Language::Python { entry } => python(&source, entry)?,
        }
        let component = source.component();
        let bytes = std::fs::metadata(&component).map_err(io("find", &component))?;
        let shown = dir.join("build/plugin.wasm");
        output::out(&format!("{:>9} bytes  {}", bytes.len(), shown.display()));
    }
    Ok(Exit::Success)
}

/// What cargo says of something that it built.
#[derive(Deserialize)]
struct Message {
    reason: String,
    manifest_path: Option<PathBuf>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

fn rust(source: &Source) -> Result<(), Error> {
    let words = ["build", "--release", "--target", TARGET];
    let built = Command::new("cargo")
        .args(words)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(&source.dir)
        .stderr(Stdio::inherit())
        .output()
        .map_err(io("start", Path::new("cargo")))?;
    if !built.status.success() {
        return Err(Error::Usage(format!(
            "cargo did not build {}; the target is fetched with `rustup target add {TARGET}`",
            source.dir.display()
        )));
    }
    let manifest = source.dir.join("Cargo.toml");
    let text = String::from_utf8_lossy(&built.stdout);
    let artifacts = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| message.manifest_path.as_ref() == Some(&manifest));
    let wasm = artifacts
        .flat_map(|message| message.filenames)
        .find(|file| file.extension().is_some_and(|ending| ending == "wasm"));
    let Some(wasm) = wasm else {
        return Err(Error::Usage(format!(
            "{} makes no component: it needs `[lib]` with `crate-type = [\"cdylib\"]`",
            manifest.display()
        )));
    };
    let component = source.component();
    std::fs::copy(&wasm, &component).map_err(io("write", &component))?;
    Ok(())
}

/// The contract's files, and the component's path until it is whole.
fn prepared(source: &Source) -> Result<(PathBuf, PathBuf), Error> {
    let wit = source.build_dir().join("wit");
    std::fs::create_dir_all(&wit).map_err(io("make", &wit))?;
    for (name, text) in WIT {
        let path = wit.join(name);
        std::fs::write(&path, text).map_err(io("write", &path))?;
    }
    Ok((wit, source.build_dir().join("plugin.wasm.unfinished")))
}

fn finish(source: &Source, unfinished: &Path) -> Result<(), Error> {
    let component = source.component();
    std::fs::rename(unfinished, &component).map_err(io("write", &component))
}

fn js(source: &Source, entry: &Path) -> Result<(), Error> {
    let (wit, unfinished) = prepared(source)?;
    tools::run(
        tools::JS
            .get()?
            .arg("--wit")
            .arg(wit)
            .args(["--world", WORLD, "--js"])
            .arg(entry)
            // The engine's host waits for guests, not within them.
            .args(["--sync", "--opt-size", "--stub-wasi", "--output"])
            .arg(&unfinished)
            .current_dir(&source.dir),
    )?;
    finish(source, &unfinished)
}

fn python(source: &Source, entry: &Path) -> Result<(), Error> {
    let (wit, unfinished) = prepared(source)?;
    let module = entry.with_extension("");
    tools::run(
        tools::PYTHON
            .get()?
            .arg("--wit-path")
            .arg(wit)
            .args(["--world", WORLD, "componentize", "--stub-wasi"])
            .args(["--python-path", ".", "--output"])
            .arg(&unfinished)
            .arg(module)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(&source.dir),
    )?;
    finish(source, &unfinished)
}
