//! The directory of a plugin that is written here: its `plugin.toml`, and where its
//! component is built to.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, io};

const FILE: &str = "plugin.toml";

/// A plugin's directory.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) dir: PathBuf,
    pub(super) language: Language,
}

/// What it is written in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    Js { entry: PathBuf },
    Python { entry: PathBuf },
}

/// `plugin.toml`, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// For people: what the plugin is called is in its manifest.
    #[expect(dead_code, reason = "the component says its own name")]
    name: String,
    language: Named,
    entry: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(super) enum Named {
    Rust,
    Js,
    Python,
}

impl Source {
    /// Reads the directory's `plugin.toml`.
    pub(super) fn read(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(io("read", &path))?;
        let language = language(&text).map_err(|why| Error::Unreadable {
            name: path.display().to_string(),
            why,
        })?;
        // Tools are started in the directory, and must find it from there.
        let dir = std::path::absolute(dir).map_err(io("find", dir))?;
        Ok(Self { dir, language })
    }

    /// What is built, and nothing that is committed.
    pub(super) fn build_dir(&self) -> PathBuf {
        self.dir.join("build")
    }

    /// The built component.
    pub(super) fn component(&self) -> PathBuf {
        self.build_dir().join("plugin.wasm")
    }
}

fn language(text: &str) -> Result<Language, String> {
    let written: Written = toml::from_str(text).map_err(|error| error.to_string())?;
    match (written.language, written.entry) {
        (Named::Rust, None) => Ok(Language::Rust),
        (Named::Rust, Some(_)) => Err("a plugin in Rust has no `entry`".to_owned()),
        (Named::Js, Some(entry)) => Ok(Language::Js { entry }),
        (Named::Python, Some(entry)) => Ok(Language::Python { entry }),
        (Named::Js | Named::Python, None) => Err("it lacks `entry`, the file of the plugin".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_says_its_language_and_its_file() {
        let rust = "name = \"a\"\nlanguage = \"rust\"\n";
        assert_eq!(language(rust), Ok(Language::Rust));
        let js = "name = \"a\"\nlanguage = \"js\"\nentry = \"a.js\"\n";
        let entry = "a.js".into();
        assert_eq!(language(js), Ok(Language::Js { entry }));
        for (text, why) in [
            (js.replace("entry", "enrty"), "unknown field `enrty`"),
            (js.replace("js\"\n", "perl\"\n"), "unknown variant `perl"),
            (format!("{rust}entry = \"a\"\n"), "no `entry`"),
            (
                "name = \"a\"\nlanguage = \"js\"\n".to_owned(),
                "lacks `entry`",
            ),
        ] {
            let found = language(&text).unwrap_err();
            assert!(found.contains(why), "{found}");
        }
    }
}
