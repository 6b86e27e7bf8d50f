//! From names to indices.

use super::{Compiled, Problem, syntax::Program};

/// Resolves every name.
///
/// # Errors
///
/// Every problem found, not only the first.
pub fn resolve(program: &Program) -> Result<Compiled, Vec<Problem>> {
    let _ = program;
    unimplemented!()
}
