//! Statements and calls.

use super::{Expr, Ident, Span};
use serde::{Deserialize, Serialize};

/// Statements in braces.
pub type Block = Vec<Stmt>;

/// A statement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stmt {
    /// What it does.
    #[serde(flatten)]
    pub kind: StmtKind,
    /// Where it stands.
    #[serde(skip)]
    pub span: Span,
}

/// What a statement does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StmtKind {
    /// `x = read(p.r, 1) -> 1`.
    Call {
        /// The variable that takes the result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dest: Option<Ident>,
        /// The call.
        call: CallExpr,
        /// `-> value`: the result must be this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expect: Option<Expr>,
    },
    /// `n = n + 1`.
    Assign {
        /// The variable.
        dest: Ident,
        /// Its new value.
        value: Expr,
    },
    /// `m[0] = "a"`: bytes are stored into memory; `m[0] = n + 1`: a number into a cell of shared memory.
    Store {
        /// The memory.
        memory: Ident,
        /// Where in it.
        at: Expr,
        /// The bytes.
        data: Expr,
    },
    /// `if c { … } else { … }`.
    If {
        /// The condition.
        cond: Expr,
        /// Statements if it holds.
        then: Block,
        /// Statements if not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        otherwise: Option<Block>,
    },
    /// `while c { … }`.
    While {
        /// The condition.
        cond: Expr,
        /// The body.
        body: Block,
    },
    /// `repeat n { … }`.
    Repeat {
        /// How often.
        count: Expr,
        /// The body.
        body: Block,
    },
    /// `assert c`.
    Assert(Expr),
}

/// A call by name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CallExpr {
    /// The name.
    pub name: Ident,
    /// The arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Arg>,
    /// From the name to the closing parenthesis.
    #[serde(skip)]
    pub span: Span,
}

/// An argument, perhaps named.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Arg {
    /// `timeout:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Ident>,
    /// The value.
    pub value: Expr,
}
