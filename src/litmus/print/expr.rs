//! Expressions as text, with as few parentheses as the parser needs and a reader wants.

use crate::program::syntax::{Arg, BinOp, CallExpr, Expr, ExprKind, Path, PathStep};
use std::fmt::{self, Display, Formatter, Result, Write};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.kind {
            ExprKind::Int(n) => write!(f, "{n}"),
            ExprKind::Str(bytes) => quoted(bytes, false).fmt(f),
            ExprKind::Path(path) => path.fmt(f),
            ExprKind::Call(call) => call.fmt(f),
            ExprKind::List(elements) => write!(f, "[{}]", commas(elements)),
            ExprKind::SemOp { semnum, op, undo, nowait } => {
                let sign = if matches!(op.kind, ExprKind::Int(1..)) { "+" } else { "" };
                write!(f, "{semnum}:{sign}")?;
                write_side(f, op, BinOp::Add.precedence())?;
                f.write_str(if *undo { " undo" } else { "" })?;
                f.write_str(if *nowait { " nowait" } else { "" })
            }
            // `-5` is a number; the negation of 5 is something else.
            ExprKind::Neg(e) => write_operand(f, "-", e, is_compound(e) || matches!(e.kind, ExprKind::Int(0..))),
            ExprKind::Not(e) => write_operand(f, "!", e, is_compound(e)),
            ExprKind::Binary { op, left, right } => {
                // Comparisons do not chain; everything else groups to the left.
                let compares = op.precedence() == BinOp::Eq.precedence();
                write_side(f, left, op.precedence() + u8::from(compares))?;
                write!(f, " {} ", op.symbol())?;
                write_side(f, right, op.precedence() + 1)
            }
            ExprKind::Quantified { all, var, over, body } => {
                let word = if *all { "all" } else { "some" };
                write!(f, "{word} {} in {}: ", var.name, over.name)?;
                write_side(f, body, BinOp::Eq.precedence())
            }
            ExprKind::Asleep { who, call: None } => write!(f, "asleep({who})"),
            ExprKind::Asleep { who, call: Some(call) } => write!(f, "asleep({who}, {})", call.name),
        }
    }
}

/// Whether a sign before it would read as if it belonged to the first part only.
fn is_compound(e: &Expr) -> bool {
    matches!(e.kind, ExprKind::Binary { .. } | ExprKind::Quantified { .. } | ExprKind::Not(_))
}

fn write_operand(f: &mut Formatter<'_>, sign: &str, e: &Expr, parentheses: bool) -> Result {
    if parentheses { write!(f, "{sign}({e})") } else { write!(f, "{sign}{e}") }
}

/// One side of an operator, in parentheses if it binds less strongly than `weakest`.
fn write_side(f: &mut Formatter<'_>, e: &Expr, weakest: u8) -> Result {
    let binds = match &e.kind {
        ExprKind::Binary { op, .. } => op.precedence(),
        // These two stand alone only beside `&&` and `||`.
        ExprKind::Quantified { .. } | ExprKind::Not(_) => BinOp::Eq.precedence(),
        _ => u8::MAX,
    };
    write_operand(f, "", e, binds < weakest)
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.root.name)?;
        self.steps.iter().try_for_each(|step| match step {
            PathStep::Field(name) => write!(f, ".{}", name.name),
            PathStep::Index(index) => write!(f, "[{index}]"),
        })
    }
}

impl Display for CallExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}({})", self.name.name, commas(&self.args))
    }
}

impl Display for Arg {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.name {
            Some(name) => write!(f, "{}: {}", name.name, self.value),
            None => self.value.fmt(f),
        }
    }
}

/// `a, b, c`
pub(super) fn commas<T: Display>(elements: &[T]) -> impl Display + '_ {
    fmt::from_fn(move |f| {
        for (i, element) in elements.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            element.fmt(f)?;
        }
        Ok(())
    })
}

/// A string in quotes, with escapes; `text` keeps letters beyond ASCII as they are.
pub(super) fn quoted(bytes: &[u8], text: bool) -> impl Display + '_ {
    fmt::from_fn(move |f| {
        f.write_char('"')?;
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\n' => f.write_str("\\n")?,
                    '\t' => f.write_str("\\t")?,
                    '\\' | '"' => write!(f, "\\{c}")?,
                    ' '..='~' => f.write_char(c)?,
                    _ if text && !c.is_control() => f.write_char(c)?,
                    _ => c.encode_utf8(&mut [0; 4]).bytes().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        f.write_char('"')
    })
}
