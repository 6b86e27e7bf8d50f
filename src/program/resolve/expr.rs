//! Expressions: names become indices, constants are folded, and what can never make sense is refused.

use super::{
    cells::Loaded,
    names::{Entity, Names},
    types::{Type, Typed, result_type},
};
use crate::kernel::{CallKind, Payload, SemFlags, TaskId, signal};
use crate::program::{
    ExprCode, FUNCTIONS, Locals, Problem, SIGNATURES, Value, did_you_mean,
    syntax::{BinOp, CallExpr, Expr, ExprKind, Ident, PathStep, Span, TaskRef},
};

/// Quantifiers nest at most so deep, since every one multiplies the condition.
const MAX_QUANTIFIERS: usize = 2;
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

/// Translates expressions in one scope.
pub(super) struct Translator<'a> {
    pub names: &'a Names<'a>,
    pub scope: Scope<'a>,
    pub problems: &'a mut Vec<Problem>,
    /// Cells that were loaded before the statement.
    pub loaded: &'a Loaded,
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
            ExprKind::List(elements) if is_set_of_signals(elements) => self.signals(elements),
            ExprKind::List(elements) => self.list(elements, e.span),
            ExprKind::SemOp { .. } => {
                let problem = Problem::new("an operation outside a list", e.span, "stands alone");
                self.report(problem.help("write `[0:-1]`"))
            }
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

    /// Numbers, or operations on semaphores: three numbers each.
    fn list(&mut self, elements: &'a [Expr], span: Span) -> Option<Typed> {
        let mut parts = Vec::new();
        let mut complete = true;
        let mut sops = 0;
        for element in elements {
            if let ExprKind::SemOp { semnum, op, undo, nowait } = &element.kind {
                sops += 1;
                let mut flags = SemFlags::empty();
                flags.set(SemFlags::SEM_UNDO, *undo);
                flags.set(SemFlags::IPC_NOWAIT, *nowait);
                let (semnum, op) = (self.number(semnum), self.number(op));
                complete &= semnum.is_some() && op.is_some();
                parts.extend(semnum.into_iter().chain(op));
                parts.push(ExprCode::Const(Value::Int(flags.bits().into())));
            } else {
                let number = self.number(element);
                complete &= number.is_some();
                parts.extend(number);
            }
        }
        if !complete {
            return None;
        }
        if sops != 0 && sops != elements.len() {
            let problem =
                Problem::new("numbers among operations", span, "one of them is written `0:-1`, another is not");
            return self.report(problem);
        }
        let ty = if sops > 0 { Type::Sops } else { Type::List };
        let typed = self.fold(Typed { code: ExprCode::List(parts), ty }, span)?;
        Some(Typed { ty, ..typed })
    }

    /// `[SIGUSR1, SIGTERM]`: the number in which bit n - 1 is signal n.
    pub fn signals(&mut self, elements: &'a [Expr]) -> Option<Typed> {
        let mut set = 0u64;
        for element in elements {
            match self.number(element)? {
                ExprCode::Const(Value::Int(signal @ 1..=64)) => set |= 1 << (signal - 1),
                _ => {
                    let problem = Problem::new("a set has signals only", element.span, "no signal");
                    return self.report(problem.help("signals are constants such as SIGUSR1, or numbers from 1 to 64"));
                }
            }
        }
        Some(Typed::constant(Value::Int(set as i64)))
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
            ("killed" | "stopped", [arg]) => self.fate(name == "killed", &arg.value),
            ("killed" | "stopped", _) => {
                let problem = Problem::new("wrong number of arguments", call.span, "here");
                self.report(problem.help("`killed(task)`, `stopped(task)`"))
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

    /// `killed(T)`, `stopped(T)`.
    fn fate(&mut self, killed: bool, who: &'a Expr) -> Option<Typed> {
        let Scope::World(bound) = &self.scope else {
            let problem = Problem::new("tasks cannot look at each other", who.span, "only properties and probes can");
            return self.report(problem);
        };
        let ExprKind::Path(path) = &who.kind else {
            return self.report(Problem::new("this is no task", who.span, "not the name of one"));
        };
        let index = match path.steps[..] {
            [] => None,
            [PathStep::Index(index)] => Some(index),
            _ => return self.report(Problem::new("this is no task", who.span, "goes too far")),
        };
        let bound = bound.iter().rev().find(|(name, _)| *name == path.root.name && index.is_none());
        let task = match bound {
            Some((_, task)) => Ok(*task),
            None => self.names.task(&TaskRef { name: path.root.clone(), index }),
        };
        let task = self.accept(task)?;
        Some(Typed::number(if killed { ExprCode::Killed(task) } else { ExprCode::Stopped(task) }))
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

    fn quantified(&mut self, all: bool, var: &'a Ident, over: &'a Ident, body: &'a Expr) -> Option<Typed> {
        let Scope::World(bound) = &self.scope else {
            let problem = Problem::new("tasks cannot look at each other", over.span, "only properties and probes can");
            return self.report(problem);
        };
        if bound.len() == MAX_QUANTIFIERS {
            let label = format!("more than {MAX_QUANTIFIERS} of `all` and `some`");
            return self.report(Problem::new("this condition grows too large", var.span, label));
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

/// The call that a name means, as in `asleep in write`.
pub(super) fn call_kind(ident: &Ident) -> Result<CallKind, Problem> {
    CallKind::by_name(&ident.name).ok_or_else(|| {
        let names = CallKind::ALL.iter().map(|(name, _)| *name);
        Problem::new(format!("unknown call `{}`", ident.name), ident.span, "no call")
            .maybe_help(did_you_mean(&ident.name, names))
    })
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

/// Whether a list can only be a set: all its elements are signals by name. Other lists are of numbers.
fn is_set_of_signals(elements: &[Expr]) -> bool {
    fn is_signal(e: &Expr) -> bool {
        match &e.kind {
            ExprKind::Path(path) => {
                path.steps.is_empty() && signal::NAMES.iter().any(|(name, _)| *name == path.root.name)
            }
            ExprKind::Binary { left, .. } => is_signal(left),
            _ => false,
        }
    }
    !elements.is_empty() && elements.iter().all(is_signal)
}
