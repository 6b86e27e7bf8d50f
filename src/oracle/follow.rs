//! Following a steered run.

use super::{Any, CAP, Fifo, StepSeen};
use crate::{
    kernel::{Trace, rules::RuleSet},
    machine::{Machine, State},
    program::{Outcome, Release, Schedule},
};
use serde::Serialize;

/// What had to be assumed of the target's scheduling.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Woken tasks went on in the order in which they were woken.
    Fifo,
    /// Woken tasks went on in some order.
    Calls,
    /// Tasks interrupted each other within calls.
    Sections,
}

/// A run that the model explains.
#[derive(Clone, Debug)]
pub struct Explained {
    /// What had to be assumed.
    pub order: Order,
    /// The model's outcome after the last step; `None` if several states explain the run and they differ in it.
    pub outcome: Option<Outcome>,
    /// Rules that applied, if one path was followed.
    pub rules: RuleSet,
}

/// A run that the model does not explain.
#[derive(Clone, Debug)]
pub struct Divergence {
    /// The first step that nothing explains; the steps before are the longest explained prefix.
    pub step: usize,
    /// The release of that step.
    pub release: Release,
    /// What was seen.
    pub seen: StepSeen,
    /// What the model has under the target's scheduling; `None` if it cannot release the task there.
    pub expected: Option<StepSeen>,
    /// Too many states were possible to be sure.
    pub capped: bool,
}

/// Follows the steps of a run; `first` is what is assumed of the scheduling to begin with.
///
/// # Errors
///
/// The first step that the model cannot explain under any order.
pub fn follow(
    machine: &Machine,
    initial: &State,
    schedule: &Schedule,
    seen: &[StepSeen],
    first: Order,
) -> Result<Explained, Box<Divergence>> {
    // What signals carry is seen on the target, also if the program does not look.
    let mut machine = machine.clone();
    machine.env.observe.siginfo = true;
    let machine = &machine;
    let mut divergence = None;
    if first == Order::Fifo {
        match follow_fifo(machine, initial, schedule, seen) {
            Ok(explained) => return Ok(explained),
            Err(found) => divergence = Some(found),
        }
    }
    // A step in which tasks are held has no other order than the one that was forced.
    if !schedule.steps.iter().any(|step| step.hold) {
        for order in [Order::Calls, Order::Sections] {
            match follow_any(machine, initial, schedule, seen, order) {
                Ok(explained) => return Ok(explained),
                // The last one that fails explains the longest prefix.
                Err(found) => divergence = Some(merge(divergence.take(), found)),
            }
        }
    }
    Err(divergence.unwrap_or_else(|| unreachable!("some order was tried")))
}

fn merge(fifo: Option<Box<Divergence>>, any: Box<Divergence>) -> Box<Divergence> {
    match fifo {
        Some(fifo) if fifo.step >= any.step => Box::new(Divergence { capped: any.capped, ..*fifo }),
        _ => any,
    }
}

fn follow_fifo(
    machine: &Machine,
    initial: &State,
    schedule: &Schedule,
    seen: &[StepSeen],
) -> Result<Explained, Box<Divergence>> {
    let mut fifo = Fifo::new(machine, initial);
    let mut trace = Trace::default();
    for (step, (&release, seen)) in schedule.steps.iter().zip(seen).enumerate() {
        let expected = fifo.release(release, &mut trace).ok();
        if !expected.as_ref().is_some_and(|expected| expected.same(seen)) {
            return Err(Box::new(Divergence { step, release, seen: seen.clone(), expected, capped: false }));
        }
    }
    let outcome = Outcome::of(machine.program, &machine.world(fifo.state()));
    Ok(Explained { order: Order::Fifo, outcome: Some(outcome), rules: trace.rules })
}

fn follow_any(
    machine: &Machine,
    initial: &State,
    schedule: &Schedule,
    seen: &[StepSeen],
    order: Order,
) -> Result<Explained, Box<Divergence>> {
    let mut any = Any::new(machine, initial, order == Order::Sections);
    for (step, (&release, seen)) in schedule.steps.iter().zip(seen).enumerate() {
        if !any.step(release, seen) {
            debug_assert!(any.len() <= CAP);
            let capped = any.capped;
            return Err(Box::new(Divergence { step, release, seen: seen.clone(), expected: None, capped }));
        }
    }
    Ok(Explained { order, outcome: any.outcome(), rules: RuleSet::default() })
}

impl Any<'_> {
    /// The outcome that all states have in common.
    pub fn outcome(&self) -> Option<Outcome> {
        let mut outcomes = self.outcomes();
        let first = outcomes.next()?;
        outcomes.all(|outcome| outcome == first).then_some(first)
    }
}
