//! Drives runs: appends what the core decided, then performs what is outstanding.
