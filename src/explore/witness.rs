//! Witnesses: a shortest path to a state, replayed from the start.

use crate::{
    kernel::{Step, TaskId, Trace},
    machine::{Machine, Move, MoveKind, State},
    program::{Release, Schedule},
};

/// One move of a witness.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Taken {
    /// The move.
    pub mv: Move,
    /// For how many sections of kernel code; `u32::MAX` up to its return or sleep.
    pub sections: u32,
}

/// A path from the initial state.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Witness {
    /// Its moves.
    pub moves: Vec<Taken>,
}

impl Witness {
    /// Whether some task is interrupted within a call by another one: then no schedule of whole calls leads here.
    pub fn preempts(&self) -> bool {
        self.moves.iter().any(|taken| taken.sections != u32::MAX)
    }

    /// Whether some store becomes visible later than right after the task's own move: then only a processor with a store buffer
    /// comes here, and no schedule makes it.
    pub fn reorders(&self) -> bool {
        let flush = |mv: Move| mv.kind == MoveKind::Flush;
        self.moves.windows(2).any(|pair| flush(pair[1].mv) && pair[0].mv.task != pair[1].mv.task)
            || self.moves.first().is_some_and(|first| flush(first.mv))
            || self.moves.windows(2).any(|pair| flush(pair[0].mv) && flush(pair[1].mv))
    }

    /// Walks the path, and calls `see` with each move, how it ended, the state after it, and what was recorded.
    pub fn replay(
        &self,
        machine: &Machine,
        initial: &State,
        telling: bool,
        mut see: impl FnMut(&Taken, &Step, &State, &Trace),
    ) {
        let mut state = initial.clone();
        state.set_journal(false);
        for taken in &self.moves {
            let mut trace = if telling { Trace::telling() } else { Trace::default() };
            let step = machine.apply(&mut state, taken.mv, taken.sections, &mut trace);
            see(taken, &step, &state, &trace);
        }
    }

    /// The state that the path leads to.
    pub fn end(&self, machine: &Machine, initial: &State) -> State {
        let mut end = initial.clone();
        self.replay(machine, initial, false, |_, _, state, _| end.clone_from(state));
        end
    }

    /// Whether `ITIMER_REAL` of a process goes off while the task that leads it sleeps for a time only: no release could tell the two apart.
    fn alarms_while_timed(&self, machine: &Machine, initial: &State) -> bool {
        if self.moves.iter().all(|taken| taken.mv.kind != MoveKind::Alarm) {
            return false;
        }
        let (mut before, mut found) = (initial.clone(), false);
        self.replay(machine, initial, false, |taken, _, after, _| {
            let leader = taken.mv.task;
            found |= taken.mv.kind == MoveKind::Alarm && machine.next_move(&before, leader) == Some(MoveKind::Expire);
            before.clone_from(after);
        });
        found
    }

    /// The schedule that forces this path: each task is released in turn. Where the path lets the woken tasks go on at once,
    /// in the order in which they were woken, the release is a plain one; elsewhere it holds them (`W+`).
    ///
    /// `None` if the path interrupts a call, or leaves a store in a buffer while others go on: no release can do that. A timer that
    /// goes off is the release of its task. With signals the schedule may lead elsewhere: who is woken at user level cannot be held.
    pub fn schedule(&self, machine: &Machine, initial: &State) -> Option<Schedule> {
        // Nobody can be made to run where a timer goes off.
        let current = |mv: Move| matches!(mv.kind, MoveKind::Timer(_)) && machine.leader(mv.task) != mv.task;
        if self.preempts() || self.reorders() || self.moves.iter().any(|taken| current(taken.mv)) {
            return None;
        }
        let mut steps: Vec<Taking> = Vec::new();
        self.replay(machine, initial, false, |taken, step, _, trace| {
            // Local statements come by themselves.
            if !matches!(taken.mv.kind, MoveKind::Local | MoveKind::Flush) {
                let Move { task, kind } = taken.mv;
                steps.push(Taking { task, kind, woken: trace.woken.to_vec(), again: matches!(step, Step::Restart(_)) });
            }
        });
        let steps = fold(&steps);
        // Who sleeps for a time is what a release without more would wait for; and nobody holds who an alarm finds.
        let fifo_alarms =
            steps.iter().all(|release| !(release.expire && release.hold)) && !self.alarms_while_timed(machine, initial);
        fifo_alarms.then_some(Schedule { steps })
    }
}

/// Folds moves of woken tasks into the release that woke them, where they follow it at once and in order.
fn fold(steps: &[Taking]) -> Vec<Release> {
    let mut releases = Vec::new();
    let mut i = 0;
    while i < steps.len() {
        // The run queue of a plain release: who is to go on, in order. Who makes its call again was not interrupted.
        let mut queue = std::collections::VecDeque::from([(steps[i].task, steps[i].kind)]);
        let mut next = i;
        while let Some(&(task, kind)) = queue.front() {
            match steps.get(next) {
                Some(step) if step.task == task && (step.kind == kind || step.kind == MoveKind::Deliver) => {
                    queue.pop_front();
                    queue.extend(step.woken.iter().map(|&woken| (woken, MoveKind::Continue)));
                    if step.again {
                        queue.push_front((task, MoveKind::Call));
                    }
                    next += 1;
                }
                _ => break,
            }
        }
        let plain = queue.is_empty();
        let timer = if let MoveKind::Timer(id) = steps[i].kind { Some(id) } else { None };
        let expire = steps[i].kind == MoveKind::Alarm || timer.is_some();
        releases.push(Release { task: steps[i].task, hold: !plain, expire, timer });
        i = if plain { next } else { i + 1 };
    }
    releases
}

/// A move of a witness, as far as schedules are concerned.
struct Taking {
    task: TaskId,
    kind: MoveKind,
    /// Whom it woke, in order.
    woken: Vec<TaskId>,
    /// Whether the task makes its call again at once.
    again: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use MoveKind::*;

    fn folded(steps: &[(TaskId, MoveKind, Vec<TaskId>)]) -> Vec<(TaskId, bool)> {
        let steps = steps.iter().cloned().map(|(task, kind, woken)| Taking { task, kind, woken, again: false });
        let folded = fold(&steps.collect::<Vec<_>>());
        folded.into_iter().map(|r| (r.task, r.hold)).collect()
    }

    #[test]
    fn woken_tasks_that_go_on_at_once_need_no_step() {
        assert_eq!(folded(&[(0, Call, vec![]), (1, Call, vec![0]), (0, Continue, vec![])]), [(0, false), (1, false)]);
    }

    #[test]
    fn a_thief_between_needs_a_hold() {
        let steps = [(0, Call, vec![]), (1, Call, vec![0]), (2, Call, vec![]), (0, Continue, vec![])];
        assert_eq!(folded(&steps), [(0, false), (1, true), (2, false), (0, false)]);
    }
}
