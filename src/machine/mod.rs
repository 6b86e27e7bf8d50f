//! Program and kernel together: a transition system.

mod canon;
mod setup;
mod state;

pub use setup::{SetupError, environment};
pub use state::{Machine, Marks, Move, MoveKind, State, StateWorld};
