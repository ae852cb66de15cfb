//! `windlass doctor`: whether this machine and directory can carry a run.

mod directory;
mod machine;

use windlass_core::time::Timestamp;
use windlass_engine::owner;
use windlass_engine::state_dir::StateDir;
use windlass_server::Client;

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::render::Paint;
use crate::{output, text, time};

/// Check the state directory and this machine
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each line says ok, warn or FAIL, and what to do. It changes nothing but makes the state
directory when it is missing.

Exit codes: 0 nothing failed, 1 something did")]
pub(crate) struct Args {}

/// How one look came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Ok,
    Warn,
    Fail,
}

/// One line of the report.
#[derive(Debug)]
struct Finding {
    what: &'static str,
    grade: Grade,
    said: String,
    /// What to do, when it is not well.
    advice: Option<String>,
}

impl Finding {
    fn ok(what: &'static str, said: impl Into<String>) -> Self {
        Self {
            what,
            grade: Grade::Ok,
            said: said.into(),
            advice: None,
        }
    }

    fn warn(what: &'static str, said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            grade: Grade::Warn,
            advice: Some(advice.into()),
            ..Self::ok(what, said)
        }
    }

    fn fail(what: &'static str, said: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            grade: Grade::Fail,
            advice: Some(advice.into()),
            ..Self::ok(what, said)
        }
    }
}

pub(crate) async fn perform(_: Args, place: &Place) -> Result<Exit, Error> {
    let mut findings = Vec::new();
    match StateDir::prepare(&place.root) {
        Ok(dir) => {
            findings.push(Finding::ok(
                "state directory",
                dir.root().display().to_string(),
            ));
            findings.extend(directory::look(&dir, place));
            findings.push(owner_of(&dir).await);
        }
        Err(error) => findings.push(Finding::fail(
            "state directory",
            error.to_string(),
            "choose another --state-dir, or mend this one",
        )),
    }
    findings.extend(machine::look());
    let paint = Paint::of_stdout();
    for finding in &findings {
        print(finding, &paint);
    }
    let failed = findings.iter().any(|finding| finding.grade == Grade::Fail);
    Ok(if failed { Exit::Failed } else { Exit::Success })
}

async fn owner_of(dir: &StateDir) -> Finding {
    const WHAT: &str = "owner";
    let by = match owner::current(dir) {
        Ok(None) => return Finding::ok(WHAT, "nobody; the lock is free"),
        Ok(Some(by)) => by,
        Err(error) => {
            return Finding::fail(
                WHAT,
                format!("look at the lock: {error}"),
                "mend its permissions",
            );
        }
    };
    let client = match Client::connect(dir.root()).await {
        Ok(Some(client)) => client,
        Ok(None) => {
            let advice = format!(
                "look at process {}: it may be starting, ending, or stopped",
                by.pid
            );
            return Finding::warn(WHAT, format!("{by} does not listen on its socket"), advice);
        }
        Err(error) => {
            return Finding::warn(WHAT, format!("{by}: {error}"), "ask that process's user");
        }
    };
    match client.owner().await {
        Ok(view) => {
            let since = time::minute(Timestamp(view.started_at_ms));
            let version = text::line(&view.version);
            let socket = client.socket().display();
            let said = format!("{by}, windlass {version} since {since} UTC, at {socket}");
            Finding::ok(WHAT, said)
        }
        Err(error) => Finding::warn(WHAT, format!("{by}: {error}"), "ask that process's user"),
    }
}

fn print(finding: &Finding, paint: &Paint) {
    let grade = match finding.grade {
        Grade::Ok => "ok  ",
        Grade::Warn => "warn",
        Grade::Fail => "FAIL",
    };
    let state = match finding.grade {
        Grade::Ok => "succeeded",
        Grade::Warn => "needs_operator",
        Grade::Fail => "failed",
    };
    let head = format!("{grade}  {}: ", finding.what);
    let lines = paint.hanging(&head, "      ", &finding.said);
    for (at, line) in lines.iter().enumerate() {
        match at {
            0 => output::out(&format!(
                "{}{}",
                paint.as_state(grade, state),
                &line[grade.len()..]
            )),
            _ => output::out(line),
        }
    }
    if let Some(advice) = &finding.advice {
        let lines = paint.hanging("      -> ", "         ", advice);
        lines.iter().for_each(|line| output::out(line));
    }
}
