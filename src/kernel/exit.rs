//! `do_group_exit` and `do_exit`.

use super::{
    Cx, PipeId, Step,
    canon::canon_enum,
    file::File,
    ipc::WakeQ,
    task::{Life, RunState, signal::SIGKILL},
};

/// A task that is about to be gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exit {
    /// `exit_group(status)` at its start.
    Group {
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
    /// `task_work_run`: open files whose last reference is gone are released one by one, the last first.
    Files {
        /// Those still to be released.
        dying: Vec<File>,
    },
}

canon_enum!(Exit { 0 => Group { status }, 1 => Task, 2 => Files { dying }, 3 => Sem { wake_q }, });

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
                let status = *status;
                if matches!(cx.k.process_of(cx.me).life, Life::Live) {
                    cx.k.process_of_mut(cx.me).life = Life::Exited(status);
                    for thread in cx.k.threads_of(cx.me) {
                        if thread != cx.me {
                            cx.send_signal(thread, SIGKILL);
                        }
                    }
                }
                *self = Exit::Task;
                Step::Preempted
            }
            Exit::Task => {
                let process = cx.k.process_of_mut(cx.me);
                process.threads -= 1;
                if process.threads > 0 {
                    return gone(cx);
                }
                if cx.has_undos() {
                    *self = Exit::Sem { wake_q: WakeQ::default() };
                    return Step::Preempted;
                }
                self.exit_files(cx)
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
    /// `exit_files`
    fn exit_files(&mut self, cx: &mut Cx) -> Step {
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
    cx.k.task_mut(cx.me).state = RunState::Dead;
    Step::Exited
}
