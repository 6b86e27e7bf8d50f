//! Expressions, conditions and paths.

use super::{CallExpr, Ident, Span, TaskRef};
use serde::{Deserialize, Serialize};

/// An expression or a condition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Expr {
    /// What it is.
    #[serde(flatten)]
    pub kind: ExprKind,
    /// Where it stands.
    #[serde(skip)]
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExprKind {
    /// A number; units are already multiplied in (times are microseconds).
    Int(i64),
    /// A byte string, escapes already read.
    Str(Vec<u8>),
    /// A variable, constant, end or field.
    Path(Path),
    /// `pattern(100)`.
    Call(CallExpr),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `0:-1 undo nowait`, in a list: one operation on a semaphore.
    SemOp {
        /// Which semaphore.
        semnum: Box<Expr>,
        /// What is added to it.
        op: Box<Expr>,
        /// `SEM_UNDO`
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undo: bool,
        /// `IPC_NOWAIT`
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        nowait: bool,
    },
    /// `-x`.
    Neg(Box<Expr>),
    /// `!c`.
    Not(Box<Expr>),
    /// `a + b`.
    Binary {
        /// The operator.
        op: BinOp,
        /// Left side.
        left: Box<Expr>,
        /// Right side.
        right: Box<Expr>,
    },
    /// `all w in worker: c`, `some w in worker: c`.
    Quantified {
        /// `all`, otherwise `some`.
        all: bool,
        /// The name that stands for one of them.
        var: Ident,
        /// An array of tasks.
        over: Ident,
        /// The condition.
        body: Box<Expr>,
    },
    /// `asleep(R, read)`.
    Asleep {
        /// The task.
        who: TaskRef,
        /// In which call; in any, if not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<Ident>,
    },
}

/// Binary operators, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum BinOp {
    #[serde(rename = "||")]
    Or,
    #[serde(rename = "&&")]
    And,
    #[serde(rename = "==")]
    Eq,
    #[serde(rename = "!=")]
    Ne,
    #[serde(rename = "<")]
    Lt,
    #[serde(rename = "<=")]
    Le,
    #[serde(rename = ">")]
    Gt,
    #[serde(rename = ">=")]
    Ge,
    #[serde(rename = "|")]
    BitOr,
    #[serde(rename = "+")]
    Add,
    #[serde(rename = "-")]
    Sub,
    #[serde(rename = "*")]
    Mul,
}

impl BinOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinOp::Or => "||",
            BinOp::And => "&&",
            BinOp::Eq => "==",
            BinOp::Ne => "!=",
            BinOp::Lt => "<",
            BinOp::Le => "<=",
            BinOp::Gt => ">",
            BinOp::Ge => ">=",
            BinOp::BitOr => "|",
            BinOp::Add => "+",
            BinOp::Sub => "-",
            BinOp::Mul => "*",
        }
    }

    /// How strongly it binds: 1 (`||`) to 6 (`*`). Comparisons (3) do not associate.
    pub fn precedence(self) -> u8 {
        match self {
            BinOp::Or => 1,
            BinOp::And => 2,
            BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => 3,
            BinOp::BitOr => 4,
            BinOp::Add | BinOp::Sub => 5,
            BinOp::Mul => 6,
        }
    }
}

/// `worker[0].t`, `p.r`, `O_RDONLY`, `m.fds[0]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Path {
    /// The first name.
    pub root: Ident,
    /// What follows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<PathStep>,
}

/// One step of a path.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathStep {
    /// `.name`.
    Field(Ident),
    /// `[0]`.
    Index(u32),
}
