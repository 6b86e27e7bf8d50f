//! Statements that no interleaving comes to: a test that has some does not test what its author had in mind.

use crate::{
    explore::Exploration,
    program::{Compiled, Instr, syntax::Span},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A statement that no interleaving comes to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct UnreachedReport {
    /// Its line in the file, from 1.
    pub line: usize,
    /// The statement, or its first line.
    pub text: String,
}

/// The statements of `text` that no interleaving comes to; none are known if the search is not exhaustive.
///
/// A statement of several tasks counts as reached if one of them comes to it.
pub fn unreached(program: &Compiled, text: &str, exploration: &Exploration) -> Vec<UnreachedReport> {
    if exploration.incomplete.is_some() {
        return Vec::new();
    }
    let mut reached: BTreeMap<(u32, u32), bool> = BTreeMap::new();
    for (task, done) in program.tasks.iter().zip(&exploration.executed) {
        let instrs = task.code.instrs.iter().zip(&task.code.spans).zip(done);
        // Jumps are written nowhere: they are how branches and loops are put together.
        for ((_, span), done) in instrs.filter(|((instr, _), _)| !matches!(instr, Instr::Jump(_))) {
            *reached.entry((span.start, span.end)).or_default() |= done;
        }
    }
    let missed = reached.into_iter().filter(|(_, done)| !done);
    missed.filter_map(|((start, end), _)| told(text, Span { start, end })).collect()
}

fn told(text: &str, span: Span) -> Option<UnreachedReport> {
    let (before, statement) = (text.get(..span.start as usize)?, text.get(span.start as usize..span.end as usize)?);
    if statement.is_empty() {
        // A test that was read from JSON has no text.
        return None;
    }
    let line = before.matches('\n').count() + 1;
    Some(UnreachedReport { line, text: statement.lines().next().unwrap_or("").trim_end().into() })
}
