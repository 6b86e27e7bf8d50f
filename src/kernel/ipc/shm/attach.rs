//! `shmat` and `shmdt`.

use super::super::super::{
    Addr, Cx, Errno, MMAP_BASE, PAGE_SIZE, Quirk, Return, Step,
    canon::{canon_enum, canon_flags, canon_struct},
    rules::*,
};
use super::super::{IpcKind, IpcSlot, S_IRUGO, S_IWUGO};
use super::{ShmFlags, Vma};

/// Asks to execute.
const S_IXUGO: u32 = 0o111;
/// `TASK_SIZE` of x86-64.
const TASK_SIZE: Addr = 0x7fff_ffff_f000;
const PAGE: Addr = PAGE_SIZE as Addr;

/// `do_shmat` on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShmAt {
    /// Where it is.
    at: At,
    id: i32,
    /// Where to map it, rounded; `None` lets the kernel choose.
    addr: Option<Addr>,
    flags: ShmFlags,
    /// The segment, once it was found.
    slot: IpcSlot,
    /// What it will return.
    result: i64,
    /// Or why it fails.
    errno: Option<Errno>,
}

/// The places of a `shmat` where others can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    /// Before it looks for the segment.
    Begin,
    /// The segment is found and may be attached; about to take its lock.
    Locked,
    /// The segment is pinned: `shm_nattch` counts this call too.
    Map,
    /// It is mapped, or not, and still pinned.
    Unpin,
}

canon_enum!(At { 0 => Begin, 1 => Map, 2 => Unpin, 3 => Locked, });
canon_flags!(ShmFlags);
canon_struct!(ShmAt { at, id, addr, flags, slot, result, errno });

impl ShmAt {
    /// Everything that is looked at before the segment.
    pub fn new(cx: &mut Cx, id: i32, addr: Addr, flags: ShmFlags) -> Result<Self, Errno> {
        cx.trace.rule(SHM_A_01);
        if id < 0 {
            return Err(Errno::EINVAL);
        }
        let remap = flags.contains(ShmFlags::SHM_REMAP);
        let addr = match addr {
            0 => {
                cx.trace.rule(SHM_A_02);
                if remap {
                    return Err(Errno::EINVAL);
                }
                None
            }
            addr if addr % PAGE == 0 => Some(addr),
            addr => {
                cx.trace.rule(SHM_A_03);
                let nil = addr < PAGE;
                let not_rounded = nil && cx.env.quirks.has(Quirk::ShmRndNilRefused);
                if not_rounded && flags.contains(ShmFlags::SHM_RND) {
                    cx.trace.rule(SHM_04);
                }
                let refused = not_rounded || nil && remap && cx.env.quirks.has(Quirk::ShmRemapNilRefused);
                if !flags.contains(ShmFlags::SHM_RND) || refused {
                    return Err(Errno::EINVAL);
                }
                Some(addr - addr % PAGE)
            }
        };
        Ok(ShmAt { at: At::Begin, id, addr, flags, slot: 0, result: 0, errno: None })
    }

    /// The segment that it counts for although it has not mapped it, or no longer needs to.
    pub(super) fn pinned(&self) -> Option<IpcSlot> {
        matches!(self.at, At::Map | At::Unpin).then_some(self.slot)
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::Begin => match self.find(cx) {
                Ok(()) => {
                    self.at = At::Locked;
                    Step::Preempted
                }
                Err(errno) => Step::Returned(errno.into()),
            },
            At::Locked => {
                // Another one may be in its place by now; the kernel's pointer would not have become that one.
                if cx.k.shmid(self.slot).shm_perm.id != self.id || !cx.k.shmid(self.slot).shm_perm.valid {
                    cx.trace.rule(IPC_ID_06);
                    return Step::Returned(Errno::EIDRM.into());
                }
                cx.k.shmid_mut(self.slot).shm_nattch += 1;
                self.at = At::Map;
                Step::Preempted
            }
            At::Map => {
                match self.map(cx) {
                    Ok(addr) => {
                        cx.trace.rule(SHM_A_07);
                        self.result = addr;
                    }
                    Err(errno) => self.errno = Some(errno),
                }
                self.at = At::Unpin;
                Step::Preempted
            }
            At::Unpin => {
                cx.k.shmid_mut(self.slot).shm_nattch -= 1;
                cx.destroy_if_due(self.slot);
                Step::Returned(self.errno.map_or_else(|| Return::value(self.result), Return::error))
            }
        }
    }

    /// Finds the segment and looks at its permissions.
    fn find(&mut self, cx: &mut Cx) -> Result<(), Errno> {
        self.slot = cx.ipc_obtain(IpcKind::Shm, self.id)?;
        let mut asked = S_IRUGO;
        if self.flags.contains(ShmFlags::SHM_RDONLY) {
            cx.trace.rule(SHM_A_06);
        } else {
            asked |= S_IWUGO;
        }
        if self.flags.contains(ShmFlags::SHM_EXEC) {
            asked |= S_IXUGO;
        }
        cx.trace.rule(SHM_A_05);
        let perm = cx.k.shmid(self.slot).shm_perm.clone();
        if !cx.ipcperms(&perm, asked) {
            return Err(Errno::EACCES);
        }
        if perm.mode & super::SHM_DEST != 0 {
            cx.trace.rule(SHM_A_10);
        }
        Ok(())
    }

    /// `do_mmap`, under the lock of the address space.
    fn map(&self, cx: &mut Cx) -> Result<Addr, Errno> {
        let process = cx.k.process_id_of(cx.me);
        let size = cx.k.shmid(self.slot).pages() as Addr * PAGE;
        let start = match self.addr {
            None => cx.k.mm(process).unmapped_area(),
            Some(addr) => {
                let end = addr.checked_add(size).ok_or(Errno::EINVAL)?;
                let overlap = cx.k.mm(process).overlaps(addr, end);
                if !self.flags.contains(ShmFlags::SHM_REMAP) && addr != 0 {
                    cx.trace.rule(SHM_A_04);
                    if overlap {
                        return Err(Errno::EINVAL);
                    }
                }
                // Those that stand for a place that the kernel chose are not where they seem to be.
                if addr < MMAP_BASE {
                    if addr > TASK_SIZE - size {
                        return Err(Errno::ENOMEM);
                    }
                    if (addr as u64) < cx.env.limits.mmap_min_addr.max(1) {
                        cx.trace.rule(SHM_A_03_LOW);
                        return Err(Errno::EPERM);
                    }
                }
                if overlap {
                    cx.trace.rule(SHM_A_08);
                    cx.unmap(process, addr, end);
                }
                addr
            }
        };
        cx.trace.rule(SHM_A_09);
        let file = cx.k.mm(process).new_file();
        let write = !self.flags.contains(ShmFlags::SHM_RDONLY);
        cx.map(process, Vma { start, end: start + size, shm: self.slot, pgoff: 0, write, file });
        Ok(start)
    }

    /// Where it is, in words.
    pub(in super::super::super) fn place(&self) -> &'static str {
        match self.at {
            At::Begin => "about to look for the segment",
            At::Locked => "segment found, about to take its lock",
            At::Map => "segment pinned, about to map it",
            At::Unpin => "segment mapped, about to unpin it",
        }
    }
}

/// `ksys_shmdt` on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShmDt {
    addr: Addr,
    /// Whether everything is unmapped, and only the return is left.
    done: bool,
}

canon_struct!(ShmDt { addr, done });

impl ShmDt {
    /// At its beginning.
    pub fn new(addr: Addr) -> Self {
        ShmDt { addr, done: false }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        if self.done {
            return Step::Returned(Return::value(0));
        }
        match cx.shmdt(self.addr) {
            Ok(()) => {
                self.done = true;
                Step::Preempted
            }
            Err(errno) => Step::Returned(errno.into()),
        }
    }

    /// Where it is, in words.
    pub(in super::super::super) fn place(&self) -> &'static str {
        if self.done { "segment unmapped, about to return" } else { "about to look for the mapping" }
    }
}

impl Cx<'_> {
    /// `ksys_shmdt`, from the lock of the address space on.
    fn shmdt(&mut self, addr: Addr) -> Result<(), Errno> {
        self.trace.rule(SHM_D_01);
        if addr % PAGE != 0 {
            return Err(Errno::EINVAL);
        }
        let process = self.k.process_id_of(self.me);
        // A mapping of the whole address space of another thread goes with an interrupt, which empties its store buffer.
        for thread in self.k.threads_of(self.me) {
            self.k.drain(thread);
        }
        let begins = |vma: &&Vma| vma.end > addr && (vma.start - addr) / PAGE == Addr::from(vma.pgoff);
        let Some(first) = self.k.mm(process).vmas.iter().find(begins).copied() else {
            return Err(Errno::EINVAL);
        };
        self.trace.rule(SHM_D_02);
        let size = self.k.shmid(first.shm).pages() as Addr * PAGE;
        let pieces: Vec<Vma> = self.k.mm(process).vmas.iter().filter(begins).copied().collect();
        for vma in pieces {
            if vma == first || vma.end - addr <= size && vma.file == first.file {
                self.unmap(process, vma.start, vma.end);
            }
        }
        Ok(())
    }
}
