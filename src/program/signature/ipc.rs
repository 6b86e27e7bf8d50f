//! The calls of System V IPC.

use super::{Args, Param, ParamType::*, named, opt, req};
use crate::{
    kernel::{CallKind, IpcFlags, IpcId, IpcKey, IpcSet, MsgCall, MsgCtl, MsgFlags},
    program::{Value, constants, syntax::ObjectKind},
};

pub(super) const MSGGET: &[Param] = &[req("key", Key), opt("flags", Number)];
pub(super) const MSGSND: &[Param] = &[
    req("id", Ipc(ObjectKind::Msgq)),
    req("type", MsgType),
    req("text", Data),
    opt("flags", Number),
    named("size", Number),
];
pub(super) const MSGRCV: &[Param] = &[
    req("id", Ipc(ObjectKind::Msgq)),
    req("size", Number),
    opt("type", Number),
    opt("flags", Number),
    named("fault", Number),
];
pub(super) const MSGCTL: &[Param] = &[
    req("id", Ipc(ObjectKind::Msgq)),
    req("cmd", Number),
    opt("buf", Buffer),
    named("uid", Number),
    named("gid", Number),
    named("mode", Number),
    named("qbytes", Number),
];

/// `IPC_SET` of a queue that says no number of bytes passes the default of a new one.
const MSGMNB: i64 = 16_384;

impl Args<'_> {
    /// The id of a System V object.
    fn ipc_id(&self, i: usize) -> Result<IpcId, String> {
        match self.args.get(i) {
            Some(Some(Value::Object(object))) => Ok(IpcId::Declared(*object)),
            _ => self.number(i, -1).map(IpcId::Number),
        }
    }

    fn ipc_key(&self, i: usize) -> Result<IpcKey, String> {
        match self.args.get(i) {
            Some(Some(Value::Object(object))) => Ok(IpcKey::Declared(*object)),
            _ => self.number(i, 0).map(IpcKey::Number),
        }
    }

    /// Whether the buffer is `NULL`.
    fn null(&self, i: usize) -> bool {
        matches!(self.args.get(i), Some(Some(Value::None)))
    }

    /// Owner and permissions of an `IPC_SET`: what is not said is as the owner of the test makes it.
    fn ipc_set(&self, first: usize) -> Result<IpcSet, String> {
        Ok(IpcSet {
            uid: self.number(first, 0)?,
            gid: self.number(first + 1, 0)?,
            mode: self.number(first + 2, 0o600)?,
        })
    }

    /// A call on message queues.
    pub(super) fn msg(&self) -> Result<MsgCall, String> {
        let flags = |i| self.number(i, 0).map(MsgFlags::from_bits_retain);
        Ok(match self.signature.kind {
            CallKind::Msgget => {
                MsgCall::Get { key: self.ipc_key(0)?, flags: IpcFlags::from_bits_retain(self.number(1, 0)?) }
            }
            CallKind::Msgsnd => {
                let text = self.data(2)?;
                let mtype = match self.args.get(1) {
                    Some(Some(Value::Bytes(bytes))) if bytes.readable() == 0 && !bytes.is_empty() => None,
                    _ => Some(self.number(1, 0)?),
                };
                let size = self.number(4, text.len().into())?;
                MsgCall::Snd { id: self.ipc_id(0)?, mtype, size, text, flags: flags(3)? }
            }
            CallKind::Msgrcv => MsgCall::Rcv {
                id: self.ipc_id(0)?,
                size: self.number(1, 0)?,
                mtype: self.number(2, 0)?,
                fault: if self.has(4) { Some(self.bytes(4)?) } else { None },
                flags: flags(3)?,
            },
            _ => MsgCall::Ctl { id: self.ipc_id(0)?, cmd: self.msgctl()?, null: self.null(2) },
        })
    }

    fn msgctl(&self) -> Result<MsgCtl, String> {
        Ok(match self.number::<i64>(1, 0)? {
            constants::IPC_RMID => MsgCtl::Rmid,
            constants::IPC_SET => MsgCtl::Set { set: self.ipc_set(3)?, qbytes: self.number::<i64>(6, MSGMNB)? as u64 },
            constants::IPC_STAT => MsgCtl::Stat,
            constants::IPC_INFO => MsgCtl::Info,
            constants::MSG_STAT => MsgCtl::MsgStat,
            constants::MSG_INFO => MsgCtl::MsgInfo,
            constants::MSG_STAT_ANY => MsgCtl::MsgStatAny,
            other => MsgCtl::Other(i32::try_from(other).map_err(|_| self.wrong(1, "a command"))?),
        })
    }
}
