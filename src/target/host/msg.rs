//! Message queues: declared ones, calls, and what a probe sees.

use super::{
    calls::{plain, result},
    ipc::{create_flags, perm_fields, set_perm, task_of},
    ipc_probe::Namespace,
    shared::Shared,
    sys,
};
use crate::{
    kernel::{IpcKind, MsgCall, MsgCtl, MsgFlags, Payload, Return, ipc::msg::STAT_FIELDS},
    program::{
        IpcInfo, IpcNumbers,
        constants::{MSG_INFO, MSG_STAT, MSG_STAT_ANY},
        syntax::ObjectKind,
    },
    target::IpcSeen,
};
use smallvec::{SmallVec, smallvec};
use std::io;

/// Makes a declared message queue; its id.
pub fn create(info: &IpcInfo, key: i32) -> io::Result<i32> {
    // SAFETY: numbers only.
    let id = sys::check(unsafe { libc::syscall(libc::SYS_msgget, key, create_flags(info)) })? as i32;
    if let Some(qbytes) = info.qbytes {
        // SAFETY: all zero is a valid `msqid_ds`.
        let mut ds: libc::msqid_ds = unsafe { std::mem::zeroed() };
        // SAFETY: `ds` lives through the calls.
        unsafe {
            sys::check(libc::syscall(libc::SYS_msgctl, id, libc::IPC_STAT, &raw mut ds))?;
            ds.msg_qbytes = qbytes.into();
            sys::check(libc::syscall(libc::SYS_msgctl, id, libc::IPC_SET, &raw mut ds))?;
        }
    }
    Ok(id)
}

/// Pids in the answer of a call become tasks.
pub fn name_pids(shared: &Shared, tasks: usize, ret: &mut Return) {
    if ret.extra.len() == STAT_FIELDS.len() {
        for pid in &mut ret.extra[PIDS] {
            *pid = task_of(shared, tasks, *pid as i32);
        }
    }
}

/// `lspid` and `lrpid` among [`STAT_FIELDS`].
const PIDS: std::ops::Range<usize> = 8..10;

/// `struct msginfo`
#[repr(C)]
#[derive(Default)]
struct MsgInfo {
    numbers: [i32; 7],
    msgseg: u16,
}

/// Room for the text of any message.
const ROOM: i64 = 64 << 10;
/// The type comes before the text.
pub const TYPE: usize = size_of::<i64>();

/// How many bytes of text a receive gets, and how many of them can be written to.
pub fn room(size: i64, fault: Option<u32>) -> usize {
    let room = size.clamp(0, ROOM) as usize;
    fault.map_or(room, |fault| room.min(fault as usize))
}

/// Makes a call on message queues. `output` is the text to be sent, `input` where type and text are put, with room for so many
/// bytes of text; before both is room for a type.
pub fn make(call: &MsgCall, numbers: &IpcNumbers, output: *mut u8, unreadable: *mut u8, input: *mut u8) -> Return {
    // SAFETY (all calls): pointers are to memory of the executor, deliberately to its guard, or to locals that live through the
    // call.
    match call {
        MsgCall::Get { key, flags } => {
            // SAFETY: see above.
            plain(result(unsafe { libc::syscall(libc::SYS_msgget, numbers.key(*key), flags.bits()) }))
        }
        MsgCall::Snd { id, mtype, size, flags, .. } => {
            let buffer = match mtype {
                // SAFETY: the executor keeps room for the type.
                Some(mtype) => unsafe {
                    let at = output.sub(TYPE);
                    at.cast::<i64>().write_unaligned(*mtype);
                    at
                },
                None => unreadable,
            };
            // SAFETY: see above.
            plain(result(unsafe { libc::syscall(libc::SYS_msgsnd, numbers.id(*id), buffer, *size, flags.bits()) }))
        }
        MsgCall::Rcv { id, size, mtype, fault, flags } => {
            // SAFETY: see above.
            let mut answer = plain(result(unsafe {
                libc::syscall(libc::SYS_msgrcv, numbers.id(*id), input, *size, *mtype, flags.bits())
            }));
            if let Ok(n) = answer.ret {
                let n = room(*size, *fault).min(n as usize);
                // SAFETY: type and text lie in the buffer.
                unsafe {
                    answer.extra = smallvec![input.cast::<i64>().read_unaligned()];
                    answer.data = std::slice::from_raw_parts(input.add(TYPE), n).into();
                }
            }
            answer
        }
        MsgCall::Ctl { id, cmd, null } => ctl(numbers.id(*id), cmd, *null),
    }
}

fn ctl(id: i32, cmd: &MsgCtl, null: bool) -> Return {
    // SAFETY: all zero is a valid `msqid_ds`.
    let mut ds: libc::msqid_ds = unsafe { std::mem::zeroed() };
    let mut info = MsgInfo::default();
    let (number, buffer): (i32, *mut libc::c_void) = match cmd {
        MsgCtl::Rmid => (libc::IPC_RMID, std::ptr::null_mut()),
        MsgCtl::Set { set, qbytes } => {
            set_perm(&mut ds.msg_perm, set);
            ds.msg_qbytes = *qbytes as _;
            (libc::IPC_SET, (&raw mut ds).cast())
        }
        MsgCtl::Stat => (libc::IPC_STAT, (&raw mut ds).cast()),
        MsgCtl::MsgStat => (MSG_STAT as i32, (&raw mut ds).cast()),
        MsgCtl::MsgStatAny => (MSG_STAT_ANY as i32, (&raw mut ds).cast()),
        MsgCtl::Info => (libc::IPC_INFO, (&raw mut info).cast()),
        MsgCtl::MsgInfo => (MSG_INFO as i32, (&raw mut info).cast()),
        MsgCtl::Other(cmd) => (*cmd, (&raw mut ds).cast()),
    };
    let buffer = if null { std::ptr::null_mut() } else { buffer };
    // SAFETY: `ds` and `info` live through the call.
    let ret = result(unsafe { libc::syscall(libc::SYS_msgctl, id, number, buffer) });
    let mut answer = plain(ret);
    if answer.ret.is_ok() {
        match cmd {
            MsgCtl::Stat | MsgCtl::MsgStat | MsgCtl::MsgStatAny => answer.extra = stat(&ds),
            MsgCtl::Info | MsgCtl::MsgInfo => {
                answer.extra = info.numbers.iter().map(|&n| i64::from(n)).chain([info.msgseg.into()]).collect();
            }
            _ => {}
        }
    }
    answer
}

/// What `IPC_STAT` tells, in the order of [`STAT_FIELDS`]; pids are still numbers.
fn stat(ds: &libc::msqid_ds) -> SmallVec<[i64; 2]> {
    let of_queue = [
        ds.__msg_cbytes as i64,
        ds.msg_qnum as i64,
        ds.msg_qbytes as i64,
        i64::from(ds.msg_lspid),
        i64::from(ds.msg_lrpid),
        i64::from(ds.msg_stime != 0),
        i64::from(ds.msg_rtime != 0),
        i64::from(ds.msg_ctime != 0),
    ];
    perm_fields(&ds.msg_perm).into_iter().chain(of_queue).collect()
}

/// The number of the system call.
pub fn number(call: &MsgCall) -> libc::c_long {
    match call {
        MsgCall::Get { .. } => libc::SYS_msgget,
        MsgCall::Snd { .. } => libc::SYS_msgsnd,
        MsgCall::Rcv { .. } => libc::SYS_msgrcv,
        MsgCall::Ctl { .. } => libc::SYS_msgctl,
    }
}

/// Every queue of the namespace, or the declared ones only.
pub fn look(namespace: &Namespace) -> io::Result<Vec<IpcSeen>> {
    // SAFETY: all zero is a valid `msqid_ds`, which is larger than what `MSG_INFO` fills.
    let mut ds: libc::msqid_ds = unsafe { std::mem::zeroed() };
    let mut seen = Vec::new();
    for index in 0..=msgctl(0, MSG_INFO, &mut ds)? {
        let found = msgctl(index, MSG_STAT_ANY, &mut ds).or_else(|_| msgctl(index, MSG_STAT, &mut ds));
        let Ok(id) = found else { continue };
        let Some(object) = namespace.shows(ObjectKind::Msgq, id) else { continue };
        let mut fields = stat(&ds);
        for pid in &mut fields[PIDS] {
            *pid = namespace.task_of(*pid as i32);
        }
        let fields = namespace.fields(id, &STAT_FIELDS, &fields);
        let messages = messages(id, ds.msg_qnum as usize);
        seen.push(IpcSeen { kind: IpcKind::Msg, object, fields, messages, sems: Vec::new() });
    }
    Ok(seen)
}

fn msgctl(id: i32, cmd: i64, ds: &mut libc::msqid_ds) -> io::Result<i32> {
    // SAFETY: `ds` lives through the call and is as large as the command needs.
    sys::check(unsafe { libc::syscall(libc::SYS_msgctl, id, cmd, &raw mut *ds) }).map(|ret| ret as i32)
}

/// The longest message that is looked at.
const LONGEST: usize = 64 << 10;

/// All messages of a queue.
fn messages(id: i32, count: usize) -> Vec<(i64, Payload)> {
    let mut buffer = vec![0u8; TYPE + LONGEST];
    let flags = (MsgFlags::MSG_COPY | MsgFlags::IPC_NOWAIT).bits();
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
