//! Who waits at a semaphore, and who could wake it.

use super::{
    strace_sem::sops_text,
    waits::{Waits, ordinal},
};
use crate::{
    kernel::{Call, CallKind, IpcId, IpcKind, IpcSlot, Quirk, RunState, SemCall, SemCtl, TaskId},
    machine::{Machine, State},
    program::CallCode,
};

/// The name of a set in a state: that of its object, or its id for one that the program made.
pub(super) fn set_name(machine: &Machine, state: &State, slot: IpcSlot) -> String {
    let id = state.kernel.sem_array(slot).sem_perm.id;
    let mut objects = machine.program.objects.iter().enumerate();
    let declared = objects
        .find(|(i, object)| object.kind.ipc() == Some(IpcKind::Sem) && state.kernel.ipc_declared(*i as u16) == id);
    declared.map_or_else(|| format!("sem#{id}"), |(_, object)| object.name.clone())
}

/// The queues of semaphore sets that a sleeper is in, with its position.
pub(super) fn places(waits: &Waits, task: TaskId) -> Vec<String> {
    let mut places = Vec::new();
    let old = waits.machine.env.quirks.has(Quirk::SemOneList);
    let (alter, constant) = (if old { "sem_pending" } else { "pending_alter" }, "pending_const");
    for (slot, set) in waits.state.kernel.sem_sets() {
        let name = set_name(waits.machine, waits.state, slot);
        let of_set = [(alter, &set.pending_alter, name.clone()), (constant, &set.pending_const, name.clone())];
        let of_sems = set.sems.iter().enumerate().flat_map(|(i, sem)| {
            let sem_name = format!("{name}[{i}]");
            [(alter, &sem.pending_alter, sem_name.clone()), (constant, &sem.pending_const, sem_name)]
        });
        for (list, queue, of) in of_set.into_iter().chain(of_sems) {
            if let Some(position) = queue.iter().position(|&other| other == task) {
                places.push(format!("{} of {} in {list} of {of}", ordinal(position + 1), queue.len()));
            }
        }
    }
    places
}

/// A sleeper whose operations could be done.
pub(super) fn lost(waits: &Waits, task: TaskId, slot: IpcSlot) -> String {
    let name = set_name(waits.machine, waits.state, slot);
    let sops = waits.state.kernel.sem_queue(task).map(|queue| sops_text(&queue.sops)).unwrap_or_default();
    format!("it sleeps although {sops} on {name} could be done, and nobody is about to wake it: its wake-up was lost")
}

/// Who could wake a sleeper.
pub(super) fn why(waits: &Waits, task: TaskId, slot: IpcSlot, semnum: u16, zero: bool) -> Vec<String> {
    let kernel = &waits.state.kernel;
    let name = set_name(waits.machine, waits.state, slot);
    let value = kernel.sem(slot, semnum).semval;
    let needs = match zero {
        true => format!("it needs {name}[{semnum}] to be 0, which is {value}"),
        false => format!("it needs {name}[{semnum}] to be larger, which is {value}"),
    };
    let mut told = Vec::new();
    let partners = partners(waits, task, slot, semnum, zero);
    let does = if zero { "lowers" } else { "raises" };
    if partners.is_empty() {
        told.push(format!("{needs}; nobody {does} it any more"));
    } else {
        told.push(needs);
        told.push(format!("who still {does} it: {}", waits.list(&partners, None)));
    }
    let undoes = |&(id, t): &(TaskId, _)| {
        let t: &crate::kernel::Task = t;
        let undo = kernel.sem_undos(t.process).iter().find(|undo| undo.slot == slot);
        let adj = undo.map_or(0, |undo| undo.semadj[usize::from(semnum)]);
        id != task && t.state != RunState::Dead && if zero { adj < 0 } else { adj > 0 }
    };
    let owners: Vec<&str> = kernel.tasks().filter(undoes).map(|(id, _)| waits.name(id)).collect();
    if !owners.is_empty() {
        told.push(format!("the exit of {} would as well: it has SEM_UNDO", owners.join(" or ")));
    }
    told
}

/// The tasks whose statements from here on raise a semaphore, or lower it.
pub(super) fn partners(waits: &Waits, sleeper: TaskId, slot: IpcSlot, semnum: u16, zero: bool) -> Vec<TaskId> {
    let kernel = &waits.state.kernel;
    let set = kernel.sem_array(slot).sem_perm.id;
    let same = |of: &IpcId| match of {
        IpcId::Number(number) => *number == set,
        IpcId::Declared(object) => kernel.ipc_declared(*object) == set,
    };
    let wanted = |call: &CallCode| match call {
        CallCode::Known(Call::Sem(SemCall::Op { id, sops, .. })) => {
            let helps = |op: i16| if zero { op < 0 } else { op > 0 };
            same(id) && sops.iter().any(|sop| sop.sem_num == semnum && helps(sop.sem_op))
        }
        CallCode::Known(Call::Sem(SemCall::Ctl { id, cmd, .. })) => {
            same(id) && matches!(cmd, SemCtl::SetVal { .. } | SemCtl::SetAll(_) | SemCtl::Rmid)
        }
        // Which set it is for is not known.
        CallCode::Computed { signature, .. } => {
            matches!(signature.kind, CallKind::Semop | CallKind::Semtimedop | CallKind::Semctl)
        }
        CallCode::Known(_) => false,
    };
    let others = kernel.tasks().filter(|&(id, t)| id != sleeper && t.state != RunState::Dead);
    others.map(|(id, _)| id).filter(|&id| waits.will_call(id, wanted)).collect()
}
