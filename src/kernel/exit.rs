//! `do_group_exit` and `do_exit`.

use super::{
    Cx, PipeId, Step,
    canon::canon_enum,
    file::File,
    ipc::WakeQ,
    task::{Life, RunState, Signal, signal::SIGKILL},
};

/// A task that is about to be gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exit {
    /// `exit_group(status)` at its start.
    Group {
        /// The status.
        status: u8,
    },
    /// `get_signal` with an action that ends the process.
    Signal {
        /// The signal.
        signal: Signal,
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
}

canon_enum!(Exit { 0 => Group { status }, 1 => Task, 2 => Files { dying }, 3 => Sem { wake_q }, 4 => Signal { signal }, 5 => Mm, });

impl Exit {
    /// The pipe whose lock its next section takes.
    pub fn locks(&self) -> Option<PipeId> {
        match self {
            Exit::Files { dying } => dying.last().filter(|file| file.regular.is_none()).map(|file| file.pipe),
            _ => None,
        }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self {
            Exit::Group { status } => {
                do_group_exit(cx, Life::Exited(*status));
                *self = Exit::Task;
                Step::Preempted
            }
            Exit::Signal { signal } => {
                do_group_exit(cx, Life::Killed(*signal));
                *self = Exit::Task;
                Step::Preempted
            }
            Exit::Task => {
                let process = cx.k.process_of_mut(cx.me);
                process.threads -= 1;
                if process.threads > 0 {
                    cx.exit_shm();
                    return gone(cx);
                }
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
                if dying.is_empty() { gone(cx) } else { Step::Preempted }
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

fn do_group_exit(cx: &mut Cx, end: Life) {
    if !matches!(cx.k.process_of(cx.me).life, Life::Live) {
        return;
    }
    cx.k.process_of_mut(cx.me).life = end;
    for thread in cx.k.threads_of(cx.me) {
        if thread != cx.me {
            cx.send_signal(thread, SIGKILL);
        }
    }
}

fn gone(cx: &mut Cx) -> Step {
    cx.k.task_mut(cx.me).state = RunState::Dead;
    Step::Exited
}
