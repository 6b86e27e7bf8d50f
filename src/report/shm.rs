//! Shared memory as it is drawn and told.

use super::{ring::Drawing, style::plural};
use crate::{
    kernel::{
        IpcSlot, TaskId,
        ipc::shm::{SHM_DEST, SHM_LOCKED},
    },
    machine::{Machine, State},
};

/// At most so many cells are drawn.
const DRAWN: usize = 12;

/// The name of a segment: that of its object, or a number for one that the program made.
pub fn name(machine: &Machine, state: &State, shm: IpcSlot) -> String {
    match declared(machine, state, shm) {
        Some(object) => machine.program.objects[object as usize].name.clone(),
        None => format!("shm#{}", state.kernel.shmid(shm).shm_perm.id),
    }
}

fn declared(machine: &Machine, state: &State, shm: IpcSlot) -> Option<u16> {
    (0..machine.program.objects.len() as u16).find(|&o| machine.shm_of(state, o) == Some(shm))
}

/// `m[0]`
pub fn cell_name(machine: &Machine, state: &State, shm: IpcSlot, cell: u32) -> String {
    format!("{}[{cell}]", name(machine, state, shm))
}

/// What the processor does for a task by itself: `(m[0] = 1 becomes visible)`.
pub fn flushed(machine: &Machine, before: &State, task: TaskId) -> String {
    match before.kernel.store_buffer(task).first() {
        Some(store) => {
            format!("({} = {} becomes visible)", cell_name(machine, before, store.shm, store.cell), store.value)
        }
        None => String::new(),
    }
}

/// `[ 1 | 0 ]  2 cells, 2 attached`, with what tasks have in their buffers.
pub fn drawing(machine: &Machine, state: &State, shm: IpcSlot) -> String {
    let segment = state.kernel.shmid(shm);
    let declared = declared(machine, state, shm);
    let last = segment.cells().last().map_or(0, |&(index, _)| index as usize + 1);
    let cells = declared.map_or(0, |o| machine.program.objects[o as usize].cells as usize).max(last);
    let mut parts: Vec<String> = (0..cells.min(DRAWN)).map(|i| segment.cell(i as u32).to_string()).collect();
    parts.extend((cells > DRAWN).then(|| format!("… {} more …", cells - DRAWN)));
    let mut text = format!(
        "[ {} ]  {}, attached {}",
        parts.join(" | "),
        plural(cells as u32, "cell"),
        match segment.shm_nattch {
            1 => "once".into(),
            n => format!("{n} times"),
        }
    );
    if segment.shm_perm.mode & SHM_DEST != 0 {
        text.push_str(", marked to be destroyed");
    }
    if segment.shm_perm.mode & SHM_LOCKED != 0 {
        text.push_str(", locked");
    }
    for (task, _) in state.kernel.tasks() {
        let stores = state.kernel.store_buffer(task).iter().filter(|store| store.shm == shm);
        let stores: Vec<String> = stores.map(|store| format!("[{}] = {}", store.cell, store.value)).collect();
        if !stores.is_empty() {
            let name = &machine.program.tasks[task as usize].name;
            text.push_str(&format!("; {name} has not shown {}", stores.join(", ")));
        }
    }
    text
}

/// What a step changed of segments and store buffers.
pub fn changes(machine: &Machine, before: &State, after: &State) -> Vec<Drawing> {
    let drawn = |state: &State, id: IpcSlot| {
        let there = state.kernel.shmids().any(|(slot, _)| slot == id);
        there.then(|| Drawing { name: name(machine, state, id), parts: vec![drawing(machine, state, id)] })
    };
    let all = before.kernel.shmids().chain(after.kernel.shmids()).map(|(id, _)| id);
    let mut ids: Vec<IpcSlot> = all.collect();
    ids.sort_unstable();
    ids.dedup();
    let changed = ids.into_iter().filter_map(|id| match (drawn(before, id), drawn(after, id)) {
        (before, after) if before == after => None,
        (_, Some(now)) => Some(now),
        (Some(old), None) => Some(Drawing { name: old.name, parts: vec!["destroyed".into()] }),
        (None, None) => None,
    });
    changed.collect()
}
