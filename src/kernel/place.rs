//! Where in a call a task is, in words: for telling where it was interrupted.

use super::{InCall, exit::Exit, poll};

impl InCall {
    /// Where it is: `about to take the lock`.
    pub fn place(&self) -> &'static str {
        match self {
            InCall::Write(call) => call.place(),
            InCall::Read(call) => call.place(),
            InCall::Open(call) => call.place(),
            InCall::Poll(call) => match call.at {
                poll::At::Register(i) if usize::from(i) == call.fds.len() => "all entries looked at",
                poll::At::Register(_) => "about to enter the queues of an entry",
                poll::At::Look(_) => "in the queues of an entry, about to look at it",
                poll::At::Sleep => "nothing found, about to sleep",
                poll::At::Woken => "about to look again",
            },
            InCall::Exit(Exit::Group { .. }) => "about to end its process",
            InCall::Exit(Exit::Task) => "about to be gone",
            InCall::Exit(Exit::Files { .. }) => "about to close its files",
            InCall::Pause { .. } => "about to sleep",
        }
    }
}
