//! Sending: permission, what a signal does before it is queued, the queue entry, and the choice of a thread.

use super::{
    DUMPING, Delivery, Disposition, FIRST_REALTIME, IGNORED_BY_DEFAULT, Interrupted, SIGCONT, SIGKILL, SIGSEGV,
    STOPPING, SigAction, SigInfo, Signal, WaitStatus, code, has, mask, pending::SigQueue,
};
use crate::kernel::{
    CallKind, Cx, Errno, Frame, InCall, Life, ProcessId, Quirk, RunState, TaskId, rules::*, trace::Event,
};
use smallvec::SmallVec;

/// Who a signal is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::kernel) enum For {
    /// This thread: `PIDTYPE_PID`.
    Thread(TaskId),
    /// The process of this thread, which is tried first: `PIDTYPE_TGID`.
    Process(TaskId),
}

impl For {
    pub(super) fn task(self) -> TaskId {
        match self {
            For::Thread(task) | For::Process(task) => task,
        }
    }
}

impl Cx<'_> {
    /// `send_sig`: the kernel sends a signal to one thread, in the name of who runs.
    pub(in crate::kernel) fn send_sig(&mut self, task: TaskId, signal: Signal) {
        self.trace.rule(SIG_P_09_KERNEL);
        let info = self.sender(code::SI_USER);
        let _ = self.send_signal_locked(signal, info, For::Thread(task));
    }

    /// `force_sig_info_to_task`: the running thread cannot go on. A signal that it blocks, or its process ignores, has its default
    /// action from now on.
    fn force_sig(&mut self, info: SigInfo) {
        let signal = info.signo;
        let process = self.k.task(self.me).process;
        let action = self.k.process(process).signal.action(signal);
        let blocked = has(self.k.task(self.me).blocked, signal);
        if blocked || action.disposition == Disposition::Ignore {
            self.trace.rule(SIG_A_05);
            let default = SigAction { disposition: Disposition::Default, ..action };
            self.k.process_mut(process).signal.set_action(signal, default);
            self.k.task_mut(self.me).blocked &= !mask(signal);
        }
        let _ = self.send_signal_locked(signal, info, For::Thread(self.me));
        // It may have been pending, and blocked.
        self.recalc_sigpending();
    }

    /// `force_sig_fault(SIGSEGV, code)`, and the way back to the access, which is made again if the process lives.
    pub(in crate::kernel) fn bad_area(&mut self, access: CallKind, code: i32) -> Frame {
        self.force_sig(SigInfo { signo: SIGSEGV, code, ..SigInfo::default() });
        let delivery = Delivery { kind: access, interrupted: Interrupted::AtCall, handled: false };
        Frame { call: Some(InCall::Signal(Box::new(delivery))), fput: None }
    }

    /// `check_kill_permission`
    pub(super) fn check_kill_permission(&mut self, signal: i32, process: ProcessId) -> Result<(), Errno> {
        if !(0..=64).contains(&signal) {
            self.trace.rule(SIG_P_01);
            return Err(Errno::EINVAL);
        }
        let mine = self.k.task(self.me).process;
        let (own, other) = (self.k.process(mine).uid, self.k.process(process).uid);
        if mine == process || own == other {
            return Ok(());
        }
        self.trace.rule(SIG_P_02);
        if self.env.caps.kill && own == 0 {
            return Ok(());
        }
        // All processes of a program are in one session.
        if signal == i32::from(SIGCONT) {
            return Ok(());
        }
        Err(Errno::EPERM)
    }

    /// `do_send_sig_info`: a signal that was found to be permitted. Signal 0 sends nothing.
    pub(super) fn do_send_sig_info(&mut self, signal: i32, info: SigInfo, to: For) -> Result<(), Errno> {
        if signal == 0 {
            self.trace.rule(SIG_P_01_NULL);
            return Ok(());
        }
        let process = self.k.task(to.task()).process;
        if matches!(self.k.process(process).life, Life::Zombie(_)) {
            // A zombie can be signalled: nothing comes of it.
            self.trace.rule(SIG_P_03);
            return Ok(());
        }
        self.send_signal_locked(signal as Signal, info, to)
    }

    /// `__send_signal_locked`
    pub(in crate::kernel) fn send_signal_locked(
        &mut self,
        signal: Signal,
        info: SigInfo,
        to: For,
    ) -> Result<(), Errno> {
        let task = to.task();
        let process = self.k.task(task).process;
        if !self.prepare_signal(signal, task) {
            return Ok(());
        }
        let pending = match to {
            For::Thread(_) => &self.k.task(task).pending,
            For::Process(_) => &self.k.process(process).signal.shared_pending,
        };
        if signal < FIRST_REALTIME && pending.contains(signal) {
            self.trace.rule(SIG_G_07);
            return Ok(());
        }
        let entry = if signal == SIGKILL { None } else { self.sigqueue_alloc(signal, info, process)? };
        self.trace.rule(match to {
            For::Thread(_) => SIG_G_06,
            For::Process(_) => SIG_G_06_SHARED,
        });
        self.queue_signal(signal, entry, to);
        Ok(())
    }

    /// A signal is pending from here on, with what is known of it; readers of signalfds are told, and a thread to take it.
    pub(super) fn queue_signal(&mut self, signal: Signal, entry: Option<SigQueue>, to: For) {
        let task = to.task();
        let process = self.k.task(task).process;
        let pending = match to {
            For::Thread(_) => &mut self.k.task_mut(task).pending,
            For::Process(_) => &mut self.k.process_mut(process).signal.shared_pending,
        };
        pending.list.extend(entry);
        pending.signal |= mask(signal);
        self.trace.tell(|| Event::SignalSent { task, signal });
        self.signalfd_notify(process);
        self.complete_signal(signal, to);
    }

    /// `sigqueue_alloc`: the entry for a signal. Without one, what is known is lost, or the call fails.
    fn sigqueue_alloc(
        &mut self,
        signal: Signal,
        mut info: SigInfo,
        process: ProcessId,
    ) -> Result<Option<SigQueue>, Errno> {
        info.signo = signal;
        let user = self.k.process(process).uid;
        let forced = signal < FIRST_REALTIME && info.code >= 0;
        let overrides = forced && !self.env.quirks.has(Quirk::SigForcedLimited);
        if !overrides && self.k.queued_for(user) >= self.env.limits.sigpending {
            self.trace.rule(SIG_Q_02);
            if signal >= FIRST_REALTIME && info.code != code::SI_USER {
                self.trace.rule(SIG_Q_04);
                return Err(Errno::EAGAIN);
            }
            self.trace.rule(SIG_Q_04_LOST);
            return Ok(None);
        }
        self.trace.rule(SIG_Q_01);
        if !self.env.observe.siginfo {
            info = SigInfo { signo: signal, ..SigInfo::default() };
        }
        Ok(Some(SigQueue { info, user, timer: None }))
    }

    /// `prepare_signal`: what a signal does whatever becomes of it, and whether anything is to become of it.
    pub(super) fn prepare_signal(&mut self, signal: Signal, task: TaskId) -> bool {
        let process = self.k.task(task).process;
        if matches!(self.k.process(process).life, Life::Exited(_)) && signal != SIGKILL {
            self.trace.rule(SIG_G_01);
            return false;
        }
        if has(STOPPING, signal) {
            if self.flush_everywhere(process, mask(SIGCONT)) {
                self.trace.rule(SIG_G_02);
            }
        } else if signal == SIGCONT {
            self.prepare_continue(process);
        }
        !self.sig_ignored(task, signal)
    }

    /// Forgets signals of a process, whoever they are for; whether there were any.
    pub(super) fn flush_everywhere(&mut self, process: ProcessId, set: super::SigSet) -> bool {
        let (mut found, mut timers) = (false, SmallVec::new());
        if self.k.process(process).signal.shared_pending.signal & set != 0 {
            timers = self.k.process_mut(process).signal.shared_pending.flush(set);
            found = true;
        }
        for thread in self.k.threads_of_process(process) {
            if self.k.task(thread).pending.signal & set != 0 {
                timers.extend(self.k.task_mut(thread).pending.flush(set));
                found = true;
            }
        }
        self.timers_flushed(process, &timers);
        found
    }

    /// `sig_ignored`: a signal that is blocked is not ignored, for its action may be another one when it is not blocked any more.
    fn sig_ignored(&mut self, task: TaskId, signal: Signal) -> bool {
        let to = self.k.task(task);
        let blocked = to.blocked | to.sig.as_ref().map_or(0, |sig| sig.real_blocked);
        let ignores = self.k.process_of(task).signal.ignores(signal);
        if has(blocked, signal) {
            if ignores {
                self.trace.rule(SIG_G_04_BLOCKED);
            }
            return false;
        }
        if ignores {
            self.trace.rule(SIG_G_04);
        }
        ignores
    }

    /// `wants_signal`
    fn wants_signal(&self, signal: Signal, task: TaskId) -> bool {
        let t = self.k.task(task);
        if has(t.blocked, signal) || t.state == RunState::Dead || t.is_exiting() {
            return false;
        }
        if signal == SIGKILL {
            return true;
        }
        t.state != RunState::Stopped && (task == self.me || !t.sigpending)
    }

    /// `complete_signal`: finds a thread to take the signal, and wakes it; a fatal one ends all of them.
    fn complete_signal(&mut self, signal: Signal, to: For) {
        let (mut taker, process) = (to.task(), self.k.task(to.task()).process);
        if !self.wants_signal(signal, taker) {
            let threads = self.k.threads_of_process(process);
            // A first thread that has exited stays in the group.
            let others = threads.iter().any(|&thread| thread != taker);
            if matches!(to, For::Thread(_)) || !others {
                return;
            }
            // Round robin, from the one that was chosen last.
            let start = self.k.process(process).signal.curr_target.unwrap_or(threads[0]);
            let start = threads.iter().position(|&t| t == start).unwrap_or(0);
            let order = threads[start..].iter().chain(&threads[..start]);
            let Some(found) = order.copied().find(|&t| self.wants_signal(signal, t)) else { return };
            self.trace.rule(SIG_C_02);
            self.k.process_mut(process).signal.curr_target = (found != threads[0]).then_some(found);
            taker = found;
        }
        let exiting = self.k.process(process).life != Life::Live;
        let real_blocked = self.k.task(taker).sig.as_ref().map_or(0, |sig| sig.real_blocked);
        if self.sig_fatal(process, signal) && !exiting && !has(real_blocked, signal) && !has(DUMPING, signal) {
            self.trace.rule(SIG_C_03);
            self.begin_group_exit(process, WaitStatus::killed(signal), None);
            return;
        }
        self.signal_wake_up(taker, signal == SIGKILL);
    }

    /// `sig_fatal`
    fn sig_fatal(&self, process: ProcessId, signal: Signal) -> bool {
        !has(IGNORED_BY_DEFAULT | STOPPING, signal)
            && self.k.process(process).signal.action(signal).disposition == Disposition::Default
    }

    /// `SIGNAL_GROUP_EXIT` is set, and every thread but `except` is told by SIGKILL.
    pub(in crate::kernel) fn begin_group_exit(
        &mut self,
        process: ProcessId,
        status: WaitStatus,
        except: Option<TaskId>,
    ) {
        let of = self.k.process_mut(process);
        of.life = Life::Exited(status);
        of.signal.group_stop_count = 0;
        of.signal.stopped = false;
        for thread in self.k.threads_of_process(process) {
            if Some(thread) == except || self.k.task(thread).is_exiting() {
                continue;
            }
            let task = self.k.task_mut(thread);
            if let Some(sig) = &mut task.sig {
                sig.stop_pending = false;
            }
            task.pending.signal |= mask(SIGKILL);
            self.trace.tell(|| Event::SignalSent { task: thread, signal: SIGKILL });
            self.signal_wake_up(thread, true);
        }
    }

    /// `signal_wake_up`: the thread looks at its signals before it goes on, and does so at once if it sleeps.
    pub(super) fn signal_wake_up(&mut self, task: TaskId, fatal: bool) {
        let t = self.k.task_mut(task);
        let knew = std::mem::replace(&mut t.sigpending, true);
        let (at_user_level, stopped) = (t.frame.call.is_none(), t.state == RunState::Stopped);
        if stopped && fatal {
            t.state = RunState::Running;
            self.trace.woken.push(task);
        } else if !at_user_level {
            self.try_to_wake_up(task);
        } else if task != self.me && !knew {
            // A real task waits here for its next command.
            self.trace.woken.push(task);
        }
    }

    /// `recalc_sigpending`: whether the thread has something to look at.
    pub(in crate::kernel) fn recalc_sigpending(&mut self) {
        let pending = self.k.has_pending_signals(self.me);
        if self.k.task(self.me).sigpending != pending {
            self.k.task_mut(self.me).sigpending = pending;
        }
    }
}

impl crate::kernel::Kernel {
    /// `recalc_sigpending_tsk`
    fn has_pending_signals(&self, task: TaskId) -> bool {
        let t = self.task(task);
        let pending = t.pending.signal | self.process_of(task).signal.shared_pending.signal;
        pending & !t.blocked != 0 || t.sig.as_ref().is_some_and(|sig| sig.stop_pending)
    }

    /// Whether a sleeper has a signal to attend to and does not know it.
    pub fn overlooks_signal(&self, task: TaskId) -> bool {
        !self.task(task).sigpending && self.has_pending_signals(task)
    }

    /// Queue entries that count for a user.
    pub(super) fn queued_for(&self, user: u16) -> u32 {
        let processes = || (0..self.process_count()).map(|p| self.process(p as ProcessId));
        let private = self.tasks().map(|(_, t)| &t.pending);
        let shared = processes().map(|p| &p.signal.shared_pending);
        // The entries of timers count from the beginning.
        let counts = |entry: &&SigQueue| entry.user == user && entry.timer.is_none();
        let queued = private.chain(shared).map(|pending| pending.list.iter().filter(counts).count());
        let timers = processes().filter(|p| p.uid == user).map(|p| p.signal.posix_timers.len());
        queued.chain(timers).sum::<usize>() as u32
    }
}
