//! Results for people and for other programs.
//!
//! [`timeline()`] tells a path step by step, [`deadlock()`] who waits for whom. A [`TestReport`] is everything that is known of
//! one test, as plain data: [`text()`] prints it as a log, [`TestReport::json`] as JSON, and [`junit()`] makes a report of many.
//! Nothing here decides anything: it only tells.

mod campaign;
mod compare;
mod gather;
pub mod golden;
mod junit;
mod layered;
mod logged;
mod msgq;
mod picture;
mod ring;
mod rules;
mod sems;
mod shm;
mod signals;
mod strace;
mod strace_ipc;
mod strace_sem;
mod style;
mod svg;
mod table;
mod text;
mod timeline;
mod unreached;
mod view;
mod waits;
mod waits_ipc;
mod waits_sem;
mod walk;

pub use campaign::{campaign, campaign_json, finding, progress};
pub use compare::{Comparison, TestComparison, compare};
pub use junit::{Tested, junit};
pub use logged::{LoggedClaim, LoggedOutcome, LoggedSchedule, LoggedTest, read_log};
pub use picture::{Picture, Shape, ShapeKind};
pub use rules::{RULES_PAGES, RulesPage, rules_page};
pub use style::{Style, plural};
pub use text::{TextOptions, text};
pub use timeline::{Path, timeline};
pub use unreached::{UnreachedReport, unreached};
pub use view::*;
pub use waits::deadlock;
pub use walk::Walk;
