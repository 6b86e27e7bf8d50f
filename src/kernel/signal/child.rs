//! Children: what their parent is told, and how it asks.

use super::{SIGCHLD, SIGCONT, SaFlags, SigInfo, Signal, code, send::For};
use crate::kernel::{
    Cx, Errno, InCall, Kernel, Life, ProcessId, QueueId, RestartKind, Return, Step, TaskId, WaitEntry,
    canon::{Canon, canon_enum, canon_struct, get, put},
    rules::*,
    signal::Disposition,
};
use serde::{Deserialize, Serialize};
use smallvec::smallvec;

/// How a process ended: an exit status, or a signal. Whether a core was dumped depends on more than is modelled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WaitStatus {
    /// `CLD_EXITED` or `CLD_KILLED`.
    pub code: u8,
    /// The exit status, or the signal.
    pub status: u8,
}

impl WaitStatus {
    /// `exit(status)`.
    pub const fn exited(status: u8) -> Self {
        WaitStatus { code: code::CLD_EXITED as u8, status }
    }

    /// Ended by a signal.
    pub const fn killed(signal: Signal) -> Self {
        WaitStatus { code: code::CLD_KILLED as u8, status: signal }
    }

    /// The signal that ended it, if one did.
    pub fn signal(self) -> Option<Signal> {
        (i32::from(self.code) == code::CLD_KILLED).then_some(self.status)
    }
}

impl Canon for WaitStatus {
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, u64::from(self.status) << 1 | u64::from(self.signal().is_some()));
    }
    fn decode(input: &mut &[u8]) -> Self {
        let n = get(input);
        if n & 1 == 1 { WaitStatus::killed((n >> 1) as u8) } else { WaitStatus::exited((n >> 1) as u8) }
    }
}

/// `waitpid` options.
pub const WNOHANG: i32 = 1;
/// `waitpid` options: children that have stopped, too.
const WUNTRACED: i32 = 2;
/// `waitpid` options: children that go on, too.
const WCONTINUED: i32 = 8;

/// `do_wait`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wait4 {
    at: At,
    process: ProcessId,
    pid: i32,
    options: i32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// About to look at the children.
    Look,
    /// Nothing found: about to sleep, or woken.
    Sleep,
}

canon_enum!(At { 0 => Look, 1 => Sleep, });
canon_struct!(Wait4 { at, process, pid, options });

impl Wait4 {
    /// A wait of a process for a child.
    ///
    /// # Errors
    ///
    /// Options that do not exist.
    pub fn new(process: ProcessId, pid: i32, options: i32) -> Result<Self, Errno> {
        match options & !(WNOHANG | WUNTRACED | WCONTINUED) {
            0 if pid == i32::MIN => Err(Errno::ESRCH),
            0 => Ok(Wait4 { at: At::Look, process, pid, options }),
            _ => Err(Errno::EINVAL),
        }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::Look => {
                // In the queue before it looks, so that nobody's end is missed; and there until it returns.
                let queue = QueueId::chldexit(self.process);
                cx.enqueue(queue, WaitEntry { task: cx.me, exclusive: false, key: 0 });
                let step = match self.look(cx) {
                    Some(ret) => Step::Returned(ret),
                    None if cx.signal_pending() => Step::Restart(RestartKind::Sys),
                    None => {
                        self.at = At::Sleep;
                        return cx.schedule(Some(queue.into()));
                    }
                };
                cx.leave(queue);
                step
            }
            At::Sleep => {
                self.at = At::Look;
                Step::Preempted
            }
        }
    }

    fn waits_for(&self, k: &Kernel, child: ProcessId) -> bool {
        match self.pid {
            -1 | 0 => true,
            pid if pid < 0 => -pid == k.pid_of_process(0),
            pid => pid == k.pid_of_process(child),
        }
    }

    /// `__do_wait`: what the first child says that has something to say.
    fn look(&self, cx: &mut Cx) -> Option<Return> {
        let mut any = false;
        let children = cx.k.children_seen_from(cx.me);
        if children.len() > 1 {
            cx.trace.rule(SIG_X_02_FIRST);
        }
        for child in children {
            if !self.waits_for(cx.k, child) {
                continue;
            }
            any = true;
            if let Some((code, status)) = self.consider(cx, child) {
                let pid = cx.k.pid_of_process(child);
                return Some(Return { extra: smallvec![code.into(), status.into()], ..Return::value(pid.into()) });
            }
        }
        if !any {
            cx.trace.rule(SIG_X_ECHILD);
            return Some(Errno::ECHILD.into());
        }
        (self.options & WNOHANG != 0).then(|| Return::value(0))
    }

    /// `wait_consider_task`
    fn consider(&self, cx: &mut Cx, child: ProcessId) -> Option<(u8, u8)> {
        let of = cx.k.process(child);
        if let Life::Zombie(status) = of.life {
            cx.trace.rule(SIG_X_02);
            cx.k.process_mut(child).life = Life::Reaped(status);
            return Some((status.code, status.status));
        }
        let shared = &of.signal;
        if self.options & WUNTRACED != 0 && shared.stopped && shared.stop_code != 0 {
            let stop = std::mem::take(&mut cx.k.process_mut(child).signal.stop_code);
            return Some((code::CLD_STOPPED as u8, stop));
        }
        if self.options & WCONTINUED != 0 && shared.continued {
            cx.k.process_mut(child).signal.continued = false;
            return Some((code::CLD_CONTINUED as u8, SIGCONT));
        }
        None
    }

    /// Whether some child has something to say.
    pub fn ready(&self, k: &Kernel) -> bool {
        let mut children = k.children(self.process).into_iter().filter(|&child| self.waits_for(k, child));
        children.any(|child| {
            let of = k.process(child);
            matches!(of.life, Life::Zombie(_))
                || self.options & WUNTRACED != 0 && of.signal.stopped && of.signal.stop_code != 0
                || self.options & WCONTINUED != 0 && of.signal.continued
        })
    }
}

impl Kernel {
    /// The children of a process that nobody has reaped.
    pub fn children(&self, process: ProcessId) -> Vec<ProcessId> {
        let all = 0..self.process_count() as ProcessId;
        all.filter(|&p| self.parent_of(p) == Some(process) && self.exists(p)).collect()
    }

    /// The children of a thread's process as it looks through them: its own before those of the threads after it, the first-born first,
    /// and those last who came to a thread when another one exited.
    fn children_seen_from(&self, thread: TaskId) -> Vec<ProcessId> {
        let mut children = self.children(self.task(thread).process);
        // Threads are tasks in a row.
        let after = |of: TaskId| of.wrapping_sub(thread);
        children.sort_by_key(|&child| (self.process(child).parent.map(after), self.process(child).sibling));
        children
    }

    fn parent_of(&self, process: ProcessId) -> Option<ProcessId> {
        self.process(process).parent.map(|thread| self.task(thread).process)
    }
}

impl Cx<'_> {
    /// `exit_notify`: children get another parent, and the parent is told.
    pub(in crate::kernel) fn exit_notify(&mut self) {
        let process = self.k.task(self.me).process;
        for child in self.k.children(process) {
            self.k.process_mut(child).parent = None;
        }
        let Life::Exited(status) = self.k.process(process).life else { return };
        self.k.process_mut(process).life = Life::Zombie(status);
        let Some(real_parent) = self.k.process(process).parent else { return };
        let parent = self.k.task(real_parent).process;
        let action = self.k.process(parent).signal.action(SIGCHLD);
        let ignores = action.disposition == Disposition::Ignore;
        if ignores || action.flags.contains(SaFlags::SA_NOCLDWAIT) {
            self.trace.rule(SIG_X_01_REAP);
            self.k.process_mut(process).life = Life::Reaped(status);
        }
        if !ignores {
            self.trace.rule(SIG_X_01);
            let uid = self.k.process(process).uid.into();
            let value = status.status.into();
            let info =
                SigInfo { signo: SIGCHLD, code: status.code.into(), pid: self.k.pid_of_process(process), uid, value };
            let _ = self.send_signal_locked(SIGCHLD, info, For::Process(real_parent));
        }
        self.wake_up_parent(parent, process);
    }

    /// `__wake_up_parent`: those threads of the parent that wait for this child, the one that came last before the others.
    pub(super) fn wake_up_parent(&mut self, parent: ProcessId, child: ProcessId) {
        let waiting = self.k.queue(QueueId::chldexit(parent)).entries.clone();
        if waiting.len() > 1 {
            self.trace.rule(SIG_X_02_ORDER);
        }
        for entry in waiting {
            let call = &self.k.task(entry.task).frame.call;
            if matches!(call, Some(InCall::Wait(wait)) if wait.waits_for(self.k, child)) {
                self.try_to_wake_up(entry.task);
            }
        }
    }
}
