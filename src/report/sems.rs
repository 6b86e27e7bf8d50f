//! Semaphore sets drawn: values, who waits for what, and what is taken back at exit.

use super::{ring::Drawing, strace_sem::sops_text, waits_sem::set_name};
use crate::{
    kernel::{IpcSlot, Kernel, Quirk, TaskId, ipc::sem::SemArray},
    machine::{Machine, State},
};

/// So many values are drawn one by one at the most.
const DRAWN: usize = 12;

/// `[ 1 | 0 | 3 ]`
fn values(set: &SemArray) -> String {
    let mut values: Vec<String> = set.sems.iter().take(DRAWN).map(|sem| sem.semval.to_string()).collect();
    if set.nsems() > DRAWN {
        values.push(format!("… {} more", set.nsems() - DRAWN));
    }
    format!("[ {} ]", values.join(" | "))
}

/// Every queue that is not empty: `pending_alter of s[0]: A [0:-1], B [0:-2]`.
fn queues(machine: &Machine, kernel: &Kernel, name: &str, set: &SemArray) -> Vec<String> {
    let one = machine.env.quirks.has(Quirk::SemOneList);
    let alter = if one { "sem_pending" } else { "pending_alter" };
    let mut told = Vec::new();
    let mut tell = |list: &str, of: String, tasks: &[TaskId]| {
        if tasks.is_empty() {
            return;
        }
        let waiter = |&task: &TaskId| {
            let sops = kernel.sem_queue(task).map(|queue| sops_text(&queue.sops)).unwrap_or_default();
            format!("{} {sops}", machine.program.tasks[task as usize].name)
        };
        let waiters: Vec<String> = tasks.iter().map(waiter).collect();
        told.push(format!("{list} of {of}: {}", waiters.join(", ")));
    };
    tell("pending_const", name.into(), &set.pending_const);
    tell(alter, name.into(), &set.pending_alter);
    for (i, sem) in set.sems.iter().enumerate() {
        tell("pending_const", format!("{name}[{i}]"), &sem.pending_const);
        tell(alter, format!("{name}[{i}]"), &sem.pending_alter);
    }
    told
}

/// What each process adds at its exit: `exit of P: 0:+1, 1:-2`.
fn adjustments(machine: &Machine, kernel: &Kernel, slot: IpcSlot) -> Vec<String> {
    let each = machine.program.processes.iter().enumerate().filter_map(|(process, info)| {
        let undo = kernel.sem_undos(process as u16).iter().find(|undo| undo.slot == slot)?;
        let adjusts = undo.semadj.iter().enumerate().filter(|(_, adj)| **adj != 0);
        let adjusts: Vec<String> = adjusts.map(|(semnum, adj)| format!("{semnum}:{adj:+}")).collect();
        (!adjusts.is_empty()).then(|| format!("exit of {}: {}", info.name, adjusts.join(", ")))
    });
    each.collect()
}

/// Everything about a set.
pub fn whole(machine: &Machine, state: &State, slot: IpcSlot) -> Drawing {
    let name = set_name(machine, state, slot);
    let set = state.kernel.sem_array(slot);
    let mut parts = vec![values(set)];
    parts.extend(queues(machine, &state.kernel, &name, set));
    parts.extend(adjustments(machine, &state.kernel, slot));
    Drawing { name, parts }
}

/// What a step changed of the sets.
pub fn changes(machine: &Machine, before: &State, after: &State) -> Vec<Drawing> {
    let mut drawings = Vec::new();
    let old = |slot: IpcSlot| before.kernel.sem_sets().find(|(other, _)| *other == slot).map(|(_, set)| set);
    for (slot, set) in after.kernel.sem_sets() {
        let drawing = whole(machine, after, slot);
        let Some(old) = old(slot).filter(|old| old.sem_perm.id == set.sem_perm.id) else {
            drawings.push(drawing);
            continue;
        };
        let was = whole(machine, before, slot);
        let same_queues =
            queues(machine, &before.kernel, &was.name, old) == queues(machine, &after.kernel, &was.name, set);
        let mut parts = Vec::new();
        if values(old) != values(set) || !same_queues {
            parts.push(values(set));
        }
        parts.extend(drawing.parts.into_iter().skip(1).filter(|part| !was.parts.contains(part)));
        if !same_queues && set.waiters().is_empty() {
            parts.push("nobody waits".into());
        }
        if !parts.is_empty() {
            drawings.push(Drawing { name: drawing.name, parts });
        }
    }
    for (slot, set) in before.kernel.sem_sets() {
        let still = after.kernel.sem_sets().any(|(other, new)| other == slot && new.sem_perm.id == set.sem_perm.id);
        if !still {
            drawings.push(Drawing { name: set_name(machine, before, slot), parts: vec!["removed".into()] });
        }
    }
    drawings
}
