//! What the calls of System V IPC have in common: ids, keys, flags.

use bitflags::bitflags;
use serde::{Deserialize, Serialize};

/// An id as a call gets it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IpcId {
    /// A number.
    Number(i32),
    /// That of a declared object, by its index in the program: the number is known only when the object is made.
    Declared(u16),
}

/// A key as a call gets it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IpcKey {
    /// A number; 0 is `IPC_PRIVATE`.
    Number(i32),
    /// A declared key, by its index among the objects of the program: a number that no other object uses.
    Declared(u16),
}

/// `IPC_PRIVATE`: always a new object.
pub const IPC_PRIVATE: i32 = 0;

bitflags! {
    /// Flags of `msgget`, `semget` and `shmget`: how to look for the key, and the nine permission bits.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct IpcFlags: u32 {
        /// Make the object if the key has none.
        const IPC_CREAT = 0o1000;
        /// Fail if the key has one.
        const IPC_EXCL = 0o2000;
        /// Every other bit.
        const _ = !0;
    }
}

impl IpcFlags {
    /// The nine permission bits.
    pub fn mode(self) -> u16 {
        (self.bits() & 0o777) as u16
    }
}

bitflags! {
    /// Flags of calls that may sleep on a System V object.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct MsgFlags: u32 {
        /// Do not sleep.
        const IPC_NOWAIT = 0o4000;
        /// `msgrcv`: cut a message that is too long.
        const MSG_NOERROR = 0o10000;
        /// `msgrcv`: any type but this.
        const MSG_EXCEPT = 0o20000;
        /// `msgrcv`: copy the message at a position, and leave it there.
        const MSG_COPY = 0o40000;
        /// Every other bit.
        const _ = !0;
    }
}

/// What `IPC_SET` passes. Users and groups are numbered as in the program: those of the owner of the test are 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct IpcSet {
    /// New owner; -1 is no user.
    pub uid: i32,
    /// New group; -1 is no group.
    pub gid: i32,
    /// New permissions, of which the low nine bits count.
    pub mode: u16,
}
