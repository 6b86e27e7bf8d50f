//! Judging one test after another, and handing the verdicts on.

use super::{Exit, Format, input, input::Input, signals};
use crate::{
    target::{Host, Target},
    verdict::{Effort, Judgement, judge},
};
use std::path::PathBuf;

/// A test with its verdict, for reports that need all of them at once.
#[derive(Debug)]
pub struct Judged {
    /// The file.
    pub file: String,
    /// The report on it.
    pub report: serde_json::Value,
}

impl Judged {
    pub fn new(input: &Input, judgement: &Judgement) -> Self {
        let _ = judgement;
        Judged { file: input.file.clone(), report: serde_json::Value::Null }
    }
}

/// Writes the collected reports.
pub fn print(judged: &[Judged], format: Format) {
    let _ = format;
    for j in judged {
        println!("{} {}", j.file, j.report);
    }
}

/// Judges every test; the worst exit and the number of tests that could not be read.
pub fn each(
    paths: &[PathBuf],
    effort: &Effort,
    use_host: bool,
    mut tell: impl FnMut(&Input, &Judgement),
) -> (Exit, usize) {
    let files = match input::find(paths) {
        Ok(files) => files,
        Err(message) => return (input::bad_input(&message), 0),
    };
    let mut host = match use_host.then(Host::new).transpose() {
        Ok(host) => host,
        Err(why) => {
            eprintln!("error: {why}");
            return (Exit::Inconclusive, 0);
        }
    };
    let (mut exit, mut unreadable) = (Exit::Holds, 0);
    for path in files {
        if signals::stopped() {
            exit = exit.worse(Exit::Inconclusive);
            break;
        }
        let judged = input::read(&path).and_then(|input| {
            let target = host.as_mut().map(|host| host as &mut dyn Target);
            let judgement = judge(&input.program, effort, target)
                .map_err(|error| input::bad_input(&format!("{}: {error}", input.file)))?;
            tell(&input, &judgement);
            Ok(judgement.status().into())
        });
        exit = exit.worse(judged.unwrap_or_else(|bad| {
            unreadable += 1;
            bad
        }));
    }
    (exit, unreadable)
}
