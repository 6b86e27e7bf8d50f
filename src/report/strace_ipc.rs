//! Calls of System V IPC and their results, with the names of the program.

use super::strace::{Caller, data};
use crate::{
    kernel::{CallKind, IpcFlags, IpcId, IpcKey, IpcKind, MsgCall, MsgCtl, Return},
    program::{CallResult, Value, constants},
};

/// The arguments of a call on message queues.
pub(super) fn msg(caller: &Caller, call: &MsgCall) -> Vec<String> {
    match call {
        MsgCall::Get { key, flags } => vec![key_name(caller, *key), get_flags(*flags)],
        MsgCall::Snd { id, mtype, size, text, flags } => {
            let mtype = mtype.map_or("FAULT".into(), mtype_name);
            let mut args = vec![id_name(caller, IpcKind::Msg, *id), mtype, data(text)];
            args.extend((!flags.is_empty()).then(|| constants::flags(*flags)));
            args.extend((*size != i64::from(text.len())).then(|| format!("size: {size}")));
            args
        }
        MsgCall::Rcv { id, size, mtype, fault, flags } => {
            let mut args = vec![id_name(caller, IpcKind::Msg, *id), size.to_string(), mtype_name(*mtype)];
            args.extend((!flags.is_empty()).then(|| constants::flags(*flags)));
            args.extend(fault.map(|fault| format!("fault: {fault}")));
            args
        }
        MsgCall::Ctl { id, cmd, null } => {
            let mut args = vec![id_name(caller, IpcKind::Msg, *id)];
            args.extend(match cmd {
                MsgCtl::Rmid => vec!["IPC_RMID".into()],
                MsgCtl::Set { set, qbytes } => vec![
                    "IPC_SET".into(),
                    format!("uid: {}", set.uid),
                    format!("gid: {}", set.gid),
                    format!("mode: {:#o}", set.mode).replace("0o", "0"),
                    format!("qbytes: {qbytes}"),
                ],
                MsgCtl::Stat => vec!["IPC_STAT".into()],
                MsgCtl::MsgStat => vec!["MSG_STAT".into()],
                MsgCtl::MsgStatAny => vec!["MSG_STAT_ANY".into()],
                MsgCtl::Info => vec!["IPC_INFO".into()],
                MsgCtl::MsgInfo => vec!["MSG_INFO".into()],
                MsgCtl::Other(cmd) => vec![cmd.to_string()],
            });
            if *null {
                args.insert(2, "none".into());
            }
            args
        }
    }
}

/// What follows a call on message queues that did not fail.
pub(super) fn result(caller: &Caller, call: &MsgCall, ret: &Return) -> String {
    let value = Value::Result(Box::new(CallResult::new(call.kind(), ret)));
    match (call.kind(), ret.ret) {
        (CallKind::Msgget, Ok(id)) => {
            format!("= {}", id_name(caller, IpcKind::Msg, IpcId::Number(id as i32)))
        }
        _ => format!("= {value}"),
    }
}

fn mtype_name(mtype: i64) -> String {
    match mtype {
        i64::MIN => "LONG_MIN".into(),
        i64::MAX => "LONG_MAX".into(),
        _ => mtype.to_string(),
    }
}

fn get_flags(flags: IpcFlags) -> String {
    let mode = format!("0{:o}", flags.mode());
    let rest = IpcFlags::from_bits_retain(flags.bits() & !0o777);
    match (rest.is_empty(), flags.mode()) {
        (true, 0) => "0".into(),
        (true, _) => mode,
        (false, 0) => constants::flags(rest),
        (false, _) => format!("{} | {mode}", constants::flags(rest)),
    }
}

/// `q`, or the number of an object that the program made: `32768`, and `q<0>` for the number of a declared one.
fn id_name(caller: &Caller, kind: IpcKind, id: IpcId) -> String {
    let objects = &caller.machine.program.objects;
    match id {
        IpcId::Declared(object) => objects.get(object as usize).map_or_else(|| "?".into(), |o| o.name.clone()),
        IpcId::Number(id) => {
            let of = |&(i, object): &(usize, &crate::program::ObjectInfo)| {
                object.kind.ipc() == Some(kind) && caller.state.kernel.ipc_declared(i as u16) == id
            };
            objects.iter().enumerate().find(of).map_or_else(|| id.to_string(), |(_, o)| format!("{id}<{}>", o.name))
        }
    }
}

fn key_name(caller: &Caller, key: IpcKey) -> String {
    match key {
        IpcKey::Declared(object) => {
            caller.machine.program.objects.get(object as usize).map_or_else(|| "?".into(), |o| o.name.clone())
        }
        IpcKey::Number(0) => "IPC_PRIVATE".into(),
        IpcKey::Number(key) => format!("{key:#x}"),
    }
}
