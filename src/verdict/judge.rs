//! All that is done with one test.

use super::{Real, ScheduleVerdict, memory, model_env, scheduled};
use crate::{
    explore::{Exploration, Options, Steps, Verdict, explore},
    kernel::{Env, Memory, Observe, Quirk, Version},
    machine::{Machine, SetupError, environment},
    program::Compiled,
    target::{FreeOptions, Refusal, SteerOptions, Target},
};
use serde::Serialize;

/// What is to be done with a test.
#[derive(Clone, Debug, Default)]
pub struct Effort<'a> {
    /// How to explore.
    pub explore: Options<'a>,
    /// How to steer; not at all, if `None`.
    pub steer: Option<SteerOptions>,
    /// No more witnesses than this are steered.
    pub max_steered: usize,
    /// How to run freely; not at all, if `None`.
    pub free: Option<FreeOptions>,
    /// The version to model; the target's, or the newest, if not said.
    pub kernel: Option<Version>,
    /// Behaviours that are switched on or off, whatever the version and the test say.
    pub switched: Vec<(Quirk, bool)>,
    /// In which order stores to shared memory become visible; as the test says, if not said.
    pub memory: Option<Memory>,
}

/// The verdict on a test.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Everything that is claimed is true, and the real kernel did nothing else.
    Holds,
    /// The test does not speak of this kernel version.
    NotApplicable,
    /// A bound was hit, or something could not be run.
    Inconclusive,
    /// Something that is claimed is not true in the model.
    Violated,
    /// The real kernel did something that the model does not have.
    Diverged,
}

/// All that was found out.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The machine that was modelled.
    pub env: Env,
    /// What the model allows.
    pub exploration: Exploration,
    /// Verdicts on the schedule blocks of this version.
    pub schedules: Vec<ScheduleVerdict>,
    /// What the real kernel did.
    pub real: Option<Real>,
    /// Why the real kernel did nothing, if it should have.
    pub refusal: Option<Refusal>,
    /// Whether the test speaks of this version.
    pub applies: bool,
}

impl Judgement {
    /// The verdict in one word.
    pub fn status(&self) -> Status {
        let real = self.real.as_ref();
        // Both sides contradict a schedule that is simply wrong; only the kernel one that it does not follow.
        let kernel_only = self.schedules.iter().any(|s| s.kernel.is_some() && s.model.is_none());
        let certain = kernel_only || real.is_some_and(|r| !r.divergences.is_empty() || !r.reordered.is_empty());
        // What a search that is not complete has not found, it does not forbid.
        let strange = |r: &Real| r.not_allowed.iter().any(|seen| !seen.buffered);
        let unknown_outcome = real.is_some_and(strange) && self.exploration.incomplete.is_none();
        if !self.applies {
            Status::NotApplicable
        } else if certain || unknown_outcome {
            Status::Diverged
        } else if !self.exploration.violations.is_empty() || self.schedules.iter().any(|s| s.model.is_some()) {
            Status::Violated
        } else if !self.doubts().is_empty() {
            Status::Inconclusive
        } else {
            Status::Holds
        }
    }

    /// Why the verdict is not the last word, if it isn't.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        doubts.extend(self.exploration.incomplete.as_ref().map(|why| format!("incomplete: {why}")));
        doubts.extend(self.refusal.as_ref().map(|why| format!("not run on a real kernel: {why}")));
        if let Some(real) = &self.real {
            if real.unfinished > 0 {
                let (cut, all) = (real.unfinished, real.iterations);
                doubts.push(format!("timeout: {cut} of {all} free runs did not come to an end and were cut off"));
            }
            if real.checks.1 > 0 {
                doubts.push(format!(
                    "self-check: {} of {} failed, so that the steered runs prove nothing",
                    real.checks.1, real.checks.0
                ));
            }
            let buffered: u64 = real.not_allowed.iter().filter(|seen| seen.buffered).map(|seen| seen.free).sum();
            if buffered > 0 {
                doubts.push(format!(
                    "{buffered} free runs ended as only a processor with store buffers can: judge the test with --memory tso"
                ));
            }
            for sighting in &real.sightings {
                if let Some(super::Confirmation::Ended(end)) = &sighting.steered {
                    let why = end.trouble().unwrap_or("it went another way");
                    doubts.push(format!("a witness could not be steered to its end: {why}"));
                }
            }
        }
        doubts
    }

    /// How many claims have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.exploration.verdicts.iter().filter(|(_, v)| *v == verdict).count()
    }
}

/// Explores a test, and runs it on `target` if there is one.
///
/// # Errors
///
/// When the program cannot begin.
pub fn judge(
    program: &Compiled,
    effort: &Effort,
    mut target: Option<&mut dyn Target>,
) -> Result<Judgement, SetupError> {
    let mut refusal = None;
    let facts = target.as_mut().and_then(|t| t.facts().map_err(|why| refusal = Some(why)).ok());
    let base = model_env(facts.as_ref(), effort.kernel);
    let version = base.version;
    if !program.settings.kernel.contains(version) {
        // Its objects may not even exist there.
        return Ok(Judgement {
            env: base,
            exploration: Exploration::default(),
            schedules: Vec::new(),
            real: None,
            refusal,
            applies: false,
        });
    }
    let mut env = environment(program, base)?;
    env.memory = effort.memory.unwrap_or(env.memory);
    env.switch(&effort.switched);
    let machine = Machine::new(program, env);
    let initial = machine.initial()?;
    let mut exploration = explore(&machine, &effort.explore)?;
    memory::prefer_steerable(&machine, &effort.explore, &mut exploration);
    let mut schedules = Vec::new();
    for (index, code) in program.schedules.iter().enumerate().filter(|(_, s)| s.on.contains(version)) {
        let (_, model) = scheduled::in_model(&machine, &initial, code);
        schedules.push(ScheduleVerdict { index, model, kernel: None, ran: false });
    }
    let mut judgement =
        Judgement { env: machine.env.clone(), exploration, schedules, real: None, refusal, applies: true };
    if let (Some(facts), Some(target)) = (facts, target) {
        let mut real = Real::new(facts, judgement.exploration.outcomes.len());
        // Probes see more than the program does.
        let observe = Observe { pids: true, ..machine.env.observe };
        let keen = Machine::new(program, Env { observe, ..machine.env.clone() });
        let initial = keen.initial()?;
        let ran = run(target, &machine, (&keen, &initial), effort, &mut judgement, &mut real);
        judgement.refusal = ran.err();
        judgement.real = Some(real);
    }
    Ok(judgement)
}

fn run(
    target: &mut dyn Target,
    machine: &Machine,
    (keen, initial): (&Machine, &crate::machine::State),
    effort: &Effort,
    judgement: &mut Judgement,
    real: &mut Real,
) -> Result<(), Refusal> {
    let settings = &machine.program.settings;
    if !(settings.quirks.is_empty() && settings.limits.is_empty() && settings.memory != Some(Memory::Sc)) {
        // Nothing that is the user's own is changed: the test is about the model.
        return Ok(());
    }
    if let Some(steer) = &effort.steer {
        let can_hold = real.can_hold(steer);
        let can_run = |&i: &usize| scheduled::can_run(&machine.program.schedules[i], can_hold);
        let indices: Vec<usize> = judgement.schedules.iter().map(|s| s.index).filter(can_run).collect();
        if !indices.is_empty() {
            for (index, mismatch) in real.steer_schedules(target, keen, initial, &indices, steer)? {
                if let Some(verdict) = judgement.schedules.iter_mut().find(|s| s.index == index) {
                    (verdict.kernel, verdict.ran) = (mismatch, true);
                }
            }
        }
        real.steer_outcomes(target, keen, initial, &judgement.exploration, steer, effort.max_steered)?;
    }
    if let Some(free) = &effort.free
        && !machine.program.forks_threads_with_signals()
        && !machine.program.uses_alarms()
    {
        real.run_free(target, machine.program, &judgement.exploration, free)?;
        if !real.not_allowed.is_empty() {
            look_within_calls(machine, effort, judgement, real);
            memory::explain_by_buffers(machine, &effort.explore, real);
        }
    }
    Ok(())
}

/// Free runs interrupt calls: an outcome that whole calls do not have may still be the model's. The search is repeated with
/// more and more interruptions, until it has every outcome that was seen or a bound is hit.
fn look_within_calls(machine: &Machine, effort: &Effort, judgement: &mut Judgement, real: &mut Real) {
    let bounds = [Some(1), Some(2), Some(3), None];
    let more = bounds.into_iter().filter(|_| effort.explore.steps == Steps::Calls);
    for steps in more.map(Steps::Sections) {
        if real.not_allowed.is_empty() {
            break;
        }
        let Ok(wider) = explore(machine, &Options { steps, ..effort.explore.clone() }) else { return };
        real.admit(machine.program, &mut judgement.exploration, wider.outcomes);
        if let Some(why) = wider.incomplete {
            // What was not found now may still be there.
            judgement.exploration.incomplete.get_or_insert(why);
            break;
        }
    }
}
