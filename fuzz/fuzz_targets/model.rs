//! Bytes are a program and a schedule of the model; after every step every invariant holds, and the state survives its own serial
//! form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep::{
    generate::{self, Bytes, Chooser, MECHANISMS, Shape},
    kernel::{Env, Quirk, QuirkSet, Trace, Version},
    machine::{Machine, environment},
    program::resolve,
};

/// Kernels with the most different structures.
const VERSIONS: [Version; 5] =
    [Version::NEWEST, Version::new(6, 12), Version::new(5, 10), Version::new(5, 6), Version::new(3, 2)];

fuzz_target!(|bytes: &[u8]| {
    let mut chooser = Bytes::new(bytes);
    let version = VERSIONS[chooser.choose(VERSIONS.len())];
    let whole_calls = chooser.choose(2) == 0;
    let tree = generate::program("fuzz".into(), MECHANISMS, &Shape::default(), &mut chooser);
    let program = resolve(&tree).expect("every generated program resolves");
    let mut env = Env { version, quirks: QuirkSet::of(version), ..Env::default() };
    if chooser.choose(4) == 3 {
        env.quirks = env.quirks.with(Quirk::DirtyPipe, true);
    }
    let Ok(env) = environment(&program, env) else { return };
    let machine = Machine::new(&program, env);
    let Ok(mut state) = machine.initial() else { return };
    for _ in 0..500 {
        let moves: Vec<_> = machine.moves(&state).collect();
        if moves.is_empty() {
            break;
        }
        let mv = moves[chooser.choose(moves.len())];
        let sections = if whole_calls { u32::MAX } else { 1 };
        machine.apply(&mut state, mv, sections, &mut Trace::default());
        if let Err(broken) = state.kernel.invariants() {
            panic!("{broken}\n{tree}");
        }
        state.commit();
        let mut written = Vec::new();
        state.encode(&mut written);
        let mut again = state.clone();
        again.decode(&written);
        assert_eq!(again.digest(&mut Vec::new()), state.digest(&mut Vec::new()));
    }
});
