//! `struct sigpending`: a set of signals, and a queue of what is known about them.

use super::{FIRST_REALTIME, SYNCHRONOUS, SigSet, Signal, has, mask};
use crate::kernel::{canon::canon_struct, rules::*, trace::Trace};
use smallvec::{SmallVec, smallvec};

/// Values of `si_code`.
pub mod code {
    /// By `kill`.
    pub const SI_USER: i32 = 0;
    /// By the kernel.
    pub const SI_KERNEL: i32 = 0x80;
    /// By `sigqueue`.
    pub const SI_QUEUE: i32 = -1;
    /// By a timer of `timer_create`.
    pub const SI_TIMER: i32 = -2;
    /// By `tgkill`.
    pub const SI_TKILL: i32 = -6;
    /// SIGSEGV: nothing is mapped there.
    pub const SEGV_MAPERR: i32 = 1;
    /// SIGSEGV: what is mapped there may not be accessed so.
    pub const SEGV_ACCERR: i32 = 2;
    /// SIGCHLD: the child has exited.
    pub const CLD_EXITED: i32 = 1;
    /// SIGCHLD: a signal ended the child.
    pub const CLD_KILLED: i32 = 2;
    /// SIGCHLD: the child has stopped.
    pub const CLD_STOPPED: i32 = 5;
    /// SIGCHLD: the child goes on.
    pub const CLD_CONTINUED: i32 = 6;
}

/// `siginfo_t`, as far as signals carry it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct SigInfo {
    /// `si_signo`
    pub signo: Signal,
    /// `si_code`
    pub code: i32,
    /// `si_pid`: of the sender, or of the child; `si_timerid` of a timer.
    pub pid: i32,
    /// `si_uid`: of the sender, or of the child.
    pub uid: u32,
    /// `si_value`, or `si_status` of SIGCHLD.
    pub value: i64,
}

canon_struct!(SigInfo { signo, code, pid, uid, value });

/// Numbers of a [`SigInfo`] in results.
pub const SIGINFO_FIELDS: u8 = 5;

impl SigInfo {
    /// As results carry it: signo, code, pid, uid, value.
    pub fn extra(&self) -> SmallVec<[i64; 2]> {
        smallvec![self.signo.into(), self.code.into(), self.pid.into(), self.uid.into(), self.value]
    }
}

/// `struct sigpending`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SigPending {
    /// Bit `n - 1` is signal `n`. It may be set without an entry of the list: then what was known is lost.
    pub signal: SigSet,
    /// `list`: entries in the order of their arrival.
    pub list: Vec<SigQueue>,
}

/// `struct sigqueue`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SigQueue {
    /// What is known.
    pub info: SigInfo,
    /// The user that the entry counts for.
    pub user: u16,
    /// `SIGQUEUE_PREALLOC`: it belongs to this timer of the process, and does not count.
    pub timer: Option<u8>,
}

canon_struct!(SigQueue { info, user, timer });
canon_struct!(SigPending { signal, list });

impl SigPending {
    /// Whether the signal is pending.
    #[inline]
    pub fn contains(&self, signal: Signal) -> bool {
        has(self.signal, signal)
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.signal == 0
    }

    /// `flush_sigqueue_mask`: forgets the signals of a set. The answer is the timers whose entries were among them.
    pub fn flush(&mut self, set: SigSet) -> SmallVec<[u8; 2]> {
        self.signal &= !set;
        self.list.extract_if(.., |entry| has(set, entry.info.signo)).filter_map(|entry| entry.timer).collect()
    }

    /// `next_signal`: which of the signals that `blocked` lets through comes next.
    pub fn next_signal(&self, blocked: SigSet, trace: &mut Trace) -> Option<Signal> {
        let ready = self.signal & !blocked;
        if ready == 0 {
            return None;
        }
        let first = match ready & SYNCHRONOUS {
            0 => ready,
            synchronous => {
                if ready != synchronous {
                    trace.rule(SIG_D_02);
                }
                synchronous
            }
        };
        Some(first.trailing_zeros() as Signal + 1)
    }

    /// `collect_signal`: takes the first entry of a signal. The signal stays pending if there is another one.
    pub fn collect(&mut self, signal: Signal, trace: &mut Trace) -> SigQueue {
        let entry = match self.list.iter().position(|entry| entry.info.signo == signal) {
            Some(at) => self.list.remove(at),
            None => {
                if signal != super::SIGKILL {
                    trace.rule(SIG_Q_05);
                }
                SigQueue { info: SigInfo { signo: signal, ..SigInfo::default() }, user: 0, timer: None }
            }
        };
        if self.list.iter().any(|entry| entry.info.signo == signal) {
            trace.rule(SIG_D_05);
        } else {
            self.signal &= !mask(signal);
        }
        if signal >= FIRST_REALTIME {
            trace.rule(SIG_D_04);
        }
        entry
    }

    /// What must hold of every pending set.
    ///
    /// # Errors
    ///
    /// What does not hold.
    pub fn invariants(&self) -> Result<(), String> {
        for (i, entry) in self.list.iter().enumerate() {
            let signo = entry.info.signo;
            if !self.contains(signo) {
                return Err(format!("signal {signo} is queued and not in the set"));
            }
            let before = |other: &SigQueue| other.info.signo == signo && other.timer.is_none();
            if signo < FIRST_REALTIME && entry.timer.is_none() && self.list[..i].iter().any(before) {
                return Err(format!("signal {signo} is queued twice"));
            }
        }
        Ok(())
    }
}
