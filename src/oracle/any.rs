//! A set of states: every order of scheduling that explains what was seen.

use super::{
    fifo::{ipc, probes, timer},
    step::{Event, StepSeen, events_of, killed, signal_sets},
};
use crate::{
    kernel::{RunState, Step, TaskId, Trace},
    machine::{Machine, Move, MoveKind, State},
    program::{Outcome, Release},
};
use std::collections::HashSet;

/// No more states than this are kept at once.
pub const CAP: usize = 20_000;

/// The states that explain the steps so far.
#[derive(Clone, Debug)]
pub struct Any<'m> {
    machine: &'m Machine<'m>,
    states: Vec<State>,
    /// How many sections of a call run at once: 1 to interrupt calls as well.
    sections: u32,
    /// Some states had to be dropped: that nothing explains a step proves nothing then.
    pub capped: bool,
}

/// A state on the way through a step, with the events so far, by task.
#[derive(Clone)]
struct Partial {
    state: State,
    events: Vec<Event>,
    /// Tasks that make their calls again after a signal.
    again: Vec<TaskId>,
}

impl<'m> Any<'m> {
    /// At the initial state; calls can be interrupted if `within_calls`.
    pub fn new(machine: &'m Machine<'m>, initial: &State, within_calls: bool) -> Self {
        let mut state = initial.clone();
        state.set_journal(false);
        Any { machine, states: vec![state], sections: if within_calls { 1 } else { u32::MAX }, capped: false }
    }

    /// How many states explain everything so far.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether nothing explains it.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// The outcome of each state.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = Outcome> + '_ {
        self.states.iter().map(|state| Outcome::of(self.machine.program, &self.machine.world(state)))
    }

    /// Keeps the states in which the release can have brought about what was seen; whether there are any.
    pub fn step(&mut self, release: Release, seen: &StepSeen) -> bool {
        let wanted = seen.by_task();
        let mut after: Vec<State> = Vec::new();
        let mut known = HashSet::new();
        for state in std::mem::take(&mut self.states) {
            let before = killed(self.machine, &state.kernel);
            for partial in self.quiet_states(state, release, &wanted) {
                if after.len() >= CAP {
                    self.capped = true;
                    break;
                }
                let mut reached = StepSeen { events: partial.events, ..StepSeen::default() };
                for (task, t) in partial.state.kernel.tasks() {
                    reached.asleep.extend(t.sleeps_in().map(|call| (task, call)));
                    reached.stopped.extend((t.state == RunState::Stopped).then_some(task));
                }
                reached.signals = signal_sets(self.machine, &partial.state.kernel);
                reached.killed = killed(self.machine, &partial.state.kernel);
                reached.killed.retain(|killed| !before.contains(killed));
                reached.probes = probes(self.machine, &partial.state);
                reached.ipc = ipc(self.machine, &partial.state);
                if reached.same_up_to_order(seen) && known.insert(print(&partial.state)) {
                    after.push(partial.state);
                }
            }
        }
        self.states = after;
        !self.states.is_empty()
    }

    /// Every quiet state after the release, with the events on the way; ways with an event that was not seen are left.
    fn quiet_states(&mut self, state: State, release: Release, wanted: &[Event]) -> Vec<Partial> {
        let mv = if release.expire {
            timer(self.machine, &state, release)
        } else {
            let kind = self.machine.next_move(&state, release.task);
            kind.filter(|&kind| kind != MoveKind::Deliver).map(|kind| Move { task: release.task, kind })
        };
        let Some(mv) = mv else { return Vec::new() };
        let mut quiet = Vec::new();
        let mut known = HashSet::new();
        let mut open = self.moved(&Partial { state, events: Vec::new(), again: Vec::new() }, mv);
        while let Some(partial) = open.pop() {
            if known.len() >= CAP {
                self.capped = true;
                break;
            }
            let expected = |e: &Event| wanted.contains(e);
            if !partial.events.iter().all(expected)
                || !known.insert((print(&partial.state), partial.events.len(), partial.again.clone()))
            {
                continue;
            }
            let going_on: Vec<Move> = self
                .machine
                .moves(&partial.state)
                .filter(|mv| {
                    matches!(mv.kind, MoveKind::Continue | MoveKind::Deliver)
                        || mv.kind == MoveKind::Call && partial.again.contains(&mv.task)
                })
                .collect();
            if going_on.is_empty() {
                quiet.push(partial);
                continue;
            }
            open.extend(going_on.into_iter().flat_map(|mv| self.moved(&partial, mv)));
        }
        quiet
    }

    /// One move from a state, with its events; local statements before it are done first.
    fn moved(&self, from: &Partial, mv: Move) -> Vec<Partial> {
        let Partial { mut state, mut events, mut again } = from.clone();
        let Move { task, mut kind } = mv;
        while kind == MoveKind::Local {
            self.machine.apply(&mut state, Move { task, kind }, u32::MAX, &mut Trace::default());
            match self.machine.next_move(&state, task) {
                Some(next) => kind = next,
                None => return vec![Partial { state, events, again }],
            }
        }
        let call = state.cursor(task).pending_call(&self.machine.program.tasks[task as usize].code);
        let call = call.filter(|_| kind != MoveKind::Deliver);
        again.retain(|&other| other != task);
        let went_on = state.cursor(task).halt.is_none();
        let step = self.machine.apply(&mut state, Move { task, kind }, self.sections, &mut Trace::default());
        state.kernel.drain(task);
        if let Step::Restart(_) = step {
            again.push(task);
        }
        events.extend(events_of(self.machine, &state, task, call, step, went_on));
        events.sort_by_key(|event| event.task);
        vec![Partial { state, events, again }]
    }
}

fn print(state: &State) -> u128 {
    state.digest(&mut Vec::new())
}
