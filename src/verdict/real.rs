//! What a real kernel did with a program.

use super::scheduled;
use crate::{
    explore::{Exploration, Found},
    kernel::{Caps, Env, Limits, QuirkSet, Version, rules::RuleSet},
    machine::{Machine, State},
    oracle::{Divergence, Order, follow, steps},
    program::{Compiled, ExprCode, Outcome, Schedule, Value},
    target::{Ending, Facts, FreeOptions, Method, Observed, Refusal, SteerOptions, Target},
};
use std::time::Duration;

/// What was seen of one outcome that the model allows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sighting {
    /// Whether steering its witness showed it.
    pub steered: Option<Confirmation>,
    /// How many free runs ended in it.
    pub free: u64,
}

/// What became of the attempt to show an outcome by steering its witness.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Confirmation {
    /// The real kernel did the same, step by step.
    Confirmed,
    /// Not tried, for this reason: the outcome needs tasks that interrupt each other within a call, say.
    NotSteerable(&'static str),
    /// The real kernel did something else: see [`Real::divergences`].
    Diverged,
    /// The run did not come to its end.
    Ended(Ending),
}

/// An outcome that was seen and is not allowed.
#[derive(Clone, Debug)]
pub struct NotAllowed {
    /// The outcome.
    pub outcome: Outcome,
    /// In how many free runs.
    pub free: u64,
    /// The model has it if the processor buffers stores.
    pub buffered: bool,
}

/// What a real kernel did.
#[derive(Clone, Debug)]
pub struct Real {
    /// The kernel.
    pub facts: Facts,
    /// How it was steered, if it was.
    pub method: Option<Method>,
    /// For each outcome of the model, in its order.
    pub sightings: Vec<Sighting>,
    /// Outcomes of free runs that the model does not allow.
    pub not_allowed: Vec<NotAllowed>,
    /// Steered runs that the model does not explain.
    pub divergences: Vec<(Schedule, Divergence)>,
    /// Steered runs that needed another order of scheduling than the method promises.
    pub reordered: Vec<(Schedule, Order)>,
    /// Rules that applied in steered runs which the model followed.
    pub rules: RuleSet,
    /// Steered steps, and the time that they took.
    pub steps: usize,
    /// Time of the steered steps.
    pub steered_time: Duration,
    /// Confirmations from `/proc` that all was quiet, and how many of them failed.
    pub checks: (usize, usize),
    /// Free iterations made.
    pub iterations: usize,
    /// Free iterations that did not come to an end by themselves.
    pub unfinished: usize,
    /// Free iterations that nothing is known of: the program killed a task while that noted what it had seen.
    pub torn: usize,
    /// Probes that no idle task could make.
    pub skipped_probes: usize,
    /// Time of the free runs.
    pub free_time: Duration,
}

/// The machine to model: the target's, if there is one, with the behaviours of `version` if that is given.
pub fn model_env(facts: Option<&Facts>, version: Option<Version>) -> Env {
    match (facts, version) {
        (Some(facts), None) => base_env(facts),
        (Some(facts), Some(version)) => Env { version, quirks: QuirkSet::of(version), ..base_env(facts) },
        (None, version) => Env::new(version.unwrap_or(Version::NEWEST)),
    }
}

/// The machine that a target is.
pub fn base_env(facts: &Facts) -> Env {
    let pages = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Env {
        limits: Limits {
            pipe_max_size: pages(facts.pipe_max_size),
            pipe_user_pages_soft: pages(facts.pipe_user_pages_soft),
            pipe_user_pages_hard: pages(facts.pipe_user_pages_hard),
            nofile: pages(facts.nofile),
            msgmax: pages(facts.msgmax),
            msgmnb: pages(facts.msgmnb),
            msgmni: pages(facts.msgmni),
            semmsl: pages(facts.sem[0]),
            semmns: pages(facts.sem[1]),
            semopm: pages(facts.sem[2]),
            semmni: pages(facts.sem[3]),
            shmmax: facts.shmmax,
            shmall: facts.shmall,
            shmmni: pages(facts.shmmni),
            mmap_min_addr: facts.mmap_min_addr,
            shm_rmid_forced: facts.shm_rmid_forced,
            ..Limits::default()
        },
        caps: Caps { sys_resource: facts.cap_sys_resource, sys_admin: facts.cap_sys_admin, ..Caps::default() },
        ..Env::new(facts.version)
    }
}

impl Real {
    /// Nothing done yet.
    pub fn new(facts: Facts, outcomes: usize) -> Self {
        Real {
            facts,
            method: None,
            sightings: vec![Sighting::default(); outcomes],
            not_allowed: Vec::new(),
            divergences: Vec::new(),
            reordered: Vec::new(),
            rules: RuleSet::default(),
            steps: 0,
            steered_time: Duration::ZERO,
            checks: (0, 0),
            iterations: 0,
            unfinished: 0,
            torn: 0,
            skipped_probes: 0,
            free_time: Duration::ZERO,
        }
    }

    /// Whether the real kernel did something that the model does not have.
    pub fn diverged(&self) -> bool {
        !self.not_allowed.is_empty() || !self.divergences.is_empty() || !self.reordered.is_empty()
    }

    /// Whether woken tasks can be held.
    pub fn can_hold(&self, options: &SteerOptions) -> bool {
        self.facts.realtime && options.method != Some(Method::Proof)
    }

    /// Moves outcomes that a wider search has found to those that are allowed.
    pub fn admit(&mut self, program: &Compiled, exploration: &mut Exploration, wider: Vec<(Outcome, Found)>) {
        for (outcome, found) in wider {
            let Some(i) = self.not_allowed.iter().position(|seen| admits(program, &outcome, &seen.outcome)) else {
                continue;
            };
            let seen = self.not_allowed.swap_remove(i);
            let steered = Some(Confirmation::NotSteerable("only reached by interrupting a call"));
            self.sightings.push(Sighting { steered, free: seen.free });
            exploration.outcomes.push((outcome, found));
        }
    }

    /// Steers the witness of each outcome that whole calls can reach, at most `most` of them.
    ///
    /// # Errors
    ///
    /// When the target refuses.
    pub fn steer_outcomes(
        &mut self,
        target: &mut dyn Target,
        machine: &Machine,
        initial: &State,
        exploration: &Exploration,
        options: &SteerOptions,
        most: usize,
    ) -> Result<(), Refusal> {
        let can_hold = self.can_hold(options);
        let (mut chosen, mut schedules) = (Vec::new(), Vec::new());
        for (i, (_, found)) in exploration.outcomes.iter().enumerate() {
            let schedule = scheduled::forcing(machine, initial, &found.witness);
            let why = match &schedule {
                _ if found.preemptions > 0 => Some("only reached by interrupting a call"),
                None if found.witness.reorders() => Some("only reached through the store buffer of a processor"),
                None => Some("cannot be forced"),
                Some(s) if !can_hold && s.steps.iter().any(|step| step.hold) => {
                    Some("needs tasks to be held, which only SCHED_FIFO can do")
                }
                Some(_) if chosen.len() >= most => Some("over the bound of --max-steered"),
                Some(_) => None,
            };
            match (schedule, why) {
                (Some(schedule), None) => {
                    chosen.push(i);
                    schedules.push(schedule);
                }
                (_, why) => self.sightings[i].steered = why.map(Confirmation::NotSteerable),
            }
        }
        if schedules.is_empty() {
            return Ok(());
        }
        let mut done = 0;
        let this = &mut *self;
        let result = target.steer_many(machine.program, &schedules, options, &mut |i, observations, report| {
            done = i + 1;
            this.count(report);
            let (outcome, _) = &exploration.outcomes[chosen[i]];
            let confirmation = match &report.end {
                Ending::Finished | Ending::ScheduleImpossible { .. } => {
                    let world = Observed::after(machine.program, observations);
                    let seen = Outcome::of(machine.program, &world);
                    let followed = this.follow(machine, initial, &schedules[i], observations, report.method);
                    if followed && admits(machine.program, outcome, &seen) {
                        Confirmation::Confirmed
                    } else {
                        Confirmation::Diverged
                    }
                }
                // The clock has an order of its own for the timers of a path.
                Ending::OutOfTurn => Confirmation::NotSteerable("timers go off in another order"),
                end => Confirmation::Ended(end.clone()),
            };
            this.sightings[chosen[i]].steered = Some(confirmation);
        });
        debug_assert!(done <= schedules.len());
        result
    }

    /// Steers the schedule blocks with these indices; what is wrong with each.
    ///
    /// # Errors
    ///
    /// When the target refuses.
    pub fn steer_schedules(
        &mut self,
        target: &mut dyn Target,
        machine: &Machine,
        initial: &State,
        indices: &[usize],
        options: &SteerOptions,
    ) -> Result<Vec<(usize, Option<scheduled::Mismatch>)>, Refusal> {
        let program = machine.program;
        let schedules: Vec<Schedule> = indices.iter().map(|&i| program.schedules[i].schedule()).collect();
        let mut verdicts = Vec::new();
        let this = &mut *self;
        target.steer_many(program, &schedules, options, &mut |i, observations, report| {
            this.count(report);
            this.follow(machine, initial, &schedules[i], observations, report.method);
            let code = &program.schedules[indices[i]];
            let seen = steps(program, observations);
            let ends = quiet_points(observations);
            let world = |step: usize| Observed::after(program, &observations[..ends.get(step).copied().unwrap_or(0)]);
            let mut mismatch = scheduled::in_kernel(machine, code, &seen, world);
            if mismatch.is_none()
                && let Some(message) = trouble(program, &report.end)
            {
                mismatch = Some(scheduled::Mismatch { span: code.span, message });
            }
            verdicts.push((indices[i], mismatch));
        })?;
        Ok(verdicts)
    }

    /// Runs freely and sorts the outcomes.
    ///
    /// # Errors
    ///
    /// When the target refuses.
    pub fn run_free(
        &mut self,
        target: &mut dyn Target,
        program: &Compiled,
        exploration: &Exploration,
        options: &FreeOptions,
    ) -> Result<(), Refusal> {
        let this = &mut *self;
        let report = target.free(program, options, &mut |iteration| {
            if iteration.end != Ending::Finished {
                *if iteration.end == Ending::Torn { &mut this.torn } else { &mut this.unfinished } += 1;
                return;
            }
            let seen = Outcome::of(program, &Observed::after(program, &iteration.observations));
            let allowed = exploration.outcomes.iter().position(|(outcome, _)| admits(program, outcome, &seen));
            match allowed {
                Some(i) => this.sightings[i].free += iteration.times,
                None => match this.not_allowed.iter_mut().find(|n| n.outcome == seen) {
                    Some(known) => known.free += iteration.times,
                    None => this.not_allowed.push(NotAllowed { outcome: seen, free: iteration.times, buffered: false }),
                },
            }
        })?;
        self.iterations += report.iterations;
        self.skipped_probes += report.skipped_probes;
        self.free_time += report.elapsed;
        Ok(())
    }

    fn count(&mut self, report: &crate::target::SteerReport) {
        self.method = Some(report.method);
        self.steps += report.steps;
        self.steered_time += report.elapsed;
        self.checks.0 += report.checks;
        self.checks.1 += report.check_failures;
        self.skipped_probes += report.skipped_probes;
    }

    /// Whether the model explains a steered run.
    fn follow(
        &mut self,
        machine: &Machine,
        initial: &State,
        schedule: &Schedule,
        observations: &[crate::target::Observation],
        method: Method,
    ) -> bool {
        let promised = if method == Method::Fifo { Order::Fifo } else { Order::Calls };
        match follow(machine, initial, schedule, &steps(machine.program, observations), promised) {
            Ok(explained) => {
                self.rules.extend(&explained.rules);
                if explained.order > promised {
                    self.reordered.push((schedule.clone(), explained.order));
                }
                true
            }
            Err(divergence) => {
                self.divergences.push((schedule.clone(), *divergence));
                false
            }
        }
    }
}

/// For each number of steps, how many observations had been made when it was quiet.
fn quiet_points(observations: &[crate::target::Observation]) -> Vec<usize> {
    use crate::target::Observation;
    let first =
        observations.iter().position(|o| matches!(o, Observation::Released { .. })).unwrap_or(observations.len());
    let quiet = observations.iter().enumerate().skip(first).filter(|(_, o)| matches!(o, Observation::Quiet { .. }));
    std::iter::once(first).chain(quiet.map(|(i, _)| i + 1)).collect()
}

/// What kept a steered run from its end, in words.
pub fn trouble(program: &Compiled, end: &Ending) -> Option<String> {
    let name = |task: u16| program.tasks[task as usize].name.as_str();
    Some(match end {
        Ending::Finished => return None,
        Ending::ScheduleImpossible { task, why, .. } => scheduled::cannot(name(*task), *why),
        Ending::TimedOut { task: Some(task) } => format!("timeout: {} ran for too long", name(*task)),
        Ending::TimedOut { task: None } => "timeout: something ran for too long".into(),
        other => other.trouble()?.into(),
    })
}

/// Whether what was seen is this outcome of the model. Fields of objects that no probe could see match anything.
pub fn admits(program: &Compiled, allowed: &Outcome, seen: &Outcome) -> bool {
    let fields = program.shown.iter().zip(&allowed.shown).zip(&seen.shown);
    allowed.asleep == seen.asleep
        && allowed.halted == seen.halted
        && fields.into_iter().all(|((shown, allowed), seen)| {
            let unseen = *seen == Value::None && matches!(shown.value, ExprCode::Object { .. } | ExprCode::Sem { .. });
            unseen || allowed == seen
        })
}
