//! How things stand with signals, as far as can be guessed.

use super::super::{Sketch, Until};
use super::set::{Default as ByDefault, SIGCHLD, SIGCONT, SIGNALS, SIGPIPE, Signal, Signals};

/// What a process does with a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disposition {
    Default,
    Ignore,
    Handler { handler: usize, restart: bool, reset: bool },
}

/// Actions of processes, masks of tasks.
#[derive(Clone, Debug, Default)]
pub struct Guess {
    actions: Vec<Vec<Disposition>>,
    masks: Vec<Signals>,
    /// What each task waits for in `sigwaitinfo`, or lets in while it sleeps in `sigsuspend`.
    waits: Vec<Signals>,
}

impl Guess {
    pub fn new(sketch: &Sketch) -> Self {
        let mut actions = vec![Disposition::Default; SIGNALS.len()];
        actions[SIGPIPE.0] = Disposition::Ignore;
        Guess {
            actions: vec![actions; sketch.processes.len()],
            masks: vec![Signals::default(); sketch.tasks.len()],
            waits: vec![Signals::default(); sketch.tasks.len()],
        }
    }

    pub fn is_installed(&self, process: usize, handler: usize) -> bool {
        self.actions[process].iter().any(|d| matches!(d, Disposition::Handler { handler: h, .. } if *h == handler))
    }

    pub fn act(&mut self, process: usize, signal: Signal, disposition: Disposition) {
        if !signal.is_forced() {
            self.actions[process][signal.0] = disposition;
        }
    }

    pub fn mask(&mut self, task: usize, how: &str, set: Signals) {
        let mask = &mut self.masks[task];
        *mask = match how {
            "SIG_BLOCK" => mask.with(set),
            "SIG_UNBLOCK" => mask.without(set),
            _ => set,
        };
    }

    pub fn waits_for(&mut self, task: usize, set: Signals) {
        self.waits[task] = set;
    }

    /// Signals that a task would notice without being the worse for it.
    pub fn welcome(&self, sketch: &Sketch, task: usize) -> Vec<Signal> {
        let actions = &self.actions[sketch.tasks[task].process];
        let handled = |signal: &Signal| matches!(actions[signal.0], Disposition::Handler { .. });
        let waited = |signal: &Signal| self.waits[task].has(*signal);
        (0..SIGNALS.len()).map(Signal).filter(|signal| handled(signal) || waited(signal)).collect()
    }

    /// A signal comes to a process, or to one of its tasks.
    pub fn deliver(&mut self, sketch: &mut Sketch, process: usize, task: Option<usize>, signal: Signal) {
        if !sketch.processes[process].runs {
            return;
        }
        if signal == SIGCONT {
            sketch.processes[process].stopped = false;
        }
        let tasks = task.map_or_else(|| sketch.processes[process].tasks.clone(), |task| vec![task]);
        if let Some(&waiter) = tasks.iter().find(|&&task| self.waits[task].has(signal)) {
            self.waits[waiter] = Signals::default();
            sketch.tasks[waiter].asleep = None;
            return;
        }
        let Some(&taker) = tasks.iter().find(|&&task| signal.is_forced() || !self.masks[task].has(signal)) else {
            return;
        };
        match self.actions[process][signal.0] {
            Disposition::Ignore => {}
            Disposition::Handler { restart, reset, .. } => {
                let asleep = sketch.tasks[taker].asleep;
                if !restart || asleep.is_some_and(|sleep| sleep.until == Until::Signal) {
                    sketch.tasks[taker].asleep = None;
                }
                if reset {
                    self.actions[process][signal.0] = Disposition::Default;
                }
            }
            Disposition::Default => match signal.info().default {
                ByDefault::Ends => {
                    sketch.exited(process);
                    if let Some(parent) = sketch.processes[process].parent {
                        self.deliver(sketch, parent, None, SIGCHLD);
                    }
                }
                ByDefault::Stops => sketch.processes[process].stopped = true,
                ByDefault::Ignored | ByDefault::Continues => {}
            },
        }
    }
}
