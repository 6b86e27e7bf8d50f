//! `kern_ipc_perm`, and who may do what.

use super::super::{Cx, Errno, Quirk, canon::canon_struct, rules::*};
use super::IpcSet;

/// Asks to read.
pub const S_IRUGO: u32 = 0o444;
/// Asks to write.
pub const S_IWUGO: u32 = 0o222;

/// `kern_ipc_perm`: what every System V object begins with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KernIpcPerm {
    /// Whether it is there: neither removed nor a place that nothing uses.
    pub valid: bool,
    /// Its id.
    pub id: i32,
    /// Its key; `IPC_PRIVATE` for none.
    pub key: i32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Who made it.
    pub cuid: u32,
    /// The group of who made it.
    pub cgid: u32,
    /// Permissions, and flags above them.
    pub mode: u16,
}

canon_struct!(KernIpcPerm { valid, id, key, uid, gid, cuid, cgid, mode });

impl KernIpcPerm {
    /// What `IPC_STAT` tells first of every object.
    pub(in super::super) fn fields(&self) -> [i64; 5] {
        [self.uid.into(), self.gid.into(), self.cuid.into(), self.cgid.into(), self.mode.into()]
    }
}

impl Cx<'_> {
    /// The effective user; every user of a test is alone in the group of the same number.
    pub(in super::super) fn euid(&self) -> u32 {
        self.k.uid_of(self.me).into()
    }

    /// `ipcperms`: whether the caller may do what `flag` asks for.
    #[inline]
    pub(in super::super) fn ipcperms(&mut self, perm: &KernIpcPerm, flag: u32) -> bool {
        let euid = self.euid();
        let requested = (flag >> 6 | flag >> 3 | flag) & 0o7;
        let mode = u32::from(perm.mode);
        let granted = if euid == perm.cuid || euid == perm.uid {
            if requested & !(mode >> 6) & mode != 0 {
                self.trace.rule(IPC_PERM_02);
            }
            mode >> 6
        } else if euid == perm.cgid || euid == perm.gid {
            mode >> 3
        } else {
            mode
        };
        let missing = requested & !granted & 0o7 != 0;
        if missing || requested != 0 && granted != mode >> 6 {
            self.trace.rule(IPC_PERM_01);
        }
        !missing || self.env.caps.ipc_owner
    }

    /// Whether the caller owns or made the object, or may administer: who else may neither change nor remove it.
    pub(in super::super) fn ipc_owner(&mut self, perm: &KernIpcPerm) -> Result<(), Errno> {
        self.trace.rule(IPC_PERM_03);
        let euid = self.euid();
        if euid == perm.cuid || euid == perm.uid || self.env.caps.sys_admin { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// `ipc_update_perm`: the owner, the group and the nine permission bits.
    pub(in super::super) fn ipc_update_perm(&mut self, perm: &mut KernIpcPerm, set: &IpcSet) -> Result<(), Errno> {
        if self.env.quirks.has(Quirk::IpcUidChecked) && (set.uid < 0 || set.gid < 0) {
            self.trace.rule(IPC_PERM_04_EINVAL);
            return Err(Errno::EINVAL);
        }
        self.trace.rule(IPC_PERM_04);
        perm.uid = set.uid as u32;
        perm.gid = set.gid as u32;
        perm.mode = perm.mode & !0o777 | set.mode & 0o777;
        Ok(())
    }
}
