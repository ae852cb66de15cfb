//! The process's own log: lines on standard error, as text or JSON, that never
//! run into the live view.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use clap::ValueEnum;
use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The form of the log's lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Human,
    Json,
}

/// The live view that lines must step around, while there is one.
static LIVE: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Sends log lines around a live view from now on, or straight out with `None`.
pub(crate) fn step_around(live: Option<MultiProgress>) {
    *LIVE.lock().unwrap_or_else(PoisonError::into_inner) = live;
}

/// Starts the log. `RUST_LOG` stands above the count of `-v`.
pub(crate) fn start(format: LogFormat, verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "windlass=info,windlass_engine=info,windlass_server=info,windlass_journal=info,warn",
        2 => "info",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Stderr)
        .with_ansi(false);
    // A second start, as in tests, keeps the first log.
    let _kept = match format {
        LogFormat::Human => log.with_target(false).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}

/// Makes one writer a line.
#[derive(Clone, Copy, Debug)]
struct Stderr;

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line
    }
}

/// Writes a whole line at once: `fmt` hands over one line per event.
#[derive(Debug)]
struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What a line quotes from a target must not reach the terminal as a command.
        let known = windlass_engine::redact::everywhere(&String::from_utf8_lossy(bytes));
        let mut safe = crate::text::lines(&known);
        if !safe.ends_with('\n') {
            safe.push('\n');
        }
        let write = || io::stderr().write_all(safe.as_bytes());
        let live = LIVE.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match live {
            Some(live) => live.suspend(write)?,
            None => write()?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
