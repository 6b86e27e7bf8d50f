//! Expressions: names become indices, constants are folded, and what can never make sense is refused.

use super::{
    ends,
    names::{Entity, Names, Source, Var},
};
use crate::kernel::{CallKind, Payload, TaskId};
use crate::program::{
    ExprCode, Field, Locals, ObjectField, Problem, SIGNATURES, Value, constants, did_you_mean,
    syntax::{BinOp, CallExpr, Expr, ExprKind, Ident, ObjectKind, Path, PathStep, Span, TaskRef},
};

/// Functions of expressions.
const FUNCTIONS: [&str; 2] = ["len", "pattern"];
/// A repeated string has at most so many runs of bytes.
const MAX_RUNS: i64 = 1 << 20;

/// What an expression can look at.
pub(super) enum Scope<'a> {
    /// Constants only.
    Nothing,
    /// The variables of a task (index into [`Names::sources`]) and the ends that it holds.
    Task(usize),
    /// Everything, from outside; names bound by `all` and `some` stand for tasks.
    World(Vec<(&'a str, TaskId)>),
}

/// The kind of value that an expression has, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Type {
    Number,
    Bytes,
    Errno,
    Eof,
    Fd,
    None,
    Unknown,
}

impl Type {
    fn of(value: &Value) -> Type {
        match value {
            Value::None => Type::None,
            Value::Int(_) => Type::Number,
            Value::Bytes(_) => Type::Bytes,
            Value::Errno(_) => Type::Errno,
            Value::Eof => Type::Eof,
            Value::AnyFd => Type::Fd,
            Value::Result(_) => Type::Unknown,
        }
    }

    pub fn is_number(self) -> bool {
        matches!(self, Type::Number | Type::Unknown)
    }

    pub fn in_words(self) -> &'static str {
        match self {
            Type::Number => "a number",
            Type::Bytes => "a string",
            Type::Errno => "an error",
            Type::Eof => "`EOF`",
            Type::Fd => "`fd`",
            Type::None => "`none`",
            Type::Unknown => "a value",
        }
    }
}

/// An expression with its type.
pub(super) struct Typed {
    pub code: ExprCode,
    pub ty: Type,
}

impl Typed {
    pub fn constant(value: Value) -> Typed {
        Typed { ty: Type::of(&value), code: ExprCode::Const(value) }
    }

    fn number(code: ExprCode) -> Typed {
        Typed { code, ty: Type::Number }
    }
}

/// Translates expressions in one scope.
pub(super) struct Translator<'a> {
    pub names: &'a Names<'a>,
    pub scope: Scope<'a>,
    pub problems: &'a mut Vec<Problem>,
}

impl<'a> Translator<'a> {
    pub fn report<T>(&mut self, problem: Problem) -> Option<T> {
        self.problems.push(problem);
        None
    }

    pub fn accept<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_or_else(|problem| self.report(problem), Some)
    }

    pub fn condition(&mut self, e: &'a Expr) -> Option<ExprCode> {
        let cond = self.expr(e)?;
        if cond.ty.is_number() {
            return Some(cond.code);
        }
        let problem =
            Problem::new("this is no condition", e.span, format!("{}, neither true nor false", cond.ty.in_words()));
        self.report(problem.help("compare it with something"))
    }

    pub fn number(&mut self, e: &'a Expr) -> Option<ExprCode> {
        let number = self.expr(e)?;
        if number.ty.is_number() {
            return Some(number.code);
        }
        self.report(Problem::new("a number is needed here", e.span, format!("this is {}", number.ty.in_words())))
    }

    pub fn expr(&mut self, e: &'a Expr) -> Option<Typed> {
        match &e.kind {
            ExprKind::Int(n) => Some(Typed::constant(Value::Int(*n))),
            ExprKind::Str(bytes) => Some(Typed::constant(Value::Bytes(bytes.as_slice().into()))),
            ExprKind::Path(path) => self.path(path, e.span),
            ExprKind::Call(call) => self.function(call),
            ExprKind::List(_) => self.report(Problem::new("no call takes a list", e.span, "not understood so far")),
            ExprKind::Neg(inner) => {
                let code = self.number(inner)?;
                self.fold(Typed::number(ExprCode::Neg(Box::new(code))), e.span)
            }
            ExprKind::Not(inner) => {
                let code = self.condition(inner)?;
                self.fold(Typed::number(ExprCode::Not(Box::new(code))), e.span)
            }
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, e.span),
            ExprKind::Quantified { all, var, over, body } => self.quantified(*all, var, over, body),
            ExprKind::Asleep { who, call } => self.asleep(who, call.as_ref(), e.span),
        }
    }

    fn binary(&mut self, op: BinOp, left: &'a Expr, right: &'a Expr, span: Span) -> Option<Typed> {
        let logical = matches!(op, BinOp::And | BinOp::Or);
        let mut side = |e| match logical {
            true => self.condition(e).map(Typed::number),
            false => self.expr(e),
        };
        let (a, b) = (side(left), side(right));
        let (a, b) = (a?, b?);
        let Some(ty) = result_type(op, a.ty, b.ty) else {
            let (symbol, x, y) = (op.symbol(), a.ty.in_words(), b.ty.in_words());
            let problem = match op {
                BinOp::Eq | BinOp::Ne => Problem::new("these two can never be equal", span, format!("{x} beside {y}")),
                BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => {
                    Problem::new("only numbers are ordered", span, format!("{x} beside {y}"))
                }
                _ => Problem::new(format!("`{symbol}` does not go with these"), span, format!("{x} and {y}")),
            };
            return self.report(problem);
        };
        if op == BinOp::Mul && repeats_too_much(&a.code, &b.code) {
            return self.report(Problem::new("this string is too long", span, "too many different bytes"));
        }
        self.fold(Typed { code: ExprCode::Binary(op, Box::new(a.code), Box::new(b.code)), ty }, span)
    }

    /// Evaluates what is constant.
    fn fold(&mut self, e: Typed, span: Span) -> Option<Typed> {
        if !is_constant(&e.code) {
            return Some(e);
        }
        match e.code.eval(&Locals(&[])) {
            Value::None => {
                self.report(Problem::new("this has no value", span, "beyond 64 bits, or longer than 256 MiB"))
            }
            value => Some(Typed::constant(value)),
        }
    }

    fn function(&mut self, call: &'a CallExpr) -> Option<Typed> {
        let name = &call.name.name;
        if SIGNATURES.iter().any(|signature| signature.kind.name() == name) {
            let problem = Problem::new("a call inside an expression", call.span, "a system call is a statement");
            return self.report(problem.help(format!("write `x = {name}(…)` on a line of its own, and then use `x`")));
        }
        match (name.as_str(), &call.args[..]) {
            ("len", [arg]) => {
                let value = self.expr(&arg.value)?;
                if !matches!(value.ty, Type::Bytes | Type::Unknown) {
                    let label = format!("this is {}", value.ty.in_words());
                    return self.report(Problem::new("`len` counts the bytes of a string", arg.value.span, label));
                }
                self.fold(Typed::number(ExprCode::Len(Box::new(value.code))), call.span)
            }
            ("pattern", [arg]) => {
                let code = self.number(&arg.value)?;
                self.fold(Typed { code: ExprCode::Pattern(Box::new(code)), ty: Type::Bytes }, call.span)
            }
            ("pattern", [len, skip]) => {
                let (len, skip) = (self.number(&len.value)?, self.number(&skip.value)?);
                self.late_pattern(&len, &skip, call.span)
            }
            ("len" | "pattern", _) => {
                let problem = Problem::new("wrong number of arguments", call.span, "here");
                self.report(problem.help("`len(string)`, `pattern(length)`, `pattern(length, first byte)`"))
            }
            _ => {
                let problem = Problem::new(format!("unknown function `{name}`"), call.name.span, "no function");
                self.report(problem.maybe_help(did_you_mean(name, FUNCTIONS)))
            }
        }
    }

    /// `pattern(n, skip)`: a pattern without its first bytes.
    fn late_pattern(&mut self, len: &ExprCode, skip: &ExprCode, span: Span) -> Option<Typed> {
        match (len, skip) {
            (ExprCode::Const(Value::Int(len @ 0..=0xfff_ffff)), ExprCode::Const(Value::Int(skip @ 0..=0xff))) => {
                let bytes = Payload::pattern((len + skip) as u32).slice(*skip as u32, *len as u32);
                Some(Typed::constant(Value::Bytes(bytes)))
            }
            _ => {
                let label = "needs constants, the second from 0 to 255";
                self.report(Problem::new("this pattern cannot be made", span, label))
            }
        }
    }

    fn path(&mut self, path: &'a Path, span: Span) -> Option<Typed> {
        let root = &path.root;
        if let Scope::Task(source) = self.scope
            && let Some((slot, var)) = self.names.sources[source].var(&root.name)
        {
            let (field, ty) = self.field(var, &path.steps, span)?;
            return Some(Typed { code: ExprCode::Local { slot, field }, ty });
        }
        if let Some(value) = constants::by_name(&root.name) {
            if path.steps.is_empty() {
                return Some(Typed::constant(value));
            }
            return self.report(Problem::new(format!("`{}` is a constant", root.name), span, "it has no parts"));
        }
        match &self.scope {
            Scope::Nothing => {
                let problem = Problem::new(format!("`{path}` is no constant"), span, "a constant is needed here");
                let constants = constants::all().map(|(name, _)| name);
                self.report(problem.maybe_help(did_you_mean(&root.name, constants)))
            }
            Scope::Task(source) => self.path_in_task(*source, path, span),
            Scope::World(bound) => {
                let bound = bound.iter().rev().find(|(name, _)| *name == root.name).map(|(_, task)| *task);
                self.path_in_world(bound, path, span)
            }
        }
    }

    /// A name in a task that is neither a variable of it nor a constant.
    fn path_in_task(&mut self, source: usize, path: &'a Path, span: Span) -> Option<Typed> {
        let name = &path.root.name;
        let source = &self.names.sources[source];
        match self.names.entity(name) {
            Some(Entity::Object(object)) => self.end(source.process, object, path, span),
            Some(_) => {
                let problem = Problem::new(format!("`{name}` is another task"), span, "not visible from here");
                self.report(problem.help("tasks see their own variables only; pass data through a pipe"))
            }
            None => {
                let owner = self.names.sources.iter().find(|other| other.var(name).is_some());
                let help = match owner {
                    Some(owner) => {
                        Some(format!("`{name}` is a variable of `{}`; tasks see only their own", owner.name))
                    }
                    None => {
                        let vars = source.vars.iter().map(|var| var.name);
                        let objects = self.names.objects.iter().map(|object| object.name.name.as_str());
                        let constants = constants::all().map(|(name, _)| name);
                        did_you_mean(name, vars.chain(objects).chain(constants))
                    }
                };
                let problem = Problem::new(format!("unknown name `{name}`"), path.root.span, "declared nowhere");
                self.report(problem.maybe_help(help))
            }
        }
    }

    /// An object in a task: only an end of a pipe is a value, namely its descriptor.
    fn end(&mut self, process: usize, object: u16, path: &Path, span: Span) -> Option<Typed> {
        let declared = self.names.objects[object as usize];
        let name = &declared.name.name;
        let problem = match (&path.steps[..], declared.kind) {
            (_, ObjectKind::Fifo) => {
                Problem::new(format!("`{name}` is a fifo, not a descriptor"), span, "has to be opened first")
                    .help(format!("`f = open({name}, O_RDONLY)` gives a descriptor"))
            }
            ([PathStep::Field(field)], ObjectKind::Pipe) => {
                if let Some(end) = ends::end_of(declared, &field.name)
                    && let Some(fd) = self.names.fd(process, (object, end))
                {
                    return Some(Typed::constant(Value::Int(fd)));
                }
                let field = &field.name;
                let problem = Problem::new(format!("a pipe has no end `{field}`"), span, "neither `r` nor `w`");
                match ObjectField::ALL.iter().any(|(name, ..)| name == field) {
                    true => problem.help("tasks cannot look into a pipe; `ioctl(p.r, FIONREAD)` counts its bytes"),
                    false => problem.help(format!("write `{name}.r` to read, `{name}.w` to write")),
                }
            }
            _ => Problem::new(format!("`{path}` is no descriptor"), span, "a pipe has two ends")
                .help(format!("write `{name}.r` to read, `{name}.w` to write")),
        };
        self.report(problem)
    }

    fn path_in_world(&mut self, bound: Option<TaskId>, path: &'a Path, span: Span) -> Option<Typed> {
        let (index, rest) = match &path.steps[..] {
            [PathStep::Index(index), rest @ ..] => (Some(*index), rest),
            rest => (None, rest),
        };
        if let Some(task) = bound {
            return self.var_of(task, path, &path.steps, span);
        }
        match self.names.entity(&path.root.name) {
            Some(Entity::Object(object)) => self.object_field(object, path, span),
            Some(_) => {
                let who = TaskRef { name: path.root.clone(), index };
                let task = self.names.task(&who);
                let task = self.accept(task)?;
                self.var_of(task, path, rest, span)
            }
            None => self.bare_variable(path, span),
        }
    }

    /// A variable of a task, seen from outside.
    fn var_of(&mut self, task: TaskId, path: &Path, steps: &[PathStep], span: Span) -> Option<Typed> {
        let source = self.names.source_of(task);
        let vars = || source.vars.iter().map(|var| var.name);
        let known = || format!("it has {}", vars().map(|var| format!("`{var}`")).collect::<Vec<_>>().join(", "));
        match steps {
            [PathStep::Field(name), steps @ ..] => match source.var(&name.name) {
                Some((slot, var)) => {
                    let (field, ty) = self.field(var, steps, span)?;
                    Some(Typed { code: ExprCode::Var { task, slot, field }, ty })
                }
                None => {
                    let message = format!("`{}` has no variable `{}`", source.name, name.name);
                    let help = did_you_mean(&name.name, vars()).or_else(|| (!source.vars.is_empty()).then(known));
                    self.report(Problem::new(message, name.span, "never assigned there").maybe_help(help))
                }
            },
            _ => {
                let problem = Problem::new(format!("`{path}` is a task, not a value"), span, "which variable of it?");
                self.report(problem.maybe_help((!source.vars.is_empty()).then(known)))
            }
        }
    }

    /// A variable without its task, if only one task has it.
    fn bare_variable(&mut self, path: &'a Path, span: Span) -> Option<Typed> {
        let name = &path.root.name;
        let owners: Vec<&Source> = self.names.sources.iter().filter(|source| source.var(name).is_some()).collect();
        let several = |source: &&Source| self.names.processes[source.process].count.is_some();
        match owners[..] {
            [owner] if !several(&owner) => {
                let (slot, var) = owner.var(name)?;
                let (field, ty) = self.field(var, &path.steps, span)?;
                Some(Typed { code: ExprCode::Var { task: owner.first, slot, field }, ty })
            }
            [] => {
                let tasks = self.names.sources.iter().map(|source| source.name);
                let vars = self.names.sources.iter().flat_map(|source| source.vars.iter().map(|var| var.name));
                let objects = self.names.objects.iter().map(|object| object.name.name.as_str());
                let constants = constants::all().map(|(name, _)| name);
                let help = did_you_mean(name, tasks.chain(objects).chain(vars).chain(constants));
                let problem = Problem::new(format!("unknown name `{name}`"), path.root.span, "declared nowhere");
                self.report(problem.maybe_help(help))
            }
            _ => {
                let names: Vec<String> =
                    owners.iter().map(|owner| format!("`{}.{name}`", self.names.task_name(owner.first))).collect();
                let problem = Problem::new(format!("`{name}` is a variable of several tasks"), span, "whose?");
                self.report(problem.help(format!("say whose it is, as in {}", names.join(", "))))
            }
        }
    }

    fn object_field(&mut self, object: u16, path: &Path, span: Span) -> Option<Typed> {
        let name = &path.root.name;
        let fields = || ObjectField::ALL.iter().map(|(name, ..)| *name);
        let known = || format!("fields are {}", fields().collect::<Vec<_>>().join(", "));
        if let [PathStep::Field(field)] = &path.steps[..] {
            if let Some((_, field, _)) = ObjectField::ALL.iter().find(|(name, ..)| *name == field.name) {
                return Some(Typed::number(ExprCode::Object { object, field: *field }));
            }
            let problem = Problem::new(format!("`{name}` has no field `{}`", field.name), field.span, "no field");
            return self.report(problem.help(did_you_mean(&field.name, fields()).unwrap_or_else(known)));
        }
        self.report(Problem::new(format!("`{path}` is no value"), span, "which field of it?").help(known()))
    }

    /// What follows the name of a variable.
    fn field(&mut self, var: &Var, steps: &[PathStep], span: Span) -> Option<(Field, Type)> {
        let (name, index) = match steps {
            [] => return Some((Field::Whole, Type::Unknown)),
            [PathStep::Field(name)] => (name, 0),
            [PathStep::Field(name), PathStep::Index(index @ 0..=255)] if name.name == "revents" => (name, *index as u8),
            _ => return self.report(Problem::new("a result has no such part", span, "goes too far")),
        };
        let fits = |of: Option<CallKind>| match of {
            _ if var.copies => true,
            Some(kind) => var.calls.contains(&kind),
            None => !var.calls.is_empty(),
        };
        let fields = RESULT_FIELDS.iter().filter(|(_, of, ..)| fits(*of));
        match fields.clone().find(|(field, ..)| *field == name.name) {
            Some((_, _, Field::Extra(first), ty)) => Some((Field::Extra(first + index), *ty)),
            Some((_, _, field, ty)) => Some((*field, *ty)),
            None => {
                let known: Vec<&str> = fields.map(|(field, ..)| *field).collect();
                let help = match known[..] {
                    [] => format!("`{}` holds numbers or strings, not the result of a call", var.name),
                    _ => format!("the fields of `{}` are {}", var.name, known.join(", ")),
                };
                let message = format!("`{}` has no field `{}`", var.name, name.name);
                self.report(Problem::new(message, name.span, "no field").help(help))
            }
        }
    }

    fn quantified(&mut self, all: bool, var: &'a Ident, over: &'a Ident, body: &'a Expr) -> Option<Typed> {
        if !matches!(self.scope, Scope::World(_)) {
            let problem = Problem::new("tasks cannot look at each other", over.span, "only properties and probes can");
            return self.report(problem);
        }
        if let Some(problem) = self.names.taken(var) {
            return self.report(problem);
        }
        let members = match self.names.entity(&over.name) {
            Some(Entity::Process(process)) if self.names.processes[process].count.is_some() => {
                let process = &self.names.processes[process];
                process.threads[0]..process.threads[0] + process.copies()
            }
            _ => {
                let array = |entity| matches!(entity, Entity::Process(process) if self.names.processes[process].count.is_some());
                let problem = self.names.unknown("array of tasks", over, array);
                return self.report(problem);
            }
        };
        let mut joined: Option<ExprCode> = None;
        for task in members {
            self.bind(|bound| bound.push((&var.name, task)));
            let cond = self.condition(body);
            self.bind(|bound| _ = bound.pop());
            let op = if all { BinOp::And } else { BinOp::Or };
            joined = Some(match joined {
                Some(left) => ExprCode::Binary(op, Box::new(left), Box::new(cond?)),
                None => cond?,
            });
        }
        joined.map(Typed::number)
    }

    fn bind(&mut self, change: impl FnOnce(&mut Vec<(&'a str, TaskId)>)) {
        if let Scope::World(bound) = &mut self.scope {
            change(bound);
        }
    }

    fn asleep(&mut self, who: &TaskRef, call: Option<&Ident>, span: Span) -> Option<Typed> {
        let Scope::World(bound) = &self.scope else {
            let problem = Problem::new("tasks cannot look at each other", span, "only properties and probes can");
            return self.report(problem);
        };
        let bound = bound.iter().rev().find(|(name, _)| *name == who.name.name && who.index.is_none());
        let task = bound.map_or_else(|| self.names.task(who), |(_, task)| Ok(*task));
        let call = call.map(call_kind).transpose();
        let (task, call) = (self.accept(task), self.accept(call));
        Some(Typed::number(ExprCode::Asleep { task: task?, call: call? }))
    }
}

/// Parts of results: which call must have returned it (any, if not said), and what it is.
const RESULT_FIELDS: &[(&str, Option<CallKind>, Field, Type)] = &[
    ("ret", None, Field::Ret, Type::Unknown),
    ("data", Some(CallKind::Read), Field::Data, Type::Bytes),
    ("data", Some(CallKind::Pread), Field::Data, Type::Bytes),
    ("r", Some(CallKind::Pipe), Field::Extra(0), Type::Number),
    ("w", Some(CallKind::Pipe), Field::Extra(1), Type::Number),
    ("revents", Some(CallKind::Poll), Field::Extra(0), Type::Number),
    ("mode", Some(CallKind::Fstat), Field::Extra(0), Type::Number),
    ("size", Some(CallKind::Fstat), Field::Extra(1), Type::Number),
    ("blksize", Some(CallKind::Fstat), Field::Extra(2), Type::Number),
];

/// The call that a name means, as in `asleep in write`.
pub(super) fn call_kind(ident: &Ident) -> Result<CallKind, Problem> {
    CallKind::by_name(&ident.name).ok_or_else(|| {
        let names = CallKind::ALL.iter().map(|(name, _)| *name);
        Problem::new(format!("unknown call `{}`", ident.name), ident.span, "no call")
            .maybe_help(did_you_mean(&ident.name, names))
    })
}

/// The type of `a op b`; none if it can never have a value (or, for a comparison, never be true).
fn result_type(op: BinOp, a: Type, b: Type) -> Option<Type> {
    use Type::*;
    let numbers = a.is_number() && b.is_number();
    match op {
        BinOp::And | BinOp::Or => Some(Number),
        BinOp::Eq | BinOp::Ne => (a == b || [a, b].iter().any(|ty| matches!(ty, Unknown | None))).then_some(Number),
        BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge | BinOp::Sub | BinOp::BitOr => numbers.then_some(Number),
        BinOp::Add => match (a, b) {
            (Unknown, other @ (Number | Bytes | Unknown)) | (other @ (Number | Bytes), Unknown) => Some(other),
            (Number, Number) | (Bytes, Bytes) => Some(a),
            _ => Option::None,
        },
        BinOp::Mul => match (a, b) {
            (Bytes, Number | Unknown) | (Number | Unknown, Bytes) => Some(Bytes),
            (Number, Number) => Some(Number),
            _ => numbers.then_some(Unknown),
        },
    }
}

/// Whether everything that an operator works on is a constant.
fn is_constant(code: &ExprCode) -> bool {
    let constant = |e: &ExprCode| matches!(e, ExprCode::Const(_));
    match code {
        ExprCode::Neg(e) | ExprCode::Not(e) | ExprCode::Len(e) | ExprCode::Pattern(e) => constant(e),
        ExprCode::Binary(_, a, b) => constant(a) && constant(b),
        _ => false,
    }
}

/// Whether a constant string repeated would take unreasonable memory.
fn repeats_too_much(a: &ExprCode, b: &ExprCode) -> bool {
    match (a, b) {
        (ExprCode::Const(Value::Bytes(bytes)), ExprCode::Const(Value::Int(times)))
        | (ExprCode::Const(Value::Int(times)), ExprCode::Const(Value::Bytes(bytes))) => {
            bytes.runs().len() > 1 && (bytes.runs().len() as i64).saturating_mul(*times) > MAX_RUNS
        }
        _ => false,
    }
}
