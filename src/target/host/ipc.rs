//! What System V objects have in common: a namespace for each run, users, permissions, pids.

use super::{shared::Shared, sys};
use crate::{
    kernel::{IpcFlags, IpcSet, Pid},
    program::IpcInfo,
    target::Stage,
};
use std::sync::atomic::Ordering;

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

/// The task with this thread id, as the program counts: 0 for nobody, -1 for somebody else.
pub fn task_of(shared: &Shared, tasks: usize, tid: i32) -> i64 {
    if tid == 0 {
        return 0;
    }
    let task = (0..tasks).find(|&task| shared.slot(task).tid.load(Ordering::Acquire) as i32 == tid);
    task.map_or(-1, |task| Pid::of(task as u16).number())
}

/// The flags with which a declared object is made.
pub fn create_flags(info: &IpcInfo) -> u32 {
    (IpcFlags::IPC_CREAT | IpcFlags::IPC_EXCL).bits() | u32::from(info.mode)
}

/// What `IPC_SET` passes.
pub fn set_perm(perm: &mut libc::ipc_perm, set: &IpcSet) {
    perm.uid = real_user(set.uid);
    perm.gid = real_user(set.gid);
    perm.mode = set.mode as _;
}

/// What `IPC_STAT` tells first of every object: owner, group, who made it, and its permissions, as in the program.
pub fn perm_fields(perm: &libc::ipc_perm) -> [i64; 5] {
    let [uid, gid, cuid, cgid] = [perm.uid, perm.gid, perm.cuid, perm.cgid].map(user_of_program);
    [uid, gid, cuid, cgid, perm.mode.into()]
}
