//! Reading tests: files, directories, standard input.

use super::{Exit, ExploreArgs};
use crate::{
    litmus,
    machine::{Machine, State, environment},
    program::{Compiled, syntax::Program},
    verdict::model_env,
};
use std::{
    fmt::Display,
    fs,
    io::{IsTerminal, Read},
    path::{Path, PathBuf},
};

/// A test that was read.
#[derive(Debug)]
pub struct Input {
    /// The file, as it was named.
    pub file: String,
    /// Its tree.
    pub tree: Program,
    /// The same with names resolved.
    pub program: Compiled,
    /// Its text.
    pub text: String,
}

/// All tests of files and directories, in order of their names; `-` is standard input.
///
/// # Errors
///
/// In words, for a path that is not there or a directory without tests.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        if path.is_dir() {
            walk(path, &mut files).map_err(|error| format!("{}: {error}", path.display()))?;
            files[before..].sort();
            if files.len() == before {
                return Err(format!("{}: no .litmus file in this directory", path.display()));
            }
        } else if path.exists() || path.as_os_str() == "-" {
            files.push(path.clone());
        } else {
            return Err(format!("{}: no such file or directory", path.display()));
        }
    }
    Ok(files)
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "litmus") {
            files.push(path);
        }
    }
    Ok(())
}

/// Reads one test.
///
/// # Errors
///
/// Everything that is wrong with it, for people to read.
pub fn read(path: &Path) -> Result<Input, String> {
    let file = path.display().to_string();
    let mut bytes = Vec::new();
    let read = if file == "-" {
        std::io::stdin().read_to_end(&mut bytes).map(drop)
    } else {
        fs::read(path).map(|content| bytes = content)
    };
    read.map_err(|error| format!("{file}: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{file}: this is not UTF-8 text"))?;
    let (tree, program) = if path.extension().is_some_and(|e| e == "json") {
        from_json(&text).map_err(|message| format!("{file}: {message}"))?
    } else {
        litmus::load(&text).map_err(|problems| {
            let color = std::io::stderr().is_terminal();
            litmus::render(&problems, &file, &text, color).trim_end().to_string()
        })?
    };
    Ok(Input { file, tree, program, text })
}

fn from_json(text: &str) -> Result<(Program, Compiled), String> {
    let tree = litmus::from_json(text).map_err(|error| error.to_string())?;
    let program = crate::program::resolve(&tree).map_err(|problems| {
        let messages: Vec<_> = problems.into_iter().map(|problem| problem.message).collect();
        messages.join("; ")
    })?;
    Ok((tree, program))
}

/// Reads one test, and says what is wrong with it.
pub fn open(path: &Path) -> Result<Input, Exit> {
    read(path).map_err(|message| {
        eprintln!("{message}");
        Exit::BadInput
    })
}

impl Input {
    /// The machine that is asked for, and how the test begins on it.
    pub fn machine(&self, explore: &ExploreArgs) -> Result<(Machine<'_>, State), Exit> {
        let base = model_env(None, explore.model.kernel);
        let mut env = environment(&self.program, base).map_err(|error| self.bad(error))?;
        env.memory = explore.memory().unwrap_or(env.memory);
        env.switch(&explore.model.switched());
        let machine = Machine::new(&self.program, env);
        let initial = machine.initial().map_err(|error| self.bad(error))?;
        Ok((machine, initial))
    }

    /// Says what is wrong with the test.
    pub fn bad(&self, error: impl Display) -> Exit {
        bad_input(&format!("{}: {error}", self.file))
    }
}

/// Says what is wrong with the input.
pub fn bad_input(message: &str) -> Exit {
    eprintln!("error: {message}");
    Exit::BadInput
}
