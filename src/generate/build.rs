//! Short ways to write parts of the tree.

use crate::program::syntax::{
    Arg, BinOp, CallExpr, Expr, ExprKind, Ident, Object, ObjectKind, Path, PathStep, Span, Stmt, StmtKind,
};

/// An expression without a place in a text.
pub fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: Span::default() }
}

/// A number.
pub fn int(n: impl Into<i64>) -> Expr {
    expr(ExprKind::Int(n.into()))
}

/// A variable, a constant, or an object.
pub fn name(name: &str) -> Expr {
    expr(ExprKind::Path(path(name, None)))
}

/// `object.field`, or the object alone.
pub fn path(object: &str, field: Option<&str>) -> Path {
    Path { root: object.into(), steps: field.map(|field| PathStep::Field(field.into())).into_iter().collect() }
}

/// `left op right`.
pub fn binary(op: BinOp, left: Expr, right: Expr) -> Expr {
    expr(ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) })
}

/// `"x" * n`; the string alone if it is there once.
pub fn repeated(byte: u8, n: u32) -> Expr {
    let string = expr(ExprKind::Str(if n == 0 { Vec::new() } else { vec![byte] }));
    if n < 2 { string } else { binary(BinOp::Mul, string, int(n)) }
}

/// `A | B | C`; 0 if there is none.
pub fn flags(names: &[&str]) -> Expr {
    let mut names = names.iter().map(|flag| name(flag));
    let first = names.next().unwrap_or_else(|| int(0));
    names.fold(first, |flags, flag| binary(BinOp::BitOr, flags, flag))
}

/// An argument by its place.
pub fn argument(value: Expr) -> Arg {
    Arg { name: None, value }
}

/// An argument by its name: an option of an object.
pub fn option(name: &str, value: Expr) -> Arg {
    Arg { name: Some(name.into()), value }
}

/// A declaration.
pub fn object(kind: ObjectKind, name: &str, options: Vec<Arg>) -> Object {
    Object { kind, name: name.into(), count: None, options }
}

/// A call by name.
pub fn call(name: &str, args: impl IntoIterator<Item = Expr>) -> CallExpr {
    let args = args.into_iter().map(argument).collect();
    CallExpr { name: name.into(), args, span: Span::default() }
}

/// One more argument, passed by name.
pub fn with(mut call: CallExpr, name: &str, value: Expr) -> CallExpr {
    call.args.push(option(name, value));
    call
}

/// The statement that makes a call, its result perhaps kept.
pub fn statement(dest: Option<Ident>, call: CallExpr) -> Stmt {
    Stmt { kind: StmtKind::Call { dest, call, expect: None }, span: Span::default() }
}
