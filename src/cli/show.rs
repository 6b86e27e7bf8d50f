//! `lockstep show`.

use super::Exit;
use clap::Args;
use std::path::PathBuf;

/// The arguments of `show`.
#[derive(Args, Debug)]
pub struct Show {
    /// A test (`-` for standard input)
    file: PathBuf,
}

impl Show {
    pub fn run(&self) -> Exit {
        let _ = &self.file;
        Exit::Holds
    }
}
