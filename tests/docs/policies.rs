//! The page of policies: every example is right.

use windlass_core::time::Timestamp;
use windlass_runbook::policy;
use windlass_runbook::render::Style;

use super::blocks::blocks;

/// When the page is read: 2026-11-22.
const NOW: Timestamp = Timestamp(1_795_305_600_000);

#[test]
fn every_policy_of_the_page_is_right() {
    let mut checked = 0;
    for block in blocks("docs/policy.md") {
        if block.is(&["yaml", "policy"]) {
            let read = policy::read("policy.yaml", &block.text, NOW);
            let said = read.checked.render(Style::Plain);
            assert!(said.is_empty(), "line {}:\n{said}", block.line);
            checked += 1;
        }
    }
    assert_eq!(checked, 2);
}
