//! Short calls that need the pipe's lock while a resize keeps it: they wait for it like all others do.
//!
//! Where nobody keeps the lock they are over at once, and there is no frame.

use super::PipeId;
use crate::kernel::{
    Cx, Step,
    call::{CallKind, Return},
    canon::{canon_enum, canon_struct},
    file::File,
};

/// A short call that waits for the lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PipeLock {
    /// Which call it is.
    pub kind: CallKind,
    /// The pipe.
    pub pipe: PipeId,
    /// What it does with the lock.
    pub then: Then,
}

/// What is done with the lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Then {
    /// `FIONREAD`: counts the bytes.
    Fionread,
    /// `F_GETPIPE_SZ`: looks at the size.
    Size,
    /// `pipe_release`: the descriptor is gone already, and the call returns a number.
    Release {
        /// The open file that nobody refers to any more.
        file: File,
        /// What the call returns.
        returns: i64,
    },
}

canon_enum!(Then { 0 => Fionread, 1 => Size, 2 => Release { file, returns }, });
canon_struct!(PipeLock { kind, pipe, then });

impl PipeLock {
    /// The only section.
    pub fn step(&self, cx: &mut Cx) -> Step {
        Step::Returned(match &self.then {
            Then::Fionread => super::fionread(cx, self.pipe),
            Then::Size => super::get_pipe_size(cx, self.pipe),
            Then::Release { file, returns } => {
                cx.release(file);
                Return::value(*returns)
            }
        })
    }
}
