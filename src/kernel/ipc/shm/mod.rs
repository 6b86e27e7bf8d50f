//! Shared memory, and the processor's accesses to it.

mod access;
mod attach;
mod buffer;
mod call;
mod ctl;
mod mm;

pub use attach::{ShmAt, ShmDt};
pub use buffer::{Pending, StoreBuffer};
pub use call::{INFO_FIELDS, STAT_FIELDS, STAT_PIDS, ShmCall, ShmCtl, ShmFlags, USE_FIELDS};
pub use ctl::ShmCtlCall;
pub use mm::{Mm, Vma};

use super::super::{
    Cx, Errno, Frame, InCall, Kernel, PAGE_SIZE, Return, Step, TaskId,
    canon::canon_struct,
    footprint::{Access, ObjId},
    rules::*,
    syscall::{Entered, fails},
};
use super::{IPC_PRIVATE, IpcFlags, IpcKey, IpcKind, IpcOps, IpcSlot, KernIpcPerm, Pid};

/// `shm_perm.mode`: the segment goes at its last detach.
pub const SHM_DEST: u16 = 0o1000;
/// `shm_perm.mode`: its pages stay in memory.
pub const SHM_LOCKED: u16 = 0o2000;
/// Huge pages, which are not modelled.
const SHM_HUGETLB: u32 = 0o4000;

/// `shmid_kernel`: a segment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ShmidKernel {
    /// Id, key, owner, permissions.
    pub shm_perm: KernIpcPerm,
    /// Number of mappings, in all processes; one more while an attach is under way.
    pub shm_nattch: u32,
    /// Size as it was asked for, bytes.
    pub shm_segsz: u64,
    /// Whether it was ever attached.
    pub shm_atim: bool,
    /// Whether it was ever detached.
    pub shm_dtim: bool,
    /// Who made it; nobody, if the test declares it.
    pub shm_cprid: Pid,
    /// Who attached or detached last.
    pub shm_lprid: Pid,
    /// The task that made it, while it lives and it matters (`kernel.shm_rmid_forced`).
    pub shm_creator: Option<TaskId>,
    /// Cells that are not 0, by index.
    cells: Vec<(u32, i64)>,
}

canon_struct!(ShmidKernel {
    shm_perm,
    shm_nattch,
    shm_segsz,
    shm_atim,
    shm_dtim,
    shm_cprid,
    shm_lprid,
    shm_creator,
    cells,
});

impl ShmidKernel {
    /// What a cell holds.
    pub fn cell(&self, index: u32) -> i64 {
        self.cells.binary_search_by_key(&index, |&(i, _)| i).map_or(0, |at| self.cells[at].1)
    }

    /// The cells that are not 0.
    pub fn cells(&self) -> &[(u32, i64)] {
        &self.cells
    }

    fn set_cell(&mut self, index: u32, value: i64) {
        match (self.cells.binary_search_by_key(&index, |&(i, _)| i), value) {
            (Ok(at), 0) => _ = self.cells.remove(at),
            (Ok(at), value) => self.cells[at].1 = value,
            (Err(_), 0) => {}
            (Err(at), value) => self.cells.insert(at, (index, value)),
        }
    }

    /// Its pages.
    pub fn pages(&self) -> u64 {
        self.shm_segsz.div_ceil(PAGE_SIZE.into())
    }
}

/// What `shmget` does in its own way.
struct ShmOps {
    size: u64,
}

impl IpcOps for ShmOps {
    const KIND: IpcKind = IpcKind::Shm;

    fn limit(&self, cx: &Cx) -> u32 {
        cx.env.limits.shmmni
    }

    /// `shm_more_checks`
    fn more_checks(&self, cx: &mut Cx, slot: IpcSlot) -> Result<(), Errno> {
        cx.trace.rule(SHM_G_01);
        if self.size > cx.k.shmid(slot).shm_segsz { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// `newseg`, up to the limit of ids.
    fn may_make(&self, cx: &mut Cx) -> Result<(), Errno> {
        cx.trace.rule(SHM_G_02);
        if self.size < 1 || self.size > cx.env.limits.shmmax {
            return Err(Errno::EINVAL);
        }
        let pages = self.size.div_ceil(PAGE_SIZE.into());
        if cx.k.shm_tot() + pages > cx.env.limits.shmall {
            cx.trace.rule(SHM_G_02_ALL);
            return Err(Errno::ENOSPC);
        }
        // shmem_file_setup: a file of tmpfs cannot be larger, nor more than the address space.
        if self.size > i64::MAX as u64 {
            return Err(Errno::EINVAL);
        }
        Ok(())
    }

    /// The rest of `newseg`.
    fn getnew(&self, cx: &mut Cx, shm_perm: KernIpcPerm) -> IpcSlot {
        cx.trace.rule(SHM_G_04);
        let shm_creator = cx.env.limits.shm_rmid_forced.then_some(cx.me);
        let shm_cprid = cx.my_tgid();
        cx.k.install_shmid(ShmidKernel {
            shm_perm,
            shm_segsz: self.size,
            shm_cprid,
            shm_creator,
            ..ShmidKernel::default()
        })
    }
}

/// Makes a declared segment. It belongs to the owner of the test, whoever the first task is.
///
/// # Errors
///
/// Those of `shmget`.
pub fn make(cx: &mut Cx, key: IpcKey, flags: IpcFlags, size: u64) -> Result<i32, Errno> {
    let key = cx.ipc_key(key);
    let id = cx.ipcget(&ShmOps { size }, key, flags)?;
    let slot = cx.ipc_obtain(IpcKind::Shm, id)?;
    let shm = cx.k.shmid_mut(slot);
    let perm = &mut shm.shm_perm;
    (perm.uid, perm.gid, perm.cuid, perm.cgid) = (0, 0, 0, 0);
    (shm.shm_cprid, shm.shm_creator) = (Pid::NOBODY, None);
    Ok(id)
}

impl Cx<'_> {
    /// Into a call on shared memory.
    pub(in super::super) fn enter_shm(&mut self, call: ShmCall) -> Entered {
        match call {
            ShmCall::Get { key, size, flags } => {
                let key = self.ipc_key(key);
                if flags.bits() & SHM_HUGETLB != 0 {
                    // Without huge pages set aside.
                    return Err(fails(Errno::ENOMEM));
                }
                let id = self.ipcget(&ShmOps { size }, key, flags).map_err(fails)?;
                Err(Step::Returned(Return::value(id.into())))
            }
            ShmCall::At { id, addr, flags } => {
                let id = self.ipc_id(id);
                let call = ShmAt::new(self, id, addr, flags).map_err(fails)?;
                Ok(Frame { call: Some(InCall::ShmAt(Box::new(call))), fput: None })
            }
            ShmCall::Dt { addr } => Ok(Frame { call: Some(InCall::ShmDt(Box::new(ShmDt::new(addr)))), fput: None }),
            ShmCall::Ctl { id, cmd, null } => {
                let id = self.ipc_id(id);
                let call = ShmCtlCall::new(self, id, cmd, null).map_err(fails)?;
                Ok(Frame { call: Some(InCall::ShmCtl(Box::new(call))), fput: None })
            }
        }
    }

    /// `shm_may_destroy`, and if so `shm_destroy`.
    fn destroy_if_due(&mut self, slot: IpcSlot) {
        let shm = self.k.shmid(slot);
        let forced = self.env.limits.shm_rmid_forced;
        if shm.shm_nattch > 0 || !(forced || shm.shm_perm.mode & SHM_DEST != 0) {
            return;
        }
        self.trace.rule(if shm.shm_perm.mode & SHM_DEST != 0 { SHM_C_05 } else { SHM_F_01 });
        self.shm_destroy(slot);
    }

    fn shm_destroy(&mut self, slot: IpcSlot) {
        for (cell, _) in self.k.shmid(slot).cells.clone() {
            self.k.footprint.note(ObjId::Cell(slot, cell), Access::Write);
        }
        self.ipc_rmid(IpcKind::Shm, slot);
        *self.k.shmid_mut(slot) = ShmidKernel::default();
    }

    /// `do_shm_rmid`
    fn do_shm_rmid(&mut self, slot: IpcSlot) {
        self.trace.rule(SHM_C_04);
        if self.k.shmid(slot).shm_nattch == 0 {
            return self.shm_destroy(slot);
        }
        let perm = &mut self.k.shmid_mut(slot).shm_perm;
        perm.mode |= SHM_DEST;
        // Nobody finds it by its key any more.
        perm.key = IPC_PRIVATE;
    }

    /// `exit_shm`: what a task has made and nobody has attached goes with it, if that is forced; else it has no creator from now on.
    pub(in super::super) fn exit_shm(&mut self) {
        if !self.env.limits.shm_rmid_forced {
            return;
        }
        let mine: Vec<IpcSlot> =
            self.k.shmids().filter(|(_, shm)| shm.shm_creator == Some(self.me)).map(|(slot, _)| slot).collect();
        for slot in mine {
            self.k.shmid_mut(slot).shm_creator = None;
            self.destroy_if_due(slot);
        }
    }
}

impl Kernel {
    /// Reads everything of a segment but its cells.
    pub fn shmid(&self, slot: IpcSlot) -> &ShmidKernel {
        self.footprint.note(ObjId::Shmid(slot), Access::Read);
        &self.shmids[slot.into()]
    }

    /// Writes everything of a segment but its cells.
    pub fn shmid_mut(&mut self, slot: IpcSlot) -> &mut ShmidKernel {
        self.footprint.note(ObjId::Shmid(slot), Access::Write);
        self.shmids.write(slot.into())
    }

    /// All segments that there are.
    pub fn shmids(&self) -> impl Iterator<Item = (IpcSlot, &ShmidKernel)> {
        let all = self.shmids.iter().enumerate();
        all.filter(|(_, shm)| shm.shm_perm.valid).map(|(i, shm)| (i as IpcSlot, shm))
    }

    /// `shm_tot`: pages of all segments.
    fn shm_tot(&self) -> u64 {
        self.footprint.note(ObjId::IpcIds(IpcKind::Shm), Access::Read);
        self.shmids().map(|(_, shm)| shm.pages()).sum()
    }

    /// Puts a segment into the lowest free place.
    fn install_shmid(&mut self, shm: ShmidKernel) -> IpcSlot {
        self.footprint.note(ObjId::IpcIds(IpcKind::Shm), Access::Write);
        let place = match self.shmids.iter().position(|shm| !shm.shm_perm.valid) {
            Some(i) => {
                *self.shmids.write(i) = shm;
                i
            }
            None => self.shmids.push(shm),
        };
        self.footprint.note(ObjId::Shmid(place as IpcSlot), Access::Write);
        place as IpcSlot
    }

    /// What must always hold of segments and their mappings.
    pub(in super::super) fn shm_invariants(&self) -> Result<(), String> {
        let mut mapped = vec![0u32; self.shmids.len()];
        for (_, process) in self.processes() {
            process.mm.invariants()?;
            process.mm.vmas.iter().for_each(|vma| mapped[usize::from(vma.shm)] += 1);
        }
        for (_, task) in self.tasks() {
            if let Some(InCall::ShmAt(call)) = &task.frame.call
                && let Some(slot) = call.pinned()
            {
                mapped[usize::from(slot)] += 1;
            }
        }
        for (slot, shm) in self.shmids.iter().enumerate() {
            if mapped[slot] != shm.shm_nattch {
                return Err(format!("segment {slot}: {} mappings and shm_nattch {}", mapped[slot], shm.shm_nattch));
            }
            if shm.shm_perm.mode & SHM_DEST != 0 && (shm.shm_perm.key != IPC_PRIVATE || shm.shm_nattch == 0) {
                return Err(format!("segment {slot}: marked to go, and still found by its key or attached by nobody"));
            }
        }
        Ok(())
    }
}
