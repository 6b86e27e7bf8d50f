//! Calls on shared memory.

use super::{
    calls::{plain, result},
    ipc::{create_flags, perm_fields, set_perm, task_of},
    ipc_probe::Namespace,
    memory,
    shared::Shared,
    sys,
};
use crate::{
    kernel::{
        Addr, IpcKind, MMAP_BASE, PAGE_SIZE, Return, ShmCall, ShmCtl,
        ipc::shm::{STAT_FIELDS, STAT_PIDS},
    },
    program::{
        IpcInfo, IpcNumbers,
        constants::{IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT, SHM_INFO, SHM_LOCK, SHM_STAT, SHM_STAT_ANY, SHM_UNLOCK},
        syntax::ObjectKind,
    },
    target::IpcSeen,
};
use smallvec::{SmallVec, smallvec};
use std::io;

/// Makes a declared segment; its id.
pub fn create(info: &IpcInfo, key: i32, size: u64) -> io::Result<i32> {
    // SAFETY: numbers only.
    sys::check(unsafe { libc::syscall(libc::SYS_shmget, key, size, create_flags(info)) }).map(|id| id as i32)
}

/// Pids in the answer of a call become tasks.
pub fn name_pids(shared: &Shared, tasks: usize, ret: &mut Return) {
    if ret.extra.len() == STAT_FIELDS.len() {
        name(&mut ret.extra, |pid| task_of(shared, tasks, pid));
    }
}

fn name(fields: &mut [i64], task_of: impl Fn(i32) -> i64) {
    for i in STAT_PIDS {
        // Declared segments are made by nobody whom the program knows.
        fields[i] = task_of(fields[i] as i32).max(0);
    }
}

/// Makes a call on shared memory.
pub fn make(call: &ShmCall, numbers: &IpcNumbers) -> Return {
    match call {
        ShmCall::Get { key, size, flags } => {
            // SAFETY: numbers only.
            plain(result(unsafe { libc::syscall(libc::SYS_shmget, numbers.key(*key), *size, flags.bits()) }))
        }
        ShmCall::At { id, addr, flags } => {
            let id = numbers.id(*id);
            let wanted = if *addr == 0 { 0 } else { memory::real(*addr) };
            // SAFETY: the program asks for the mapping, and if it replaces something, that is a segment: the places where the
            // tool's own memory is are none that a program can name.
            let ret = result(unsafe { libc::syscall(libc::SYS_shmat, id, wanted, flags.bits()) });
            plain(ret.map(|base| placed(id, *addr, base)))
        }
        ShmCall::Dt { addr } => {
            // SAFETY: only segments are unmapped, and only cells refer to them.
            let ret = result(unsafe { libc::syscall(libc::SYS_shmdt, memory::real(*addr)) });
            if ret.is_ok() {
                memory::forget(*addr);
            }
            plain(ret)
        }
        ShmCall::Ctl { id, cmd, null } => ctl(numbers.id(*id), cmd, *null),
    }
}

/// The address of a new mapping as the program knows it.
fn placed(id: i32, wanted: Addr, base: i64) -> i64 {
    match wanted {
        0 => memory::note(id, base as usize).unwrap_or(base),
        _ if wanted >= MMAP_BASE => {
            let rounded = wanted - wanted % Addr::from(PAGE_SIZE);
            memory::replace(rounded, id);
            rounded
        }
        _ => base,
    }
}

/// `struct shminfo`
#[repr(C)]
#[derive(Default)]
struct ShmLimits {
    numbers: [u64; 5],
    unused: [u64; 4],
}

/// `struct shm_info`
#[repr(C)]
#[derive(Default)]
struct ShmUse {
    used_ids: i32,
    numbers: [u64; 5],
}

fn ctl(id: i32, cmd: &ShmCtl, null: bool) -> Return {
    // SAFETY: all zero is a valid `shmid_ds`.
    let mut ds: libc::shmid_ds = unsafe { std::mem::zeroed() };
    let (mut limits, mut used) = (ShmLimits::default(), ShmUse::default());
    let (number, buffer): (i64, *mut libc::c_void) = match cmd {
        ShmCtl::Rmid => (IPC_RMID, std::ptr::null_mut()),
        ShmCtl::Set(set) => {
            set_perm(&mut ds.shm_perm, set);
            (IPC_SET, (&raw mut ds).cast())
        }
        ShmCtl::Stat => (IPC_STAT, (&raw mut ds).cast()),
        ShmCtl::ShmStat => (SHM_STAT, (&raw mut ds).cast()),
        ShmCtl::ShmStatAny => (SHM_STAT_ANY, (&raw mut ds).cast()),
        ShmCtl::Info => (IPC_INFO, (&raw mut limits).cast()),
        ShmCtl::ShmInfo => (SHM_INFO, (&raw mut used).cast()),
        ShmCtl::Lock => (SHM_LOCK, std::ptr::null_mut()),
        ShmCtl::Unlock => (SHM_UNLOCK, std::ptr::null_mut()),
        ShmCtl::Other(cmd) => ((*cmd).into(), (&raw mut ds).cast()),
    };
    let buffer = if null { std::ptr::null_mut() } else { buffer };
    // SAFETY: the buffers live through the call.
    let ret = result(unsafe { libc::syscall(libc::SYS_shmctl, id, number, buffer) });
    let mut answer = plain(ret);
    if answer.ret.is_ok() {
        match cmd {
            ShmCtl::Stat | ShmCtl::ShmStat | ShmCtl::ShmStatAny => answer.extra = stat(&ds),
            ShmCtl::Info => answer.extra = limits.numbers.iter().map(|&n| n as i64).collect(),
            ShmCtl::ShmInfo => answer.extra = smallvec![used.used_ids.into(), used.numbers[0] as i64],
            _ => {}
        }
    }
    answer
}

/// What `IPC_STAT` tells, in the order of [`STAT_FIELDS`]; pids are still numbers.
fn stat(ds: &libc::shmid_ds) -> SmallVec<[i64; 2]> {
    let of_segment = [
        ds.shm_segsz as i64,
        ds.shm_nattch as i64,
        i64::from(ds.shm_cpid),
        i64::from(ds.shm_lpid),
        i64::from(ds.shm_atime != 0),
        i64::from(ds.shm_dtime != 0),
        i64::from(ds.shm_ctime != 0),
    ];
    perm_fields(&ds.shm_perm).into_iter().chain(of_segment).collect()
}

/// Every segment of the namespace, or the declared ones only.
pub fn look(namespace: &Namespace) -> io::Result<Vec<IpcSeen>> {
    // SAFETY: all zero is a valid `shmid_ds`.
    let mut ds: libc::shmid_ds = unsafe { std::mem::zeroed() };
    let mut used = ShmUse::default();
    let call = |index: i64, cmd: i64, buffer: *mut libc::c_void| {
        // SAFETY: `buffer` is what the command wants.
        sys::check(unsafe { libc::syscall(libc::SYS_shmctl, index, cmd, buffer) })
    };
    let mut seen = Vec::new();
    for index in 0..=call(0, SHM_INFO, (&raw mut used).cast())? {
        let stat_buffer: *mut libc::c_void = (&raw mut ds).cast();
        let found = call(index, SHM_STAT_ANY, stat_buffer).or_else(|_| call(index, SHM_STAT, stat_buffer));
        let Ok(id) = found else { continue };
        let Some(object) = namespace.shows(ObjectKind::Shm, id as i32) else { continue };
        let mut fields = stat(&ds);
        name(&mut fields, |pid| namespace.task_of(pid));
        let fields = namespace.fields(id as i32, &STAT_FIELDS, &fields);
        seen.push(IpcSeen { kind: IpcKind::Shm, object, fields, messages: Vec::new(), sems: Vec::new() });
    }
    Ok(seen)
}

/// The number of the system call.
pub fn number(call: &ShmCall) -> libc::c_long {
    match call {
        ShmCall::Get { .. } => libc::SYS_shmget,
        ShmCall::At { .. } => libc::SYS_shmat,
        ShmCall::Dt { .. } => libc::SYS_shmdt,
        ShmCall::Ctl { .. } => libc::SYS_shmctl,
    }
}
