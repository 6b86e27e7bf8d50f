//! Until all is quiet: who runs, who is held, who dies.

use super::{Outcome, Run};
use crate::target::host::{
    log::end,
    quiet,
    sandbox::{HELD_PRIORITY, TASK_PRIORITY},
    shared::{command, state, verdict},
    sys,
};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

impl Run<'_> {
    /// Whom a signal ends is not held: it runs here, and ends.
    pub(super) fn let_die(&mut self) {
        for task in (0..self.tasks()).filter(|_| self.signals) {
            if self.held[task] && quiet::is_killed(self.slot(task)) {
                self.held[task] = false;
                self.set_priority(task, TASK_PRIORITY);
            }
        }
    }

    /// A task that a signal has ended and that is not gone yet.
    pub(super) fn killed(&self) -> Option<usize> {
        let exits = |&task: &usize| !self.held[task] && quiet::is_exiting(self.slot(task));
        (0..self.tasks()).filter(|_| self.signals).find(exits)
    }

    /// Puts everybody who sleeps below us, so that who is woken does not run.
    pub(super) fn hold_sleepers(&mut self) -> Vec<usize> {
        let stopped = |t: usize| self.slot(t).stopped.load(Ordering::Relaxed) != 0;
        let asleep = |&t: &usize| self.state(t) == state::IN_CALL && !self.held[t] && !stopped(t);
        let sleepers = (0..self.tasks()).filter(asleep);
        let sleepers: Vec<usize> = sleepers.collect();
        for &task in &sleepers {
            self.set_priority(task, HELD_PRIORITY);
            self.held[task] = true;
        }
        sleepers
    }

    /// Those of `lowered` who still sleep are not held any more.
    pub(super) fn release_unwoken(&mut self, lowered: &[usize]) {
        // Threads that an exit killed come to their end first: what that wakes is held.
        for &task in lowered {
            if self.process_exits(task) {
                self.held[task] = false;
                self.set_priority(task, TASK_PRIORITY);
            }
        }
        for &task in lowered {
            if self.state(task) == state::IN_CALL && quiet::task_state(self.slot(task)) == 'R' {
                continue;
            }
            self.held[task] = false;
            self.set_priority(task, TASK_PRIORITY);
        }
    }

    /// Returns when nothing can go on by itself.
    pub(super) fn settle(&mut self) -> Outcome {
        if self.inside.realtime { self.settle_realtime() } else { self.settle_by_proof() }
    }

    /// A task that is neither in a call nor waits for a command; there is none while it is quiet.
    pub(super) fn busy(&self) -> Option<usize> {
        (0..self.tasks()).find(|&task| match self.state(task) {
            state::LOCAL => true,
            state::IDLE | state::PARKED => self.slot(task).command.load(Ordering::Acquire) != command::NONE,
            _ => false,
        })
    }

    /// We run, so none of the tasks can. What is left to find out is whether one of them was killed, or waits for something
    /// that is not the program's: a page, or a lock of the kernel's memory management that the tool holds.
    pub(super) fn settle_realtime(&mut self) -> Outcome {
        let begun = Instant::now();
        self.let_die();
        self.find_killed();
        while let Some(task) = self.busy().or_else(|| self.wakeful()) {
            if self.is_dead(task) || begun.elapsed() > self.options.limit {
                return Err([end::TIMED_OUT, task as u64 + 1, 0, 0]);
            }
            self.doze();
        }
        // An exit can be held up before it has closed anything.
        while let Some(task) = self.dying().or_else(|| self.killed()) {
            if begun.elapsed() > self.options.limit {
                return Err([end::TIMED_OUT, task as u64 + 1, 0, 0]);
            }
            self.doze();
            self.find_killed();
        }
        Ok(())
    }

    /// Lets the kernel do what holds up the tasks.
    pub(super) fn doze(&mut self) {
        // While we sleep those who are held can run.
        if self.held.contains(&true) {
            self.count.check_failures += 1;
        }
        std::thread::sleep(Duration::from_micros(50));
    }

    /// A task that exits alone, or whose process exits, and which is not gone yet, unless another of its threads is held.
    pub(super) fn dying(&mut self) -> Option<usize> {
        for task in 0..self.tasks() {
            let alone = self.state(task) == state::GONE;
            if self.gone[task] || self.state(task) == state::UNBORN || !alone && !self.process_exits(task) {
                continue;
            }
            let process = &self.program.processes[self.program.tasks[task].process as usize];
            if !alone && process.threads.iter().any(|&thread| self.held[thread as usize]) {
                continue;
            }
            if !matches!(quiet::task_state(self.slot(task)), 'X' | 'Z') {
                return Some(task);
            }
            self.gone[task] = true;
        }
        None
    }

    /// Notes who was ended by a signal.
    pub(super) fn find_killed(&self) {
        if self.signals {
            quiet::find_killed(self.inside.shared, self.program);
        }
    }

    /// The task that was released last, if it is in its call and yet does not sleep there.
    pub(super) fn wakeful(&mut self) -> Option<usize> {
        let task = self.inside.shared.current.load(Ordering::Relaxed).checked_sub(1)? as usize;
        let suspect = self.state(task) == state::IN_CALL && !self.held[task];
        (suspect && !self.eyes.sleeps_in_call(task, self.slot(task))).then_some(task)
    }

    pub(super) fn is_dead(&self, task: usize) -> bool {
        self.slot(task).proc_pid.load(Ordering::Acquire) != 0 && matches!(quiet::task_state(self.slot(task)), 'X' | 'Z')
            || self.inside.shared.verdict.load(Ordering::Acquire) != verdict::NONE
    }

    pub(super) fn settle_by_proof(&mut self) -> Outcome {
        /// After so many attempts it is more than a busy machine.
        const IMPATIENT: usize = 100;
        let begun = Instant::now();
        for attempt in 0.. {
            for _ in 0..3 {
                sys::sched_yield();
            }
            self.count.checks += 1;
            self.find_killed();
            if self.eyes.quiet(self.inside.shared, self.tasks(), &self.held) {
                return Ok(());
            }
            if attempt > IMPATIENT {
                if begun.elapsed() > self.options.limit * 3 / 4
                    || self.inside.shared.verdict.load(Ordering::Acquire) != verdict::NONE
                {
                    break;
                }
                std::thread::sleep(Duration::from_micros(50));
            }
        }
        let task = self.busy().map_or_else(|| self.inside.shared.current.load(Ordering::Relaxed), |t| t as u32 + 1);
        Err([end::TIMED_OUT, task.into(), 0, 0])
    }

    /// Every so many steps, asks `/proc` whether the method is right.
    pub(super) fn confirm(&mut self, step: usize) {
        if self.options.check_every > 0 && (step + 1).is_multiple_of(self.options.check_every) {
            self.check();
        }
    }

    pub(super) fn check(&mut self) {
        if !self.inside.realtime {
            return;
        }
        self.count.checks += 1;
        if !self.eyes.quiet(self.inside.shared, self.tasks(), &self.held) {
            self.count.check_failures += 1;
        }
    }
}
