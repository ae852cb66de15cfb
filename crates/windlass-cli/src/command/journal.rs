//! `windlass journal`: looking at the record itself.

use std::path::PathBuf;

use clap::Subcommand;
use windlass_journal::{Hash, verify};

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::{output, text};

/// Look at the journal itself
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(VerifyArgs),
}

/// Read the whole journal and name its first bad record
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It trusts nothing but the bytes and can be run while the owner works. Note the head that
it prints somewhere else: with it, a later check also finds records that were cut off.

Examples:
  windlass journal verify
  windlass journal verify --head 4f0c...  --path /mnt/evidence/journal.db

Exit codes: 0 it holds together, 1 something is bad, 74 it cannot be read")]
struct VerifyArgs {
    /// A head that was noted before
    #[arg(long, value_name = "HASH")]
    head: Option<Hash>,
    /// Another journal than the state directory's
    #[arg(long, value_name = "FILE")]
    path: Option<PathBuf>,
}

pub(crate) fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let Command::Verify(VerifyArgs { head, path }) = args.command;
    let path = path.unwrap_or_else(|| place.root.join("journal.db"));
    if !path.exists() {
        return Err(Error::Io {
            operation: "read the journal",
            source: std::io::Error::other("there is none"),
            path,
        });
    }
    let report = verify(&path, head)?;
    output::out(text::lines(&report.to_string()).trim_end());
    Ok(if report.is_ok() {
        Exit::Success
    } else {
        Exit::Failed
    })
}
