//! Runs of the model that schedules are taken from: what it does not allow is not tried on a kernel.

use crate::{
    generate::Chooser,
    kernel::{TaskId, Trace, rules::RuleSet},
    machine::{Machine, MoveKind, State},
    oracle::{Fifo, StepSeen},
    program::{Release, Schedule},
};

/// A schedule, and what the model says that it brings about.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// Who is released when.
    pub schedule: Schedule,
    /// What each release brings about.
    pub steps: Vec<StepSeen>,
    /// For each release the statement whose call it makes; `None` if it lets a held task go on.
    pub makes: Vec<Option<u32>>,
    /// Rules that applied.
    pub rules: RuleSet,
}

/// How schedules are chosen.
#[derive(Clone, Copy, Debug)]
pub struct Walking {
    /// So many releases at most.
    pub most: usize,
    /// Of 100 releases during which somebody sleeps so many hold the sleepers.
    pub hold: usize,
}

impl Walk {
    /// A schedule by choice: at each point one of the tasks that the model can release.
    pub fn by_choice(machine: &Machine, initial: &State, walking: Walking, chooser: &mut dyn Chooser) -> Walk {
        let mut walker = Walker::new(machine, initial);
        let mut releasable: Vec<TaskId> = Vec::new();
        while walker.walk.steps.len() < walking.most {
            releasable.clear();
            let tasks = 0..machine.program.tasks.len() as TaskId;
            releasable.extend(tasks.filter(|&task| walker.fifo.releasable(task).is_ok()));
            if releasable.is_empty() {
                break;
            }
            let task = chooser.pick(&releasable);
            let sleepers = walker.fifo.state().kernel.tasks().any(|(id, t)| t.asleep && id != task);
            let hold = sleepers && walking.hold > 0 && chooser.percent(walking.hold);
            walker.release(Release { hold, ..Release::of(task) });
        }
        walker.walk
    }

    /// The schedule that is left of `wanted` when every release is dropped that the model cannot make.
    pub fn as_far_as_legal(machine: &Machine, initial: &State, wanted: &[Release]) -> Walk {
        let mut walker = Walker::new(machine, initial);
        for &release in wanted {
            walker.release(release);
        }
        walker.walk
    }

    /// The rules that applied in the last step.
    pub fn last_rules(machine: &Machine, initial: &State, schedule: &Schedule) -> RuleSet {
        let mut fifo = Fifo::new(machine, initial);
        let mut trace = Trace::default();
        for &release in &schedule.steps {
            trace = Trace::default();
            let _ = fifo.release(release, &mut trace);
        }
        trace.rules
    }
}

struct Walker<'m> {
    fifo: Fifo<'m>,
    trace: Trace,
    walk: Walk,
}

impl<'m> Walker<'m> {
    fn new(machine: &'m Machine<'m>, initial: &State) -> Self {
        Walker { fifo: Fifo::new(machine, initial), trace: Trace::default(), walk: Walk::default() }
    }

    fn release(&mut self, release: Release) {
        let pc = self.fifo.state().cursor(release.task).pc;
        let Ok(kind) = self.fifo.releasable(release.task) else { return };
        let Ok(step) = self.fifo.release(release, &mut self.trace) else { return };
        self.walk.schedule.steps.push(release);
        self.walk.steps.push(step);
        self.walk.makes.push((kind == MoveKind::Call).then_some(pc));
        self.walk.rules.extend(&self.trace.rules);
    }
}
