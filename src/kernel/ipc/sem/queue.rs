//! The queues of a set: who stands where, and how the queues of single semaphores are merged into one and parted again.

use super::super::super::{Cx, Quirk, TaskId, rules::*};
use super::super::{IpcSlot, WakeQ};
use super::{Pending, SemBuf, Status};
use crate::kernel::Errno;

impl Cx<'_> {
    /// Whether waiters stand in one list of the set, those of one operation also in that of their semaphore: before v3.11.
    #[inline]
    pub(super) fn one_list(&self) -> bool {
        self.env.quirks.has(Quirk::SemOneList)
    }

    /// The caller enters the queues.
    pub(super) fn enqueue_sem(&mut self, slot: IpcSlot, sops: &[SemBuf], alter: bool) {
        if self.one_list() {
            return self.enqueue_one_list(slot, sops, alter);
        }
        let me = self.me;
        if let [sop] = sops {
            self.trace.rule(SEM_Q_02);
            if !alter {
                self.k.sem_mut(slot, sop.sem_num).pending_const.push(me);
            } else if self.k.sem_array(slot).complex_count > 0 {
                self.trace.rule(SEM_Q_02_GLOBAL);
                self.k.sem_array_mut(slot).pending_alter.push(me);
            } else {
                self.k.sem_mut(slot, sop.sem_num).pending_alter.push(me);
            }
            return;
        }
        self.trace.rule(SEM_Q_02_COMPLEX);
        if self.k.sem_array(slot).complex_count == 0 {
            self.merge_queues(slot);
        }
        let set = self.k.sem_array_mut(slot);
        set.complex_count += 1;
        if alter { set.pending_alter.push(me) } else { set.pending_const.push(me) }
    }

    /// `merge_queues`: the list of each semaphore in turn comes before what is in the set's list already.
    fn merge_queues(&mut self, slot: IpcSlot) {
        for semnum in 0..self.k.sem_array(slot).nsems() as u16 {
            if self.k.sem(slot, semnum).pending_alter.is_empty() {
                continue;
            }
            self.trace.rule(SEM_Q_02_MERGE);
            let mut merged = std::mem::take(&mut self.k.sem_mut(slot, semnum).pending_alter);
            let set = self.k.sem_array_mut(slot);
            merged.extend_from_slice(&set.pending_alter);
            set.pending_alter = merged;
        }
    }

    /// `sem_unlock`, with `unmerge_queues`: when no call of several operations is left, the others return to the lists of their
    /// semaphores.
    pub(super) fn sem_unlock(&mut self, slot: IpcSlot) {
        let set = self.k.sem_array(slot);
        if self.one_list() || set.complex_count > 0 || set.pending_alter.is_empty() {
            return;
        }
        self.trace.rule(SEM_Q_02_UNMERGE);
        let waiting = std::mem::take(&mut self.k.sem_array_mut(slot).pending_alter);
        for task in waiting {
            let first = self.k.sem_queue(task).map_or(0, |queue| queue.sops[0].sem_num);
            self.k.sem_mut(slot, first).pending_alter.push(task);
        }
    }

    /// `unlink_queue`
    pub(super) fn unlink_sem(&mut self, slot: IpcSlot, task: TaskId, sops: &[SemBuf]) {
        let leave = |list: &mut Pending| list.retain(|&mut other| other != task);
        if let [sop] = sops {
            let sem = self.k.sem(slot, sop.sem_num);
            if sem.pending_alter.contains(&task) || sem.pending_const.contains(&task) {
                let sem = self.k.sem_mut(slot, sop.sem_num);
                leave(&mut sem.pending_alter);
                leave(&mut sem.pending_const);
            }
        }
        let set = self.k.sem_array(slot);
        if sops.len() > 1 || set.pending_alter.contains(&task) {
            let set = self.k.sem_array_mut(slot);
            leave(&mut set.pending_alter);
            leave(&mut set.pending_const);
            set.complex_count -= u16::from(sops.len() > 1);
        }
    }

    /// A waiter leaves the queues with a result.
    pub(super) fn complete_sem(&mut self, slot: IpcSlot, task: TaskId, result: Result<(), Errno>, wake_q: &mut WakeQ) {
        let sops = self.k.sem_queue(task).map(|queue| queue.sops.clone()).unwrap_or_default();
        self.unlink_sem(slot, task, &sops);
        self.finish_sem(task, result, wake_q);
    }

    /// `wake_up_sem_queue_prepare`: the waiter has its result, and is woken when the lock is dropped.
    pub(super) fn finish_sem(&mut self, task: TaskId, result: Result<(), Errno>, wake_q: &mut WakeQ) {
        self.trace.rule(SEM_U_09);
        let two_stages = self.env.quirks.has(Quirk::SemTwoStageWakeup);
        if let Some(queue) = self.k.sem_queue_mut(task) {
            queue.status = if two_stages { Status::InWakeup(result) } else { Status::Done(result) };
        }
        wake_q.add(task);
    }
}
