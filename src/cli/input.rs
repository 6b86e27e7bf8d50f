//! Reading tests: files, directories, standard input.

use super::Exit;
use crate::{
    litmus,
    program::{Compiled, syntax::Program},
};
use std::{
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

/// Says what is wrong with the input.
pub fn bad_input(message: &str) -> Exit {
    eprintln!("error: {message}");
    Exit::BadInput
}
