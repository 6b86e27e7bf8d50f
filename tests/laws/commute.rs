//! Steps of different tasks whose footprints do not conflict commute. Every reduction of the search would rest on this.

use super::{
    Choices, along, cases, choices,
    programs::{Subject, subjects},
    sections,
};
use lockstep::{
    kernel::{Access, Footprint, ObjId, Step, TaskId, Trace},
    machine::{Machine, Move, MoveKind, State},
};
use proptest::{prelude::*, test_runner::TestRunner};
use std::cell::Cell;

type Accesses = Vec<(ObjId, Access)>;

/// What can happen to a task next, and what that depends on.
fn next(machine: &Machine, state: &State, task: TaskId) -> (Option<MoveKind>, Accesses) {
    state.kernel.footprint.record(true);
    let next = machine.next_move(state, task);
    let accesses = state.kernel.footprint.accesses();
    state.kernel.footprint.record(false);
    (next, accesses)
}

/// Makes a move; what came of it, and what it used.
fn make(machine: &Machine, state: &mut State, mv: Move, sections: u32) -> (Step, Accesses) {
    state.kernel.footprint.record(true);
    let step = machine.apply(state, mv, sections, &mut Trace::default());
    let accesses = state.kernel.footprint.accesses();
    state.kernel.footprint.record(false);
    (step, accesses)
}

fn serial(state: &State) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.encode(&mut bytes);
    bytes
}

/// What a move uses, that it is possible included.
struct Used {
    mv: Move,
    step: Step,
    /// To know that it is possible.
    before: Accesses,
    /// To make it.
    accesses: Accesses,
}

impl Used {
    fn all(&self) -> Accesses {
        self.before.iter().chain(&self.accesses).copied().collect()
    }
}

/// Tries all pairs of moves of a state in both orders; how many of them were independent.
fn commute(machine: &Machine, state: &mut State, stretch: u32) -> Result<(u32, u32), TestCaseError> {
    let tasks = machine.program.tasks.len() as TaskId;
    let mut moves = Vec::new();
    let mut stuck = Vec::new();
    for task in 0..tasks {
        let (kind, before) = next(machine, state, task);
        let Some(kind) = kind else {
            stuck.push((task, before));
            continue;
        };
        let mv = Move { task, kind };
        let (step, accesses) = make(machine, state, mv, stretch);
        state.undo();
        moves.push(Used { mv, step, before, accesses });
    }
    let (mut pairs, mut independent) = (0, 0);
    for (i, a) in moves.iter().enumerate() {
        // Whoever can do nothing still can do nothing, unless the move writes what that depends on.
        make(machine, state, a.mv, stretch);
        for (task, before) in &stuck {
            let (now, _) = next(machine, state, *task);
            prop_assert!(
                now.is_none() || Footprint::conflict(&a.accesses, before),
                "{:?} lets task {task} go on\n{:?}\n{before:?}",
                a.mv,
                a.accesses
            );
        }
        state.undo();
        for b in &moves[i + 1..] {
            pairs += 1;
            if Footprint::conflict(&a.all(), &b.all()) {
                continue;
            }
            independent += 1;
            let mut ends = Vec::new();
            for (first, second) in [(a, b), (b, a)] {
                make(machine, state, first.mv, stretch);
                let (kind, before) = next(machine, state, second.mv.task);
                prop_assert_eq!(kind, Some(second.mv.kind), "after {:?}", first.mv);
                prop_assert_eq!(&before, &second.before, "after {:?}", first.mv);
                let (step, accesses) = make(machine, state, second.mv, stretch);
                prop_assert_eq!(&step, &second.step, "{:?} after {:?}", second.mv, first.mv);
                prop_assert_eq!(&accesses, &second.accesses, "{:?} after {:?}", second.mv, first.mv);
                ends.push((state.digest(&mut Vec::new()), serial(state)));
                state.undo();
            }
            prop_assert!(ends[0] == ends[1], "{:?} {:?}\n{:?} {:?}", a.mv, a.accesses, b.mv, b.accesses);
        }
    }
    Ok((pairs, independent))
}

/// How many pairs were tried, and how many of them were independent, on subjects of a kind.
fn tried(subjects: impl Strategy<Value = Subject>, stretch: impl Strategy<Value = u8>) -> (u32, u32) {
    let (pairs, independent) = (Cell::new(0), Cell::new(0));
    let law = |(subject, choices, stretch): (Subject, Choices, u8)| {
        along(&subject, &choices, |machine, state| {
            let (tried, free) = commute(machine, state, sections(stretch))?;
            pairs.set(pairs.get() + tried);
            independent.set(independent.get() + free);
            Ok(())
        })
    };
    let mut runner = TestRunner::new(cases(5_000));
    if let Err(error) = runner.run(&(subjects, choices(), stretch), law) {
        panic!("{error}");
    }
    (pairs.get(), independent.get())
}

#[test]
fn independent_sections_commute() {
    let (pairs, independent) = tried(subjects(), 1..4u8);
    println!("{independent} of {pairs} pairs of stretches are independent");
    assert!(independent > pairs / 20 && pairs - independent > pairs / 20);
}

#[test]
fn independent_calls_commute() {
    let (pairs, independent) = tried(subjects(), Just(0));
    println!("{independent} of {pairs} pairs of calls are independent");
    assert!(independent > pairs / 20 && pairs - independent > pairs / 20);
}
