//! Timers of processes: `alarm`, `setitimer`, `timer_create` and what belongs to it.
//!
//! In a few programs only: a target has to wait for each that goes off. Times that are not waited for are so long that no run comes
//! to their end.

use super::super::{
    Chooser, Sketch,
    build::{argument, call, int, name, statement, with},
};
use super::Signals;
use crate::program::syntax::{CallExpr, Expr, Stmt};

impl Signals {
    pub(super) fn timer(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let known = self.timers.iter().any(|&(of, _)| of == task);
        let set = if known { 10 } else { 1 };
        let made = match chooser.weighted(&[(8, 0), (2, 1), (4, 2), (set, 3), (1, 4), (1, 5)]) {
            0 => set_interval(call("setitimer", [name("ITIMER_REAL")]), chooser),
            1 => call("alarm", [int(chooser.pick(&[0, 1000i64]))]),
            2 => return self.create(sketch, task, chooser),
            3 => set_interval(call("timer_settime", [self.which(task, chooser)]), chooser),
            4 => call("timer_gettime", [self.which(task, chooser)]),
            _ => call("timer_delete", [self.which(task, chooser)]),
        };
        statement(Some(sketch.variable(task)), made)
    }

    /// `timer_create`, for a signal that somebody does something about, as a rule.
    fn create(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let mut made = call("timer_create", []);
        if chooser.percent(85) {
            let welcome = self.guess.welcome(sketch, task);
            let signal = if welcome.is_empty() { super::set::any(chooser) } else { chooser.pick(&welcome) };
            made.args.push(argument(signal.expr()));
            if chooser.percent(30) {
                made.args.push(argument(int(chooser.choose(9) as i64)));
            }
            let threads = &sketch.processes[sketch.tasks[task].process].tasks;
            if chooser.percent(25) {
                let thread = chooser.pick(threads);
                made = with(made, "thread", name(&sketch.tasks[thread].name));
            }
        }
        let variable = sketch.variable(task);
        self.timers.push((task, name(&variable.name)));
        statement(Some(variable), made)
    }

    /// One that the task made, or one of its process by its number.
    fn which(&self, task: usize, chooser: &mut dyn Chooser) -> Expr {
        let own: Vec<&Expr> = self.timers.iter().filter(|&&(of, _)| of == task).map(|(_, timer)| timer).collect();
        if own.is_empty() || chooser.percent(10) {
            return int(chooser.weighted(&[(8, 0), (2, 1), (1, 9i64)]));
        }
        own[chooser.choose(own.len())].clone()
    }
}

/// A time, and perhaps an interval.
fn set_interval(mut made: CallExpr, chooser: &mut dyn Chooser) -> CallExpr {
    if chooser.percent(15) {
        made.args.push(argument(int(chooser.pick(&[0, 1_000_000_000i64]))));
        return made;
    }
    made.args.push(argument(Sketch::time(chooser)));
    if chooser.percent(35) {
        made = with(made, "interval", Sketch::time(chooser));
    }
    made
}
