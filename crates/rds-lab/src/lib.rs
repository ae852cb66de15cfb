//! A local lab of real PostgreSQL servers.
