//! What is seen of a run.

use super::{IpcSeen, Method};
use crate::{
    kernel::{
        CallKind, Payload, ProcessId, Return, Signal, TaskId,
        signal::{SigInfo, SigSet},
    },
    program::{Halt, ObjectField},
};
use std::time::Duration;

/// One thing seen in a run. They come in the order in which they happened; that of completions is the kernel's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Observation {
    /// The controller released a task: the step begins.
    Released {
        /// Which step of the schedule.
        step: usize,
        /// The task.
        task: TaskId,
    },
    /// Free runs only: a task is about to make its next call.
    Started {
        /// The task.
        task: TaskId,
    },
    /// A call returned.
    Completed {
        /// The task that made it.
        task: TaskId,
        /// What it returned.
        ret: Return,
    },
    /// A task stopped for good before its last statement.
    Halted {
        /// The task.
        task: TaskId,
        /// Why.
        halt: Halt,
    },
    /// A task made its whole process exit.
    Exited {
        /// The task.
        task: TaskId,
        /// The status.
        status: u8,
    },
    /// A handler began.
    Handler {
        /// In this task.
        task: TaskId,
        /// Which handler of its program.
        handler: u16,
        /// What it was told; ids are the program's.
        info: SigInfo,
        /// What is blocked while it runs.
        mask: SigSet,
    },
    /// A handler returns.
    HandlerEnds {
        /// In this task.
        task: TaskId,
    },
    /// A signal has ended a process; seen when it was quiet, and comes before that.
    Killed {
        /// The process.
        process: ProcessId,
        /// The signal; 0 if it could not be seen.
        signal: Signal,
    },
    /// What a file holds when it was quiet; comes before that.
    Contents {
        /// The declared file.
        object: u16,
        /// Its length.
        size: u64,
        /// Its bytes, unless they are too many.
        data: Option<Payload>,
    },
    /// What System V objects were like when it was quiet, by kind and index; comes before that. Only if asked for.
    Ipc(Vec<IpcSeen>),
    /// No task can go on by itself: the step is over.
    Quiet {
        /// Which step of the schedule; in free runs 0.
        step: usize,
        /// Who sleeps in which call.
        asleep: Vec<(TaskId, CallKind)>,
        /// Who was woken inside a call and is held there.
        held: Vec<TaskId>,
        /// Who is stopped.
        stopped: Vec<TaskId>,
        /// What objects showed: object, field, value. Empty unless asked for.
        probes: Vec<(u16, ObjectField, i64)>,
        /// The signal sets of each living task. Empty unless asked for.
        signals: Vec<(TaskId, SignalSets)>,
    },
}

/// The sets of `/proc/PID/status`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SignalSets {
    /// `SigPnd`: pending for the thread.
    pub pending: SigSet,
    /// `ShdPnd`: pending for the process.
    pub shared: SigSet,
    /// `SigBlk`
    pub blocked: SigSet,
    /// `SigIgn`
    pub ignored: SigSet,
    /// `SigCgt`: those that have handlers.
    pub caught: SigSet,
}

impl std::fmt::Display for SignalSets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = crate::kernel::signal::set_in_words;
        let SignalSets { pending, shared, blocked, ignored, caught } = *self;
        write!(f, "own {}, shared {}, blocked {}", words(pending), words(shared), words(blocked))?;
        write!(f, ", ignored {}, caught {}", words(ignored), words(caught))
    }
}

/// How a steered run went.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SteerReport {
    /// The method that was used.
    pub method: Method,
    /// Steps that were completed.
    pub steps: usize,
    /// Time from the first release to the last quiet.
    pub elapsed: Duration,
    /// How often quiet was confirmed by `/proc`.
    pub checks: usize,
    /// How often it was not confirmed although the method said so. Anything but 0 means that the run proves nothing.
    pub check_failures: usize,
    /// Objects that could not be probed, because no idle task had a descriptor.
    pub skipped_probes: usize,
    /// How it ended.
    pub end: Ending,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Every step was made; free runs: every task ended or sleeps.
    Finished,
    /// A step named a task that could not make it.
    ScheduleImpossible {
        /// Which step.
        step: usize,
        /// The task.
        task: TaskId,
        /// Why not.
        why: Impossible,
    },
    /// The task of `init` did not run to its end.
    InitBlocked,
    /// Something ran, or slept outside of a call, for longer than the limit.
    TimedOut {
        /// Who, if it is known.
        task: Option<TaskId>,
    },
    /// More was seen than can be reported in one run.
    TooMuchSeen,
    /// The program killed a task while it noted what it had seen, and that hides what others noted: nobody knows how the run went.
    Torn,
    /// In every attempt a timer went off, or could have, in a step that was not for it: nobody knows what belongs to which step.
    OutOfTurn,
}

impl Ending {
    /// Why the run shows nothing, in words; none if it came to its end, or to a step that could not be made.
    pub fn trouble(&self) -> Option<&'static str> {
        Some(match self {
            Ending::Finished | Ending::ScheduleImpossible { .. } => return None,
            Ending::InitBlocked => "`init` did not come to its end",
            Ending::TimedOut { .. } => "timeout",
            Ending::TooMuchSeen => "the run was too long to be recorded",
            Ending::Torn => "a task was killed in the middle of a note",
            Ending::OutOfTurn => "a timer went off in a step that was not for it",
        })
    }
}

/// Why a task could not be released.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Impossible {
    /// It sleeps in a call.
    Asleep,
    /// It has no further call.
    Parked,
    /// Its process has exited.
    Exited,
    /// Its process was not forked yet.
    NotStarted,
    /// It is stopped.
    Stopped,
    /// A timer was to go off, and neither its call nor its process has one.
    NoTimer,
}

/// One iteration of a free run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Iteration {
    /// Its number.
    pub index: usize,
    /// How many iterations in a row, or taken together, showed exactly this.
    pub times: u64,
    /// Whether tasks were bound to CPUs.
    pub pinned: bool,
    /// What was seen. [`Observation::Started`] and [`Observation::Completed`] enclose each call; the last one is
    /// [`Observation::Quiet`], with final probes.
    pub observations: Vec<Observation>,
    /// How it ended.
    pub end: Ending,
}

/// How free runs went.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FreeReport {
    /// Iterations that were made.
    pub iterations: usize,
    /// Iterations that ended in a time-out.
    pub timed_out: usize,
    /// Groups of processes that were started.
    pub batches: usize,
    /// Objects that could not be probed at an end.
    pub skipped_probes: usize,
    /// Time for all of it.
    pub elapsed: Duration,
}
