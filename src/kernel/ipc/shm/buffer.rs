//! The store buffers of x86-TSO, as in Sewell, Sarkar, Owens, Zappa Nardelli and Myreen, "x86-TSO: a rigorous and usable
//! programmer's model for x86 multiprocessors" (CACM 2010).
//!
//! A store enters the buffer of its task, and leaves it for memory at any later time, in order. A load takes the newest store to
//! its cell from the own buffer, else memory. Locked instructions empty the buffer first.
//!
//! So does everything that enters the kernel. The manuals do not call the entry itself a barrier, but every call that looks at
//! something shared takes a lock first, with a locked instruction; a fault or an interrupt ends with `iret`, which serialises; and
//! a task that leaves its processor does so under the lock of a run queue. Hence steered runs, in which a task waits for a command
//! between any two accesses, are sequentially consistent.

use super::super::IpcSlot;
use crate::kernel::{
    Kernel, TaskId,
    canon::canon_struct,
    footprint::{Access, ObjId},
};

/// Stores of one task that others do not see yet, the oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StoreBuffer {
    /// What was stored.
    pub stores: Vec<Pending>,
}

/// A store on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pending {
    /// To this segment.
    pub shm: IpcSlot,
    /// To this cell.
    pub cell: u32,
    /// What.
    pub value: i64,
}

canon_struct!(StoreBuffer { stores });
canon_struct!(Pending { shm, cell, value });

impl Kernel {
    /// From now on stores are buffered: gives each task a buffer.
    pub fn buffer_stores(&mut self) {
        for _ in self.buffers.len()..self.tasks().count() {
            self.buffers.push(StoreBuffer::default());
        }
    }

    /// The stores of a task that others do not see yet, the oldest first.
    #[inline]
    pub fn store_buffer(&self, task: TaskId) -> &[Pending] {
        match self.buffers.iter().as_slice().get(usize::from(task)) {
            None => &[],
            Some(buffer) => {
                self.footprint.note(ObjId::StoreBuffer(task), Access::Read);
                &buffer.stores
            }
        }
    }

    /// Whether stores of this task are buffered.
    pub(super) fn buffers_stores_of(&self, task: TaskId) -> bool {
        usize::from(task) < self.buffers.len()
    }

    pub(super) fn push_store(&mut self, task: TaskId, store: Pending) {
        self.footprint.note(ObjId::StoreBuffer(task), Access::Write);
        self.buffers.write(task.into()).stores.push(store);
    }

    /// The oldest store of a task becomes visible.
    pub fn flush_one(&mut self, task: TaskId) {
        if self.store_buffer(task).is_empty() {
            return;
        }
        self.footprint.note(ObjId::StoreBuffer(task), Access::Write);
        let Pending { shm, cell, value } = self.buffers.write(task.into()).stores.remove(0);
        self.set_cell(shm, cell, value);
    }

    /// All stores of a task become visible, in order.
    #[inline]
    pub fn drain(&mut self, task: TaskId) {
        while !self.store_buffer(task).is_empty() {
            self.flush_one(task);
        }
    }
}
