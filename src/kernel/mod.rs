//! The model: a pure value. No I/O, no threads, no clock, no randomness.
//!
//! A [`Kernel`] is tasks, open files and objects with the kernel's own names and shapes. [`Kernel::step`] is one atomic stretch
//! of kernel code: from a place where other tasks can run to the next such place.

mod call;
mod call_kind;
pub mod canon;
mod env;
mod errno;
mod exit;
mod file;
mod flags;
mod footprint;
mod frame;
pub mod ipc;
mod page;
mod payload;
pub mod pipe;
mod place;
mod poll;
mod quirk;
mod regular;
pub mod rules;
pub mod signal;
mod splice;
mod state;
mod syscall;
mod table;
mod task;
mod trace;
mod version;
mod wait;

pub use call::*;
pub use env::{Caps, Env, Limits, Memory, Observe, PAGE_SIZE};
pub use errno::Errno;
pub use exit::Exit;
pub use file::{File, FileId};
pub use footprint::{Access, Footprint, ObjId};
pub use frame::{Frame, InCall, WaitsFor};
pub use ipc::{
    IPC_PRIVATE, IPCMNI, IpcFlags, IpcId, IpcKey, IpcKind, IpcSet, IpcSlot, MsgFlags, Pid,
    msg::{MsgCall, MsgCtl},
    sem::{SemBuf, SemCall, SemCtl, SemFlags, SemTimeout, Sops},
    shm::{Mm, ShmCall, ShmCtl, ShmFlags, ShmidKernel, StoreBuffer, Vma},
};
pub use page::{Page, PageId};
pub use payload::{PATTERN_PERIOD, Payload, Run};
pub use pipe::PipeId;
pub use quirk::{QUIRKS, Quirk, QuirkInfo, QuirkSet};
pub use regular::{OpenRegular, Regular, SHOWN};
pub use signal::{SigPending, Signal};
pub use splice::Splice;
pub use state::{Kernel, QueueId, QueueKind};
pub use table::Table;
pub use task::{Life, Process, RunState, Task};
pub use trace::{Event, Queue, Trace};
pub use version::{BadVersion, Version, VersionRange};
pub use wait::{Wait, WaitEntry, WaitQueue, WakeUp};

/// What a task may do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Make a call, from user level.
    Enter(Call),
    /// Go on in its call.
    Continue,
    /// Attend to a signal at user level.
    Deliver,
    /// The timer of the call that it sleeps in goes off.
    Expire,
    /// The real-time timer of its process goes off.
    Alarm,
    /// A timer of its process goes off while it runs; if it is the first thread, whoever runs.
    Timer(u8),
    /// The oldest store in its buffer becomes visible (only under [`Memory::Tso`]).
    Flush,
}

/// How a step ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// In the middle of the call: others can run now.
    Preempted,
    /// The task sleeps.
    Slept,
    /// The call returned.
    Returned(Return),
    /// The call was ended by a signal, and no handler ran or one that lets it be made again: the task makes it again.
    Restart(RestartKind),
    /// The task is back at user level, and nothing has changed for it.
    Resumed,
    /// A handler is to run.
    Handler {
        /// For this signal.
        signal: Signal,
    },
    /// The call made a process.
    Forked(ProcessId),
    /// The task was stopped.
    Stopped,
    /// The task is gone.
    Exited,
}

/// The kernel's restart codes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RestartKind {
    /// `ERESTARTSYS`: restarted if the handler has SA_RESTART.
    Sys,
    /// `ERESTARTNOINTR`: always restarted.
    NoIntr,
    /// `ERESTARTNOHAND`: restarted only if there is no handler.
    NoHand,
    /// `ERESTART_RESTARTBLOCK`: restarted through `restart_syscall`.
    Block,
}

/// The context of a step: who runs, where, and what is recorded.
#[derive(Debug)]
pub struct Cx<'a> {
    /// The state.
    pub k: &'a mut Kernel,
    /// The machine.
    pub env: &'a Env,
    /// The record.
    pub trace: &'a mut Trace,
    /// The task that runs.
    pub me: TaskId,
}

impl Kernel {
    /// One atomic stretch of kernel code: up to the next place where another task can run.
    pub fn step(&mut self, env: &Env, task: TaskId, action: Action, trace: &mut Trace) -> Step {
        self.run(env, task, action, trace, 1)
    }

    /// So many steps of one task, fewer if the call returns or sleeps before.
    #[inline]
    pub fn run(&mut self, env: &Env, me: TaskId, action: Action, trace: &mut Trace, mut steps: u32) -> Step {
        let mut cx = Cx { k: self, env, trace, me };
        let mut frame = match action {
            Action::Enter(call) => {
                let kind = call.kind();
                match cx.enter(call) {
                    Ok(frame) => frame,
                    // A child is told of before its parent attends to signals.
                    Err(step) if cx.signal_pending() && !matches!(step, Step::Forked(_)) => cx.to_user_mode(kind, step),
                    Err(step) => {
                        self.check();
                        return step;
                    }
                }
            }
            Action::Continue => std::mem::take(&mut cx.k.task_mut(me).frame),
            Action::Deliver => cx.to_user_mode(CallKind::Yield, Step::Resumed),
            Action::Expire => {
                cx.expire();
                return Step::Preempted;
            }
            Action::Alarm => {
                let process = cx.k.process_id_of(me);
                cx.real_timer_expires(process);
                cx.k.check();
                return Step::Preempted;
            }
            Action::Timer(id) => {
                let process = cx.k.process_id_of(me);
                cx.posix_timer_expires(process, id, me);
                cx.k.check();
                return Step::Preempted;
            }
            Action::Flush => {
                cx.k.flush_one(me);
                return Step::Preempted;
            }
        };
        let step = loop {
            let Some(call) = &mut frame.call else { break Step::Preempted };
            if call.waits_for_lock(cx.k) {
                cx.k.task_mut(me).frame = frame;
                break Step::Slept;
            }
            let step = call.step(&mut cx);
            match step {
                Step::Preempted if steps > 1 => steps -= 1,
                Step::Preempted | Step::Slept | Step::Stopped => {
                    cx.k.task_mut(me).frame = frame;
                    break step;
                }
                Step::Returned(_) | Step::Restart(_) => {
                    if let InCall::Splice(splice) = call
                        && let Some(file) = splice.held.take()
                    {
                        cx.fput(file);
                    }
                    if let Some(file) = frame.fput.take() {
                        cx.fput(file);
                    }
                    if !cx.signal_pending() && !matches!(step, Step::Restart(_)) || matches!(call, InCall::Signal(_)) {
                        break step;
                    }
                    frame = cx.to_user_mode(call.kind(), step);
                    if steps > 1 {
                        steps -= 1;
                        continue;
                    }
                    cx.k.task_mut(me).frame = frame;
                    break Step::Preempted;
                }
                _ => break step,
            }
        };
        self.check();
        step
    }

    /// Checks all invariants, in debug builds.
    #[inline]
    fn check(&self) {
        #[cfg(debug_assertions)]
        if let Err(what) = self.footprint.aside(|| self.invariants()) {
            panic!("invariant broken: {what}\n{self:#?}");
        }
    }
}
