//! The calls on message queues.

use super::super::{IpcFlags, IpcId, IpcKey, IpcSet, MsgFlags};
use crate::kernel::{CallKind, Payload};
use serde::{Deserialize, Serialize};

/// A call on message queues, with its arguments evaluated.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MsgCall {
    /// `msgget(key, flags)`.
    Get {
        /// Which queue.
        key: IpcKey,
        /// How to look for it, and permissions.
        flags: IpcFlags,
    },
    /// `msgsnd(id, {type, text}, size, flags)`.
    Snd {
        /// Which queue.
        id: IpcId,
        /// The type; `None` is memory that cannot be read.
        mtype: Option<i64>,
        /// Bytes to be sent, as the caller counts them.
        size: i64,
        /// The memory that they lie in; what is missing of `size` cannot be read.
        text: Payload,
        /// `IPC_NOWAIT`.
        flags: MsgFlags,
    },
    /// `msgrcv(id, buffer, size, type, flags)`; the answer's `extra` is the type of the message.
    Rcv {
        /// Which queue.
        id: IpcId,
        /// Bytes of text that are asked for.
        size: i64,
        /// Which type; with `MSG_COPY` the position.
        mtype: i64,
        /// How many bytes of the text's buffer are writable memory, if not all.
        fault: Option<u32>,
        /// `IPC_NOWAIT`, `MSG_*`.
        flags: MsgFlags,
    },
    /// `msgctl(id, cmd, buffer)`.
    Ctl {
        /// Which queue; for `MSG_STAT` the index of one.
        id: IpcId,
        /// What to do.
        cmd: MsgCtl,
        /// Whether the buffer is `NULL`.
        null: bool,
    },
}

/// `msgctl` commands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MsgCtl {
    /// `IPC_RMID`: removes the queue.
    Rmid,
    /// `IPC_SET`: owner, permissions, and how many bytes it may hold.
    Set {
        /// Owner and permissions.
        set: IpcSet,
        /// `msg_qbytes`.
        qbytes: u64,
    },
    /// `IPC_STAT`: looks at the queue; the answer's `extra` is [`STAT_FIELDS`].
    Stat,
    /// `MSG_STAT`: the same for the queue at an index; returns its id.
    MsgStat,
    /// `MSG_STAT_ANY`: the same without permission.
    MsgStatAny,
    /// `IPC_INFO`: limits; the answer's `extra` is [`INFO_FIELDS`].
    Info,
    /// `MSG_INFO`: limits, and what is in use.
    MsgInfo,
    /// Any other number.
    Other(i32),
}

/// What `IPC_STAT` copies out, in this order. Times only tell whether there was one, pids which task it was.
pub const STAT_FIELDS: [&str; 13] =
    ["uid", "gid", "cuid", "cgid", "mode", "cbytes", "qnum", "qbytes", "lspid", "lrpid", "stime", "rtime", "ctime"];

/// What `IPC_INFO` and `MSG_INFO` copy out, in this order.
pub const INFO_FIELDS: [&str; 8] = ["msgpool", "msgmap", "msgmax", "msgmnb", "msgmni", "msgssz", "msgtql", "msgseg"];

impl MsgCall {
    /// Which call this is.
    pub fn kind(&self) -> CallKind {
        match self {
            MsgCall::Get { .. } => CallKind::Msgget,
            MsgCall::Snd { .. } => CallKind::Msgsnd,
            MsgCall::Rcv { .. } => CallKind::Msgrcv,
            MsgCall::Ctl { .. } => CallKind::Msgctl,
        }
    }
}
