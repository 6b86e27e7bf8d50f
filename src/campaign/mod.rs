//! Fuzzing against a kernel: random programs by random schedules, each run compared with the model step by step.
//!
//! A [`Recipe`] makes numbered programs; the model walks schedules through them ([`Walk`]); the target is steered by those; where
//! it does something else ([`Difference`]) the program is shrunk ([`shrink()`]), run again to see how often it differs, and written
//! as a litmus file ([`litmus`]). [`run`] is the loop. Without schedules, programs run freely, and every outcome must be one that
//! the search finds.

mod clock;
mod finding;
mod free;
pub mod litmus;
mod reduce;
mod run;
mod shrink;
mod summary;
mod trial;
mod walk;

pub use finding::{Finding, Kind};
pub use free::FreeRuns;
pub use run::{Options, Tell, run};
pub use shrink::{Case, Step, confirm, shrink};
pub use summary::{Summary, Unconfirmed};
pub use trial::{Class, Difference, How, Recipe, Seen, Trial, begin, compare};
pub use walk::{Made, Walk, Walking};
