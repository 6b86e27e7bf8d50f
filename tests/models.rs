//! Every litmus file of the library can be read, printed and carried as JSON.

use lockstep::litmus::{from_json, load, parse, render, to_json};
use lockstep::program::syntax::Program;
use std::{collections::HashMap, fs, path::Path, path::PathBuf};

/// Every `.litmus` file below `folder`, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "litmus") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The library and the benchmarks, each with its text.
fn library() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let paths = ["models", "benches"].iter().flat_map(|folder| files(&root.join(folder)));
    paths.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_file_loads() {
    let mut report = String::new();
    for (path, text) in library() {
        if let Err(problems) = load(&text) {
            report += &render(&problems, &path.display().to_string(), &text, false);
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn every_file_survives_printing_and_json() {
    for (path, text) in library() {
        let program = parse(&text).unwrap();
        assert_eq!(parse(&program.to_string()).unwrap(), program, "{}", path.display());
        assert_eq!(from_json(&to_json(&program).unwrap()).unwrap(), program, "{}", path.display());
    }
}

#[test]
fn every_file_says_what_it_shows() {
    let mut titles: HashMap<String, PathBuf> = HashMap::new();
    for (path, text) in library() {
        let Program { name, comments, .. } = parse(&text).unwrap();
        assert!(!comments.is_empty(), "{} has no comment", path.display());
        if let Some(other) = titles.insert(name, path.clone()) {
            panic!("{} and {} have the same title", path.display(), other.display());
        }
    }
}
