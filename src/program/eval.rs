//! Evaluation of expressions: the one evaluator for the model and for real kernels.

use super::{CallCode, ExprCode, Field, Halt, ObjectField, Value, syntax::BinOp};
use crate::kernel::{Call, CallKind, Payload, TaskId};
use std::cmp::Ordering;

/// What a condition can look at.
pub trait World {
    /// A variable of a task.
    fn var(&self, task: TaskId, slot: u16) -> &Value;
    /// A field of an object; `None` if it cannot be seen here.
    fn object(&self, object: u16, field: ObjectField) -> Option<Value>;
    /// A field of a semaphore of a set; `None` if it cannot be seen here.
    fn semaphore(&self, object: u16, semnum: u16, field: ObjectField) -> Option<Value> {
        let _ = (object, semnum, field);
        None
    }
    /// The call in which a task sleeps, if it sleeps.
    fn asleep(&self, task: TaskId) -> Option<CallKind>;
    /// Why a task stopped before its last statement, if it did.
    fn halted(&self, task: TaskId) -> Option<Halt> {
        let _ = task;
        None
    }
    /// Whether a signal has ended the process of a task.
    fn killed(&self, task: TaskId) -> bool {
        let _ = task;
        false
    }
    /// Whether a task is stopped.
    fn stopped(&self, task: TaskId) -> bool {
        let _ = task;
        false
    }
}

/// The view of a task at user level: its own variables and nothing else.
#[derive(Debug)]
pub struct Locals<'a>(pub &'a [Value]);

impl World for Locals<'_> {
    fn var(&self, _: TaskId, slot: u16) -> &Value {
        &self.0[slot as usize]
    }
    fn object(&self, _: u16, _: ObjectField) -> Option<Value> {
        None
    }
    fn asleep(&self, _: TaskId) -> Option<CallKind> {
        None
    }
}

impl ExprCode {
    /// The value in `world`; what makes no sense (a sum with an error, a field that is not there) is `None`.
    pub fn eval(&self, world: &impl World) -> Value {
        match self {
            ExprCode::Const(value) => value.clone(),
            ExprCode::Local { slot, field } => part(world.var(0, *slot), *field),
            ExprCode::Var { task, slot, field } => part(world.var(*task, *slot), *field),
            ExprCode::Object { object, field } => world.object(*object, *field).unwrap_or(Value::None),
            ExprCode::Sem { object, semnum, field } => world.semaphore(*object, *semnum, *field).unwrap_or(Value::None),
            ExprCode::List(parts) => {
                let numbers: Option<_> = parts.iter().map(|part| part.eval(world).as_int()).collect();
                numbers.map_or(Value::None, Value::List)
            }
            ExprCode::Asleep { task, call } => {
                let asleep = world.asleep(*task);
                Value::truth(if call.is_some() { asleep == *call } else { asleep.is_some() })
            }
            ExprCode::Killed(task) => Value::truth(world.killed(*task)),
            ExprCode::Stopped(task) => Value::truth(world.stopped(*task)),
            ExprCode::Neg(e) => e.eval(world).as_int().and_then(i64::checked_neg).map_or(Value::None, Value::Int),
            ExprCode::Not(e) => Value::truth(!e.holds(world)),
            ExprCode::Len(e) => e.eval(world).as_bytes().map_or(Value::None, |b| Value::Int(b.len().into())),
            ExprCode::Pattern(n) => match n.eval(world).as_int() {
                Some(n @ 0..=MAX_BYTES) => Value::Bytes(Payload::pattern(n as u32)),
                _ => Value::None,
            },
            ExprCode::Binary(op, a, b) => binary(*op, a, b, world),
        }
    }

    /// Whether a condition holds in `world`.
    pub fn holds(&self, world: &impl World) -> bool {
        self.eval(world).holds()
    }

    /// Calls `f` with every sub-expression, this one included.
    pub fn visit(&self, f: &mut impl FnMut(&ExprCode)) {
        f(self);
        match self {
            ExprCode::Neg(e) | ExprCode::Not(e) | ExprCode::Len(e) | ExprCode::Pattern(e) => e.visit(f),
            ExprCode::Binary(_, a, b) => {
                a.visit(f);
                b.visit(f);
            }
            ExprCode::List(parts) => parts.iter().for_each(|part| part.visit(f)),
            _ => {}
        }
    }
}

/// Longer strings than this are refused.
pub const MAX_BYTES: i64 = 1 << 28;

fn part(value: &Value, field: Field) -> Value {
    match (field, value) {
        (Field::Whole, value) => value.clone(),
        (Field::Ret, Value::Result(r)) => match r.ret {
            Ok(n) => Value::Int(n),
            Err(errno) => Value::Errno(errno),
        },
        (Field::Data, Value::Result(r)) if r.ret.is_ok() => Value::Bytes(r.data.clone()),
        (Field::Extra(i), Value::Result(r)) => r.extra.get(i as usize).map_or(Value::None, |&n| Value::Int(n)),
        _ => Value::None,
    }
}

fn binary(op: BinOp, a: &ExprCode, b: &ExprCode, world: &impl World) -> Value {
    match op {
        BinOp::Or => return Value::truth(a.holds(world) || b.holds(world)),
        BinOp::And => return Value::truth(a.holds(world) && b.holds(world)),
        _ => {}
    }
    let (x, y) = (a.eval(world), b.eval(world));
    match op {
        // `x == none` asks whether x was ever assigned; only the literal asks.
        BinOp::Eq if is_none(a) || is_none(b) => Value::truth(x == y),
        BinOp::Ne if is_none(a) || is_none(b) => Value::truth(x != y),
        BinOp::Eq => Value::truth(x.matches(&y) == Some(true)),
        BinOp::Ne => Value::truth(x.matches(&y) == Some(false)),
        BinOp::Lt => Value::truth(x.compare(&y) == Some(Ordering::Less)),
        BinOp::Gt => Value::truth(x.compare(&y) == Some(Ordering::Greater)),
        BinOp::Le => Value::truth(matches!(x.compare(&y), Some(Ordering::Less | Ordering::Equal))),
        BinOp::Ge => Value::truth(matches!(x.compare(&y), Some(Ordering::Greater | Ordering::Equal))),
        _ => arithmetic(op, &x, &y).unwrap_or(Value::None),
    }
}

fn is_none(e: &ExprCode) -> bool {
    matches!(e, ExprCode::Const(Value::None))
}

fn arithmetic(op: BinOp, x: &Value, y: &Value) -> Option<Value> {
    let is_bytes = |v: &Value| matches!(v, Value::Bytes(_));
    if op == BinOp::Add && (is_bytes(x) || is_bytes(y)) {
        let mut sum = x.as_bytes()?.clone();
        let other = y.as_bytes()?;
        (i64::from(sum.len()) + i64::from(other.len()) <= MAX_BYTES).then(|| sum.append(other))?;
        return Some(Value::Bytes(sum));
    }
    if op == BinOp::Mul && (is_bytes(x) || is_bytes(y)) {
        let (bytes, times) = if is_bytes(x) { (x, y) } else { (y, x) };
        let (bytes, times) = (bytes.as_bytes()?, times.as_int()?);
        let total = i64::from(bytes.len()).checked_mul(times)?;
        return (times >= 0 && total <= MAX_BYTES).then(|| Value::Bytes(bytes.repeat(times as u32)));
    }
    let (x, y) = (x.as_int()?, y.as_int()?);
    let n = match op {
        BinOp::BitOr => Some(x | y),
        BinOp::Add => x.checked_add(y),
        BinOp::Sub => x.checked_sub(y),
        BinOp::Mul => x.checked_mul(y),
        _ => None,
    };
    n.map(Value::Int)
}

impl CallCode {
    /// The call with its arguments evaluated from a task's variables; an argument of the wrong kind is told in words.
    pub fn build(&self, locals: &[Value]) -> Result<Call, String> {
        match self {
            CallCode::Known(call) => Ok(call.clone()),
            CallCode::Computed { signature, args } => {
                let world = Locals(locals);
                let values: Vec<Option<Value>> = args.iter().map(|a| a.as_ref().map(|a| a.eval(&world))).collect();
                signature.build(&values)
            }
        }
    }
}
