//! The decisions: plan, events, state, decide, evolve, outstanding; no I/O, clock or randomness.
