//! Pages of plans on wide and narrow terminals.

use std::collections::BTreeMap;

use windlass_core::plan::IndexedPlan;

use super::*;
use crate::sources::catalog;

fn page(runbook: &str, paint: &Paint) -> Vec<String> {
    let checked = windlass_runbook::check("a.yaml", runbook, Some(&BTreeMap::new()), &catalog());
    let plan = checked
        .plan
        .unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    let outline = Outline::new(&IndexedPlan::new(plan).unwrap(), &catalog());
    plan_page(&outline, paint)
}

fn paint(columns: usize) -> Paint {
    Paint {
        colours: false,
        ascii: false,
        columns,
    }
}

const RESTART: &str = r#"
windlass: 1
name: restart_service
title: Restart the billing service after draining it, on every host of the region
inputs:
  hosts: {type: list, default: [billing-1.example, billing-2.example]}
steps:
  a_step_with_a_name_that_is_longer_than_its_column:
    uses: shell
    effect: read
    with: {argv: [curl, "http://billing.example/health/of/a/very/long/path/without/any/space"]}
  go: {needs: a_step_with_a_name_that_is_longer_than_its_column, approval: {expires: 15m}}
  restart:
    uses: shell
    needs: go
    effect: irreversible
    for_each: inputs.hosts
    max_parallel: 1
    timeout: 2m
    with: {argv: [ssh, "${{ item }}", systemctl, restart, billing]}
finally:
  note: {uses: shell, effect: read, with: {argv: [logger, "${{ run.id }}"]}}
"#;

#[test]
fn a_page_keeps_within_its_columns() {
    for columns in [40, 64, 80, 120] {
        for line in page(RESTART, &paint(columns)) {
            assert!(text::width(&line) <= columns, "{columns}: {line:?}");
        }
    }
}

#[test]
fn a_narrow_page_tells_the_same() {
    let words = |columns| -> Vec<String> {
        let mut words: Vec<String> = page(RESTART, &paint(columns))
            .join(" ")
            .split_whitespace()
            .map(|word| word.trim_end_matches(',').to_owned())
            .filter(|word| !word.starts_with("──"))
            .collect();
        words.sort();
        words.dedup();
        words
    };
    let narrow = words(60);
    for word in words(200) {
        // A long word may have been broken at the end of a line.
        assert!(narrow.contains(&word) || word.len() > 30, "{word}");
    }
}

#[test]
fn without_utf8_a_page_of_ascii_text_is_ascii() {
    let ascii = Paint {
        ascii: true,
        ..paint(80)
    };
    let page = page(RESTART, &ascii).join("\n");
    assert!(page.is_ascii(), "{page}");
    assert!(page.contains("--- point of no return: restart -"), "{page}");
}

#[test]
fn colours_change_no_text() {
    let coloured = Paint {
        colours: true,
        ..paint(80)
    };
    let shown = page(RESTART, &coloured).join("\n");
    assert!(shown.contains("\u{1b}["));
    assert_eq!(text::lines(&shown), page(RESTART, &paint(80)).join("\n"));
}

#[test]
fn a_large_plan_is_cut_and_says_by_how_much() {
    use std::fmt::Write as _;
    let mut runbook = "windlass: 1\nname: large\nsteps:\n".to_owned();
    for at in 0..400 {
        let _ = writeln!(
            runbook,
            "  wide_{at}: {{uses: shell, effect: read, with: {{argv: [a]}}}}"
        );
    }
    for at in 0..200 {
        let need = if at == 0 {
            "wide_0".to_owned()
        } else {
            format!("deep_{}", at - 1)
        };
        let _ = writeln!(
            runbook,
            "  deep_{at}: {{uses: shell, needs: {need}, effect: read, with: {{argv: [a]}}}}"
        );
    }
    runbook.push_str("  go: {needs: deep_199, approval: {expires: 1h}}\n");
    runbook.push_str(
        "  swap: {uses: shell, needs: go, effect: irreversible, timeout: 1m, with: {argv: [a]}}\n",
    );
    let lines = page(&runbook, &paint(80));
    assert!(lines.len() < 250, "{} lines", lines.len());
    let page = lines.join("\n");
    for told in [
        "and 388 more",
        "waves 41 to 201: 161 more steps",
        "? go",
        "point of no return: swap",
        "! swap",
        "and 561 more steps; --format json has them all",
    ] {
        assert!(page.contains(told), "{told} is not in\n{page}");
    }
}
