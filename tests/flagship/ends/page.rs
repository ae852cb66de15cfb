//! The table of ends of the flagship's page.

use std::path::Path;

/// One row.
#[derive(Debug)]
pub(crate) struct Row {
    /// What happens.
    pub(crate) what: String,
    /// What the run ends or waits as: a status word.
    pub(crate) state: String,
    /// What the webhook is sent, one message after the other.
    pub(crate) sent: Vec<String>,
    /// Whether a person is paged.
    pub(crate) paged: bool,
    /// Who is told anyway, and by what.
    pub(crate) told: String,
    /// What is typed next, with RUN and INPUTS for what only the run knows.
    pub(crate) next: String,
}

/// The rows in their order.
pub(crate) fn rows() -> Vec<Row> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks/postgres_minor_upgrade.md");
    let text = std::fs::read_to_string(page).unwrap();
    let (_, section) = text.split_once("\n## How it can end\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| "));
    lines
        .skip(1)
        .filter(|line| !line.starts_with("| ---"))
        .map(row)
        .collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [what, state, told, next] = cells[..] else {
        panic!("a row has four cells: {line}");
    };
    let told: Vec<&str> = told.split("; ").collect();
    let (sent, told) = told.split_first().expect("a cell has parts");
    let (last, between) = told
        .split_last()
        .unwrap_or_else(|| panic!("a receiver and a person are told: {line}"));
    Row {
        what: what.to_owned(),
        state: quoted(state),
        sent: all_quoted(sent).map(str::to_owned).collect(),
        paged: match between {
            [] => false,
            ["the pager"] => true,
            other => panic!("who is {other:?}?"),
        },
        told: (*last).to_owned(),
        next: quoted(next),
    }
}

/// The first thing between backticks.
fn quoted(cell: &str) -> String {
    let quoted = all_quoted(cell).next();
    quoted
        .unwrap_or_else(|| panic!("nothing is quoted in {cell:?}"))
        .to_owned()
}

fn all_quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}
