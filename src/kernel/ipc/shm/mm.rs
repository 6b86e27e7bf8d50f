//! `mm_struct`: where a process has segments attached, and what opens and closes of mappings count.

use super::super::super::{
    Addr, CELL_SIZE, Cx, Kernel, MMAP_BASE, MMAP_SHIFT, PAGE_SIZE, ProcessId,
    canon::canon_struct,
    footprint::{Access, ObjId},
    mmap_address,
    rules::*,
};
use super::super::{IpcSlot, Pid};

/// The mappings of a process, as far as they are of shared memory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mm {
    /// By address.
    pub vmas: Vec<Vma>,
}

/// `vm_area_struct`: one mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Vma {
    /// `vm_start`: its first byte, at a page.
    pub start: Addr,
    /// `vm_end`: one past its last byte, at a page.
    pub end: Addr,
    /// The segment.
    pub shm: IpcSlot,
    /// `vm_pgoff`: with which page of the segment it begins.
    pub pgoff: u32,
    /// `VM_WRITE`
    pub write: bool,
    /// `vm_file`: pieces of one attach have the same.
    pub file: u16,
}

canon_struct!(Mm { vmas });
canon_struct!(Vma { start, end, shm, pgoff, write, file });

impl Vma {
    /// The cell of the segment that an address is in.
    pub fn cell(&self, addr: Addr) -> u32 {
        let offset = (addr - self.start) as u64 + u64::from(self.pgoff) * u64::from(PAGE_SIZE);
        (offset / u64::from(CELL_SIZE)) as u32
    }

    /// What is left of it in a range.
    fn part(self, start: Addr, end: Addr) -> Option<Vma> {
        let (from, to) = (self.start.max(start), self.end.min(end));
        let skipped = ((from - self.start) / Addr::from(PAGE_SIZE)) as u32;
        (from < to).then_some(Vma { start: from, end: to, pgoff: self.pgoff + skipped, ..self })
    }
}

impl Mm {
    /// `find_vma` for an address that is mapped.
    pub fn at(&self, addr: Addr) -> Option<&Vma> {
        self.vmas.iter().find(|vma| (vma.start..vma.end).contains(&addr))
    }

    /// `find_vma_intersection`
    pub fn overlaps(&self, start: Addr, end: Addr) -> bool {
        self.vmas.iter().any(|vma| vma.start < end && start < vma.end)
    }

    /// The address that the kernel chooses for a new mapping.
    pub fn unmapped_area(&self) -> Addr {
        let slot_of = |addr: Addr| (addr >= MMAP_BASE).then(|| (addr - MMAP_BASE) >> MMAP_SHIFT);
        let used = |slot: u32| self.vmas.iter().any(|vma| slot_of(vma.start) == Some(slot.into()));
        mmap_address((0..).find(|&slot| !used(slot)).unwrap_or(0))
    }

    /// A number for the file of a new attach.
    pub(super) fn new_file(&self) -> u16 {
        (0..).find(|&file| self.vmas.iter().all(|vma| vma.file != file)).unwrap_or(0)
    }

    fn insert(&mut self, vma: Vma) {
        let at = self.vmas.partition_point(|other| other.start < vma.start);
        self.vmas.insert(at, vma);
    }

    pub(super) fn invariants(&self) -> Result<(), String> {
        if self.vmas.windows(2).any(|pair| pair[0].end > pair[1].start) {
            return Err("two mappings overlap".into());
        }
        Ok(())
    }
}

impl Kernel {
    /// Reads the mappings of a process.
    #[inline]
    pub fn mm(&self, process: ProcessId) -> &Mm {
        self.footprint.note(ObjId::Mm(process), Access::Read);
        &self.process_unnoted(process).mm
    }

    fn mm_mut(&mut self, process: ProcessId) -> &mut Mm {
        self.footprint.note(ObjId::Mm(process), Access::Write);
        &mut self.process_unnoted_mut(process).mm
    }

    /// Maps a segment where the kernel would, before the tasks begin: the process attaches it itself, with the rights of the owner of
    /// the test.
    pub fn attach(&mut self, process: ProcessId, shm: IpcSlot, attacher: Pid) {
        let pages = self.shmid(shm).pages();
        let (start, file) = (self.mm(process).unmapped_area(), self.mm(process).new_file());
        let end = start + pages as Addr * Addr::from(PAGE_SIZE);
        self.mm_mut(process).insert(Vma { start, end, shm, pgoff: 0, write: true, file });
        self.shm_open(shm, attacher);
    }

    /// `shm_open`: one mapping more.
    fn shm_open(&mut self, shm: IpcSlot, by: Pid) {
        let shm = self.shmid_mut(shm);
        shm.shm_nattch += 1;
        shm.shm_atim = true;
        shm.shm_lprid = by;
    }
}

impl Cx<'_> {
    /// A new mapping.
    pub(super) fn map(&mut self, process: ProcessId, vma: Vma) {
        self.k.mm_mut(process).insert(vma);
        let by = self.my_tgid();
        self.k.shm_open(vma.shm, by);
    }

    /// `shm_close`: one mapping less.
    fn shm_close(&mut self, shm: IpcSlot) {
        self.trace.rule(SHM_V_03);
        let by = self.my_tgid();
        let segment = self.k.shmid_mut(shm);
        segment.shm_lprid = by;
        segment.shm_dtim = true;
        segment.shm_nattch -= 1;
        self.destroy_if_due(shm);
    }

    /// `do_vma_munmap`: nothing is mapped in a range any more. A mapping that sticks out at both ends becomes two.
    pub(super) fn unmap(&mut self, process: ProcessId, start: Addr, end: Addr) {
        let hit: Vec<Vma> =
            self.k.mm(process).vmas.iter().filter(|vma| vma.start < end && start < vma.end).copied().collect();
        for vma in hit {
            let mm = self.k.mm_mut(process);
            mm.vmas.retain(|other| *other != vma);
            let rest = [vma.part(vma.start, start), vma.part(end, vma.end)];
            rest.into_iter().flatten().for_each(|part| mm.insert(part));
            match rest {
                [None, None] => self.shm_close(vma.shm),
                [Some(_), Some(_)] => {
                    // The middle was split off twice, and closed.
                    self.trace.rule(SHM_V_02);
                    let by = self.my_tgid();
                    self.k.shm_open(vma.shm, by);
                    self.k.shmid_mut(vma.shm).shm_dtim = true;
                }
                _ => {
                    self.trace.rule(SHM_V_02);
                    let by = self.my_tgid();
                    let segment = self.k.shmid_mut(vma.shm);
                    (segment.shm_lprid, segment.shm_dtim) = (by, true);
                }
            }
        }
    }

    /// `dup_mmap`: a child has its parent's mappings. The parent is who opens them.
    pub(in super::super::super) fn dup_mmap(&mut self, child: ProcessId) {
        let mm = self.k.mm(self.k.process_id_of(self.me)).clone();
        if mm.vmas.is_empty() {
            return;
        }
        self.trace.rule(SHM_V_01);
        let by = self.my_tgid();
        for vma in &mm.vmas {
            self.k.shm_open(vma.shm, by);
        }
        *self.k.mm_mut(child) = mm;
    }

    /// `exit_mmap`: the lowest mapping goes; whether there are more.
    pub(in super::super::super) fn exit_mmap(&mut self) -> bool {
        let process = self.k.process_id_of(self.me);
        let Some(&first) = self.k.mm(process).vmas.first() else { return false };
        self.k.mm_mut(process).vmas.remove(0);
        self.shm_close(first.shm);
        !self.k.mm(process).vmas.is_empty()
    }
}
