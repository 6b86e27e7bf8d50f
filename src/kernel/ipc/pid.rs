//! Process ids as objects remember them.

use super::super::{
    Cx, TaskId,
    canon::{Canon, get, put},
};

/// A process or thread id that an object remembers: it says which task it is of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub struct Pid(u16);

impl Pid {
    /// Nobody: 0.
    pub const NOBODY: Pid = Pid(0);

    /// Somebody who is no task.
    pub const STRANGER: Pid = Pid(u16::MAX);

    /// `task_pid`: the id of a thread. That of a process is the one of its first thread.
    pub const fn of(task: TaskId) -> Pid {
        Pid(task + 1)
    }

    /// The task, if it is somebody.
    pub fn task(self) -> Option<TaskId> {
        self.0.checked_sub(1).filter(|_| self != Pid::STRANGER)
    }

    /// As programs see it: 0 for nobody, -1 for somebody who is no task.
    pub fn number(self) -> i64 {
        if self == Pid::STRANGER {
            -1
        } else {
            self.task().map_or(0, |task| crate::kernel::signal::tid_of(task).into())
        }
    }
}

impl Canon for Pid {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.0.into());
    }
    #[inline]
    fn decode(input: &mut &[u8]) -> Self {
        Pid(get(input) as u16)
    }
}

impl Cx<'_> {
    /// `task_tgid(current)`, if somebody can see who it is.
    pub(in super::super) fn my_tgid(&self) -> Pid {
        if !self.env.observe.pids {
            return Pid::NOBODY;
        }
        Pid::of(self.k.leader_of(self.me))
    }

    /// `task_pid` of a task, if somebody can see who it is.
    pub(in super::super) fn pid_of(&self, task: TaskId) -> Pid {
        if self.env.observe.pids { Pid::of(task) } else { Pid::NOBODY }
    }
}
