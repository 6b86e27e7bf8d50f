//! Laws of states, on random walks through the programs of the library.

mod common;

use lockstep::{
    kernel::{Env, Trace},
    machine::{Machine, Move, MoveKind, State, environment},
    program::Compiled,
};
use proptest::prelude::*;
use std::sync::OnceLock;

fn programs() -> &'static [Compiled] {
    static PROGRAMS: OnceLock<Vec<Compiled>> = OnceLock::new();
    PROGRAMS.get_or_init(|| common::library().iter().map(|path| common::load_path(path)).collect())
}

/// A state that random moves of one section or a whole call each lead to, with the journal on.
fn walk<'p>(program: &'p Compiled, choices: &[(u8, bool)]) -> (Machine<'p>, State) {
    let env = environment(program, Env::default()).unwrap();
    let machine = Machine::new(program, env);
    let mut state = machine.initial().unwrap();
    state.set_journal(true);
    for &(choice, whole) in choices {
        let moves: Vec<Move> = machine.moves(&state).collect();
        if moves.is_empty() {
            break;
        }
        let mv = moves[usize::from(choice) % moves.len()];
        machine.apply(&mut state, mv, if whole { u32::MAX } else { 1 }, &mut Trace::default());
        state.commit();
    }
    (machine, state)
}

/// A program by its number, and the choices of a walk through it.
fn walks() -> impl Strategy<Value = (usize, Vec<(u8, bool)>)> {
    (0..programs().len(), prop::collection::vec(any::<(u8, bool)>(), 0..25))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn undo_is_exact((program, choices) in walks(), sections in 1u32..6) {
        let (machine, mut state) = walk(&programs()[program], &choices);
        let before = state.clone();
        let print = state.digest(&mut Vec::new());
        for mv in machine.moves(&before) {
            machine.apply(&mut state, mv, sections, &mut Trace::default());
            state.undo();
            prop_assert!(state == before, "{mv:?}");
            prop_assert_eq!(state.digest(&mut Vec::new()), print);
            prop_assert_eq!(state.digest_delta(&mut Vec::new()), 0);
        }
    }

    #[test]
    fn the_incremental_fingerprint_is_the_fresh_one((program, choices) in walks(), sections in 1u32..6) {
        let (machine, mut state) = walk(&programs()[program], &choices);
        let base = state.digest(&mut Vec::new());
        for mv in machine.moves(&state.clone()) {
            machine.apply(&mut state, mv, sections, &mut Trace::default());
            let delta = state.digest_delta(&mut Vec::new());
            prop_assert_eq!(base.wrapping_add(delta), state.digest(&mut Vec::new()), "{:?}", mv);
            state.undo();
        }
    }

    #[test]
    fn the_serial_form_is_read_back((program, choices) in walks(), other in prop::collection::vec(any::<(u8, bool)>(), 0..25)) {
        let (machine, state) = walk(&programs()[program], &choices);
        let (_, mut again) = walk(&programs()[program], &other);
        let mut bytes = Vec::new();
        state.encode(&mut bytes);
        again.decode(&bytes);
        prop_assert_eq!(again.digest(&mut Vec::new()), state.digest(&mut Vec::new()));
        let mut bytes_again = Vec::new();
        again.encode(&mut bytes_again);
        prop_assert_eq!(&bytes_again, &bytes);
        let moves = |state: &State| machine.moves(state).collect::<Vec<_>>();
        prop_assert_eq!(moves(&again), moves(&state));
    }

    /// Whoever runs a call to its end section by section does what the whole call does.
    #[test]
    fn sections_add_up_to_the_call((program, choices) in walks()) {
        let (machine, mut state) = walk(&programs()[program], &choices);
        let in_kernel = |mv: &Move| matches!(mv.kind, MoveKind::Call | MoveKind::Continue | MoveKind::Deliver);
        for mv in machine.moves(&state.clone()).filter(in_kernel) {
            machine.apply(&mut state, mv, u32::MAX, &mut Trace::default());
            let whole = state.digest(&mut Vec::new());
            state.undo();
            let mut next = mv;
            loop {
                machine.apply(&mut state, next, 1, &mut Trace::default());
                // It returned, sleeps, or waits for a lock that another task keeps.
                if machine.next_move(&state, mv.task) != Some(MoveKind::Continue) {
                    break;
                }
                next = Move { task: mv.task, kind: MoveKind::Continue };
            }
            prop_assert_eq!(state.digest(&mut Vec::new()), whole, "{:?}", mv);
            state.undo();
        }
    }
}
