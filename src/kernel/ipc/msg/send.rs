//! `msgsnd`.

use super::super::super::{
    Cx, Errno, Kernel, MsgFlags, Payload, Quirk, RestartKind, Return, RunState, Step,
    canon::{canon_enum, canon_struct},
    rules::*,
    trace::Queue,
};
use super::super::{IpcKind, IpcSlot, S_IWUGO, WakeQ};
use super::{Delivered, MsgMsg};

/// `do_msgsnd`: a message on its way; while its sender sleeps this is the `msg_sender`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MsgSnd {
    /// Where it is.
    pub at: At,
    /// The queue's id.
    pub id: i32,
    /// Where the queue is, once it was found.
    pub slot: IpcSlot,
    /// The message.
    pub msg: MsgMsg,
    /// `IPC_NOWAIT`
    pub nowait: bool,
    /// Who is woken after the lock is dropped.
    pub wake_q: WakeQ,
}

/// The places of a send where others can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum At {
    /// The message is copied; about to look for the queue.
    Lookup,
    /// The queue is found; about to take its lock.
    Locked,
    /// Among the senders, lock dropped; about to sleep.
    Schedule,
    /// Woken; about to take the lock.
    Woken,
    /// Sent, lock dropped; about to wake receivers.
    WakeUp,
}

canon_enum!(At { 0 => Lookup, 1 => Locked, 2 => Schedule, 3 => Woken, 4 => WakeUp, });
canon_struct!(MsgSnd { at, id, slot, msg, nowait, wake_q });

impl MsgSnd {
    /// Everything that is looked at before the queue.
    #[inline]
    pub fn new(
        cx: &mut Cx,
        id: i32,
        mtype: Option<i64>,
        size: i64,
        mut text: Payload,
        flags: MsgFlags,
    ) -> Result<Self, Errno> {
        let checked = check(cx, id, mtype, size, &text);
        let m_type = checked.inspect_err(|_| cx.trace.rule(MSG_S_01))?;
        if i64::from(text.len()) > size {
            text = text.slice(0, size as u32);
        }
        let nowait = flags.contains(MsgFlags::IPC_NOWAIT);
        let msg = MsgMsg { m_type, text };
        Ok(MsgSnd { at: At::Lookup, id, slot: 0, msg, nowait, wake_q: WakeQ::default() })
    }

    /// One section.
    #[inline]
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::Lookup => match cx.ipc_obtain(IpcKind::Msg, self.id) {
                Err(errno) => return Step::Returned(errno.into()),
                Ok(slot) => {
                    self.slot = slot;
                    self.at = At::Locked;
                    if cx.env.quirks.has(Quirk::IpcLookupLocks) {
                        return self.locked(cx);
                    }
                }
            },
            At::Locked => return self.locked(cx),
            At::Schedule => {
                self.at = At::Woken;
                return cx.schedule(Some(Queue::Senders(self.slot)));
            }
            At::Woken => {
                cx.k.task_mut(cx.me).state = RunState::Running;
                if let Err(errno) = cx.ipc_valid_object(IpcKind::Msg, self.slot) {
                    return Step::Returned(errno.into());
                }
                let me = cx.me;
                cx.k.msq_mut(self.slot).q_senders.retain(|&task| task != me);
                cx.trace.rule(MSG_S_05);
                if cx.signal_pending() {
                    cx.trace.rule(MSG_R_10);
                    return Step::Restart(RestartKind::NoHand);
                }
                return self.locked(cx);
            }
            At::WakeUp => {
                if !cx.wake_up_one(&mut self.wake_q) {
                    return Step::Returned(Return::value(0));
                }
            }
        }
        Step::Preempted
    }

    /// From one test of the permissions to the unlock.
    #[inline]
    fn locked(&mut self, cx: &mut Cx) -> Step {
        let perm = cx.k.msq(self.slot).q_perm.clone();
        if perm.valid && !cx.ipcperms(&perm, S_IWUGO) {
            cx.trace.rule(MSG_S_02);
            return Step::Returned(Errno::EACCES.into());
        }
        if let Err(errno) = cx.ipc_valid_object(IpcKind::Msg, self.slot) {
            return Step::Returned(errno.into());
        }
        let msq = cx.k.msq(self.slot);
        if !msq.fits(self.msg.m_ts()) {
            cx.trace.rule(MSG_S_02);
            cx.trace.rule(MSG_S_03);
            if self.nowait {
                return Step::Returned(Errno::EAGAIN.into());
            }
            let me = cx.me;
            cx.k.msq_mut(self.slot).q_senders.push(me);
            cx.k.task_mut(me).state = RunState::Interruptible;
            self.at = At::Schedule;
            return Step::Preempted;
        }
        if !msq.q_senders.is_empty() {
            cx.trace.rule(MSG_S_04);
        }
        cx.trace.rule(MSG_S_06);
        let sender = cx.my_tgid();
        let msq = cx.k.msq_mut(self.slot);
        msq.q_lspid = sender;
        msq.q_stime = true;
        self.at = At::WakeUp;
        if !self.pipelined_send(cx) {
            let msq = cx.k.msq_mut(self.slot);
            msq.q_cbytes += self.msg.m_ts();
            msq.q_qnum += 1;
            msq.q_messages.push(std::mem::take(&mut self.msg));
        }
        if self.wake_q.is_empty() { Step::Returned(Return::value(0)) } else { Step::Preempted }
    }

    /// Offers the message to those who wait for one; whether somebody took it.
    #[inline]
    fn pipelined_send(&mut self, cx: &mut Cx) -> bool {
        if cx.k.msq(self.slot).q_receivers.is_empty() {
            return false;
        }
        for task in cx.k.msq(self.slot).q_receivers.clone() {
            let Some(receiver) = cx.k.receiver(task).filter(|receiver| receiver.wanted.matches(&self.msg)) else {
                continue;
            };
            let fits = receiver.max_size() >= self.msg.m_ts();
            cx.k.msq_mut(self.slot).q_receivers.retain(|&other| other != task);
            cx.wake_msg(task, &mut self.wake_q);
            if fits {
                cx.trace.rule(MSG_S_07);
                cx.trace.rule(MSG_S_10);
                let receiver = cx.pid_of(task);
                let msq = cx.k.msq_mut(self.slot);
                msq.q_lrpid = receiver;
                msq.q_rtime = true;
            } else {
                cx.trace.rule(MSG_S_08);
            }
            let msg = &mut self.msg;
            if let Some(receiver) = cx.k.receiver_mut(task) {
                receiver.r_msg =
                    if fits { Delivered::Msg(std::mem::take(msg)) } else { Delivered::Error(Errno::E2BIG) };
            }
            if fits {
                return true;
            }
        }
        false
    }

    /// Whether a sleeper would not go back to sleep if it were woken now.
    pub fn ready(&self, k: &Kernel) -> bool {
        let msq = k.msq(self.slot);
        !msq.q_perm.valid || msq.fits(self.msg.m_ts())
    }

    /// Where it is, in words.
    pub(in super::super::super) fn place(&self) -> &'static str {
        match self.at {
            At::Lookup => "message copied, about to look for the queue",
            At::Locked => "queue found, about to take its lock",
            At::Schedule => "among the senders, about to sleep",
            At::Woken => "about to take the lock",
            At::WakeUp => "sent, about to wake a receiver",
        }
    }
}

/// The type, if nothing is wrong with the arguments.
#[inline]
fn check(cx: &Cx, id: i32, mtype: Option<i64>, size: i64, text: &Payload) -> Result<i64, Errno> {
    let m_type = mtype.ok_or(Errno::EFAULT)?;
    if size < 0 || size > cx.env.limits.msgmax.into() || id < 0 || m_type < 1 {
        return Err(Errno::EINVAL);
    }
    if i64::from(text.readable()) < size { Err(Errno::EFAULT) } else { Ok(m_type) }
}
