//! Golden logs: beside a test lies the log that it had, and a log that reads otherwise is a regression until somebody
//! promotes it.

use super::{Case, TestReport, TextOptions, text};
use crate::{
    explore::Options,
    kernel::Version,
    litmus,
    machine::SetupError,
    program::{Compiled, syntax::Program},
    verdict::{Effort, judge},
};
use similar::TextDiff;
use std::path::{Path, PathBuf};

/// The version that golden logs speak of.
pub const VERSION: Version = Version::NEWEST;

/// Where the golden log of a test lies: `x.litmus.expected` beside `x.litmus`.
pub fn expected_path(test: &Path) -> PathBuf {
    let mut name = test.as_os_str().to_owned();
    name.push(".expected");
    name.into()
}

/// The log that `lockstep check --no-timing` prints in the directory of the test: the model alone, whole calls, [`VERSION`].
///
/// `None` if the search hit a bound: such a log would depend on it.
///
/// # Errors
///
/// When the program cannot begin.
pub fn log(
    file: &Path,
    source: &str,
    tree: &Program,
    program: &Compiled,
    bounds: &Options,
) -> Result<Option<String>, SetupError> {
    let explore = Options { steps: Default::default(), ..bounds.clone() };
    let effort = Effort { explore, kernel: Some(VERSION), ..Effort::default() };
    let judgement = judge(program, &effort, None)?;
    if judgement.exploration.incomplete.is_some() {
        return Ok(None);
    }
    let hash = litmus::hash(tree);
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    let case = Case { file: &name, text: source, hash: &hash, program, judgement: &judgement };
    let options = TextOptions { timing: false, counts: true, color: false };
    Ok(TestReport::of(&case).map(|report| text(&report, &options)))
}

/// How two logs differ, as a unified diff; `None` if they don't.
pub fn difference(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let diff = TextDiff::from_lines(expected, found);
    Some(diff.unified_diff().context_radius(2).header("expected", "found").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_shown_with_its_neighbours() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        let diff = difference("a\nb\nc\n", "a\nB\nc\n").unwrap();
        assert_eq!(diff, "--- expected\n+++ found\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
    }

    #[test]
    fn the_log_lies_beside_the_test() {
        assert_eq!(expected_path(Path::new("models/x.litmus")), Path::new("models/x.litmus.expected"));
    }
}
