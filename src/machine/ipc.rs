//! What System V objects show: to conditions, and to the probes that a real kernel is asked with.

use crate::{
    kernel::{Env, IpcKind, IpcSlot, Kernel},
    program::ObjectField,
};

/// The fields of a kind of objects, in the order in which they are told.
pub fn ipc_fields(kind: IpcKind) -> &'static [ObjectField] {
    use ObjectField::*;
    match kind {
        IpcKind::Msg => &[Id, Uid, Gid, Cuid, Cgid, Mode, Cbytes, Qnum, Qbytes, Lspid, Lrpid, Stime, Rtime],
        IpcKind::Sem => &[Id, Uid, Gid, Cuid, Cgid, Mode, Nsems, Otime],
        IpcKind::Shm => &[Id, Uid, Gid, Cuid, Cgid, Mode, Segsz, Nattch, Cpid, Lpid, Atime, Dtime],
    }
}

/// A field of the object at a place, if it has this field.
pub fn ipc_field(k: &Kernel, kind: IpcKind, slot: IpcSlot, field: ObjectField) -> Option<i64> {
    let perm = k.ipc_perm(kind, slot);
    Some(match (kind, field) {
        (_, ObjectField::Id) => perm.id.into(),
        (_, ObjectField::Uid) => perm.uid.into(),
        (_, ObjectField::Gid) => perm.gid.into(),
        (_, ObjectField::Cuid) => perm.cuid.into(),
        (_, ObjectField::Cgid) => perm.cgid.into(),
        (_, ObjectField::Mode) => perm.mode.into(),
        (IpcKind::Msg, field) => {
            let msq = k.msq(slot);
            match field {
                ObjectField::Qnum => msq.q_qnum as i64,
                ObjectField::Cbytes => msq.q_cbytes as i64,
                ObjectField::Qbytes => msq.q_qbytes as i64,
                ObjectField::Lspid => msq.q_lspid.number(),
                ObjectField::Lrpid => msq.q_lrpid.number(),
                ObjectField::Stime => msq.q_stime.into(),
                ObjectField::Rtime => msq.q_rtime.into(),
                _ => return None,
            }
        }
        (IpcKind::Sem, ObjectField::Nsems) => k.sem_array(slot).nsems() as i64,
        (IpcKind::Sem, ObjectField::Otime) => k.sem_array(slot).sem_otime().into(),
        (IpcKind::Shm, field) => {
            let shm = k.shmid(slot);
            match field {
                ObjectField::Segsz => shm.shm_segsz as i64,
                ObjectField::Nattch => shm.shm_nattch.into(),
                ObjectField::Cpid => shm.shm_cprid.number(),
                ObjectField::Lpid => shm.shm_lprid.number(),
                ObjectField::Atime => shm.shm_atim.into(),
                ObjectField::Dtime => shm.shm_dtim.into(),
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// A field of a semaphore of the set at a place, if the set has this semaphore.
pub fn sem_field(env: &Env, k: &Kernel, slot: IpcSlot, semnum: u16, field: ObjectField) -> Option<i64> {
    if usize::from(semnum) >= k.sem_array(slot).nsems() {
        return None;
    }
    let sem = k.sem(slot, semnum);
    Some(match field {
        ObjectField::Val => sem.semval.into(),
        ObjectField::Pid => sem.sempid.number(),
        ObjectField::Ncnt => k.semcnt(env, slot, semnum, false) as i64,
        ObjectField::Zcnt => k.semcnt(env, slot, semnum, true) as i64,
        _ => return None,
    })
}
