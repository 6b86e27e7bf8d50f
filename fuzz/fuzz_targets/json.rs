//! Any JSON is read or refused, and what was read is written and read again as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lockstep::{litmus, program::resolve};

fuzz_target!(|text: &str| {
    let Ok(tree) = litmus::from_json(text) else { return };
    let written = litmus::to_json(&tree).expect("a program can be written");
    assert_eq!(litmus::from_json(&written).expect("what was written can be read"), tree);
    let _ = resolve(&tree);
});
