//! Results for people and for other programs.
//!
//! [`timeline()`] tells a path step by step, [`deadlock()`] who waits for whom, [`text()`] is the log of one test;
//! [`json()`] and [`junit()`] are the same for machines. Nothing here decides anything: it only tells.

mod ring;
mod strace;
mod style;
mod table;
mod timeline;
mod waits;

pub use style::Style;
pub use timeline::{Path, timeline};
pub use waits::deadlock;
