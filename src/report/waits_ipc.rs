//! Who waits at a System V object, and who could wake it.

use super::{
    style::plural,
    waits::{Waits, ordinal},
};
use crate::{
    kernel::{Call, CallKind, IpcId, IpcSlot, MsgCall, RunState, TaskId},
    machine::{Machine, State},
    program::CallCode,
};

/// The name of a message queue in a state: that of its object, or its id for one that the program made.
pub(super) fn msq_name(machine: &Machine, state: &State, slot: IpcSlot) -> String {
    let id = state.kernel.msq(slot).q_perm.id;
    let objects = machine.program.objects.iter().enumerate();
    let mut declared = objects.filter(|(i, object)| {
        object.kind.ipc() == Some(crate::kernel::IpcKind::Msg) && state.kernel.ipc_declared(*i as u16) == id
    });
    declared.next().map_or_else(|| format!("msgq#{id}"), |(_, object)| object.name.clone())
}

/// The queues of message queues that a sleeper is in, with its position.
pub(super) fn places(waits: &Waits, task: TaskId) -> Vec<String> {
    let mut places = Vec::new();
    for (slot, msq) in waits.state.kernel.msqs() {
        for (name, queue) in [("q_receivers", &msq.q_receivers), ("q_senders", &msq.q_senders)] {
            if let Some(position) = queue.iter().position(|&other| other == task) {
                let msq = msq_name(waits.machine, waits.state, slot);
                places.push(format!("{} of {} in {name} of {msq}", ordinal(position + 1), queue.len()));
            }
        }
    }
    places
}

/// A sleeper whose condition holds.
pub(super) fn lost(waits: &Waits, slot: IpcSlot, sender: bool) -> String {
    let msq = waits.state.kernel.msq(slot);
    let name = msq_name(waits.machine, waits.state, slot);
    let there = match (msq.q_perm.valid, sender) {
        (false, _) => "the queue is removed".into(),
        (true, true) => format!("{name} has a message for it"),
        (true, false) => {
            format!("{name} has room for {}", plural(msq.q_qbytes.saturating_sub(msq.q_cbytes) as u32, "byte"))
        }
    };
    format!("it sleeps although {there}, and nobody is about to wake it: its wake-up was lost")
}

/// Who could wake a sleeper.
pub(super) fn why(waits: &Waits, task: TaskId, slot: IpcSlot, sender: bool) -> Vec<String> {
    let msq = waits.state.kernel.msq(slot);
    let name = msq_name(waits.machine, waits.state, slot);
    let needs = match (sender, waits.state.kernel.sender(task)) {
        (true, _) => match msq.q_qnum {
            0 => format!("it needs a message in {name}"),
            n => format!("it needs a message in {name}; none of the {n} there is for it"),
        },
        (false, Some(call)) => format!(
            "it needs room for {} in {name}, which holds {} of {} bytes in {}",
            plural(call.msg.m_ts() as u32, "byte"),
            msq.q_cbytes,
            msq.q_qbytes,
            plural(msq.q_qnum as u32, "message"),
        ),
        (false, None) => format!("it needs room in {name}"),
    };
    let partners = partners(waits, task, slot, sender);
    let does = if sender { "sends to" } else { "receives from" };
    if partners.is_empty() {
        return vec![format!("{needs}; nobody {does} {name} any more")];
    }
    vec![needs, format!("who still {does} {name}: {}", waits.list(&partners, None))]
}

/// The tasks whose statements from here on send to a queue, or receive from it.
pub(super) fn partners(waits: &Waits, sleeper: TaskId, slot: IpcSlot, sender: bool) -> Vec<TaskId> {
    let kernel = &waits.state.kernel;
    let id = kernel.msq(slot).q_perm.id;
    let same = |of: &IpcId| match of {
        IpcId::Number(number) => *number == id,
        IpcId::Declared(object) => kernel.ipc_declared(*object) == id,
    };
    let wanted = |call: &CallCode| match call {
        CallCode::Known(Call::Msg(MsgCall::Snd { id, .. })) => sender && same(id),
        CallCode::Known(Call::Msg(MsgCall::Rcv { id, .. })) => !sender && same(id),
        // Which queue it is for is not known.
        CallCode::Computed { signature, .. } => {
            signature.kind == if sender { CallKind::Msgsnd } else { CallKind::Msgrcv }
        }
        CallCode::Known(_) => false,
    };
    let others = kernel.tasks().filter(|&(id, t)| id != sleeper && t.state != RunState::Dead);
    others.map(|(id, _)| id).filter(|&id| waits.will_call(id, wanted)).collect()
}
