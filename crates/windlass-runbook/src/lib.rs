//! YAML runbooks to plans, and test files to cases, with diagnostics that carry spans.

pub mod calendar;
mod check;
pub mod codes;
pub mod diagnostic;
pub mod difference;
pub mod expr;
pub mod format;
pub mod lock;
mod node;
pub mod outline;
pub mod picture;
pub mod places;
mod plugin;
pub mod policy;
pub mod preflight;
pub mod proof;
pub mod render;
pub mod report;
pub mod schema;
mod suggest;
pub mod testing;
pub mod text;
mod yaml;
mod yaml_hints;

pub use check::{
    Checked, DIAGNOSTICS_MAX, Files, Given, NoFiles, check, check_under, check_with, is_runbook,
    stated_value,
};
pub use plugin::{NoPlugin, Plugin};
pub use yaml::{TEXT_BYTES_MAX, mistakes as yaml_mistakes};
