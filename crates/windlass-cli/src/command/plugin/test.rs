//! `windlass plugin test`: plays a plugin's fixtures and holds it against the conformance set.

use std::path::{Path, PathBuf};

use windlass_wasm::fixture::Fixture;
use windlass_wasm::{conformance, play};

use super::load::load;
use super::source::Source;
use crate::error::{Error, io};
use crate::exit_codes::Exit;
use crate::output;

/// Play a plugin's fixtures, and check what every plugin must hold
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The fixtures are DIR/fixtures/*.json; docs/plugins.md says what stands in them. The real
component runs in the real host; only the network is replaced. The log of each call is
left in DIR/build/test.

Exit codes: 0 all as expected, 1 something is not, 2 it cannot be tested")]
pub(super) struct Args {
    /// The plugin's directory
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

pub(super) async fn perform(args: &Args) -> Result<Exit, Error> {
    let source = Source::read(&args.dir)?;
    let (plugin, _) = load(&args.dir).await?;
    let logs = source.build_dir().join("test");
    std::fs::create_dir_all(&logs).map_err(io("make", &logs))?;
    let mut tally = Tally::default();
    let fixtures = fixtures(&source.dir.join("fixtures"))?;
    output::out("fixtures");
    for (name, fixture) in &fixtures {
        let log = logs.join(format!("{name}.log"));
        tally.tell(name, &play(&plugin, fixture, &log).await);
    }
    if fixtures.is_empty() {
        output::out("  none: DIR/fixtures/*.json");
    }
    output::out("\nconformance");
    // That it loaded shows it.
    tally.tell("imports nothing but the contract", &[]);
    for check in conformance(&plugin, &fixtures, &logs.join("conformance.log")).await {
        tally.tell(&check.name, &check.wrong);
    }
    let Tally { right, wrong } = tally;
    output::out(&format!(
        "\n{}: {right} as expected, {wrong} not",
        right + wrong
    ));
    Ok(match wrong {
        0 => Exit::Success,
        _ => Exit::Failed,
    })
}

#[derive(Default)]
struct Tally {
    right: u32,
    wrong: u32,
}

impl Tally {
    fn tell(&mut self, name: &str, wrong: &[String]) {
        if wrong.is_empty() {
            self.right += 1;
            output::out(&format!("  ✓ {name}"));
            return;
        }
        self.wrong += 1;
        output::out(&format!("  ✗ {name}"));
        for why in wrong {
            output::out(&format!("      {}", why.replace('\n', "\n      ")));
        }
    }
}

/// The fixtures of a directory by their names, in order.
fn fixtures(dir: &Path) -> Result<Vec<(String, Fixture)>, Error> {
    let mut paths: Vec<PathBuf> = match std::fs::read_dir(dir) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(io("read", dir)(error)),
    };
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    paths.sort();
    let read = paths.into_iter().map(|path| {
        let text = std::fs::read_to_string(&path).map_err(io("read", &path))?;
        let fixture = Fixture::read(&text).map_err(|error| Error::Unreadable {
            name: path.display().to_string(),
            why: error.to_string(),
        })?;
        let name = path.file_stem().unwrap_or_default();
        Ok((name.to_string_lossy().into_owned(), fixture))
    });
    read.collect()
}
