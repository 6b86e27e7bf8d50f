//! `msgrcv`.

#![allow(clippy::match_overlapping_arm)] // the least number is a case of its own

use super::super::super::{
    Cx, Errno, Kernel, MsgFlags, Quirk, RestartKind, Return, RunState, Step,
    canon::{canon_enum, canon_flags, canon_struct},
    rules::*,
    trace::Queue,
};
use super::super::{IpcKind, IpcSlot, S_IRUGO, WakeQ};
use super::{MsgMsg, Wanted};
use smallvec::smallvec;

/// `do_msgrcv`: somebody who wants a message; while it sleeps this is the `msg_receiver`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MsgRcv {
    /// Where it is.
    pub at: At,
    /// The queue's id.
    pub id: i32,
    /// Where the queue is, once it was found.
    pub slot: IpcSlot,
    /// `r_mode` and `r_msgtype`: which messages.
    pub wanted: Wanted,
    /// `bufsz`: room for so many bytes.
    pub size: u64,
    /// How many of them can be written to, if not all.
    pub fault: Option<u32>,
    /// `IPC_NOWAIT`, `MSG_NOERROR`, `MSG_COPY`.
    pub flags: MsgFlags,
    /// `r_msg`: what somebody left here.
    pub r_msg: Delivered,
    /// Who is woken after the lock is dropped.
    pub wake_q: WakeQ,
}

/// `r_msg`
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delivered {
    /// `-EAGAIN`: nothing yet, or look again.
    Again,
    /// A message.
    Msg(MsgMsg),
    /// Why it waited in vain.
    Error(Errno),
}

/// The type before the text is so long.
const TYPE: i64 = 8;

/// The places of a receive where others can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum At {
    /// About to look for the queue.
    Lookup,
    /// The queue is found; about to look at the permissions, without the lock.
    Permission,
    /// About to take the lock.
    Locked,
    /// Among the receivers, lock dropped; about to sleep.
    Schedule,
    /// Woken; about to look at what was left, without the lock.
    Woken,
    /// Nothing was left; about to take the lock.
    Relock,
    /// Has what it returns, lock dropped; about to wake senders.
    WakeUp,
}

canon_enum!(At { 0 => Lookup, 1 => Permission, 2 => Locked, 3 => Schedule, 4 => Woken, 5 => Relock, 6 => WakeUp, });
canon_enum!(Delivered { 0 => Again, 1 => Msg(msg), 2 => Error(errno), });
canon_flags!(MsgFlags);
canon_struct!(MsgRcv { at, id, slot, wanted, size, fault, flags, r_msg, wake_q });

impl MsgRcv {
    /// Everything that is looked at before the queue.
    #[inline]
    pub fn new(
        cx: &mut Cx,
        id: i32,
        size: i64,
        mtype: i64,
        fault: Option<u32>,
        mut flags: MsgFlags,
    ) -> Result<Self, Errno> {
        if id < 0 || size < 0 {
            cx.trace.rule(MSG_R_01);
            return Err(Errno::EINVAL);
        }
        let quirks = cx.env.quirks;
        flags.set(MsgFlags::MSG_COPY, flags.contains(MsgFlags::MSG_COPY) && quirks.has(Quirk::MsgCopy));
        if flags.contains(MsgFlags::MSG_COPY) {
            cx.trace.rule(MSG_C_01);
            let loose = flags.contains(MsgFlags::MSG_EXCEPT) || !flags.contains(MsgFlags::IPC_NOWAIT);
            if loose && quirks.has(Quirk::MsgCopyLoose) {
                cx.trace.rule(MSG_02);
            } else if loose {
                return Err(Errno::EINVAL);
            }
            // The buffer is read first, from its beginning, where the type belongs.
            let read = size.min(cx.env.limits.msgmax.into());
            if fault.is_some_and(|writable| i64::from(writable) + TYPE < read) {
                cx.trace.rule(MSG_C_02);
                return Err(Errno::EFAULT);
            }
        }
        let wanted = convert_mode(cx, mtype, flags);
        let kept = MsgFlags::IPC_NOWAIT | MsgFlags::MSG_NOERROR | MsgFlags::MSG_COPY;
        Ok(MsgRcv {
            at: At::Lookup,
            id,
            slot: 0,
            wanted,
            size: size as u64,
            fault,
            flags: flags & kept,
            r_msg: Delivered::Again,
            wake_q: WakeQ::default(),
        })
    }

    /// One section.
    #[inline]
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::Lookup => match cx.ipc_obtain(IpcKind::Msg, self.id) {
                Err(errno) => return Step::Returned(errno.into()),
                Ok(slot) => {
                    self.slot = slot;
                    self.at = At::Permission;
                    if cx.env.quirks.has(Quirk::IpcLookupLocks) {
                        return self.locked(cx);
                    }
                }
            },
            At::Permission if cx.env.quirks.has(Quirk::IpcLookupLocks) => return self.locked(cx),
            At::Permission => {
                // Of a queue that was removed meanwhile the permissions are still there to be looked at: it is the lock's turn.
                if cx.k.msq(self.slot).q_perm.valid && !self.may_read(cx) {
                    cx.trace.rule(MSG_R_01);
                    return Step::Returned(Errno::EACCES.into());
                }
                self.at = At::Locked;
            }
            At::Locked => return self.search(cx),
            At::Schedule => {
                self.at = At::Woken;
                return cx.schedule(Some(Queue::Receivers(self.slot)));
            }
            At::Woken => {
                cx.k.task_mut(cx.me).state = RunState::Running;
                if self.r_msg != Delivered::Again {
                    return self.returned(cx);
                }
                self.at = At::Relock;
            }
            At::Relock => {
                if self.r_msg != Delivered::Again {
                    return self.returned(cx);
                }
                let me = cx.me;
                cx.k.msq_mut(self.slot).q_receivers.retain(|&task| task != me);
                cx.trace.rule(MSG_R_09);
                if cx.signal_pending() {
                    cx.trace.rule(MSG_R_10);
                    return Step::Restart(RestartKind::NoHand);
                }
                self.at = At::Permission;
            }
            At::WakeUp => {
                if !cx.wake_up_one(&mut self.wake_q) {
                    return self.returned(cx);
                }
            }
        }
        Step::Preempted
    }

    fn may_read(&self, cx: &mut Cx) -> bool {
        let perm = cx.k.msq(self.slot).q_perm.clone();
        cx.ipcperms(&perm, S_IRUGO)
    }

    /// Before v3.11 the lock is taken first.
    fn locked(&mut self, cx: &mut Cx) -> Step {
        if cx.k.msq(self.slot).q_perm.valid && !self.may_read(cx) {
            cx.trace.rule(MSG_R_01);
            return Step::Returned(Errno::EACCES.into());
        }
        self.search(cx)
    }

    /// Under the lock: takes a message, or becomes one of those who wait for one.
    #[inline]
    fn search(&mut self, cx: &mut Cx) -> Step {
        if let Err(errno) = cx.ipc_valid_object(IpcKind::Msg, self.slot) {
            return Step::Returned(errno.into());
        }
        let msq = cx.k.msq(self.slot);
        let Some(found) = msq.find_msg(self.wanted) else {
            cx.trace.rule(MSG_R_08);
            if self.flags.contains(MsgFlags::IPC_NOWAIT) {
                if matches!(self.wanted, Wanted::Number(_)) {
                    cx.trace.rule(MSG_C_03);
                }
                return Step::Returned(Errno::ENOMSG.into());
            }
            let me = cx.me;
            cx.k.msq_mut(self.slot).q_receivers.push(me);
            self.r_msg = Delivered::Again;
            cx.k.task_mut(me).state = RunState::Interruptible;
            self.at = At::Schedule;
            return Step::Preempted;
        };
        let length = msq.q_messages[found].m_ts();
        if self.size < length {
            cx.trace.rule(MSG_R_05);
            if !self.flags.contains(MsgFlags::MSG_NOERROR) {
                return Step::Returned(Errno::E2BIG.into());
            }
        }
        if self.flags.contains(MsgFlags::MSG_COPY) {
            cx.trace.rule(MSG_C_03);
            if self.size.min(cx.env.limits.msgmax.into()) < length {
                cx.trace.rule(MSG_C_04);
                return Step::Returned(Errno::EINVAL.into());
            }
            self.r_msg = Delivered::Msg(cx.k.msq(self.slot).q_messages[found].clone());
            return self.returned(cx);
        }
        cx.trace.rule(MSG_R_06);
        let receiver = cx.my_tgid();
        let msq = cx.k.msq_mut(self.slot);
        let msg = msq.q_messages.remove(found);
        msq.q_qnum -= 1;
        msq.q_cbytes -= length;
        msq.q_rtime = true;
        msq.q_lrpid = receiver;
        self.r_msg = Delivered::Msg(msg);
        cx.ss_wakeup(self.slot, &mut self.wake_q);
        self.at = At::WakeUp;
        if self.wake_q.is_empty() { self.returned(cx) } else { Step::Preempted }
    }

    /// `do_msg_fill`: copies the message out, cut to the size of the buffer.
    fn returned(&mut self, cx: &mut Cx) -> Step {
        let msg = match std::mem::replace(&mut self.r_msg, Delivered::Again) {
            Delivered::Error(errno) => return Step::Returned(errno.into()),
            Delivered::Msg(msg) => msg,
            Delivered::Again => MsgMsg::default(),
        };
        let length = msg.m_ts().min(self.size) as u32;
        if self.fault.is_some_and(|writable| writable < length) {
            cx.trace.rule(MSG_R_07);
            return Step::Returned(Errno::EFAULT.into());
        }
        let data = if length < msg.text.len() { msg.text.slice(0, length) } else { msg.text };
        Step::Returned(Return { ret: Ok(length.into()), data, extra: smallvec![msg.m_type] })
    }

    /// `r_maxsize`: longer messages are not for it.
    pub fn max_size(&self) -> u64 {
        if self.flags.contains(MsgFlags::MSG_NOERROR) { i32::MAX as u64 } else { self.size }
    }

    /// Whether a sleeper would not go back to sleep if it were woken now.
    pub fn ready(&self, k: &Kernel) -> bool {
        self.r_msg != Delivered::Again || {
            let msq = k.msq(self.slot);
            !msq.q_perm.valid || msq.find_msg(self.wanted).is_some()
        }
    }

    /// Where it is, in words.
    pub(in super::super::super) fn place(&self) -> &'static str {
        match self.at {
            At::Lookup => "about to look for the queue",
            At::Permission => "queue found, about to look at the permissions",
            At::Locked => "about to take the lock",
            At::Schedule => "among the receivers, about to sleep",
            At::Woken => "about to look at what was left for it",
            At::Relock => "nothing was left for it, about to take the lock",
            At::WakeUp => "message taken, about to wake a sender",
        }
    }
}

fn convert_mode(cx: &mut Cx, mtype: i64, flags: MsgFlags) -> Wanted {
    if flags.contains(MsgFlags::MSG_COPY) {
        return Wanted::Number(mtype);
    }
    cx.trace.rule(MSG_R_02);
    match mtype {
        0 => Wanted::Any,
        i64::MIN if cx.env.quirks.has(Quirk::MsgLongMin) => {
            cx.trace.rule(MSG_03);
            Wanted::LessEqual(i64::MIN)
        }
        i64::MIN => {
            cx.trace.rule(MSG_R_03);
            Wanted::LessEqual(i64::MAX)
        }
        ..0 => {
            cx.trace.rule(MSG_R_04);
            Wanted::LessEqual(-mtype)
        }
        _ if flags.contains(MsgFlags::MSG_EXCEPT) => Wanted::NotEqual(mtype),
        _ => Wanted::Equal(mtype),
    }
}
