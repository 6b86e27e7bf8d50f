//! Process and thread ids. They are the same in every run: a real kernel's are compared up to renaming.

use crate::kernel::{Kernel, Life, ProcessId, RunState, TaskId};

/// The id of the first process of a pid namespace, which is none of the program's.
pub const INIT_PID: i32 = 1;

/// The id of a process: 100 for the first, 200 for the second, and so on.
pub const fn pid_of_process(process: ProcessId) -> i32 {
    100 * (process as i32 + 1)
}

/// The id of the thread with this place among the threads of its process; that of the first is the id of the process.
pub const fn tid_of(process: ProcessId, place: usize) -> i32 {
    pid_of_process(process) + place as i32
}

impl Kernel {
    /// The process with this id, if it was ever started and is not reaped.
    pub(super) fn process_by_pid(&self, pid: i32) -> Option<ProcessId> {
        let process = (pid >= 100 && pid % 100 == 0).then(|| pid / 100 - 1)?;
        let process = ProcessId::try_from(process).ok().filter(|&p| usize::from(p) < self.process_count())?;
        self.exists(process).then_some(process)
    }

    /// The thread with this id.
    pub(super) fn task_by_tid(&self, tid: i32) -> Option<TaskId> {
        let process = self.process_by_pid(tid - tid.rem_euclid(100))?;
        let place = tid.rem_euclid(100) as usize;
        let task = self.tasks().filter(|(_, t)| t.process == process).nth(place).map(|(id, _)| id)?;
        // The first thread keeps its id until the process is reaped, others until they are gone.
        (place == 0 || self.task(task).state != RunState::Dead).then_some(task)
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
