//! From names to indices.

use super::{Compiled, syntax::Program, syntax::Span};

/// Something wrong with a program, at a place in its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// One sentence.
    pub message: String,
    /// The place.
    pub span: Span,
    /// What is said at the place.
    pub label: String,
    /// A second place, with what is said there (an earlier declaration, say).
    pub also: Option<(Span, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

/// Resolves every name.
///
/// # Errors
///
/// Every problem found, not only the first.
pub fn resolve(program: &Program) -> Result<Compiled, Vec<Problem>> {
    let _ = program;
    unimplemented!()
}
