//! Runs as text: in full, as lines that come, and as the live view's frame.
//! Everything here is a function from data to lines; who prints them is elsewhere.

mod event_line;
mod frame;
mod gate;
mod outbox_list;
mod page;
mod paint;
mod plan_difference;
mod plan_page;
mod preflight_page;
mod run_list;
mod run_page;

pub(crate) use event_line::{Loops, note};
pub(crate) use frame::frame;
pub(crate) use gate::{by_hand, commands, gate, need, told_by_need};
pub(crate) use outbox_list::{undelivered, unsent};
pub(crate) use page::page;
pub(crate) use paint::Paint;
pub(crate) use plan_difference::plan_difference;
pub(crate) use plan_page::plan_page;
pub(crate) use preflight_page::preflight_page;
pub(crate) use run_list::run_list;
pub(crate) use run_page::{ending, lock_awaited, owes, review_line, run_page};
