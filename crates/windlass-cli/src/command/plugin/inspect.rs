//! `windlass plugin inspect`: what a component says of itself, what it imports, and what a
//! runbook would grant it. Nothing of it is run but `describe`.

use std::fmt::Write as _;
use std::path::PathBuf;

use windlass_core::catalog::Param;
use windlass_wasm::Plugin;
use windlass_wasm::manifest::Action;

use super::load::load;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::output;

/// Show what a plugin is and asks for
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 shown, 2 it is no plugin that can be used")]
pub(super) struct Args {
    /// A plugin's directory, or a .wasm file
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,
}

pub(super) async fn perform(args: &Args) -> Result<Exit, Error> {
    let (plugin, bytes) = load(&args.path).await?;
    output::out(page(&plugin, bytes).trim_end());
    Ok(Exit::Success)
}

fn page(plugin: &Plugin, bytes: usize) -> String {
    let manifest = plugin.manifest();
    let mut page = format!(
        "{} {}: {}\n",
        manifest.name, manifest.version, manifest.summary
    );
    let _ = writeln!(page, "  sha256   {}", plugin.digest());
    let _ = writeln!(page, "  size     {bytes} bytes");
    let _ = writeln!(page, "  imports  {}", imports(plugin));
    if let Some(rate) = manifest.rate {
        let (requests, span) = (rate.requests, rate.per.as_secs_f64());
        let _ = writeln!(
            page,
            "  rate     {requests} requests in {span} s to one host"
        );
    }
    for (name, action) in &manifest.actions {
        let _ = write!(
            page,
            "\n{}/{name}: {}\n{}",
            manifest.name,
            action.summary,
            about(action)
        );
    }
    page
}

/// Packages, each once: which of their interfaces tells nobody anything.
fn imports(plugin: &Plugin) -> String {
    let mut packages: Vec<&str> = plugin
        .imports()
        .iter()
        .map(|name| name.split('/').next().unwrap_or(name))
        .collect();
    packages.dedup();
    match packages.is_empty() {
        true => "nothing".to_owned(),
        false => packages.join(", "),
    }
}

fn about(action: &Action) -> String {
    let mut text = format!("  effect   {}", action.effect.as_str());
    for (is, word) in [(action.reconciles, "reconciles"), (action.undoes, "undoes")] {
        if is {
            let _ = write!(text, ", {word}");
        }
    }
    text.push('\n');
    for (name, param) in &action.params {
        let _ = writeln!(text, "  input    {name}: {}", told(param));
    }
    for (name, output) in &action.outputs {
        let _ = writeln!(text, "  output   {name}: {} {}", output.ty, output.summary);
    }
    for allowed in &action.requests {
        let methods: Vec<&str> = allowed.methods.iter().map(|method| method.name()).collect();
        let kind = if allowed.reads { "reads " } else { "changes" };
        let _ = writeln!(
            text,
            "  {kind:<8} {} {}",
            methods.join("|"),
            allowed.pattern
        );
    }
    if !action.signs_with.is_empty() {
        let _ = writeln!(text, "  signs    with {}", action.signs_with.join(", "));
    }
    if let Some(guard) = &action.provides {
        let _ = writeln!(text, "  guard    {guard}");
    }
    text
}

fn told(param: &Param) -> String {
    let kind = match param.secret {
        true => "secret".to_owned(),
        false => param.ty.to_string(),
    };
    let need = if param.required { ", required" } else { "" };
    format!("{kind}{need}; {}", param.summary)
}
