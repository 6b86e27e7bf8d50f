//! The calls on semaphore sets.

use super::{Args, Param, ParamType::*, named, opt, req};
use crate::{
    kernel::{CallKind, IpcFlags, SemBuf, SemCall, SemCtl, SemFlags, SemTimeout, Sops},
    program::{Value, constants, syntax::ObjectKind},
};

pub(super) const SEMGET: &[Param] = &[req("key", Key), req("nsems", Number), opt("flags", Number)];
pub(super) const SEMOP: &[Param] = &[req("id", Ipc(ObjectKind::Sem)), req("sops", Sops), named("nsops", Number)];
pub(super) const SEMTIMEDOP: &[Param] = &[
    req("id", Ipc(ObjectKind::Sem)),
    req("sops", Sops),
    named("nsops", Number),
    Param { name: "timeout", ty: TimeOrFault, required: true, named: true },
];
pub(super) const SEMCTL: &[Param] = &[
    req("id", Ipc(ObjectKind::Sem)),
    req("semnum", Number),
    req("cmd", Number),
    opt("arg", SemArg),
    named("uid", Number),
    named("gid", Number),
    named("mode", Number),
];

impl Args<'_> {
    /// A call on semaphore sets.
    pub(super) fn sem(&self) -> Result<SemCall, String> {
        Ok(match self.signature.kind {
            CallKind::Semget => SemCall::Get {
                key: self.ipc_key(0)?,
                nsems: self.number(1, 0)?,
                flags: IpcFlags::from_bits_retain(self.number(2, 0)?),
            },
            CallKind::Semctl => SemCall::Ctl {
                id: self.ipc_id(0)?,
                cmd: self.semctl()?,
                null: matches!(self.args.get(3), Some(Some(Value::None))),
            },
            kind => {
                let sops = self.sops(1)?;
                let counted = if sops.is_empty() && self.is_fault(1) { 1 } else { sops.len() as i64 };
                let nsops = self.number(2, counted)?;
                let timeout = if kind == CallKind::Semop { SemTimeout::Never } else { self.sem_timeout(3)? };
                SemCall::Op { id: self.ipc_id(0)?, sops, nsops, timeout }
            }
        })
    }

    fn is_fault(&self, i: usize) -> bool {
        matches!(self.args.get(i), Some(Some(Value::Bytes(bytes))) if bytes.readable() == 0 && !bytes.is_empty())
    }

    /// Three numbers each: which semaphore, what is added, flags.
    fn sops(&self, i: usize) -> Result<Sops, String> {
        let Some(Some(Value::List(parts))) = self.args.get(i) else { return Ok(Sops::new()) };
        let sop = |sop: &[i64]| {
            let narrow = |n: i64| u16::try_from(n).map_err(|_| self.wrong(i, "operations on semaphores 0 to 65535"));
            let sem_op = i16::try_from(sop[1]).map_err(|_| self.wrong(i, "operations of -32768 to 32767"))?;
            Ok(SemBuf { sem_num: narrow(sop[0])?, sem_op, sem_flg: SemFlags::from_bits_retain(sop[2] as u16) })
        };
        parts.chunks_exact(3).map(sop).collect()
    }

    fn sem_timeout(&self, i: usize) -> Result<SemTimeout, String> {
        if self.is_fault(i) {
            return Ok(SemTimeout::Fault);
        }
        match self.args.get(i) {
            Some(Some(Value::None)) | Some(None) | None => Ok(SemTimeout::Null),
            _ => Ok(SemTimeout::After(self.number(i, 0)?)),
        }
    }

    fn semctl(&self) -> Result<SemCtl, String> {
        let semnum = || self.number(1, 0);
        Ok(match self.number::<i64>(2, 0)? {
            constants::GETVAL => SemCtl::GetVal(semnum()?),
            constants::GETPID => SemCtl::GetPid(semnum()?),
            constants::GETNCNT => SemCtl::GetNcnt(semnum()?),
            constants::GETZCNT => SemCtl::GetZcnt(semnum()?),
            constants::GETALL => SemCtl::GetAll,
            constants::SETVAL => SemCtl::SetVal { semnum: semnum()?, val: self.number(3, 0)? },
            constants::SETALL => match self.args.get(3) {
                Some(Some(Value::List(values))) => {
                    let value = |&n: &i64| u16::try_from(n).map_err(|_| self.wrong(3, "values of 0 to 65535"));
                    SemCtl::SetAll(values.iter().map(value).collect::<Result<_, _>>()?)
                }
                _ if self.is_fault(3) || matches!(self.args.get(3), Some(Some(Value::None))) => {
                    SemCtl::SetAll(smallvec::SmallVec::new())
                }
                _ => return Err(self.wrong(3, "a list of values")),
            },
            constants::IPC_RMID => SemCtl::Rmid,
            constants::IPC_SET => SemCtl::Set(self.ipc_set(4)?),
            constants::IPC_STAT => SemCtl::Stat,
            constants::IPC_INFO => SemCtl::Info,
            constants::SEM_STAT => SemCtl::SemStat,
            constants::SEM_INFO => SemCtl::SemInfo,
            constants::SEM_STAT_ANY => SemCtl::SemStatAny,
            other => SemCtl::Other(i32::try_from(other).map_err(|_| self.wrong(2, "a command"))?),
        })
    }
}
