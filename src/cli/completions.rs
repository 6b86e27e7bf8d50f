//! `lockstep completions` and `lockstep man`: what a shell and `man` know of the command line.

use super::{Cli, Exit, input};
use clap::{Args, CommandFactory};
use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
};

/// The arguments of `completions`.
#[derive(Args, Debug)]
pub struct Completions {
    /// For which shell
    shell: clap_complete::Shell,
}

/// The arguments of `man`.
#[derive(Args, Debug)]
pub struct Man {
    /// A directory for one page per subcommand; without it the main page is printed
    dir: Option<PathBuf>,
}

impl Completions {
    pub fn run(&self) -> Exit {
        clap_complete::generate(self.shell, &mut Cli::command(), "lockstep", &mut io::stdout());
        Exit::Holds
    }
}

impl Man {
    pub fn run(&self) -> Exit {
        let written = match &self.dir {
            Some(dir) => fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir)),
            None => {
                let mut page = Vec::new();
                let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
                rendered.and_then(|()| io::stdout().write_all(&page))
            }
        };
        match written {
            Ok(()) => Exit::Holds,
            Err(error) => {
                let place = self.dir.as_ref().map_or("standard output".into(), |dir| dir.display().to_string());
                input::bad_input(&format!("{place}: {error}"))
            }
        }
    }
}
