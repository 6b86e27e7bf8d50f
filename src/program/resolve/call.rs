//! Calls: arguments find their parameters.

use super::{
    cells,
    expr::{Scope, Translator, call_kind},
    names::Entity,
    types::Type,
};
use crate::kernel::CallKind;
use crate::program::{
    CallCode, ExprCode, Param, ParamType, Problem, Signature, Value, constants, did_you_mean, nearest,
    syntax::{Arg, CallExpr, Expr, ExprKind, Ident, ObjectKind, PathStep, Span, TaskRef},
};

/// Calls that will come.
const PLANNED: &[&str] = &[
    "select",
    "epoll_create",
    "epoll_ctl",
    "epoll_wait",
    "eventfd",
    "sendmsg",
    "recvmsg",
    "send",
    "recv",
    "connect",
    "accept",
    "mq_send",
    "mq_receive",
    "futex",
    "execve",
    "thread",
];

/// The call with its arguments in the order of the parameters.
pub(super) fn translate<'a>(t: &mut Translator<'a>, process: usize, call: &'a CallExpr) -> Option<CallCode> {
    let Some(signature) = Signature::by_name(&call.name.name) else {
        let problem = unknown_call(&call.name);
        return t.report(problem);
    };
    if signature.kind == CallKind::Store {
        let problem = Problem::new("`store` is no call", call.name.span, "written otherwise");
        return t.report(problem.help("`m[0] = \"a\"` stores into memory"));
    }
    let placed = place(t, signature, call)?;
    let mut complete = true;
    let mut args = Vec::with_capacity(placed.len());
    for (i, arg) in placed.iter().enumerate() {
        let param = param_at(signature, i);
        let code = arg.and_then(|value| argument(t, process, param, value));
        complete &= code.is_some() || arg.is_none();
        args.push(code);
    }
    let spans: Vec<Option<Span>> = placed.iter().map(|arg| arg.map(|value| value.span)).collect();
    if complete { assemble(t, signature, args, &spans, call.span) } else { None }
}

/// `memory[at] = data`.
pub(super) fn store<'a>(
    t: &mut Translator<'a>,
    memory: &Ident,
    at: &'a Expr,
    data: &'a Expr,
    span: Span,
) -> Option<CallCode> {
    let signature = Signature::by_name(CallKind::Store.name())?;
    let Some(code) = memory_by_name(t, &memory.name) else {
        let objects = &t.names.objects;
        let problem = t.names.unknown(
            "memory",
            memory,
            |entity| matches!(entity, Entity::Object(object) if objects[object as usize].kind == ObjectKind::Memory),
        );
        return t.report(problem);
    };
    let (at_code, data_code) = (argument(t, 0, &signature.params[1], at), argument(t, 0, &signature.params[2], data));
    let args = vec![Some(code), Some(at_code?), Some(data_code?)];
    assemble(t, signature, args, &[Some(memory.span), Some(at.span), Some(data.span)], span)
}

/// A call whose arguments are translated; it is known if they all are constants. `spans` says where each stands.
fn assemble(
    t: &mut Translator,
    signature: &'static Signature,
    args: Vec<Option<ExprCode>>,
    spans: &[Option<Span>],
    span: Span,
) -> Option<CallCode> {
    let constant = |arg: &Option<ExprCode>| match arg {
        Some(ExprCode::Const(value)) => Some(Some(value.clone())),
        Some(_) => None,
        None => Some(None),
    };
    let Some(values) = args.iter().map(constant).collect::<Option<Vec<Option<Value>>>>() else {
        return Some(CallCode::Computed { signature, args });
    };
    match signature.build(&values) {
        Ok(call) => Some(CallCode::Known(call)),
        Err(message) => {
            // The message names the parameter.
            let culprit = (0..spans.len()).find(|&i| message.contains(&format!("`{}`", param_at(signature, i).name)));
            let place = culprit.and_then(|i| spans[i]).unwrap_or(span);
            t.report(Problem::new(message, place, "cannot be passed"))
        }
    }
}

fn unknown_call(name: &Ident) -> Problem {
    if PLANNED.contains(&name.name.as_str()) {
        let message = format!("the call `{}` is not there yet", name.name);
        return Problem::new(message, name.span, "planned, but not understood so far");
    }
    match call_kind(name) {
        Err(problem) => problem,
        Ok(_) => Problem::new(format!("`{}` cannot be called", name.name), name.span, "no call"),
    }
}

/// The parameter that the argument at a place of the list is for; after the last, the first two repeat.
fn param_at(signature: &'static Signature, i: usize) -> &'static Param {
    let params = signature.params;
    if i < params.len() { &params[i] } else { &params[(i - params.len()) % 2] }
}

/// Which expression is passed for which parameter; further pairs come after all parameters.
fn place<'a>(
    t: &mut Translator<'a>,
    signature: &'static Signature,
    call: &'a CallExpr,
) -> Option<Vec<Option<&'a Expr>>> {
    let params = signature.params;
    let positional = params.iter().filter(|param| !param.named).count();
    let mut placed: Vec<Option<&Expr>> = vec![None; params.len()];
    let mut next = 0;
    let before = t.problems.len();
    for arg in &call.args {
        let at = match &arg.name {
            Some(name) => match params.iter().position(|param| param.name == name.name) {
                Some(at) => at,
                None => {
                    let problem = unknown_param(signature, name);
                    t.problems.push(problem);
                    continue;
                }
            },
            None if next < positional => {
                next += 1;
                next - 1
            }
            None if signature.pairs => {
                placed.push(Some(&arg.value));
                continue;
            }
            None => {
                let problem = too_many(signature, arg, positional);
                t.problems.push(problem);
                break;
            }
        };
        if let Some(earlier) = placed[at] {
            let message = format!("`{}` is passed twice", params[at].name);
            t.problems.push(Problem::new(message, arg.value.span, "again").also(earlier.span, "first here"));
        }
        placed[at] = Some(&arg.value);
    }
    let missing = params.iter().zip(&placed).find(|(param, arg)| param.required && arg.is_none());
    if let (Some((param, _)), true) = (missing, t.problems.len() == before) {
        let problem =
            Problem::new(format!("`{}` needs `{}`", signature.kind, param.name), call.span, "an argument is missing");
        t.problems.push(problem.help(usage(signature)));
    }
    if (placed.len() - params.len()) % 2 == 1 {
        let problem = Problem::new("`poll` takes pairs", call.span, "a descriptor without events");
        t.problems.push(problem.help(usage(signature)));
    }
    (t.problems.len() == before).then_some(placed)
}

fn unknown_param(signature: &'static Signature, name: &Ident) -> Problem {
    let names = signature.params.iter().map(|param| param.name);
    let help = nearest(&name.name, names).map(|param| format!("did you mean `{param}:`?"));
    Problem::new(format!("`{}` has no parameter `{}`", signature.kind, name.name), name.span, "no parameter")
        .help(help.unwrap_or_else(|| usage(signature)))
}

fn too_many(signature: &'static Signature, arg: &Arg, positional: usize) -> Problem {
    let by_name = signature.params.iter().find(|param| param.named);
    let help = match by_name {
        Some(param) => format!("`{}` is passed by name: `{}: …`", param.name, param.name),
        None => usage(signature),
    };
    let takes = match positional {
        0 => "no arguments".into(),
        1 => "one argument".into(),
        n => format!("{n} arguments"),
    };
    Problem::new(format!("`{}` takes {takes}", signature.kind), arg.value.span, "one too many").help(help)
}

/// How a call is written: `read(fd, count, fault: …, flags: …)`.
fn usage(signature: &Signature) -> String {
    let params: Vec<String> = signature
        .params
        .iter()
        .map(|param| match param {
            Param { name, named: true, .. } => format!("{name}: …"),
            Param { name, required: true, .. } => (*name).to_string(),
            Param { name, .. } => format!("[{name}]"),
        })
        .collect();
    let repeats = if signature.pairs { ", and more pairs" } else { "" };
    format!("it is written `{}({})`{repeats}", signature.kind, params.join(", "))
}

fn argument<'a>(t: &mut Translator<'a>, process: usize, param: &Param, value: &'a Expr) -> Option<ExprCode> {
    let wanted = match param.ty {
        ParamType::Path => return path(t, value),
        ParamType::Child => return child(t, process, value),
        ParamType::Cell => return cell(t, value),
        ParamType::Ipc(kind) => match declared(t, kind, value) {
            Some(found) => return found,
            None => "a declared object or an id",
        },
        ParamType::Address => match cells::attached(t, process, value) {
            Some(found) => return found,
            None => "an address",
        },
        ParamType::Key => match declared(t, ObjectKind::Key, value) {
            Some(found) => return found,
            None => "a declared key or a number",
        },
        ParamType::MsgType => "a number, or `FAULT`",
        ParamType::Sops => "a list of operations such as `[0:-1, 1:+1]`",
        ParamType::SemArg => "a number, a list of values, or `none`",
        ParamType::TimeOrFault => "a time such as `10 ms`",
        ParamType::Buffer => "left away, or `none`",
        ParamType::Handler => return handler(t, process, value),
        ParamType::Signals if !is_set(value) => {
            let problem = Problem::new(format!("`{}` is a set of signals", param.name), value.span, "not a set");
            return t.report(problem.help("write `[SIGUSR1, SIGTERM]`"));
        }
        ParamType::Signals => match &value.kind {
            ExprKind::List(elements) => return t.signals(elements).map(|set| set.code),
            _ => "a set of signals such as `[SIGUSR1]`",
        },
        ParamType::Pid => match named_pid(t, value) {
            Some(pid) => return pid,
            None => "a process by name, or a number",
        },
        ParamType::Fd => "a descriptor",
        ParamType::Number => "a number",
        ParamType::Memory => "memory",
        ParamType::DataOrMemory => match &value.kind {
            ExprKind::Path(path) if path.steps.is_empty() => match memory_by_name(t, &path.root.name) {
                Some(code) => return Some(code),
                None => "a string, or memory",
            },
            _ => "a string, or memory",
        },
        ParamType::Data => "a string",
        ParamType::Time => "a time such as `10 ms`",
        ParamType::Offset => "a number, or `none`",
    };
    let typed = t.expr(value)?;
    let fits = match param.ty {
        ParamType::Data | ParamType::DataOrMemory => matches!(typed.ty, Type::Bytes | Type::Unknown),
        ParamType::MsgType => typed.ty.is_number() || is_fault(&typed.code),
        ParamType::Sops => typed.ty == Type::Sops || is_fault(&typed.code),
        ParamType::SemArg => {
            typed.ty.is_number() || matches!(typed.ty, Type::List | Type::None) || is_fault(&typed.code)
        }
        ParamType::TimeOrFault => typed.ty.is_number() || typed.ty == Type::None || is_fault(&typed.code),
        ParamType::Buffer => typed.ty == Type::None,
        ParamType::Time | ParamType::Offset | ParamType::Address => typed.ty.is_number() || typed.ty == Type::None,
        _ => typed.ty.is_number(),
    };
    if fits {
        return Some(typed.code);
    }
    let message = format!("`{}` must be {wanted}", param.name);
    t.report(Problem::new(message, value.span, format!("this is {}", typed.ty.in_words())))
}

/// `FAULT`
fn is_fault(code: &ExprCode) -> bool {
    matches!(code, ExprCode::Const(Value::Bytes(bytes)) if !bytes.is_empty() && bytes.readable() == 0)
}

/// A cell of shared memory: its address.
fn cell(t: &mut Translator, value: &Expr) -> Option<ExprCode> {
    let (ExprKind::Path(path), Scope::Task(source)) = (&value.kind, &t.scope) else {
        let problem = Problem::new("a cell of shared memory is needed here", value.span, "this is no cell");
        return t.report(problem.help("write `m[0]`"));
    };
    let address = cells::cell(t.names, *source, path, value.span);
    t.accept(address)
}

/// The number of an object among those with a path.
fn path_index(t: &Translator, object: u16) -> u16 {
    t.names.objects[..object as usize].iter().filter(|object| object.kind.has_path()).count() as u16
}

/// Declared memory by its name.
fn memory_by_name(t: &Translator, name: &str) -> Option<ExprCode> {
    match t.names.entity(name) {
        Some(Entity::Object(object)) if t.names.objects[object as usize].kind == ObjectKind::Memory => {
            Some(ExprCode::Const(Value::Memory(path_index(t, object))))
        }
        _ => None,
    }
}

/// A System V object or key by name, if the value is a name of an object: one of another kind is a mistake.
fn declared(t: &mut Translator, kind: ObjectKind, value: &Expr) -> Option<Option<ExprCode>> {
    let ExprKind::Path(path) = &value.kind else { return None };
    let Some(Entity::Object(object)) = t.names.entity(&path.root.name) else { return None };
    let found = t.names.objects[object as usize].kind;
    if found == kind && path.steps.is_empty() {
        return Some(Some(ExprCode::Const(Value::Object(object))));
    }
    let problem = if found == kind {
        Problem::new(format!("a {} has no parts here", kind.keyword()), value.span, "its name alone is passed")
    } else if found == ObjectKind::Pipe {
        return None;
    } else {
        let message = format!("`{}` is a {}, not a {}", path.root.name, found.keyword(), kind.keyword());
        Problem::new(message, value.span, "cannot be passed here")
    };
    Some(t.report(problem))
}

/// A FIFO or file by name.
fn path(t: &mut Translator, value: &Expr) -> Option<ExprCode> {
    let problem = match &value.kind {
        ExprKind::Path(path) => match t.names.entity(&path.root.name) {
            Some(Entity::Object(object)) => match t.names.objects[object as usize].kind {
                ObjectKind::Fifo | ObjectKind::File if path.steps.is_empty() => {
                    return Some(ExprCode::Const(Value::Int(path_index(t, object).into())));
                }
                ObjectKind::Fifo | ObjectKind::File => {
                    not_openable(value.span, "a fifo has no ends; its name alone is opened")
                }
                ObjectKind::Memory => not_openable(value.span, "memory is there from the start"),
                ObjectKind::Pipe => not_openable(value.span, "a pipe is open from the start")
                    .help("`reopen(fd, flags)` opens what a descriptor stands for once more"),
                _ => not_openable(value.span, "this has no path"),
            },
            _ => t.names.unknown("fifo", &path.root, |entity| {
                matches!(entity, Entity::Object(object) if t.names.objects[object as usize].kind == ObjectKind::Fifo)
            }),
        },
        _ => not_openable(value.span, "not the name of a fifo"),
    };
    t.report(problem)
}

fn not_openable(span: Span, label: &str) -> Problem {
    Problem::new("only a fifo can be opened", span, label)
}

/// Whether something can be a set of signals: one signal alone, which is a number too, is none.
fn is_set(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Int(n) => *n == 0,
        ExprKind::Path(path) => constants::by_name(&path.root.name).is_none(),
        _ => true,
    }
}

/// The id of a process or thread by name, and the negative of it for a group.
fn named_pid(t: &mut Translator, value: &Expr) -> Option<Option<ExprCode>> {
    let (path, sign) = match &value.kind {
        ExprKind::Path(path) => (path, 1),
        ExprKind::Neg(inner) => match &inner.kind {
            ExprKind::Path(path) => (path, -1),
            _ => return None,
        },
        _ => return None,
    };
    if !matches!(t.names.entity(&path.root.name), Some(Entity::Process(_) | Entity::Thread(_))) {
        return None;
    }
    let index = match path.steps[..] {
        [] => None,
        [PathStep::Index(index)] => Some(index),
        _ => return None,
    };
    let tid = t.names.tid(&TaskRef { name: path.root.clone(), index });
    Some(t.accept(tid).map(|tid| ExprCode::Const(Value::Int(sign * tid))))
}

/// A handler of the process, `SIG_DFL` or `SIG_IGN`.
fn handler(t: &mut Translator, process: usize, value: &Expr) -> Option<ExprCode> {
    let ExprKind::Path(path) = &value.kind else {
        return t.report(Problem::new("this is no handler", value.span, "not the name of one"));
    };
    let name = &path.root.name;
    let known = &t.names.processes[process];
    let number = match (name.as_str(), known.handler(name)) {
        ("SIG_DFL", _) => constants::SIG_DFL,
        ("SIG_IGN", _) => constants::SIG_IGN,
        (_, Some(handler)) => i64::from(handler) + 2,
        _ => {
            let names = known.handlers.iter().map(|handler| handler.name.name.as_str()).chain(["SIG_DFL", "SIG_IGN"]);
            let help = did_you_mean(name, names);
            let help = help.unwrap_or_else(|| format!("declare it first in the task: `handler {name} {{ … }}`"));
            let problem = Problem::new(format!("unknown handler `{name}`"), value.span, "declared nowhere");
            return t.report(problem.help(help));
        }
    };
    Some(ExprCode::Const(Value::Int(number)))
}

/// A process declared as a child of this one, by its number.
fn child(t: &mut Translator, process: usize, value: &Expr) -> Option<ExprCode> {
    let ExprKind::Path(path) = &value.kind else {
        return t.report(Problem::new("`fork` starts a process by name", value.span, "not the name of a process"));
    };
    let Some(Entity::Process(child)) = t.names.entity(&path.root.name) else {
        let problem = t.names.unknown("process", &path.root, |entity| matches!(entity, Entity::Process(_)));
        return t.report(problem);
    };
    let (child, parent) = (&t.names.processes[child], t.names.processes[process].name);
    let name = child.name;
    if child.parent != Some(process) {
        let problem = Problem::new(
            format!("`{name}` is no child of `{parent}`"),
            value.span,
            "started by another, or from the beginning",
        );
        return t.report(problem.help(format!("declare it as `process {name} child of {parent} {{ … }}`")));
    }
    let copy = match (&path.steps[..], child.count) {
        ([], None) => 0,
        ([PathStep::Index(index)], Some(count)) if *index < u32::from(count) => *index as u16,
        (_, Some(count)) => {
            let label = format!("`{name}[0]` to `{name}[{}]`", count - 1);
            return t.report(Problem::new("`fork` starts one process", value.span, label));
        }
        (_, None) => return t.report(Problem::new(format!("`{name}` is no array"), value.span, "only one of it")),
    };
    Some(ExprCode::Const(Value::Int(i64::from(child.first + copy))))
}
