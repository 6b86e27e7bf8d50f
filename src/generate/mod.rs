//! Programs from a stream of choices.
//!
//! Who chooses does not matter: [`Random`] numbers, the [`Bytes`] of a fuzzer, or an [`Odometer`] that goes through all
//! possibilities. Each [`Mechanism`] adds its objects and its calls; a program that mixes mechanisms is made by asking several of
//! them in turn. What is generated is the tree of a litmus test, so that it can be printed, shrunk and kept.

mod build;
mod chooser;
mod descriptor;
mod fifo;
mod finish;
mod msgq;
mod pipe;
mod process;
mod sem;
mod shm;
mod signal;
mod size;
mod sketch;
mod splice;

pub use chooser::{Bytes, Chooser, Odometer, Random};
pub use signal::Signal;
pub use sketch::{Descriptor, FileKind, FileSketch, HandlerSketch, ProcessSketch, Sketch, Sleep, TaskSketch, Until};

use crate::program::syntax::{Program, Stmt};
use std::fmt;

/// What programs are made of: the objects and calls of one mechanism, in one program.
///
/// A new value is made for each program, so that it can keep what it guesses of its own objects.
pub trait Mechanism: fmt::Debug {
    /// Declares objects, and perhaps statements of `init`. Processes and tasks are there, without statements.
    fn declare(&mut self, sketch: &mut Sketch, chooser: &mut dyn Chooser);

    /// A call that this task may make next, with its expected effect on the sketch; `None` if there is nothing to do.
    fn call(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Option<Stmt>;

    /// Two calls with which a task takes something that others wait for, and gives it back: what they do in between they do by
    /// turns. `None` if the mechanism, or this task, has no such thing.
    fn guard(&mut self, sketch: &mut Sketch, task: usize) -> Option<[Stmt; 2]> {
        let _ = (sketch, task);
        None
    }
}

/// A mechanism by name.
#[derive(Clone, Copy, Debug)]
pub struct MechanismKind {
    /// Its name on the command line.
    pub name: &'static str,
    /// Begins a program.
    pub begin: fn() -> Box<dyn Mechanism>,
}

/// The mechanism that meets all others.
const SIGNAL: &str = "signal";

/// Every mechanism that programs can be generated for.
pub const MECHANISMS: &[MechanismKind] = &[
    MechanismKind { name: "pipe", begin: || Box::new(pipe::Pipes) },
    MechanismKind { name: "fifo", begin: || Box::new(fifo::Fifos) },
    MechanismKind { name: "sysv-msg", begin: || Box::new(msgq::Msgqs::default()) },
    MechanismKind { name: "sysv-sem", begin: || Box::new(sem::Sems::default()) },
    MechanismKind { name: "sysv-shm", begin: || Box::new(shm::Shms::default()) },
    MechanismKind { name: SIGNAL, begin: || Box::new(signal::Signals::default()) },
];

impl MechanismKind {
    /// The mechanism with this name.
    pub fn by_name(name: &str) -> Option<MechanismKind> {
        MECHANISMS.iter().find(|kind| kind.name == name).copied()
    }
}

/// How large programs are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Tasks, at most.
    pub tasks: usize,
    /// Statements of all tasks together, at most.
    pub statements: usize,
    /// Of 100 programs so many combine mechanisms, if there are several.
    pub mixed: usize,
    /// Of 100 programs so many have timers, which a target has to wait for.
    pub timed: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Shape { tasks: 4, statements: 20, mixed: 20, timed: 4 }
    }
}

impl Shape {
    /// Few enough interleavings to explore all of them.
    pub fn small() -> Self {
        Shape { tasks: 3, statements: 7, timed: 0, ..Shape::default() }
    }
}

/// A program called `name` of some of these mechanisms, of which there must be one.
pub fn program(name: String, mechanisms: &[MechanismKind], shape: &Shape, chooser: &mut dyn Chooser) -> Program {
    let mut sketch = Sketch::default();
    sketch.timed = chooser.percent(shape.timed);
    let (mut chosen, signals) = choose(mechanisms, shape, chooser);
    process::declare(&mut sketch, shape, signals, chooser);
    for mechanism in &mut chosen {
        mechanism.declare(&mut sketch, chooser);
    }
    if signals {
        fill_handlers(&mut sketch, &mut chosen, chooser);
    }
    for _ in 0..1 + chooser.choose(shape.statements) {
        let Some(task) = process::next_task(&sketch, chooser) else { break };
        if let Some(stmt) = process::call(&mut sketch, task, chooser) {
            sketch.push(task, stmt);
            continue;
        }
        let mechanism = chooser.choose(chosen.len());
        let mut guard = None;
        if chosen.len() > 1 && chooser.percent(15) {
            let other = chooser.choose(chosen.len());
            guard = chosen[other].guard(&mut sketch, task);
        }
        let stmt = chosen[mechanism].call(&mut sketch, task, chooser);
        let [before, after] = guard.map_or([None, None], |guard| guard.map(Some));
        [before, stmt, after].into_iter().flatten().for_each(|stmt| sketch.push(task, stmt));
    }
    sketch.finish(name)
}

/// One of the mechanisms, perhaps with some others; signals seldom come alone. And whether there are signals.
fn choose(mechanisms: &[MechanismKind], shape: &Shape, chooser: &mut dyn Chooser) -> (Vec<Box<dyn Mechanism>>, bool) {
    let is_signal = |i: usize| mechanisms[i].name == SIGNAL;
    let first = chooser.choose(mechanisms.len());
    let mut wanted = vec![first];
    if mechanisms.len() > 1 {
        let mixed = chooser.percent(shape.mixed);
        // All of them at once would hardly meet.
        let others = if mixed { 2 } else { usize::from(is_signal(first) && chooser.percent(80)) };
        wanted.extend((0..others).map(|_| (first + 1 + chooser.choose(mechanisms.len() - 1)) % mechanisms.len()));
    }
    // Signals last: their handlers can then make calls of all others.
    wanted.sort_by_key(|&i| (is_signal(i), i));
    wanted.dedup();
    let signals = wanted.iter().any(|&i| is_signal(i));
    (wanted.into_iter().map(|i| (mechanisms[i].begin)()).collect(), signals)
}

/// Statements for the handlers that are declared. They have no effect on the guess: nobody knows when they run.
fn fill_handlers(sketch: &mut Sketch, mechanisms: &mut [Box<dyn Mechanism>], chooser: &mut dyn Chooser) {
    for process in 0..sketch.processes.len() {
        for handler in 0..sketch.processes[process].handlers.len() {
            let HandlerSketch { rank, anything, .. } = sketch.processes[process].handlers[handler];
            let task = sketch.processes[process].tasks[0];
            let mut guess = sketch.clone();
            guess.handling = Some(rank);
            for _ in 0..chooser.weighted(&[(5, 1), (3, 2), (2, 0)]) {
                let mechanism = chooser.choose(mechanisms.len());
                let mechanism = if anything { mechanism } else { mechanisms.len() - 1 };
                if let Some(stmt) = mechanisms[mechanism].call(&mut guess, task, chooser) {
                    sketch.processes[process].handlers[handler].block.push(stmt);
                }
            }
            sketch.forget(guess);
        }
    }
}

#[cfg(test)]
mod tests;
