//! `do_group_exit` and `do_exit`.

use super::{
    Cx, PipeId, Step,
    canon::canon_enum,
    file::File,
    ipc::WakeQ,
    signal::WaitStatus,
    task::{Life, RunState},
};

/// A task that is about to be gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exit {
    /// `do_group_exit(status)` at its start.
    Group {
        /// The status.
        status: WaitStatus,
    },
    /// `do_exit(status)` of one thread, at its start.
    Thread {
        /// The status.
        status: u8,
    },
    /// A task that does not come back from the kernel.
    Task,
    /// `exit_sem`: adjustments to semaphores are made, one set after the other.
    Sem {
        /// Who is woken by the last one.
        wake_q: WakeQ,
    },
    /// `exit_mmap`: mappings go one by one.
    Mm,
    /// `task_work_run`: open files whose last reference is gone are released one by one, the last first.
    Files {
        /// Those still to be released.
        dying: Vec<File>,
    },
    /// `exit_notify`: the parent is told.
    Notify,
}

canon_enum!(Exit { 0 => Group { status }, 1 => Task, 2 => Files { dying }, 3 => Sem { wake_q }, 4 => Notify, 5 => Mm,
    6 => Thread { status }, });

impl Exit {
    /// The pipe whose lock its next section takes.
    pub fn locks(&self) -> Option<PipeId> {
        match self {
            Exit::Files { dying } => dying.last().filter(|file| file.is_pipe()).map(|file| file.pipe),
            _ => None,
        }
    }

    /// `exit_group` of a call.
    pub fn group(status: u8) -> Self {
        Exit::Group { status: WaitStatus::exited(status) }
    }

    /// `exit` of a thread.
    pub fn thread(status: u8) -> Self {
        Exit::Thread { status }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self {
            Exit::Thread { status } => {
                cx.thread_exits(*status);
                *self = Exit::Task;
                Step::Preempted
            }
            Exit::Group { status } => {
                let status = *status;
                if matches!(cx.k.process_of(cx.me).life, Life::Live) {
                    let process = cx.k.task(cx.me).process;
                    cx.begin_group_exit(process, status, Some(cx.me));
                }
                *self = Exit::Task;
                Step::Preempted
            }
            Exit::Task => {
                let process = cx.k.process_of_mut(cx.me);
                process.threads -= 1;
                if process.threads > 0 {
                    cx.exit_shm();
                    cx.reparent_children();
                    return gone(cx);
                }
                if process.life == Life::Live {
                    process.life = Life::Exited(WaitStatus::exited(process.status));
                }
                process.signal.real_timer = Default::default();
                process.signal.posix_timers = Vec::new();
                process.signal.ignored_posix_timers = Vec::new();
                if cx.k.process_of(cx.me).mm.vmas.is_empty() {
                    return self.exit_sem(cx);
                }
                *self = Exit::Mm;
                Step::Preempted
            }
            Exit::Mm => {
                if cx.exit_mmap() {
                    Step::Preempted
                } else {
                    self.exit_sem(cx)
                }
            }
            Exit::Sem { wake_q } => {
                if !wake_q.is_empty() {
                    cx.wake_up_sem(wake_q);
                } else if !cx.exit_sem(wake_q) {
                    return self.exit_files(cx);
                }
                Step::Preempted
            }
            Exit::Files { dying } => {
                if let Some(file) = dying.pop() {
                    cx.release(&file);
                }
                if dying.is_empty() {
                    *self = Exit::Notify;
                }
                Step::Preempted
            }
            Exit::Notify => {
                cx.exit_notify();
                gone(cx)
            }
        }
    }
}

impl Exit {
    /// `exit_sem`, and what follows if there are no adjustments.
    fn exit_sem(&mut self, cx: &mut Cx) -> Step {
        if cx.has_undos() {
            *self = Exit::Sem { wake_q: WakeQ::default() };
            return Step::Preempted;
        }
        self.exit_files(cx)
    }

    /// `exit_shm` and `exit_files`
    fn exit_files(&mut self, cx: &mut Cx) -> Step {
        cx.exit_shm();
        let mut dying = Vec::new();
        for file in std::mem::take(&mut cx.k.process_of_mut(cx.me).files).into_iter().flatten() {
            let file = cx.k.file_mut(file);
            file.f_count -= 1;
            if file.f_count == 0 {
                dying.push(std::mem::take(file));
                cx.k.freed();
            }
        }
        *self = Exit::Files { dying };
        Step::Preempted
    }
}

fn gone(cx: &mut Cx) -> Step {
    cx.release_task();
    let me = cx.k.task_mut(cx.me);
    (me.state, me.sigpending) = (RunState::Dead, false);
    me.pending = Default::default();
    me.sig = None;
    Step::Exited
}
