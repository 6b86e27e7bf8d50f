//! A program as data: objects, tasks, properties and schedules.
//!
//! [`syntax`] is the tree that the parser builds, the printer prints and JSON carries; names are still names there.
//! [`resolve`] turns it into a [`Compiled`] program, in which every name is an index. [`Cursor`] is the interpreter of a
//! task's own steps, shared by the model and by the real processes, and [`World`] the one evaluator of conditions.

mod code;
pub mod constants;
mod eval;
mod interp;
mod object_field;
mod outcome;
mod problem;
mod questions;
mod resolve;
mod schedule;
mod signature;
pub mod syntax;
mod value;

pub use code::*;
pub use eval::*;
pub use interp::*;
pub use object_field::*;
pub use outcome::*;
pub use problem::*;
pub use resolve::*;
pub use schedule::*;
pub use signature::*;
pub use value::*;
