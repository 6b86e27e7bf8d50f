//! System V IPC: a namespace of their own for each run, declared objects, and calls.

use super::{calls::result, shared::Shared, sys};
use crate::{
    kernel::{Call, IpcFlags, MsgCall, MsgCtl, Payload, Pid, Return, SemCall, SemCtl, ipc::msg::STAT_FIELDS},
    program::{IpcInfo, IpcNumbers},
    target::Stage,
};
use smallvec::{SmallVec, smallvec};
use std::{io, sync::atomic::Ordering};

/// What users of a test get as ids: the first is added to their numbers, except to that of the owner of the test.
pub const FIRST_USER: u32 = 60_000;

/// The id of a user or group of the program; a negative one is passed on.
pub fn real_user(user: i32) -> u32 {
    if user > 0 { FIRST_USER + user as u32 } else { user as u32 }
}

/// The user or group of the program with this id.
pub fn user_of_program(id: u32) -> i64 {
    id.checked_sub(FIRST_USER).unwrap_or(id).into()
}

/// In the controller: an empty namespace, so that ids are those that the model counts. What was in the old one is gone with
/// its last process.
pub fn enter_namespace(shared: &Shared) {
    let entered = sys::with_capability(sys::CAP_SYS_ADMIN, || {
        // SAFETY: flags only.
        sys::check(unsafe { libc::unshare(libc::CLONE_NEWIPC) })
    });
    shared.require(Stage::Namespaces, entered);
}

/// Makes a declared message queue; its id.
pub fn create_msgq(info: &IpcInfo, key: i32) -> io::Result<i32> {
    let flags = IpcFlags::IPC_CREAT.bits() | IpcFlags::IPC_EXCL.bits() | u32::from(info.mode);
    // SAFETY: numbers only.
    let id = sys::check(unsafe { libc::syscall(libc::SYS_msgget, key, flags) })? as i32;
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

/// Ids and pids in the answer of a call become what they are in the program.
pub fn name_pids(shared: &Shared, tasks: usize, call: &Call, ret: &mut Return) {
    if let (Call::Sem(SemCall::Ctl { cmd: SemCtl::GetPid(_), .. }), Ok(pid)) = (call, &mut ret.ret) {
        *pid = task_of(shared, tasks, *pid as i32);
    }
    if !matches!(call, Call::Msg(_)) {
        return;
    }
    if ret.extra.len() == STAT_FIELDS.len() {
        for pid in &mut ret.extra[8..10] {
            *pid = task_of(shared, tasks, *pid as i32);
        }
    }
}

/// The task with this thread id, as the program counts: 0 for nobody, -1 for somebody else.
pub fn task_of(shared: &Shared, tasks: usize, tid: i32) -> i64 {
    if tid == 0 {
        return 0;
    }
    let task = (0..tasks).find(|&task| shared.slot(task).tid.load(Ordering::Acquire) as i32 == tid);
    task.map_or(-1, |task| Pid::of(task as u16).number())
}

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
pub fn msg(call: &MsgCall, numbers: &IpcNumbers, output: *mut u8, unreadable: *mut u8, input: *mut u8) -> Return {
    let plain = |ret| Return { ret, data: Payload::new(), extra: SmallVec::new() };
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
            ds.msg_perm.uid = real_user(set.uid);
            ds.msg_perm.gid = real_user(set.gid);
            ds.msg_perm.mode = set.mode as _;
            ds.msg_qbytes = *qbytes as _;
            (libc::IPC_SET, (&raw mut ds).cast())
        }
        MsgCtl::Stat => (libc::IPC_STAT, (&raw mut ds).cast()),
        MsgCtl::MsgStat => (11, (&raw mut ds).cast()),
        MsgCtl::MsgStatAny => (13, (&raw mut ds).cast()),
        MsgCtl::Info => (libc::IPC_INFO, (&raw mut info).cast()),
        MsgCtl::MsgInfo => (12, (&raw mut info).cast()),
        MsgCtl::Other(cmd) => (*cmd, (&raw mut ds).cast()),
    };
    let buffer = if null { std::ptr::null_mut() } else { buffer };
    // SAFETY: `ds` and `info` live through the call.
    let ret = result(unsafe { libc::syscall(libc::SYS_msgctl, id, number, buffer) });
    let mut answer = Return { ret, data: Payload::new(), extra: SmallVec::new() };
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
pub fn stat(ds: &libc::msqid_ds) -> SmallVec<[i64; 2]> {
    let perm = &ds.msg_perm;
    smallvec![
        user_of_program(perm.uid),
        user_of_program(perm.gid),
        user_of_program(perm.cuid),
        user_of_program(perm.cgid),
        i64::from(perm.mode),
        ds.__msg_cbytes as i64,
        ds.msg_qnum as i64,
        ds.msg_qbytes as i64,
        i64::from(ds.msg_lspid),
        i64::from(ds.msg_lrpid),
        i64::from(ds.msg_stime != 0),
        i64::from(ds.msg_rtime != 0),
        i64::from(ds.msg_ctime != 0),
    ]
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
