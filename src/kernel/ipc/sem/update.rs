//! Who can go on after a change: since v3.11 those who wait for zero first, then those who want to change something.

use super::super::super::{Cx, rules::*};
use super::super::{IpcSlot, WakeQ};
use super::SemBuf;
use super::attempt::Attempt;

impl Cx<'_> {
    /// `do_smart_update`: does what waiters can do now that `sops` were done, or anything may have changed. `otime`: an operation
    /// was done, whether or not a waiter's follows.
    pub(super) fn do_smart_update(&mut self, slot: IpcSlot, sops: Option<&[SemBuf]>, otime: bool, wake_q: &mut WakeQ) {
        if self.one_list() {
            return self.do_smart_update_v3(slot, sops, otime, wake_q);
        }
        let mut completed = otime;
        completed |= self.do_smart_wakeup_zero(slot, sops, wake_q);
        if !self.k.sem_array(slot).pending_alter.is_empty() {
            self.trace.rule(SEM_U_05_GLOBAL);
            completed |= self.update_queue(slot, None, wake_q);
        } else if let Some(sops) = sops {
            for sop in sops.iter().filter(|sop| sop.sem_op > 0) {
                completed |= self.update_queue(slot, Some(sop.sem_num), wake_q);
            }
        } else {
            for semnum in 0..self.k.sem_array(slot).nsems() as u16 {
                completed |= self.update_queue(slot, Some(semnum), wake_q);
            }
        }
        if completed {
            self.set_semotime(slot, sops);
        }
    }

    /// `set_semotime`
    pub(super) fn set_semotime(&mut self, slot: IpcSlot, sops: Option<&[SemBuf]>) {
        self.trace.rule(SEM_U_11);
        let first = sops.map_or(0, |sops| sops[0].sem_num);
        if !self.k.sem(slot, first).sem_otime {
            self.k.sem_mut(slot, first).sem_otime = true;
        }
    }

    /// `do_smart_wakeup_zero`: those who wait for zero, at each semaphore that was touched and is zero now; then, if there was one,
    /// those who wait for several. Whether somebody succeeded.
    fn do_smart_wakeup_zero(&mut self, slot: IpcSlot, sops: Option<&[SemBuf]>, wake_q: &mut WakeQ) -> bool {
        let (mut completed, mut got_zero) = (false, false);
        let mut look = |cx: &mut Self, semnum| {
            if cx.k.sem(slot, semnum).semval == 0 {
                got_zero = true;
                completed |= cx.wake_const_ops(slot, Some(semnum), wake_q);
            }
        };
        match sops {
            Some(sops) => sops.iter().for_each(|sop| look(self, sop.sem_num)),
            None => (0..self.k.sem_array(slot).nsems() as u16).for_each(|semnum| look(self, semnum)),
        }
        if got_zero {
            completed |= self.wake_const_ops(slot, None, wake_q);
        }
        completed
    }

    /// `wake_const_ops`: of one semaphore, or of the set.
    fn wake_const_ops(&mut self, slot: IpcSlot, semnum: Option<u16>, wake_q: &mut WakeQ) -> bool {
        let list = match semnum {
            Some(semnum) => self.k.sem(slot, semnum).pending_const.clone(),
            None => self.k.sem_array(slot).pending_const.clone(),
        };
        let mut completed = false;
        for task in list {
            let result = match self.retry_semop(slot, task) {
                Attempt::Blocks(_) => continue,
                Attempt::Done => Ok(()),
                Attempt::Fails(errno) => Err(errno),
            };
            self.trace.rule(SEM_U_05);
            self.complete_sem(slot, task, result, wake_q);
            completed |= result.is_ok();
        }
        completed
    }

    /// `update_queue`: those who want to change something, at one semaphore or in the set, first come first; who cannot go on is
    /// passed over. Whether somebody succeeded.
    fn update_queue(&mut self, slot: IpcSlot, semnum: Option<u16>, wake_q: &mut WakeQ) -> bool {
        let mut completed = false;
        'again: loop {
            let list = match semnum {
                Some(semnum) => self.k.sem(slot, semnum).pending_alter.clone(),
                None => self.k.sem_array(slot).pending_alter.clone(),
            };
            for &task in &list {
                if semnum.is_some_and(|semnum| self.k.sem(slot, semnum).semval == 0) {
                    break;
                }
                let result = match self.retry_semop(slot, task) {
                    Attempt::Blocks(_) => {
                        self.trace.rule(SEM_U_08);
                        continue;
                    }
                    Attempt::Done => Ok(()),
                    Attempt::Fails(errno) => Err(errno),
                };
                self.trace.rule(SEM_U_06);
                let sops = self.k.sem_queue(task).map(|queue| queue.sops.clone()).unwrap_or_default();
                self.unlink_sem(slot, task, &sops);
                let mut restart = false;
                if result.is_ok() {
                    completed = true;
                    if self.do_smart_wakeup_zero(slot, Some(&sops), wake_q) {
                        self.trace.rule(SEM_U_07);
                    }
                    // check_restart
                    restart = !self.k.sem_array(slot).pending_alter.is_empty() || sops.len() > 1;
                } else {
                    self.trace.rule(SEM_U_10);
                }
                self.finish_sem(task, result, wake_q);
                if restart {
                    continue 'again;
                }
            }
            return completed;
        }
    }
}
