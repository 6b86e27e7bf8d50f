//! Runs of the model that schedules are taken from: what it does not allow is not tried on a kernel.

use super::clock::Clock;
use crate::{
    generate::Chooser,
    kernel::{CallKind, TaskId, Trace, rules::RuleSet},
    machine::{Machine, MoveKind, State},
    oracle::{Fifo, StepSeen},
    program::{Code, Instr, Release, Schedule},
};

/// A schedule, and what the model says that it brings about.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// Who is released when.
    pub schedule: Schedule,
    /// What each release brings about.
    pub steps: Vec<StepSeen>,
    /// For each release the statement whose call it makes; `None` if it lets a held task go on, or a handler return.
    pub makes: Vec<Option<Made>>,
    /// Rules that applied.
    pub rules: RuleSet,
}

/// A statement that a task makes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Made {
    /// The handler that it stands in, if it does.
    pub handler: Option<String>,
    /// Its number there. All statements of generated programs are calls, and so is every instruction.
    pub statement: u32,
}

impl Made {
    /// What the instruction at `pc` is; `None` if that is the return of a handler.
    fn at(code: &Code, pc: u32) -> Option<Made> {
        let Some(handler) = code.handlers.iter().rfind(|handler| handler.entry <= pc) else {
            return Some(Made { handler: None, statement: pc });
        };
        let returns = matches!(code.instrs.get(pc as usize), Some(Instr::Call { call, .. }) if call.kind() == CallKind::Sigreturn);
        (!returns).then(|| Made { handler: Some(handler.name.clone()), statement: pc - handler.entry })
    }
}

/// How schedules are chosen.
#[derive(Clone, Copy, Debug)]
pub struct Walking {
    /// So many releases at most.
    pub most: usize,
    /// Of 100 releases during which somebody sleeps so many hold the sleepers.
    pub hold: usize,
    /// So many timers go off at most: a target has to wait for each of them.
    pub expire: usize,
}

impl Walk {
    /// A schedule by choice: at each point one of the tasks that the model can release.
    pub fn by_choice(machine: &Machine, initial: &State, walking: Walking, chooser: &mut dyn Chooser) -> Walk {
        let mut walker = Walker::new(machine, initial);
        let mut releasable: Vec<TaskId> = Vec::new();
        let mut timers = 0;
        while walker.walk.steps.len() < walking.most {
            releasable.clear();
            let tasks = 0..machine.program.tasks.len() as TaskId;
            releasable.extend(tasks.filter(|&task| walker.fifo.releasable(task).is_ok()));
            let due = walker.clock.due(machine, walker.fifo.state()).filter(|_| timers < walking.expire);
            let short = walker.clock.is_short(machine, walker.fifo.state());
            if let Some(due) = due
                && (releasable.is_empty() || short || chooser.percent(25))
            {
                timers += 1;
                walker.release(due);
                continue;
            }
            if releasable.is_empty() || short {
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
    machine: &'m Machine<'m>,
    fifo: Fifo<'m>,
    clock: Clock,
    trace: Trace,
    walk: Walk,
}

impl<'m> Walker<'m> {
    fn new(machine: &'m Machine<'m>, initial: &State) -> Self {
        let fifo = Fifo::new(machine, initial);
        Walker { machine, fifo, clock: Clock::default(), trace: Trace::default(), walk: Walk::default() }
    }

    fn release(&mut self, release: Release) {
        let Some(made) = self.prepare(release) else { return };
        let Ok(step) = self.fifo.release(release, &mut self.trace) else { return };
        self.walk.schedule.steps.push(release);
        self.walk.steps.push(step);
        self.walk.makes.push(made);
        self.walk.rules.extend(&self.trace.rules);
    }

    /// The statement that a release makes, if it makes one; `None` if it cannot be made. The clock goes on.
    fn prepare(&mut self, release: Release) -> Option<Option<Made>> {
        let (machine, state) = (self.machine, self.fifo.state());
        if release.expire {
            (self.clock.due(machine, state) == Some(release)).then(|| self.clock.rang(machine, state))?;
            return Some(None);
        }
        let code = &machine.program.tasks[usize::from(release.task)].code;
        let kind = self.fifo.releasable(release.task).ok()?;
        let cursor = state.cursor(release.task);
        match cursor.peek_call(code).filter(|_| kind == MoveKind::Call) {
            Some(call) if !self.clock.admits(&call) => return None,
            Some(call) => self.clock.called(machine, release.task, &call),
            None => self.clock.ticks(),
        }
        Some(Made::at(code, cursor.pc).filter(|_| kind == MoveKind::Call))
    }
}
