//! Process and thread ids. They are the same in every run: a real kernel's are compared up to renaming.

use crate::kernel::{Kernel, Life, ProcessId, RunState, TaskId};

/// The id of the first process of a pid namespace, which is none of the program's.
pub const INIT_PID: i32 = 1;
/// The id of the first task.
const FIRST: i32 = 100;

/// The id of a thread: 100 for the first task, 101 for the second, and so on. That of a process is the one of its first
/// thread.
pub const fn tid_of(task: TaskId) -> i32 {
    FIRST + task as i32
}

/// The task with this id, if it is one that a task could have.
pub fn task_of(tid: i32) -> Option<TaskId> {
    TaskId::try_from(tid.checked_sub(FIRST)?).ok()
}

impl Kernel {
    /// The id of a process.
    pub fn pid_of_process(&self, process: ProcessId) -> i32 {
        tid_of(self.leader(process))
    }

    /// The thread with this id, if its process was ever started and is not reaped.
    pub(super) fn task_by_tid(&self, tid: i32) -> Option<TaskId> {
        let task = task_of(tid).filter(|&task| usize::from(task) < self.tasks().count())?;
        let process = self.task(task).process;
        let leads = self.leader(process) == task;
        // The first thread keeps its id until the process is reaped, others until they are gone.
        (self.exists(process) && (leads || self.task(task).state != RunState::Dead)).then_some(task)
    }

    /// Whether a process has an id: it was started, and nobody has reaped it.
    pub(super) fn exists(&self, process: ProcessId) -> bool {
        !matches!(self.process(process).life, Life::Unborn | Life::Reaped(_))
    }

    /// The first thread of a process, dead or alive: its leader.
    pub(super) fn leader(&self, process: ProcessId) -> TaskId {
        self.tasks().find(|(_, t)| t.process == process).map_or(0, |(id, _)| id)
    }
}
