//! The kernel of this machine, used through sandboxes that leave nothing behind.
//!
//! One call of [`Host`] is one sandbox ([`sandbox`]): a watchdog, a controller, and workers, each a process of its own.
//! They talk through shared memory ([`shared`]) only; the controller steers ([`steer`]) or starts free runs.

mod calls;
mod free;
mod log;
mod objects;
mod probe;
mod quiet;
mod roam;
mod sandbox;
mod scout;
mod shared;
mod steer;
mod sys;
mod worker;

use super::{
    Facts, FreeOptions, FreeReport, Iteration, Method, Observation, Refusal, SteerOptions, SteerReport, Target,
};
use crate::{
    kernel::TaskId,
    program::{Compiled, Schedule},
    target::{Ending, Stage},
};
use log::{Entry, RunEnd};
use sandbox::{Config, Inside};
use shared::{MAX_OBJECTS, MAX_TASKS, Shared, handover, verdict};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use sys::Caps;

/// The kernel of this machine.
#[derive(Debug)]
pub struct Host {
    shared: Shared,
    facts: Option<Facts>,
    unprivileged: bool,
}

/// A sandbox that does not even start its controller in this time never will.
const START_LIMIT: Duration = Duration::from_secs(10);

impl Host {
    /// Uses whatever privilege this process has.
    ///
    /// # Errors
    ///
    /// If there is no memory.
    pub fn new() -> Result<Host, Refusal> {
        Ok(Host { shared: Shared::new()?, facts: None, unprivileged: false })
    }

    /// Makes no use of privileges: as if run by an ordinary user.
    ///
    /// # Errors
    ///
    /// If there is no memory.
    pub fn unprivileged() -> Result<Host, Refusal> {
        Ok(Host { unprivileged: true, ..Host::new()? })
    }

    /// Runs `job` in a sandbox, and `read` on what it logs. Returns whether it ended by itself; if not, it timed out.
    fn run(
        &mut self,
        config: &Config,
        job: &mut dyn FnMut(Inside),
        read: &mut dyn FnMut(Entry),
    ) -> Result<bool, Refusal> {
        self.shared.reset();
        let shared = &self.shared;
        let watchdog = sandbox::launch(shared, config, job).map_err(|e| shared::refusal(Stage::Fork, &e))?;
        let begun = Instant::now();
        let mut read_all = || {
            let mut at = 0;
            while let Some((entry, next)) = shared.entry(at) {
                read(entry);
                at = next;
            }
        };
        loop {
            match shared.handover.load(Ordering::Acquire) {
                handover::FULL => {
                    read_all();
                    sys::futex_post(&shared.handover, handover::WORKING);
                }
                handover::OVER => break,
                other => sys::futex_wait(&shared.handover, other, Some(Duration::from_millis(50))),
            }
            if exited(watchdog, libc::WNOWAIT) {
                break;
            }
            if begun.elapsed() > START_LIMIT && shared.progress.load(Ordering::Relaxed) == 0 {
                // SAFETY: the watchdog is our child and not reaped yet.
                unsafe { libc::kill(watchdog, libc::SIGKILL) };
            }
        }
        while !exited(watchdog, 0) {
            std::thread::sleep(Duration::from_micros(20));
        }
        read_all();
        self.verdict()
    }

    fn verdict(&self) -> Result<bool, Refusal> {
        let shared = &self.shared;
        let (reason, errno) = (shared.reason.load(Ordering::Relaxed), shared.errno.load(Ordering::Relaxed) as i32);
        match shared.verdict.load(Ordering::Acquire) {
            verdict::DONE => Ok(true),
            verdict::TIMED_OUT => Ok(false),
            verdict::REFUSED => {
                let stage = Stage::ALL.get(reason as usize).copied().unwrap_or(Stage::Watchdog);
                Err(Refusal::Sandbox { stage, errno })
            }
            verdict::NO_REALTIME => Err(Refusal::NoRealtime),
            // The caller, who has the program, adds the name.
            verdict::NO_OBJECT => Err(Refusal::Object { name: reason.to_string(), errno }),
            verdict::PANICKED => Err(Refusal::Crashed(shared.message())),
            _ => Err(Refusal::Crashed("it was killed, perhaps for want of memory".into())),
        }
    }

    fn config(&self, program: Option<&Compiled>, realtime: Option<bool>, limit: Duration) -> Result<Config, Refusal> {
        let mut config = Config {
            realtime: if self.unprivileged { Some(false) } else { realtime },
            unprivileged: self.unprivileged,
            limit,
            cpu: None,
            task_caps: Caps::default(),
            users: false,
        };
        let Some(program) = program else { return Ok(config) };
        let effective = Caps::effective();
        let privileged = effective.has(sys::CAP_SYS_ADMIN) && !self.unprivileged;
        for name in &program.settings.caps {
            match Caps::number(name) {
                Some(number) if privileged && effective.has(number) => {
                    config.task_caps = config.task_caps.with(number);
                }
                _ => return Err(Refusal::Capability(name.clone())),
            }
        }
        config.users = program.processes.iter().any(|p| p.user > 0);
        if config.users && !(privileged && effective.has(sys::CAP_SETUID) && effective.has(sys::CAP_SETGID)) {
            return Err(Refusal::Users);
        }
        Ok(config)
    }
}

/// Whether a child has ended; it is reaped unless `flags` say otherwise.
fn exited(child: i32, flags: i32) -> bool {
    // SAFETY: all zero is a valid `siginfo_t`.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` lives through the call.
    let ret = unsafe { libc::waitid(libc::P_PID, child as u32, &raw mut info, libc::WEXITED | libc::WNOHANG | flags) };
    // SAFETY: `waitid` leaves the pid 0 if there is nothing to report.
    ret != 0 || unsafe { info.si_pid() } != 0
}

/// Whether a program fits into the shared memory.
fn fits(program: &Compiled) -> Result<(), Refusal> {
    let too_big = |what, most| Err(Refusal::TooBig { what, most });
    if program.tasks.len() > MAX_TASKS {
        return too_big("tasks", MAX_TASKS);
    }
    if program.objects.len() > MAX_OBJECTS {
        return too_big("objects", MAX_OBJECTS);
    }
    if program.processes.iter().any(|p| p.ends.len() > objects::MAX_ENDS) {
        return too_big("descriptors in one process", objects::MAX_ENDS);
    }
    Ok(())
}

/// Puts the name of a declared object into a refusal that has its number.
fn with_name(refusal: Refusal, program: &Compiled) -> Refusal {
    match refusal {
        Refusal::Object { name, errno } => {
            let object = name.parse().ok().and_then(|i: usize| program.objects.get(i));
            Refusal::Object { name: object.map_or(name, |o| o.name.clone()), errno }
        }
        other => other,
    }
}

impl Target for Host {
    fn facts(&mut self) -> Result<Facts, Refusal> {
        if self.facts.is_none() {
            let config = self.config(None, None, Duration::from_secs(2))?;
            self.run(&config, &mut scout::look, &mut |_| {})?;
            self.facts = serde_json::from_str(&self.shared.message()).ok();
        }
        self.facts.clone().ok_or_else(|| Refusal::Crashed("it told nothing of itself".into()))
    }

    fn steer_many(
        &mut self,
        program: &Compiled,
        schedules: &[Schedule],
        options: &SteerOptions,
        each: &mut dyn FnMut(usize, &[Observation], &SteerReport),
    ) -> Result<(), Refusal> {
        fits(program)?;
        let holds = schedules.iter().flat_map(|s| &s.steps).any(|release| release.hold);
        if let Some(unknown) = schedules.iter().flat_map(|s| &s.steps).find(|r| r.task as usize >= program.tasks.len())
        {
            return Err(Refusal::NoSuchTask(unknown.task));
        }
        let realtime = options.method.map(|method| method == Method::Fifo);
        let mut config = self.config(Some(program), realtime, options.limit)?;
        if config.realtime == Some(false) && realtime == Some(true) {
            return Err(Refusal::NoRealtime);
        }
        if holds {
            if config.realtime == Some(false) {
                return Err(Refusal::CannotHold);
            }
            config.realtime = Some(true);
        }
        config.cpu = options.cpu.or_else(|| sys::allowed_cpus().last().copied());
        let mut done = 0;
        while done < schedules.len() {
            let mut collector = Collector::default();
            let first = done;
            let ended = self.run(
                &config,
                &mut |inside| steer::steer(inside, program, &schedules[first..], first, options),
                &mut |entry| {
                    if let Some((index, observations, report)) = collector.take(entry) {
                        each(index, &observations, &report);
                        done = index + 1;
                    }
                },
            );
            let ended = ended.map_err(|refusal| match refusal {
                Refusal::NoRealtime if holds => Refusal::CannotHold,
                refusal => with_name(refusal, program),
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

    fn free(
        &mut self,
        program: &Compiled,
        options: &FreeOptions,
        each: &mut dyn FnMut(&Iteration),
    ) -> Result<FreeReport, Refusal> {
        fits(program)?;
        let begun = Instant::now();
        let mut report = FreeReport::default();
        // An iteration's own limit is the controller's business; this one is for a controller that hangs.
        let config = self.config(Some(program), Some(false), options.limit * 2 + Duration::from_secs(1))?;
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
