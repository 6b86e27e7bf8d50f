//! What a step read and wrote: two steps with disjoint footprints commute.

use super::{FileId, IpcKind, IpcSlot, PipeId, ProcessId, TaskId};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};

/// A piece of state that steps can depend on. Finer than the tables' objects: a reader's queue is not its ring.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum ObjId {
    /// Run state, pending signals and frame of a task: a wake-up writes it.
    Task(TaskId),
    /// Descriptors and life of a process.
    Process(ProcessId),
    /// An open file description.
    File(FileId),
    /// Head, tail and slots of a pipe.
    Ring(PipeId),
    /// Who has a pipe open.
    Ends(PipeId),
    /// The readers' queue of a pipe.
    RdWait(PipeId),
    /// The writers' queue of a pipe.
    WrWait(PipeId),
    /// A FIFO's pointer to its pipe.
    Inode(u16),
    /// A page that several places refer to.
    Page(super::PageId),
    /// Ids and keys of one kind of System V objects.
    IpcIds(IpcKind),
    /// A message queue, with those who wait at it.
    Msq(IpcSlot),
    /// A semaphore set.
    SemArray(IpcSlot),
    /// A shared memory segment.
    Shmid(IpcSlot),
    /// Pages charged to the user.
    User,
    /// Which files and pipes are free.
    Allocation,
}

/// How a piece of state was used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Access {
    /// Looked at.
    Read,
    /// Changed, perhaps.
    Write,
}

/// The accesses of one or more steps. Recording is off until it is asked for.
#[derive(Clone, Debug, Default)]
pub struct Footprint {
    on: Cell<bool>,
    accesses: RefCell<SmallVec<[(ObjId, Access); 16]>>,
}

impl Footprint {
    /// Starts recording from nothing, or stops.
    pub fn record(&self, on: bool) {
        self.on.set(on);
        self.accesses.borrow_mut().clear();
    }

    /// Does something that is no part of a step, and notes nothing of it.
    #[cfg(debug_assertions)]
    pub(super) fn aside<T>(&self, f: impl FnOnce() -> T) -> T {
        let on = self.on.replace(false);
        let value = f();
        self.on.set(on);
        value
    }

    /// Notes an access.
    #[inline(always)]
    pub(super) fn note(&self, object: ObjId, access: Access) {
        if self.on.get() {
            self.add(object, access);
        }
    }

    #[cold]
    fn add(&self, object: ObjId, access: Access) {
        let mut accesses = self.accesses.borrow_mut();
        if !accesses.contains(&(object, access)) {
            accesses.push((object, access));
        }
    }

    /// What was recorded, sorted.
    pub fn accesses(&self) -> Vec<(ObjId, Access)> {
        let mut accesses = self.accesses.borrow().to_vec();
        accesses.sort_unstable();
        accesses
    }

    /// Whether one of the two writes what the other uses.
    pub fn conflict(a: &[(ObjId, Access)], b: &[(ObjId, Access)]) -> bool {
        let hits = |writes: &[(ObjId, Access)], uses: &[(ObjId, Access)]| {
            writes.iter().any(|&(object, access)| access == Access::Write && uses.iter().any(|&(o, _)| o == object))
        };
        hits(a, b) || hits(b, a)
    }
}
