//! Queues and scans before v3.11: one list of all waiters of a set, in which those who change nothing stand first.

use super::super::super::{Cx, Quirk, rules::*};
use super::super::{IpcSlot, WakeQ};
use super::SemBuf;
use super::attempt::Attempt;

impl Cx<'_> {
    /// Whether calls of one operation stand in the list of their semaphore only, and those of several in that of the set: v3.10.
    fn complex_apart(&self) -> bool {
        self.env.quirks.has(Quirk::SemComplexFirst)
    }

    /// The caller enters the queues.
    pub(super) fn enqueue_one_list(&mut self, slot: IpcSlot, sops: &[SemBuf], alter: bool) {
        self.trace.rule(SEM_Q_01);
        let me = self.me;
        let simple = sops.len() == 1;
        if !simple || !self.complex_apart() {
            let list = &mut self.k.sem_array_mut(slot).pending_alter;
            if alter { list.push(me) } else { list.insert(0, me) }
        }
        if simple {
            let list = &mut self.k.sem_mut(slot, sops[0].sem_num).pending_alter;
            if alter { list.push(me) } else { list.insert(0, me) }
        } else {
            self.k.sem_array_mut(slot).complex_count += 1;
        }
    }

    /// `do_smart_update`
    pub(super) fn do_smart_update_v3(
        &mut self,
        slot: IpcSlot,
        sops: Option<&[SemBuf]>,
        otime: bool,
        wake_q: &mut WakeQ,
    ) {
        let mut completed = otime;
        let apart = self.complex_apart();
        let complex = self.k.sem_array(slot).complex_count > 0;
        if complex || sops.is_none() {
            self.trace.rule(if apart { SEM_08 } else { SEM_U_01 });
            completed |= self.update_queue_v3(slot, None, wake_q);
        }
        match sops {
            None if apart => {
                for semnum in 0..self.k.sem_array(slot).nsems() as u16 {
                    completed |= self.update_queue_v3(slot, Some(semnum), wake_q);
                }
            }
            Some(sops) if apart || !complex => {
                for sop in sops {
                    let zero = sop.sem_op < 0 && self.k.sem(slot, sop.sem_num).semval == 0;
                    if sop.sem_op > 0 || zero {
                        self.trace.rule(SEM_U_01);
                        completed |= self.update_queue_v3(slot, Some(sop.sem_num), wake_q);
                    }
                }
            }
            _ => {}
        }
        if completed {
            self.set_semotime(slot, sops);
        }
    }

    /// `update_queue`: the whole list of the set, or that of one semaphore.
    fn update_queue_v3(&mut self, slot: IpcSlot, semnum: Option<u16>, wake_q: &mut WakeQ) -> bool {
        let mut completed = false;
        let apart = self.complex_apart();
        'again: loop {
            let semnum = semnum.filter(|_| apart || self.k.sem_array(slot).complex_count == 0);
            let list = match semnum {
                Some(semnum) => self.k.sem(slot, semnum).pending_alter.clone(),
                None => self.k.sem_array(slot).pending_alter.clone(),
            };
            for &task in &list {
                let Some(queue) = self.k.sem_queue(task) else { continue };
                let (sops, alter) = (queue.sops.clone(), queue.alter);
                if alter && semnum.is_some_and(|semnum| self.k.sem(slot, semnum).semval == 0) {
                    break;
                }
                let result = match self.retry_semop(slot, task) {
                    Attempt::Blocks(_) => continue,
                    Attempt::Done => Ok(()),
                    Attempt::Fails(errno) => Err(errno),
                };
                self.trace.rule(SEM_U_02);
                self.unlink_sem(slot, task, &sops);
                let restart = result.is_ok() && alter && self.check_restart_v3(slot, &sops);
                completed |= result.is_ok();
                self.trace.rule(SEM_U_04);
                self.finish_sem(task, result, wake_q);
                if restart {
                    self.trace.rule(SEM_U_03);
                    continue 'again;
                }
            }
            return completed;
        }
    }

    /// `check_restart`, after a waiter that changes something.
    fn check_restart_v3(&self, slot: IpcSlot, sops: &[SemBuf]) -> bool {
        if self.k.sem_array(slot).complex_count > 0 || sops.len() > 1 {
            return true;
        }
        let sem = self.k.sem(slot, sops[0].sem_num);
        let first = sem.pending_alter.first().and_then(|&task| self.k.sem_queue(task));
        sem.semval == 0 && first.is_some_and(|queue| queue.sops[0].sem_op == 0)
    }
}
