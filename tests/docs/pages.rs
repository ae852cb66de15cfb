//! The pages of the step kinds against the catalog: each action has a page, and each table
//! of parameters and outputs names what there is and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::catalog::Action;
use windlass_engine::ports::CatalogSource as _;
use windlass_steps::NativeSteps;

use super::blocks::page;

/// The actions of each page, by the first word of their names.
fn families() -> BTreeMap<String, Vec<Action>> {
    let mut families: BTreeMap<String, Vec<Action>> = BTreeMap::new();
    for (name, action) in NativeSteps::new().catalog().actions {
        let family = name.as_str().split('/').next().unwrap_or_default();
        families.entry(family.to_owned()).or_default().push(action);
    }
    families
}

/// The names that the tables of a section have in a column that is called `key` or `name`.
fn told(text: &str, section: &str) -> Option<BTreeSet<String>> {
    let heading = format!("\n## {section}\n");
    let (_, rest) = text.split_once(&heading)?;
    let body = rest.split("\n## ").next().unwrap_or_default();
    let mut column = None;
    let mut names = BTreeSet::new();
    for line in body.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if !line.starts_with('|') {
            column = None;
            continue;
        }
        if column.is_none() {
            column = cells.iter().position(|cell| ["key", "name"].contains(cell));
            // The keys inside of a parameter are in a table of their own behind it.
            if !names.is_empty() {
                break;
            }
            continue;
        }
        let cell = column.and_then(|at| cells.get(at)).copied().unwrap_or("");
        let quoted = cell.split('`').skip(1).step_by(2);
        names.extend(quoted.map(str::to_owned));
    }
    Some(names)
}

#[test]
fn every_action_has_a_page_whose_tables_agree_with_the_catalog() {
    let families = families();
    assert!(families.len() >= 5, "{:?}", families.keys());
    for (family, actions) in families {
        let path = format!("docs/steps/{family}.md");
        let text = std::fs::read_to_string(page(&path)).unwrap_or_else(|_| panic!("no {path}"));
        let params: BTreeSet<String> = actions
            .iter()
            .flat_map(|action| action.params.keys().cloned())
            .collect();
        let outputs: BTreeSet<String> = actions
            .iter()
            .filter_map(|action| action.outputs.as_ref())
            .flat_map(|outputs| outputs.keys().cloned())
            .collect();
        for (section, known) in [("Parameters", params), ("Outputs", outputs)] {
            let told = told(&text, section).unwrap_or_default();
            assert_eq!(told, known, "{path}, {section}");
        }
    }
}
