//! `windlass journal`: looking at the record itself.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use windlass_journal::{Hash, VerifyExportError, verify, verify_export};

use crate::args::Place;
use crate::error::{Error, io};
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
  windlass journal verify --file upgrade.jsonl    (written by `windlass export`)

Exit codes: 0 it holds together, 1 something is bad, 74 it cannot be read")]
struct VerifyArgs {
    /// A head that was noted before
    #[arg(long, value_name = "HASH")]
    head: Option<Hash>,
    /// Another journal than the state directory's
    #[arg(long, value_name = "FILE")]
    path: Option<PathBuf>,
    /// An export of one run instead of a journal; - reads standard input
    #[arg(long, value_name = "EXPORT", conflicts_with = "path")]
    file: Option<PathBuf>,
}

pub(crate) fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let Command::Verify(VerifyArgs { head, path, file }) = args.command;
    if let Some(file) = file {
        return verify_file(&file, head);
    }
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

fn verify_file(file: &Path, head: Option<Hash>) -> Result<Exit, Error> {
    let report = if file == Path::new("-") {
        verify_export(std::io::stdin().lock(), head)
    } else {
        let opened = File::open(file).map_err(io("read the export", file))?;
        verify_export(BufReader::new(opened), head)
    };
    let report = report.map_err(|error| match error {
        VerifyExportError::Read(source) => Error::Io {
            operation: "read the export",
            path: file.to_owned(),
            source,
        },
        VerifyExportError::NotAnExport
        | VerifyExportError::OtherVersion { .. }
        | VerifyExportError::LineTooLong { .. } => Error::Io {
            operation: "verify",
            path: file.to_owned(),
            source: std::io::Error::other(error),
        },
    })?;
    output::out(text::lines(&report.to_string()).trim_end());
    Ok(if report.is_ok() {
        Exit::Success
    } else {
        Exit::Failed
    })
}
