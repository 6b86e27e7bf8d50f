//! Free runs: the programs run on all CPUs without a schedule, and every outcome must be one that the search finds.

use super::{
    Case, Finding, Kind, Tell, litmus,
    run::Campaign,
    shrink::{Step, descend},
    walk::Made,
};
use crate::{
    explore,
    program::{
        Compiled, Outcome, resolve,
        syntax::{Body, Item, Program, StmtKind},
    },
    target::{FreeOptions, Refusal, Target},
    verdict::{Effort, Judgement, judge},
};
use std::time::Duration;

/// How often programs run freely, and how far the search goes for each.
#[derive(Clone, Debug)]
pub struct FreeRuns {
    /// Free runs of each program.
    pub iterations: usize,
    /// States of a search at most.
    pub max_states: usize,
    /// Time of a search at most.
    pub max_time: Duration,
}

impl Default for FreeRuns {
    fn default() -> Self {
        FreeRuns { iterations: 200, max_states: 200_000, max_time: Duration::from_secs(5) }
    }
}

impl Campaign<'_> {
    /// Programs one after the other, each explored and run freely.
    pub(super) fn run_freely(
        &mut self,
        target: &mut dyn Target,
        free: &FreeRuns,
        tell: &mut dyn FnMut(Tell),
    ) -> Result<(), Refusal> {
        let mut index = self.options.first;
        let recipe = &self.options.recipe;
        while !self.over() && self.options.programs.is_none_or(|n| index - self.options.first < n) {
            let (tree, _) = recipe.program(index);
            index += 1;
            self.summary.next = index;
            let Ok(program) = resolve(&tree) else { continue };
            let Some(judgement) = self.judged(target, &program, free)? else { continue };
            if let Some(outcome) = not_allowed(&judgement) {
                self.outcome_found(target, free, &tree, index - 1, outcome, tell)?;
            }
            self.summary.elapsed = self.begun.elapsed();
            tell(Tell::Progress(&self.summary));
        }
        Ok(())
    }

    /// Explores and runs a program, and counts what was done.
    fn judged(
        &mut self,
        target: &mut dyn Target,
        program: &Compiled,
        free: &FreeRuns,
    ) -> Result<Option<Judgement>, Refusal> {
        let judgement = match judge(program, &self.effort(free), Some(target)) {
            Ok(judgement) => judgement,
            Err(error) => {
                self.summary.skip(format!("the model cannot begin it: {error}"));
                return Ok(None);
            }
        };
        if let Some(refusal) = &judgement.refusal {
            self.refused += 1;
            if self.refused > super::run::PATIENCE {
                return Err(refusal.clone());
            }
            self.summary.skip(refusal.to_string());
            return Ok(None);
        }
        self.refused = 0;
        if let Some(why) = &judgement.exploration.incomplete {
            self.summary.skip(format!("incomplete: {why}"));
            return Ok(None);
        }
        self.summary.programs += 1;
        if let Some(real) = &judgement.real {
            self.summary.iterations += real.iterations as u64;
            self.summary.on_target += real.free_time;
            self.summary.skipped_probes += real.skipped_probes as u64;
            for _ in 0..real.unfinished {
                self.summary.showed_nothing("time-out");
            }
            for _ in 0..real.torn {
                self.summary.showed_nothing("a task was killed in the middle of a note");
            }
            let seen = real.sightings.iter().filter(|s| s.free > 0).count();
            self.summary.outcomes.0 += seen as u64;
            self.summary.outcomes.1 += judgement.exploration.outcomes.len() as u64;
        }
        Ok(Some(judgement))
    }

    fn effort(&self, free: &FreeRuns) -> Effort<'_> {
        Effort {
            explore: explore::Options {
                max_states: free.max_states,
                max_time: self.left().map_or(free.max_time, |left| left.min(free.max_time)),
                stop: self.options.stop,
                ..explore::Options::default()
            },
            free: Some(FreeOptions {
                iterations: free.iterations,
                seed: self.options.recipe.seed,
                time_limit: self.left(),
                ..FreeOptions::default()
            }),
            kernel: Some(self.options.recipe.env.version),
            switched: self.options.switched.clone(),
            ..Effort::default()
        }
    }

    fn outcome_found(
        &mut self,
        target: &mut dyn Target,
        free: &FreeRuns,
        tree: &Program,
        program: u64,
        outcome: Outcome,
        tell: &mut dyn FnMut(Tell),
    ) -> Result<(), Refusal> {
        self.summary.differences += 1;
        let kind = kind(tree, &outcome);
        if let Some(known) = self.findings.iter_mut().find(|finding| finding.kind == kind) {
            known.met += 1;
            return Ok(());
        }
        tell(Tell::Shrinking(&kind));
        let effort = self.effort(free);
        let shows = |target: &mut dyn Target, tree: &Program| {
            let judgement = judge(&resolve(tree).ok()?, &effort, Some(target)).ok()?;
            judgement.exploration.incomplete.is_none().then(|| not_allowed(&judgement)).flatten()
        };
        let mut last = outcome;
        let makes = |case: &Case| Some(every_statement(&case.tree).1);
        let case = Case { tree: tree.clone(), steps: every_statement(tree).0 };
        let case = descend(case, self.longest_shrink(), &makes, &mut |proposals| {
            for proposal in proposals {
                if let Some(outcome) = shows(target, &proposal.tree) {
                    last = outcome;
                    let steps = every_statement(&proposal.tree).0;
                    return Ok(Some(Case { tree: proposal.tree.clone(), steps }));
                }
            }
            Ok(None)
        })?;
        let times = self.options.confirm;
        let count = (0..times).filter(|_| shows(target, &case.tree).is_some()).count();
        let comments = vec![
            format!("Seed {}, program {program}, free runs.", self.options.recipe.seed),
            format!(
                "In {count} of {times} times {} free runs showed an outcome that the model does not have.",
                free.iterations
            ),
        ];
        let tree = litmus::of_outcome(&case.tree, &last, comments, kind.to_string());
        let finding = Finding {
            program,
            kind,
            rules: Vec::new(),
            confirmed: (count, times),
            text: tree.to_string(),
            met: 1,
            tree,
            case: None,
            difference: None,
        };
        tell(Tell::Found(&finding));
        self.findings.push(finding);
        self.summary.findings = self.findings.len() as u64;
        Ok(())
    }
}

/// An outcome that was seen and that a complete search has not.
fn not_allowed(judgement: &Judgement) -> Option<Outcome> {
    judgement.real.as_ref()?.not_allowed.first().map(|seen| seen.outcome.clone())
}

/// Which calls the program makes, and who sleeps or stops: what tells outcomes of different causes apart, roughly.
fn kind(tree: &Program, outcome: &Outcome) -> Kind {
    let statements = tree.blocks().flatten();
    let mut calls: Vec<&str> = statements
        .filter_map(|stmt| match &stmt.kind {
            StmtKind::Call { call, .. } => Some(call.name.name.as_str()),
            _ => None,
        })
        .collect();
    calls.sort_unstable();
    calls.dedup();
    let mut what = format!("an outcome of {}", calls.join(", "));
    if let Some((_, call)) = outcome.asleep.first() {
        what.push_str(&format!(" with a sleeper in {call}"));
    }
    Kind::Outcome(what)
}

/// A step for every statement: what can be left out of a program that has no schedule.
fn every_statement(tree: &Program) -> (Vec<Step>, Vec<Option<Made>>) {
    let mut steps = Vec::new();
    let mut add = |task: &str, handler: Option<&str>, count: usize| {
        let made = |statement| Some(Made { handler: handler.map(Into::into), statement });
        steps.extend((0..count as u32).map(|i| (Step { task: task.to_string(), hold: false, expire: None }, made(i))));
    };
    for item in &tree.items {
        let Item::Process(process) = item else { continue };
        let first = match &process.body {
            Body::Single(block) => {
                add(&process.name.name, None, block.len());
                Some(&process.name)
            }
            Body::Threads(threads) => {
                threads.iter().for_each(|t| add(&t.name.name, None, t.block.len()));
                threads.first().map(|thread| &thread.name)
            }
        };
        for (handler, first) in process.handlers.iter().zip(first.into_iter().cycle()) {
            add(&first.name, Some(&handler.name.name), handler.block.len());
        }
    }
    steps.into_iter().unzip()
}
