//! How an execution went, for people.

use super::script::{Story, letter};
use std::fmt::Write;

/// A line for each event, a column for each task.
pub fn tell(story: &Story) -> String {
    let mut text = String::new();
    let mut before = None;
    for (i, (task, event)) in story.iter().enumerate() {
        let name = if before == Some(*task) { ' ' } else { char::from(letter(*task)) };
        before = Some(*task);
        let _ = writeln!(text, "{:>4}  {:indent$}{name} {event}", i + 1, "", indent = 6 * task);
    }
    text
}
