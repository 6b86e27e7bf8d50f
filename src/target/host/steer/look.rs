//! What can be seen when all is quiet.

use super::{Outcome, Run};
use crate::{
    kernel::TaskId,
    target::{
        Observation, SignalSets,
        host::{
            ipc_probe,
            log::call_kind,
            probe, quiet,
            shared::{command, state},
            sys,
        },
    },
};
use std::{sync::atomic::Ordering, time::Instant};

/// How often a moment is granted to who may have to attend to a signal.
const ATTENTION: usize = 3;

impl Run<'_> {
    /// The signal sets of all tasks that live.
    pub(super) fn signal_sets(&self) -> Vec<(TaskId, SignalSets)> {
        if !(self.options.probe && self.signals) {
            return Vec::new();
        }
        let seen = |task: usize| Some((task as TaskId, quiet::signal_sets(self.slot(task))?));
        self.alive().filter_map(seen).collect()
    }

    /// The tasks that live.
    fn alive(&self) -> impl Iterator<Item = usize> {
        let alive = |&task: &usize| !matches!(self.state(task), state::UNBORN | state::EXITED | state::GONE);
        (0..self.tasks()).filter(alive)
    }

    /// Whether somebody may have been told of a signal, and be held up by the kernel before it attends to it. If it is another thread
    /// that was told, it stays so.
    pub(super) fn overlooks(&self, signals: &[(TaskId, SignalSets)]) -> bool {
        let unblocked = |sets: &SignalSets| (sets.pending | sets.shared) & !sets.blocked != 0;
        let mut told = signals.iter().filter(|(_, sets)| unblocked(sets));
        self.inside.realtime && !self.held.contains(&true) && told.any(|&(task, _)| !self.is_stopped(task.into()))
    }

    pub(super) fn report_quiet(&mut self, step: usize) -> Outcome {
        let mut signals = self.signal_sets();
        for _ in 0..ATTENTION {
            if !self.overlooks(&signals) {
                break;
            }
            self.doze();
            self.settle()?;
            signals = self.signal_sets();
        }
        let stopped: Vec<usize> = self.alive().filter(|&task| self.is_stopped(task)).collect();
        for task in 0..self.tasks() {
            self.slot(task).stopped.store(stopped.contains(&task).into(), Ordering::Relaxed);
        }
        let probes = if self.options.probe { self.probe() } else { Vec::new() };
        let in_call = |&task: &usize| self.state(task) == state::IN_CALL && !stopped.contains(&task);
        let asleep = (0..self.tasks()).filter(in_call).filter(|&task| !self.held[task]).filter_map(|task| {
            let kind = call_kind(self.slot(task).kind.load(Ordering::Relaxed).into())?;
            Some((task as TaskId, kind))
        });
        let asleep = asleep.collect();
        let held = (0..self.tasks()).filter(|&task| self.held[task]).map(|task| task as TaskId).collect();
        probe::read_files(self.inside.shared, self.program, &self.paths);
        if self.options.probe && self.program.uses_ipc() {
            ipc_probe::look(self.inside.shared, self.program, &self.numbers, true);
        }
        let stopped = stopped.into_iter().map(|task| task as TaskId).collect();
        self.inside.shared.see(Observation::Quiet { step, asleep, held, stopped, probes, signals });
        Ok(())
    }

    pub(super) fn probe(&mut self) -> Vec<(u16, crate::program::ObjectField, i64)> {
        let shared = self.inside.shared;
        let limit = self.options.limit;
        let (seen, skipped) = probe::ask(shared, self.program, &mut |task| {
            let begun = Instant::now();
            while shared.slot(task).command.load(Ordering::Acquire) != command::NONE && begun.elapsed() < limit {
                sys::sched_yield();
            }
        });
        self.count.skipped_probes += skipped as u64;
        seen
    }
}
