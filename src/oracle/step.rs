//! One step of a steered run, as it was seen or as the model has it.

use crate::{
    kernel::{
        Call, CallKind, Kernel, ProcessId, Return, RunState, Signal, Step, Task, TaskId,
        signal::{self, Disposition, SigInfo, SigSet},
    },
    machine::{Machine, State},
    program::{CallResult, Compiled, Halt, Next, ObjectField, Value},
    target::{IpcSeen, Observation, Observed, SignalSets},
};
use std::fmt;

/// Something that happened to a task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The task.
    pub task: TaskId,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A call returned.
    Returned(CallKind, Return),
    /// The task stopped before its last statement.
    Halted(Halt),
    /// It made its process exit.
    Exited(u8),
    /// A handler began.
    Handler(Handled),
}

/// What is seen of a handler that begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handled {
    /// Which handler.
    pub handler: u16,
    /// What it is told.
    pub info: SigInfo,
    /// What is blocked while it runs.
    pub mask: SigSet,
}

impl What {
    /// The record of the call that returned.
    pub fn result(&self) -> Option<Value> {
        match self {
            What::Returned(call, ret) => Some(Value::Result(Box::new(CallResult::new(*call, ret)))),
            _ => None,
        }
    }
}

/// `returned 4096`, `exited with status 3`.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Returned(call, ret) => {
                write!(f, "returned {} from {call}", Value::Result(Box::new(CallResult::new(*call, ret))))
            }
            What::Halted(halt) => write!(f, "{halt}"),
            What::Exited(status) => write!(f, "exited with status {status}"),
            What::Handler(Handled { info, mask, .. }) => {
                write!(f, "ran the handler of {}", signal::name(info.signo))?;
                let SigInfo { code, pid, value, .. } = info;
                write!(f, " (code {code}, pid {pid}, value {value}; blocked {})", signal::set_in_words(*mask))
            }
        }
    }
}

/// Everything that one release brought about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StepSeen {
    /// Completions, halts and exits, in order.
    pub events: Vec<Event>,
    /// Who sleeps in which call when all is quiet, by task.
    pub asleep: Vec<(TaskId, CallKind)>,
    /// Who was woken and is held, by task.
    pub held: Vec<TaskId>,
    /// Who is stopped, by task.
    pub stopped: Vec<TaskId>,
    /// Processes that a signal ended in this step, and which; 0 if that could not be seen.
    pub killed: Vec<(ProcessId, Signal)>,
    /// What objects showed; empty if nobody looked.
    pub probes: Vec<(u16, ObjectField, i64)>,
    /// Every System V object, by kind and index; `None` if nobody looked.
    pub ipc: Option<Vec<IpcSeen>>,
    /// The signal sets of living tasks; empty if nobody looked.
    pub signals: Vec<(TaskId, SignalSets)>,
}

impl StepSeen {
    /// The events of each task in turn: what is left when the order between tasks is not known.
    pub fn by_task(&self) -> Vec<Event> {
        let mut events = self.events.clone();
        events.sort_by_key(|event| event.task);
        events
    }

    /// Whether two steps are the same up to the order of events of different tasks. Probes that one of them lacks do not count.
    pub fn same_up_to_order(&self, other: &StepSeen) -> bool {
        self.by_task() == other.by_task()
            && self.asleep == other.asleep
            && self.held == other.held
            && self.stopped == other.stopped
            && self.same_killed(other)
            && self.agrees(other)
    }

    /// Whether two steps are the same, events in the same order. Probes that one of them lacks do not count.
    pub fn same(&self, other: &StepSeen) -> bool {
        self.events == other.events
            && self.asleep == other.asleep
            && self.held == other.held
            && self.stopped == other.stopped
            && self.same_killed(other)
            && self.agrees(other)
    }

    fn same_killed(&self, other: &StepSeen) -> bool {
        let same = |(mine, theirs): (&(ProcessId, Signal), &(ProcessId, Signal))| {
            mine.0 == theirs.0 && (mine.1 == theirs.1 || mine.1 == 0 || theirs.1 == 0)
        };
        self.killed.len() == other.killed.len() && self.killed.iter().zip(&other.killed).all(same)
    }

    fn agrees(&self, other: &StepSeen) -> bool {
        let sets = self.signals.iter().all(|(task, sets)| {
            let same = other.signals.iter().find(|(t, _)| t == task);
            same.is_none_or(|(_, s)| s == sets)
        });
        let objects = match (&self.ipc, &other.ipc) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        };
        sets && objects
            && self.probes.iter().all(|(object, field, value)| {
                let same = other.probes.iter().find(|(o, f, _)| (o, f) == (object, field));
                same.is_none_or(|(.., v)| v == value)
            })
    }

    /// What a look at the objects shows that is not as in `other`, in words.
    pub fn tell_difference(&self, other: &StepSeen, program: &Compiled) -> Option<String> {
        if let (Some(ours), Some(theirs)) = (&self.ipc, &other.ipc)
            && let Some([what, ours, theirs]) = IpcSeen::difference(program, ours, theirs)
        {
            return Some(format!("{what}: {ours}, and not {theirs}"));
        }
        let sets = self.signals.iter().find_map(|(task, ours)| {
            let (_, theirs) = other.signals.iter().find(|(t, _)| t == task)?;
            let name = &program.tasks[usize::from(*task)].name;
            (ours != theirs).then(|| format!("the signals of {name}: {ours}, and not {theirs}"))
        });
        sets.or_else(|| {
            self.probes.iter().find_map(|(object, field, value)| {
                let (.., theirs) = other.probes.iter().find(|(o, f, _)| (o, f) == (object, field))?;
                let name = &program.objects[*object as usize].name;
                (theirs != value).then(|| format!("{name}.{}: {value}, and not {theirs}", field.name()))
            })
        })
    }

    /// What happened to a task, in words: its events, and whether it sleeps.
    pub fn tell(&self, program: &Compiled, task: TaskId) -> String {
        let mut told: Vec<String> = self.events.iter().filter(|e| e.task == task).map(|e| e.what.to_string()).collect();
        let asleep = self.asleep.iter().find(|(t, _)| *t == task);
        told.extend(asleep.map(|(_, call)| format!("is asleep in {call}")));
        told.extend(self.held.contains(&task).then(|| "was woken and is held".to_string()));
        told.extend(self.stopped.contains(&task).then(|| "is stopped".to_string()));
        let process = program.tasks[task as usize].process;
        let killed = self.killed.iter().find(|(p, _)| *p == process);
        told.extend(killed.map(|&(_, by)| format!("was killed by {}", signal::name(by))));
        if told.is_empty() { "did nothing".into() } else { told.join(" and ") }
    }

    /// All of it in words, the released task first.
    pub fn tell_all<'a>(&'a self, program: &'a Compiled, released: TaskId) -> impl fmt::Display + 'a {
        let mut tasks = vec![released];
        let others = self.events.iter().map(|e| e.task).chain(self.asleep.iter().map(|&(t, _)| t));
        let killed = self.killed.iter().flat_map(|&(process, _)| &program.processes[process as usize].threads);
        for task in others.chain(self.held.iter().chain(&self.stopped).chain(killed).copied()) {
            if !tasks.contains(&task) {
                tasks.push(task);
            }
        }
        fmt::from_fn(move |f| {
            for (i, &task) in tasks.iter().enumerate() {
                let comma = if i > 0 { ", " } else { "" };
                write!(f, "{comma}{} {}", program.tasks[task as usize].name, self.tell(program, task))?;
            }
            Ok(())
        })
    }
}

/// The steps of a run; what came before the first release (`init`) is left out.
pub fn steps(program: &Compiled, observations: &[Observation]) -> Vec<StepSeen> {
    let mut steps: Vec<StepSeen> = Vec::new();
    let mut observed = Observed::new(program);
    let mut looking = None;
    for observation in observations {
        let event = match observation {
            Observation::Released { .. } => {
                steps.push(StepSeen::default());
                None
            }
            Observation::Started { .. } | Observation::Contents { .. } => None,
            Observation::HandlerEnds { .. } => None,
            Observation::Killed { process, signal } => {
                if let Some(step) = steps.last_mut() {
                    step.killed.push((*process, *signal));
                    step.killed.sort_unstable();
                }
                None
            }
            Observation::Handler { task, handler, info, mask } => Some(Event {
                task: *task,
                what: What::Handler(Handled { handler: *handler, info: *info, mask: *mask }),
            }),
            Observation::Ipc(seen) => {
                looking = Some(seen.clone());
                None
            }
            Observation::Quiet { asleep, held, stopped, probes, signals, .. } => {
                let ipc = looking.take();
                if let Some(step) = steps.last_mut() {
                    step.ipc = ipc;
                    (step.asleep, step.held, step.probes) = (asleep.clone(), held.clone(), probes.clone());
                    step.stopped.clone_from(stopped);
                    step.signals.clone_from(signals);
                    step.asleep.sort_unstable();
                    step.held.sort_unstable();
                }
                None
            }
            Observation::Completed { task, ret } => {
                let call = match observed.next(*task) {
                    Next::Call(call) => call,
                    _ => CallKind::Yield,
                };
                Some(Event { task: *task, what: What::Returned(call, ret.clone()) })
            }
            Observation::Halted { task, halt } => Some(Event { task: *task, what: What::Halted(*halt) }),
            Observation::Exited { task, status } => Some(Event { task: *task, what: What::Exited(*status) }),
        };
        observed.see(observation);
        if let (Some(event), Some(step)) = (event, steps.last_mut()) {
            step.events.push(event);
        }
    }
    steps
}

/// The signal sets of all living tasks.
pub(super) fn signal_sets(machine: &Machine, kernel: &Kernel) -> Vec<(TaskId, SignalSets)> {
    if !machine.program.uses_signals() {
        return Vec::new();
    }
    let living = kernel.tasks().filter(|(_, t)| t.state != RunState::Dead);
    let sets = |(id, task): (TaskId, &Task)| {
        let of = &kernel.process(task.process).signal;
        let caught = of.handlers.iter().filter(|(_, action)| matches!(action.disposition, Disposition::Handler(_)));
        let caught = caught.map(|(signal, _)| signal::mask(*signal)).fold(0, |a, b| a | b);
        let ignored = of.handlers.iter().filter(|(_, action)| action.disposition == Disposition::Ignore);
        let ignored = ignored.map(|(signal, _)| signal::mask(*signal)).fold(of.ignored, |a, b| a | b);
        let (pending, shared) = (task.pending.signal, of.shared_pending.signal);
        (id, SignalSets { pending, shared, blocked: task.blocked, ignored, caught })
    };
    living.map(sets).collect()
}

/// Which processes a signal has ended, and which signal.
pub(super) fn killed(machine: &Machine, kernel: &Kernel) -> Vec<(ProcessId, Signal)> {
    let processes = 0..machine.program.processes.len() as ProcessId;
    // A process has ended when its last thread has.
    let gone = |process: &ProcessId| kernel.threads_of_process(*process).is_empty();
    processes.filter(gone).filter_map(|p| Some((p, kernel.process(p).life.ended()?.signal()?))).collect()
}

/// What is seen of one move in the model: the event, if it is one, and a halt that follows it.
pub(super) fn events_of(
    machine: &Machine,
    state: &State,
    task: TaskId,
    call: Option<CallKind>,
    step: Step,
    went_on: bool,
) -> Vec<Event> {
    let returned = |ret| call.map(|call| What::Returned(call, ret));
    let what = match step {
        Step::Returned(ret) => returned(ret),
        Step::Forked(child) => returned(Return::value(machine.program.pid(child).into())),
        Step::Handler { .. } => state.kernel.sig_frames(task).last().map(|frame| {
            let mask = state.kernel.task(task).blocked;
            What::Handler(Handled { handler: frame.handler, info: frame.info, mask })
        }),
        Step::Exited => {
            let ended = state.kernel.process_of(task).life.ended();
            match (ended, call) {
                // Whom a signal ended in its last call, or before it, did not exit.
                (Some(status), _) if status.signal().is_some() => None,
                (Some(status), Some(CallKind::Exit)) => Some(What::Exited(status.status)),
                (_, Some(CallKind::ThreadExit)) => {
                    match state.cursor(task).peek_call(&machine.program.tasks[task as usize].code) {
                        Some(Call::ThreadExit { status }) => Some(What::Exited(status)),
                        _ => None,
                    }
                }
                _ => None,
            }
        }
        _ => None,
    };
    // Who had stopped long before stops no second time when it attends to a signal.
    let halted = state.cursor(task).halt.filter(|_| went_on).map(What::Halted);
    debug_assert!((task as usize) < machine.program.tasks.len());
    what.into_iter().chain(halted).map(|what| Event { task, what }).collect()
}
