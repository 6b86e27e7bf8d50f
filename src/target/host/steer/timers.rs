//! Timers of a steered run: which one goes off next, and how it is waited for.

use super::{Outcome, Run};
use crate::{
    program::Release,
    target::host::{log::end, shared::state, sys},
};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

impl Run<'_> {
    /// When the timer of a task that is asleep goes off; 0 if it has none.
    pub(super) fn deadline(&self, task: usize) -> u64 {
        if self.state(task) == state::IN_CALL { self.slot(task).deadline.load(Ordering::Relaxed) } else { 0 }
    }

    /// The first thread of a task's process.
    pub(super) fn leader(&self, task: usize) -> usize {
        self.program.processes[self.program.tasks[task].process as usize].threads[0] as usize
    }

    /// The timer of its process that a release lets go off, by its place.
    pub(super) fn timer_of(&self, release: Release) -> Option<usize> {
        let call = release.timer.is_none() && self.deadline(release.task.into()) != 0;
        (release.expire && !call).then(|| release.timer.map_or(0, |id| 1 + usize::from(id)))
    }

    /// When a timer of a task's process goes off next, as early as it could.
    pub(super) fn rings(&self, task: usize, timer: usize) -> Option<u64> {
        let timer = self.slot(self.leader(task)).timers.get(timer)?;
        let (at, interval) = (timer.at.load(Ordering::Relaxed), timer.interval.load(Ordering::Relaxed));
        let next = |at: u64| match sys::now().checked_sub(at) {
            Some(since) if interval > 0 => at + (since / interval + 1) * interval,
            _ => at,
        };
        (at > 0 && self.state(self.leader(task)) != state::EXITED).then(|| next(at))
    }

    /// Waits until a timer of a task's process has gone off. It and the one that is waited for here are this processor's, which serves
    /// the earlier one first.
    pub(super) fn ring(&self, task: usize, timer: usize) {
        const LATER: u64 = 200_000;
        let Some(at) = self.rings(task, timer) else { return };
        let timer = &self.slot(self.leader(task)).timers[timer];
        let until = at + timer.slack.load(Ordering::Relaxed) + LATER;
        if timer.interval.load(Ordering::Relaxed) == 0 {
            timer.at.store(0, Ordering::Relaxed);
        }
        while let Some(left) = until.checked_sub(sys::now()).filter(|&left| left > 0) {
            self.inside.shared.tick();
            self.pass(Duration::from_nanos(left.min(100_000_000)));
        }
    }

    /// Waits until the timer of a task has gone off. Nobody else can run meanwhile, unless another timer does.
    pub(super) fn expire(&mut self, task: usize) -> Outcome {
        let begun = Instant::now();
        let deadline = Duration::from_nanos(self.deadline(task).saturating_sub(sys::now()));
        while self.state(task) == state::IN_CALL {
            if begun.elapsed() > deadline + self.options.limit {
                return Err([end::TIMED_OUT, task as u64 + 1, 0, 0]);
            }
            self.inside.shared.tick();
            self.pass(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Lets time pass. Those who are held would run if we slept.
    pub(super) fn pass(&self, time: Duration) {
        if !self.held.contains(&true) {
            return std::thread::sleep(time);
        }
        let begun = Instant::now();
        while begun.elapsed() < time {
            std::hint::spin_loop();
        }
    }
}
