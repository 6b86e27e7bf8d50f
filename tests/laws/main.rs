//! Laws of the model, each on many random cases: `PROPTEST_CASES=100000 cargo test --test laws` tries more.

#[path = "../common/mod.rs"]
mod common;

mod commute;
mod messages;
mod programs;
mod queue;
mod segments;
mod states;

use lockstep::{
    kernel::{Env, Trace, Version},
    machine::{Machine, Move, State, environment},
};
use programs::Subject;
use proptest::prelude::*;

/// So many cases of a law, or as many as `PROPTEST_CASES` says.
fn cases(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(cases), failure_persistence: None, ..ProptestConfig::default() }
}

/// The choices of a walk: which move, and how many sections of it (0: all).
type Choices = Vec<(u8, u8)>;

fn choices() -> impl Strategy<Value = Choices> {
    prop::collection::vec((any::<u8>(), prop::sample::select(&[0u8, 0, 1, 1, 1, 2, 3][..])), 0..30)
}

/// Kernels that differ in structure.
const VERSIONS: [(u16, u16); 6] = [(3, 2), (5, 6), (5, 10), (6, 1), (6, 12), (6, 18)];

fn versions() -> impl Strategy<Value = Version> {
    prop::sample::select(&VERSIONS[..]).prop_map(|(major, minor)| Version::new(major, minor))
}

fn sections(choice: u8) -> u32 {
    if choice == 0 { u32::MAX } else { choice.into() }
}

/// Looks at every state of a walk of random moves, with the journal on and nothing written.
fn along(
    subject: &Subject,
    choices: &Choices,
    mut look: impl FnMut(&Machine, &mut State) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let env = environment(&subject.program, Env::new(subject.version)).unwrap();
    let machine = Machine::new(&subject.program, env);
    let mut state = machine.initial().unwrap();
    state.set_journal(true);
    look(&machine, &mut state)?;
    for &(choice, stretch) in choices {
        let moves: Vec<Move> = machine.moves(&state).collect();
        if moves.is_empty() {
            break;
        }
        machine.apply(&mut state, moves[usize::from(choice) % moves.len()], sections(stretch), &mut Trace::default());
        state.commit();
        look(&machine, &mut state)?;
    }
    Ok(())
}
