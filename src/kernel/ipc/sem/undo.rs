//! `SEM_UNDO`: what is taken back when a process exits.

use super::super::super::{
    Cx, Kernel, ProcessId, TaskId,
    canon::{canon_struct, clone_reusing},
    footprint::{Access, ObjId},
    rules::*,
};
use super::super::{IpcSlot, Pid, WakeQ};
use super::SEMVMX;

/// `sem_undo`: the adjustments of a process to a set.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct SemUndo {
    /// The set.
    pub slot: IpcSlot,
    /// What is added to each of its semaphores at exit.
    pub semadj: Vec<i16>,
}

/// `sem_undo_list`: those of one process, whose threads share it; the one used last comes first.
#[derive(PartialEq, Eq, Debug, Default)]
pub(in crate::kernel) struct SemUndoList {
    list_proc: Vec<SemUndo>,
}

clone_reusing!(SemUndo { slot, semadj });
clone_reusing!(SemUndoList { list_proc });
canon_struct!(SemUndo { slot, semadj });
canon_struct!(SemUndoList { list_proc });

impl Kernel {
    /// A list for every process, nothing in any.
    pub(in crate::kernel) fn make_sem_undos(&mut self) {
        for _ in 0..self.process_count() {
            self.sem_undos.push(SemUndoList::default());
        }
    }

    fn undo_list(&self, process: ProcessId) -> &[SemUndo] {
        self.footprint.note(ObjId::SemUndo(process), Access::Read);
        self.sem_undos.iter().as_slice().get(usize::from(process)).map_or(&[], |list| &list.list_proc)
    }

    fn undo_list_mut(&mut self, process: ProcessId) -> &mut Vec<SemUndo> {
        self.footprint.note(ObjId::SemUndo(process), Access::Write);
        &mut self.sem_undos.write(process.into()).list_proc
    }

    /// The adjustments of a process, those used last first.
    pub fn sem_undos(&self, process: ProcessId) -> &[SemUndo] {
        self.sem_undos.iter().as_slice().get(usize::from(process)).map_or(&[], |list| &list.list_proc)
    }

    /// Whether a process has adjustments to a set.
    pub(super) fn has_undo(&self, process: ProcessId, slot: IpcSlot) -> bool {
        self.undo_list(process).iter().any(|undo| undo.slot == slot)
    }

    /// What is added to a semaphore when a process exits.
    pub(super) fn semadj(&self, process: ProcessId, slot: IpcSlot, semnum: u16) -> i16 {
        let undo = self.undo_list(process).iter().find(|undo| undo.slot == slot);
        undo.and_then(|undo| undo.semadj.get(usize::from(semnum))).copied().unwrap_or(0)
    }

    /// The same, to be changed. [`Cx::find_undo`] or [`Cx::alloc_undo`] came before.
    pub(super) fn semadj_mut(&mut self, process: ProcessId, slot: IpcSlot, semnum: u16) -> &mut i16 {
        let nsems = self.sem_array(slot).nsems();
        let list = self.undo_list_mut(process);
        let at = list.iter().position(|undo| undo.slot == slot).unwrap_or_else(|| {
            list.push(SemUndo { slot, semadj: vec![0; nsems] });
            list.len() - 1
        });
        &mut list[at].semadj[usize::from(semnum)]
    }

    /// Every process forgets its adjustments to one semaphore of a set, or to all.
    pub(super) fn clear_semadj(&mut self, slot: IpcSlot, semnum: Option<u16>) {
        for process in self.sem_array(slot).list_id.clone() {
            let clear = |undo: &mut SemUndo| match semnum {
                Some(semnum) => undo.semadj[usize::from(semnum)] = 0,
                None => undo.semadj.fill(0),
            };
            self.undo_list_mut(process).iter_mut().filter(|undo| undo.slot == slot).for_each(clear);
        }
    }

    /// Every process forgets a set that is removed.
    pub(super) fn drop_undos(&mut self, slot: IpcSlot) {
        for process in std::mem::take(&mut self.sem_array_mut(slot).list_id) {
            self.undo_list_mut(process).retain(|undo| undo.slot != slot);
        }
    }
}

impl Cx<'_> {
    /// The process id of a task, if somebody can see it.
    pub(super) fn tgid_of(&self, task: TaskId) -> Pid {
        if self.env.observe.pids { Pid::of(self.k.leader_of(task)) } else { Pid::NOBODY }
    }

    /// `lookup_undo`: whether the caller's process has adjustments to the set; they come first now.
    pub(super) fn find_undo(&mut self, slot: IpcSlot) -> bool {
        let process = self.k.task(self.me).process;
        let Some(at) = self.k.undo_list(process).iter().position(|undo| undo.slot == slot) else { return false };
        if at > 0 {
            self.k.undo_list_mut(process)[..=at].rotate_right(1);
        }
        true
    }

    /// The end of `find_alloc_undo`, under the lock of the set.
    pub(super) fn alloc_undo(&mut self, slot: IpcSlot) {
        self.trace.rule(SEM_E_04);
        if self.find_undo(slot) {
            return;
        }
        let process = self.k.task(self.me).process;
        let nsems = self.k.sem_array(slot).nsems();
        self.k.undo_list_mut(process).insert(0, SemUndo { slot, semadj: vec![0; nsems] });
        self.k.sem_array_mut(slot).list_id.insert(0, process);
    }

    /// One turn of `exit_sem`: the adjustments of the caller's process to the set that it used last. Whether there was one.
    pub(in crate::kernel) fn exit_sem(&mut self, wake_q: &mut WakeQ) -> bool {
        let process = self.k.task(self.me).process;
        if self.k.undo_list(process).is_empty() {
            return false;
        }
        self.trace.rule(SEM_X_01);
        if self.k.undo_list(process).len() > 1 {
            self.trace.rule(SEM_X_02);
        }
        let SemUndo { slot, semadj } = self.k.undo_list_mut(process).remove(0);
        self.k.sem_array_mut(slot).list_id.retain(|&mut other| other != process);
        let pid = self.my_tgid();
        for (semnum, adj) in (0..).zip(semadj).filter(|&(_, adj)| adj != 0) {
            self.trace.rule(SEM_X_03);
            let sem = self.k.sem_mut(slot, semnum);
            let value = i32::from(sem.semval) + i32::from(adj);
            sem.semval = value.clamp(0, SEMVMX) as u16;
            sem.sempid = pid;
            if i32::from(sem.semval) != value {
                self.trace.rule(SEM_X_03_CLAMP);
            }
        }
        self.do_smart_update(slot, None, true, wake_q);
        self.sem_unlock(slot);
        true
    }

    /// Whether the caller's process has anything to take back.
    pub(in crate::kernel) fn has_undos(&self) -> bool {
        !self.k.sem_undos(self.k.task(self.me).process).is_empty()
    }
}
