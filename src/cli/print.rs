//! `lockstep print`.

use super::{Exit, input};
use crate::litmus;
use clap::Args;
use std::path::PathBuf;

/// The arguments of `print`.
#[derive(Args, Debug)]
pub struct Print {
    /// A test (`-` for standard input)
    file: PathBuf,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Print {
    pub fn run(&self) -> Exit {
        let input = match input::open(&self.file) {
            Ok(input) => input,
            Err(exit) => return exit,
        };
        if self.json {
            match litmus::to_json(&input.tree) {
                Ok(json) => println!("{json}"),
                Err(error) => return input::bad_input(&error.to_string()),
            }
        } else {
            print!("{}", input.tree);
        }
        Exit::Holds
    }
}
