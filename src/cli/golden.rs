//! The golden logs of `lockstep test`.

use super::input::Input;
use crate::{explore::Options, report::golden};
use std::{fs, path::Path};

/// What became of the golden log of a test.
#[derive(Debug)]
pub enum Golden {
    /// There is none, or the log reads the same.
    Same,
    /// It was written: a sentence for people.
    Written(String),
    /// The log reads otherwise: the diff.
    Differs(String),
    /// A bound was hit, so that it could not be compared or written, in words.
    Unknown(String),
    /// The file could not be read or written, in words.
    Failed(String),
}

/// Compares the log of a test with the golden one, if there is one; writes it if `promote`.
pub fn tend(input: &Input, promote: bool, bounds: &Options) -> Golden {
    let test = Path::new(&input.file);
    let path = golden::expected_path(test);
    let old = match fs::read_to_string(&path) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Golden::Failed(format!("{}: {error}", path.display())),
    };
    if input.file == "-" || (old.is_none() && !promote) {
        return Golden::Same;
    }
    let found = match golden::log(test, &input.text, &input.tree, &input.program, bounds) {
        Ok(Some(found)) => found,
        Ok(None) => return Golden::Unknown(format!("{}: not compared, a bound was hit", path.display())),
        Err(error) => return Golden::Failed(format!("{}: {error}", path.display())),
    };
    let diff = match &old {
        Some(old) => golden::difference(old, &found),
        None => Some(String::new()),
    };
    let Some(diff) = diff else { return Golden::Same };
    if !promote {
        return Golden::Differs(format!("the log is not that of {}\n{diff}", path.display()));
    }
    match fs::write(&path, found) {
        Ok(()) => Golden::Written(format!("{} {}", if old.is_some() { "rewrote" } else { "wrote" }, path.display())),
        Err(error) => Golden::Failed(format!("{}: {error}", path.display())),
    }
}
