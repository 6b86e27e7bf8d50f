//! Where in a call a task is, in words: for telling where it was interrupted.

use super::{InCall, exit::Exit, poll};
use std::borrow::Cow;

impl InCall {
    /// Where it is: `about to take the lock`.
    pub fn place(&self) -> Cow<'static, str> {
        let place = match self {
            InCall::Write(call) => call.place(),
            InCall::Read(call) => call.place(),
            InCall::Open(call) => call.place(),
            InCall::WriteV3(call) => call.place(),
            InCall::ReadV3(call) => call.place(),
            InCall::Resize(call) => call.place(),
            InCall::Lock(_) => "about to take the lock",
            InCall::Poll(call) => match call.at {
                poll::At::Register(i) if usize::from(i) == call.fds.len() => "all entries looked at",
                poll::At::Register(0) => "about to look at the first entry",
                poll::At::Register(i) => return format!("entry {i} looked at, entry {} not yet", i + 1).into(),
                poll::At::Look(i) => return format!("in the queues of entry {}, about to look at it", i + 1).into(),
                poll::At::Enlist(i) => return format!("entry {} looked at, not in its queues yet", i + 1).into(),
                poll::At::Sleep => "nothing found, about to sleep",
                poll::At::Woken => "about to look again",
            },
            InCall::Exit(Exit::Group { status }) if status.signal().is_none() => "about to end its process",
            InCall::Exit(Exit::Group { .. }) => "about to be ended by a signal",
            InCall::Exit(Exit::Thread { .. }) => "about to end alone",
            InCall::Exit(Exit::Mm) => "about to give back its memory",
            InCall::Exit(Exit::Task) => "about to be gone",
            InCall::Exit(Exit::Sem { .. }) => "about to make its adjustments to semaphores",
            InCall::Exit(Exit::Files { .. }) => "about to close its files",
            InCall::Exit(Exit::Notify) => "about to tell its parent",
            InCall::Signalfd(_) => "about to look at its pending signals",
            InCall::Pause(_) | InCall::Sigtimedwait(_) | InCall::Wait(_) => "about to sleep",
            InCall::Sigprocmask { .. } => "about to change its mask",
            InCall::Signal(_) => "about to look at its signals",
            InCall::Splice(call) => call.place(),
            InCall::MsgSnd(call) => call.place(),
            InCall::MsgRcv(call) => call.place(),
            InCall::MsgCtl(call) => call.place(),
            InCall::SemTimedOp(call) => call.place(),
            InCall::SemCtl(call) => call.place(),
            InCall::ShmAt(call) => call.place(),
            InCall::ShmCtl(call) => call.place(),
            InCall::ShmDt(call) => call.place(),
        };
        place.into()
    }
}
