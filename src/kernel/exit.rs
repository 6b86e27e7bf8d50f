//! `do_group_exit` and `do_exit`.

use super::{
    Cx, PipeId, Step,
    canon::canon_enum,
    file::File,
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
    /// A task that does not come back from the kernel.
    Task,
    /// `task_work_run`: open files whose last reference is gone are released one by one, the last first.
    Files {
        /// Those still to be released.
        dying: Vec<File>,
    },
    /// `exit_notify`: the parent is told.
    Notify,
}

canon_enum!(Exit { 0 => Group { status }, 1 => Task, 2 => Files { dying }, 3 => Notify, });

impl Exit {
    /// The pipe whose lock its next section takes.
    pub fn locks(&self) -> Option<PipeId> {
        match self {
            Exit::Files { dying } => dying.last().filter(|file| file.regular.is_none()).map(|file| file.pipe),
            _ => None,
        }
    }

    /// `exit_group` of a call.
    pub fn group(status: u8) -> Self {
        Exit::Group { status: WaitStatus::exited(status) }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self {
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
                    return gone(cx);
                }
                let mut dying = Vec::new();
                for file in std::mem::take(&mut process.files).into_iter().flatten() {
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

fn gone(cx: &mut Cx) -> Step {
    let me = cx.k.task_mut(cx.me);
    (me.state, me.sigpending) = (RunState::Dead, false);
    me.pending = Default::default();
    me.sig = None;
    Step::Exited
}
