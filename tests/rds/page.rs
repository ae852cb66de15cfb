//! The table of ends of the procedure's page.

use std::path::Path;

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What happens.
    pub(crate) what: String,
    /// What the run ends or waits as: a status word.
    pub(crate) state: String,
    /// What is typed next, with RUN and INPUTS for what only the run knows, if anything is.
    pub(crate) next: Option<String>,
}

/// The rows in their order.
pub(crate) fn rows() -> Vec<Row> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runbooks/rds_pg_minor_upgrade.md");
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
    let [what, state, next] = cells[..] else {
        panic!("a row has three cells: {line}");
    };
    let quoted = |cell: &str| cell.split('`').nth(1).map(str::to_owned);
    Row {
        what: what.to_owned(),
        state: quoted(state).unwrap_or_else(|| panic!("no state is quoted in {state:?}")),
        next: quoted(next),
    }
}
