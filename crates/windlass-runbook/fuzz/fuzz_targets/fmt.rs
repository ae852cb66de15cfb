//! Any text to the formatter: what can be read keeps its meaning, which the formatter
//! sees to itself, and formats to itself.
//! `cargo xtask test --only fuzz` runs it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use windlass_runbook::format::{Refusal, format};

fuzz_target!(|text: &str| {
    match format(text) {
        Ok(once) => assert_eq!(format(&once), Ok(once)),
        Err(Refusal::Unreadable(found)) => assert!(!found.is_empty()),
        Err(Refusal::TooLarge) => {}
        Err(refusal @ Refusal::Unfaithful { .. }) => panic!("{refusal}"),
    }
});
