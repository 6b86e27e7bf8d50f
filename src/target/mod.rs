//! Real kernels: programs go in, observations come out. Nothing here knows the model.
//!
//! A [`Target`] runs a program in one of two ways. *Steered*: a schedule is forced call by call, and after each step
//! everything is known that happened before the target was quiet again. *Free*: all tasks at once, many times.
//! [`Host`] is the kernel of this machine.

mod facts;
mod host;
mod ipc;
mod observation;
mod observed;
mod refusal;

pub use facts::Facts;
pub use host::Host;
pub use ipc::IpcSeen;
pub use observation::*;
pub use observed::Observed;
pub use refusal::{Refusal, Stage};

use crate::program::{Compiled, Schedule};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A kernel that programs can be run on.
pub trait Target {
    /// What the outcome of a program can depend on, as the tasks of a program see it.
    ///
    /// # Errors
    ///
    /// Why nothing can be run here.
    fn facts(&mut self) -> Result<Facts, Refusal>;

    /// Makes steered runs, each from its program's initial state. `each` is called in order, with the index of the job,
    /// everything that was observed, and how it ended. Many jobs at once are cheaper than one at a time.
    ///
    /// # Errors
    ///
    /// Why the first job for which `each` was not called cannot be run here.
    fn steer_batch(
        &mut self,
        jobs: &[Job],
        options: &SteerOptions,
        each: &mut dyn FnMut(usize, &[Observation], &SteerReport),
    ) -> Result<(), Refusal>;

    /// Runs `program` freely, many times. `each` is called after every iteration.
    ///
    /// # Errors
    ///
    /// Why the program cannot be run here.
    fn free(
        &mut self,
        program: &Compiled,
        options: &FreeOptions,
        each: &mut dyn FnMut(&Iteration),
    ) -> Result<FreeReport, Refusal>;

    /// Runs `program` by each of `schedules`; as [`Target::steer_batch`].
    ///
    /// # Errors
    ///
    /// Why the program cannot be run here.
    fn steer_many(
        &mut self,
        program: &Compiled,
        schedules: &[Schedule],
        options: &SteerOptions,
        each: &mut dyn FnMut(usize, &[Observation], &SteerReport),
    ) -> Result<(), Refusal> {
        let jobs: Vec<Job> = schedules.iter().map(|schedule| Job { program, schedule }).collect();
        self.steer_batch(&jobs, options, each)
    }

    /// Runs `program` by one schedule.
    ///
    /// # Errors
    ///
    /// Why the program cannot be run here.
    fn steer(
        &mut self,
        program: &Compiled,
        schedule: &Schedule,
        options: &SteerOptions,
        observe: &mut dyn FnMut(&Observation),
    ) -> Result<SteerReport, Refusal> {
        let mut report = None;
        self.steer_batch(&[Job { program, schedule }], options, &mut |_, observations, r| {
            observations.iter().for_each(&mut *observe);
            report = Some(r.clone());
        })?;
        report.ok_or_else(|| Refusal::Crashed("the run ended without a report".into()))
    }
}

/// A steered run to be made.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The program.
    pub program: &'a Compiled,
    /// Which task is released when.
    pub schedule: &'a Schedule,
}

/// How the controller knows that everything is quiet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Method {
    /// All tasks are `SCHED_FIFO` above the controller on one CPU: it runs exactly when none of them can.
    Fifo,
    /// Without privilege: the controller yields, and proves from `/proc` that every task sleeps.
    Proof,
}

/// How to steer.
#[derive(Clone, Debug)]
pub struct SteerOptions {
    /// The method; the best that is available, if not said.
    pub method: Option<Method>,
    /// Whether to look at objects after each step.
    pub probe: bool,
    /// Under [`Method::Fifo`], every so many steps and after the last one `/proc` is asked whether everything is quiet
    /// indeed; 0 for never.
    pub check_every: usize,
    /// A run without progress for so long is ended.
    pub limit: Duration,
    /// The CPU to use; the last one that is allowed, if not said.
    pub cpu: Option<usize>,
}

impl Default for SteerOptions {
    fn default() -> Self {
        SteerOptions { method: None, probe: false, check_every: 64, limit: Duration::from_secs(2), cpu: None }
    }
}

/// How to run freely.
#[derive(Clone, Debug)]
pub struct FreeOptions {
    /// How often.
    pub iterations: usize,
    /// Whether each task is bound to a CPU; every other iteration, if not said.
    pub pinned: Option<bool>,
    /// No iteration is begun after this time.
    pub time_limit: Option<Duration>,
    /// An iteration that is not quiet after so long is ended as [`Ending::TimedOut`].
    pub limit: Duration,
    /// Decides the delays that tasks start with.
    pub seed: u64,
}

impl Default for FreeOptions {
    fn default() -> Self {
        FreeOptions { iterations: 1000, pinned: None, time_limit: None, limit: Duration::from_secs(2), seed: 1 }
    }
}
