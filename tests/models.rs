//! Every litmus file of the library, and every example of the manual, can be read, printed and carried as JSON.

mod common;

use lockstep::litmus::{from_json, load, parse, render, to_json};
use lockstep::program::{SIGNATURES, constants, syntax::Program};
use proptest::prelude::*;
use std::{collections::HashMap, fs, path::Path, path::PathBuf};

/// The library and the benchmarks, each with its text.
fn library() -> Vec<(PathBuf, String)> {
    let paths = ["models", "benches"].into_iter().flat_map(common::files);
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

fn manual() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/notation.md")).unwrap()
}

#[test]
fn every_example_of_the_manual_loads() {
    let manual = manual();
    let examples: Vec<&str> =
        manual.split("```litmus\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(rest)).collect();
    assert!(examples.len() >= 4);
    for example in examples {
        let whole = example.contains("litmus \"");
        let text = if whole { example.to_string() } else { format!("litmus \"example\"\n{example}") };
        if let Err(problems) = load(&text) {
            panic!("\n{}", render(&problems, "docs/notation.md", &text, false));
        }
    }
}

#[test]
fn the_manual_names_every_call_and_constant() {
    let manual = manual();
    for signature in SIGNATURES {
        let call = format!("| `{}(", signature.kind);
        assert!(manual.contains(&call), "{call}");
        for param in signature.params {
            assert!(manual.contains(param.name), "{} of {}", param.name, signature.kind);
        }
    }
    // Errors are told by example.
    for (name, _) in constants::all().filter(|(name, _)| !name.starts_with('E') || *name == "EOF") {
        assert!(manual.contains(&format!("`{name}`")), "{name}");
    }
}

proptest! {
    /// Damaged in a few places, a test is refused with a reason, or is another test.
    #[test]
    fn damage_is_told(file in 0usize..1000, cuts in prop::collection::vec((0usize..5000, 0usize..12, 0usize..5000), 1..5)) {
        let library = library();
        let mut text: Vec<char> = library[file % library.len()].1.chars().collect();
        for (at, len, to) in cuts {
            let at = at % text.len();
            let piece: Vec<char> = text.drain(at..(at + len).min(text.len())).collect();
            let to = to % (text.len() + 1);
            text.splice(to..to, piece);
        }
        let text: String = text.into_iter().collect();
        match load(&text) {
            Ok((program, _)) => prop_assert_eq!(parse(&program.to_string()).unwrap(), program),
            Err(problems) => prop_assert!(!render(&problems, "damaged.litmus", &text, false).is_empty()),
        }
    }
}
