//! Actions and masks: `sigaction`, `sigprocmask`, `sigpending`.

use super::{SIGRTMAX, SigSet, Signal, UNBLOCKABLE, has, mask};
use crate::kernel::{Cx, Errno, Quirk, Return, canon::canon_enum, canon::canon_flags, canon::canon_struct, rules::*};
use bitflags::bitflags;
use serde::{Deserialize, Serialize};
use smallvec::smallvec;

bitflags! {
    /// `sa_flags`.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct SaFlags: u32 {
        /// SIGCHLD: not for children that stop or go on.
        const SA_NOCLDSTOP = 0x1;
        /// SIGCHLD: children that exit leave no zombies.
        const SA_NOCLDWAIT = 0x2;
        /// The handler takes a `siginfo_t`; all handlers here do.
        const SA_SIGINFO = 0x4;
        /// Interrupted calls are made again, if they can be.
        const SA_RESTART = 0x1000_0000;
        /// The signal is not blocked while its handler runs.
        const SA_NODEFER = 0x4000_0000;
        /// Back to `SIG_DFL` before the handler runs.
        const SA_RESETHAND = 0x8000_0000;
        /// Every other bit.
        const _ = !0;
    }
}

/// `sa_handler`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Disposition {
    /// `SIG_DFL`
    #[default]
    Default,
    /// `SIG_IGN`
    Ignore,
    /// A handler, by its number in the program.
    Handler(u16),
}

/// `struct sigaction`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SigAction {
    /// `sa_handler`
    pub disposition: Disposition,
    /// `sa_flags`
    pub flags: SaFlags,
    /// `sa_mask`: blocked as well while the handler runs.
    pub mask: SigSet,
}

canon_flags!(SaFlags);
canon_enum!(Disposition { 0 => Default, 1 => Ignore, 2 => Handler(number), });
canon_struct!(SigAction { disposition, flags, mask });

/// The first argument of `sigprocmask`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SigHow {
    /// `SIG_BLOCK`
    Block,
    /// `SIG_UNBLOCK`
    Unblock,
    /// `SIG_SETMASK`
    SetMask,
}

impl SigHow {
    /// By its number.
    pub fn from_number(how: i32) -> Option<SigHow> {
        match how {
            0 => Some(SigHow::Block),
            1 => Some(SigHow::Unblock),
            2 => Some(SigHow::SetMask),
            _ => None,
        }
    }
}

impl Cx<'_> {
    /// `do_sigaction`; without an action it only asks.
    pub(in crate::kernel) fn sigaction(&mut self, signal: i32, action: Option<SigAction>) -> Return {
        let valid = (1..=i32::from(SIGRTMAX)).contains(&signal);
        if !valid || action.is_some() && has(UNBLOCKABLE, signal as Signal) {
            self.trace.rule(SIG_M_01);
            return Errno::EINVAL.into();
        }
        let Some(mut action) = action else { return Return::value(0) };
        action.mask &= !UNBLOCKABLE;
        let signal = signal as Signal;
        let process = self.k.task(self.me).process;
        let was_ignored = self.k.process(process).signal.action(signal).disposition == Disposition::Ignore;
        self.k.process_mut(process).signal.set_action(signal, action);
        if self.k.process(process).signal.ignores(signal) {
            if self.flush_everywhere(process, mask(signal)) {
                self.trace.rule(SIG_M_02);
            }
        } else if was_ignored {
            self.timers_unignored(process, signal);
        }
        Return::value(0)
    }

    /// `sys_rt_sigprocmask`; the answer carries the mask of before.
    pub(in crate::kernel) fn sigprocmask(&mut self, how: i32, set: Option<SigSet>) -> Return {
        let old = self.k.task(self.me).blocked;
        if let Some(set) = set {
            let set = set & !UNBLOCKABLE;
            let new = match SigHow::from_number(how) {
                Some(SigHow::Block) => old | set,
                Some(SigHow::Unblock) => old & !set,
                Some(SigHow::SetMask) => set,
                None => {
                    self.trace.rule(SIG_M_04_HOW);
                    return Errno::EINVAL.into();
                }
            };
            self.trace.rule(SIG_M_04);
            self.set_current_blocked(new);
        }
        Return { extra: smallvec![old as i64], ..Return::value(0) }
    }

    /// `do_sigpending`
    pub(in crate::kernel) fn sigpending(&mut self) -> Return {
        self.trace.rule(SIG_M_04_PENDING);
        let task = self.k.task(self.me);
        let pending = task.pending.signal | self.k.process_of(self.me).signal.shared_pending.signal;
        Return { extra: smallvec![(pending & task.blocked) as i64], ..Return::value(0) }
    }

    /// `set_current_blocked`: signals of the process that this thread will not take any more are passed on.
    pub(super) fn set_current_blocked(&mut self, new: SigSet) {
        let task = self.k.task(self.me);
        if new == task.blocked && !self.env.quirks.has(Quirk::SigSameMaskLooks) {
            return;
        }
        let newly = new & !task.blocked;
        if newly != 0 && task.sigpending && !self.env.quirks.has(Quirk::SigNoRetarget) {
            self.retarget_shared_pending(newly);
        }
        if self.k.task(self.me).blocked != new {
            self.k.task_mut(self.me).blocked = new;
        }
        self.recalc_sigpending();
    }

    /// `retarget_shared_pending`
    pub(super) fn retarget_shared_pending(&mut self, which: SigSet) {
        let process = self.k.task(self.me).process;
        let mut retarget = self.k.process(process).signal.shared_pending.signal & which;
        for thread in self.k.threads_of_process(process) {
            let t = self.k.task(thread);
            if retarget == 0 {
                break;
            }
            if thread == self.me || t.is_exiting() || retarget & !t.blocked == 0 {
                continue;
            }
            retarget &= t.blocked;
            if !t.sigpending {
                self.trace.rule(SIG_C_04);
                self.signal_wake_up(thread, false);
            }
        }
    }
}
