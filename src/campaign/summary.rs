//! What a campaign has done so far.

use super::Kind;
use crate::kernel::rules::{Rule, RuleSet};
use serde::{Serialize, Serializer};
use std::{collections::BTreeMap, time::Duration};

/// What a campaign has done so far.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// The seed.
    pub seed: u64,
    /// The release string of the kernel.
    pub release: String,
    /// The version that is modelled.
    pub model: String,
    /// Programs that ran.
    pub programs: u64,
    /// The number of the program after the last one.
    pub next: u64,
    /// Steered runs.
    pub runs: u64,
    /// Steps that were compared.
    pub steps: u64,
    /// Free iterations.
    pub iterations: u64,
    /// Free mode: outcomes that were seen, and how many all programs allow.
    pub outcomes: (u64, u64),
    /// Programs that did not run, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Runs that showed nothing, by reason.
    pub nothing: BTreeMap<String, u64>,
    /// Probes that no idle task could make.
    pub skipped_probes: u64,
    /// Runs that differed from the model, those of known kinds included.
    pub differences: u64,
    /// Kinds of difference that were found.
    pub findings: u64,
    /// Programs of which one run differed, and none of the runs that were made again to confirm it.
    pub unconfirmed: Vec<Unconfirmed>,
    /// Rules that were compared with the kernel.
    #[serde(serialize_with = "names")]
    pub rules: RuleSet,
    /// Time since the beginning.
    #[serde(serialize_with = "seconds")]
    pub elapsed: Duration,
    /// Time in which the target steered or ran freely.
    #[serde(serialize_with = "seconds")]
    pub on_target: Duration,
}

/// A difference that was seen once only. On a steered run that is the machine's doing as a rule: a task had to wait for
/// something outside of its calls, such as a page that it touched, and others went first.
#[derive(Clone, Debug, Serialize)]
pub struct Unconfirmed {
    /// The number of the program.
    pub program: u64,
    /// What differed.
    pub kind: Kind,
    /// What was seen in the step that differed, in words.
    pub kernel: String,
    /// What the model had.
    pub model: String,
    /// What a look at signal sets and objects showed that was not as in the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<String>,
}

fn names<S: Serializer>(rules: &RuleSet, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rules.iter().map(|rule: Rule| rule.info().id))
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1000.0).round() / 1000.0)
}

impl Summary {
    /// Notes a program that did not run.
    pub fn skip(&mut self, why: impl Into<String>) {
        *self.skipped.entry(why.into()).or_default() += 1;
    }

    /// Notes a run that showed nothing.
    pub fn showed_nothing(&mut self, why: impl Into<String>) {
        *self.nothing.entry(why.into()).or_default() += 1;
    }

    /// Programs per second.
    pub fn programs_per_second(&self) -> f64 {
        self.programs as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// Compared steps per second.
    pub fn steps_per_second(&self) -> f64 {
        self.steps as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}
