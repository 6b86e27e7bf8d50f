//! The way back to user level: `get_signal`, `handle_signal`, and `rt_sigreturn`.

use super::{
    DUMPING, Disposition, IGNORED_BY_DEFAULT, SIGALRM, SIGKILL, SIGSTOP, STOPPING, SaFlags, SigAction, SigInfo, SigSet,
    WaitStatus, has, mask, pending::SigQueue,
};
use crate::kernel::{
    CallKind, Cx, Errno, Frame, InCall, Life, ProcessId, Quirk, RestartKind, Return, Step, TaskId,
    canon::{canon_enum, canon_struct},
    rules::*,
};

/// What a signal came upon: the registers, so to speak.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Interrupted {
    /// The task at user level.
    User,
    /// A call that has returned this.
    Returned(Return),
    /// A call that can be made again: whether it is, the first handler decides.
    Restart(RestartKind),
    /// The task at user level, where it is about to make its call again.
    AtCall,
}

/// What the kernel puts on the user's stack for a handler.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SigFrame {
    /// Why it runs.
    pub info: SigInfo,
    /// Which handler.
    pub handler: u16,
    /// The mask to go back to.
    pub mask: SigSet,
    /// What to go back to.
    pub interrupted: Interrupted,
}

/// `exit_to_user_mode_loop`: signals are looked at one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The call that the task comes back from.
    pub kind: CallKind,
    /// What it comes back with.
    pub interrupted: Interrupted,
    /// A handler is about to run.
    pub handled: bool,
}

canon_enum!(RestartKind { 0 => Sys, 1 => NoIntr, 2 => NoHand, 3 => Block, });
canon_enum!(Interrupted { 0 => User, 1 => Returned(ret), 2 => Restart(kind), 3 => AtCall, });
canon_struct!(SigFrame { info, handler, mask, interrupted });
canon_struct!(Delivery { kind, interrupted, handled });

/// One pass of `get_signal`.
enum Pass {
    /// Something was done; there may be more.
    Again,
    /// Nothing is left to do.
    Nothing,
    /// The task stops.
    Stop,
    /// A handler is to run.
    Handle(SigInfo, SigAction),
    /// The process ends.
    Die(WaitStatus),
}

/// How a section of a delivery ended.
pub(in crate::kernel) enum Delivered {
    /// As any step.
    Step(Step),
    /// The process ends.
    Die(WaitStatus),
}

impl Delivery {
    /// On the way back from a call.
    pub fn after(kind: CallKind, step: Step) -> Self {
        let interrupted = match step {
            Step::Returned(ret) => Interrupted::Returned(ret),
            Step::Restart(restart) => Interrupted::Restart(restart),
            _ => Interrupted::User,
        };
        Delivery { kind, interrupted, handled: false }
    }

    /// One pass.
    pub(in crate::kernel) fn step(&mut self, cx: &mut Cx) -> Delivered {
        let pass = if cx.k.task(cx.me).sigpending { get_signal(cx) } else { Pass::Nothing };
        Delivered::Step(match pass {
            Pass::Again => Step::Preempted,
            Pass::Stop => Step::Stopped,
            Pass::Die(status) => return Delivered::Die(status),
            Pass::Handle(info, action) => {
                self.handle_signal(cx, info, action);
                Step::Preempted
            }
            Pass::Nothing => {
                cx.recalc_sigpending();
                self.leave(cx)
            }
        })
    }

    /// Back at user level.
    fn leave(&mut self, cx: &mut Cx) -> Step {
        if self.handled {
            let signal = cx.k.task(cx.me).sig.as_ref().and_then(|sig| sig.frames.last()).map_or(0, |f| f.info.signo);
            return Step::Handler { signal };
        }
        // The call is set up to be made again before its mask is put back, which can uncover more signals.
        if let Interrupted::Restart(kind) = self.interrupted {
            cx.trace.rule(match kind {
                RestartKind::Sys => SIG_R_01_NONE,
                _ => SIG_R_02_NONE,
            });
            self.interrupted = Interrupted::AtCall;
        }
        if cx.restore_saved_sigmask() {
            cx.trace.rule(SIG_A_04_UNCOVERED);
            return Step::Preempted;
        }
        match std::mem::replace(&mut self.interrupted, Interrupted::User) {
            Interrupted::User => Step::Resumed,
            Interrupted::Returned(ret) => Step::Returned(ret),
            Interrupted::AtCall | Interrupted::Restart(_) => Step::Restart(RestartKind::NoIntr),
        }
    }

    /// `handle_signal`: the first handler decides about the interrupted call; then a frame is put on the stack.
    fn handle_signal(&mut self, cx: &mut Cx, info: SigInfo, action: SigAction) {
        let interrupted = match std::mem::replace(&mut self.interrupted, Interrupted::User) {
            Interrupted::Restart(kind) => {
                let again = match kind {
                    RestartKind::Sys => action.flags.contains(SaFlags::SA_RESTART),
                    RestartKind::NoIntr => true,
                    RestartKind::NoHand | RestartKind::Block => false,
                };
                cx.trace.rule(match (kind, again) {
                    (RestartKind::Sys, true) => SIG_R_01,
                    (RestartKind::Sys, false) => SIG_R_01_EINTR,
                    _ => SIG_R_02,
                });
                if again { Interrupted::AtCall } else { Interrupted::Returned(Errno::EINTR.into()) }
            }
            other => {
                if self.handled {
                    cx.trace.rule(SIG_D_06);
                }
                other
            }
        };
        self.handled = true;
        let Disposition::Handler(handler) = action.disposition else { return };
        let task = cx.k.task_mut(cx.me);
        let blocked = task.blocked;
        let sig = task.sig_mut();
        let mask_before = match sig.saved_mask.take() {
            Some(saved) => {
                cx.trace.rule(SIG_A_04_SAVED);
                saved
            }
            None => blocked,
        };
        sig.frames.push(SigFrame { info, handler, mask: mask_before, interrupted });
        let mut new = blocked | action.mask;
        if action.flags.contains(SaFlags::SA_NODEFER) {
            cx.trace.rule(SIG_A_04_NODEFER);
        } else {
            cx.trace.rule(SIG_A_04);
            new |= mask(info.signo);
        }
        cx.set_current_blocked(new);
    }
}

/// One pass of `get_signal`.
fn get_signal(cx: &mut Cx) -> Pass {
    let process = cx.k.task(cx.me).process;
    if cx.k.process(process).signal.cld != 0 {
        let why = std::mem::take(&mut cx.k.process_mut(process).signal.cld);
        cx.notify_parent_cldstop(process, i32::from(why));
        return Pass::Again;
    }
    if let Life::Exited(status) = cx.k.process(process).life {
        return Pass::Die(status);
    }
    if cx.k.task(cx.me).sig.as_ref().is_some_and(|sig| sig.stop_pending) && cx.do_signal_stop(None) {
        return Pass::Stop;
    }
    let Some(info) = cx.dequeue_for_delivery() else { return Pass::Nothing };
    let signal = info.signo;
    let action = cx.k.process(process).signal.action(signal);
    match action.disposition {
        Disposition::Ignore => {
            cx.trace.rule(SIG_A_01);
            Pass::Again
        }
        Disposition::Handler(_) => {
            if action.flags.contains(SaFlags::SA_RESETHAND) {
                cx.trace.rule(SIG_A_04_RESET);
                let once = SigAction { disposition: Disposition::Default, ..action };
                cx.k.process_mut(process).signal.set_action(signal, once);
            }
            Pass::Handle(info, action)
        }
        Disposition::Default if has(IGNORED_BY_DEFAULT, signal) => {
            cx.trace.rule(SIG_A_01);
            Pass::Again
        }
        Disposition::Default if has(STOPPING, signal) => {
            cx.trace.rule(if signal == SIGSTOP { SIG_A_02 } else { SIG_A_01_STOP });
            if cx.do_signal_stop(Some(signal)) { Pass::Stop } else { Pass::Again }
        }
        Disposition::Default => {
            cx.trace.rule(if has(DUMPING, signal) { SIG_A_01_CORE } else { SIG_A_01_TERM });
            Pass::Die(WaitStatus::killed(signal))
        }
    }
}

impl Cx<'_> {
    /// On the way to user level with signals to look at.
    #[allow(clippy::wrong_self_convention)] // the kernel's name
    pub(in crate::kernel) fn to_user_mode(&mut self, kind: CallKind, step: Step) -> Frame {
        Frame { call: Some(InCall::Signal(Box::new(Delivery::after(kind, step)))), fput: None }
    }

    /// `dequeue_synchronous_signal`, and then `dequeue_signal` of what is not blocked.
    fn dequeue_for_delivery(&mut self) -> Option<SigInfo> {
        let task = self.k.task(self.me);
        if self.env.quirks.has(Quirk::SigSynchronousFirst) {
            let of_the_kernel = |entry: &&SigQueue| {
                let info = entry.info;
                info.code > 0 && has(super::SYNCHRONOUS & !task.blocked, info.signo)
            };
            let found = task.pending.list.iter().find(of_the_kernel).map(|entry| entry.info.signo);
            if let Some(signal) = found {
                self.trace.rule(SIG_D_03);
                let info = self.k.task_mut(self.me).pending.collect(signal, self.trace).info;
                self.recalc_sigpending();
                return Some(info);
            }
        }
        let blocked = task.blocked;
        self.dequeue_signal(blocked)
    }

    /// `dequeue_signal`: from the thread's own set, and only if there is nothing from the shared one.
    pub(super) fn dequeue_signal(&mut self, blocked: SigSet) -> Option<SigInfo> {
        let process = self.k.task(self.me).process;
        loop {
            let entry = self.next_entry(process, blocked)?;
            self.recalc_sigpending();
            if has(STOPPING, entry.info.signo) {
                self.k.task_mut(self.me).sig_mut().stop_dequeued = true;
            }
            debug_assert_ne!(entry.info.signo, SIGKILL, "a group exit comes first");
            if entry.timer.is_none_or(|timer| self.timer_taken(process, timer)) {
                return Some(entry.info);
            }
        }
    }

    fn next_entry(&mut self, process: ProcessId, blocked: SigSet) -> Option<SigQueue> {
        let own = self.k.task(self.me).pending.next_signal(blocked, self.trace);
        let shared = self.k.process(process).signal.shared_pending.next_signal(blocked, self.trace);
        Some(match (own, shared) {
            (Some(signal), other) => {
                if other.is_some() {
                    self.trace.rule(SIG_D_01);
                }
                self.k.task_mut(self.me).pending.collect(signal, self.trace)
            }
            (None, Some(signal)) => {
                let entry = self.k.process_mut(process).signal.shared_pending.collect(signal, self.trace);
                if signal == SIGALRM {
                    self.rearm_real_timer(process);
                }
                entry
            }
            (None, None) => {
                let told = self.k.task(self.me).sigpending;
                self.recalc_sigpending();
                if !told && self.k.task(self.me).sigpending {
                    self.trace.rule(SIG_W_02_OTHERS);
                }
                return None;
            }
        })
    }

    /// `restore_saved_sigmask`: the mask of before `sigsuspend` again. Whether there are signals now that it does not block.
    fn restore_saved_sigmask(&mut self) -> bool {
        let Some(mask) = self.k.task(self.me).sig.as_ref().and_then(|sig| sig.saved_mask) else { return false };
        let task = self.k.task_mut(self.me);
        task.sig_mut().saved_mask = None;
        task.drop_empty_sig();
        self.set_current_blocked(mask);
        self.signal_pending()
    }

    /// `sys_rt_sigreturn`: back to what the handler interrupted.
    pub(in crate::kernel) fn sigreturn(&mut self) -> Step {
        let task = self.k.task_mut(self.me);
        let Some(frame) = task.sig_mut().frames.pop() else { return Step::Resumed };
        task.drop_empty_sig();
        self.trace.rule(SIG_A_RETURN);
        self.set_current_blocked(frame.mask);
        match frame.interrupted {
            Interrupted::Returned(ret) => Step::Returned(ret),
            Interrupted::AtCall | Interrupted::Restart(_) => Step::Restart(RestartKind::NoIntr),
            Interrupted::User => Step::Resumed,
        }
    }
}

/// The frame of the handler that a task runs.
impl crate::kernel::Kernel {
    /// The handlers that a task has not returned from, the last one on top.
    pub fn sig_frames(&self, task: TaskId) -> &[SigFrame] {
        self.task(task).sig.as_ref().map_or(&[], |sig| &sig.frames)
    }
}
