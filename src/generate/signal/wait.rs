//! Calls that wait: for a signal, and for a child.

use super::super::{Chooser, Sketch, Sleep, Until, build};
use super::{Signals, process_name, set};
use crate::program::syntax::{ExprKind, Stmt};

impl Signals {
    pub(super) fn pause(&mut self, sketch: &mut Sketch, task: usize) -> Stmt {
        sleep(sketch, task, Until::Signal);
        build::statement(Some(sketch.variable(task)), build::call("pause", []))
    }

    pub(super) fn suspend(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let mask = set::Signals::some(chooser);
        sleep(sketch, task, Until::Signal);
        build::statement(Some(sketch.variable(task)), build::call("sigsuspend", [mask.expr()]))
    }

    pub(super) fn wait_for_signal(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let set = set::Signals::some(chooser);
        let mut call = build::call("sigwaitinfo", [set.expr()]);
        if chooser.percent(30) {
            call = build::with(call, "timeout", build::int(0));
        } else {
            if sketch.timed && chooser.percent(50) {
                call = build::with(call, "timeout", Sketch::time(chooser));
            }
            self.guess.waits_for(task, set);
            sleep(sketch, task, Until::Signal);
        }
        build::statement(Some(sketch.variable(task)), call)
    }

    pub(super) fn wait_for_child(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Stmt {
        let process = sketch.tasks[task].process;
        let child = (0..sketch.processes.len()).find(|&p| sketch.processes[p].parent == Some(process));
        let named = child.map(|child| process_name(sketch, child));
        let pid = match (chooser.weighted(&[(5, 0), (4, 1), (1, 2), (1, 3)]), named) {
            (1, Some(child)) => child,
            (2, _) => build::int(0),
            (3, _) => build::expr(ExprKind::Neg(Box::new(process_name(sketch, 0)))),
            _ => build::int(-1),
        };
        let mut options = Vec::new();
        for (percent, option) in [(25, "WNOHANG"), (30, "WUNTRACED"), (25, "WCONTINUED")] {
            if chooser.percent(percent) {
                options.push(option);
            }
        }
        let mut args = vec![pid];
        if !options.is_empty() {
            args.push(build::flags(&options));
        }
        if child.is_some_and(|child| sketch.processes[child].runs) && !options.contains(&"WNOHANG") {
            sleep(sketch, task, Until::Child);
        }
        build::statement(Some(sketch.variable(task)), build::call("waitpid", args))
    }
}

/// In a handler nobody sleeps, by the guess: nobody knows when it runs.
fn sleep(sketch: &mut Sketch, task: usize, until: Until) {
    sketch.tasks[task].asleep = Some(Sleep { file: Sleep::NO_FILE, until });
}
