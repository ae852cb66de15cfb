//! The `windlass` binary: composition root.
fn main() {}
