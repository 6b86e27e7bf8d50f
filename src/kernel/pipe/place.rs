//! Where in a call on a pipe a task is, in words.

use super::{FifoOpen, PipeRead, PipeWrite, open, read, write};
use crate::kernel::Wait;

impl PipeWrite {
    /// Where it is.
    pub fn place(&self) -> &'static str {
        match &self.at {
            write::At::Locked if self.entered => "about to take the lock again",
            write::At::Locked => "about to take the lock",
            write::At::WakeReaders => "lock released for a sleep, readers not woken yet",
            write::At::Wait(wait) => waiting(*wait),
            write::At::Leave(_) => "lock released for good, nobody woken yet",
            write::At::WakeNextWriter(_) => "readers woken, the next writer not yet",
        }
    }
}

impl PipeRead {
    /// Where it is.
    pub fn place(&self) -> &'static str {
        match &self.at {
            read::At::Locked => "about to take the lock",
            read::At::WakeWriters => "lock released for a sleep, writers not woken yet",
            read::At::Wait(wait) => waiting(*wait),
            read::At::Leave(_) => "lock released for good, nobody woken yet",
            read::At::WakeNextReader(_) => "writer woken, the next reader not yet",
        }
    }
}

impl FifoOpen {
    /// Where it is.
    pub fn place(&self) -> &'static str {
        match self.at {
            open::At::Locked => "about to take the lock",
            open::At::Partner { .. } => "about to see whether a partner has come",
            open::At::Refused => "opened with O_DIRECT, about to be closed again",
        }
    }
}

fn waiting(wait: Wait) -> &'static str {
    match wait {
        Wait::Test => "about to test once more before it sleeps",
        Wait::Prepare => "about to enter the queue",
        Wait::Recheck => "in the queue, about to test again",
        Wait::Interrupted => "out of the queue because of a signal",
    }
}
