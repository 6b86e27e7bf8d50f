//! The run of many tests as JUnit XML: a suite for each file, a case for each claim, schedule and outcome.

use super::view::TestReport;
use crate::{explore::Verdict, verdict::Status};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// A file that was to be tested.
#[derive(Clone, Debug)]
pub enum Tested {
    /// It was judged.
    Judged(Box<TestReport>),
    /// It could not be: it has errors, or its program cannot begin.
    Broken {
        /// The file.
        file: String,
        /// What is wrong with it.
        message: String,
    },
    /// It was judged, and its log is not the golden one.
    OtherLog {
        /// The file.
        file: String,
        /// How they differ.
        diff: String,
    },
}

/// The run as JUnit XML.
pub fn junit(tests: &[Tested]) -> String {
    let mut report = Report::new("lockstep");
    for test in tests {
        report.add_test_suite(match test {
            Tested::Judged(report) => suite(report),
            Tested::Broken { file, message } => {
                let mut suite = TestSuite::new(file.clone());
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
                status.set_message("cannot be run").set_description(message.clone());
                suite.add_test_case(case(file, "begins", status));
                suite
            }
            Tested::OtherLog { file, diff } => {
                let mut suite = TestSuite::new(file.clone());
                suite.add_test_case(case(file, "golden log", failed("another log", diff)));
                suite
            }
        });
    }
    report.to_string().unwrap_or_else(|e| unreachable!("XML of plain text: {e}"))
}

fn suite(report: &TestReport) -> TestSuite {
    let file = report.file.as_str();
    let mut suite = TestSuite::new(file);
    suite.add_property(("title", report.test.as_str()));
    suite.add_property(("hash", report.hash.as_str()));
    suite.add_property(("kernel", report.kernel.to_string().as_str()));
    if let Some(real) = &report.real {
        suite.add_property(("release", real.release.as_str()));
    }
    if report.status == Status::NotApplicable {
        let why = format!("the test does not speak of {}", report.kernel);
        suite.add_test_case(case(file, &report.test, skipped(&why)));
        return suite;
    }
    for claim in &report.claims {
        let status = match claim.verdict {
            Verdict::Holds => TestCaseStatus::success(),
            Verdict::Unknown => skipped(report.incomplete.as_deref().unwrap_or("the search is not complete")),
            Verdict::Violated => {
                let mut text = claim.detail.clone().unwrap_or_default();
                for step in claim.path.iter().flat_map(|path| &path.steps) {
                    text.push_str(&format!("\n{}: {} {}", step.task, step.what, step.result));
                }
                if let Some(schedule) = claim.path.as_ref().and_then(|path| path.schedule.as_ref()) {
                    text.push_str(&format!("\nschedule: {schedule}"));
                }
                failed("violated", text.trim_start())
            }
        };
        suite.add_test_case(case(file, &claim.claim, status));
    }
    for schedule in &report.schedules {
        let in_model = schedule.model.iter().map(|why| format!("in the model: {why}"));
        let wrong: Vec<String> =
            in_model.chain(schedule.kernel.iter().map(|why| format!("on the kernel: {why}"))).collect();
        let status =
            if wrong.is_empty() { TestCaseStatus::success() } else { failed("contradicted", &wrong.join("\n")) };
        suite.add_test_case(case(file, &format!("schedule {:?}", schedule.title), status));
    }
    real(report, &mut suite);
    suite
}

/// What the real kernel has to say.
fn real(report: &TestReport, suite: &mut TestSuite) {
    let file = report.file.as_str();
    for outcome in &report.outcomes {
        let status = match (outcome.steered, &outcome.why) {
            (None, _) => continue,
            (Some("confirmed"), _) => TestCaseStatus::success(),
            (Some("diverged"), _) => {
                let told = report.divergences.iter().filter(|d| Some(&d.schedule) == outcome.schedule.as_ref());
                let told = told.map(|d| {
                    let model = d.expected.as_deref().unwrap_or("nothing that it has explains this");
                    format!("schedule {}, step {}\nseen: {}\nmodel: {model}", d.schedule, d.step, d.seen)
                });
                failed("diverged", &told.collect::<Vec<_>>().join("\n"))
            }
            (Some(_), why) => skipped(why.as_deref().unwrap_or("could not be steered")),
        };
        suite.add_test_case(case(file, &format!("steered: {}", outcome.text), status));
    }
    if report.real.as_ref().is_some_and(|real| real.iterations > 0) {
        let seen = report.not_allowed.iter().map(|seen| format!("{} times {}", seen.free, seen.text));
        let seen: Vec<String> = seen.collect();
        let status = match (&seen[..], &report.incomplete) {
            ([], _) => TestCaseStatus::success(),
            (_, Some(why)) => skipped(&format!("{}, but the model's search is incomplete: {why}", seen.join("; "))),
            _ => failed("not allowed", &seen.join("\n")),
        };
        suite.add_test_case(case(file, "free runs show nothing else", status));
    }
    for reordered in &report.reordered {
        let status = failed("reordered", "the run needs another order of wake-ups than the model has");
        suite.add_test_case(case(file, &format!("order: {}", reordered.schedule), status));
    }
    if report.status == Status::Inconclusive {
        suite.add_test_case(case(file, "conclusive", skipped(&report.doubts.join("; "))));
    }
}

fn case(file: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name.to_string(), status);
    case.set_classname(file.to_string());
    case
}

fn failed(kind: &str, text: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind.to_string());
    status.set_message(text.lines().next().unwrap_or(kind).to_string());
    status.set_description(text.to_string());
    status
}

fn skipped(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(why.to_string());
    status
}
