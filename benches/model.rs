//! Calls per second of the model itself, one core: `cargo bench --bench model`.

use divan::{Bencher, black_box, counter::ItemsCount};
use lockstep::{
    kernel::{Action, Call, Env, Kernel, Payload, RwFlags, Step, Trace, pipe},
    machine::{Machine, environment},
    program::{Compiled, End, ObjectInfo, ProcessInfo, TaskInfo, syntax::ObjectKind},
};

fn main() {
    divan::main();
}

/// One process with one pipe: descriptor 3 reads, descriptor 4 writes.
fn program() -> Compiled {
    Compiled {
        objects: vec![ObjectInfo {
            name: "p".into(),
            kind: ObjectKind::Pipe,
            size: None,
            flags: Default::default(),
            file: None,
            ipc: Default::default(),
        }],
        processes: vec![ProcessInfo {
            name: "A".into(),
            ends: vec![(0, End::Read), (0, End::Write)],
            parent: None,
            threads: vec![0],
            user: 0,
        }],
        tasks: vec![TaskInfo { name: "A".into(), process: 0, code: Default::default(), vars: vec![], split: false }],
        ..Compiled::default()
    }
}

fn kernel() -> (Kernel, Env) {
    let program = program();
    let env = environment(&program, Env::default()).unwrap();
    let state = Machine::new(&program, env.clone()).initial().unwrap();
    (state.kernel, env)
}

fn write(data: Payload) -> Action {
    Action::Enter(Call::Write { fd: 4, data, flags: RwFlags::empty() })
}

fn read(count: u32) -> Action {
    Action::Enter(Call::Read { fd: 3, count, fault: None, flags: RwFlags::empty() })
}

/// A write and the read that takes its bytes: two calls.
#[divan::bench(args = [1, 4096])]
fn write_read_pair(bencher: Bencher, bytes: u32) {
    let (mut k, env) = kernel();
    let mut trace = Trace::default();
    bencher.counter(ItemsCount::new(2u32)).bench_local(|| {
        let wrote = k.run(&env, 0, write(Payload::fill(b'a', bytes)), &mut trace, u32::MAX);
        let read = k.run(&env, 0, read(bytes), &mut trace, u32::MAX);
        debug_assert!(matches!((&wrote, &read), (Step::Returned(_), Step::Returned(_))));
        black_box((wrote, read));
    });
    assert!(k.ring(0).is_empty());
    assert_eq!(k.pipes().count(), 1);
    assert_eq!(pipe::PIPE_DEF_BUFFERS, k.ring(0).max_usage);
}
