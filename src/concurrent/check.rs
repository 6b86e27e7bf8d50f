//! Running a script: under loom, every interleaving up to a bound; natively, many times.

use super::{
    loomed, native,
    script::{Defect, Ending, Outcome, Script},
};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Operations of one execution after which loom takes it for endless.
const MAX_BRANCHES: usize = 20_000;

/// What became of a check.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Executions that were begun.
    pub executions: u64,
    /// Every outcome, with the number of executions that had it.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// The first execution that went wrong; the check ends with it.
    pub failure: Option<Failure>,
    /// Whether everything within the bound was tried.
    pub complete: bool,
    /// Why loom could not go on, in its words.
    pub gave_up: Option<String>,
    /// How long it took.
    pub time: Duration,
}

/// An execution that went wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// In words.
    pub what: String,
    /// How it ended, and how it came to that; `None` if tasks wait for each other's locks, of which loom tells no more.
    pub ending: Option<Ending>,
}

impl Checked {
    /// Counts an execution; whether it is as it should be.
    fn add(&mut self, script: &Script, ending: Ending) -> bool {
        if let Some(what) = ending.wrong(script) {
            self.failure = Some(Failure { what, ending: Some(ending) });
            return false;
        }
        *self.outcomes.entry(ending.outcome).or_default() += 1;
        true
    }
}

/// What ends a check early, thrown through loom.
struct Enough;

/// Runs a script under loom until something is wrong, all is done, the time is over, or somebody wants it to stop.
///
/// An execution has at most `bound` preemptions. Loom tries other orders only as long as fewer than that were spent: once they
/// are, whoever runs goes on until it sleeps, and then the task with the lowest number. So bound 0 is one order, and not the
/// same as a search without preemptions.
pub fn check(
    script: &'static Script,
    defect: Option<Defect>,
    bound: usize,
    max_time: Duration,
    stop: Option<&'static AtomicBool>,
) -> Checked {
    let start = Instant::now();
    let checked = Arc::new(Mutex::new(Checked::default()));
    let tally = Arc::clone(&checked);
    let execution = move || {
        let stopped = stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        if stopped || start.elapsed() > max_time {
            resume_unwind(Box::new(Enough));
        }
        tally.lock().unwrap_or_else(PoisonError::into_inner).executions += 1;
        let ending = loomed::run::execute(script, defect);
        if !tally.lock().unwrap_or_else(PoisonError::into_inner).add(script, ending) {
            resume_unwind(Box::new(Enough));
        }
    };
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let mut loom = loom::model::Builder::new();
        (loom.max_branches, loom.max_permutations, loom.max_duration) = (MAX_BRANCHES, None, None);
        (loom.preemption_bound, loom.checkpoint_file) = (Some(bound.min(usize::from(u8::MAX))), None);
        loom.check(execution);
    }));
    let mut checked = std::mem::take(&mut *checked.lock().unwrap_or_else(PoisonError::into_inner));
    checked.time = start.elapsed();
    match ended {
        Ok(()) => checked.complete = true,
        Err(thrown) if thrown.is::<Enough>() => {}
        Err(thrown) => {
            let words = thrown.downcast_ref::<String>().map(String::as_str).or(thrown.downcast_ref::<&str>().copied());
            let words = words.unwrap_or("it panicked").to_owned();
            match words.starts_with("deadlock") {
                true => checked.failure = Some(Failure { what: words, ending: None }),
                false => checked.gave_up = Some(words),
            }
        }
    }
    checked
}

/// Runs a script on real threads so many times, or until something is wrong.
pub fn run_natively(script: &'static Script, defect: Option<Defect>, times: u64) -> Checked {
    let start = Instant::now();
    let mut checked = Checked::default();
    for _ in 0..times {
        checked.executions += 1;
        if !checked.add(script, native::run::execute(script, defect)) {
            break;
        }
    }
    checked.complete = checked.failure.is_none();
    checked.time = start.elapsed();
    checked
}
