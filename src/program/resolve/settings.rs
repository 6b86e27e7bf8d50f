//! What the `with` lines and the options of objects say.

use super::{
    cells::Loaded,
    expr::{Scope, Translator},
    names::{Entity, Names},
};
use crate::kernel::{CELL_SIZE, Memory, OpenFlags, Payload};
use crate::program::{
    ExprCode, IpcInfo, ObjectInfo, Problem, Settings, Value, did_you_mean,
    syntax::{Arg, Expr, ExprKind, Ident, Item, Object, ObjectKind, Program, Setting},
};

/// Limits that a test can set.
const LIMITS: [&str; 16] = [
    "fs.pipe-max-size",
    "fs.pipe-user-pages-soft",
    "fs.pipe-user-pages-hard",
    "nofile",
    "sigpending",
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.semmsl",
    "kernel.semmns",
    "kernel.semopm",
    "kernel.semmni",
    "kernel.shmmax",
    "kernel.shmall",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];
/// Orders of stores to shared memory.
const MEMORIES: [Memory; 2] = [Memory::Sc, Memory::Tso];
/// Capabilities that make a difference.
const CAPABILITIES: [&str; 5] = ["CAP_SYS_RESOURCE", "CAP_SYS_ADMIN", "CAP_KILL", "CAP_IPC_OWNER", "CAP_IPC_LOCK"];

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
                Setting::Memory(name) => {
                    known("memory model", name, &MEMORIES.map(Memory::name), problems);
                    settings.memory = MEMORIES.into_iter().find(|memory| memory.name() == name.name);
                }
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

/// A declared segment has at most so many cells.
const MAX_CELLS: u64 = 1 << 16;
/// A declared segment has at most so many bytes.
const MAX_SIZE: u64 = 1 << 30;

/// A constant from 0 to `max`.
fn constant(names: &Names, e: &Expr, max: u64, problems: &mut Vec<Problem>) -> Option<u64> {
    let mut t = Translator { names, scope: Scope::Nothing, problems, loaded: &Loaded::new() };
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
    let mut t = Translator { names, scope: Scope::Nothing, problems, loaded: &Loaded::new() };
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

/// How many semaphores a declared set has: as the brackets say, else as many as values, else one.
pub(super) fn nsems(object: &Object) -> u32 {
    let values = object.options.iter().find_map(|arg| match (&arg.name, &arg.value.kind) {
        (Some(name), ExprKind::List(values)) if name.name == "values" => Some(values.len() as u32),
        _ => None,
    });
    object.count.or(values).unwrap_or(1)
}

/// What the semaphores of a set begin with: one number for each.
fn values(names: &Names, object: &Object, e: &Expr, problems: &mut Vec<Problem>) -> Vec<u16> {
    let ExprKind::List(values) = &e.kind else {
        let problem = Problem::new("values are a list", e.span, "no list");
        problems.push(problem.help("write `values: [1, 0]`"));
        return Vec::new();
    };
    let nsems = nsems(object) as usize;
    if values.len() != nsems {
        let message = format!("`{}` has {nsems} semaphores", object.name.name);
        problems.push(Problem::new(message, e.span, format!("{} values", values.len())));
        return Vec::new();
    }
    let value = |e| constant(names, e, 32_767, &mut *problems).unwrap_or(0) as u16;
    values.iter().map(value).collect()
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
        cells: 0,
        ipc: IpcInfo::default(),
    };
    info.ipc.nsems = nsems(object);
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
            (ObjectKind::Msgq | ObjectKind::Sem | ObjectKind::Shm, Some("key")) => {
                info.ipc.key = key(names, value, problems)
            }
            (ObjectKind::Msgq | ObjectKind::Sem | ObjectKind::Shm, Some("mode")) => {
                info.ipc.mode = constant(names, value, 0o777, problems).unwrap_or(0) as u16;
            }
            (ObjectKind::Msgq, Some("qbytes")) => {
                info.ipc.qbytes = constant(names, value, i32::MAX as u64, problems).map(|n| n as u32);
            }
            (ObjectKind::Shm, Some("cells")) => {
                info.cells = constant(names, value, MAX_CELLS, problems).unwrap_or(0) as u32;
                info.size = Some(u64::from(info.cells) * u64::from(CELL_SIZE));
            }
            (ObjectKind::Shm, Some("size")) => {
                info.size = constant(names, value, MAX_SIZE, problems);
                info.cells = info.size.unwrap_or(0).div_ceil(CELL_SIZE.into()).min(MAX_CELLS) as u32;
            }
            (ObjectKind::Sem, Some("values")) => info.ipc.values = values(names, object, value, problems),
            (kind, _) => {
                let span = name.as_ref().map_or(value.span, |name| name.span);
                let problem = Problem::new(format!("a {} has no such option", kind.keyword()), span, "no option");
                problems.push(match kind {
                    ObjectKind::Pipe => problem.help("options of a pipe are `size:` and `flags:`"),
                    ObjectKind::File => problem.help("options of a file are `mode:` and `data:`"),
                    ObjectKind::Shm => {
                        problem.help("options of shared memory are `cells:` or `size:`, `key:` and `mode:`")
                    }
                    ObjectKind::Memory => problem.help("memory has `data:`, which says how long it is too"),
                    ObjectKind::Fifo => {
                        problem.help("a fifo has no options; `fcntl(f, F_SETPIPE_SZ, …)` sets its size")
                    }
                    ObjectKind::Msgq => problem.help("options of a msgq are `key:`, `mode:` and `qbytes:`"),
                    ObjectKind::Key => problem.help("a key has no options"),
                    ObjectKind::Sem => problem.help("options of a sem are `values:`, `key:` and `mode:`"),
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
