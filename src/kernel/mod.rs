//! The model: a pure value. No I/O, no threads, no clock, no randomness.

mod call;
mod errno;
mod payload;
mod version;

pub use call::*;
pub use errno::Errno;
pub use payload::{PATTERN_PERIOD, Payload, Run};
pub use version::{BadVersion, Version, VersionRange};
