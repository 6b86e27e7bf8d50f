//! `lockstep compare`.

use super::{Exit, input};
use crate::report::{LoggedTest, compare, read_log};
use clap::Args;
use std::{fs, path::Path, path::PathBuf};

/// The arguments of `compare`.
#[derive(Args, Debug)]
pub struct Compare {
    /// A log that `check` or `run` wrote, as text or with --format json
    old: PathBuf,
    /// Another one
    new: PathBuf,
}

impl Compare {
    pub fn run(&self) -> Exit {
        let (old, new) = match (read(&self.old), read(&self.new)) {
            (Ok(old), Ok(new)) => (old, new),
            (Err(message), _) | (_, Err(message)) => return input::bad_input(&message),
        };
        let comparison = compare(&old, &new);
        print!("{}", comparison.text());
        if comparison.differs() { Exit::Violated } else { Exit::Holds }
    }
}

fn read(path: &Path) -> Result<Vec<LoggedTest>, String> {
    let log = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    read_log(&log).map_err(|error| format!("{}: {error}", path.display()))
}
