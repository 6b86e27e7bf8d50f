//! Processes and threads, and what they do to themselves: `fork`, `exit`, `thread_exit`, `yield`.

use super::{Chooser, Shape, Sketch, build};
use crate::program::syntax::Stmt;

/// Names of tasks, in order.
const NAMES: &[&str] = &["A", "B", "C", "D", "E", "F", "G", "H"];

/// Declares processes with their tasks: most have one, some have two threads, and some are children. Signals are for all of these.
pub fn declare(sketch: &mut Sketch, shape: &Shape, signals: bool, chooser: &mut dyn Chooser) {
    let most = shape.tasks.clamp(1, NAMES.len());
    let wanted = match chooser.weighted(&[(4, 2), (4, 3), (2, 4), (1, 1), (1, NAMES.len())]) {
        n if n <= most => n,
        _ => most,
    };
    // One child in a program shows what there is to see, unless somebody waits for children.
    let mut children = if signals { 2 } else { 1 };
    let odds = if signals { 30 } else { 12 };
    while sketch.tasks.len() < wanted {
        let name = NAMES[sketch.tasks.len()];
        let left = wanted - sketch.tasks.len();
        if left >= 2 && chooser.percent(odds) {
            let process = sketch.add_process(format!("P{}", sketch.processes.len() + 1), None);
            sketch.add_task(name.into(), process);
            sketch.add_task(NAMES[sketch.tasks.len()].into(), process);
        } else if !sketch.processes.is_empty() && children > 0 && chooser.percent(odds) {
            children -= 1;
            let parent = chooser.choose(sketch.processes.len());
            let process = sketch.add_process(name.into(), Some(parent));
            sketch.add_task(name.into(), process);
        } else {
            let process = sketch.add_process(name.into(), None);
            sketch.add_task(name.into(), process);
        }
    }
}

/// Who gets the next statement: somebody awake, as a rule. Statements of others are for schedules that go another way.
pub fn next_task(sketch: &Sketch, chooser: &mut dyn Chooser) -> Option<usize> {
    let awake = sketch.awake();
    if awake.is_empty() || chooser.percent(8) {
        return Some(chooser.choose(sketch.tasks.len()));
    }
    Some(chooser.pick(&awake))
}

/// A call of the task about its own process, now and then.
pub fn call(sketch: &mut Sketch, task: usize, chooser: &mut dyn Chooser) -> Option<Stmt> {
    let process = sketch.tasks[task].process;
    let unborn = |&child: &usize| sketch.processes[child].parent == Some(process) && !sketch.processes[child].runs;
    let children: Vec<usize> = (0..sketch.processes.len()).filter(unborn).collect();
    if !children.is_empty() && chooser.percent(30) {
        let child = chooser.pick(&children);
        // A second fork of the same child is refused; a first one is what is wanted.
        let fork = build::call("fork", [build::name(&sketch.processes[child].name)]);
        let forked =
            sketch.tasks.iter().flat_map(|t| &t.block).any(|stmt| *stmt == build::statement(None, fork.clone()));
        if !forked {
            sketch.forked(child);
            return Some(build::statement(None, fork));
        }
    }
    match chooser.choose(100) {
        97 if sketch.processes[process].tasks.len() > 1 => {
            let status = chooser.choose(3) as i64;
            sketch.thread_exited(task);
            Some(build::statement(None, build::call("thread_exit", [build::int(status)])))
        }
        98 => {
            let status = chooser.choose(3) as i64;
            sketch.exited(process);
            Some(build::statement(None, build::call("exit", [build::int(status)])))
        }
        99 => Some(build::statement(None, build::call("yield", []))),
        _ => None,
    }
}
