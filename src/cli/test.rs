//! `lockstep test`.

use super::Exit;
use clap::Args;
use std::path::PathBuf;

/// The arguments of `test`.
#[derive(Args, Debug)]
pub struct Test {
    /// A test (`-` for standard input)
    file: PathBuf,
}

impl Test {
    pub fn run(&self) -> Exit {
        let _ = &self.file;
        Exit::Holds
    }
}
