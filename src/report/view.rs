//! Everything that is known of one test as plain data with stable names: what the JSON shows, and what the log and the
//! JUnit report are made of. `docs/json.md` describes it.

use super::UnreachedReport;
use crate::{
    explore::{Stats, Verdict},
    kernel::Version,
    oracle::Order,
    program::Compiled,
    verdict::{Judgement, Status},
};
use serde::Serialize;

/// A test that was judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The file that it stands in.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Its hash, see [`crate::litmus::hash`].
    pub hash: &'a str,
    /// The program.
    pub program: &'a Compiled,
    /// What was found out.
    pub judgement: &'a Judgement,
}

/// All that is known of one test.
#[derive(Clone, Debug, Serialize)]
pub struct TestReport {
    /// Title of the test.
    pub test: String,
    /// Its file.
    pub file: String,
    /// Its hash.
    pub hash: String,
    /// The version that was modelled.
    pub kernel: Version,
    /// The verdict in one word.
    pub status: Status,
    /// What the model allows, and what was seen of it.
    pub outcomes: Vec<OutcomeReport>,
    /// What was seen and is not allowed.
    pub not_allowed: Vec<NotAllowedReport>,
    /// What the test claims.
    pub claims: Vec<ClaimReport>,
    /// Its schedule blocks of this version.
    pub schedules: Vec<ScheduleReport>,
    /// Statements that no interleaving comes to.
    pub unreached: Vec<UnreachedReport>,
    /// Steered runs that the model does not explain.
    pub divergences: Vec<DivergenceReport>,
    /// Steered runs that only another order of scheduling explains than the method promises.
    pub reordered: Vec<ReorderedReport>,
    /// What the real kernel was and did, if there was one.
    pub real: Option<RealReport>,
    /// Why the search is not exhaustive, if it isn't.
    pub incomplete: Option<String>,
    /// Why the verdict is not the last word, if it isn't.
    pub doubts: Vec<String>,
    /// What the search took.
    pub stats: Stats,
}

/// An outcome that the model allows.
#[derive(Clone, Debug, Serialize)]
pub struct OutcomeReport {
    /// In words.
    pub text: String,
    /// By name.
    pub values: serde_json::Value,
    /// End states that have it.
    pub states: u64,
    /// The fewest interruptions within calls that reach it.
    pub preemptions: u32,
    /// A schedule that shows it; none can if calls must be interrupted.
    pub schedule: Option<String>,
    /// Whether a real kernel showed it; absent if none was asked.
    pub seen: Option<bool>,
    /// What became of steering it: `confirmed`, `diverged`, `not-steerable`, `ended`; absent if that was not tried.
    pub steered: Option<&'static str>,
    /// Why it was not steered, or what ended the run.
    pub why: Option<String>,
    /// Free runs that ended in it.
    pub free: Option<u64>,
}

/// An outcome that was seen and is not allowed.
#[derive(Clone, Debug, Serialize)]
pub struct NotAllowedReport {
    /// In words.
    pub text: String,
    /// By name.
    pub values: serde_json::Value,
    /// Free runs that ended in it.
    pub free: u64,
    /// Whether the model has it when the processor buffers stores (`--memory tso`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub buffered: bool,
}

/// A claim.
#[derive(Clone, Debug, Serialize)]
pub struct ClaimReport {
    /// As it is written, or in words.
    pub claim: String,
    /// `exists`, `forbid`, `final`, `always`, `no-deadlock`, `no-failure`, `no-lost-wakeup`.
    pub kind: &'static str,
    /// Whether it holds in the model.
    pub verdict: Verdict,
    /// More, if it does not.
    pub detail: Option<String>,
    /// The way to a state that contradicts it; for an `exists` that holds, to one that satisfies it.
    pub path: Option<PathReport>,
    /// For `exists` and `forbid`: free runs in which the condition was true.
    pub positive: Option<u64>,
    /// Free runs in which it was not.
    pub negative: Option<u64>,
}

/// A path.
#[derive(Clone, Debug, Serialize)]
pub struct PathReport {
    /// The schedule that forces it, if whole calls can.
    pub schedule: Option<String>,
    /// Its moves.
    pub steps: Vec<StepReport>,
}

/// One move of a path.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Who moves.
    pub task: String,
    /// The call, or what else it does.
    pub what: String,
    /// How it ended.
    pub result: String,
    /// Who was woken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub woken: Vec<String>,
    /// The rules that applied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<&'static str>,
}

/// A schedule block.
#[derive(Clone, Debug, Serialize)]
pub struct ScheduleReport {
    /// Its title, or its releases.
    pub title: String,
    /// Its releases on one line.
    pub schedule: String,
    /// What is wrong with it in the model.
    pub model: Option<String>,
    /// What is wrong with it on the real kernel.
    pub kernel: Option<String>,
    /// Whether it was run there.
    pub ran: bool,
}

/// A steered run that the model does not explain.
#[derive(Clone, Debug, Serialize)]
pub struct DivergenceReport {
    /// The schedule.
    pub schedule: String,
    /// The first step that nothing explains, counted from 1.
    pub step: usize,
    /// Who was released.
    pub task: String,
    /// What was seen.
    pub seen: String,
    /// What the model has there, if it has anything under this order.
    pub expected: Option<String>,
    /// `false` if too many states were possible to be sure.
    pub certain: bool,
}

/// A steered run that needed another order.
#[derive(Clone, Debug, Serialize)]
pub struct ReorderedReport {
    /// The schedule.
    pub schedule: String,
    /// What had to be assumed.
    pub order: Order,
}

/// What the real kernel was and did.
#[derive(Clone, Debug, Serialize)]
pub struct RealReport {
    /// `uname -r`
    pub release: String,
    /// Its version.
    pub version: Version,
    /// `fifo` or `proof`; absent if nothing was steered.
    pub method: Option<&'static str>,
    /// Steered steps.
    pub steps: usize,
    /// Seconds that they took.
    pub steered_seconds: f64,
    /// Free runs.
    pub iterations: usize,
    /// Free runs that did not come to their end.
    pub unfinished: usize,
    /// Free runs that nothing is known of, since the program killed a task while that noted what it had seen.
    pub torn: usize,
    /// Seconds that all free runs took.
    pub free_seconds: f64,
    /// How often `/proc` was asked whether all was quiet.
    pub checks: usize,
    /// How often it was not.
    pub check_failures: usize,
    /// Probes that nobody could make.
    pub skipped_probes: usize,
}
