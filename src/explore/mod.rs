//! Search over a machine: every outcome with a shortest witness, every property's verdict, and what it took.

mod exploration;
mod frontier;
mod graph;
mod questions;
mod search;
mod visited;
mod witness;

pub use exploration::{Exploration, Found, Incomplete, Options, Stats, Steps};
pub use graph::{StateGraph, StateNode, graph};
pub use questions::{Claim, Detail, Verdict, Violation};
pub use search::{explore, explore_from};
pub use witness::{Taken, Witness};
