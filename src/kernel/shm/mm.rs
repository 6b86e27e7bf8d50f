//! `mm_struct`: where a process has segments attached.

use super::ShmId;
use crate::kernel::{
    Addr, CELL_SIZE, Cx, Kernel, MMAP_BASE, MMAP_SHIFT, PAGE_SIZE, ProcessId,
    canon::canon_struct,
    footprint::{Access, ObjId},
    mmap_address,
};

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
    pub shm: ShmId,
    /// `vm_pgoff`: with which page of the segment it begins.
    pub pgoff: u32,
    /// `VM_WRITE`
    pub write: bool,
}

canon_struct!(Mm { vmas });
canon_struct!(Vma { start, end, shm, pgoff, write });

impl Vma {
    /// The cell of the segment that an address is in.
    pub fn cell(&self, addr: Addr) -> u32 {
        let offset = (addr - self.start) as u64 + u64::from(self.pgoff) * u64::from(PAGE_SIZE);
        (offset / u64::from(CELL_SIZE)) as u32
    }
}

impl Mm {
    /// `find_vma` for an address that is mapped.
    pub fn at(&self, addr: Addr) -> Option<&Vma> {
        self.vmas.iter().find(|vma| (vma.start..vma.end).contains(&addr))
    }

    /// The address that the kernel chooses for a new mapping.
    pub fn unmapped_area(&self) -> Addr {
        let used = |slot: u32| {
            self.vmas
                .iter()
                .any(|vma| vma.start >= MMAP_BASE && (vma.start - MMAP_BASE) >> MMAP_SHIFT == i64::from(slot))
        };
        mmap_address((0..).find(|&slot| !used(slot)).unwrap_or(0))
    }

    fn insert(&mut self, vma: Vma) {
        let at = self.vmas.partition_point(|other| other.start < vma.start);
        self.vmas.insert(at, vma);
    }
}

impl Kernel {
    /// Reads the mappings of a process.
    pub fn mm(&self, process: ProcessId) -> &Mm {
        self.footprint.note(ObjId::Mm(process), Access::Read);
        &self.process_unnoted(process).mm
    }

    fn mm_mut(&mut self, process: ProcessId) -> &mut Mm {
        self.footprint.note(ObjId::Mm(process), Access::Write);
        &mut self.process_unnoted_mut(process).mm
    }

    /// Maps a segment where the kernel would, before the tasks begin.
    pub fn attach(&mut self, process: ProcessId, shm: ShmId) {
        let pages = self.shm(shm).shm_segsz.div_ceil(PAGE_SIZE.into());
        let mm = self.mm_mut(process);
        let start = mm.unmapped_area();
        let end = start + pages as Addr * Addr::from(PAGE_SIZE);
        mm.insert(Vma { start, end, shm, pgoff: 0, write: true });
        self.shm_mut(shm).shm_nattch += 1;
    }
}

impl Cx<'_> {
    /// `dup_mmap`: a child has its parent's mappings.
    pub(in crate::kernel) fn dup_mmap(&mut self, child: ProcessId) {
        let mm = self.k.mm(self.k.process_id_of(self.me)).clone();
        if mm.vmas.is_empty() {
            return;
        }
        for vma in &mm.vmas {
            self.k.shm_mut(vma.shm).shm_nattch += 1;
        }
        *self.k.mm_mut(child) = mm;
    }

    /// `exit_mmap`: the lowest mapping goes; whether there are more.
    pub(in crate::kernel) fn exit_mmap(&mut self) -> bool {
        let process = self.k.process_id_of(self.me);
        let vmas = &mut self.k.mm_mut(process).vmas;
        if vmas.is_empty() {
            return false;
        }
        let vma = vmas.remove(0);
        let more = !vmas.is_empty();
        self.k.shm_mut(vma.shm).shm_nattch -= 1;
        more
    }
}
