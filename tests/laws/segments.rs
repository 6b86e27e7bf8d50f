//! What shared memory counts: attaches, of all processes.

use super::{cases, common, versions};
use lockstep::{
    kernel::{
        Action, Addr, Call, Env, Errno, IpcId, Kernel, Return, ShmCall, ShmCtl, ShmFlags, Step, TaskId, Trace, Version,
    },
    machine::{Machine, environment},
};
use proptest::prelude::*;

/// Two segments, two processes, and a child of each.
const PROGRAM: &str = "litmus \"attaches\"
shm m(cells: 1)
shm n(size: 8192)
task A { fork(C) }
task B { fork(D) }
process C child of A { }
process D child of B { }
";

/// What somebody does.
#[derive(Clone, Copy, Debug)]
enum Op {
    Attach {
        segment: u16,
        flags: ShmFlags,
    },
    /// One of its own attaches.
    Detach(usize),
    Remove {
        segment: u16,
    },
    Fork,
    Exit,
}

fn op() -> impl Strategy<Value = (TaskId, Op)> {
    let flags = prop_oneof![Just(ShmFlags::empty()), Just(ShmFlags::SHM_RDONLY)];
    let what = prop_oneof![
        6 => (0u16..2, flags).prop_map(|(segment, flags)| Op::Attach { segment, flags }),
        5 => (0usize..8).prop_map(Op::Detach),
        1 => (0u16..2).prop_map(|segment| Op::Remove { segment }),
        1 => Just(Op::Fork),
        1 => Just(Op::Exit),
    ];
    (0u16..4, what)
}

struct System {
    kernel: Kernel,
    env: Env,
    ids: [i32; 2],
    /// For each process that runs: what it has attached, and where.
    processes: [Option<Vec<(Addr, u16)>>; 4],
    removed: [bool; 2],
    /// Whether a child was forked.
    born: [bool; 4],
}

impl System {
    fn new(version: Version) -> Self {
        let program = common::program(PROGRAM);
        let env = environment(&program, Env::new(version)).unwrap();
        let kernel = Machine::new(&program, env.clone()).initial().unwrap().kernel;
        let ids = [0, 1].map(|object| kernel.ipc_declared(object));
        let processes = [Some(Vec::new()), Some(Vec::new()), None, None];
        System { kernel, env, ids, processes, removed: [false; 2], born: [true, true, false, false] }
    }

    fn step(&mut self, task: TaskId, call: Call) -> Step {
        self.kernel.run(&self.env, task, Action::Enter(call), &mut Trace::default(), u32::MAX)
    }

    fn call(&mut self, task: TaskId, call: ShmCall) -> Return {
        match self.step(task, Call::Shm(call)) {
            Step::Returned(ret) => ret,
            step => panic!("a call that never sleeps ended with {step:?}"),
        }
    }

    fn attaches(&self, segment: u16) -> usize {
        self.processes.iter().flatten().flatten().filter(|attach| attach.1 == segment).count()
    }

    /// There is no segment that was removed and that nobody has attached.
    fn is_there(&self, segment: u16) -> bool {
        !self.removed[usize::from(segment)] || self.attaches(segment) > 0
    }
}

proptest! {
    #![proptest_config(cases(5_000))]

    /// `shm_nattch` is the number of attaches, whoever made or inherited them; a segment goes exactly when it is removed and
    /// nobody has it attached.
    #[test]
    fn attaches_are_counted_and_the_last_one_destroys(version in versions(), ops in prop::collection::vec(op(), 1..60)) {
        let mut system = System::new(version);
        // Where an id has gone, old kernels say so.
        let gone = if version < Version::new(3, 16) { Errno::EIDRM } else { Errno::EINVAL };
        for (task, op) in ops {
            if system.processes[usize::from(task)].is_none() {
                continue;
            }
            match op {
                Op::Attach { segment, flags } => {
                    let there = system.is_there(segment);
                    let id = IpcId::Number(system.ids[usize::from(segment)]);
                    let ret = system.call(task, ShmCall::At { id, addr: 0, flags }).ret;
                    if there {
                        let addr = ret.expect("it is there") as Addr;
                        system.processes[usize::from(task)].as_mut().unwrap().push((addr, segment));
                    } else {
                        prop_assert!(ret == Err(Errno::EINVAL) || ret == Err(gone), "{:?}", ret);
                    }
                }
                Op::Detach(which) => {
                    let mine = system.processes[usize::from(task)].as_mut().unwrap();
                    if mine.is_empty() {
                        continue;
                    }
                    let (addr, _) = mine.swap_remove(which % mine.len());
                    prop_assert_eq!(system.call(task, ShmCall::Dt { addr }).ret, Ok(0));
                    prop_assert_eq!(system.call(task, ShmCall::Dt { addr }).ret, Err(Errno::EINVAL));
                }
                Op::Remove { segment } => {
                    let there = system.is_there(segment);
                    let id = IpcId::Number(system.ids[usize::from(segment)]);
                    let ret = system.call(task, ShmCall::Ctl { id, cmd: ShmCtl::Rmid, null: true }).ret;
                    prop_assert_eq!(ret.is_ok(), there, "{:?}", ret);
                    system.removed[usize::from(segment)] = true;
                }
                Op::Fork => {
                    let child = usize::from(task) + 2;
                    if child < 4 && !system.born[child] {
                        system.born[child] = true;
                        let step = system.step(task, Call::Fork { child: child as u16 });
                        prop_assert!(matches!(step, Step::Forked(_)), "{:?}", step);
                        system.processes[child] = system.processes[usize::from(task)].clone();
                    }
                }
                Op::Exit => {
                    prop_assert_eq!(system.step(task, Call::Exit { status: 0 }), Step::Exited);
                    system.processes[usize::from(task)] = None;
                }
            }
            for segment in 0..2u16 {
                let id = IpcId::Number(system.ids[usize::from(segment)]);
                let Some(asker) = system.processes.iter().position(Option::is_some) else { continue };
                let ret = system.call(asker as TaskId, ShmCall::Ctl { id, cmd: ShmCtl::Stat, null: false });
                prop_assert_eq!(ret.ret.is_ok(), system.is_there(segment), "segment {}: {:?}", segment, ret);
                if ret.ret.is_ok() {
                    prop_assert_eq!(ret.extra[6], system.attaches(segment) as i64);
                    prop_assert_eq!(ret.extra[4] & 0o1000 != 0, system.removed[usize::from(segment)]);
                }
            }
        }
    }
}
