//! Any text as a runbook: no panic, and every place that a diagnostic names lies in it.
//! `cargo xtask test --only fuzz` runs it.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use windlass_core::catalog::Catalog;
use windlass_runbook::check;
use windlass_runbook::render::Style;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../tests/catalog.json")).expect("the catalog is valid")
});

fuzz_target!(|text: &str| {
    let checked = check("book.yaml", text, None, &CATALOG);
    checked.render(Style::Plain);
    let labels = checked.diagnostics.iter().flat_map(|found| &found.labels);
    for (span, _) in labels {
        assert!(text.get(span.start..span.end).is_some(), "{span:?}");
    }
});
