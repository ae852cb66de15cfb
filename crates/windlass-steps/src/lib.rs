//! Native step kinds: their catalog entries and their runners.
