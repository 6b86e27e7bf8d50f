//! Loads, stores and locked operations on cells: what the processor does, not the kernel.

use super::{super::IpcSlot, buffer::Pending};
use crate::kernel::{
    Addr, Call, Cx, Frame, Kernel, Return, Step, TaskId,
    footprint::{Access, ObjId},
    signal::code,
};

/// A cell in a segment.
type Cell = (IpcSlot, u32);

impl Kernel {
    /// What a cell holds in memory.
    pub fn cell(&self, shm: IpcSlot, cell: u32) -> i64 {
        self.footprint.note(ObjId::Cell(shm, cell), Access::Read);
        self.shmids[shm.into()].cell(cell)
    }

    pub(super) fn set_cell(&mut self, shm: IpcSlot, cell: u32, value: i64) {
        self.footprint.note(ObjId::Cell(shm, cell), Access::Write);
        self.shmids.write(shm.into()).set_cell(cell, value);
    }

    /// What a task finds in a cell: its own newest store that is still in its buffer, else memory.
    fn seen_by(&self, task: TaskId, (shm, cell): Cell) -> i64 {
        let own = self.store_buffer(task).iter().rev().find(|store| (store.shm, store.cell) == (shm, cell));
        own.map_or_else(|| self.cell(shm, cell), |store| store.value)
    }
}

impl Cx<'_> {
    /// One access of the calling task.
    pub(in crate::kernel) fn access(&mut self, call: &Call) -> Result<Frame, Step> {
        let (addr, writes) = match *call {
            Call::Load { addr } => (addr, false),
            Call::Set { addr, .. } | Call::Cas { addr, .. } | Call::Xchg { addr, .. } | Call::Add { addr, .. } => {
                (addr, true)
            }
            _ => unreachable!("no access"),
        };
        let cell = match self.translate(addr, writes) {
            Ok(cell) => cell,
            Err(code) => {
                self.k.drain(self.me);
                return Ok(self.bad_area(call.kind(), code));
            }
        };
        let ret = match *call {
            Call::Load { .. } => self.k.seen_by(self.me, cell),
            Call::Set { value, .. } if self.k.buffers_stores_of(self.me) => {
                self.k.push_store(self.me, Pending { shm: cell.0, cell: cell.1, value });
                0
            }
            Call::Set { value, .. } => {
                self.k.set_cell(cell.0, cell.1, value);
                0
            }
            Call::Cas { old, new, .. } => self.locked(cell, |value| if value == old { new } else { value }),
            Call::Xchg { value, .. } => self.locked(cell, |_| value),
            Call::Add { value: by, .. } => self.locked(cell, |value| value.wrapping_add(by)),
            _ => unreachable!("no access"),
        };
        Err(Step::Returned(Return::value(ret)))
    }

    /// The cell at an address, or why it may not be accessed so, as `si_code`.
    fn translate(&self, addr: Addr, writes: bool) -> Result<Cell, i32> {
        let vma = self.k.mm(self.k.process_id_of(self.me)).at(addr).ok_or(code::SEGV_MAPERR)?;
        if writes && !vma.write {
            return Err(code::SEGV_ACCERR);
        }
        Ok((vma.shm, vma.cell(addr)))
    }

    /// A locked read-modify-write: what the cell held.
    fn locked(&mut self, (shm, cell): Cell, change: impl FnOnce(i64) -> i64) -> i64 {
        self.k.drain(self.me);
        let old = self.k.cell(shm, cell);
        self.k.set_cell(shm, cell, change(old));
        old
    }
}
