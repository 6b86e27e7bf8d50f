//! `alarm` and `setitimer(ITIMER_REAL)`: the real-time timer of a process, `kernel/time/itimer.c`.
//!
//! There is no clock: an armed timer may go off at any moment. How much of its time is left is not known; only whether it is armed.

use super::{SIGALRM, SigInfo, code, send::For};
use crate::kernel::{Cx, Errno, ProcessId, Return, TaskId, canon::canon_struct, rules::*};
use smallvec::smallvec;

/// `real_timer` and `it_real_incr` of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RealTimer {
    /// It will go off.
    pub armed: bool,
    /// Microseconds after which it goes off again; 0 for never.
    pub interval: u64,
}

canon_struct!(RealTimer { armed, interval });

/// `ITIMER_REAL`
pub const ITIMER_REAL: i32 = 0;
/// Nobody: a timer goes off in no task.
pub(super) const NOBODY: TaskId = TaskId::MAX;

impl Cx<'_> {
    /// `alarm_setitimer`: 1 stands for the seconds that an earlier one had left.
    pub(in crate::kernel) fn alarm(&mut self, seconds: u32) -> Return {
        self.trace.rule(SIG_T_02);
        let old = self.set_real_timer(RealTimer { armed: seconds > 0, interval: 0 });
        Return::value(old.armed.into())
    }

    /// `do_setitimer`; the answer carries whether the timer was armed, and its interval.
    pub(in crate::kernel) fn setitimer(&mut self, which: i32, value: u64, interval: u64) -> Return {
        self.trace.rule(SIG_T_04);
        if which != ITIMER_REAL {
            return Errno::EINVAL.into();
        }
        let armed = value > 0;
        let old = self.set_real_timer(RealTimer { armed, interval: if armed { interval } else { 0 } });
        Return { extra: smallvec![old.armed.into(), old.interval as i64], ..Return::value(0) }
    }

    fn set_real_timer(&mut self, timer: RealTimer) -> RealTimer {
        std::mem::replace(&mut self.k.process_of_mut(self.me).signal.real_timer, timer)
    }

    /// `it_real_fn`
    pub(in crate::kernel) fn real_timer_expires(&mut self, process: ProcessId) {
        self.trace.rule(SIG_T_01);
        self.k.process_mut(process).signal.real_timer.armed = false;
        let leader = self.k.leader(process);
        let me = std::mem::replace(&mut self.me, NOBODY);
        let info = SigInfo { signo: SIGALRM, code: code::SI_KERNEL, ..SigInfo::default() };
        let _ = self.send_signal_locked(SIGALRM, info, For::Process(leader));
        self.me = me;
    }

    /// What `dequeue_signal` does after a SIGALRM of the process: a timer with an interval starts again.
    pub(super) fn rearm_real_timer(&mut self, process: ProcessId) {
        let timer = self.k.process(process).signal.real_timer;
        if !timer.armed && timer.interval > 0 {
            self.trace.rule(SIG_T_03);
            self.k.process_mut(process).signal.real_timer.armed = true;
        }
    }
}
