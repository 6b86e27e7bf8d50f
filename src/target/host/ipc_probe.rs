//! Looking at System V objects when everything is quiet. Nobody can notice it: `MSG_STAT_ANY` and `MSG_COPY` change nothing.

use super::{
    ipc::{TYPE, stat, task_of},
    shared::Shared,
    sys,
};
use crate::{
    kernel::{IpcKind, Payload, ipc::msg::STAT_FIELDS},
    program::{Compiled, IpcNumbers, ObjectField, syntax::ObjectKind},
    target::{IpcSeen, Observation},
};
use std::io;

const MSG_STAT: i32 = 11;
const MSG_INFO: i32 = 12;
const MSG_STAT_ANY: i32 = 13;
const MSG_COPY: i32 = 0o40000;
/// The longest message that is looked at.
const LONGEST: usize = 64 << 10;

/// In the controller: every object of the namespace; of free runs only those of one instance.
pub fn look(shared: &Shared, program: &Compiled, numbers: &IpcNumbers, all: bool) {
    let looked = sys::with_capability(sys::CAP_IPC_OWNER, || {
        let mut objects = Vec::new();
        // SAFETY: all zero is a valid `msqid_ds`, which is larger than what `MSG_INFO` fills.
        let mut ds: libc::msqid_ds = unsafe { std::mem::zeroed() };
        let highest = msgctl(0, MSG_INFO, &mut ds)?;
        for index in 0..=highest {
            let Some(id) = msgctl(index, MSG_STAT_ANY, &mut ds).or_else(|_| msgctl(index, MSG_STAT, &mut ds)).ok()
            else {
                continue;
            };
            let object = declared(program, numbers, ObjectKind::Msgq, id);
            if object.is_some() || all {
                let messages = messages(id, ds.msg_qnum as usize);
                objects.push(msgq(shared, program, id, &ds, object, messages));
            }
        }
        Ok(objects)
    });
    // Without System V IPC in the kernel nothing of it can be seen.
    if let Ok(objects) = looked {
        shared.see(Observation::Ipc(objects));
    }
}

/// The declared object with this id.
fn declared(program: &Compiled, numbers: &IpcNumbers, kind: ObjectKind, id: i32) -> Option<u16> {
    let objects = program.objects.iter().zip(&numbers.0).enumerate();
    objects.into_iter().find(|(_, (info, number))| info.kind == kind && **number == id).map(|(i, _)| i as u16)
}

fn msgctl(id: i32, cmd: i32, ds: &mut libc::msqid_ds) -> io::Result<i32> {
    // SAFETY: `ds` lives through the call and is as large as the command needs.
    sys::check(unsafe { libc::syscall(libc::SYS_msgctl, id, cmd, &raw mut *ds) }).map(|ret| ret as i32)
}

fn msgq(
    shared: &Shared,
    program: &Compiled,
    id: i32,
    ds: &libc::msqid_ds,
    object: Option<u16>,
    messages: Vec<(i64, Payload)>,
) -> IpcSeen {
    let mut fields = vec![(ObjectField::Id, i64::from(id))];
    for (name, value) in STAT_FIELDS.iter().zip(stat(ds)) {
        let field = ObjectField::ALL.iter().find(|(other, ..)| other == name).map(|&(_, field, _)| field);
        fields.extend(field.map(|field| {
            (field, if field.is_pid() { task_of(shared, program.tasks.len(), value as i32) } else { value })
        }));
    }
    IpcSeen { kind: IpcKind::Msg, object, fields, messages }
}

/// All messages of a queue.
fn messages(id: i32, count: usize) -> Vec<(i64, Payload)> {
    let mut buffer = vec![0u8; TYPE + LONGEST];
    let flags = MSG_COPY | libc::IPC_NOWAIT;
    let mut messages = Vec::with_capacity(count);
    for position in 0..count {
        // SAFETY: the buffer is as long as said.
        let ret = unsafe {
            libc::syscall(libc::SYS_msgrcv, id, buffer.as_mut_ptr(), LONGEST, position as libc::c_long, flags)
        };
        let Ok(n) = sys::check(ret) else { break };
        let (mtype, text) = buffer.split_at(TYPE);
        let mtype = mtype.try_into().map_or(0, i64::from_ne_bytes);
        messages.push((mtype, text[..n as usize].into()));
    }
    messages
}
