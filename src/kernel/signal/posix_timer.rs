//! `timer_create` and its kin: `struct k_itimer`, `kernel/time/posix-timers.c`.
//!
//! There is no clock: an armed timer may go off at any moment. A timer brings the queue entry of its signal along, so that the same
//! signal of several timers is queued several times; the entry is queued once, and a timer with an interval is armed again when its
//! signal is taken. How often it would have gone off meanwhile is not known, and overruns are not modelled.

use super::{SIGALRM, SIGRTMAX, SigInfo, SigPending, Signal, code, itimer::NOBODY, pending::SigQueue, send::For};
use crate::kernel::{
    Cx, Errno, Life, ProcessId, Quirk, Return, RunState, TaskId,
    canon::{canon_enum, canon_struct},
    rules::*,
};
use smallvec::smallvec;

/// A process makes at most so many timers: their ids, which count from 0, are part of a schedule.
pub const MAX_POSIX_TIMERS: usize = 8;

/// `struct k_itimer`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PosixTimer {
    /// `it_id`
    pub it_id: u8,
    /// `sigev_signo`
    pub signo: Signal,
    /// `sigev_value`
    pub value: i64,
    /// `SIGEV_THREAD_ID`: the thread that gets the signal.
    pub thread: Option<TaskId>,
    /// `it_status`
    pub it_status: TimerStatus,
    /// `it_interval`, microseconds; 0 for a timer that goes off once.
    pub it_interval: u64,
    /// `it_signal_seq != it_sigqueue_seq`: the timer was set, or armed again, since its signal was sent.
    pub stale: bool,
    /// `it_sig_periodic`: it had an interval when its signal was sent.
    pub periodic: bool,
}

/// `it_status`
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum TimerStatus {
    /// It will not go off.
    #[default]
    Disarmed,
    /// It will go off.
    Armed,
    /// It will be armed when its signal is taken.
    RequeuePending,
}

canon_enum!(TimerStatus { 0 => Disarmed, 1 => Armed, 2 => RequeuePending, });
canon_struct!(PosixTimer { it_id, signo, value, thread, it_status, it_interval, stale, periodic });

impl PosixTimer {
    fn info(&self) -> SigInfo {
        SigInfo { signo: self.signo, code: code::SI_TIMER, pid: self.it_id.into(), uid: 0, value: self.value }
    }

    /// `common_timer_get`: whether there is time left, and the interval.
    fn setting(&self) -> [i64; 2] {
        [(self.it_interval > 0 || self.it_status == TimerStatus::Armed).into(), self.it_interval as i64]
    }
}

impl Cx<'_> {
    fn my_timers(&mut self) -> &mut Vec<PosixTimer> {
        &mut self.k.process_of_mut(self.me).signal.posix_timers
    }

    fn timer(&mut self, process: ProcessId, id: u8) -> Option<&mut PosixTimer> {
        let at = self.k.process(process).signal.posix_timers.iter().position(|timer| timer.it_id == id)?;
        Some(&mut self.k.process_mut(process).signal.posix_timers[at])
    }

    fn my_timer(&mut self, id: i32) -> Result<&mut PosixTimer, Errno> {
        let process = self.k.task(self.me).process;
        match self.k.process(process).signal.posix_timers.iter().position(|timer| i32::from(timer.it_id) == id) {
            Some(at) => Ok(&mut self.k.process_mut(process).signal.posix_timers[at]),
            None => {
                self.trace.rule(SIG_T_05_EINVAL);
                Err(Errno::EINVAL)
            }
        }
    }

    /// `do_timer_create`: the answer is the id. Without a signal it is SIGALRM, with the id as its value.
    pub(in crate::kernel) fn timer_create(&mut self, signal: Option<i32>, value: i64, tid: Option<i32>) -> Return {
        let process = self.k.task(self.me).process;
        let user = self.k.process(process).uid;
        if self.k.queued_for(user) >= self.env.limits.sigpending {
            self.trace.rule(SIG_T_05_EAGAIN);
            return Errno::EAGAIN.into();
        }
        let Some(it_id) = self.posix_timer_add(process) else { return Errno::EAGAIN.into() };
        // good_sigevent
        let mine = |&thread: &TaskId| self.k.task(thread).process == process;
        let thread = tid.map(|tid| self.k.task_by_tid(tid).filter(mine));
        let (signal, value) = signal.map_or((SIGALRM.into(), it_id.into()), |signal| (signal, value));
        if thread == Some(None) || !(1..=i32::from(SIGRTMAX)).contains(&signal) {
            self.trace.rule(SIG_T_05_EINVAL);
            return Errno::EINVAL.into();
        }
        self.trace.rule(SIG_T_05);
        self.my_timers().push(PosixTimer {
            it_id,
            signo: signal as Signal,
            value,
            thread: thread.flatten(),
            it_status: TimerStatus::Disarmed,
            it_interval: 0,
            stale: false,
            periodic: false,
        });
        Return::value(it_id.into())
    }

    /// `posix_timer_add`: an id is used up even if no timer comes of it. Before v3.10 ids were those of the whole machine.
    fn posix_timer_add(&mut self, process: ProcessId) -> Option<u8> {
        if !self.env.quirks.has(Quirk::TimerIdsOfProcess) {
            let all = 0..self.k.process_count() as ProcessId;
            let used: Vec<u8> =
                all.flat_map(|p| &self.k.process(p).signal.posix_timers).map(|timer| timer.it_id).collect();
            return (0..MAX_POSIX_TIMERS as u8).find(|id| !used.contains(id));
        }
        let next = &mut self.k.process_mut(process).signal.next_posix_timer_id;
        (usize::from(*next) < MAX_POSIX_TIMERS).then(|| {
            *next += 1;
            *next - 1
        })
    }

    /// `do_timer_settime`; the answer carries whether there was time left, and the interval.
    pub(in crate::kernel) fn timer_settime(&mut self, id: i32, value: u64, interval: u64) -> Return {
        let timer = match self.my_timer(id) {
            Ok(timer) => timer,
            Err(errno) => return errno.into(),
        };
        let old = timer.setting();
        timer.stale = true;
        timer.it_status = if value > 0 { TimerStatus::Armed } else { TimerStatus::Disarmed };
        timer.it_interval = if value > 0 { interval } else { 0 };
        self.trace.rule(SIG_T_06);
        Return { extra: smallvec![old[0], old[1]], ..Return::value(0) }
    }

    /// `do_timer_gettime`; the answer carries the same.
    pub(in crate::kernel) fn timer_gettime(&mut self, id: i32) -> Return {
        match self.my_timer(id) {
            Ok(timer) => Return { extra: timer.setting().into_iter().collect(), ..Return::value(0) },
            Err(errno) => errno.into(),
        }
    }

    /// `sys_timer_delete`
    pub(in crate::kernel) fn timer_delete(&mut self, id: i32) -> Return {
        if let Err(errno) = self.my_timer(id) {
            return errno.into();
        }
        let (process, id) = (self.k.task(self.me).process, id as u8);
        self.my_timers().retain(|timer| timer.it_id != id);
        self.unpark(process, id);
        if !self.env.quirks.has(Quirk::TimerDropsStale) {
            self.disown_entry(process, id);
        }
        Return::value(0)
    }

    /// `sigqueue_free` before v6.13: a queued entry is one like others from now on.
    fn disown_entry(&mut self, process: ProcessId, id: u8) {
        let disown = |pending: &mut SigPending| {
            pending.list.iter_mut().filter(|entry| entry.timer == Some(id)).for_each(|entry| entry.timer = None);
        };
        disown(&mut self.k.process_mut(process).signal.shared_pending);
        for thread in self.k.threads_of_process(process) {
            disown(&mut self.k.task_mut(thread).pending);
        }
    }

    /// `posix_timer_fn`: a timer of the process goes off while `current` runs.
    pub(in crate::kernel) fn posix_timer_expires(&mut self, process: ProcessId, id: u8, current: TaskId) {
        let leader = self.k.leader(process);
        let prefers_current = self.env.quirks.has(Quirk::TimerPrefersCurrent);
        let Some(timer) = self.timer(process, id) else { return };
        timer.periodic = timer.it_interval > 0;
        timer.it_status = if timer.periodic { TimerStatus::RequeuePending } else { TimerStatus::Disarmed };
        timer.stale = false;
        let (signo, thread) = (timer.signo, timer.thread);
        // posixtimer_get_target
        let target = match thread {
            Some(thread) if self.k.task(thread).state == RunState::Dead => return,
            Some(thread) => For::Thread(thread),
            None if prefers_current && current != leader => {
                self.trace.rule(SIG_C_05);
                For::Process(current)
            }
            None => For::Process(leader),
        };
        // That the first thread runs makes a difference to nobody: it is tried first anyway.
        let me = std::mem::replace(&mut self.me, if current == leader { NOBODY } else { current });
        if self.prepare_signal(signo, target.task()) {
            self.trace.rule(SIG_T_07);
            self.queue_timer(process, id, target);
        } else {
            self.timer_ignored(process, id);
        }
        self.me = me;
    }

    /// `posixtimer_queue_sigqueue`, unless its entry is in a queue already.
    fn queue_timer(&mut self, process: ProcessId, id: u8, to: For) {
        self.unpark(process, id);
        if self.timer_queued(process, id) {
            self.trace.rule(SIG_T_07_ONCE);
            return;
        }
        let user = self.k.process(process).uid;
        let Some(mut info) = self.timer(process, id).map(|timer| timer.info()) else { return };
        let signo = info.signo;
        if !self.env.observe.siginfo {
            info = SigInfo { signo, ..SigInfo::default() };
        }
        self.queue_signal(signo, Some(SigQueue { info, user, timer: Some(id) }), to);
    }

    /// Whether the entry of a timer is in a queue.
    fn timer_queued(&self, process: ProcessId, id: u8) -> bool {
        let has = |pending: &SigPending| pending.list.iter().any(|entry| entry.timer == Some(id));
        has(&self.k.process(process).signal.shared_pending)
            || self.k.threads_of_process(process).into_iter().any(|thread| has(&self.k.task(thread).pending))
    }

    /// A timer's signal is ignored when it goes off. With an interval it waits on a list; before v6.13 it was armed again at once.
    fn timer_ignored(&mut self, process: ProcessId, id: u8) {
        let parks = self.env.quirks.has(Quirk::TimerParksIgnored);
        self.trace.rule(if parks { SIG_T_08 } else { SIG_T_08_AGAIN });
        let queued = self.timer_queued(process, id);
        let Some(timer) = self.timer(process, id) else { return };
        match timer.periodic {
            true if !parks => timer.it_status = TimerStatus::Armed,
            true if !queued => self.park(process, id),
            true => {}
            false => self.unpark(process, id),
        }
    }

    /// `posixtimer_sig_ignore`
    fn park(&mut self, process: ProcessId, id: u8) {
        let parked = &mut self.k.process_mut(process).signal.ignored_posix_timers;
        if !parked.contains(&id) {
            parked.insert(0, id);
        }
    }

    fn unpark(&mut self, process: ProcessId, id: u8) {
        if self.k.process(process).signal.ignored_posix_timers.contains(&id) {
            self.k.process_mut(process).signal.ignored_posix_timers.retain(|&parked| parked != id);
        }
    }

    /// `sigqueue_free_ignored`: entries of timers were flushed from a queue.
    pub(super) fn timers_flushed(&mut self, process: ProcessId, flushed: &[u8]) {
        for &id in flushed.iter().filter(|_| self.env.quirks.has(Quirk::TimerParksIgnored)) {
            if self.timer(process, id).is_some_and(|timer| timer.periodic) {
                self.trace.rule(SIG_T_08);
                self.park(process, id);
            }
        }
    }

    /// `posixtimer_sig_unignore`: SIG_IGN is over. Timers that wait for that are queued.
    pub(super) fn timers_unignored(&mut self, process: ProcessId, signal: Signal) {
        for id in self.k.process(process).signal.ignored_posix_timers.clone() {
            let Some(timer) = self.timer(process, id).filter(|timer| timer.signo == signal) else { continue };
            let target = timer.thread.map_or(For::Process(self.me), For::Thread);
            self.trace.rule(SIG_T_08_QUEUED);
            self.queue_timer(process, id, target);
        }
    }

    /// `posixtimer_deliver_signal`: a timer's signal is taken. Whether it counts: since v6.13 not if the timer was set or deleted since.
    pub(super) fn timer_taken(&mut self, process: ProcessId, id: u8) -> bool {
        let drops = self.env.quirks.has(Quirk::TimerDropsStale);
        let timer = self.timer(process, id);
        match timer {
            Some(timer) if !timer.stale => {
                if timer.it_interval > 0 && timer.it_status == TimerStatus::RequeuePending {
                    timer.it_status = TimerStatus::Armed;
                    timer.stale = true;
                    self.trace.rule(SIG_T_07_AGAIN);
                }
                true
            }
            _ => {
                self.trace.rule(if drops { SIG_T_06_DROPPED } else { SIG_T_06_KEPT });
                !drops
            }
        }
    }
}

impl crate::kernel::Kernel {
    /// The timers of a process that can go off.
    pub fn armed_timers(&self, process: ProcessId) -> impl Iterator<Item = u8> + '_ {
        let live = matches!(self.process(process).life, Life::Live);
        let timers = &self.process(process).signal.posix_timers;
        timers.iter().filter(move |timer| live && timer.it_status == TimerStatus::Armed).map(|timer| timer.it_id)
    }
}
