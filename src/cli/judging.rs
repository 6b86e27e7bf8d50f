//! Judging one test after another, and handing the verdicts on.

use super::{Exit, Format, input, input::Input, signals};
use crate::{
    litmus,
    report::{Case, TestReport, Tested, junit},
    target::{Host, Target},
    verdict::{Effort, Judgement, judge},
};
use std::path::PathBuf;

/// How a list of tests went.
#[derive(Debug)]
pub struct Session {
    /// The worst of all.
    pub exit: Exit,
    /// Tests that could not be read or begun: the file, and what is wrong with it.
    pub broken: Vec<(String, String)>,
    /// Tests whose log is not the golden one: the file, and how they differ.
    pub other_logs: Vec<(String, String)>,
}

/// Judges every test, and calls `tell` with each verdict.
pub fn each(paths: &[PathBuf], effort: &Effort, use_host: bool, mut tell: impl FnMut(&Input, &Judgement)) -> Session {
    let mut session = Session { exit: Exit::Holds, broken: Vec::new(), other_logs: Vec::new() };
    let files = match input::find(paths) {
        Ok(files) => files,
        Err(message) => {
            session.exit = input::bad_input(&message);
            return session;
        }
    };
    let mut host = match use_host.then(|| Host::new().map(|host| host.until(signals::stop()))).transpose() {
        Ok(host) => host,
        Err(why) => {
            eprintln!("error: {why}");
            session.exit = Exit::Inconclusive;
            return session;
        }
    };
    for path in files {
        if signals::stopped() {
            session.exit = session.exit.worse(Exit::Inconclusive);
            break;
        }
        let judged = input::read(&path).and_then(|input| {
            let target = host.as_mut().map(|host| host as &mut dyn Target);
            let judgement =
                judge(&input.program, effort, target).map_err(|error| format!("{}: {error}", input.file))?;
            tell(&input, &judgement);
            Ok(judgement.status().into())
        });
        let exit = judged.unwrap_or_else(|message| {
            eprintln!("{message}");
            session.broken.push((path.display().to_string(), message));
            Exit::BadInput
        });
        session.exit = session.exit.worse(exit);
    }
    session
}

/// The report on a test.
pub fn report(input: &Input, judgement: &Judgement) -> Option<TestReport> {
    let hash = litmus::hash(&input.tree);
    TestReport::of(&Case { file: &input.file, hash: &hash, text: &input.text, program: &input.program, judgement })
}

/// Writes the reports of a session for programs.
pub fn print(reports: Vec<TestReport>, session: &Session, format: Format) {
    if format == Format::Junit {
        let broken = session
            .broken
            .iter()
            .map(|(file, message)| Tested::Broken { file: file.clone(), message: message.clone() });
        let judged = reports.into_iter().map(|report| Tested::Judged(Box::new(report)));
        let logs =
            session.other_logs.iter().map(|(file, diff)| Tested::OtherLog { file: file.clone(), diff: diff.clone() });
        print!("{}", junit(&judged.chain(broken).chain(logs).collect::<Vec<_>>()));
    } else {
        let broken = session.broken.iter().map(|(file, message)| {
            serde_json::json!({ "file": file, "status": "error", "error": message }).to_string()
        });
        let reports: Vec<String> = reports.iter().map(TestReport::json).chain(broken).collect();
        println!("[{}]", reports.join(",\n"));
    }
}
