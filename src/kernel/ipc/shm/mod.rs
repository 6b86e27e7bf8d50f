//! Shared memory segments.

use super::super::{
    Kernel,
    canon::canon_struct,
    footprint::{Access, ObjId},
};
use super::{IpcSlot, KernIpcPerm};

/// `shmid_kernel`: a segment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ShmidKernel {
    /// Id, key, owner, permissions.
    pub shm_perm: KernIpcPerm,
}

canon_struct!(ShmidKernel { shm_perm });

impl Kernel {
    /// Reads a segment.
    pub fn shmid(&self, slot: IpcSlot) -> &ShmidKernel {
        self.footprint.note(ObjId::Shmid(slot), Access::Read);
        &self.shmids[slot.into()]
    }

    /// Writes a segment.
    pub fn shmid_mut(&mut self, slot: IpcSlot) -> &mut ShmidKernel {
        self.footprint.note(ObjId::Shmid(slot), Access::Write);
        self.shmids.write(slot.into())
    }
}
