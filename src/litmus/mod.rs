//! The text notation of a program: [`parse`], [`load`], the printer (`Display` of the tree), [`render`] for
//! diagnostics, and the same tree as JSON.
//!
//! Printing a program and parsing it again gives the same program; comments below the title are the one thing lost.

mod diagnose;
mod json;
mod lexer;
mod parse;
mod print;

pub use diagnose::render;
pub use json::{from_json, to_json};
pub use parse::parse;

use crate::program::{Compiled, Problem, resolve, syntax::Program};
use xxhash_rust::xxh3::xxh3_128;

/// Reads a litmus test and resolves its names.
///
/// # Errors
///
/// Every problem found; names are resolved only if the text could be read.
pub fn load(text: &str) -> Result<(Program, Compiled), Vec<Problem>> {
    let program = parse(text)?;
    let compiled = resolve(&program)?;
    Ok((program, compiled))
}

/// The identity of a test: a hash of its printed text without comments, so that neither layout nor remarks count.
pub fn hash(program: &Program) -> String {
    format!("{:032x}", xxh3_128(print::without_comments(program).as_bytes()))
}

#[cfg(test)]
mod tests;
