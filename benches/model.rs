//! Calls per second of the model itself, one core: `cargo bench --bench model`.

use divan::{Bencher, black_box, counter::ItemsCount};
use lockstep::{
    kernel::{
        Action, Call, Env, IpcId, Kernel, MsgCall, MsgFlags, Payload, RwFlags, SemBuf, SemCall, SemFlags, SemTimeout,
        Step, Trace, pipe,
    },
    litmus,
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
            cells: 0,
            ipc: Default::default(),
        }],
        processes: vec![ProcessInfo {
            name: "A".into(),
            ends: vec![(0, End::Read), (0, End::Write)],
            attached: Vec::new(),
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

/// A message queue: `msgsnd` and the `msgrcv` that takes the message, two calls.
#[divan::bench(args = [1, 4096])]
fn msgsnd_msgrcv_pair(bencher: Bencher, bytes: u32) {
    let mut program = program();
    program.objects = vec![ObjectInfo {
        name: "q".into(),
        kind: ObjectKind::Msgq,
        size: None,
        flags: Default::default(),
        file: None,
        cells: 0,
        ipc: Default::default(),
    }];
    program.processes[0].ends.clear();
    let env = environment(&program, Env::default()).unwrap();
    let mut k = Machine::new(&program, env.clone()).initial().unwrap().kernel;
    let (id, flags) = (IpcId::Declared(0), MsgFlags::empty());
    let send = || MsgCall::Snd { id, mtype: Some(1), size: bytes.into(), text: Payload::fill(b'a', bytes), flags };
    let receive = || MsgCall::Rcv { id, size: bytes.into(), mtype: 0, fault: None, flags };
    let mut trace = Trace::default();
    bencher.counter(ItemsCount::new(2u32)).bench_local(|| {
        let sent = k.run(&env, 0, Action::Enter(Call::Msg(send())), &mut trace, u32::MAX);
        let received = k.run(&env, 0, Action::Enter(Call::Msg(receive())), &mut trace, u32::MAX);
        debug_assert!(matches!((&sent, &received), (Step::Returned(_), Step::Returned(_))));
        black_box((sent, received));
    });
    assert_eq!(k.msq(0).q_qnum, 0);
}

/// A semaphore up and down again, alone or with another one: two calls.
#[divan::bench(args = [1, 2])]
fn semop_up_down(bencher: Bencher, operations: u16) {
    let (_, program) = litmus::load("litmus \"x\"; sem s[2]; task A { }").unwrap();
    let env = environment(&program, Env::default()).unwrap();
    let mut k = Machine::new(&program, env.clone()).initial().unwrap().kernel;
    let semop = |sem_op| {
        let sop = |sem_num| SemBuf { sem_num, sem_op, sem_flg: SemFlags::empty() };
        let sops = (0..operations).map(sop).collect();
        let timeout = SemTimeout::Never;
        Call::Sem(SemCall::Op { id: IpcId::Declared(0), sops, nsops: operations.into(), timeout })
    };
    let mut trace = Trace::default();
    bencher.counter(ItemsCount::new(2u32)).bench_local(|| {
        let up = k.run(&env, 0, Action::Enter(semop(1)), &mut trace, u32::MAX);
        let down = k.run(&env, 0, Action::Enter(semop(-1)), &mut trace, u32::MAX);
        debug_assert!(matches!((&up, &down), (Step::Returned(_), Step::Returned(_))));
        black_box((up, down));
    });
    assert_eq!(k.sem(0, 0).semval, 0);
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
