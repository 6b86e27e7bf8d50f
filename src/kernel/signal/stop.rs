//! Job control: all threads of a process stop, and go on.

use super::{SIGCHLD, STOPPING, SaFlags, SigInfo, Signal, code, send::For};
use crate::kernel::{Cx, Life, ProcessId, RunState, rules::*, signal::Disposition};

impl Cx<'_> {
    /// `do_signal_stop`: begins a stop because of a signal, or takes part in one that has begun. Whether the caller stops.
    pub(super) fn do_signal_stop(&mut self, signal: Option<Signal>) -> bool {
        let process = self.k.task(self.me).process;
        if let Some(signal) = signal {
            let dequeued = self.k.task(self.me).sig.as_ref().is_some_and(|sig| sig.stop_dequeued);
            if !dequeued || self.k.process(process).life != Life::Live {
                return false;
            }
            let threads = self.k.threads_of_process(process);
            let others: Vec<_> = threads
                .into_iter()
                .filter(|&t| t != self.me && self.k.task(t).state != RunState::Stopped && !self.k.task(t).is_exiting())
                .collect();
            let shared = &mut self.k.process_mut(process).signal;
            if !shared.stopped {
                shared.stop_code = signal;
            }
            shared.group_stop_count = 1 + others.len() as u16;
            self.k.task_mut(self.me).sig_mut().stop_pending = true;
            for thread in others {
                self.k.task_mut(thread).sig_mut().stop_pending = true;
                self.signal_wake_up(thread, false);
            }
        }
        let task = self.k.task_mut(self.me);
        task.sig_mut().stop_dequeued = false;
        task.state = RunState::Stopped;
        self.participate_group_stop();
        true
    }

    /// `task_participate_group_stop`: the caller has nothing left to stop. The parent is told if it was the last one.
    pub(super) fn participate_group_stop(&mut self) {
        let process = self.k.task(self.me).process;
        let task = self.k.task_mut(self.me);
        task.sig_mut().stop_pending = false;
        task.drop_empty_sig();
        let shared = &mut self.k.process_mut(process).signal;
        shared.group_stop_count = shared.group_stop_count.saturating_sub(1);
        let last = shared.group_stop_count == 0 && !shared.stopped;
        if last {
            shared.stopped = true;
            shared.continued = false;
            self.trace.rule(SIG_A_03);
            self.notify_parent_cldstop(process, code::CLD_STOPPED);
        }
    }

    /// What SIGCONT does before it is queued, whether it is ignored, blocked or handled.
    pub(super) fn prepare_continue(&mut self, process: ProcessId) {
        if self.flush_everywhere(process, STOPPING) {
            self.trace.rule(SIG_G_03);
        }
        for thread in self.k.threads_of_process(process) {
            let task = self.k.task_mut(thread);
            if let Some(sig) = &mut task.sig {
                sig.stop_pending = false;
                sig.stop_dequeued = false;
                task.drop_empty_sig();
            }
            if task.state == RunState::Stopped {
                task.state = RunState::Running;
                task.sigpending = true;
                self.trace.woken.push(thread);
                self.trace.rule(SIG_G_03_WAKE);
            }
        }
        let shared = &mut self.k.process_mut(process).signal;
        let why = match (shared.stopped, shared.group_stop_count > 0) {
            (true, _) => code::CLD_CONTINUED,
            (false, true) => code::CLD_STOPPED,
            (false, false) => return,
        };
        shared.cld = why as u8;
        shared.continued = true;
        shared.stopped = false;
        shared.group_stop_count = 0;
        shared.stop_code = 0;
        // Whoever was stopped tells the parent, and so has something to do on its way to user level.
        for thread in self.k.threads_of_process(process) {
            if !self.k.task(thread).sigpending {
                self.k.task_mut(thread).sigpending = true;
            }
        }
    }

    /// `do_notify_parent_cldstop`: SIGCHLD, unless the parent does not want it, and a wake-up for who waits.
    pub(super) fn notify_parent_cldstop(&mut self, process: ProcessId, why: i32) {
        let Some(real_parent) = self.k.process(process).parent else { return };
        let parent = self.k.task(real_parent).process;
        let value = if why == code::CLD_CONTINUED {
            i64::from(super::SIGCONT)
        } else {
            i64::from(self.k.process(process).signal.stop_code)
        };
        let action = self.k.process(parent).signal.action(SIGCHLD);
        if action.disposition == Disposition::Ignore || action.flags.contains(SaFlags::SA_NOCLDSTOP) {
            self.trace.rule(SIG_A_03_NOCLDSTOP);
        } else {
            let uid = self.k.process(process).uid.into();
            let info = SigInfo { signo: SIGCHLD, code: why, pid: self.k.pid_of_process(process), uid, value };
            let _ = self.send_signal_locked(SIGCHLD, info, For::Process(real_parent));
        }
        self.wake_up_parent(parent, process);
    }
}
