//! Harness shared by the suites over the built binary.
