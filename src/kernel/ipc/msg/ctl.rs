//! `msgctl`.

use super::super::super::{
    Cx, Errno, Quirk, Return, Step,
    canon::{Canon, canon_enum, canon_struct, get},
    rules::*,
};
use super::super::{IPCMNI, IpcKind, IpcSet, IpcSlot, S_IRUGO, WakeQ};
use super::{MsgCtl, MsgQueue};
use smallvec::smallvec;

/// `ksys_msgctl` on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MsgCtlCall {
    /// Where it is.
    pub at: At,
    /// What it does.
    pub cmd: MsgCtl,
    /// Whether the buffer is `NULL`.
    pub null: bool,
    /// The id, or the index.
    pub id: i32,
    /// Where the queue is, once it was found.
    pub slot: IpcSlot,
    /// Who is woken after the lock is dropped.
    pub wake_q: WakeQ,
}

/// The places of a `msgctl` where others can run.
///
/// `IPC_SET` and `IPC_RMID` hold the semaphore of all ids while they wake: who wants that waits. A wake-up touches no ids, so
/// whatever such a waiter could do between two of them it can as well do after the last one, and the model lets it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum At {
    /// Before everything.
    Begin,
    /// `IPC_STAT`: queue found, permissions looked at; about to take the lock.
    Stat,
    /// About to wake those who slept.
    WakeUp,
}

canon_enum!(At { 0 => Begin, 1 => Stat, 2 => WakeUp, });
canon_enum!(MsgCtl {
    0 => Rmid,
    1 => Set { set, qbytes },
    2 => Stat,
    3 => MsgStat,
    4 => MsgStatAny,
    5 => Info,
    6 => MsgInfo,
    7 => Other(cmd),
});
canon_struct!(MsgCtlCall { at, cmd, null, id, slot, wake_q });

impl Canon for IpcSet {
    fn encode(&self, out: &mut Vec<u8>) {
        self.uid.encode(out);
        self.gid.encode(out);
        self.mode.encode(out);
    }
    fn decode(input: &mut &[u8]) -> Self {
        IpcSet { uid: i32::decode(input), gid: i32::decode(input), mode: get(input) as u16 }
    }
}

/// `MSGSSZ`, `MSGSEG`, `MSGMAP`, `MSGTQL` and `MSGPOOL`: of no effect, and still told.
const MSGSSZ: i64 = 16;
const MSGSEG: i64 = 0xffff;
const MSGMNB: i64 = 16_384;
const MSGPOOL: i64 = 32_000 * MSGMNB / 1024;

impl MsgCtlCall {
    /// Everything that is looked at before the queue.
    pub fn new(cx: &mut Cx, id: i32, cmd: MsgCtl, null: bool) -> Result<Self, Errno> {
        let known = match cmd {
            MsgCtl::Other(_) => false,
            MsgCtl::MsgStatAny => cx.env.quirks.has(Quirk::IpcStatAny),
            _ => true,
        };
        if id < 0 || !known {
            cx.trace.rule(MSG_CTL_01);
            return Err(Errno::EINVAL);
        }
        let looks = matches!(cmd, MsgCtl::Stat | MsgCtl::MsgStat | MsgCtl::MsgStatAny | MsgCtl::Info | MsgCtl::MsgInfo);
        if null && looks && cx.env.quirks.has(Quirk::IpcNullFirst) {
            cx.trace.rule(MSG_CTL_02_NULL);
            return Err(Errno::EFAULT);
        }
        if null && matches!(cmd, MsgCtl::Set { .. }) {
            cx.trace.rule(MSG_CTL_03);
            return Err(Errno::EFAULT);
        }
        Ok(MsgCtlCall { at: At::Begin, cmd, null, id, slot: 0, wake_q: WakeQ::default() })
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::Begin => match self.begin(cx) {
                Ok(step) => step,
                Err(errno) => Step::Returned(errno.into()),
            },
            At::Stat => self.stat(cx),
            At::WakeUp => {
                if cx.wake_up_one(&mut self.wake_q) {
                    Step::Preempted
                } else {
                    Step::Returned(Return::value(0))
                }
            }
        }
    }

    fn begin(&mut self, cx: &mut Cx) -> Result<Step, Errno> {
        match self.cmd {
            MsgCtl::Info | MsgCtl::MsgInfo => return Ok(self.info(cx)),
            MsgCtl::MsgStat | MsgCtl::MsgStatAny => {
                cx.trace.rule(IPC_INFO_01);
                self.slot = cx.ipc_obtain_index(IpcKind::Msg, self.id as u32 % IPCMNI)?;
            }
            _ => self.slot = cx.ipc_obtain(IpcKind::Msg, self.id)?,
        }
        let perm = cx.k.msq(self.slot).q_perm.clone();
        match self.cmd {
            MsgCtl::Rmid => {
                cx.ipc_owner(&perm)?;
                Ok(self.remove(cx))
            }
            MsgCtl::Set { set, qbytes } => {
                cx.ipc_owner(&perm)?;
                self.set(cx, &set, qbytes)
            }
            _ => {
                if self.cmd == MsgCtl::MsgStatAny {
                    cx.trace.rule(IPC_INFO_01_ANY);
                } else if !cx.ipcperms(&perm, S_IRUGO) {
                    cx.trace.rule(MSG_CTL_02);
                    return Err(Errno::EACCES);
                }
                self.at = At::Stat;
                Ok(Step::Preempted)
            }
        }
    }

    /// `freeque`
    fn remove(&mut self, cx: &mut Cx) -> Step {
        cx.trace.rule(MSG_CTL_06);
        cx.expunge_all(self.slot, Some(Errno::EIDRM), &mut self.wake_q);
        for task in cx.k.msq(self.slot).q_senders.clone() {
            cx.wake_msg(task, &mut self.wake_q);
        }
        cx.ipc_rmid(IpcKind::Msg, self.slot);
        *cx.k.msq_mut(self.slot) = MsgQueue::default();
        self.woken()
    }

    fn set(&mut self, cx: &mut Cx, set: &IpcSet, qbytes: u64) -> Result<Step, Errno> {
        cx.trace.rule(MSG_CTL_03);
        let narrow = cx.env.quirks.has(Quirk::MsgQbytesInt);
        let limit = cx.env.limits.msgmnb;
        let (qbytes, over) = if narrow {
            if i64::from(qbytes as i32) != qbytes as i64 {
                cx.trace.rule(MSG_CTL_04);
            }
            // A negative number is a large one once it is there, and is compared as it is before that: as unsigned.
            (i64::from(qbytes as i32) as u64, qbytes as u32 > limit)
        } else {
            (qbytes, qbytes > limit.into())
        };
        if over && !cx.env.caps.sys_resource {
            return Err(Errno::EPERM);
        }
        let mut perm = cx.k.msq(self.slot).q_perm.clone();
        cx.ipc_update_perm(&mut perm, set)?;
        let msq = cx.k.msq_mut(self.slot);
        msq.q_perm = perm;
        msq.q_qbytes = qbytes;
        cx.trace.rule(MSG_CTL_05);
        cx.expunge_all(self.slot, None, &mut self.wake_q);
        cx.ss_wakeup(self.slot, &mut self.wake_q);
        Ok(self.woken())
    }

    fn woken(&mut self) -> Step {
        self.at = At::WakeUp;
        if self.wake_q.is_empty() { Step::Returned(Return::value(0)) } else { Step::Preempted }
    }

    /// `msgctl_stat`, under the lock.
    fn stat(&mut self, cx: &mut Cx) -> Step {
        if let Err(errno) = cx.ipc_valid_object(IpcKind::Msg, self.slot) {
            return Step::Returned(errno.into());
        }
        if self.null {
            return Step::Returned(Errno::EFAULT.into());
        }
        let msq = cx.k.msq(self.slot);
        let perm = &msq.q_perm;
        let ret = if self.cmd == MsgCtl::Stat { 0 } else { perm.id.into() };
        let of_queue = [
            msq.q_cbytes as i64,
            msq.q_qnum as i64,
            msq.q_qbytes as i64,
            msq.q_lspid.number(),
            msq.q_lrpid.number(),
            msq.q_stime.into(),
            msq.q_rtime.into(),
            1,
        ];
        let extra = perm.fields().into_iter().chain(of_queue).collect();
        cx.trace.rule(MSG_CTL_08);
        Step::Returned(Return { extra, ..Return::value(ret) })
    }

    /// `msgctl_info`
    fn info(&self, cx: &mut Cx) -> Step {
        cx.trace.rule(MSG_CTL_07);
        cx.trace.rule(IPC_INFO_01);
        if self.null {
            return Step::Returned(Errno::EFAULT.into());
        }
        let limits = &cx.env.limits;
        let (messages, bytes) =
            cx.k.msqs().fold((0, 0), |(messages, bytes), (_, msq)| (messages + msq.q_qnum, bytes + msq.q_cbytes));
        let ids = cx.k.ipc_ids(IpcKind::Msg);
        let (msgpool, msgmap, msgtql) = match self.cmd {
            MsgCtl::MsgInfo => (ids.in_use.into(), messages as i64, bytes as i64),
            _ => (MSGPOOL, MSGMNB, MSGMNB),
        };
        let extra = smallvec![
            msgpool,
            msgmap,
            limits.msgmax.into(),
            limits.msgmnb.into(),
            limits.msgmni.into(),
            MSGSSZ,
            msgtql,
            MSGSEG,
        ];
        let highest = ids.max_index().unwrap_or(0);
        Step::Returned(Return { extra, ..Return::value(highest.into()) })
    }

    /// Where it is, in words.
    pub(in super::super::super) fn place(&self) -> &'static str {
        match self.at {
            At::Begin => "about to look for the queue",
            At::Stat => "queue found, about to take its lock",
            At::WakeUp => "done, about to wake a sleeper",
        }
    }
}
