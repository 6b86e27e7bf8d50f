//! Program and kernel together: a transition system.

mod canon;
mod ipc;
mod setup;
mod state;

pub use ipc::{ipc_field, ipc_fields};
pub use setup::{SetupError, environment};
pub use state::{Machine, Marks, Move, MoveKind, State, StateWorld};
