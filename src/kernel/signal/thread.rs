//! A thread that exits while others of its process go on.

use crate::kernel::{Cx, Env, Life, Process, ProcessId, Quirk, TaskId, rules::*};

impl crate::kernel::Kernel {
    /// The place behind all children that there are; always the same one if nobody can tell.
    pub(in crate::kernel) fn next_sibling(&self, env: &Env) -> u16 {
        self.next_place(env, |process| process.sibling)
    }

    /// One more than what any process has; always 1 if nobody can tell who came before whom.
    pub(in crate::kernel) fn next_place(&self, env: &Env, of: impl Fn(&Process) -> u16) -> u16 {
        let last = (0..self.process_count() as ProcessId).map(|p| of(self.process(p))).max().unwrap_or(0);
        if env.observe.births { last + 1 } else { 1 }
    }
}

impl Cx<'_> {
    /// `synchronize_group_exit` and `exit_signals`: from here on nobody wakes the caller for a signal.
    pub(in crate::kernel) fn thread_exits(&mut self, status: u8) {
        let process = self.k.task(self.me).process;
        let last_counts = self.env.quirks.has(Quirk::ExitLastStatus);
        if last_counts || self.k.leader(process) == self.me {
            self.k.process_mut(process).status = status;
        }
        self.trace.rule(if last_counts { SIG_X_04 } else { SIG_X_04_LEADER });
        if self.k.process(process).life != Life::Live {
            return;
        }
        let task = self.k.task(self.me);
        if task.sigpending {
            let unblocked = !task.blocked;
            if self.k.process(process).signal.shared_pending.signal & unblocked != 0 {
                self.trace.rule(SIG_X_05);
            }
            self.retarget_shared_pending(unblocked);
        }
        if self.k.task(self.me).sig.as_ref().is_some_and(|sig| sig.stop_pending) {
            self.participate_group_stop();
        }
    }

    /// `forget_original_parent`: children of the caller belong to another thread of its process.
    pub(in crate::kernel) fn reparent_children(&mut self) {
        let process = self.k.task(self.me).process;
        let alive = |&thread: &TaskId| thread != self.me && !self.k.task(thread).is_exiting();
        let Some(reaper) = self.k.threads_of_process(process).into_iter().find(alive) else { return };
        let mine = |&child: &ProcessId| self.k.process(child).parent == Some(self.me);
        let mut children: Vec<ProcessId> = (0..self.k.process_count() as ProcessId).filter(mine).collect();
        children.sort_by_key(|&child| self.k.process(child).sibling);
        for child in children {
            self.trace.rule(SIG_X_06);
            let sibling = self.k.next_sibling(self.env);
            let child = self.k.process_mut(child);
            (child.parent, child.sibling) = (Some(reaper), sibling);
        }
    }

    /// `__exit_signal`: the search for a thread that takes a signal does not begin at one that is gone.
    pub(in crate::kernel) fn release_task(&mut self) {
        let process = self.k.task(self.me).process;
        if self.k.process(process).signal.curr_target != Some(self.me) {
            return;
        }
        let threads = self.k.threads_of_process(process);
        let first = threads.iter().find(|&&thread| thread != self.me);
        let next = threads.iter().find(|&&thread| thread > self.me);
        self.k.process_mut(process).signal.curr_target = next.filter(|&next| Some(next) != first).copied();
    }
}
