//! The tree as JSON, for machines.

use crate::program::syntax::Program;

/// The program as JSON.
///
/// # Errors
///
/// None for programs of this crate; those of the serializer.
pub fn to_json(program: &Program) -> serde_json::Result<String> {
    serde_json::to_string_pretty(program)
}

/// The program that [`to_json`] wrote. Places are lost.
///
/// # Errors
///
/// If the text is not the JSON of a program, or nests deeper than 128 levels.
pub fn from_json(json: &str) -> serde_json::Result<Program> {
    serde_json::from_str(json)
}
