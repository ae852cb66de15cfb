//! The table of ends of the flagship's page.

use std::path::Path;

/// One row.
#[derive(Debug)]
pub(crate) struct Row {
    /// What happens.
    pub(crate) what: String,
    /// What the run ends or waits as: a status word.
    pub(crate) state: String,
    /// Who is told, and by what.
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
    Row {
        what: what.to_owned(),
        state: quoted(state),
        told: told.to_owned(),
        next: quoted(next),
    }
}

/// The first thing between backticks.
fn quoted(cell: &str) -> String {
    let quoted = cell.split('`').nth(1);
    quoted
        .unwrap_or_else(|| panic!("nothing is quoted in {cell:?}"))
        .to_owned()
}
