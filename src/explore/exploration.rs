//! What is asked of a search, and what it answers.

use super::{Claim, Verdict, Violation, Witness};
use crate::{kernel::rules::RuleSet, program::Outcome};
use serde::Serialize;
use std::{sync::atomic::AtomicBool, time::Duration};

/// Where tasks can be interrupted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Steps {
    /// Between calls, and where they sleep.
    #[default]
    Calls,
    /// Between all sections of kernel code, at most so often in one run; `None` is without bound.
    Sections(Option<u32>),
}

/// How to search.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// Where tasks can be interrupted.
    pub steps: Steps,
    /// No more states than this.
    pub max_states: usize,
    /// No longer than this.
    pub max_time: Duration,
    /// Compare whole states, not fingerprints.
    pub exact: bool,
    /// Set from outside to end the search.
    pub stop: Option<&'a AtomicBool>,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            steps: Steps::Calls,
            max_states: 20_000_000,
            max_time: Duration::from_secs(300),
            exact: false,
            stop: None,
        }
    }
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub struct Exploration {
    /// Every outcome, in the order in which they were found.
    pub outcomes: Vec<(Outcome, Found)>,
    /// Every claim with its verdict, in the order of the test.
    pub verdicts: Vec<(Claim, Verdict)>,
    /// Claims that do not hold, each with a shortest witness.
    pub violations: Vec<Violation>,
    /// For each reached `exists`, a shortest witness.
    pub reached: Vec<(usize, Witness)>,
    /// Rules that applied in some step.
    pub rules: RuleSet,
    /// Instructions, by task, that some path does; all those of `init`.
    pub executed: Vec<Vec<bool>>,
    /// Why the search is not exhaustive, if it isn't.
    pub incomplete: Option<Incomplete>,
    /// What it took.
    pub stats: Stats,
}

/// How an outcome is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// A shortest way.
    pub witness: Witness,
    /// The smallest number of in-call preemptions that reaches it: 0 means that a steered run can show it.
    pub preemptions: u32,
    /// How many end states have it.
    pub states: u64,
}

/// What a search took.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Stats {
    /// Distinct states.
    pub states: u64,
    /// Moves tried.
    pub transitions: u64,
    /// Moves of the longest shortest path.
    pub depth: u32,
    /// End states.
    pub ends: u64,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Bytes of table, parents and frontiers at their peak.
    pub bytes: u64,
    /// The odds that a state was taken for another one, and what follows from it omitted: 0 if whole states were compared.
    #[serde(skip_serializing_if = "negligible")]
    pub omission: f64,
}

/// Less than one in a thousand million.
fn negligible(odds: &f64) -> bool {
    *odds < 1e-9
}

/// Why a search is not exhaustive.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Incomplete {
    /// The bound on states was hit.
    States(usize),
    /// The bound on time was hit.
    Time(Duration),
    /// It was stopped from outside.
    Stopped,
    /// There are more outcomes than these, or they are further away than is worth keeping.
    Outcomes(usize),
    /// A task loops without making a call.
    Spinning(String),
}

impl std::fmt::Display for Incomplete {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Incomplete::States(n) => write!(f, "the bound of {n} states was hit (--max-states)"),
            Incomplete::Time(t) => write!(f, "the time bound of {} s was hit (--max-time)", t.as_secs_f64()),
            Incomplete::Outcomes(n) => write!(f, "there are more than {n} outcomes: does a variable grow without end?"),
            Incomplete::Stopped => f.write_str("interrupted"),
            Incomplete::Spinning(task) => write!(f, "timeout: {task} loops for ever without making a call"),
        }
    }
}
