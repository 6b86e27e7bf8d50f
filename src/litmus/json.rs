//! The tree as JSON, for machines.

use crate::program::syntax::Program;
use serde::{Deserialize, de::Error};
use std::thread;

/// JSON that nests deeper is not a program that the parser would accept.
const MAX_DEPTH: usize = 2048;
/// Enough for that depth: serde recurses.
const STACK: usize = 64 << 20;

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
/// If the text is not the JSON of a program.
pub fn from_json(json: &str) -> serde_json::Result<Program> {
    if depth(json) > MAX_DEPTH {
        return Err(serde_json::Error::custom("nested too deeply"));
    }
    let read = || {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        deserializer.disable_recursion_limit();
        let program = Program::deserialize(&mut deserializer)?;
        deserializer.end().map(|()| program)
    };
    thread::scope(|scope| match thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read) {
        Ok(reader) => reader.join().unwrap_or_else(|_| Err(serde_json::Error::custom("the reader failed"))),
        Err(error) => Err(serde_json::Error::io(error)),
    })
}

/// How deep the brackets of `json` nest, those in strings left out.
fn depth(json: &str) -> usize {
    let (mut open, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => open += 1,
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert_eq!(depth(r#"[{"a": "]}\"]", "b": ["["]}]"#), 3);
    }
}
