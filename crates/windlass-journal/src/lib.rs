//! The durable, hash-chained journal: append and fsync, replay, verification.
