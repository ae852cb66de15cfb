//! A place for sessions with plugins: what is printed names the bytes of a build, so they are
//! no transcripts.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use windlass_tests::binary::windlass;
use windlass_tests::cache;
use windlass_tests::skip::skip;

/// A directory with a built plugin in it, and a state directory.
pub(crate) struct Desk(TempDir);

/// What a call said, and its exit code.
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) code: i32,
}

impl Desk {
    /// `None` after it was said that the plugin is not built.
    pub(crate) fn with(plugin: &str) -> Option<Self> {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
        let built = plugins.join(plugin).join("build/plugin.wasm");
        if !built.exists() {
            skip(&format!(
                "no plugins/{plugin}/build/plugin.wasm: `cargo xtask plugins` builds it"
            ));
            return None;
        }
        let desk = Self::empty();
        let build = desk.path(plugin).join("build");
        std::fs::create_dir_all(&build).expect("a directory can be made");
        std::fs::copy(&built, build.join("plugin.wasm")).expect("a file can be copied");
        Some(desk)
    }

    /// A directory without a plugin.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::Builder::new().prefix("wp-").tempdir();
        Self(dir.expect("a directory can be made"))
    }

    /// Puts beside a plugin what says that it is one.
    pub(crate) fn about(&self, plugin: &str) {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
        let about = plugins.join(plugin).join("plugin.toml");
        std::fs::copy(about, self.path(plugin).join("plugin.toml")).expect("a file can be copied");
    }

    /// Puts a plugin's fixtures beside it; answers how many there are.
    pub(crate) fn fixtures(&self, plugin: &str) -> usize {
        let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
        let (from, to) = (plugins.join(plugin).join("fixtures"), self.path(plugin));
        let to = to.join("fixtures");
        std::fs::create_dir(&to).expect("a directory can be made");
        let fixtures = std::fs::read_dir(&from);
        let fixtures = fixtures.unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        let copied = fixtures.map(|file| {
            let file = file.expect("it can be listed").path();
            let name = file.file_name().expect("a file has a name");
            std::fs::copy(&file, to.join(name)).expect("a file can be copied");
        });
        copied.count()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program, called in the directory.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(windlass());
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("WINDLASS_STATE_DIR", self.path("state"))
            .env("XDG_CACHE_HOME", cache::dir());
        command
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Said {
        let output = self.command(arguments).output();
        let output = output.expect("the program can be called");
        let said = [output.stdout, output.stderr].concat();
        Said {
            text: String::from_utf8(said).expect("it prints text"),
            code: output.status.code().expect("it ends by itself"),
        }
    }

    /// The kept bytes of the only plugin.
    pub(crate) fn kept(&self) -> PathBuf {
        let mut files =
            std::fs::read_dir(self.path("state/plugins")).expect("a run keeps its plugins");
        files
            .next()
            .expect("one is kept")
            .expect("it can be listed")
            .path()
    }
}

impl Said {
    #[track_caller]
    pub(crate) fn with(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}", self.text);
        for word in words {
            assert!(self.text.contains(word), "no {word:?} in\n{}", self.text);
        }
        self
    }
}
