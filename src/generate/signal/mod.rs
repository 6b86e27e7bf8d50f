//! Signals: handlers, masks, who sends what to whom, and the calls that wait for signals and children.
//!
//! What makes signals worth trying is whom they meet. So tasks that sleep are preferred as targets, whatever they sleep in, and
//! handlers are filled with calls of the other mechanisms of the program.

mod guess;
mod send;
mod set;
mod signalfd;
mod timer;
mod wait;

use super::{Chooser, HandlerSketch, Mechanism, Sketch, build};
use crate::program::syntax::{Expr, Stmt};
use guess::{Disposition, Guess};
pub use set::Signal;
use set::{SIGALRM, SIGNALS, SIGPIPE, Signals as Set};

/// Signals of all processes.
#[derive(Debug, Default)]
pub struct Signals {
    guess: Guess,
    /// Handlers by process, each with the signals that it is for.
    handlers: Vec<Vec<Set>>,
    /// Timers of `timer_create`: who made them, and how they are written.
    timers: Vec<(usize, Expr)>,
}

/// Names of the handlers of a process.
const NAMES: [&str; 2] = ["h", "g"];

impl Mechanism for Signals {
    fn declare(&mut self, sketch: &mut Sketch, chooser: &mut dyn Chooser) {
        self.guess = Guess::new(sketch);
        for process in 0..sketch.processes.len() {
            let count = chooser.weighted(&[(5, 1), (3, 2), (2, 0)]);
            let mut sets = Vec::new();
            for (number, name) in NAMES[..count].iter().enumerate() {
                let mut set = Set::one(set::caught(chooser));
                if chooser.percent(25) {
                    set.insert(set::caught(chooser));
                }
                if sketch.timed && chooser.percent(40) {
                    set.insert(SIGALRM);
                }
                let info = chooser.percent(25).then(|| sketch.variable(sketch.processes[process].tasks[0]));
                // In a child it stands for the one of the parent that has its number, too.
                let parent = sketch.processes[process].parent.and_then(|p| sketch.processes[p].handlers.get(number));
                let rank = parent.map_or(set.last(), |parent| parent.rank.max(set.last()));
                let handler =
                    HandlerSketch { name: (*name).into(), info, block: Vec::new(), rank, anything: rank < SIGPIPE };
                sketch.processes[process].handlers.push(handler);
                sets.push(set);
            }
            self.handlers.push(sets);
        }
    }

    fn call(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Option<Stmt> {
        if sketch.handling.is_none() {
            return self.any_call(sketch, task, chooser);
        }
        let before = self.guess.clone();
        let timers = self.timers.len();
        let stmt = self.any_call(sketch, task, chooser);
        self.guess = before;
        self.timers.truncate(timers);
        stmt
    }
}

impl Signals {
    fn any_call(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Option<Stmt> {
        let process = sketch.tasks[task].process;
        let idle = (0..self.handlers[process].len()).find(|&h| !self.guess.is_installed(process, h));
        if let Some(handler) = idle
            && sketch.handling.is_none()
            && chooser.percent(60)
        {
            return Some(self.install(sketch, task, handler, chooser));
        }
        if self.guess.planned(task).is_some() && chooser.percent(80) {
            return Some(self.make_signalfd(sketch, task, chooser));
        }
        let signalfd = if self.has_signalfd(sketch, process) { 24 } else { 3 };
        let timer = if sketch.timed { 22 } else { 0 };
        let odds = [(20, 0), (5, 1), (6, 2), (2, 3), (9, 4), (4, 5), (4, 6), (4, 7), (signalfd, 8), (timer, 9)];
        match chooser.weighted(&odds) {
            0 => self.send(sketch, task, chooser),
            1 => Some(self.act(sketch, task, chooser)),
            2 => Some(self.change_mask(sketch, task, chooser)),
            3 => Some(build::statement(Some(sketch.variable(task)), build::call("sigpending", []))),
            4 => Some(self.pause(sketch, task)),
            5 => Some(self.suspend(sketch, task, chooser)),
            6 => Some(self.wait_for_signal(sketch, task, chooser)),
            7 => Some(self.wait_for_child(sketch, task, chooser)),
            8 => Some(self.signalfd(sketch, task, chooser)),
            _ => Some(self.timer(sketch, task, chooser)),
        }
    }

    /// `sigaction` with one of the handlers.
    fn install(&mut self, sketch: &mut Sketch, task: usize, handler: usize, chooser: &mut dyn Chooser) -> Stmt {
        let process = sketch.tasks[task].process;
        let signal = self.handlers[process][handler].pick(chooser);
        let mut flags = Vec::new();
        for (percent, flag) in [(40, "SA_RESTART"), (15, "SA_NODEFER"), (12, "SA_RESETHAND"), (5, "SA_SIGINFO")] {
            if chooser.percent(percent) {
                flags.push(flag);
            }
        }
        if signal == set::SIGCHLD {
            for flag in ["SA_NOCLDSTOP", "SA_NOCLDWAIT"] {
                if chooser.percent(20) {
                    flags.push(flag);
                }
            }
        }
        let mut args = vec![signal.expr(), build::name(&sketch.processes[process].handlers[handler].name)];
        if !flags.is_empty() {
            args.push(build::flags(&flags));
        }
        let mut call = build::call("sigaction", args);
        if chooser.percent(25) {
            call = build::with(call, "mask", Set::some(chooser).expr());
        }
        let (restart, reset) = (flags.contains(&"SA_RESTART"), flags.contains(&"SA_RESETHAND"));
        self.guess.act(process, signal, Disposition::Handler { handler, restart, reset });
        self.result(sketch, task, call, chooser)
    }

    /// `sigaction` with `SIG_IGN`, `SIG_DFL`, a handler, or nothing.
    fn act(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let process = sketch.tasks[task].process;
        let handlers = self.handlers[process].len();
        let signal = set::any(chooser);
        match chooser.weighted(&[(4, 0), (3, 1), (3, 2), (1, 3)]) {
            0 if handlers > 0 => self.install(sketch, task, chooser.choose(handlers), chooser),
            3 => self.result(sketch, task, build::call("sigaction", [signal.expr()]), chooser),
            how => {
                let (action, disposition) =
                    if how == 1 { ("SIG_DFL", Disposition::Default) } else { ("SIG_IGN", Disposition::Ignore) };
                let mut call = build::call("sigaction", [signal.expr(), build::name(action)]);
                if signal == set::SIGCHLD && chooser.percent(30) {
                    call.args.push(build::argument(build::name("SA_NOCLDWAIT")));
                }
                self.guess.act(process, signal, disposition);
                self.result(sketch, task, call, chooser)
            }
        }
    }

    fn change_mask(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let how = chooser.weighted(&[(5, "SIG_BLOCK"), (4, "SIG_UNBLOCK"), (3, "SIG_SETMASK")]);
        let set = Set::some(chooser);
        self.guess.mask(task, how, set);
        build::statement(Some(sketch.variable(task)), build::call("sigprocmask", [build::name(how), set.expr()]))
    }

    /// A statement whose result is kept if it can be anything but 0.
    fn result(
        &self,
        sketch: &mut Sketch,
        task: usize,
        call: crate::program::syntax::CallExpr,
        chooser: &mut dyn Chooser,
    ) -> Stmt {
        let kept = chooser.percent(30).then(|| sketch.variable(task));
        build::statement(kept, call)
    }
}

/// A process by its name; a thread by its own.
fn process_name(sketch: &Sketch, process: usize) -> Expr {
    build::name(&sketch.processes[process].name)
}

/// How often a signal is sent, of `SIGNALS`.
fn weights() -> Vec<(usize, Signal)> {
    SIGNALS.iter().enumerate().map(|(i, info)| (info.sent, Signal(i))).collect()
}
