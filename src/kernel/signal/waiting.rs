//! Calls that wait for signals: `pause`, `sigsuspend`, `sigtimedwait`.

use super::{SigSet, UNBLOCKABLE};
use crate::kernel::{
    CallKind, Cx, Errno, RestartKind, Return, RunState, Step, Timeout,
    canon::{canon_enum, canon_struct},
    rules::*,
};

/// `pause` and `sigsuspend`: asleep until a signal comes that is not ignored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pause {
    /// Which of the two.
    pub kind: CallKind,
    /// Whether it has slept.
    pub entered: bool,
}

canon_struct!(Pause { kind, entered });

impl Pause {
    /// `sigsuspend(mask)` with another mask from here on, `pause` without.
    pub(in crate::kernel) fn new(cx: &mut Cx, mask: Option<SigSet>) -> Self {
        if let Some(mask) = mask {
            let blocked = cx.k.task(cx.me).blocked;
            cx.k.task_mut(cx.me).sig_mut().saved_mask = Some(blocked);
            cx.set_current_blocked(mask & !UNBLOCKABLE);
        }
        Pause { kind: if mask.is_some() { CallKind::Sigsuspend } else { CallKind::Pause }, entered: false }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        if !self.entered {
            self.entered = true;
            cx.k.task_mut(cx.me).state = RunState::Interruptible;
            if !cx.signal_pending() {
                return cx.schedule(None);
            }
            cx.k.task_mut(cx.me).state = RunState::Running;
        }
        cx.trace.rule(SIG_W_04);
        Step::Restart(RestartKind::NoHand)
    }
}

/// `do_sigtimedwait`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sigtimedwait {
    /// Where it is.
    at: At,
    /// Signals waited for.
    set: SigSet,
    /// It may sleep.
    sleeps: bool,
    /// A timer is to be armed.
    timer: bool,
    /// The time is over.
    timed_out: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// About to look for the first time.
    First,
    /// Woken, or not asleep at all.
    Woken,
}

canon_enum!(At { 0 => First, 1 => Woken, });
canon_struct!(Sigtimedwait { at, set, sleeps, timer, timed_out });

impl Sigtimedwait {
    /// A wait for one of `set`.
    pub fn new(set: SigSet, timeout: Timeout) -> Self {
        Sigtimedwait {
            at: At::First,
            set: set & !UNBLOCKABLE,
            sleeps: timeout != Timeout::Now,
            timer: matches!(timeout, Timeout::After(_)),
            timed_out: false,
        }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::First => {
                if let Some(step) = self.dequeue(cx) {
                    return step;
                }
                if !self.sleeps {
                    cx.trace.rule(SIG_W_02);
                    return Step::Returned(Errno::EAGAIN.into());
                }
                self.at = At::Woken;
                let task = cx.k.task_mut(cx.me);
                let blocked = task.blocked;
                task.sig_mut().real_blocked = blocked;
                task.blocked &= !self.set;
                task.timer |= std::mem::take(&mut self.timer);
                cx.recalc_sigpending();
                cx.k.task_mut(cx.me).state = RunState::Interruptible;
                if !cx.signal_pending() {
                    return cx.schedule(None);
                }
                cx.k.task_mut(cx.me).state = RunState::Running;
                Step::Preempted
            }
            At::Woken => {
                let task = cx.k.task_mut(cx.me);
                task.timer = false;
                let before = std::mem::take(&mut task.sig_mut().real_blocked);
                task.drop_empty_sig();
                cx.set_current_blocked(before);
                if let Some(step) = self.dequeue(cx) {
                    cx.trace.rule(SIG_W_02A);
                    return step;
                }
                let errno = if self.timed_out {
                    Errno::EAGAIN
                } else {
                    cx.trace.rule(SIG_W_02_EINTR);
                    Errno::EINTR
                };
                Step::Returned(errno.into())
            }
        }
    }

    fn dequeue(&self, cx: &mut Cx) -> Option<Step> {
        let info = cx.dequeue_signal(!self.set)?;
        cx.trace.rule(SIG_W_01);
        Some(Step::Returned(Return { extra: info.extra(), ..Return::value(info.signo.into()) }))
    }

    /// The timer of this call went off.
    pub fn expire(&mut self) {
        self.timed_out = true;
    }
}
