//! System V shared memory, and the processor's accesses to it.

mod access;
mod buffer;
mod mm;

pub use buffer::StoreBuffer;
pub use mm::{Mm, Vma};

use super::{
    Kernel,
    canon::canon_struct,
    footprint::{Access, ObjId},
};

/// Index of a segment.
pub type ShmId = u16;

/// `shmid_kernel`: a segment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ShmidKernel {
    /// Number of mappings, in all processes.
    pub shm_nattch: u32,
    /// Size as it was asked for, bytes.
    pub shm_segsz: u64,
    /// Cells that are not 0, by index.
    cells: Vec<(u32, i64)>,
}

canon_struct!(ShmidKernel { shm_nattch, shm_segsz, cells });

impl ShmidKernel {
    /// A segment that nobody has attached, all zero.
    pub fn new(size: u64) -> Self {
        ShmidKernel { shm_segsz: size, ..ShmidKernel::default() }
    }

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
}

impl Kernel {
    /// Reads everything of a segment but its cells.
    pub fn shm(&self, id: ShmId) -> &ShmidKernel {
        self.footprint.note(ObjId::Shm(id), Access::Read);
        &self.shms[id.into()]
    }

    /// Writes everything of a segment but its cells.
    pub(super) fn shm_mut(&mut self, id: ShmId) -> &mut ShmidKernel {
        self.footprint.note(ObjId::Shm(id), Access::Write);
        self.shms.write(id.into())
    }

    /// All segments.
    pub fn shms(&self) -> impl Iterator<Item = (ShmId, &ShmidKernel)> {
        self.shms.iter().enumerate().map(|(i, shm)| (i as ShmId, shm))
    }

    /// A segment that the test declares.
    pub fn make_shm(&mut self, size: u64) -> ShmId {
        self.shms.push(ShmidKernel::new(size)) as ShmId
    }

    /// What must always hold of segments and their mappings.
    pub(super) fn shm_invariants(&self) -> Result<(), String> {
        for (id, shm) in self.shms() {
            let mapped = self.processes().flat_map(|(_, p)| &p.mm.vmas).filter(|vma| vma.shm == id).count();
            if mapped != shm.shm_nattch as usize {
                return Err(format!("segment {id}: {mapped} mappings and shm_nattch {}", shm.shm_nattch));
            }
        }
        Ok(())
    }
}
