//! Trying the operations of a call: all of them or none.

use super::super::super::{Cx, Errno, ProcessId, Quirk, TaskId, rules::*};
use super::super::{IpcSlot, Pid};
use super::{SEMAEM, SEMVMX, SemBuf};

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Attempt {
    /// All of them are done.
    Done,
    /// Nothing is done: the operation at this position has to wait.
    Blocks(u16),
    /// Nothing is done, and it is no use to wait.
    Fails(Errno),
}

impl Cx<'_> {
    /// `perform_atomic_semop`, before v4.7 `try_atomic_semop`: the operations in the order of the array, each on the values that
    /// those before it leave.
    #[inline]
    pub(super) fn perform_atomic_semop(
        &mut self,
        slot: IpcSlot,
        sops: &[SemBuf],
        process: ProcessId,
        pid: Pid,
    ) -> Attempt {
        let each = self.env.quirks.has(Quirk::SemUndoPerOperation);
        for (i, sop) in sops.iter().enumerate() {
            let earlier = || sops[..i].iter().filter(|other| other.sem_num == sop.sem_num);
            let semval = i32::from(self.k.sem(slot, sop.sem_num).semval);
            let value = semval + earlier().map(|other| i32::from(other.sem_op)).sum::<i32>();
            let result = value + i32::from(sop.sem_op);
            if result < 0 || sop.sem_op == 0 && value != 0 {
                return self.would_block(slot, sops, i, pid);
            }
            if result > SEMVMX {
                self.trace.rule(SEM_T_02);
                return Attempt::Fails(Errno::ERANGE);
            }
            if sop.undo() {
                let mut semadj = i32::from(self.k.semadj(process, slot, sop.sem_num));
                if !each {
                    semadj -= earlier().filter(|other| other.undo()).map(|other| i32::from(other.sem_op)).sum::<i32>();
                }
                if !(-SEMAEM - 1..=SEMAEM).contains(&(semadj - i32::from(sop.sem_op))) {
                    self.trace.rule(if each { SEM_T_05_EACH } else { SEM_T_05 });
                    return Attempt::Fails(Errno::ERANGE);
                }
            }
        }
        self.perform(slot, sops, process, pid);
        Attempt::Done
    }

    /// The operation at `i` cannot be done now.
    fn would_block(&mut self, slot: IpcSlot, sops: &[SemBuf], i: usize, pid: Pid) -> Attempt {
        let sop = sops[i];
        self.trace.rule(if i > 0 { SEM_T_01 } else { SEM_T_03 });
        if self.env.quirks.has(Quirk::SemBlockedPid) {
            self.trace.rule(SEM_10_BLOCKED);
            self.k.sem_mut(slot, sop.sem_num).sempid = pid;
        }
        if sop.nowait() {
            self.trace.rule(SEM_T_03);
            return Attempt::Fails(Errno::EAGAIN);
        }
        Attempt::Blocks(i as u16)
    }

    fn perform(&mut self, slot: IpcSlot, sops: &[SemBuf], process: ProcessId, pid: Pid) {
        self.trace.rule(SEM_T_07);
        for (i, sop) in sops.iter().enumerate() {
            if i > 0 && sops[..i].iter().any(|other| other.sem_num == sop.sem_num) {
                self.trace.rule(SEM_T_04);
            }
            let sem = self.k.sem(slot, sop.sem_num);
            if sop.sem_op != 0 || sem.sempid != pid {
                let sem = self.k.sem_mut(slot, sop.sem_num);
                sem.semval = (i32::from(sem.semval) + i32::from(sop.sem_op)) as u16;
                sem.sempid = pid;
            }
            if sop.undo() {
                self.trace.rule(SEM_T_08);
                let semadj = self.k.semadj_mut(process, slot, sop.sem_num);
                *semadj = semadj.wrapping_sub(sop.sem_op);
            }
        }
    }

    /// Tries the operations of a waiter, in its name.
    pub(super) fn retry_semop(&mut self, slot: IpcSlot, task: TaskId) -> Attempt {
        let Some(queue) = self.k.sem_queue(task) else { return Attempt::Blocks(0) };
        let (sops, blocking) = (queue.sops.clone(), queue.blocking);
        let process = self.k.task(task).process;
        let pid = self.tgid_of(task);
        let attempt = self.perform_atomic_semop(slot, &sops, process, pid);
        if let Attempt::Blocks(at) = attempt
            && at != blocking
            && let Some(queue) = self.k.sem_queue_mut(task)
        {
            queue.blocking = at;
        }
        attempt
    }
}
