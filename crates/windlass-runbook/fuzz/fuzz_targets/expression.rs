//! Any text as an expression: no panic, and a mistake lies in the text.
//! `cargo xtask test --only fuzz` runs it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use windlass_runbook::expr::parse;

fuzz_target!(|source: &str| {
    if let Err(error) = parse(source) {
        assert!(source.get(error.span.range()).is_some(), "{:?}", error.span);
    }
});
