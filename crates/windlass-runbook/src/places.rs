//! Where a runbook's parts stand in its text, for those who tell of a run in the author's
//! lines, and which inputs it asks for. Nothing is checked here.

use std::collections::BTreeMap;

use crate::check::Given;
use crate::node::{Entry, Node, NodeKind};
use crate::yaml;

/// The line of each step by its name, from 1; of an inlined runbook's steps, the line where
/// that is used (`outer` for `outer/inner`).
pub fn step_lines(text: &str) -> BTreeMap<String, usize> {
    let (node, _) = yaml::read(text);
    let line = |entry: &Entry| {
        let before = text.get(..entry.key_span.start).unwrap_or_default();
        before.matches('\n').count() + 1
    };
    ["steps", "finally"]
        .into_iter()
        .flat_map(|key| members(node.as_ref(), key))
        .map(|entry| (entry.key.clone(), line(entry)))
        .collect()
}

/// A sample of each input, for looks at a runbook that no value of an input matters to.
pub fn samples(text: &str) -> BTreeMap<String, Given> {
    let (node, _) = yaml::read(text);
    let entries = members(node.as_ref(), "inputs").iter();
    entries
        .map(|entry| (entry.key.clone(), Given::Sample))
        .collect()
}

fn members<'a>(node: Option<&'a Node>, key: &str) -> &'a [Entry] {
    let map = |node: &'a Node| match &node.kind {
        NodeKind::Map(entries) => entries.as_slice(),
        _ => &[],
    };
    let top = node.map_or(&[][..], map);
    let entry = top.iter().find(|entry| entry.key == key);
    entry.map_or(&[], |entry| map(&entry.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
windlass: 1
inputs:
  whom: {type: string}
steps:
  look:
    uses: shell
  greet: {uses: shell}
finally:
  tell: {uses: shell}
";

    #[test]
    fn parts_have_their_places() {
        let lines = step_lines(TEXT);
        let lines: Vec<(&str, usize)> = lines
            .iter()
            .map(|(id, line)| (id.as_str(), *line))
            .collect();
        assert_eq!(lines, [("greet", 7), ("look", 5), ("tell", 9)]);
        assert_eq!(samples(TEXT).keys().collect::<Vec<_>>(), ["whom"]);
        assert!(step_lines("- 1").is_empty());
    }
}
