//! What the `with` lines and the options of objects say.

use super::{
    expr::{Scope, Translator},
    names::{Entity, Names},
};
use crate::kernel::{OpenFlags, Payload};
use crate::program::{
    ExprCode, IpcInfo, ObjectInfo, Problem, Settings, Value, did_you_mean,
    syntax::{Arg, Expr, ExprKind, Ident, Item, Object, ObjectKind, Program, Setting},
};

/// Limits that a test can set.
const LIMITS: [&str; 8] = [
    "fs.pipe-max-size",
    "fs.pipe-user-pages-soft",
    "fs.pipe-user-pages-hard",
    "nofile",
    "sigpending",
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
];
/// Capabilities that make a difference.
const CAPABILITIES: [&str; 4] = ["CAP_SYS_RESOURCE", "CAP_SYS_ADMIN", "CAP_KILL", "CAP_IPC_OWNER"];

pub(super) fn settings(program: &Program, names: &Names, problems: &mut Vec<Problem>) -> Settings {
    let mut settings = Settings::default();
    for item in &program.items {
        let Item::With(written) = item else { continue };
        for setting in written {
            match setting {
                Setting::Set { name, value } => {
                    known("setting", name, &LIMITS, problems);
                    if let Some(n) = constant(names, value, u64::MAX, problems) {
                        settings.limits.push((name.name.clone(), n));
                    }
                }
                Setting::Cap(name) => {
                    known("capability", name, &CAPABILITIES, problems);
                    settings.caps.push(name.name.clone());
                }
                Setting::Kernel { range, .. } => settings.kernel = *range,
                Setting::Quirk(name) => settings.quirks.push(name.name.clone()),
            }
        }
    }
    settings
}

fn known(what: &str, ident: &Ident, names: &[&str], problems: &mut Vec<Problem>) {
    if !names.contains(&ident.name.as_str()) {
        let help = did_you_mean(&ident.name, names.iter().copied());
        let help = help.unwrap_or_else(|| format!("known are {}", names.join(", ")));
        problems.push(
            Problem::new(format!("unknown {what} `{}`", ident.name), ident.span, format!("no {what}")).help(help),
        );
    }
}

/// A constant from 0 to `max`.
fn constant(names: &Names, e: &Expr, max: u64, problems: &mut Vec<Problem>) -> Option<u64> {
    let mut t = Translator { names, scope: Scope::Nothing, problems };
    let code = t.number(e)?;
    let value = match code {
        ExprCode::Const(Value::Int(n)) => u64::try_from(n).ok(),
        _ => None,
    };
    value
        .filter(|n| *n <= max)
        .or_else(|| t.report(Problem::new("out of range", e.span, format!("not from 0 to {max}"))))
}

/// What a file begins with: a constant string.
fn bytes(names: &Names, e: &Expr, problems: &mut Vec<Problem>) -> Option<Payload> {
    /// Longer files would not be shown.
    const MOST: u32 = crate::kernel::SHOWN as u32;
    let mut t = Translator { names, scope: Scope::Nothing, problems };
    let typed = t.expr(e)?;
    match typed.code {
        ExprCode::Const(Value::Bytes(data)) if data.len() <= MOST && data.readable() == data.len() => Some(data),
        ExprCode::Const(Value::Bytes(_)) => {
            t.report(Problem::new("no file begins with this", e.span, "longer than 1 MiB, or FAULT"))
        }
        _ => t.report(Problem::new("a file begins with a string", e.span, format!("this is {}", typed.ty.in_words()))),
    }
}

/// The declared key that an object has.
fn key(names: &Names, e: &Expr, problems: &mut Vec<Problem>) -> Option<u16> {
    if let ExprKind::Path(path) = &e.kind
        && let Some(Entity::Object(object)) = names.entity(&path.root.name)
        && names.objects[object as usize].kind == ObjectKind::Key
        && path.steps.is_empty()
    {
        return Some(object);
    }
    let problem = Problem::new("this is no key", e.span, "not declared as one");
    problems.push(problem.help("declare it as `key k`"));
    None
}

pub(super) fn objects(names: &Names, problems: &mut Vec<Problem>) -> Vec<ObjectInfo> {
    names.objects.iter().map(|object| info(names, object, problems)).collect()
}

fn info(names: &Names, object: &Object, problems: &mut Vec<Problem>) -> ObjectInfo {
    let mut info = ObjectInfo {
        name: object.name.name.clone(),
        kind: object.kind,
        size: None,
        flags: OpenFlags::empty(),
        file: None,
        ipc: IpcInfo::default(),
    };
    if matches!(object.kind, ObjectKind::Sem | ObjectKind::Shm) {
        let message = format!("objects of kind `{}` are not there yet", object.kind.keyword());
        problems.push(Problem::new(message, object.name.span, "planned, but not understood so far"));
    }
    let (mut mode, mut data) = (0o644, Payload::new());
    for (i, Arg { name, value }) in object.options.iter().enumerate() {
        match (object.kind, name.as_ref().map(|name| name.name.as_str())) {
            (ObjectKind::Pipe, Some("size")) => info.size = constant(names, value, u64::MAX, problems),
            (ObjectKind::Pipe, None) if i == 0 => info.size = constant(names, value, u64::MAX, problems),
            (ObjectKind::Pipe, Some("flags")) => {
                let bits = constant(names, value, u32::MAX.into(), problems).unwrap_or(0);
                info.flags = OpenFlags::from_bits_retain(bits as u32);
            }
            (ObjectKind::File, Some("mode")) => mode = constant(names, value, 0o777, problems).unwrap_or(0) as u16,
            (ObjectKind::File | ObjectKind::Memory, Some("data")) => {
                data = bytes(names, value, problems).unwrap_or_default();
            }
            (ObjectKind::Msgq, Some("key")) => info.ipc.key = key(names, value, problems),
            (ObjectKind::Msgq, Some("mode")) => {
                info.ipc.mode = constant(names, value, 0o777, problems).unwrap_or(0) as u16;
            }
            (ObjectKind::Msgq, Some("qbytes")) => {
                info.ipc.qbytes = constant(names, value, i32::MAX as u64, problems).map(|n| n as u32);
            }
            (ObjectKind::Sem | ObjectKind::Shm, _) => {}
            (kind, _) => {
                let span = name.as_ref().map_or(value.span, |name| name.span);
                let problem = Problem::new(format!("a {} has no such option", kind.keyword()), span, "no option");
                problems.push(match kind {
                    ObjectKind::Pipe => problem.help("options of a pipe are `size:` and `flags:`"),
                    ObjectKind::File => problem.help("options of a file are `mode:` and `data:`"),
                    ObjectKind::Memory => problem.help("memory has `data:`, which says how long it is too"),
                    ObjectKind::Fifo => {
                        problem.help("a fifo has no options; `fcntl(f, F_SETPIPE_SZ, …)` sets its size")
                    }
                    ObjectKind::Msgq => problem.help("options of a msgq are `key:`, `mode:` and `qbytes:`"),
                    ObjectKind::Key => problem.help("a key has no options"),
                    ObjectKind::Sem | ObjectKind::Shm => problem,
                });
            }
        }
    }
    if object.kind == ObjectKind::Memory && data.is_empty() {
        let problem = Problem::new("memory without bytes", object.name.span, "as long as its `data:`");
        problems.push(problem.help(format!("`memory {}(data: \"\\0\" * 4096)` is a page of zeros", info.name)));
    }
    if object.kind.has_bytes() {
        info.file = Some((mode, data));
    }
    info
}
