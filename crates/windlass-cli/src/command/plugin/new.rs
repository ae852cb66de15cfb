//! `windlass plugin new`: a directory with a plugin that builds, passes its fixture and runs.
//! It holds all that the build needs of windlass, for nothing of it is in a registry.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::build::WIT;
use super::source::Named;
use crate::error::{Error, io};
use crate::exit_codes::Exit;
use crate::output;

/// Begin a plugin
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The directory gets a plugin with one action, a fixture of it, and a runbook that uses it.
A plugin in Rust gets the crate that it is written with, and the contract, in `vendor`.

Examples:
  windlass plugin new tickets
  windlass plugin new tickets --lang python

Exit codes: 0 written, 2 something is in the way")]
pub(super) struct Args {
    /// The plugin's name and its directory's: lower-case letters, digits and _
    name: String,
    /// What it is written in
    #[arg(long = "lang", value_enum, default_value_t = Named::Rust)]
    language: Named,
}

const NAME_BYTES_MAX: usize = 40;

macro_rules! repository {
    ($path:literal) => {
        include_str!(concat!("../../../../../plugins/", $path))
    };
}

/// What a plugin in Rust is written with: file by file below `vendor`.
const SDK: [(&str, &str); 9] = [
    ("sdk-rust/Cargo.toml", repository!("sdk-rust/Cargo.toml")),
    (
        "sdk-rust/src/action.rs",
        repository!("sdk-rust/src/action.rs"),
    ),
    (
        "sdk-rust/src/attempt.rs",
        repository!("sdk-rust/src/attempt.rs"),
    ),
    (
        "sdk-rust/src/exports.rs",
        repository!("sdk-rust/src/exports.rs"),
    ),
    (
        "sdk-rust/src/failure.rs",
        repository!("sdk-rust/src/failure.rs"),
    ),
    ("sdk-rust/src/http.rs", repository!("sdk-rust/src/http.rs")),
    ("sdk-rust/src/lib.rs", repository!("sdk-rust/src/lib.rs")),
    (
        "sdk-rust/src/secret.rs",
        repository!("sdk-rust/src/secret.rs"),
    ),
    ("README.md", VENDOR),
];

const VENDOR: &str = "\
The crate `windlass-plugin` and the contract that it speaks, as the windlass that made this
plugin has them. Of another windlass, `windlass plugin new` writes them anew.
";

const IGNORED: &str = "/build\n/target\n__pycache__/\nwindlass.local.lock\n";

const FIXTURE: &str = r#"{
  "action": "greet",
  "with": {"name": "Ada"},
  "expect": {"output": {"text": "Hello, Ada!"}}
}
"#;

pub(super) fn perform(args: &Args) -> Result<Exit, Error> {
    let name = &args.name;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(plain)
        && name.len() <= NAME_BYTES_MAX;
    if !fits {
        return Err(Error::Usage(format!(
            "`{name}` is no name of a plugin: a lower-case letter, then lower-case letters, digits or _"
        )));
    }
    let dir = Path::new(name);
    if dir.exists() {
        return Err(Error::Usage(format!(
            "{name} exists already; nothing was written"
        )));
    }
    let mut files = vec![
        ("fixtures/greet.json".to_owned(), FIXTURE.to_owned()),
        (".gitignore".to_owned(), IGNORED.to_owned()),
        ("greet.yaml".to_owned(), runbook(name)),
    ];
    let (about, source) = match args.language {
        Named::Rust => {
            files.extend(rust(name));
            ("language = \"rust\"".to_owned(), "src/lib.rs")
        }
        Named::Js => {
            let plugin = repository!("hello-js/plugin.js").replace("hello_js", name);
            files.push(("plugin.js".to_owned(), plugin));
            files.push((
                "windlass.js".to_owned(),
                repository!("hello-js/windlass.js").to_owned(),
            ));
            (
                "language = \"js\"\nentry = \"plugin.js\"".to_owned(),
                "plugin.js",
            )
        }
        Named::Python => {
            let plugin = repository!("hello-python/plugin.py").replace("hello_python", name);
            files.push(("plugin.py".to_owned(), plugin));
            let sdk = repository!("hello-python/windlass.py");
            files.push(("windlass.py".to_owned(), sdk.to_owned()));
            (
                "language = \"python\"\nentry = \"plugin.py\"".to_owned(),
                "plugin.py",
            )
        }
    };
    files.push((
        "plugin.toml".to_owned(),
        format!("name = \"{name}\"\n{about}\n"),
    ));
    for (file, text) in &files {
        write_new(&dir.join(file), text)?;
    }
    output::out(&format!(
        "wrote {name}: {source} is the plugin\n\nnext:\n  windlass plugin build {name}\n  \
         windlass plugin test {name}\n  windlass run {name}/greet.yaml --input whom=Ada"
    ));
    Ok(Exit::Success)
}

/// The files of a plugin in Rust: its own, and what it is written with.
fn rust(name: &str) -> Vec<(String, String)> {
    let whole = repository!("Cargo.toml");
    // What the workspace of windlass's own plugins says, from its package on.
    let shared = whole
        .find("[workspace.package]")
        .map_or("", |at| &whole[at..]);
    let shared = shared.replace("path = \"sdk-rust\"", "path = \"vendor/sdk-rust\"");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition.workspace = true\n\
         publish = false\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n[dependencies]\n\
         windlass-plugin.workspace = true\nschemars.workspace = true\nserde.workspace = true\n\n\
         [workspace]\nresolver = \"3\"\nmembers = [\"vendor/sdk-rust\"]\n\n{shared}"
    );
    let plugin =
        repository!("hello/src/lib.rs").replace("name: \"hello\"", &format!("name: \"{name}\""));
    let mut files = vec![
        ("Cargo.toml".to_owned(), manifest),
        // The versions that are tested; cargo takes out what this plugin does not use.
        (
            "Cargo.lock".to_owned(),
            repository!("Cargo.lock").to_owned(),
        ),
        ("src/lib.rs".to_owned(), plugin),
    ];
    let vendored = |(file, text): (&str, &str)| (format!("vendor/{file}"), text.to_owned());
    files.extend(SDK.into_iter().map(vendored));
    files.extend(
        WIT.into_iter()
            .map(|(file, text)| (format!("vendor/wit/{file}"), text.to_owned())),
    );
    files
}

fn runbook(name: &str) -> String {
    format!(
        "windlass: 1\nname: greet\ntitle: Greet somebody\ninputs:\n  whom: {{type: string}}\n\
         plugins:\n  {name}: {{source: ../{name}, grants: manifest}}\nsteps:\n  greet:\n    \
         uses: {name}/greet\n    with: {{name: \"${{{{ inputs.whom }}}}\"}}\n"
    )
}

fn write_new(path: &Path, text: &str) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(io("make", &PathBuf::from(folder)))?;
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(io("make", path))?;
    file.write_all(text.as_bytes()).map_err(io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_plugin_has_every_file_of_what_it_is_written_with() {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
        for (folder, known) in [("sdk-rust/src", &SDK[..]), ("wit", &WIT[..])] {
            for entry in std::fs::read_dir(plugins.join(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                let has = known.iter().any(|(file, _)| file.ends_with(&name));
                assert!(has, "{folder}/{name}");
            }
        }
        let manifest = &rust("mine")[0].1;
        assert!(
            manifest.contains("path = \"vendor/sdk-rust\""),
            "{manifest}"
        );
        assert!(!manifest.contains("otc-rds"), "{manifest}");
        assert!(rust("mine")[2].1.contains("name: \"mine\""));
    }
}
