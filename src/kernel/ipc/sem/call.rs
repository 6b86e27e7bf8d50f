//! The calls on semaphore sets.

use super::super::{IpcFlags, IpcId, IpcKey, IpcSet};
use crate::kernel::CallKind;
use bitflags::bitflags;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

bitflags! {
    /// `sem_flg`: flags of one operation.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct SemFlags: u16 {
        /// If this operation would have to wait, the whole call fails with `EAGAIN`.
        const IPC_NOWAIT = 0o4000;
        /// Taken back when the process exits.
        const SEM_UNDO = 0o10000;
        /// Every other bit.
        const _ = !0;
    }
}

/// `sembuf`: one operation of a `semop`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SemBuf {
    /// Which semaphore of the set.
    pub sem_num: u16,
    /// What is added to it; 0 waits until it is zero.
    pub sem_op: i16,
    /// `IPC_NOWAIT`, `SEM_UNDO`.
    #[serde(default, skip_serializing_if = "SemFlags::is_empty")]
    pub sem_flg: SemFlags,
}

impl SemBuf {
    /// Whether it is taken back at exit.
    #[inline]
    pub fn undo(self) -> bool {
        self.sem_flg.contains(SemFlags::SEM_UNDO)
    }

    /// Whether it makes the call fail rather than wait.
    #[inline]
    pub fn nowait(self) -> bool {
        self.sem_flg.contains(SemFlags::IPC_NOWAIT)
    }
}

/// The operations of a call, in the order in which they are tried.
pub type Sops = SmallVec<[SemBuf; 2]>;

/// How long a `semtimedop` may sleep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SemTimeout {
    /// A plain `semop`: until its operations can be done.
    #[default]
    Never,
    /// `semtimedop` with `NULL`: the same.
    Null,
    /// So many microseconds. Fewer than none are refused.
    After(i64),
    /// Memory that cannot be read.
    Fault,
}

/// A call on semaphore sets, with its arguments evaluated.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SemCall {
    /// `semget(key, nsems, flags)`.
    Get {
        /// Which set.
        key: IpcKey,
        /// How many semaphores a new set has; an old one must have as many.
        nsems: i32,
        /// How to look for it, and permissions.
        flags: IpcFlags,
    },
    /// `semop(id, sops, nsops)`, or `semtimedop` with a time.
    Op {
        /// Which set.
        id: IpcId,
        /// The operations.
        sops: Sops,
        /// Their number, as the caller counts them; what is missing of it cannot be read.
        nsops: u32,
        /// How long to sleep.
        timeout: SemTimeout,
    },
    /// `semctl(id, semnum, cmd, …)`.
    Ctl {
        /// Which set; for `SEM_STAT` the index of one.
        id: IpcId,
        /// What to do.
        cmd: SemCtl,
        /// Whether the buffer is `NULL`.
        null: bool,
    },
}

/// `semctl` commands.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SemCtl {
    /// `GETVAL`: the value of a semaphore.
    GetVal(i32),
    /// `GETPID`: who changed it last.
    GetPid(i32),
    /// `GETNCNT`: how many wait for it to become larger.
    GetNcnt(i32),
    /// `GETZCNT`: how many wait for it to become zero.
    GetZcnt(i32),
    /// `GETALL`: all values; they are the answer's `extra`.
    GetAll,
    /// `SETVAL`: gives a semaphore a value.
    SetVal {
        /// Which semaphore.
        semnum: i32,
        /// The value.
        val: i32,
    },
    /// `SETALL`: gives every semaphore a value; what is missing cannot be read.
    SetAll(SmallVec<[u16; 4]>),
    /// `IPC_RMID`: removes the set.
    Rmid,
    /// `IPC_SET`: owner and permissions.
    Set(IpcSet),
    /// `IPC_STAT`: looks at the set; the answer's `extra` is [`STAT_FIELDS`].
    Stat,
    /// `SEM_STAT`: the same for the set at an index; returns its id.
    SemStat,
    /// `SEM_STAT_ANY`: the same without permission.
    SemStatAny,
    /// `IPC_INFO`: limits; the answer's `extra` is [`INFO_FIELDS`].
    Info,
    /// `SEM_INFO`: limits, and what is in use.
    SemInfo,
    /// Any other number.
    Other(i32),
}

/// What `IPC_STAT` copies out, in this order. Times only tell whether there was one.
pub const STAT_FIELDS: [&str; 8] = ["uid", "gid", "cuid", "cgid", "mode", "nsems", "otime", "ctime"];

/// What `IPC_INFO` and `SEM_INFO` copy out, in this order.
pub const INFO_FIELDS: [&str; 10] =
    ["semmap", "semmni", "semmns", "semmnu", "semmsl", "semopm", "semume", "semusz", "semvmx", "semaem"];

impl SemCall {
    /// Which call this is.
    pub fn kind(&self) -> CallKind {
        match self {
            SemCall::Get { .. } => CallKind::Semget,
            SemCall::Op { timeout: SemTimeout::Never, .. } => CallKind::Semop,
            SemCall::Op { .. } => CallKind::Semtimedop,
            SemCall::Ctl { .. } => CallKind::Semctl,
        }
    }
}
