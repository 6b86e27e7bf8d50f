//! What System V objects show: to conditions, and to the probes that a real kernel is asked with.

use crate::{
    kernel::{IpcKind, IpcSlot, Kernel},
    program::ObjectField,
};

/// The fields of a kind of objects, in the order in which they are told.
pub fn ipc_fields(kind: IpcKind) -> &'static [ObjectField] {
    use ObjectField::*;
    match kind {
        IpcKind::Msg => &[Id, Uid, Gid, Cuid, Cgid, Mode, Cbytes, Qnum, Qbytes, Lspid, Lrpid, Stime, Rtime],
        IpcKind::Sem | IpcKind::Shm => &[Id, Uid, Gid, Cuid, Cgid, Mode],
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
        _ => return None,
    })
}
