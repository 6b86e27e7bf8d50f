//! One execution of a script: a thread per task.

use super::{pipe::Pipe, rt::thread, task::Tasks};
use crate::concurrent::script::{Defect, Done, Ending, FILLER, Op, Outcome, Script, TaskNo, letter};
use std::sync::Arc;

/// Runs the tasks of a script to their ends, or until all sleep.
pub fn execute(script: &Script, defect: Option<Defect>) -> Ending {
    let shared = Arc::new((Tasks::new(script.tasks.len()), Pipe::new(script, defect)));
    let run = |task: TaskNo, ops: &'static [Op]| {
        let shared = Arc::clone(&shared);
        move || one_task(&shared, task, ops)
    };
    let threads: Vec<_> = script.tasks.iter().enumerate().map(|(task, ops)| thread::spawn(run(task, ops))).collect();
    let outcome = threads.into_iter().map(|thread| thread.join().expect("no task panics")).collect();
    ending(script, &shared.0, &shared.1, outcome)
}

fn one_task((tasks, pipe): &(Tasks, Pipe), me: TaskNo, ops: &[Op]) -> Vec<Done> {
    let mut results = Vec::new();
    for &op in ops {
        results.push(pipe.call(tasks, me, op));
        if results.last() == Some(&Done::Asleep) {
            return results;
        }
    }
    tasks.done();
    results
}

fn ending(script: &Script, tasks: &Tasks, pipe: &Pipe, outcome: Outcome) -> Ending {
    let stuck = |&task: &TaskNo| {
        let done = &outcome[task];
        done.last() == Some(&Done::Asleep) && pipe.would_go_on(script.tasks[task][done.len() - 1])
    };
    let stuck = (0..outcome.len()).filter(stuck).collect();
    let broken = pipe.broken().or_else(|| lost_or_made(script, pipe, &outcome));
    Ending { stuck, broken, story: tasks.story(), outcome }
}

/// Whether the pages that were read and are left are those that were written. (What a splice took cannot be told apart,
/// and a writer that still sleeps has written some.)
fn lost_or_made(script: &Script, pipe: &Pipe, outcome: &Outcome) -> Option<String> {
    let calls = || {
        let ops = script.tasks.iter().zip(outcome).enumerate();
        ops.flat_map(|(task, (ops, done))| ops.iter().zip(done).map(move |(op, done)| (task, op, done)))
    };
    if calls().any(|(_, op, done)| matches!(op, Op::Splice(_)) || *done == Done::Asleep && matches!(op, Op::Write(_))) {
        return None;
    }
    let mut written = vec![FILLER; script.filled as usize];
    let mut seen = pipe.left();
    for (task, _, done) in calls() {
        match done {
            Done::Pages(pages) => written.extend(vec![letter(task); *pages as usize]),
            Done::Read(pages) => seen.extend(pages),
            _ => {}
        }
    }
    written.sort_unstable();
    seen.sort_unstable();
    (written != seen).then(|| format!("{} pages were written and {} are there or were read", written.len(), seen.len()))
}
