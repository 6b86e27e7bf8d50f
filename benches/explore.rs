//! The search on a large state space, per CPU second: `cargo bench --bench explore`.

use lockstep::{
    explore::{Options, explore},
    kernel::Env,
    litmus,
    machine::{Machine, environment},
};
use std::{fs, path::Path};

/// CPU seconds of this thread so far.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec to be filled.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn main() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pipe_3x3.litmus");
    let text = fs::read_to_string(&path).expect("the benchmark is part of the repository");
    let (_, program) = litmus::load(&text).expect("the benchmark is a litmus test");
    let env = environment(&program, Env::default()).expect("it has no settings");
    let machine = Machine::new(&program, env);
    for exact in [false, false, false, true] {
        let begun = cpu_seconds();
        let found = explore(&machine, &Options { exact, ..Options::default() }).expect("it has no init");
        let (seconds, stats) = (cpu_seconds() - begun, found.stats);
        println!(
            "pipe_3x3{}: {} states, {} transitions in {seconds:.3} CPU s: {:.3} M states/s, {:.3} M transitions/s, {} B/state",
            if exact { ", whole states compared" } else { "" },
            stats.states,
            stats.transitions,
            stats.states as f64 / seconds / 1e6,
            stats.transitions as f64 / seconds / 1e6,
            stats.bytes / stats.states
        );
    }
}
