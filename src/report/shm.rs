//! Shared memory as it is drawn and told.

use super::{ring::Drawing, style::plural};
use crate::{
    kernel::{ShmId, TaskId},
    machine::{Machine, State},
};

/// At most so many cells are drawn.
const DRAWN: usize = 12;

/// The name of a segment: that of its object, or a number for one that the program made.
pub fn name(machine: &Machine, shm: ShmId) -> String {
    let object = (0..machine.program.objects.len() as u16).find(|&o| machine.shm_of(o) == Some(shm));
    object.map_or_else(|| format!("shm#{shm}"), |o| machine.program.objects[o as usize].name.clone())
}

/// `m[0]`
pub fn cell_name(machine: &Machine, shm: ShmId, cell: u32) -> String {
    format!("{}[{cell}]", name(machine, shm))
}

/// What the processor does for a task by itself: `(m[0] = 1 becomes visible)`.
pub fn flushed(machine: &Machine, before: &State, task: TaskId) -> String {
    match before.kernel.store_buffer(task).first() {
        Some(store) => {
            format!("({} = {} becomes visible)", cell_name(machine, store.shm, store.cell), store.value)
        }
        None => String::new(),
    }
}

/// `[ 1 | 0 ]  2 cells, 2 attached`, with what tasks have in their buffers.
pub fn drawing(machine: &Machine, state: &State, shm: ShmId) -> String {
    let segment = state.kernel.shm(shm);
    let declared = (0..machine.program.objects.len() as u16).find(|&o| machine.shm_of(o) == Some(shm));
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
    let drawn = |state: &State, id: ShmId| state.kernel.shms().nth(id.into()).map(|_| drawing(machine, state, id));
    let ids = after.kernel.shms().map(|(id, _)| id);
    let changed = ids.filter_map(|id| {
        let now = drawn(after, id)?;
        (drawn(before, id).as_ref() != Some(&now)).then(|| Drawing { name: name(machine, id), parts: vec![now] })
    });
    changed.collect()
}
