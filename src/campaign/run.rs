//! The loop of a campaign.

use super::{
    Finding, Kind, Seen, Summary, Trial, Unconfirmed, compare, free,
    shrink::{self, Case},
    trial::Recipe,
};
use crate::{
    campaign::Difference,
    kernel::Quirk,
    target::{Job, Refusal, SteerOptions, Target},
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// What a campaign does, and for how long.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// How programs are made.
    pub recipe: Recipe,
    /// Behaviours of the model that were switched; those of the recipe's machine already are.
    pub switched: Vec<(Quirk, bool)>,
    /// Number of the first program.
    pub first: u64,
    /// So many programs at most.
    pub programs: Option<u64>,
    /// For so long at most.
    pub time: Option<Duration>,
    /// How to steer.
    pub steer: SteerOptions,
    /// Run freely instead, so often each.
    pub free: Option<free::FreeRuns>,
    /// A program that differed is run so often to see whether it does again, and once it is shrunk, how often.
    pub confirm: usize,
    /// The end, when so many kinds of difference were found.
    pub max_findings: usize,
    /// Set when the user wants an end.
    pub stop: Option<&'a AtomicBool>,
}

/// What is told while a campaign goes on.
#[derive(Debug)]
pub enum Tell<'a> {
    /// How things stand.
    Progress(&'a Summary),
    /// A new kind of difference, about to be shrunk.
    Shrinking(&'a Kind),
    /// A new kind of difference.
    Found(&'a Finding),
}

/// Jobs that one sandbox does in a row: enough that its start costs little, few enough that an end is not waited for.
const BATCH: usize = 192;
/// Jobs of a campaign that does not know yet how long they take.
const FIRST_BATCH: usize = 16;

impl Options<'_> {
    /// Whether the campaign is to end.
    pub(super) fn over(&self, begun: Instant) -> bool {
        self.time.is_some_and(|time| begun.elapsed() >= time)
            || self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// The number of the program that is not made any more.
    fn end(&self) -> u64 {
        self.programs.map_or(u64::MAX, |programs| self.first.saturating_add(programs))
    }
}

/// Runs a campaign on `target`. Returns what was done, and every kind of difference.
///
/// # Errors
///
/// When nothing can be run on the target.
pub fn run(
    target: &mut dyn Target,
    options: &Options,
    tell: &mut dyn FnMut(Tell),
) -> Result<(Summary, Vec<Finding>), Refusal> {
    let release = target.facts()?.release;
    let recipe = &options.recipe;
    let summary = Summary {
        seed: recipe.seed,
        release,
        model: recipe.env.version.to_string(),
        next: options.first,
        ..Summary::default()
    };
    let mut campaign = Campaign { options, begun: Instant::now(), summary, findings: Vec::new(), refused: 0 };
    if let Some(free) = &options.free {
        campaign.run_freely(target, free, tell)?;
    } else {
        campaign.steer(target, tell)?;
    }
    campaign.summary.elapsed = campaign.begun.elapsed();
    Ok((campaign.summary, campaign.findings))
}

/// A campaign under way.
pub(super) struct Campaign<'a> {
    pub(super) options: &'a Options<'a>,
    pub(super) begun: Instant,
    pub(super) summary: Summary,
    pub(super) findings: Vec<Finding>,
    /// Refusals in a row.
    pub(super) refused: usize,
}

/// So many refusals in a row are not the programs' fault.
pub(super) const PATIENCE: usize = 20;

impl Campaign<'_> {
    /// Whether it is to end.
    pub(super) fn over(&self) -> bool {
        self.options.over(self.begun) || self.findings.len() >= self.options.max_findings
    }

    /// Time until the end, if there is one.
    pub(super) fn left(&self) -> Option<Duration> {
        self.options.time.map(|time| time.saturating_sub(self.begun.elapsed()))
    }

    /// Steered runs, a batch of programs at a time. All on one thread: a sandbox is a fork of this process, and making programs
    /// takes a twentieth of the time.
    fn steer(&mut self, target: &mut dyn Target, tell: &mut dyn FnMut(Tell)) -> Result<(), Refusal> {
        let options = self.options;
        let mut index = options.first;
        while index < options.end() && !self.over() {
            let mut batch = Vec::new();
            let mut jobs = 0;
            let most = self.next_batch();
            while jobs < most && index < options.end() {
                match options.recipe.trial(index) {
                    Some(trial) => {
                        jobs += trial.walks.len();
                        batch.push(trial);
                    }
                    None => self.summary.skip("the model cannot begin it"),
                }
                index += 1;
            }
            self.batch(target, &batch, tell)?;
            self.summary.elapsed = self.begun.elapsed();
            tell(Tell::Progress(&self.summary));
        }
        Ok(())
    }

    /// For how long to shrink: what is cut off at once would be of little use.
    pub(super) fn longest_shrink(&self) -> Duration {
        const SHORTEST: Duration = Duration::from_secs(3);
        self.left().map_or(shrink::LONGEST, |left| left.clamp(SHORTEST, shrink::LONGEST))
    }

    /// How many jobs to do in a row, so that the end comes in time.
    fn next_batch(&self) -> usize {
        let Some(left) = self.left() else { return BATCH };
        let pace = self.summary.runs as f64 / self.begun.elapsed().as_secs_f64().max(1e-9);
        let known = if self.summary.runs == 0 { FIRST_BATCH } else { (left.as_secs_f64() * pace) as usize };
        known.clamp(1, BATCH)
    }

    /// Runs and compares a number of programs.
    fn batch(&mut self, target: &mut dyn Target, trials: &[Trial], tell: &mut dyn FnMut(Tell)) -> Result<(), Refusal> {
        let places: Vec<(usize, usize)> =
            trials.iter().enumerate().flat_map(|(t, trial)| (0..trial.walks.len()).map(move |w| (t, w))).collect();
        let job =
            |&(t, w): &(usize, usize)| Job { program: &trials[t].program, schedule: &trials[t].walks[w].schedule };
        let jobs: Vec<Job> = places.iter().map(job).collect();
        let mut different: Vec<(usize, usize, Difference)> = Vec::new();
        let mut first = 0;
        while first < jobs.len() && !self.options.over(self.begun) {
            let mut done = 0;
            let summary = &mut self.summary;
            let on_target = Instant::now();
            let result = target.steer_batch(&jobs[first..], &self.options.steer, &mut |i, observations, report| {
                done = i + 1;
                let (t, w) = places[first + i];
                let (trial, walk) = (&trials[t], &trials[t].walks[w]);
                summary.runs += 1;
                summary.skipped_probes += report.skipped_probes as u64;
                match compare(trial, &self.options.recipe.env, walk, observations, report) {
                    Seen::Same => {
                        summary.steps += walk.steps.len() as u64;
                        summary.rules.extend(&walk.rules);
                    }
                    Seen::Different(difference) => {
                        summary.steps += difference.step as u64 + 1;
                        summary.differences += 1;
                        different.push((t, w, *difference));
                    }
                    Seen::Nothing(why) => summary.showed_nothing(why),
                }
            });
            self.summary.on_target += on_target.elapsed();
            first += done;
            if let Err(refusal) = result {
                if self.options.over(self.begun) {
                    break;
                }
                self.refused = if done > 0 { 1 } else { self.refused + 1 };
                if self.refused > PATIENCE {
                    return Err(refusal);
                }
                self.summary.skip(refusal.to_string());
                first += 1;
            }
        }
        self.summary.programs += trials.len() as u64;
        self.summary.next = trials.last().map_or(self.summary.next, |trial| trial.index + 1);
        for (t, w, difference) in different {
            self.found(target, &trials[t], w, difference, tell)?;
        }
        Ok(())
    }

    /// A difference: counted if its kind is known, else made again, shrunk, and reported.
    fn found(
        &mut self,
        target: &mut dyn Target,
        trial: &Trial,
        walk: usize,
        difference: Difference,
        tell: &mut dyn FnMut(Tell),
    ) -> Result<(), Refusal> {
        let kind = Kind::Step(difference.class());
        if let Some(known) = self.findings.iter_mut().find(|finding| finding.kind == kind) {
            known.met += 1;
            return Ok(());
        }
        if self.over() {
            return Ok(());
        }
        let case = Case::new(trial, walk, difference.step);
        let (again, _) =
            shrink::confirm(target, &self.options.recipe.env, &self.options.steer, &case, self.options.confirm)?;
        if again == 0 {
            self.summary.differences -= 1;
            let [kernel, model] = difference.in_words(&trial.program);
            let objects = difference.seen.tell_difference(&difference.model, &trial.program);
            self.summary.unconfirmed.push(Unconfirmed { program: trial.index, kind, kernel, model, objects });
            return Ok(());
        }
        tell(Tell::Shrinking(&kind));
        let longest = self.longest_shrink();
        let finding = shrink::finding(target, self.options, longest, case, difference, trial.index)?;
        tell(Tell::Found(&finding));
        self.findings.push(finding);
        self.summary.findings = self.findings.len() as u64;
        Ok(())
    }
}
