//! One step of a steered run, as it was seen or as the model has it.

use crate::{
    kernel::{CallKind, ProcessId, TaskId},
    program::ObjectField,
    target::Observation,
};

/// Everything that one release brought about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StepSeen {
    /// Completions, halts and exits, in order.
    pub events: Vec<Observation>,
    /// Who sleeps in which call when all is quiet, by task.
    pub asleep: Vec<(TaskId, CallKind)>,
    /// Who was woken and is held, by task.
    pub held: Vec<TaskId>,
    /// What objects showed; empty if nobody looked.
    pub probes: Vec<(u16, ObjectField, i64)>,
}

impl StepSeen {
    /// The events of each task in turn: what is left when the order between tasks is not known.
    pub fn by_task(&self) -> Vec<Observation> {
        let mut events = self.events.clone();
        events.sort_by_key(task_of);
        events
    }

    /// Whether two steps are the same up to the order of events of different tasks. Probes that one of them lacks do not count.
    pub fn same_up_to_order(&self, other: &StepSeen) -> bool {
        self.by_task() == other.by_task() && self.asleep == other.asleep && self.held == other.held && self.agrees(other)
    }

    /// Whether two steps are the same, events in the same order. Probes that one of them lacks do not count.
    pub fn same(&self, other: &StepSeen) -> bool {
        self.events == other.events && self.asleep == other.asleep && self.held == other.held && self.agrees(other)
    }

    fn agrees(&self, other: &StepSeen) -> bool {
        self.probes.iter().all(|(object, field, value)| {
            let same = other.probes.iter().find(|(o, f, _)| (o, f) == (object, field));
            same.is_none_or(|(.., v)| v == value)
        })
    }
}

/// The task that an event happened to.
pub(super) fn task_of(event: &Observation) -> TaskId {
    match event {
        Observation::Completed { task, .. }
        | Observation::Halted { task, .. }
        | Observation::Exited { task, .. }
        | Observation::Started { task }
        | Observation::Released { task, .. } => *task,
        Observation::Quiet { .. } => TaskId::MAX,
    }
}

/// The steps of a run; what came before the first release (`init`) is left out.
pub fn steps(observations: &[Observation]) -> Vec<StepSeen> {
    let mut steps: Vec<StepSeen> = Vec::new();
    for observation in observations {
        match observation {
            Observation::Released { .. } => steps.push(StepSeen::default()),
            Observation::Started { .. } => {}
            Observation::Quiet { asleep, held, probes, .. } => {
                if let Some(step) = steps.last_mut() {
                    (step.asleep, step.held, step.probes) = (asleep.clone(), held.clone(), probes.clone());
                    step.asleep.sort_unstable();
                    step.held.sort_unstable();
                }
            }
            event => {
                if let Some(step) = steps.last_mut() {
                    step.events.push(event.clone());
                }
            }
        }
    }
    steps
}

/// The status of an exited process, as an event of the task that made it exit.
pub(super) fn exited(task: TaskId, life: crate::kernel::Life) -> Option<Observation> {
    match life {
        crate::kernel::Life::Exited(status) => Some(Observation::Exited { task, status }),
        _ => None,
    }
}

/// The result of `fork`.
pub(super) fn forked(child: ProcessId) -> crate::kernel::Return {
    crate::kernel::Return::value(child.into())
}
