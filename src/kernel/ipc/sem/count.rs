//! `GETNCNT` and `GETZCNT`: how many wait for a semaphore.

use super::super::super::{Env, Kernel, Quirk, TaskId};
use super::super::IpcSlot;

impl Kernel {
    /// What `GETNCNT` or `GETZCNT` returns.
    pub fn semcnt(&self, env: &Env, slot: IpcSlot, semnum: u16, zero: bool) -> usize {
        if env.quirks.has(Quirk::SemCountsAll) {
            self.count_possible(slot, semnum, zero)
        } else {
            self.count_semcnt(slot, semnum, zero)
        }
    }

    /// `count_semcnt`: since v3.16 tasks, each at the operation that it waits for.
    fn count_semcnt(&self, slot: IpcSlot, semnum: u16, zero: bool) -> usize {
        let set = self.sem_array(slot);
        let sem = self.sem(slot, semnum);
        let simple = if zero { &sem.pending_const } else { &sem.pending_alter };
        let waits = |&&task: &&TaskId| self.blocks_on(task, semnum, zero);
        let complex = set.pending_alter.iter().chain(&set.pending_const).filter(waits).count();
        simple.len() + complex
    }

    /// Whether a waiter was last seen to wait for this semaphore.
    fn blocks_on(&self, task: TaskId, semnum: u16, zero: bool) -> bool {
        let Some(queue) = self.sem_queue(task) else { return false };
        let sop = queue.sops[usize::from(queue.blocking)];
        sop.sem_num == semnum && if zero { sop.sem_op == 0 } else { sop.sem_op < 0 }
    }

    /// `count_semncnt`, `count_semzcnt`: before v3.16 operations, whether or not a task waits for this one, unless they would
    /// rather fail.
    fn count_possible(&self, slot: IpcSlot, semnum: u16, zero: bool) -> usize {
        let of = |task: TaskId| {
            let sops = self.sem_queue(task).map_or(&[][..], |queue| &queue.sops);
            let counts = |sop: &&super::SemBuf| {
                sop.sem_num == semnum && !sop.nowait() && if zero { sop.sem_op == 0 } else { sop.sem_op < 0 }
            };
            sops.iter().filter(counts).count()
        };
        self.sem_array(slot).waiters().into_iter().map(of).sum()
    }
}
