//! `kill`, `tgkill`, `sigqueue`: to whom, and what.

use super::super::{Chooser, Sketch, build};
use super::{Signals, process_name, set::Signal, weights};
use crate::program::syntax::{Expr, ExprKind, Stmt};

/// Whom a call names.
#[derive(Clone, Copy)]
enum Target {
    /// A process, by the name of its thread or by its own.
    Process,
    /// One thread, of its process.
    Thread,
    /// 0, minus the leader of the group, -1.
    Group(usize),
    /// Somebody who is not there.
    Nobody,
}

impl Signals {
    pub(super) fn send(&mut self, sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Option<Stmt> {
        let to = receiver(sketch, task, chooser);
        let signal = self.signal(sketch, to, chooser)?;
        let wrong = chooser.percent(4);
        let number = if wrong { build::int(chooser.pick(&[0, 65, -1i64])) } else { signal.expr() };
        let target = chooser.weighted(&[
            (12, Target::Process),
            (6, Target::Thread),
            (1, Target::Group(0)),
            (1, Target::Group(1)),
            (1, Target::Group(2)),
            (1, Target::Nobody),
        ]);
        let queued = chooser.percent(25);
        let process = sketch.tasks[to].process;
        let pid = match target {
            Target::Process if chooser.percent(20) => build::name(&sketch.tasks[to].name),
            Target::Process | Target::Thread => process_name(sketch, process),
            Target::Group(0) => build::int(0),
            Target::Group(1) => negative(process_name(sketch, 0)),
            Target::Group(_) => build::int(-1),
            Target::Nobody => build::int(chooser.pick(&[999, -999, -2i64])),
        };
        let call = match target {
            Target::Thread if !queued => {
                // Now and then a thread of somebody else.
                let of = if chooser.percent(4) { process_name(sketch, sketch.tasks[task].process) } else { pid };
                build::call("tgkill", [of, build::name(&sketch.tasks[to].name), number])
            }
            Target::Process | Target::Thread if queued => {
                build::call("sigqueue", [pid, number, build::int(chooser.choose(9) as i64)])
            }
            _ => build::call("kill", [pid, number]),
        };
        if !wrong {
            match target {
                Target::Thread if !queued => self.guess.deliver(sketch, process, Some(to), signal),
                Target::Process | Target::Thread => self.guess.deliver(sketch, process, None, signal),
                Target::Group(which) => {
                    let own = sketch.tasks[task].process;
                    for process in (0..sketch.processes.len()).filter(|&p| which < 2 || p != own) {
                        self.guess.deliver(sketch, process, None, signal);
                    }
                }
                Target::Nobody => {}
            }
        }
        Some(build::statement(Some(sketch.variable(task)), call))
    }

    /// Which signal: one that the receiver does something about, as a rule. In a handler those only that come behind its own.
    fn signal(&self, sketch: &Sketch, to: usize, chooser: &mut dyn Chooser) -> Option<Signal> {
        let may = |signal: Signal| sketch.handling.is_none_or(|rank| signal > rank);
        let mut welcome = self.guess.welcome(sketch, to);
        welcome.retain(|&signal| may(signal));
        if !welcome.is_empty() && chooser.percent(70) {
            return Some(chooser.pick(&welcome));
        }
        let mut weighted = weights();
        weighted.retain(|&(_, signal)| may(signal));
        (!weighted.is_empty()).then(|| chooser.weighted(&weighted))
    }
}

/// Somebody who sleeps or is stopped, as a rule; oneself now and then.
fn receiver(sketch: &Sketch, task: usize, chooser: &mut dyn Chooser) -> usize {
    let rests =
        |&other: &usize| sketch.tasks[other].asleep.is_some() || sketch.processes[sketch.tasks[other].process].stopped;
    let resting: Vec<usize> = (0..sketch.tasks.len()).filter(|other| *other != task && rests(other)).collect();
    if !resting.is_empty() && chooser.percent(65) {
        return chooser.pick(&resting);
    }
    chooser.choose(sketch.tasks.len())
}

fn negative(e: Expr) -> Expr {
    build::expr(ExprKind::Neg(Box::new(e)))
}
