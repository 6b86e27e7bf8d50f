//! Calls on semaphore sets, with the names of the program.

use super::{
    strace::Caller,
    strace_ipc::{get_flags, id_name, key_name},
};
use crate::{
    kernel::{IpcId, IpcKind, Return, SemBuf, SemCall, SemCtl, SemTimeout},
    program::{CallResult, Value},
};

/// The arguments of a call on semaphore sets.
pub(super) fn sem(caller: &Caller, call: &SemCall) -> Vec<String> {
    match call {
        SemCall::Get { key, nsems, flags } => vec![key_name(caller, *key), nsems.to_string(), get_flags(*flags)],
        SemCall::Op { id, sops, nsops, timeout } => {
            let missing = sops.is_empty() && *nsops > 0;
            let list = if missing { "FAULT".into() } else { sops_text(sops) };
            let mut args = vec![id_name(caller, IpcKind::Sem, *id), list];
            let counted = if missing { 1 } else { sops.len() as u32 };
            args.extend((*nsops != counted).then(|| format!("nsops: {nsops}")));
            args.extend(match timeout {
                SemTimeout::Never => None,
                SemTimeout::Null => Some("timeout: none".into()),
                SemTimeout::Fault => Some("timeout: FAULT".into()),
                SemTimeout::After(us) if us % 1000 == 0 && *us != 0 => Some(format!("timeout: {} ms", us / 1000)),
                SemTimeout::After(us) => Some(format!("timeout: {us} us")),
            });
            args
        }
        SemCall::Ctl { id, cmd, null } => {
            let (semnum, mut rest) = ctl(cmd);
            let mut args = vec![id_name(caller, IpcKind::Sem, *id), semnum.to_string()];
            if *null {
                rest.insert(1, "none".into());
            }
            args.append(&mut rest);
            args
        }
    }
}

/// Which semaphore a command is for, and what follows.
fn ctl(cmd: &SemCtl) -> (i32, Vec<String>) {
    let plain = |semnum: i32, name: &str| (semnum, vec![name.to_string()]);
    match cmd {
        SemCtl::GetVal(semnum) => plain(*semnum, "GETVAL"),
        SemCtl::GetPid(semnum) => plain(*semnum, "GETPID"),
        SemCtl::GetNcnt(semnum) => plain(*semnum, "GETNCNT"),
        SemCtl::GetZcnt(semnum) => plain(*semnum, "GETZCNT"),
        SemCtl::GetAll => plain(0, "GETALL"),
        SemCtl::SetVal { semnum, val } => (*semnum, vec!["SETVAL".into(), val.to_string()]),
        SemCtl::SetAll(values) if values.is_empty() => (0, vec!["SETALL".into(), "FAULT".into()]),
        SemCtl::SetAll(values) => (0, vec!["SETALL".into(), format!("{:?}", &values[..])]),
        SemCtl::Rmid => plain(0, "IPC_RMID"),
        SemCtl::Set(set) => {
            let mode = format!("mode: 0{:o}", set.mode);
            (0, vec!["IPC_SET".into(), format!("uid: {}", set.uid), format!("gid: {}", set.gid), mode])
        }
        SemCtl::Stat => plain(0, "IPC_STAT"),
        SemCtl::SemStat => plain(0, "SEM_STAT"),
        SemCtl::SemStatAny => plain(0, "SEM_STAT_ANY"),
        SemCtl::Info => plain(0, "IPC_INFO"),
        SemCtl::SemInfo => plain(0, "SEM_INFO"),
        SemCtl::Other(cmd) => (0, vec![cmd.to_string()]),
    }
}

/// `[0:-1 undo, 1:+1]`
pub(super) fn sops_text(sops: &[SemBuf]) -> String {
    let text = |sop: &SemBuf| {
        let sign = if sop.sem_op > 0 { "+" } else { "" };
        let undo = if sop.undo() { " undo" } else { "" };
        let nowait = if sop.nowait() { " nowait" } else { "" };
        format!("{}:{sign}{}{undo}{nowait}", sop.sem_num, sop.sem_op)
    };
    format!("[{}]", sops.iter().map(text).collect::<Vec<_>>().join(", "))
}

/// What follows a call on semaphore sets that did not fail.
pub(super) fn result(caller: &Caller, call: &SemCall, ret: &Return) -> String {
    match (call, ret.ret) {
        (SemCall::Get { .. }, Ok(id)) => {
            format!("= {}", id_name(caller, IpcKind::Sem, IpcId::Number(id as i32)))
        }
        (SemCall::Ctl { cmd: SemCtl::GetPid(_), .. }, Ok(pid)) => {
            let task = usize::try_from(pid - 1).ok().and_then(|task| caller.machine.program.tasks.get(task));
            task.map_or_else(|| format!("= {pid}"), |task| format!("= {pid}<{}>", task.name))
        }
        _ => format!("= {}", Value::Result(Box::new(CallResult::new(call.kind(), ret)))),
    }
}
