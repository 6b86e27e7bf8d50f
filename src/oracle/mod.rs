//! Explaining what was observed: the model follows a run of a real kernel, step by step.
//!
//! [`Fifo`] knows the target's scheduling and follows one path; [`Any`] keeps the set of states that explain the run so far.
//! [`follow`] tries the first, then the second, and says which was needed.

mod any;
mod fifo;
mod follow;
mod step;

pub use any::{Any, CAP};
pub use fifo::{Fifo, Made};
pub use follow::{Divergence, Explained, Order, follow};
pub use step::{Event, Handled, StepSeen, What, steps};
