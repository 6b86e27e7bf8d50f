//! What several test files need.
#![allow(dead_code)]

pub mod cli;

use lockstep::{litmus, program::Compiled};
use std::{fs, path::Path, path::PathBuf};

/// Every `.litmus` file below a folder of the repository, sorted by name.
pub fn files(folder: &str) -> Vec<PathBuf> {
    fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|e| e == "litmus") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&root().join(folder), &mut files);
    files.sort();
    files
}

/// Every litmus file of the library, sorted by name.
pub fn library() -> Vec<PathBuf> {
    let files = files("models");
    assert!(files.len() > 100, "the library is there");
    files
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A test by its path below the repository.
pub fn load(path: &str) -> Compiled {
    load_path(&root().join(path))
}

/// A test by its path.
pub fn load_path(path: &Path) -> Compiled {
    let text = fs::read_to_string(path).unwrap();
    program(&text)
}

/// A test by its text.
pub fn program(text: &str) -> Compiled {
    match litmus::load(text) {
        Ok((_, program)) => program,
        Err(problems) => panic!("{}", litmus::render(&problems, "test", text, false)),
    }
}
