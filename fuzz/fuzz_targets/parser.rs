//! Any text is read, or refused with a message that points into it. What can be read can be begun or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep::{
    kernel::Env,
    litmus,
    machine::{Machine, environment},
};

fuzz_target!(|text: &str| {
    match litmus::load(text) {
        Ok((_, program)) => {
            if let Ok(env) = environment(&program, Env::default()) {
                let _ = Machine::new(&program, env).initial();
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            let message = litmus::render(&problems, "fuzz", text, false);
            assert!(!message.is_empty());
        }
    }
});
