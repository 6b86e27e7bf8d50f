//! Calls on shared memory.

use super::{
    calls::result,
    ipc::{real_user, task_of, user_of_program},
    memory,
    shared::Shared,
    sys,
};
use crate::{
    kernel::{
        Addr, IpcFlags, MMAP_BASE, PAGE_SIZE, Payload, Return, ShmCall, ShmCtl,
        ipc::shm::{STAT_FIELDS, STAT_PIDS},
    },
    program::{IpcInfo, IpcNumbers},
};
use smallvec::{SmallVec, smallvec};
use std::io;

const SHM_LOCK: i32 = 11;
const SHM_UNLOCK: i32 = 12;
const SHM_STAT: i32 = 13;
const SHM_INFO: i32 = 14;
const SHM_STAT_ANY: i32 = 15;

/// Makes a declared segment; its id.
pub fn create(info: &IpcInfo, key: i32, size: u64) -> io::Result<i32> {
    let flags = IpcFlags::IPC_CREAT.bits() | IpcFlags::IPC_EXCL.bits() | u32::from(info.mode);
    // SAFETY: numbers only.
    sys::check(unsafe { libc::syscall(libc::SYS_shmget, key, size, flags) }).map(|id| id as i32)
}

/// Pids in the answer of a call become tasks.
pub fn name_pids(shared: &Shared, tasks: usize, ret: &mut Return) {
    if ret.extra.len() == STAT_FIELDS.len() {
        name(shared, tasks, &mut ret.extra);
    }
}

fn name(shared: &Shared, tasks: usize, fields: &mut [i64]) {
    for i in STAT_PIDS {
        // Declared segments are made by nobody whom the program knows.
        fields[i] = task_of(shared, tasks, fields[i] as i32).max(0);
    }
}

/// Makes a call on shared memory.
pub fn make(call: &ShmCall, numbers: &IpcNumbers) -> Return {
    let plain = |ret| Return { ret, data: Payload::new(), extra: SmallVec::new() };
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
    let (number, buffer): (i32, *mut libc::c_void) = match cmd {
        ShmCtl::Rmid => (libc::IPC_RMID, std::ptr::null_mut()),
        ShmCtl::Set(set) => {
            ds.shm_perm.uid = real_user(set.uid);
            ds.shm_perm.gid = real_user(set.gid);
            ds.shm_perm.mode = set.mode as _;
            (libc::IPC_SET, (&raw mut ds).cast())
        }
        ShmCtl::Stat => (libc::IPC_STAT, (&raw mut ds).cast()),
        ShmCtl::ShmStat => (SHM_STAT, (&raw mut ds).cast()),
        ShmCtl::ShmStatAny => (SHM_STAT_ANY, (&raw mut ds).cast()),
        ShmCtl::Info => (libc::IPC_INFO, (&raw mut limits).cast()),
        ShmCtl::ShmInfo => (SHM_INFO, (&raw mut used).cast()),
        ShmCtl::Lock => (SHM_LOCK, std::ptr::null_mut()),
        ShmCtl::Unlock => (SHM_UNLOCK, std::ptr::null_mut()),
        ShmCtl::Other(cmd) => (*cmd, (&raw mut ds).cast()),
    };
    let buffer = if null { std::ptr::null_mut() } else { buffer };
    // SAFETY: the buffers live through the call.
    let ret = result(unsafe { libc::syscall(libc::SYS_shmctl, id, number, buffer) });
    let mut answer = Return { ret, data: Payload::new(), extra: SmallVec::new() };
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
    let perm = &ds.shm_perm;
    smallvec![
        user_of_program(perm.uid),
        user_of_program(perm.gid),
        user_of_program(perm.cuid),
        user_of_program(perm.cgid),
        i64::from(perm.mode),
        ds.shm_segsz as i64,
        ds.shm_nattch as i64,
        i64::from(ds.shm_cpid),
        i64::from(ds.shm_lpid),
        i64::from(ds.shm_atime != 0),
        i64::from(ds.shm_dtime != 0),
        i64::from(ds.shm_ctime != 0),
    ]
}

/// In the controller: every segment of the namespace, with its id and what `IPC_STAT` tells, pids as tasks. Nobody can notice it.
pub fn look(shared: &Shared, tasks: usize) -> io::Result<Vec<(i32, SmallVec<[i64; 2]>)>> {
    // SAFETY: all zero is a valid `shmid_ds`.
    let mut ds: libc::shmid_ds = unsafe { std::mem::zeroed() };
    let mut used = ShmUse::default();
    // SAFETY: `used` lives through the call.
    let highest = sys::check(unsafe { libc::syscall(libc::SYS_shmctl, 0, SHM_INFO, &raw mut used) })?;
    let mut seen = Vec::new();
    for index in 0..=highest {
        for cmd in [SHM_STAT_ANY, SHM_STAT] {
            // SAFETY: `ds` lives through the call.
            if let Ok(id) = sys::check(unsafe { libc::syscall(libc::SYS_shmctl, index, cmd, &raw mut ds) }) {
                let mut fields = stat(&ds);
                name(shared, tasks, &mut fields);
                seen.push((id as i32, fields));
                break;
            }
        }
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
