//! From a program that differs to the smallest one that still does, in the same way.

use super::{Difference, Finding, Kind, Made, Options, Seen, Trial, Walk, begin, compare, litmus, reduce::PASSES};
use crate::{
    kernel::Env,
    program::{
        Release, resolve,
        syntax::{ExprKind, Item, Program, StmtKind},
    },
    target::{Job, Refusal, SteerOptions, Target},
};
use std::time::{Duration, Instant};

/// A program with a schedule, in a form in which both can be cut down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// The program.
    pub tree: Program,
    /// Releases, tasks by name.
    pub steps: Vec<Step>,
}

/// A release.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The name of the task.
    pub task: String,
    /// Whether sleepers are held.
    pub hold: bool,
    /// Whether a timer goes off, and which of those of `timer_create` it is.
    pub expire: Option<Option<u8>>,
}

impl Case {
    /// A trial's program with one of its schedules, up to and including a step.
    pub fn new(trial: &Trial, walk: usize, step: usize) -> Case {
        let releases = &trial.walks[walk].schedule.steps[..=step];
        let name = |task: u16| trial.program.tasks[task as usize].name.clone();
        let expire = |r: &Release| r.expire.then_some(r.timer);
        let steps = releases.iter().map(|r| Step { task: name(r.task), hold: r.hold, expire: expire(r) }).collect();
        Case { tree: trial.tree.clone(), steps }
    }

    /// The case as something to be run: the program resolved, and what the model allows of the schedule. `None` if there is
    /// no such program, or nothing is left of the schedule.
    pub fn trial(&self, env: &Env) -> Option<Trial> {
        let program = resolve(&self.tree).ok()?;
        let walk = {
            let (machine, initial) = begin(&program, env).ok()?;
            let release = |step: &Step| {
                let task = program.task_by_name(&step.task)?;
                let plain = Release { hold: step.hold, ..Release::of(task) };
                Some(step.expire.map_or(plain, |timer| Release::expire(task, timer)))
            };
            let wanted: Vec<Release> = self.steps.iter().filter_map(release).collect();
            Walk::as_far_as_legal(&machine, &initial, &wanted)
        };
        (!walk.steps.is_empty()).then(|| Trial { index: 0, tree: self.tree.clone(), program, walks: vec![walk] })
    }

    /// What is to become smaller, the most important first.
    fn weight(&self) -> (usize, usize, usize, usize, i128) {
        let tasks = self.tree.items.iter().filter(|item| matches!(item, Item::Process(_))).count();
        let holds = self.steps.iter().filter(|step| step.hold).count();
        let text = self.tree.to_string();
        (self.steps.len() + tasks, text.lines().count(), holds, text.len(), numbers(&self.tree))
    }
}

/// The sum of all numbers in calls.
fn numbers(tree: &Program) -> i128 {
    fn of(e: &crate::program::syntax::Expr) -> i128 {
        match &e.kind {
            ExprKind::Int(n) => (*n).into(),
            ExprKind::Binary { left, right, .. } => of(left) + of(right),
            ExprKind::Call(call) => call.args.iter().map(|arg| of(&arg.value)).sum(),
            _ => 0,
        }
    }
    let calls = tree.blocks().flatten().filter_map(|stmt| match &stmt.kind {
        StmtKind::Call { call, .. } => Some(call),
        _ => None,
    });
    calls.flat_map(|call| &call.args).map(|arg| of(&arg.value)).sum()
}

/// Shrinking ends after so long with what it has.
pub(super) const LONGEST: Duration = Duration::from_secs(30);
/// So many proposals are tried in one sandbox.
const BATCH: usize = 48;

/// Runs proposals; the first of them that differs in the same way, if one does.
type Attempt<'a> = &'a mut dyn FnMut(&[Case]) -> Result<Option<Case>, Refusal>;

/// Makes a case smaller as long as there is a proposal that `attempt` accepts: given some, it returns one of them, perhaps cut
/// down further. `makes` says which statement each step makes.
///
/// # Errors
///
/// Those of `attempt`.
pub(super) fn descend(
    mut best: Case,
    longest: Duration,
    makes: &dyn Fn(&Case) -> Option<Vec<Option<Made>>>,
    attempt: Attempt,
) -> Result<Case, Refusal> {
    let begun = Instant::now();
    let mut improved = true;
    while improved {
        improved = false;
        for pass in PASSES {
            while begun.elapsed() < longest {
                let Some(made) = makes(&best) else { break };
                let weight = best.weight();
                let mut proposals = pass(&best, &made);
                proposals.retain(|smaller| smaller.weight() < weight);
                let mut smaller = None;
                for batch in proposals.chunks(BATCH) {
                    smaller = attempt(batch)?;
                    if smaller.is_some() || begun.elapsed() > longest {
                        break;
                    }
                }
                let Some(found) = smaller else { break };
                best = found;
                improved = true;
            }
        }
    }
    Ok(best)
}

/// Makes a case smaller as long as it differs in the same way, for so long at most. Every proposal is walked in the model, which drops what it does
/// not allow, and then run on the target.
///
/// # Errors
///
/// When the target refuses.
pub fn shrink(
    target: &mut dyn Target,
    env: &Env,
    steer: &SteerOptions,
    longest: Duration,
    case: Case,
    mut difference: Difference,
) -> Result<(Case, Difference), Refusal> {
    let class = difference.class();
    let makes = |case: &Case| Some(case.trial(env)?.walks[0].makes.clone());
    let best = descend(case, longest, &makes, &mut |proposals| {
        let found = first_that(target, env, steer, proposals, &|d| d.class() == class)?;
        Ok(found.map(|(case, found)| {
            difference = found;
            case
        }))
    })?;
    Ok((best, difference))
}

/// The first of several cases that differs as wanted, cut off where it does.
fn first_that(
    target: &mut dyn Target,
    env: &Env,
    steer: &SteerOptions,
    cases: &[Case],
    wanted: &dyn Fn(&Difference) -> bool,
) -> Result<Option<(Case, Difference)>, Refusal> {
    let trials: Vec<Trial> = cases.iter().filter_map(|case| case.trial(env)).collect();
    let mut found = None;
    let mut first = 0;
    while first < trials.len() && found.is_none() {
        let mut done = 0;
        let result = each(target, env, steer, &trials[first..], &mut |i, seen| {
            done = i + 1;
            if let Seen::Different(difference) = seen
                && found.is_none()
                && wanted(&difference)
            {
                found = Some((Case::new(&trials[first + i], 0, difference.step), *difference));
            }
        });
        // What a proposal made of the program may be more than the target takes.
        first += done + usize::from(result.is_err());
    }
    Ok(found)
}

/// Runs the first schedule of each trial.
fn each(
    target: &mut dyn Target,
    env: &Env,
    steer: &SteerOptions,
    trials: &[Trial],
    see: &mut dyn FnMut(usize, Seen),
) -> Result<(), Refusal> {
    let jobs: Vec<Job> =
        trials.iter().map(|trial| Job { program: &trial.program, schedule: &trial.walks[0].schedule }).collect();
    target.steer_batch(&jobs, steer, &mut |i, observations, report| {
        see(i, compare(&trials[i], env, &trials[i].walks[0], observations, report));
    })
}

/// Runs a case so often; how often it differed, and how, the last time.
///
/// # Errors
///
/// When the target refuses.
pub fn confirm(
    target: &mut dyn Target,
    env: &Env,
    steer: &SteerOptions,
    case: &Case,
    times: usize,
) -> Result<(usize, Option<Difference>), Refusal> {
    let Some(trial) = case.trial(env) else { return Ok((0, None)) };
    let trials = vec![trial; times];
    let (mut count, mut last) = (0, None);
    each(target, env, steer, &trials, &mut |_, seen| {
        if let Seen::Different(difference) = seen {
            count += 1;
            last = Some(*difference);
        }
    })?;
    Ok((count, last))
}

/// Everything that is to be reported of a difference.
///
/// # Errors
///
/// When the target refuses.
pub(super) fn finding(
    target: &mut dyn Target,
    options: &Options,
    longest: Duration,
    case: Case,
    difference: Difference,
    program: u64,
) -> Result<Finding, Refusal> {
    let (env, steer) = (&options.recipe.env, &options.steer);
    let kind = Kind::Step(difference.class());
    let (mut case, mut difference) = shrink(target, env, steer, longest, case, difference)?;
    let (count, last) = confirm(target, env, steer, &case, options.confirm)?;
    difference = last.unwrap_or(difference);
    case.steps.truncate(difference.step + 1);
    let mut rules = Vec::new();
    if let Some(trial) = case.trial(env)
        && let Ok((machine, initial)) = begin(&trial.program, env)
    {
        let set = Walk::last_rules(&machine, &initial, &trial.walks[0].schedule);
        rules = set.iter().map(|rule| rule.info().id).collect();
    }
    let mut finding = Finding {
        program,
        kind,
        rules,
        confirmed: (count, options.confirm),
        text: String::new(),
        met: 1,
        tree: case.tree.clone(),
        case: Some(case),
        difference: Some(difference),
    };
    finding.tree = litmus::of_finding(&finding, &options.recipe);
    finding.text = finding.tree.to_string();
    Ok(finding)
}
