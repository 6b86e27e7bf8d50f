//! A message queue drawn message by message, and what a step changed of it.

use super::{
    ring::{Drawing, bytes},
    style::plural,
    waits_ipc::msq_name,
};
use crate::{
    kernel::{
        TaskId,
        ipc::msg::{MsgMsg, MsgQueue, Wanted},
    },
    machine::{Machine, State},
};

/// So many messages are drawn one by one at the most.
const DRAWN: usize = 8;

/// What the marks in a drawing mean.
pub const LEGEND: &str =
    "messages are drawn oldest first; 2:w×40: 40 times w, of type 2; R(≤2): R waits for the lowest type up to 2";

/// `[ 3:c | 1:a ]  2 messages, 2 of 16384 bytes`
pub fn list(msq: &MsgQueue) -> String {
    let one = |msg: &MsgMsg| format!("{}:{}", msg.m_type, bytes(&msg.text));
    let mut parts: Vec<String> = msq.q_messages.iter().take(DRAWN).map(one).collect();
    if msq.q_messages.len() > DRAWN {
        parts.push(format!("… {} more", msq.q_messages.len() - DRAWN));
    }
    if parts.is_empty() {
        return format!("[ empty ]  0 of {} bytes", msq.q_qbytes);
    }
    let count = plural(msq.q_qnum as u32, "message");
    format!("[ {} ]  {count}, {} of {} bytes", parts.join(" | "), msq.q_cbytes, msq.q_qbytes)
}

/// `R(any)`, `R(2)`, `R(not 2)`, `R(≤2)`: receivers with what they wait for.
fn receivers(machine: &Machine, state: &State, tasks: &[TaskId]) -> String {
    let one = |&task: &TaskId| {
        let name = &machine.program.tasks[task as usize].name;
        match state.kernel.receiver(task).map(|receiver| receiver.wanted) {
            None => name.clone(),
            Some(Wanted::Any | Wanted::Number(_)) => format!("{name}(any)"),
            Some(Wanted::Equal(mtype)) => format!("{name}({mtype})"),
            Some(Wanted::NotEqual(mtype)) => format!("{name}(not {mtype})"),
            Some(Wanted::LessEqual(mtype)) => format!("{name}(≤{mtype})"),
        }
    };
    join(tasks.iter().map(one))
}

/// `S(40)`: senders with the size of their message.
fn senders(machine: &Machine, state: &State, tasks: &[TaskId]) -> String {
    let one = |&task: &TaskId| {
        let name = &machine.program.tasks[task as usize].name;
        let size = state.kernel.sender(task).map(|sender| sender.msg.m_ts());
        size.map_or_else(|| name.clone(), |size| format!("{name}({})", plural(size as u32, "byte")))
    };
    join(tasks.iter().map(one))
}

fn join(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() { "empty".into() } else { names.join(", ") }
}

/// Everything about each queue.
pub fn all(machine: &Machine, state: &State) -> Vec<Drawing> {
    let mut drawings = Vec::new();
    for (slot, msq) in state.kernel.msqs() {
        let mut parts = vec![list(msq)];
        if !msq.q_receivers.is_empty() {
            parts.push(format!("q_receivers: {}", receivers(machine, state, &msq.q_receivers)));
        }
        if !msq.q_senders.is_empty() {
            parts.push(format!("q_senders: {}", senders(machine, state, &msq.q_senders)));
        }
        drawings.push(Drawing { name: msq_name(machine, state, slot), parts });
    }
    drawings
}

/// What a step changed of message queues.
pub fn changes(machine: &Machine, before: &State, after: &State) -> Vec<Drawing> {
    let mut drawings = Vec::new();
    let find = |state: &State, id: i32| state.kernel.msqs().find(|(_, q)| q.q_perm.id == id).map(|(_, q)| q.clone());
    for (slot, msq) in after.kernel.msqs() {
        let old = find(before, msq.q_perm.id).unwrap_or_default();
        let mut parts = Vec::new();
        if !old.q_perm.valid || old.q_messages != msq.q_messages || old.q_qbytes != msq.q_qbytes {
            parts.push(list(msq));
        }
        if old.q_receivers != msq.q_receivers {
            parts.push(format!("q_receivers: {}", receivers(machine, after, &msq.q_receivers)));
        }
        if old.q_senders != msq.q_senders {
            parts.push(format!("q_senders: {}", senders(machine, after, &msq.q_senders)));
        }
        if !parts.is_empty() {
            drawings.push(Drawing { name: msq_name(machine, after, slot), parts });
        }
    }
    for (slot, old) in before.kernel.msqs() {
        if find(after, old.q_perm.id).is_none() {
            let what = match old.q_qnum {
                0 => "removed".to_string(),
                n => format!("removed, with {}", plural(n as u32, "message")),
            };
            drawings.push(Drawing { name: msq_name(machine, before, slot), parts: vec![what] });
        }
    }
    drawings
}
