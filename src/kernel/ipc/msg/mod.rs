//! Message queues.

mod call;
mod ctl;
mod receive;
mod send;

pub use call::{INFO_FIELDS, MsgCall, MsgCtl, STAT_FIELDS};
pub use ctl::MsgCtlCall;
pub use receive::{Delivered, MsgRcv};
pub use send::MsgSnd;

use super::super::{
    Cx, Errno, Frame, InCall, Kernel, Payload, Quirk, Return, Step, TaskId,
    canon::{canon_enum, canon_struct, clone_reusing},
    footprint::{Access, ObjId},
    rules::*,
    syscall::{Entered, fails},
};
use super::{IpcFlags, IpcKey, IpcKind, IpcOps, IpcSlot, KernIpcPerm, Pid, WakeQ};

/// `msg_msg`: a message.
#[derive(PartialEq, Eq, Hash, Debug, Default)]
pub struct MsgMsg {
    /// Its type, at least 1.
    pub m_type: i64,
    /// Its bytes; their number is `m_ts`.
    pub text: Payload,
}

/// `msg_queue`
#[derive(PartialEq, Eq, Debug, Default)]
pub struct MsgQueue {
    /// Id, key, owner, permissions.
    pub q_perm: KernIpcPerm,
    /// Whether something was ever sent.
    pub q_stime: bool,
    /// Whether something was ever received.
    pub q_rtime: bool,
    /// Bytes in it.
    pub q_cbytes: u64,
    /// Messages in it.
    pub q_qnum: u64,
    /// The most bytes, and the most messages, that it may hold.
    pub q_qbytes: u64,
    /// Who sent last.
    pub q_lspid: Pid,
    /// Who received last.
    pub q_lrpid: Pid,
    /// The messages, oldest first.
    pub q_messages: Vec<MsgMsg>,
    /// Who sleeps in `msgrcv`, in the order in which messages are offered: the record of each is its frame.
    pub q_receivers: Vec<TaskId>,
    /// Who sleeps in `msgsnd`.
    pub q_senders: Vec<TaskId>,
}

canon_struct!(MsgMsg { m_type, text });
clone_reusing!(MsgMsg { m_type, text });
canon_struct!(MsgQueue {
    q_perm,
    q_stime,
    q_rtime,
    q_cbytes,
    q_qnum,
    q_qbytes,
    q_lspid,
    q_lrpid,
    q_messages,
    q_receivers,
    q_senders,
});
clone_reusing!(MsgQueue {
    q_perm,
    q_stime,
    q_rtime,
    q_cbytes,
    q_qnum,
    q_qbytes,
    q_lspid,
    q_lrpid,
    q_messages,
    q_receivers,
    q_senders,
});

impl MsgMsg {
    /// `m_ts`: its length.
    pub fn m_ts(&self) -> u64 {
        self.text.len().into()
    }
}

impl MsgQueue {
    /// `msg_fits_inqueue`: whether a message of this size has room.
    #[inline]
    pub fn fits(&self, size: u64) -> bool {
        size + self.q_cbytes <= self.q_qbytes && self.q_qnum < self.q_qbytes
    }

    /// `find_msg`: the position of the message that a receiver gets.
    #[inline]
    pub fn find_msg(&self, wanted: Wanted) -> Option<usize> {
        match wanted {
            Wanted::LessEqual(bound) => {
                // The first one of the smallest type.
                let fitting = self.q_messages.iter().enumerate().filter(|(_, msg)| msg.m_type <= bound);
                fitting.min_by_key(|(_, msg)| msg.m_type).map(|(i, _)| i)
            }
            Wanted::Number(position) => {
                usize::try_from(position).ok().filter(|&position| position < self.q_messages.len())
            }
            _ => self.q_messages.iter().position(|msg| wanted.matches(msg)),
        }
    }

    fn invariants(&self) -> Result<(), String> {
        let bytes: u64 = self.q_messages.iter().map(MsgMsg::m_ts).sum();
        if bytes != self.q_cbytes || self.q_messages.len() as u64 != self.q_qnum {
            return Err(format!("{} bytes in {} messages are counted", self.q_cbytes, self.q_qnum));
        }
        if !self.q_perm.valid && (self.q_qnum > 0 || self.q_receivers.len() + self.q_senders.len() > 0) {
            return Err("it is gone and not empty".into());
        }
        Ok(())
    }
}

/// `convert_mode`: which messages a receiver wants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wanted {
    /// `SEARCH_ANY`
    Any,
    /// `SEARCH_EQUAL`
    Equal(i64),
    /// `SEARCH_NOTEQUAL`
    NotEqual(i64),
    /// `SEARCH_LESSEQUAL`
    LessEqual(i64),
    /// `SEARCH_NUMBER`: a position.
    Number(i64),
}

canon_enum!(Wanted { 0 => Any, 1 => Equal(t), 2 => NotEqual(t), 3 => LessEqual(t), 4 => Number(n), });

impl Wanted {
    /// `testmsg`: whether a message is one of them.
    #[inline]
    pub fn matches(self, msg: &MsgMsg) -> bool {
        match self {
            Wanted::Any | Wanted::Number(_) => true,
            Wanted::Equal(mtype) => msg.m_type == mtype,
            Wanted::NotEqual(mtype) => msg.m_type != mtype,
            Wanted::LessEqual(mtype) => msg.m_type <= mtype,
        }
    }
}

/// What `msgget` does in its own way.
struct MsgOps;

impl IpcOps for MsgOps {
    const KIND: IpcKind = IpcKind::Msg;

    fn limit(&self, cx: &Cx) -> u32 {
        cx.env.limits.msgmni
    }

    fn more_checks(&self, _: &mut Cx, _: IpcSlot) -> Result<(), Errno> {
        Ok(())
    }

    fn may_make(&self, _: &mut Cx) -> Result<(), Errno> {
        Ok(())
    }

    /// `newque`
    fn getnew(&self, cx: &mut Cx, q_perm: KernIpcPerm) -> IpcSlot {
        cx.trace.rule(MSG_G_01);
        let q_qbytes = cx.env.limits.msgmnb.into();
        cx.k.install_msq(MsgQueue { q_perm, q_qbytes, ..MsgQueue::default() })
    }
}

/// Makes a declared queue. It belongs to the owner of the test, whoever the first task is.
///
/// # Errors
///
/// Those of `msgget` and of `IPC_SET`.
pub fn make(cx: &mut Cx, key: IpcKey, flags: IpcFlags, qbytes: Option<u32>) -> Result<i32, Errno> {
    let key = cx.ipc_key(key);
    let id = cx.ipcget(&MsgOps, key, flags)?;
    let slot = cx.ipc_obtain(IpcKind::Msg, id)?;
    let msq = cx.k.msq_mut(slot);
    let perm = &mut msq.q_perm;
    (perm.uid, perm.gid, perm.cuid, perm.cgid) = (0, 0, 0, 0);
    if let Some(qbytes) = qbytes {
        if qbytes > cx.env.limits.msgmnb && !cx.env.caps.sys_resource {
            return Err(Errno::EPERM);
        }
        msq.q_qbytes = qbytes.into();
    }
    Ok(id)
}

impl Cx<'_> {
    /// Into a call on message queues.
    #[inline]
    pub(in super::super) fn enter_msg(&mut self, call: MsgCall) -> Entered {
        match call {
            MsgCall::Snd { id, mtype, size, text, flags } => {
                let id = self.ipc_id(id);
                let call = MsgSnd::new(self, id, mtype, size, text, flags).map_err(fails)?;
                Ok(Frame { call: Some(InCall::MsgSnd(Box::new(call))), fput: None })
            }
            MsgCall::Rcv { id, size, mtype, fault, flags } => {
                let id = self.ipc_id(id);
                let call = MsgRcv::new(self, id, size, mtype, fault, flags).map_err(fails)?;
                Ok(Frame { call: Some(InCall::MsgRcv(Box::new(call))), fput: None })
            }
            MsgCall::Get { key, flags } => {
                let key = self.ipc_key(key);
                let id = self.ipcget(&MsgOps, key, flags).map_err(fails)?;
                Err(Step::Returned(Return::value(id.into())))
            }
            MsgCall::Ctl { id, cmd, null } => {
                let id = self.ipc_id(id);
                let call = MsgCtlCall::new(self, id, cmd, null).map_err(fails)?;
                Ok(Frame { call: Some(InCall::MsgCtl(Box::new(call))), fput: None })
            }
        }
    }

    /// Wakes a sleeper of a queue: before v4.9 at once, under the lock, since then after it.
    fn wake_msg(&mut self, task: TaskId, wake_q: &mut WakeQ) {
        if self.env.quirks.has(Quirk::MsgWakeUnderLock) {
            self.try_to_wake_up(task);
        } else {
            wake_q.add(task);
        }
    }

    /// `expunge_all`: every receiver learns why it waits in vain, or is to look again if `why` is `None`.
    fn expunge_all(&mut self, slot: IpcSlot, why: Option<Errno>, wake_q: &mut WakeQ) {
        for task in self.k.msq(slot).q_receivers.clone() {
            if let (Some(why), Some(receiver)) = (why, self.k.receiver_mut(task)) {
                receiver.r_msg = Delivered::Error(why);
            }
            self.wake_msg(task, wake_q);
        }
    }

    /// `ss_wakeup`: senders for whom there is room now; the others go to the end of the queue.
    fn ss_wakeup(&mut self, slot: IpcSlot, wake_q: &mut WakeQ) {
        if self.k.msq(slot).q_senders.is_empty() {
            return;
        }
        let senders = self.k.msq(slot).q_senders.clone();
        if self.env.quirks.has(Quirk::MsgWakeAllSenders) {
            self.trace.rule(MSG_W_01);
            for task in senders {
                self.wake_msg(task, wake_q);
            }
            return;
        }
        self.trace.rule(MSG_W_02);
        let mut rotated = Vec::new();
        for &task in &senders {
            let size = self.k.sender(task).map_or(0, |sender| sender.msg.m_ts());
            if self.k.msq(slot).fits(size) {
                self.wake_msg(task, wake_q);
            } else {
                self.trace.rule(MSG_W_03);
                rotated.push(task);
            }
        }
        if !rotated.is_empty() {
            let q_senders = &mut self.k.msq_mut(slot).q_senders;
            q_senders.retain(|task| !rotated.contains(task));
            q_senders.extend(rotated);
        }
    }
}

impl Kernel {
    /// Reads a message queue.
    #[inline]
    pub fn msq(&self, slot: IpcSlot) -> &MsgQueue {
        self.footprint.note(ObjId::Msq(slot), Access::Read);
        &self.msqs[slot.into()]
    }

    /// Writes a message queue.
    #[inline]
    pub fn msq_mut(&mut self, slot: IpcSlot) -> &mut MsgQueue {
        self.footprint.note(ObjId::Msq(slot), Access::Write);
        self.msqs.write(slot.into())
    }

    /// All message queues, with their places.
    pub fn msqs(&self) -> impl Iterator<Item = (IpcSlot, &MsgQueue)> {
        self.msqs.iter().enumerate().filter(|(_, msq)| msq.q_perm.valid).map(|(i, msq)| (i as IpcSlot, msq))
    }

    /// Puts a queue into the lowest place that nothing uses: neither a queue nor somebody who has not left a removed one.
    fn install_msq(&mut self, msq: MsgQueue) -> IpcSlot {
        self.footprint.note(ObjId::Allocation, Access::Write);
        let used = |slot: usize| {
            self.msqs[slot].q_perm.valid
                || self.tasks().any(|(_, task)| match &task.frame.call {
                    Some(InCall::MsgSnd(call)) => usize::from(call.slot) == slot,
                    Some(InCall::MsgRcv(call)) => usize::from(call.slot) == slot,
                    Some(InCall::MsgCtl(call)) => usize::from(call.slot) == slot,
                    _ => false,
                })
        };
        let slot = match (0..self.msqs.len()).find(|&slot| !used(slot)) {
            Some(slot) => {
                *self.msqs.write(slot) = msq;
                slot
            }
            None => self.msqs.push(msq),
        };
        slot as IpcSlot
    }

    /// The record of a receiver, if the task is one.
    pub fn receiver(&self, task: TaskId) -> Option<&MsgRcv> {
        match &self.task(task).frame.call {
            Some(InCall::MsgRcv(call)) => Some(call),
            _ => None,
        }
    }

    fn receiver_mut(&mut self, task: TaskId) -> Option<&mut MsgRcv> {
        match &mut self.task_mut(task).frame.call {
            Some(InCall::MsgRcv(call)) => Some(call),
            _ => None,
        }
    }

    /// The record of a sender, if the task is one.
    pub fn sender(&self, task: TaskId) -> Option<&MsgSnd> {
        match &self.task(task).frame.call {
            Some(InCall::MsgSnd(call)) => Some(call),
            _ => None,
        }
    }

    /// What must always hold of message queues.
    pub(in super::super) fn msg_invariants(&self) -> Result<(), String> {
        for (slot, msq) in self.msqs.iter().enumerate() {
            msq.invariants().map_err(|what| format!("message queue {slot}: {what}"))?;
        }
        Ok(())
    }
}
