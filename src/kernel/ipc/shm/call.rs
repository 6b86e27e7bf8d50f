//! The calls on shared memory.

use super::super::{IpcFlags, IpcId, IpcKey, IpcSet};
use crate::kernel::{Addr, CallKind};
use bitflags::bitflags;
use serde::{Deserialize, Serialize};

bitflags! {
    /// Flags of `shmat`.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct ShmFlags: u32 {
        /// Map for reading only.
        const SHM_RDONLY = 0o10000;
        /// Round the address down to a page.
        const SHM_RND = 0o20000;
        /// Replace what is mapped there.
        const SHM_REMAP = 0o40000;
        /// Map executable too, which needs that permission.
        const SHM_EXEC = 0o100000;
        /// Every other bit.
        const _ = !0;
    }
}

/// A call on shared memory, with its arguments evaluated.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShmCall {
    /// `shmget(key, size, flags)`.
    Get {
        /// Which segment.
        key: IpcKey,
        /// Bytes.
        size: u64,
        /// How to look for it, and permissions.
        flags: IpcFlags,
    },
    /// `shmat(id, addr, flags)`; returns the address.
    At {
        /// Which segment.
        id: IpcId,
        /// Where; 0 lets the kernel choose.
        addr: Addr,
        /// `SHM_*`.
        flags: ShmFlags,
    },
    /// `shmdt(addr)`.
    Dt {
        /// Where the segment begins.
        addr: Addr,
    },
    /// `shmctl(id, cmd, buffer)`.
    Ctl {
        /// Which segment; for `SHM_STAT` the index of one.
        id: IpcId,
        /// What to do.
        cmd: ShmCtl,
        /// Whether the buffer is `NULL`.
        null: bool,
    },
}

/// `shmctl` commands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShmCtl {
    /// `IPC_RMID`: removes the segment, at its last detach at the latest.
    Rmid,
    /// `IPC_SET`: owner and permissions.
    Set(IpcSet),
    /// `IPC_STAT`: looks at the segment; the answer's `extra` is [`STAT_FIELDS`].
    Stat,
    /// `SHM_STAT`: the same for the segment at an index; returns its id.
    ShmStat,
    /// `SHM_STAT_ANY`: the same without permission.
    ShmStatAny,
    /// `IPC_INFO`: limits; the answer's `extra` is [`INFO_FIELDS`].
    Info,
    /// `SHM_INFO`: what is in use; the answer's `extra` is [`USE_FIELDS`].
    ShmInfo,
    /// `SHM_LOCK`: keeps the pages in memory.
    Lock,
    /// `SHM_UNLOCK`: no longer.
    Unlock,
    /// Any other number.
    Other(i32),
}

/// What `IPC_STAT` copies out, in this order. Times only tell whether there was one, pids which task it was.
pub const STAT_FIELDS: [&str; 12] =
    ["uid", "gid", "cuid", "cgid", "mode", "segsz", "nattch", "cpid", "lpid", "atime", "dtime", "ctime"];
/// Where the two pids stand in [`STAT_FIELDS`].
pub const STAT_PIDS: [usize; 2] = [7, 8];

/// What `IPC_INFO` copies out, in this order.
pub const INFO_FIELDS: [&str; 5] = ["shmmax", "shmmin", "shmmni", "shmseg", "shmall"];

/// What `SHM_INFO` copies out that is not the memory management's: segments, and their pages.
pub const USE_FIELDS: [&str; 2] = ["used_ids", "shm_tot"];

impl ShmCall {
    /// Which call this is.
    pub fn kind(&self) -> CallKind {
        match self {
            ShmCall::Get { .. } => CallKind::Shmget,
            ShmCall::At { .. } => CallKind::Shmat,
            ShmCall::Dt { .. } => CallKind::Shmdt,
            ShmCall::Ctl { .. } => CallKind::Shmctl,
        }
    }
}
