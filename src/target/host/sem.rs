//! Semaphore sets: declared ones, calls, and what a probe sees.

use super::{
    calls::{plain, result},
    ipc::{create_flags, perm_fields, set_perm, task_of},
    ipc_probe::Namespace,
    shared::Shared,
    sys,
};
use crate::{
    kernel::{IpcKind, Payload, Return, SemBuf, SemCall, SemCtl, SemTimeout, ipc::sem::STAT_FIELDS},
    program::{
        IpcInfo, IpcNumbers,
        constants::{
            GETALL, GETNCNT, GETPID, GETVAL, GETZCNT, IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT, SEM_INFO, SEM_STAT,
            SEM_STAT_ANY, SETALL, SETVAL,
        },
        syntax::ObjectKind,
    },
    target::IpcSeen,
};
use smallvec::SmallVec;
use std::io;

/// Makes a declared set; its id.
pub fn create(info: &IpcInfo, key: i32) -> io::Result<i32> {
    // SAFETY: numbers only.
    let id = sys::check(unsafe { libc::syscall(libc::SYS_semget, key, info.nsems, create_flags(info)) })? as i32;
    if !info.values.is_empty() {
        // SAFETY: there are as many values as semaphores.
        sys::check(unsafe { libc::syscall(libc::SYS_semctl, id, 0, SETALL, info.values.as_ptr()) })?;
    }
    Ok(id)
}

/// A pid in the answer of a call becomes a task.
pub fn name_pids(shared: &Shared, tasks: usize, call: &SemCall, ret: &mut Return) {
    if let (SemCall::Ctl { cmd: SemCtl::GetPid(_), .. }, Ok(pid)) = (call, &mut ret.ret) {
        *pid = task_of(shared, tasks, *pid as i32);
    }
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
pub fn make(call: &SemCall, numbers: &IpcNumbers, memory: *mut u8, unreadable: *mut u8) -> Return {
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
    let (semnum, number, arg): (i32, i64, *mut libc::c_void) = match cmd {
        SemCtl::GetVal(semnum) => (*semnum, GETVAL, none),
        SemCtl::GetPid(semnum) => (*semnum, GETPID, none),
        SemCtl::GetNcnt(semnum) => (*semnum, GETNCNT, none),
        SemCtl::GetZcnt(semnum) => (*semnum, GETZCNT, none),
        SemCtl::GetAll => (0, GETALL, values.as_mut_ptr().cast()),
        SemCtl::SetVal { semnum, val } => (*semnum, SETVAL, *val as usize as *mut libc::c_void),
        SemCtl::SetAll(_) => (0, SETALL, memory.cast()),
        SemCtl::Rmid => (0, IPC_RMID, none),
        SemCtl::Set(set) => {
            set_perm(&mut ds.sem_perm, set);
            (0, IPC_SET, stat)
        }
        SemCtl::Stat => (0, IPC_STAT, stat),
        SemCtl::SemStat => (0, SEM_STAT, stat),
        SemCtl::SemStatAny => (0, SEM_STAT_ANY, stat),
        SemCtl::Info => (0, IPC_INFO, (&raw mut info).cast()),
        SemCtl::SemInfo => (0, SEM_INFO, (&raw mut info).cast()),
        SemCtl::Other(cmd) => (0, (*cmd).into(), stat),
    };
    let arg = if null { none } else { arg };
    // SAFETY: the locals live through the call; the memory of `SETALL` ends where it cannot be read.
    let ret = result(unsafe { libc::syscall(libc::SYS_semctl, id, semnum, number, arg) });
    let mut answer = plain(ret);
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

/// What `IPC_STAT` tells, in the order of [`STAT_FIELDS`].
fn stat_fields(ds: &libc::semid_ds) -> SmallVec<[i64; 2]> {
    let of_set = [ds.sem_nsems as i64, i64::from(ds.sem_otime != 0), i64::from(ds.sem_ctime != 0)];
    perm_fields(&ds.sem_perm).into_iter().chain(of_set).collect()
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
pub fn look(namespace: &Namespace) -> io::Result<Vec<IpcSeen>> {
    // SAFETY: all zero is a valid `semid_ds` and a valid `seminfo`.
    let (mut ds, mut info): (libc::semid_ds, libc::seminfo) = unsafe { std::mem::zeroed() };
    let call = |id: i32, semnum: usize, cmd: i64, arg: *mut libc::c_void| {
        // SAFETY: `arg` is what the command wants.
        sys::check(unsafe { libc::syscall(libc::SYS_semctl, id, semnum, cmd, arg) })
    };
    let highest = call(0, 0, SEM_INFO, (&raw mut info).cast())?;
    let mut seen = Vec::new();
    for index in 0..=highest as i32 {
        let stat: *mut libc::c_void = (&raw mut ds).cast();
        let Ok(id) = call(index, 0, SEM_STAT_ANY, stat).or_else(|_| call(index, 0, SEM_STAT, stat)) else { continue };
        let id = id as i32;
        let Some(object) = namespace.shows(ObjectKind::Sem, id) else { continue };
        let fields = namespace.fields(id, &STAT_FIELDS, &stat_fields(&ds));
        let ask = |semnum, cmd| call(id, semnum, cmd, std::ptr::null_mut());
        let sem = |semnum| {
            let pid = namespace.task_of(ask(semnum, GETPID)? as i32);
            io::Result::Ok([ask(semnum, GETVAL)?, pid, ask(semnum, GETNCNT)?, ask(semnum, GETZCNT)?])
        };
        let sems = (0..ds.sem_nsems as usize).map(sem).collect::<io::Result<_>>()?;
        seen.push(IpcSeen { kind: IpcKind::Sem, object, fields, messages: Vec::new(), sems });
    }
    Ok(seen)
}
