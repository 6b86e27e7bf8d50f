//! Random sequences of calls of one task on two pipes and a file: invariants, the serial form, and the bytes.

use crate::kernel::{
    Action, Call, Cx, Env, Fcntl, Fd, Kernel, OpenFlags, Payload, Quirk, Return, RwFlags, SpliceFlags, Step, Trace,
    pipe,
};
use proptest::prelude::*;

/// One task, and descriptors: 3 and 4 are the ends of one pipe, 5 and 6 those of another, 7 is a file of three pages.
fn kernel(env: &Env) -> Kernel {
    let mut k = Kernel::new(1, 1);
    k.start_process(0);
    k.add_task(0, 1 << 12);
    k.make_regular(0, 0o600, &Payload::pattern(9000));
    let mut trace = Trace::default();
    for first in [3, 5] {
        let mut cx = Cx { k: &mut k, env, trace: &mut trace, me: 0 };
        let Ok((id, files)) = pipe::create_pipe_files(&mut cx, OpenFlags::O_NONBLOCK) else { panic!("no pipe") };
        assert!(pipe::set_pipe_size(&mut cx, id, 8192).ret.is_ok());
        for (fd, mut file) in (first..).zip(files) {
            file.f_count = 1;
            let file = k.install_file(file);
            *k.process_mut(0).place(fd) = Some(file);
        }
    }
    assert_eq!(run(&mut k, env, Call::Open { path: 0, flags: OpenFlags::O_RDWR }).ret, Ok(7));
    k
}

fn run(k: &mut Kernel, env: &Env, call: Call) -> Return {
    match k.run(env, 0, Action::Enter(call), &mut Trace::default(), u32::MAX) {
        Step::Returned(ret) => ret,
        step => panic!("{step:?}"),
    }
}

fn splice(fd_in: Fd, fd_out: Fd, len: u32, off: Option<i64>) -> Call {
    let (off_in, off_out) = (off.filter(|_| fd_in == 7), off.filter(|_| fd_out == 7));
    Call::Splice { fd_in, off_in, fd_out, off_out, len, flags: SpliceFlags::SPLICE_F_NONBLOCK }
}

fn call() -> impl Strategy<Value = Call> {
    let ends = || prop::sample::select(vec![(3, 6), (5, 4)]);
    let len = || prop_oneof![1u32..8, 4090u32..4100, 1u32..9000];
    let flags = RwFlags::empty();
    prop_oneof![
        (prop::sample::select(vec![4, 6, 7]), len(), b'a'..=b'e').prop_map(move |(fd, n, b)| Call::Write {
            fd,
            data: Payload::fill(b, n),
            flags
        }),
        (prop::sample::select(vec![3, 5, 7]), len()).prop_map(move |(fd, count)| Call::Read {
            fd,
            count,
            fault: None,
            flags
        }),
        (ends(), len()).prop_map(|((from, to), n)| splice(from, to, n, None)),
        (ends(), len()).prop_map(|((fd_in, fd_out), len)| Call::Tee {
            fd_in,
            fd_out,
            len,
            flags: SpliceFlags::empty()
        }),
        (4..=4, len(), prop::option::of(0i64..9000)).prop_map(|(to, n, off)| splice(7, to, n, off)),
        (5..=5, len(), prop::option::of(0i64..9000)).prop_map(|(from, n, off)| splice(from, 7, n, off)),
        (len(), b'v'..=b'z').prop_map(|(n, b)| Call::Vmsplice {
            fd: 4,
            data: Payload::fill(b, n),
            flags: SpliceFlags::SPLICE_F_NONBLOCK
        }),
        (0i64..9000).prop_map(|length| Call::Ftruncate { fd: 7, length }),
        (0i64..9000).prop_map(|offset| Call::Lseek { fd: 7, offset }),
    ]
}

/// What a read of everything would give.
fn contents(k: &Kernel, pipe: u16) -> Vec<u8> {
    k.ring(pipe).occupied().flat_map(|buf| k.slot_bytes(buf, buf.len.into()).bytes()).collect()
}

proptest! {
    #[test]
    fn calls_keep_the_invariants(calls in prop::collection::vec(call(), 0..40), dirty: bool, linked: bool) {
        let mut env = Env::default();
        env.quirks = env.quirks.with(Quirk::DirtyPipe, dirty).with(Quirk::TeeMerge, linked);
        let mut k = kernel(&env);
        k.set_journal(true);
        let mut scratch = Vec::new();
        for call in calls {
            k.commit();
            let (before, digest) = (k.clone(), k.digest(&mut scratch));
            let moved = run(&mut k, &env, call.clone());
            prop_assert_eq!(k.invariants(), Ok(()));
            let delta = k.digest_delta(&mut scratch);
            prop_assert_eq!(digest.wrapping_add(delta), k.digest(&mut scratch));
            let (mut bytes, mut again) = (Vec::new(), Vec::new());
            k.encode(&mut bytes);
            let mut copy = k.clone();
            copy.decode(&mut &bytes[..]);
            copy.encode(&mut again);
            prop_assert_eq!(&bytes, &again);
            prop_assert_eq!(copy.invariants(), Ok(()));

            // Nothing is made or lost on the way, unless a page was written that somebody else shows.
            let (p, q) = (contents(&before, 0), contents(&before, 1));
            match call {
                Call::Splice { fd_in: 3, fd_out: 6, .. } if moved.ret.is_ok() => {
                    let n = moved.ret.unwrap_or(0) as usize;
                    prop_assert_eq!(contents(&k, 0), &p[n..]);
                    prop_assert_eq!(contents(&k, 1), [&q[..], &p[..n]].concat());
                }
                Call::Tee { fd_in: 3, .. } if moved.ret.is_ok() => {
                    let n = moved.ret.unwrap_or(0) as usize;
                    prop_assert_eq!(contents(&k, 0), p.clone());
                    prop_assert_eq!(contents(&k, 1), [&q[..], &p[..n]].concat());
                }
                Call::Write { fd: 4 | 6, .. } if !dirty && !linked => {
                    prop_assert!(contents(&k, 0).starts_with(&p) && contents(&k, 1).starts_with(&q));
                    prop_assert_eq!(k.read_file(0, 0, 9999), before.read_file(0, 0, 9999));
                }
                _ => {}
            }
            let after = k.clone();
            k.undo();
            prop_assert!(k == before);
            k = after;
            k.set_journal(true);
        }
    }
}

/// F_SETPIPE_SZ wakes a writer while it has the lock: whoever needs the lock comes after it.
#[test]
fn nobody_gets_the_lock_that_a_resize_keeps() {
    let env = Env::default();
    let flags = SpliceFlags::empty();
    let calls = [
        (Call::Fionread { fd: 3 }, 5),
        (Call::Fcntl { fd: 3, cmd: Fcntl::GetPipeSz }, 16384),
        (splice(3, 6, 9, None), 5),
        (splice(3, 7, 9, None), 5),
        (splice(7, 4, 9, None), 9),
        (Call::Tee { fd_in: 3, fd_out: 6, len: 9, flags }, 5),
        (Call::Tee { fd_in: 5, fd_out: 4, len: 9, flags }, 5),
        (Call::Vmsplice { fd: 4, data: "ab".into(), flags }, 2),
        (Call::VmspliceRead { fd: 3, count: 9, flags }, 5),
        (Call::Close { fd: 4 }, 0),
        (Call::Dup2 { fd: 5, to: 4 }, 4),
    ];
    for (call, answer) in calls {
        let mut k = kernel(&env);
        k.add_task(0, 1 << 12);
        for fd in [4, 6] {
            let write = Call::Write { fd, data: "hello".into(), flags: RwFlags::empty() };
            assert_eq!(run(&mut k, &env, write).ret, Ok(5));
        }
        let mut trace = Trace::default();
        let resize = Action::Enter(Call::Fcntl { fd: 3, cmd: Fcntl::SetPipeSz(16384) });
        assert_eq!(k.step(&env, 0, resize, &mut trace), Step::Preempted);
        let waits = k.run(&env, 1, Action::Enter(call.clone()), &mut trace, u32::MAX);
        assert_eq!(waits, Step::Slept, "{call:?} did not wait for the lock");
        assert_eq!(k.run(&env, 0, Action::Continue, &mut trace, u32::MAX), Step::Returned(Return::value(16384)));
        match k.run(&env, 1, Action::Continue, &mut trace, u32::MAX) {
            Step::Returned(ret) => assert_eq!(ret.ret, Ok(answer), "{call:?}"),
            step => panic!("{call:?}: {step:?}"),
        }
        assert_eq!(k.invariants(), Ok(()));
    }
}
