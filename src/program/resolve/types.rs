//! The types of values, as far as they are known before a program runs.

use crate::program::{ExprCode, Value, syntax::BinOp};

/// The kind of value that an expression has, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Type {
    Number,
    Bytes,
    Errno,
    Eof,
    Fd,
    Id,
    Object,
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
            Value::AnyId => Type::Id,
            Value::Object(_) => Type::Object,
            Value::Result(_) | Value::Memory(_) => Type::Unknown,
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
            Type::Id => "`ipcid`",
            Type::Object => "an object",
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

    pub fn number(code: ExprCode) -> Typed {
        Typed { code, ty: Type::Number }
    }
}

/// The type of `a op b`; none if it can never have a value (or, for a comparison, never be true).
pub(super) fn result_type(op: BinOp, a: Type, b: Type) -> Option<Type> {
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
