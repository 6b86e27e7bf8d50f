//! Signals: sending, pending sets, the choice of a thread, delivery, actions and masks, stopping, waiting for children.
//!
//! Structures and functions have the names of `kernel/signal.c`. What a process shares is its [`SignalStruct`]; what a thread
//! has of its own lies in its [`Task`](super::Task).

mod action;
mod child;
mod delivery;
mod ids;
mod itimer;
mod kill;
mod pending;
mod posix_timer;
mod send;
mod signalfd;
mod stop;
mod thread;
mod waiting;

pub use action::{Disposition, SaFlags, SigAction, SigHow};
pub use child::{WNOHANG, Wait4, WaitStatus};
pub(in crate::kernel) use delivery::Delivered;
pub use delivery::{Delivery, Interrupted, SigFrame};
pub use ids::{INIT_PID, task_of, tid_of};
pub use itimer::{ITIMER_REAL, RealTimer};
pub use pending::{SIGINFO_FIELDS, SigInfo, SigPending, code};
pub use posix_timer::{MAX_POSIX_TIMERS, PosixTimer, TimerStatus};
pub use signalfd::{SIGINFO_SIZE, SignalfdRead};
pub use waiting::{Pause, Sigtimedwait};

use super::{TaskId, WaitQueue, canon::canon_struct};

/// A signal number, 1 to 64.
pub type Signal = u8;

/// `SIGHUP`
pub const SIGHUP: Signal = 1;
/// `SIGINT`
pub const SIGINT: Signal = 2;
/// `SIGQUIT`
pub const SIGQUIT: Signal = 3;
/// `SIGILL`
pub const SIGILL: Signal = 4;
/// `SIGTRAP`
pub const SIGTRAP: Signal = 5;
/// `SIGABRT`
pub const SIGABRT: Signal = 6;
/// `SIGBUS`
pub const SIGBUS: Signal = 7;
/// `SIGFPE`
pub const SIGFPE: Signal = 8;
/// Ends a process, whatever it does.
pub const SIGKILL: Signal = 9;
/// `SIGUSR1`
pub const SIGUSR1: Signal = 10;
/// `SIGSEGV`
pub const SIGSEGV: Signal = 11;
/// `SIGUSR2`
pub const SIGUSR2: Signal = 12;
/// A write to a pipe that nobody reads.
pub const SIGPIPE: Signal = 13;
/// `SIGALRM`
pub const SIGALRM: Signal = 14;
/// `SIGTERM`
pub const SIGTERM: Signal = 15;
/// A child has changed its state.
pub const SIGCHLD: Signal = 17;
/// Goes on.
pub const SIGCONT: Signal = 18;
/// Stops, whatever it does.
pub const SIGSTOP: Signal = 19;
/// Stops.
pub const SIGTSTP: Signal = 20;
/// Stops.
pub const SIGTTIN: Signal = 21;
/// Stops.
pub const SIGTTOU: Signal = 22;
/// Urgent data on a socket.
pub const SIGURG: Signal = 23;
/// `SIGXCPU`
pub const SIGXCPU: Signal = 24;
/// `SIGXFSZ`
pub const SIGXFSZ: Signal = 25;
/// The size of a window has changed.
pub const SIGWINCH: Signal = 28;
/// `SIGSYS`
pub const SIGSYS: Signal = 31;
/// The first real-time signal as a C library numbers them: 32 and 33 are its own.
pub const SIGRTMIN: Signal = 34;
/// The kernel's first real-time signal: those below are standard signals, which do not queue.
pub const FIRST_REALTIME: Signal = 32;
/// The last signal.
pub const SIGRTMAX: Signal = 64;

/// Signals by name.
pub const NAMES: &[(&str, Signal)] = &[
    ("SIGHUP", SIGHUP),
    ("SIGINT", SIGINT),
    ("SIGQUIT", SIGQUIT),
    ("SIGILL", SIGILL),
    ("SIGTRAP", SIGTRAP),
    ("SIGABRT", SIGABRT),
    ("SIGBUS", SIGBUS),
    ("SIGFPE", SIGFPE),
    ("SIGKILL", SIGKILL),
    ("SIGUSR1", SIGUSR1),
    ("SIGSEGV", SIGSEGV),
    ("SIGUSR2", SIGUSR2),
    ("SIGPIPE", SIGPIPE),
    ("SIGALRM", SIGALRM),
    ("SIGTERM", SIGTERM),
    ("SIGSTKFLT", 16),
    ("SIGCHLD", SIGCHLD),
    ("SIGCONT", SIGCONT),
    ("SIGSTOP", SIGSTOP),
    ("SIGTSTP", SIGTSTP),
    ("SIGTTIN", SIGTTIN),
    ("SIGTTOU", SIGTTOU),
    ("SIGURG", SIGURG),
    ("SIGXCPU", SIGXCPU),
    ("SIGXFSZ", SIGXFSZ),
    ("SIGVTALRM", 26),
    ("SIGPROF", 27),
    ("SIGWINCH", SIGWINCH),
    ("SIGIO", 29),
    ("SIGPWR", 30),
    ("SIGSYS", SIGSYS),
    ("SIGRTMIN", SIGRTMIN),
    ("SIGRTMAX", SIGRTMAX),
];

/// A signal as the notation writes it: `SIGUSR1`, `SIGRTMIN+2`, or the number of one that has no name.
pub fn name(signal: Signal) -> String {
    match NAMES.iter().find(|(_, s)| *s == signal) {
        Some((name, _)) => (*name).into(),
        None if signal > SIGRTMIN && signal < SIGRTMAX => format!("SIGRTMIN+{}", signal - SIGRTMIN),
        None => format!("signal {signal}"),
    }
}

/// A set of signals: bit `n - 1` is signal `n`.
pub type SigSet = u64;

/// The set of one signal.
pub const fn mask(signal: Signal) -> SigSet {
    1 << (signal - 1)
}

/// Whether a set has a signal.
#[inline]
pub const fn has(set: SigSet, signal: Signal) -> bool {
    set >> (signal - 1) & 1 == 1
}

/// Signals that nobody can block, catch or ignore.
pub const UNBLOCKABLE: SigSet = mask(SIGKILL) | mask(SIGSTOP);
/// `SIG_KERNEL_STOP_MASK`: they stop the process by default.
pub const STOPPING: SigSet = mask(SIGSTOP) | mask(SIGTSTP) | mask(SIGTTIN) | mask(SIGTTOU);
/// `SIG_KERNEL_IGNORE_MASK`: they do nothing by default.
pub const IGNORED_BY_DEFAULT: SigSet = mask(SIGCONT) | mask(SIGCHLD) | mask(SIGWINCH) | mask(SIGURG);
/// `SIG_KERNEL_COREDUMP_MASK`: by default they end the process with a core dump.
pub const DUMPING: SigSet = mask(SIGQUIT)
    | mask(SIGILL)
    | mask(SIGTRAP)
    | mask(SIGABRT)
    | mask(SIGFPE)
    | mask(SIGSEGV)
    | mask(SIGBUS)
    | mask(SIGSYS)
    | mask(SIGXCPU)
    | mask(SIGXFSZ);
/// `SYNCHRONOUS_MASK`: taken before all others.
pub const SYNCHRONOUS: SigSet =
    mask(SIGSEGV) | mask(SIGBUS) | mask(SIGILL) | mask(SIGTRAP) | mask(SIGFPE) | mask(SIGSYS);

/// A set in words: `SIGUSR1|SIGTERM`, or `0`.
pub fn set_in_words(set: SigSet) -> String {
    let names: Vec<String> = (1..=SIGRTMAX).filter(|&s| has(set, s)).map(name).collect();
    if names.is_empty() { "0".into() } else { names.join("|") }
}

/// `signal_struct` and `sighand_struct`: what the threads of a process share.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SignalStruct {
    /// Signals for whichever thread takes them.
    pub shared_pending: SigPending,
    /// Signals whose action is `SIG_IGN`.
    pub ignored: SigSet,
    /// Signals that have a handler, in the order of their numbers. All others have `SIG_DFL`.
    pub handlers: Vec<(Signal, SigAction)>,
    /// Where the search for a thread begins, if not at the first.
    pub curr_target: Option<TaskId>,
    /// `SIGNAL_STOP_STOPPED`: all threads have stopped.
    pub stopped: bool,
    /// Threads that have still to stop.
    pub group_stop_count: u16,
    /// `group_exit_code` while it stops: the signal that stopped it, until a parent has asked.
    pub stop_code: Signal,
    /// `SIGNAL_STOP_CONTINUED`: it was continued, and no parent has asked yet.
    pub continued: bool,
    /// `SIGNAL_CLD_STOPPED`, `SIGNAL_CLD_CONTINUED`: what the next thread that runs tells the parent.
    pub cld: u8,
    /// `signalfd_wqh`: who reads or polls a signalfd.
    pub signalfd_wqh: WaitQueue,
    /// `wait_chldexit`: who waits for a child.
    pub wait_chldexit: WaitQueue,
    /// `real_timer`
    pub real_timer: RealTimer,
    /// `posix_timers`, in the order in which they were made.
    pub posix_timers: Vec<PosixTimer>,
    /// `next_posix_timer_id`
    pub next_posix_timer_id: u8,
    /// `ignored_posix_timers`: those that wait until their signal is not ignored any more, the last one in front.
    pub ignored_posix_timers: Vec<u8>,
}

canon_struct!(SignalStruct {
    shared_pending,
    ignored,
    handlers,
    curr_target,
    stopped,
    group_stop_count,
    stop_code,
    continued,
    cld,
    signalfd_wqh,
    wait_chldexit,
    real_timer,
    posix_timers,
    next_posix_timer_id,
    ignored_posix_timers,
});

impl SignalStruct {
    /// The action of a signal.
    pub fn action(&self, signal: Signal) -> SigAction {
        if has(self.ignored, signal) {
            return SigAction { disposition: Disposition::Ignore, ..SigAction::default() };
        }
        let found = self.handlers.iter().find(|(s, _)| *s == signal);
        found.map_or(SigAction::default(), |(_, action)| *action)
    }

    /// Sets the action of a signal.
    pub fn set_action(&mut self, signal: Signal, action: SigAction) {
        self.ignored &= !mask(signal);
        self.handlers.retain(|(s, _)| *s != signal);
        if action.disposition == Disposition::Ignore && action.flags.is_empty() && action.mask == 0 {
            self.ignored |= mask(signal);
        } else if action != SigAction::default() {
            let at = self.handlers.partition_point(|(s, _)| *s < signal);
            self.handlers.insert(at, (signal, action));
        }
    }

    /// Whether a signal with this action is dropped: `SIG_IGN`, or `SIG_DFL` of one that does nothing by default.
    pub fn ignores(&self, signal: Signal) -> bool {
        match self.action(signal).disposition {
            Disposition::Ignore => true,
            Disposition::Default => has(IGNORED_BY_DEFAULT, signal),
            Disposition::Handler(_) => false,
        }
    }
}

/// What a thread has of its own beside its pending set and its mask. Most have none of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SigThread {
    /// `saved_sigmask`: the mask to go back to after `sigsuspend`.
    pub saved_mask: Option<SigSet>,
    /// `real_blocked`: the mask of before `sigtimedwait`.
    pub real_blocked: SigSet,
    /// What the kernel put on the user's stack for each handler that has not returned, the last one on top.
    pub frames: Vec<SigFrame>,
    /// `JOBCTL_STOP_PENDING`: it is to stop.
    pub stop_pending: bool,
    /// `JOBCTL_STOP_DEQUEUED`: it took a stop signal, and no `SIGCONT` came since.
    pub stop_dequeued: bool,
}

canon_struct!(SigThread { saved_mask, real_blocked, frames, stop_pending, stop_dequeued });
