//! The verdict on a test: what the model allows, what a real kernel did, and how the two compare.

mod detect;
mod judge;
mod memory;
mod real;
mod scheduled;

pub use detect::{Detection, Finding, PROBES, Probe, detect};
pub use judge::{Effort, Judgement, Status, judge};
pub use real::{Confirmation, NotAllowed, Real, Sighting, base_env, model_env, trouble};
pub use scheduled::{Mismatch, ScheduleVerdict, Side, cannot, forcing};
