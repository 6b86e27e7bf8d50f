//! Laws of states: journal, fingerprint, serial form, sections.

use super::{along, cases, choices, programs::subjects, sections};
use lockstep::{
    kernel::Trace,
    machine::{Machine, Move, MoveKind, State},
};
use proptest::prelude::*;

fn moves(machine: &Machine, state: &State) -> Vec<Move> {
    machine.moves(state).collect()
}

fn serial(state: &State) -> Vec<u8> {
    let mut bytes = Vec::new();
    state.encode(&mut bytes);
    bytes
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn undo_is_exact(subject in subjects(), choices in choices(), stretch in 0u8..6) {
        along(&subject, &choices, |machine, state| {
            let before = state.clone();
            let (print, bytes) = (state.digest(&mut Vec::new()), serial(state));
            for mv in moves(machine, &before) {
                let step = |state: &mut State| {
                    state.kernel.footprint.record(true);
                    let step = machine.apply(state, mv, sections(stretch), &mut Trace::default());
                    let used = state.kernel.footprint.accesses();
                    state.kernel.footprint.record(false);
                    (step, used)
                };
                let first = step(state);
                state.undo();
                prop_assert!(*state == before, "{mv:?}");
                prop_assert_eq!(state.digest(&mut Vec::new()), print);
                prop_assert_eq!(state.digest_delta(&mut Vec::new()), 0);
                prop_assert_eq!(&serial(state), &bytes);
                // And the same move does the same again, with the same footprint.
                prop_assert_eq!(step(state), first);
                state.undo();
            }
            Ok(())
        })?;
    }

    #[test]
    fn the_incremental_fingerprint_is_the_fresh_one(subject in subjects(), choices in choices(), stretch in 0u8..6) {
        along(&subject, &choices, |machine, state| {
            let base = state.digest(&mut Vec::new());
            for mv in moves(machine, state) {
                machine.apply(state, mv, sections(stretch), &mut Trace::default());
                let delta = state.digest_delta(&mut Vec::new());
                prop_assert_eq!(base.wrapping_add(delta), state.digest(&mut Vec::new()), "{:?}", mv);
                state.undo();
            }
            Ok(())
        })?;
    }

    #[test]
    fn the_serial_form_is_read_back(subject in subjects(), choices in choices()) {
        let mut again = None;
        along(&subject, &choices, |machine, state| {
            let again = again.get_or_insert_with(|| state.clone());
            let bytes = serial(state);
            // What it was before is what the walk was in the step before.
            again.decode(&bytes);
            prop_assert_eq!(again.digest(&mut Vec::new()), state.digest(&mut Vec::new()));
            prop_assert_eq!(&serial(again), &bytes);
            prop_assert_eq!(moves(machine, again), moves(machine, state));
            // What is not written is not needed: every move does the same there.
            for mv in moves(machine, state) {
                let steps = [&mut *state, &mut *again].map(|state| {
                    let step = machine.apply(state, mv, 1, &mut Trace::default());
                    let end = (step, serial(state));
                    state.undo();
                    end
                });
                prop_assert!(steps[0] == steps[1], "{mv:?}");
            }
            Ok(())
        })?;
    }

    /// Whoever runs a call to its end section by section does what the whole call does.
    #[test]
    fn sections_add_up_to_the_call(subject in subjects(), choices in choices()) {
        along(&subject, &choices, |machine, state| {
            let in_kernel = |mv: &Move| matches!(mv.kind, MoveKind::Call | MoveKind::Continue | MoveKind::Deliver);
            for mv in moves(machine, state).into_iter().filter(in_kernel) {
                machine.apply(state, mv, u32::MAX, &mut Trace::default());
                let whole = state.digest(&mut Vec::new());
                state.undo();
                let mut next = mv;
                loop {
                    machine.apply(state, next, 1, &mut Trace::default());
                    // It returned, sleeps, or waits for a lock that another task keeps.
                    if machine.next_move(state, mv.task) != Some(MoveKind::Continue) {
                        break;
                    }
                    next = Move { task: mv.task, kind: MoveKind::Continue };
                }
                prop_assert_eq!(state.digest(&mut Vec::new()), whole, "{:?}", mv);
                state.undo();
            }
            Ok(())
        })?;
    }
}
