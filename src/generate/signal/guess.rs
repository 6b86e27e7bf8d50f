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

/// Actions of processes, masks of tasks, what is pending.
#[derive(Clone, Debug, Default)]
pub struct Guess {
    actions: Vec<Vec<Disposition>>,
    masks: Vec<Signals>,
    /// What each task waits for in `sigwaitinfo`, or lets in while it sleeps in `sigsuspend`.
    waits: Vec<Signals>,
    /// What is pending for each task, that of its process included.
    pending: Vec<Signals>,
    /// The masks of signalfds, by file.
    signalfds: Vec<(usize, Signals)>,
    /// What each task has blocked to make a signalfd for it.
    planned: Vec<Option<Signals>>,
}

impl Guess {
    pub fn new(sketch: &Sketch) -> Self {
        let mut actions = vec![Disposition::Default; SIGNALS.len()];
        actions[SIGPIPE.0] = Disposition::Ignore;
        Guess {
            actions: vec![actions; sketch.processes.len()],
            masks: vec![Signals::default(); sketch.tasks.len()],
            waits: vec![Signals::default(); sketch.tasks.len()],
            pending: vec![Signals::default(); sketch.tasks.len()],
            signalfds: Vec::new(),
            planned: vec![None; sketch.tasks.len()],
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
        self.pending[task] = self.pending[task].without(Signals::all().without(self.masks[task]));
    }

    /// Whether a task blocks all of these.
    pub fn blocks(&self, task: usize, set: Signals) -> bool {
        set.without(self.masks[task]) == Signals::default()
    }

    /// A task has blocked these to make a signalfd for them.
    pub fn plan(&mut self, task: usize, set: Signals) {
        self.planned[task] = Some(set);
    }

    /// What a task has blocked to make a signalfd for it, if it has not yet.
    pub fn planned(&self, task: usize) -> Option<Signals> {
        self.planned[task]
    }

    /// A task makes a signalfd that is this file, or gives one another mask.
    pub fn make_signalfd(&mut self, task: usize, file: usize, set: Signals) {
        self.planned[task] = None;
        self.signalfds.retain(|&(other, _)| other != file);
        self.signalfds.push((file, set));
    }

    fn signalfd(&self, file: usize) -> Signals {
        self.signalfds.iter().find(|&&(other, _)| other == file).map_or(Signals::default(), |&(_, set)| set)
    }

    /// Whether a task finds a signal in a signalfd; one of them is taken.
    pub fn read_signalfd(&mut self, sketch: &Sketch, task: usize, file: usize) -> bool {
        let Some(signal) = self.readable(task, file) else { return false };
        for &thread in &sketch.processes[sketch.tasks[task].process].tasks {
            self.pending[thread] = self.pending[thread].without(Signals::one(signal));
        }
        true
    }

    /// A signal that a task would find in a signalfd.
    pub fn readable(&self, task: usize, file: usize) -> Option<Signal> {
        let (pending, mask) = (self.pending[task], self.signalfd(file));
        (0..SIGNALS.len()).map(Signal).find(|&signal| pending.has(signal) && mask.has(signal))
    }

    pub fn waits_for(&mut self, task: usize, set: Signals) {
        self.waits[task] = set;
    }

    /// Signals that a task would notice without being the worse for it.
    pub fn welcome(&self, sketch: &Sketch, task: usize) -> Vec<Signal> {
        let actions = &self.actions[sketch.tasks[task].process];
        let handled = |signal: &Signal| matches!(actions[signal.0], Disposition::Handler { .. });
        let waited = |signal: &Signal| self.waits[task].has(*signal);
        let own = sketch.descriptors.iter().filter(|d| d.open && d.process == sketch.tasks[task].process);
        let shown = own.fold(Signals::default(), |set, d| set.with(self.signalfd(d.file)));
        let read = |signal: &Signal| self.masks[task].has(*signal) && shown.has(*signal);
        (0..SIGNALS.len()).map(Signal).filter(|signal| handled(signal) || waited(signal) || read(signal)).collect()
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
            self.stays(sketch, &tasks, signal);
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

    /// A signal that all of these tasks block is pending, unless one of them waits for it at a signalfd.
    fn stays(&mut self, sketch: &mut Sketch, tasks: &[usize], signal: Signal) {
        let reads = |task: usize| {
            sketch.tasks[task]
                .asleep
                .is_some_and(|sleep| sleep.until == Until::Readable && self.signalfd(sleep.file).has(signal))
        };
        match tasks.iter().copied().find(|&task| reads(task)) {
            Some(reader) => sketch.tasks[reader].asleep = None,
            None => tasks.iter().for_each(|&task| self.pending[task].insert(signal)),
        }
    }
}
