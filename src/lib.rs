//! An executable model of Linux inter-process communication, explored exhaustively and held in lockstep with a real kernel.

pub mod kernel;
pub mod litmus;
pub mod program;
