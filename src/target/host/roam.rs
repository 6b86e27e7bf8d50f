//! The life of a task in free runs: one command, one iteration.

use super::{
    objects,
    shared::{Shared, Slot, state},
    sys,
    worker::{Crew, Performer},
};
use crate::{program::Next, target::Stage};
use std::sync::atomic::Ordering;

/// Goes through iterations for ever.
pub fn roam(crew: &Crew, task: usize, seed: u64) -> ! {
    let shared = crew.inside.shared;
    let process = crew.program.tasks[task].process as usize;
    let info = &crew.program.processes[process];
    let leader = info.threads.first() == Some(&(task as u16));
    let init = crew.program.init == Some(task as u16);
    let performer = Performer::new(crew, task, true);
    performer.admit_handlers();
    if info.parent.is_some() {
        // Made by `fork` in the middle of an iteration: it is the only one.
        performer.restart(shared.instance.load(Ordering::Acquire) as usize);
        to_the_end(&performer);
        loop {
            rest(shared, performer.slot, state::PARKED);
            performer.take_command(state::PARKED);
        }
    }
    let cpus = sys::allowed_cpus();
    let mut pinned = false;
    let mut resting = state::IDLE;
    loop {
        rest(shared, performer.slot, resting);
        performer.take_command(resting);
        resting = state::PARKED;
        let instance = shared.instance.load(Ordering::Acquire) as usize;
        if leader {
            let ends = crew.instances[instance].move_ends(crew.program, process);
            shared.require(Stage::Descriptors, ends);
            if !crew.program.needs_fresh_memory() {
                shared.require(Stage::Memory, crew.instances[instance].attach(crew.program, process));
            }
        }
        performer.restart(instance);
        if init {
            to_the_end(&performer);
            objects::close_low();
            continue;
        }
        let iteration = shared.iteration.load(Ordering::Acquire);
        let pin = shared.pinned.load(Ordering::Acquire) != 0;
        if pin || pin != pinned {
            bind(&cpus, pin.then_some(task + iteration as usize));
            pinned = pin;
        }
        wait_for_all(shared);
        delay(seed ^ u64::from(iteration) << 16 ^ task as u64);
        to_the_end(&performer);
    }
}

fn to_the_end(performer: &Performer) {
    let mut next = performer.advance();
    while let Next::Call(_) = next {
        next = performer.step();
    }
}

/// Says that the task waits for a command.
fn rest(shared: &Shared, slot: &Slot, resting: u32) {
    slot.becomes(resting);
    if shared.done.fetch_add(1, Ordering::AcqRel) + 1 >= shared.expected.load(Ordering::Acquire) {
        sys::futex_wake(&shared.done, 1);
    }
}

/// Binds the thread to one CPU, or to none in particular.
fn bind(cpus: &[usize], turn: Option<usize>) {
    let _ = match turn {
        Some(turn) => sys::set_cpus(&[cpus[turn % cpus.len()]]),
        None => sys::set_cpus(cpus),
    };
}

/// The start: nobody goes on before all are here.
fn wait_for_all(shared: &Shared) {
    /// Longer than others that have a CPU need to come here.
    const SPINS: usize = 2000;
    let expected = shared.expected.load(Ordering::Acquire);
    shared.ready.fetch_add(1, Ordering::AcqRel);
    let mut spins = 0;
    while shared.ready.load(Ordering::Acquire) < expected {
        if spins < SPINS {
            std::hint::spin_loop();
        } else {
            sys::sched_yield();
        }
        spins += 1;
    }
}

/// A short random time, so that iterations differ in who is first where.
fn delay(seed: u64) {
    // The finisher of splitmix64.
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    let longest = if x & 3 == 0 { 400 } else { 40 };
    for _ in 0..(x >> 8) % longest {
        std::hint::spin_loop();
    }
}
