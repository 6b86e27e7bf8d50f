//! Semaphore sets: declared ones, calls, and what a probe sees.

use super::{calls::result, ipc, ipc_probe, shared::Shared, sys};
use crate::{
    kernel::{IpcFlags, IpcKind, Payload, Return, SemBuf, SemCall, SemCtl, SemTimeout},
    program::{Compiled, IpcInfo, IpcNumbers, ObjectField, syntax::ObjectKind},
    target::IpcSeen,
};
use smallvec::{SmallVec, smallvec};
use std::io;

const GETPID: i32 = 11;
const GETVAL: i32 = 12;
const GETALL: i32 = 13;
const GETNCNT: i32 = 14;
const GETZCNT: i32 = 15;
const SETVAL: i32 = 16;
const SETALL: i32 = 17;
const SEM_STAT: i32 = 18;
const SEM_INFO: i32 = 19;
const SEM_STAT_ANY: i32 = 20;

/// Makes a declared set; its id.
pub fn create(info: &IpcInfo, key: i32) -> io::Result<i32> {
    let flags = IpcFlags::IPC_CREAT.bits() | IpcFlags::IPC_EXCL.bits() | u32::from(info.mode);
    // SAFETY: numbers only.
    let id = sys::check(unsafe { libc::syscall(libc::SYS_semget, key, info.nsems, flags) })? as i32;
    if !info.values.is_empty() {
        // SAFETY: there are as many values as semaphores.
        sys::check(unsafe { libc::syscall(libc::SYS_semctl, id, 0, SETALL, info.values.as_ptr()) })?;
    }
    Ok(id)
}

/// What a call reads from user memory, as bytes.
pub fn memory(call: &SemCall) -> Payload {
    let bytes: Vec<u8> = match call {
        SemCall::Op { sops, .. } => sops.iter().flat_map(sembuf).collect(),
        SemCall::Ctl { cmd: SemCtl::SetAll(values), .. } => values.iter().flat_map(|n| n.to_ne_bytes()).collect(),
        _ => Vec::new(),
    };
    bytes[..].into()
}

/// `struct sembuf`
fn sembuf(sop: &SemBuf) -> [u8; 6] {
    let mut bytes = [0; 6];
    bytes[..2].copy_from_slice(&sop.sem_num.to_ne_bytes());
    bytes[2..4].copy_from_slice(&sop.sem_op.to_ne_bytes());
    bytes[4..].copy_from_slice(&sop.sem_flg.bits().to_ne_bytes());
    bytes
}

/// Makes a call on semaphore sets. `memory` is what [`memory`] says, before memory that cannot be read.
pub fn sem(call: &SemCall, numbers: &IpcNumbers, memory: *mut u8, unreadable: *mut u8) -> Return {
    let plain = |ret| Return { ret, data: Payload::new(), extra: SmallVec::new() };
    // SAFETY (all calls): pointers are to memory of the executor, deliberately to its guard, or to locals that live through the
    // call.
    match call {
        SemCall::Get { key, nsems, flags } => {
            // SAFETY: see above.
            plain(result(unsafe { libc::syscall(libc::SYS_semget, numbers.key(*key), *nsems, flags.bits()) }))
        }
        SemCall::Op { id, nsops, timeout, .. } => {
            let id = numbers.id(*id);
            let spec = |us: i64| libc::timespec {
                tv_sec: us.div_euclid(1_000_000),
                tv_nsec: us.rem_euclid(1_000_000) * 1_000,
            };
            let time;
            let timeout: *const libc::timespec = match timeout {
                SemTimeout::Never => {
                    // SAFETY: see above.
                    return plain(result(unsafe { libc::syscall(libc::SYS_semop, id, memory, *nsops) }));
                }
                SemTimeout::Null => std::ptr::null(),
                SemTimeout::Fault => unreadable.cast(),
                SemTimeout::After(us) => {
                    time = spec(*us);
                    &raw const time
                }
            };
            // SAFETY: see above.
            plain(result(unsafe { libc::syscall(libc::SYS_semtimedop, id, memory, *nsops, timeout) }))
        }
        SemCall::Ctl { id, cmd, null } => ctl(numbers.id(*id), cmd, *null, memory),
    }
}

fn ctl(id: i32, cmd: &SemCtl, null: bool, memory: *mut u8) -> Return {
    // SAFETY: all zero is a valid `semid_ds` and a valid `seminfo`.
    let (mut ds, mut info): (libc::semid_ds, libc::seminfo) = unsafe { std::mem::zeroed() };
    let mut values = vec![0u16; if *cmd == SemCtl::GetAll { 1 << 16 } else { 0 }];
    let stat: *mut libc::c_void = (&raw mut ds).cast();
    let none = std::ptr::null_mut();
    let (semnum, number, arg): (i32, i32, *mut libc::c_void) = match cmd {
        SemCtl::GetVal(semnum) => (*semnum, GETVAL, none),
        SemCtl::GetPid(semnum) => (*semnum, GETPID, none),
        SemCtl::GetNcnt(semnum) => (*semnum, GETNCNT, none),
        SemCtl::GetZcnt(semnum) => (*semnum, GETZCNT, none),
        SemCtl::GetAll => (0, GETALL, values.as_mut_ptr().cast()),
        SemCtl::SetVal { semnum, val } => (*semnum, SETVAL, *val as usize as *mut libc::c_void),
        SemCtl::SetAll(_) => (0, SETALL, memory.cast()),
        SemCtl::Rmid => (0, libc::IPC_RMID, none),
        SemCtl::Set(set) => {
            ds.sem_perm.uid = ipc::real_user(set.uid);
            ds.sem_perm.gid = ipc::real_user(set.gid);
            ds.sem_perm.mode = set.mode as _;
            (0, libc::IPC_SET, stat)
        }
        SemCtl::Stat => (0, libc::IPC_STAT, stat),
        SemCtl::SemStat => (0, SEM_STAT, stat),
        SemCtl::SemStatAny => (0, SEM_STAT_ANY, stat),
        SemCtl::Info => (0, libc::IPC_INFO, (&raw mut info).cast()),
        SemCtl::SemInfo => (0, SEM_INFO, (&raw mut info).cast()),
        SemCtl::Other(cmd) => (0, *cmd, stat),
    };
    let arg = if null { none } else { arg };
    // SAFETY: the locals live through the call; the memory of `SETALL` ends where it cannot be read.
    let ret = result(unsafe { libc::syscall(libc::SYS_semctl, id, semnum, number, arg) });
    let mut answer = Return { ret, data: Payload::new(), extra: SmallVec::new() };
    if answer.ret.is_ok() {
        match cmd {
            SemCtl::Stat | SemCtl::SemStat | SemCtl::SemStatAny => answer.extra = stat_fields(&ds),
            SemCtl::Info | SemCtl::SemInfo => {
                let numbers = [
                    info.semmap,
                    info.semmni,
                    info.semmns,
                    info.semmnu,
                    info.semmsl,
                    info.semopm,
                    info.semume,
                    info.semusz,
                    info.semvmx,
                    info.semaem,
                ];
                answer.extra = numbers.map(i64::from).into_iter().collect();
            }
            SemCtl::GetAll => {
                let nsems = nsems(id);
                answer.extra = values.iter().take(nsems).map(|&n| n.into()).collect();
            }
            _ => {}
        }
    }
    answer
}

/// How many semaphores a set has.
fn nsems(id: i32) -> usize {
    // SAFETY: all zero is a valid `semid_ds`.
    let mut ds: libc::semid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: `ds` lives through the call.
    let ret = sys::check(unsafe { libc::syscall(libc::SYS_semctl, id, 0, libc::IPC_STAT, &raw mut ds) });
    ret.map_or(0, |_| ds.sem_nsems as usize)
}

/// What `IPC_STAT` tells, in the order of [`STAT_FIELDS`](crate::kernel::ipc::sem::STAT_FIELDS).
fn stat_fields(ds: &libc::semid_ds) -> SmallVec<[i64; 2]> {
    let perm = &ds.sem_perm;
    smallvec![
        ipc::user_of_program(perm.uid),
        ipc::user_of_program(perm.gid),
        ipc::user_of_program(perm.cuid),
        ipc::user_of_program(perm.cgid),
        i64::from(perm.mode),
        ds.sem_nsems as i64,
        i64::from(ds.sem_otime != 0),
        i64::from(ds.sem_ctime != 0),
    ]
}

/// The number of the system call.
pub fn number(call: &SemCall) -> libc::c_long {
    match call {
        SemCall::Get { .. } => libc::SYS_semget,
        SemCall::Op { timeout: SemTimeout::Never, .. } => libc::SYS_semop,
        SemCall::Op { .. } => libc::SYS_semtimedop,
        SemCall::Ctl { .. } => libc::SYS_semctl,
    }
}

/// Every set of the namespace, or the declared ones only.
pub fn look(shared: &Shared, program: &Compiled, numbers: &IpcNumbers, all: bool) -> io::Result<Vec<IpcSeen>> {
    // SAFETY: all zero is a valid `semid_ds` and a valid `seminfo`.
    let (mut ds, mut info): (libc::semid_ds, libc::seminfo) = unsafe { std::mem::zeroed() };
    let call = |id: i32, semnum: usize, cmd: i32, arg: *mut libc::c_void| {
        // SAFETY: `arg` is what the command wants.
        sys::check(unsafe { libc::syscall(libc::SYS_semctl, id, semnum, cmd, arg) })
    };
    let highest = call(0, 0, SEM_INFO, (&raw mut info).cast())?;
    let mut seen = Vec::new();
    for index in 0..=highest as i32 {
        let stat: *mut libc::c_void = (&raw mut ds).cast();
        let Ok(id) = call(index, 0, SEM_STAT_ANY, stat).or_else(|_| call(index, 0, SEM_STAT, stat)) else { continue };
        let id = id as i32;
        let object = ipc_probe::declared(program, numbers, ObjectKind::Sem, id);
        if object.is_none() && !all {
            continue;
        }
        let mut fields = vec![(ObjectField::Id, i64::from(id))];
        for (name, value) in crate::kernel::ipc::sem::STAT_FIELDS.iter().zip(stat_fields(&ds)) {
            let field = ObjectField::ALL.iter().find(|(other, ..)| other == name).map(|&(_, field, _)| field);
            fields.extend(field.map(|field| (field, value)));
        }
        let none = std::ptr::null_mut();
        let sem = |semnum: usize| {
            let pid = call(id, semnum, GETPID, none)?;
            let pid = ipc::task_of(shared, program.tasks.len(), pid as i32);
            io::Result::Ok([
                call(id, semnum, GETVAL, none)?,
                pid,
                call(id, semnum, GETNCNT, none)?,
                call(id, semnum, GETZCNT, none)?,
            ])
        };
        let sems = (0..ds.sem_nsems as usize).map(sem).collect::<io::Result<_>>()?;
        seen.push(IpcSeen { kind: IpcKind::Sem, object, fields, messages: Vec::new(), sems });
    }
    Ok(seen)
}
