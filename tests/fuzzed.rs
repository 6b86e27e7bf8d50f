//! Inputs on which something once panicked: each is read and begun, or refused with a message.

use lockstep::{
    explore::{Options, explore},
    kernel::Env,
    litmus,
    machine::{Machine, environment},
};
use std::fs;

#[test]
fn no_input_panics() {
    let mut count = 0;
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzzed")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        count += 1;
        match litmus::load(&text) {
            Ok((_, program)) => {
                let Ok(env) = environment(&program, Env::default()) else { continue };
                let machine = Machine::new(&program, env);
                if machine.initial().is_ok() {
                    let bounds = Options { max_states: 1000, ..Options::default() };
                    explore(&machine, &bounds).unwrap();
                }
            }
            Err(problems) => assert!(!litmus::render(&problems, "fuzzed", &text, false).is_empty()),
        }
        let _ = litmus::from_json(&text);
    }
    assert!(count > 0);
}
