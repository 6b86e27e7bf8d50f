//! An executable model of Linux inter-process communication, explored exhaustively and held in lockstep with a real kernel.

pub mod campaign;
pub mod cli;
pub mod concurrent;
pub mod explore;
pub mod generate;
pub mod kernel;
pub mod litmus;
pub mod machine;
pub mod oracle;
pub mod program;
pub mod report;
pub mod target;
pub mod verdict;
