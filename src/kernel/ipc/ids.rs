//! `ipc_ids`: from keys and ids to objects.

use super::super::{
    Cx, Errno, Kernel, Quirk,
    canon::canon_struct,
    footprint::{Access, ObjId},
    rules::*,
};
use super::{IPC_PRIVATE, IpcFlags, IpcId, IpcKey, KernIpcPerm};

/// The kinds of System V objects, each with its own ids and keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum IpcKind {
    /// Message queues.
    Msg,
    /// Semaphore sets.
    Sem,
    /// Shared memory segments.
    Shm,
}

impl IpcKind {
    /// All of them.
    pub const ALL: [IpcKind; 3] = [IpcKind::Msg, IpcKind::Sem, IpcKind::Shm];
}

/// Place of an object in the table of its kind.
pub type IpcSlot = u16;

/// `ipc_ids`: the ids of one kind in the namespace.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IpcIds {
    /// How many objects there are.
    pub in_use: u32,
    /// The sequence number of the last id.
    pub seq: u32,
    /// The index of the last id, plus one; 0 if there was none.
    pub next: u32,
    /// `ipcs_idr`: where the object with this index is.
    pub idr: Vec<Option<IpcSlot>>,
}

canon_struct!(IpcIds { in_use, seq, next, idr });

/// An id is so many times the sequence number, plus the index.
pub const IPCMNI: u32 = 32_768;
/// `ipc_min_cycle`: fewer indexes than this are not gone through.
const MIN_CYCLE: u32 = 64;

impl IpcIds {
    /// `ipc_get_maxidx`: the highest index in use.
    pub fn max_index(&self) -> Option<u32> {
        self.idr.iter().rposition(Option::is_some).map(|i| i as u32)
    }

    fn is_free(&self, index: u32) -> bool {
        self.idr.get(index as usize).is_none_or(Option::is_none)
    }

    /// `ipc_idr_alloc`: the id of a new object.
    fn alloc(&mut self, slot: IpcSlot, cyclic: bool) -> i32 {
        let seq_max = (i32::MAX as u32 / IPCMNI).min(u16::MAX.into());
        let index;
        let seq;
        if cyclic {
            let end = (self.in_use * 3 / 2).clamp(MIN_CYCLE, IPCMNI);
            let from = if self.next < end { self.next } else { 0 };
            index = (from..end).chain(0..from).find(|&i| self.is_free(i)).unwrap_or(0);
            if index < self.next {
                self.seq = (self.seq + 1) % seq_max;
            }
            seq = self.seq;
            self.next = index + 1;
        } else {
            index = (0..IPCMNI).find(|&i| self.is_free(i)).unwrap_or(0);
            seq = self.seq;
            self.seq = if self.seq + 1 > seq_max { 0 } else { self.seq + 1 };
        }
        if self.idr.len() <= index as usize {
            self.idr.resize(index as usize + 1, None);
        }
        self.idr[index as usize] = Some(slot);
        self.in_use += 1;
        (seq * IPCMNI + index) as i32
    }

    /// `ipc_rmid`
    fn remove(&mut self, id: i32) {
        self.in_use -= 1;
        self.idr[(id as u32 % IPCMNI) as usize] = None;
        while self.idr.last() == Some(&None) {
            self.idr.pop();
        }
    }
}

/// What the three `*get` calls do each in their own way.
pub(in super::super) trait IpcOps {
    /// Which kind.
    const KIND: IpcKind;
    /// The most objects of this kind.
    fn limit(&self, cx: &Cx) -> u32;
    /// `more_checks`: whether an object that the key has is what the caller asks for.
    fn more_checks(&self, cx: &mut Cx, slot: IpcSlot) -> Result<(), Errno>;
    /// Whether a new object can be made; comes before the limit.
    fn may_make(&self, cx: &mut Cx) -> Result<(), Errno>;
    /// `getnew`: puts a new object with this beginning into a free place of its table, which is returned.
    fn getnew(&self, cx: &mut Cx, perm: KernIpcPerm) -> IpcSlot;
}

impl Cx<'_> {
    /// The number of a key.
    pub(in super::super) fn ipc_key(&self, key: IpcKey) -> i32 {
        match key {
            IpcKey::Number(key) => key,
            IpcKey::Declared(object) => self.k.ipc_declared(object),
        }
    }

    /// The number of an id.
    #[inline]
    pub(in super::super) fn ipc_id(&self, id: IpcId) -> i32 {
        match id {
            IpcId::Number(id) => id,
            IpcId::Declared(object) => self.k.ipc_declared(object),
        }
    }

    /// `ipcget`: the id that belongs to a key, or a new one.
    pub(in super::super) fn ipcget<O: IpcOps>(&mut self, ops: &O, key: i32, flags: IpcFlags) -> Result<i32, Errno> {
        if key == IPC_PRIVATE {
            self.trace.rule(IPC_KEY_01);
            return self.ipc_addid(ops, key, flags);
        }
        self.trace.rule(IPC_KEY_02);
        let Some(slot) = self.k.ipc_findkey(O::KIND, key) else {
            if !flags.contains(IpcFlags::IPC_CREAT) {
                return Err(Errno::ENOENT);
            }
            return self.ipc_addid(ops, key, flags);
        };
        if flags.contains(IpcFlags::IPC_CREAT | IpcFlags::IPC_EXCL) {
            return Err(Errno::EEXIST);
        }
        ops.more_checks(self, slot)?;
        self.trace.rule(IPC_KEY_03);
        let perm = self.k.ipc_perm(O::KIND, slot).clone();
        if !self.ipcperms(&perm, flags.mode().into()) {
            return Err(Errno::EACCES);
        }
        Ok(perm.id)
    }

    /// `ipc_addid` with what precedes it: a new object.
    fn ipc_addid<O: IpcOps>(&mut self, ops: &O, key: i32, flags: IpcFlags) -> Result<i32, Errno> {
        ops.may_make(self)?;
        if self.k.ipc_ids(O::KIND).in_use >= ops.limit(self).min(IPCMNI) {
            self.trace.rule(IPC_LIM_01);
            return Err(Errno::ENOSPC);
        }
        let euid = self.euid();
        let perm =
            KernIpcPerm { valid: true, id: 0, key, uid: euid, gid: euid, cuid: euid, cgid: euid, mode: flags.mode() };
        let slot = ops.getnew(self, perm);
        let cyclic = self.env.quirks.has(Quirk::IpcCyclicIds);
        self.trace.rule(if cyclic { IPC_ID_03 } else { IPC_ID_02 });
        let id = self.k.ipc_ids_mut(O::KIND).alloc(slot, cyclic);
        self.k.ipc_perm_mut(O::KIND, slot).id = id;
        Ok(id)
    }

    /// `ipc_obtain_object_idr`: the object at an index.
    pub(in super::super) fn ipc_obtain_index(&mut self, kind: IpcKind, index: u32) -> Result<IpcSlot, Errno> {
        self.k.ipc_ids(kind).idr.get(index as usize).copied().flatten().ok_or(Errno::EINVAL)
    }

    /// `ipc_obtain_object_check`: the object with this id, which is not negative.
    #[inline]
    pub(in super::super) fn ipc_obtain(&mut self, kind: IpcKind, id: i32) -> Result<IpcSlot, Errno> {
        let found = self.ipc_obtain_index(kind, id as u32 % IPCMNI);
        let Ok(slot) = found else {
            self.trace.rule(IPC_ID_05);
            return found;
        };
        if self.k.ipc_perm(kind, slot).id == id {
            return found;
        }
        if self.env.quirks.has(Quirk::IpcStaleIdRemoved) {
            self.trace.rule(IPC_ID_05_EIDRM);
            return Err(Errno::EIDRM);
        }
        self.trace.rule(IPC_ID_05_SEQ);
        Err(Errno::EINVAL)
    }

    /// `ipc_valid_object`, under the lock: whether the object was not removed before that was had.
    #[inline]
    pub(in super::super) fn ipc_valid_object(&mut self, kind: IpcKind, slot: IpcSlot) -> Result<(), Errno> {
        if self.k.ipc_perm(kind, slot).valid {
            return Ok(());
        }
        self.trace.rule(IPC_ID_06);
        Err(Errno::EIDRM)
    }

    /// `ipc_rmid`: nothing finds the object any more.
    pub(in super::super) fn ipc_rmid(&mut self, kind: IpcKind, slot: IpcSlot) {
        let id = self.k.ipc_perm(kind, slot).id;
        self.k.ipc_ids_mut(kind).remove(id);
        *self.k.ipc_perm_mut(kind, slot) = KernIpcPerm::default();
    }
}

impl Kernel {
    /// Makes the IPC namespace: programs without System V IPC do without.
    pub fn make_ipc_namespace(&mut self) {
        for _ in IpcKind::ALL {
            self.ipc_ids.push(IpcIds::default());
        }
        self.make_sem_undos();
    }

    /// Whether there is one.
    #[inline]
    pub(in super::super) fn has_ipc(&self) -> bool {
        !self.ipc_ids.is_empty()
    }

    /// Remembers the id of a declared object or the number of a declared key. These never change.
    pub fn declare_ipc(&mut self, object: u16, number: i32) {
        self.ipc_declared.push((object, number));
    }

    /// The id of a declared object or the number of a declared key; -1 if there is none.
    pub fn ipc_declared(&self, object: u16) -> i32 {
        self.ipc_declared.iter().find(|(other, _)| *other == object).map_or(-1, |&(_, number)| number)
    }

    /// Reads the ids of a kind.
    #[inline]
    pub fn ipc_ids(&self, kind: IpcKind) -> &IpcIds {
        self.footprint.note(ObjId::IpcIds(kind), Access::Read);
        &self.ipc_ids[kind as usize]
    }

    /// Writes the ids of a kind.
    pub fn ipc_ids_mut(&mut self, kind: IpcKind) -> &mut IpcIds {
        self.footprint.note(ObjId::IpcIds(kind), Access::Write);
        self.ipc_ids.write(kind as usize)
    }

    /// The place of the object with this id, if it is there.
    pub fn ipc_find(&self, kind: IpcKind, id: i32) -> Option<IpcSlot> {
        let index = usize::try_from(id).ok()? % IPCMNI as usize;
        let slot = self.ipc_ids.iter().as_slice().get(kind as usize)?.idr.get(index).copied().flatten()?;
        (self.ipc_perm(kind, slot).id == id).then_some(slot)
    }

    /// `ipc_findkey`
    fn ipc_findkey(&self, kind: IpcKind, key: i32) -> Option<IpcSlot> {
        let slots = self.ipc_ids(kind).idr.iter().flatten().copied();
        slots.into_iter().find(|&slot| self.ipc_perm(kind, slot).key == key)
    }

    /// Reads what an object begins with.
    pub fn ipc_perm(&self, kind: IpcKind, slot: IpcSlot) -> &KernIpcPerm {
        match kind {
            IpcKind::Msg => &self.msq(slot).q_perm,
            IpcKind::Sem => &self.sem_array(slot).sem_perm,
            IpcKind::Shm => &self.shmid(slot).shm_perm,
        }
    }

    /// Writes what an object begins with.
    pub fn ipc_perm_mut(&mut self, kind: IpcKind, slot: IpcSlot) -> &mut KernIpcPerm {
        match kind {
            IpcKind::Msg => &mut self.msq_mut(slot).q_perm,
            IpcKind::Sem => &mut self.sem_array_mut(slot).sem_perm,
            IpcKind::Shm => &mut self.shmid_mut(slot).shm_perm,
        }
    }

    /// What must always hold of ids.
    pub(in super::super) fn ipc_invariants(&self) -> Result<(), String> {
        for (kind, ids) in IpcKind::ALL.into_iter().zip(self.ipc_ids.iter()) {
            if ids.idr.iter().flatten().count() != ids.in_use as usize {
                return Err(format!("{kind:?}: {} ids are counted, which is wrong", ids.in_use));
            }
            for (index, slot) in ids.idr.iter().enumerate().filter_map(|(i, slot)| Some((i, (*slot)?))) {
                let perm = self.ipc_perm(kind, slot);
                if !perm.valid || perm.id as usize % IPCMNI as usize != index {
                    return Err(format!("{kind:?}: index {index} leads to an object that does not know it"));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make_and_remove(ids: &mut IpcIds, cyclic: bool) -> i32 {
        let id = ids.alloc(0, cyclic);
        ids.remove(id);
        id
    }

    #[test]
    fn cyclic_ids_go_through_64_indexes() {
        let mut ids = IpcIds::default();
        let seen: Vec<i32> = (0..66).map(|_| make_and_remove(&mut ids, true)).collect();
        assert_eq!(seen[..64], (0..64).collect::<Vec<_>>());
        assert_eq!(seen[64..], [32_768, 32_769]);
    }

    #[test]
    fn old_ids_take_the_lowest_index_with_a_new_sequence_number() {
        let mut ids = IpcIds::default();
        let seen: Vec<i32> = (0..3).map(|_| make_and_remove(&mut ids, false)).collect();
        assert_eq!(seen, [0, 32_768, 65_536]);
    }

    /// With 100 objects kept, indexes go up to 99; then the lowest free one comes with the next sequence number.
    #[test]
    fn many_objects_widen_the_cycle() {
        let mut ids = IpcIds::default();
        for i in 0..100 {
            assert_eq!(ids.alloc(i, true), i32::from(i));
        }
        ids.remove(5);
        assert_eq!(ids.alloc(5, true), 100);
    }
}
