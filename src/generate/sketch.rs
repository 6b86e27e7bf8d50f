//! A program while it is being made, with a guess of how things stand.
//!
//! The guess knows no rules: statements are added in one order, and each has the effect that one would expect of it there. It
//! only serves to make programs in which calls meet full and empty pipes, sleepers and closed ends; any schedule may then be run.

use super::{Chooser, build, signal::Signal};
use crate::{
    kernel::PAGE_SIZE,
    program::syntax::{Block, Expr, ExprKind, Ident, Object, Stmt},
};

/// A program while it is being made.
#[derive(Clone, Debug, Default)]
pub struct Sketch {
    /// Declared objects.
    pub objects: Vec<Object>,
    /// Statements of `init`.
    pub init: Block,
    /// Its processes.
    pub processes: Vec<ProcessSketch>,
    /// Its tasks.
    pub tasks: Vec<TaskSketch>,
    /// Pipes and FIFOs, and regular files.
    pub files: Vec<FileSketch>,
    /// Descriptors that somebody has or had.
    pub descriptors: Vec<Descriptor>,
    /// While a handler is filled: its [`HandlerSketch::rank`].
    pub handling: Option<Signal>,
    /// Whether there are timers, and calls that wait for a time.
    pub timed: bool,
    /// Strings made so far: each has a letter of its own.
    strings: u32,
}

/// A process.
#[derive(Clone, Debug)]
pub struct ProcessSketch {
    /// Its name.
    pub name: String,
    /// The process that forks it.
    pub parent: Option<usize>,
    /// Its tasks.
    pub tasks: Vec<usize>,
    /// Whether it runs: it was forked if it has to be, and has not exited.
    pub runs: bool,
    /// Whether a signal has stopped it.
    pub stopped: bool,
    /// Its handlers of signals.
    pub handlers: Vec<HandlerSketch>,
}

/// A handler of signals.
#[derive(Clone, Debug)]
pub struct HandlerSketch {
    /// Its name.
    pub name: String,
    /// The variable that takes what is known of the signal.
    pub info: Option<Ident>,
    /// Its statements so far.
    pub block: Block,
    /// The last of the signals that it is for: it sends only later ones, so that programs come to an end.
    pub rank: Signal,
    /// Whether calls of other mechanisms may be made in it.
    pub anything: bool,
}

/// A task.
#[derive(Clone, Debug)]
pub struct TaskSketch {
    /// Its name.
    pub name: String,
    /// Its process.
    pub process: usize,
    /// Its statements so far.
    pub block: Block,
    /// What it sleeps for, by the guess: a file, and whether it is to become writable.
    pub asleep: Option<Sleep>,
    /// Whether its thread has exited.
    pub gone: bool,
    /// Variables so far.
    vars: u32,
}

/// What a task sleeps for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sleep {
    /// In which file; [`Sleep::NO_FILE`] if in none.
    pub file: usize,
    /// For what.
    pub until: Until,
}

impl Sleep {
    /// What tasks that wait for a signal or for a child have instead of a file.
    pub const NO_FILE: usize = usize::MAX;
}

/// What ends a sleep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// Bytes, or the last writer's close.
    Readable,
    /// Room, or the last reader's close.
    Writable,
    /// Somebody opens the other side of a FIFO.
    Opened,
    /// A signal.
    Signal,
    /// A child of its process ends, or does something else that can be waited for.
    Child,
}

/// What kind of file a descriptor is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// An anonymous pipe.
    Pipe,
    /// A named pipe.
    Fifo,
    /// A regular file.
    Regular,
    /// A message queue: no descriptors are for it.
    Msgq,
    /// A semaphore set: its bytes are its values.
    Sem,
    /// A signalfd.
    Signalfd,
}

/// A pipe, a FIFO or a regular file.
#[derive(Clone, Debug)]
pub struct FileSketch {
    /// Its name; empty for a pipe that the program makes.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// Bytes that it can hold.
    pub capacity: u32,
    /// Bytes in it.
    pub bytes: u32,
}

/// A descriptor.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// How it is written: `p.r`, `d1`.
    pub text: Expr,
    /// The process that has it.
    pub process: usize,
    /// The only task that knows it; any of the process if it is an end of a declared pipe.
    pub task: Option<usize>,
    /// What it is for.
    pub file: usize,
    /// Whether it can be read from.
    pub read: bool,
    /// Whether it can be written to.
    pub write: bool,
    /// Whether `O_NONBLOCK` is set.
    pub nonblock: bool,
    /// Whether it is still open.
    pub open: bool,
}

impl Sketch {
    /// What a variable of a task holds once an open has succeeded: another descriptor of a file.
    pub fn opened(&mut self, task: usize, variable: &str, file: usize, mode: &str, nonblock: bool) {
        let (read, write) = (mode != "O_WRONLY", mode != "O_RDONLY");
        let (text, process) = (build::name(variable), self.tasks[task].process);
        self.descriptors.push(Descriptor { text, process, task: Some(task), file, read, write, nonblock, open: true });
    }

    /// A name that no task has had.
    pub fn add_process(&mut self, name: String, parent: Option<usize>) -> usize {
        let (runs, stopped) = (parent.is_none(), false);
        self.processes.push(ProcessSketch { name, parent, tasks: Vec::new(), runs, stopped, handlers: Vec::new() });
        self.processes.len() - 1
    }

    /// A task of a process.
    pub fn add_task(&mut self, name: String, process: usize) -> usize {
        let task = self.tasks.len();
        self.tasks.push(TaskSketch { name, process, block: Block::new(), asleep: None, gone: false, vars: 0 });
        self.processes[process].tasks.push(task);
        task
    }

    /// A variable of a task that was not used before.
    pub fn variable(&mut self, task: usize) -> Ident {
        let task = &mut self.tasks[task];
        task.vars += 1;
        format!("{}{}", task.name.to_lowercase(), task.vars).into()
    }

    /// Tasks that could make another call, by the guess.
    pub fn awake(&self) -> Vec<usize> {
        let goes_on = |process: &ProcessSketch| process.runs && !process.stopped;
        let awake = |task: &TaskSketch| task.asleep.is_none() && !task.gone && goes_on(&self.processes[task.process]);
        (0..self.tasks.len()).filter(|&task| awake(&self.tasks[task])).collect()
    }

    /// Descriptors that a task can name and that `wanted` accepts.
    pub fn known(&self, task: usize, wanted: impl Fn(&Descriptor, &FileSketch) -> bool) -> Vec<usize> {
        let process = self.tasks[task].process;
        let knows = |d: &Descriptor| d.process == process && d.task.is_none_or(|only| only == task);
        let all = self.descriptors.iter().enumerate();
        all.filter(|(_, d)| knows(d) && wanted(d, &self.files[d.file])).map(|(i, _)| i).collect()
    }

    /// Whether somebody has, or may come to have, this side of a file open.
    pub fn has(&self, file: usize, side: Until) -> bool {
        self.descriptors.iter().any(|d| {
            d.open
                && d.file == file
                && if side == Until::Readable { d.read } else { d.write }
                && self.processes[d.process].runs
        })
    }

    /// `n` bytes of which each string's are its own: letters, or a pattern that tells every byte's place.
    pub fn data(&mut self, n: u32, chooser: &mut dyn Chooser) -> Expr {
        self.strings += 1;
        let number = self.strings;
        match chooser.choose(4) {
            3 if n > 1 => build::expr(ExprKind::Call(build::call("pattern", [build::int(n), build::int(number * 17)]))),
            _ => build::repeated(b'a' + ((number - 1) % 26) as u8, n),
        }
    }

    /// A time that is waited for, in microseconds: over after a few calls, and no two alike in what follows from them.
    pub fn time(chooser: &mut dyn Chooser) -> Expr {
        build::int(chooser.weighted(&[(3, 9_000), (2, 14_000), (2, 20_000i64)]))
    }

    /// The effect that one would expect of `n` bytes more.
    pub fn fill(&mut self, file: usize, n: u32) {
        let f = &mut self.files[file];
        f.bytes = f.bytes.saturating_add(n);
        if f.kind != FileKind::Regular {
            f.bytes = f.bytes.min(f.capacity);
        }
        if n > 0 {
            self.wake(file, Until::Readable);
        }
    }

    /// The effect that one would expect of `n` bytes less.
    pub fn drain(&mut self, file: usize, n: u32) {
        let f = &mut self.files[file];
        if f.kind == FileKind::Regular {
            return;
        }
        f.bytes -= n.min(f.bytes);
        if n > 0 {
            self.wake(file, Until::Writable);
        }
    }

    /// Whoever sleeps for this does not any more.
    pub fn wake(&mut self, file: usize, until: Until) {
        let sleep = Some(Sleep { file, until });
        self.tasks.iter_mut().filter(|task| task.asleep == sleep).for_each(|task| task.asleep = None);
    }

    /// A descriptor is closed, or its process has ended.
    pub fn closed(&mut self, descriptor: usize) {
        let Descriptor { file, .. } = self.descriptors[descriptor];
        self.descriptors[descriptor].open = false;
        for (side, sleepers) in [(Until::Readable, Until::Writable), (Until::Writable, Until::Readable)] {
            if !self.has(file, side) {
                self.wake(file, sleepers);
            }
        }
        let f = &mut self.files[file];
        if f.kind == FileKind::Fifo && !self.descriptors.iter().any(|d| d.open && d.file == file) {
            (f.bytes, f.capacity) = (0, 16 * PAGE_SIZE);
        }
    }

    /// A thread is gone, and with the last one its process.
    pub fn thread_exited(&mut self, task: usize) {
        self.tasks[task].gone = true;
        let process = self.tasks[task].process;
        if self.processes[process].tasks.iter().all(|&thread| self.tasks[thread].gone) {
            self.exited(process);
        }
    }

    /// A process is gone.
    pub fn exited(&mut self, process: usize) {
        self.processes[process].runs = false;
        let parent = self.processes[process].parent;
        let waits = |task: &&mut TaskSketch| {
            Some(task.process) == parent && task.asleep.is_some_and(|sleep| sleep.until == Until::Child)
        };
        self.tasks.iter_mut().filter(waits).for_each(|task| task.asleep = None);
        for descriptor in 0..self.descriptors.len() {
            if self.descriptors[descriptor].process == process && self.descriptors[descriptor].open {
                self.closed(descriptor);
            }
        }
    }

    /// A process begins with copies of what its parent has; it knows those by name that are ends of declared pipes.
    pub fn forked(&mut self, child: usize) {
        self.processes[child].runs = true;
        let parent = self.processes[child].parent;
        let of_parent = |d: &&Descriptor| Some(d.process) == parent;
        let copies: Vec<Descriptor> = self.descriptors.iter().filter(of_parent).cloned().collect();
        let copied = copies.into_iter().map(|d| {
            // Nobody in the child knows the variables of the parent: no task has this number.
            let task = d.task.map(|_| usize::MAX);
            Descriptor { process: child, task, ..d }
        });
        self.descriptors.extend(copied);
    }

    /// Another sketch that went on from this one: its names are taken, its guesses forgotten.
    pub fn forget(&mut self, other: Sketch) {
        self.strings = other.strings;
        for (mine, others) in self.tasks.iter_mut().zip(other.tasks) {
            mine.vars = others.vars;
        }
    }

    /// Adds a statement to a task.
    pub fn push(&mut self, task: usize, stmt: Stmt) {
        self.tasks[task].block.push(stmt);
    }
}
