//! What a message queue is to its users: a list, from which a receiver takes the first that it wants.

use super::{cases, common, versions};
use lockstep::{
    kernel::{
        Action, Call, Env, Errno, IpcId, IpcSet, Kernel, MsgCall, MsgCtl, MsgFlags, Payload, Return, Step, Trace,
        Version,
    },
    machine::{Machine, environment},
};
use proptest::prelude::*;

/// A message: its type, and its text, which is so many times the byte.
#[derive(Clone, PartialEq, Debug)]
struct Message {
    mtype: i64,
    byte: u8,
    len: u32,
}

#[derive(Clone, Debug)]
enum Op {
    Send { mtype: i64, len: u32 },
    Receive { mtype: i64, size: i64, flags: MsgFlags },
    Set { qbytes: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    let len = prop_oneof![4 => 0u32..8, 1 => 0u32..40, 1 => 8190u32..8194];
    let send = (prop_oneof![9 => 1i64..5, 1 => Just(i64::MAX), 1 => -1i64..1], len);
    let mtype = prop_oneof![8 => -5i64..6, 1 => prop::sample::select(&[i64::MIN, i64::MIN + 1, i64::MAX][..])];
    let size = prop_oneof![4 => 0i64..10, 2 => Just(9000i64), 1 => Just(-1i64)];
    let flags = prop::bits::u8::masked(0b111).prop_map(|bits| {
        let all = [MsgFlags::MSG_NOERROR, MsgFlags::MSG_EXCEPT, MsgFlags::MSG_COPY];
        let chosen = all.into_iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, flag)| flag);
        chosen.fold(MsgFlags::IPC_NOWAIT, |flags, flag| flags | flag)
    });
    prop_oneof![
        5 => send.prop_map(|(mtype, len)| Op::Send { mtype, len }),
        5 => (mtype, size, flags).prop_map(|(mtype, size, flags)| Op::Receive { mtype, size, flags }),
        1 => prop_oneof![0u64..30, Just(16_384u64)].prop_map(|qbytes| Op::Set { qbytes }),
    ]
}

/// Which message of the list a receiver gets, as msgop(2) says it.
fn wanted(list: &[Message], version: Version, mtype: i64, except: bool) -> Option<usize> {
    match mtype {
        0 => (!list.is_empty()).then_some(0),
        // Its negative is no number: nothing is that small, until v4.11 took it for the largest.
        i64::MIN if version < Version::new(4, 11) => None,
        i64::MIN..0 => {
            let most = mtype.checked_neg().unwrap_or(i64::MAX);
            let least = list.iter().map(|message| message.mtype).filter(|&t| t <= most).min()?;
            list.iter().position(|message| message.mtype == least)
        }
        _ => list.iter().position(|message| (message.mtype == mtype) != except),
    }
}

/// What a receiver gets, and from which place it goes.
fn receive(list: &[Message], version: Version, mtype: i64, size: i64, flags: MsgFlags) -> Result<(usize, bool), Errno> {
    let copies = flags.contains(MsgFlags::MSG_COPY) && version >= Version::new(3, 8);
    let (except, noerror) = (flags.contains(MsgFlags::MSG_EXCEPT), flags.contains(MsgFlags::MSG_NOERROR));
    if size < 0 || copies && except {
        return Err(Errno::EINVAL);
    }
    let found = if copies {
        usize::try_from(mtype).ok().filter(|&place| place < list.len())
    } else {
        wanted(list, version, mtype, except)
    };
    let found = found.ok_or(Errno::ENOMSG)?;
    match size < i64::from(list[found].len) {
        true if !noerror => Err(Errno::E2BIG),
        true if copies => Err(Errno::EINVAL),
        _ => Ok((found, !copies)),
    }
}

struct Queue {
    kernel: Kernel,
    env: Env,
}

impl Queue {
    fn new(version: Version) -> Self {
        let program = common::program("litmus \"list\"\nmsgq q\ntask A { msgrcv(q, 1) }\n");
        let env = environment(&program, Env::new(version)).unwrap();
        Queue { kernel: Machine::new(&program, env.clone()).initial().unwrap().kernel, env }
    }

    fn call(&mut self, call: MsgCall) -> Return {
        match self.kernel.run(&self.env, 0, Action::Enter(Call::Msg(call)), &mut Trace::default(), u32::MAX) {
            Step::Returned(ret) => ret,
            step => panic!("a call that never sleeps ended with {step:?}"),
        }
    }
}

proptest! {
    #![proptest_config(cases(5_000))]

    /// Every way to search, messages that are too long, copies, and a queue that is full by bytes or by number.
    #[test]
    fn a_queue_refines_a_list(version in versions(), ops in prop::collection::vec(op(), 1..40)) {
        let mut queue = Queue::new(version);
        let (mut list, mut qbytes): (Vec<Message>, u64) = (Vec::new(), 16_384);
        let id = IpcId::Declared(0);
        for (op, byte) in ops.into_iter().zip((b'a'..=b'z').cycle()) {
            let bytes: u64 = list.iter().map(|message| u64::from(message.len)).sum();
            match op {
                Op::Send { mtype, len } => {
                    let (size, text) = (len.into(), Payload::fill(byte, len));
                    let ret = queue.call(MsgCall::Snd { id, mtype: Some(mtype), size, text, flags: MsgFlags::IPC_NOWAIT });
                    let expected = if mtype < 1 || len > 8192 {
                        Err(Errno::EINVAL)
                    } else if bytes + u64::from(len) > qbytes || list.len() as u64 + 1 > qbytes {
                        Err(Errno::EAGAIN)
                    } else {
                        list.push(Message { mtype, byte, len });
                        Ok(0)
                    };
                    prop_assert_eq!(ret.ret, expected);
                }
                Op::Receive { mtype, size, flags } => {
                    let ret = queue.call(MsgCall::Rcv { id, size, mtype, fault: None, flags });
                    match receive(&list, version, mtype, size, flags) {
                        Err(errno) => prop_assert_eq!(ret.ret, Err(errno)),
                        Ok((place, takes)) => {
                            let Message { mtype, byte, len } = list[place];
                            let count = size.min(len.into());
                            prop_assert_eq!(ret.ret, Ok(count));
                            prop_assert_eq!(ret.data.bytes(), vec![byte; count as usize]);
                            prop_assert_eq!(&ret.extra[..], &[mtype][..]);
                            if takes {
                                list.remove(place);
                            }
                        }
                    }
                }
                Op::Set { qbytes: wanted } => {
                    let set = IpcSet { uid: 0, gid: 0, mode: 0o600 };
                    let ret = queue.call(MsgCall::Ctl { id, cmd: MsgCtl::Set { set, qbytes: wanted }, null: false });
                    prop_assert_eq!(ret.ret, Ok(0));
                    qbytes = wanted;
                }
            }
            let msq = queue.kernel.msq(0);
            prop_assert_eq!(msq.q_qnum as usize, list.len());
            prop_assert_eq!(msq.q_cbytes, list.iter().map(|message| u64::from(message.len)).sum::<u64>());
        }
    }
}
