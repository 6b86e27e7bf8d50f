//! [`Host`] as a [`Target`]: what a sandbox logs becomes observations and reports.

use super::{
    Host, fits, free,
    log::{Entry, RunEnd},
    scout, steer, sys, with_name,
};
use crate::{
    kernel::TaskId,
    program::Compiled,
    target::{
        Ending, Facts, FreeOptions, FreeReport, Iteration, Job, Method, Observation, Refusal, SteerOptions,
        SteerReport, Target,
    },
};
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

impl Target for Host {
    fn facts(&mut self) -> Result<Facts, Refusal> {
        if self.facts.is_none() {
            let config = self.config(None, None, Duration::from_secs(2))?;
            self.run(&config, &mut scout::look, &mut |_| {})?;
            self.facts = serde_json::from_str(&self.shared.message()).ok();
        }
        self.facts.clone().ok_or_else(|| Refusal::Crashed("it told nothing of itself".into()))
    }

    fn steer_batch(
        &mut self,
        jobs: &[Job],
        options: &SteerOptions,
        each: &mut dyn FnMut(usize, &[Observation], &SteerReport),
    ) -> Result<(), Refusal> {
        let mut first = 0;
        while first < jobs.len() {
            // One sandbox gives one set of capabilities.
            let alike = |job: &&Job| needs(job.program) == needs(jobs[first].program);
            let count = jobs[first..].iter().take_while(alike).count();
            let each = &mut |index, seen: &[Observation], report: &SteerReport| each(first + index, seen, report);
            self.steer_alike(&jobs[first..first + count], options, each)?;
            first += count;
        }
        Ok(())
    }

    fn free(
        &mut self,
        program: &Compiled,
        options: &FreeOptions,
        each: &mut dyn FnMut(&Iteration),
    ) -> Result<FreeReport, Refusal> {
        fits(program)?;
        let mut report = FreeReport::default();
        // An iteration's own limit is the controller's business; this one is for a controller that hangs.
        let config = self.config(Some(program), Some(false), options.limit * 2 + Duration::from_secs(1))?;
        let _reserved = reserve(&sys::allowed_cpus());
        let begun = Instant::now();
        let mut iteration = Iteration { index: 0, pinned: false, observations: Vec::new(), end: Ending::Finished };
        let ended = self.run(&config, &mut |inside| free::free(inside, program, options), &mut |entry| match entry {
            Entry::IterationBegins(index, pinned) => {
                (iteration.index, iteration.pinned) = (index, pinned);
                iteration.observations.clear();
            }
            Entry::Seen(observation) => iteration.observations.push(observation),
            Entry::RunEnds(run) => {
                iteration.end = run.decoded();
                report.iterations += 1;
                report.timed_out += usize::from(matches!(iteration.end, Ending::TimedOut { .. }));
                report.skipped_probes += run.skipped_probes as usize;
                each(&iteration);
            }
            Entry::RunBegins(..) => {}
        });
        if !ended.map_err(|refusal| with_name(refusal, program))? {
            return Err(Refusal::Crashed("it hung".into()));
        }
        report.batches = self.shared.batches.load(Ordering::Relaxed) as usize;
        report.elapsed = begun.elapsed();
        Ok(report)
    }
}

/// Waits until no other sandbox of this process uses these CPUs: tasks of one could starve those of the other.
fn reserve(cpus: &[usize]) -> Vec<MutexGuard<'static, ()>> {
    static IN_USE: [Mutex<()>; 256] = [const { Mutex::new(()) }; 256];
    // Always in ascending order, so that nobody waits in a circle.
    let locks = cpus.iter().map(|cpu| cpu % IN_USE.len()).collect::<BTreeSet<_>>();
    locks.into_iter().map(|cpu| IN_USE[cpu].lock().unwrap_or_else(PoisonError::into_inner)).collect()
}

/// What a program wants of its sandbox.
fn needs(program: &Compiled) -> (&[String], bool) {
    (&program.settings.caps, program.has_users())
}

impl Host {
    /// Steers jobs that one sandbox does for.
    fn steer_alike(
        &mut self,
        jobs: &[Job],
        options: &SteerOptions,
        each: &mut dyn FnMut(usize, &[Observation], &SteerReport),
    ) -> Result<(), Refusal> {
        let mut holds = false;
        for job in jobs {
            fits(job.program)?;
            for release in &job.schedule.steps {
                holds |= release.hold;
                if release.task as usize >= job.program.tasks.len() {
                    return Err(Refusal::NoSuchTask(release.task));
                }
            }
        }
        let fifo = options.method.map(|method| method == Method::Fifo);
        let mut config = self.config(jobs.first().map(|job| job.program), fifo, options.limit)?;
        match (config.realtime, fifo) {
            (Some(false), _) if holds => return Err(Refusal::CannotHold),
            (Some(false), Some(true)) => return Err(Refusal::NoRealtime),
            _ if holds => config.realtime = Some(true),
            _ => {}
        }
        let cpu = options.cpu.or_else(|| sys::allowed_cpus().last().copied()).unwrap_or(0);
        config.cpu = Some(cpu);
        let _reserved = reserve(&[cpu]);
        let mut done = 0;
        while done < jobs.len() {
            let mut collector = Collector::default();
            let first = done;
            let ended =
                self.run(&config, &mut |inside| steer::steer(inside, &jobs[first..], first, options), &mut |entry| {
                    if let Some((index, observations, report)) = collector.take(entry) {
                        each(index, &observations, &report);
                        done = index + 1;
                    }
                });
            let ended = ended.map_err(|refusal| match refusal {
                Refusal::NoRealtime if holds => Refusal::CannotHold,
                refusal => with_name(refusal, jobs[done.min(jobs.len() - 1)].program),
            })?;
            if !ended {
                // The watchdog ended it in the middle of a run.
                let task = self.shared.current.load(Ordering::Relaxed).checked_sub(1).map(|task| task as TaskId);
                let report = collector.timed_out(task);
                each(done, &collector.observations, &report);
                done += 1;
            } else if done == first {
                return Err(Refusal::Crashed("it did nothing".into()));
            }
        }
        Ok(())
    }
}

/// Gathers the entries of steered runs.
#[derive(Default)]
struct Collector {
    index: usize,
    realtime: bool,
    observations: Vec<Observation>,
}

impl Collector {
    fn take(&mut self, entry: Entry) -> Option<(usize, Vec<Observation>, SteerReport)> {
        match entry {
            Entry::RunBegins(index, realtime) => {
                (self.index, self.realtime) = (index, realtime);
                self.observations.clear();
                None
            }
            Entry::Seen(observation) => {
                self.observations.push(observation);
                None
            }
            Entry::RunEnds(end) => Some((self.index, std::mem::take(&mut self.observations), self.report(&end))),
            Entry::IterationBegins(..) => None,
        }
    }

    fn report(&self, run: &RunEnd) -> SteerReport {
        SteerReport {
            method: if self.realtime { Method::Fifo } else { Method::Proof },
            steps: run.steps as usize,
            elapsed: Duration::from_nanos(run.elapsed),
            checks: run.checks as usize,
            check_failures: run.check_failures as usize,
            skipped_probes: run.skipped_probes as usize,
            end: run.decoded(),
        }
    }

    fn timed_out(&self, task: Option<TaskId>) -> SteerReport {
        let steps = self.observations.iter().filter(|o| matches!(o, Observation::Quiet { .. })).count();
        let run = RunEnd { steps: steps as u64, ..RunEnd::default() };
        SteerReport { end: Ending::TimedOut { task }, ..self.report(&run) }
    }
}
