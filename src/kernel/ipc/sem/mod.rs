//! Semaphore sets.

use super::super::{
    Kernel,
    canon::canon_struct,
    footprint::{Access, ObjId},
};
use super::{IpcSlot, KernIpcPerm};

/// `sem_array`: a set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SemArray {
    /// Id, key, owner, permissions.
    pub sem_perm: KernIpcPerm,
}

canon_struct!(SemArray { sem_perm });

impl Kernel {
    /// Reads a set.
    pub fn sem_array(&self, slot: IpcSlot) -> &SemArray {
        self.footprint.note(ObjId::SemArray(slot), Access::Read);
        &self.sem_arrays[slot.into()]
    }

    /// Writes a set.
    pub fn sem_array_mut(&mut self, slot: IpcSlot) -> &mut SemArray {
        self.footprint.note(ObjId::SemArray(slot), Access::Write);
        self.sem_arrays.write(slot.into())
    }
}
