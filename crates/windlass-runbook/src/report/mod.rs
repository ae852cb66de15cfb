//! What a check found as data for other programs: JSON of our own for scripts, SARIF
//! for code review. Text for people is `render`'s.

mod json;
mod lines;
mod sarif;

pub use json::{FileReport, LabelReport, MistakeReport};
pub use sarif::sarif;
