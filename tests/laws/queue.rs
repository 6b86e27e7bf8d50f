//! What a pipe is to its users: a queue of bytes, whose room depends on how it is filled.

use super::{VERSIONS, cases, common, versions};
use lockstep::{
    kernel::{
        Action, Call, Env, Errno, Fcntl, Kernel, OpenFlags, PAGE_SIZE, Payload, QueueId, Return, RwFlags, Step, TaskId,
        Trace, Version,
    },
    machine::{Machine, MoveKind, environment},
};
use proptest::prelude::*;
use std::collections::VecDeque;

/// A pipe whose ends never block, and a task that has both.
struct Pipe {
    kernel: Kernel,
    env: Env,
    read: i32,
    write: i32,
}

impl Pipe {
    fn new(version: Version, slots: u32) -> Self {
        let size = slots * PAGE_SIZE;
        let text = format!(
            "litmus \"queue\"\npipe p(size: {size}, flags: O_NONBLOCK)\ntask A {{ read(p.r, 1); write(p.w, \"x\") }}\n"
        );
        let program = common::program(&text);
        let env = environment(&program, Env::new(version)).unwrap();
        let kernel = Machine::new(&program, env.clone()).initial().unwrap().kernel;
        let fd = |read: bool| (3..5).find(|&fd| kernel.file(kernel.process(0).file(fd).unwrap()).read == read).unwrap();
        Pipe { read: fd(true), write: fd(false), kernel, env }
    }

    fn call(&mut self, call: Call) -> Return {
        match self.kernel.run(&self.env, 0, Action::Enter(call), &mut Trace::default(), u32::MAX) {
            Step::Returned(ret) => ret,
            step => panic!("a call that never sleeps ended with {step:?}"),
        }
    }

    fn write(&mut self, data: Payload) -> Return {
        self.call(Call::Write { fd: self.write, data, flags: RwFlags::empty() })
    }

    fn read(&mut self, count: u32) -> Return {
        self.call(Call::Read { fd: self.read, count, fault: None, flags: RwFlags::empty() })
    }

    fn bytes(&mut self) -> i64 {
        self.call(Call::Fionread { fd: self.read }).ret.unwrap()
    }

    /// What is written from now on is packets, or is not.
    fn packets(&mut self, on: bool) {
        let flags = if on { OpenFlags::O_NONBLOCK | OpenFlags::O_DIRECT } else { OpenFlags::O_NONBLOCK };
        assert_eq!(self.call(Call::Fcntl { fd: self.write, cmd: Fcntl::SetFl(flags) }).ret, Ok(0));
    }

    fn resize(&mut self, slots: u32) -> Return {
        self.call(Call::Fcntl { fd: self.write, cmd: Fcntl::SetPipeSz(u64::from(slots * PAGE_SIZE)) })
    }
}

/// The slots of a pipe: a power of two.
fn slots() -> impl Strategy<Value = u32> {
    (0u32..9).prop_map(|n| 1 << n)
}

/// Sizes around those where something changes.
fn size() -> impl Strategy<Value = u32> {
    prop_oneof![1u32..5, 1u32..4100, 4090u32..4104, 1u32..20_000]
}

#[derive(Clone, Debug)]
enum Op {
    Write(u32),
    Read(u32),
    Resize(u32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![4 => size().prop_map(Op::Write), 4 => size().prop_map(Op::Read), 1 => slots().prop_map(Op::Resize)]
}

/// What is done to a pipe whose writers change between packets and plain bytes.
#[derive(Clone, Debug)]
enum PacketOp {
    Write(u32),
    Read(u32),
    Packets(bool),
}

fn packet_op() -> impl Strategy<Value = PacketOp> {
    let count = prop_oneof![0u32..6, 1u32..9000];
    prop_oneof![
        5 => size().prop_map(PacketOp::Write),
        5 => count.prop_map(PacketOp::Read),
        1 => any::<bool>().prop_map(PacketOp::Packets),
    ]
}

/// A page of a pipe.
struct Slot {
    packet: bool,
    /// What is left of it.
    bytes: Vec<u8>,
    /// Where in the page it ends.
    end: u32,
}

/// Kernels that have packets.
fn with_packets() -> impl Strategy<Value = Version> {
    prop::sample::select(&VERSIONS[1..]).prop_map(|(major, minor)| Version::new(major, minor))
}

/// How many bytes a pipe takes if it is filled by writes of `n` bytes that do not block, up to the first that falls short.
///
/// A slot holds as many small writes as fit into a page, without splitting one. Of a large write the part beyond whole pages
/// goes first, into the last slot if it has room for all of it: so every other write, if two such parts fit into a page.
fn capacity(slots: u32, n: u32) -> u32 {
    let (pages, part) = (n / PAGE_SIZE, n % PAGE_SIZE);
    if n <= PAGE_SIZE {
        return slots * (PAGE_SIZE / n) * n;
    }
    if part == 0 {
        return slots * PAGE_SIZE;
    }
    if 2 * part > PAGE_SIZE {
        let each = pages + 1;
        return slots / each * n + slots % each * PAGE_SIZE;
    }
    let pair = 2 * pages + 1;
    let (full, rest) = (slots / pair * 2 * n, slots % pair);
    match rest.checked_sub(pages + 1) {
        Some(rest) => full + n + part + rest * PAGE_SIZE,
        None => full + rest * PAGE_SIZE,
    }
}

proptest! {
    #![proptest_config(cases(3_000))]

    /// Bytes come out in the order in which they went in, none is lost, and a read gets all there is up to its count.
    #[test]
    fn the_ring_refines_a_queue_of_bytes(version in versions(), size in slots(), ops in prop::collection::vec(op(), 1..40)) {
        let mut pipe = Pipe::new(version, size);
        let (mut queue, mut size, mut next) = (VecDeque::new(), size, 0u8);
        for op in ops {
            match op {
                Op::Write(n) => {
                    let data: Vec<u8> = (0..n).map(|i| next.wrapping_add((i / 7) as u8)).collect();
                    next = next.wrapping_add(101);
                    let before = pipe.kernel.clone();
                    match pipe.write(data[..].into()).ret {
                        Ok(done) => {
                            prop_assert!(done > 0 && done <= i64::from(n));
                            prop_assert!(n > PAGE_SIZE || done == i64::from(n), "{done} of {n}");
                            queue.extend(&data[..done as usize]);
                        }
                        Err(errno) => {
                            prop_assert_eq!(errno, Errno::EAGAIN);
                            prop_assert!(pipe.kernel == before, "a write that failed left a trace");
                            prop_assert!(queue.len() as u32 > size - 1, "{} bytes in {size} slots", queue.len());
                        }
                    }
                }
                Op::Read(n) => {
                    let ret = pipe.read(n);
                    if queue.is_empty() {
                        prop_assert_eq!(ret.ret, Err(Errno::EAGAIN));
                        continue;
                    }
                    let expected: Vec<u8> = queue.drain(..queue.len().min(n as usize)).collect();
                    prop_assert_eq!(ret.ret, Ok(expected.len() as i64));
                    prop_assert_eq!(ret.data.bytes(), expected);
                }
                Op::Resize(slots) => match pipe.resize(slots).ret {
                    Ok(bytes) => {
                        prop_assert_eq!(bytes, i64::from(slots * PAGE_SIZE));
                        prop_assert!(queue.len() as u32 <= slots * PAGE_SIZE);
                        size = slots;
                    }
                    Err(errno) => {
                        prop_assert_eq!(errno, Errno::EBUSY);
                        prop_assert!(slots < size && queue.len() as u32 > slots);
                    }
                },
            }
            prop_assert_eq!(pipe.bytes(), queue.len() as i64);
            prop_assert!(queue.len() as u32 <= size * PAGE_SIZE);
        }
    }

    /// In packet mode every write is a packet, or several of a page; a read returns from one packet only, and the rest of that is gone.
    #[test]
    fn packets_keep_their_boundaries(version in with_packets(), size in slots(), ops in prop::collection::vec(packet_op(), 1..40)) {
        let mut pipe = Pipe::new(version, size);
        pipe.packets(true);
        let mut queue: VecDeque<Vec<u8>> = VecDeque::new();
        for (op, byte) in ops.into_iter().zip((b'a'..=b'z').cycle()) {
            match op {
                PacketOp::Write(n) => {
                    let data: Vec<u8> = (0..n).map(|i| byte.wrapping_add(i as u8)).collect();
                    let packets = data.chunks(PAGE_SIZE as usize).take(size as usize - queue.len());
                    let written: usize = packets.clone().map(<[u8]>::len).sum();
                    queue.extend(packets.map(<[u8]>::to_vec));
                    let expected = if written > 0 { Ok(written as i64) } else { Err(Errno::EAGAIN) };
                    prop_assert_eq!(pipe.write(data[..].into()).ret, expected, "{}", n);
                }
                PacketOp::Read(n) => {
                    let ret = pipe.read(n);
                    if n == 0 {
                        prop_assert_eq!(ret.ret, Ok(0));
                    } else if let Some(mut packet) = queue.pop_front() {
                        packet.truncate(n as usize);
                        prop_assert_eq!(ret.ret, Ok(packet.len() as i64));
                        prop_assert_eq!(ret.data.bytes(), packet);
                    } else {
                        prop_assert_eq!(ret.ret, Err(Errno::EAGAIN));
                    }
                }
                PacketOp::Packets(_) => {}
            }
            prop_assert_eq!(pipe.bytes(), queue.iter().map(Vec::len).sum::<usize>() as i64);
        }
    }

    /// Writers may change between packets and plain bytes. A read goes on from plain bytes into a packet, and ends there. What a write
    /// has beyond whole pages goes into the last page if that is of plain bytes and has room, and is no packet then.
    #[test]
    fn a_read_ends_with_a_packet(version in with_packets(), ops in prop::collection::vec(packet_op(), 1..20)) {
        // With room for everything.
        let mut pipe = Pipe::new(version, 256);
        let (mut queue, mut packets): (VecDeque<Slot>, bool) = (VecDeque::new(), false);
        for (op, byte) in ops.into_iter().zip((b'a'..=b'z').cycle()) {
            match op {
                PacketOp::Packets(on) => {
                    pipe.packets(on);
                    packets = on;
                }
                PacketOp::Write(n) => {
                    prop_assert_eq!(pipe.write(Payload::fill(byte, n)).ret, Ok(n.into()));
                    let (mut rest, part) = (n, n % PAGE_SIZE);
                    if let Some(last) = queue.back_mut().filter(|last| !last.packet && last.end + part <= PAGE_SIZE) {
                        last.bytes.extend(vec![byte; part as usize]);
                        (last.end, rest) = (last.end + part, n - part);
                    }
                    queue.extend(vec![byte; rest as usize].chunks(PAGE_SIZE as usize).map(|page| {
                        Slot { packet: packets, bytes: page.to_vec(), end: page.len() as u32 }
                    }));
                }
                PacketOp::Read(n) => {
                    let mut expected = Vec::new();
                    while expected.len() < n as usize && let Some(first) = queue.front_mut() {
                        let most = first.bytes.len().min(n as usize - expected.len());
                        expected.extend(first.bytes.drain(..most));
                        let (packet, empty) = (first.packet, first.bytes.is_empty());
                        if packet || empty {
                            queue.pop_front();
                        }
                        if packet {
                            break;
                        }
                    }
                    let ret = pipe.read(n);
                    let nothing = if n == 0 { Ok(0) } else { Err(Errno::EAGAIN) };
                    prop_assert_eq!(ret.ret, if expected.is_empty() { nothing } else { Ok(expected.len() as i64) });
                    prop_assert_eq!(ret.data.bytes(), expected);
                }
            }
        }
    }

    #[test]
    fn capacity_in_bytes_depends_on_the_writes(version in versions(), slots in slots(), n in size()) {
        // Thousands of small writes say no more than hundreds.
        let slots = slots.min((n / 2).next_power_of_two());
        let mut pipe = Pipe::new(version, slots);
        let mut total = 0;
        loop {
            let done = pipe.write(Payload::fill(b'x', n)).ret.unwrap_or(0);
            total += done;
            if done < i64::from(n) {
                break;
            }
        }
        prop_assert_eq!(total, i64::from(capacity(slots, n)));
        prop_assert_eq!(pipe.bytes(), total);
    }

    /// However tasks interrupt each other within their calls: what one write of at most a page wrote comes out in one piece.
    #[test]
    fn a_write_of_up_to_a_page_stays_whole(
        version in versions(),
        slots in 1u32..3,
        sizes in prop::collection::vec(prop_oneof![1u32..4097, 4000u32..4097], 2..6),
        count in prop_oneof![1u32..50, 1000u32..9000],
        choices in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        let writes: Vec<_> = sizes.iter().zip('a'..).map(|(n, byte)| format!("write(p.w, \"{byte}\" * {n})")).collect();
        let tasks = writes.chunks(2).zip('A'..).map(|(calls, name)| format!("task {name} {{ {} }}\n", calls.join("; ")));
        let text = format!(
            "litmus \"atomic\"\npipe p(size: {})\n{}task R {{ read(p.r, 1) }}\n",
            slots * PAGE_SIZE,
            tasks.collect::<String>()
        );
        let program = common::program(&text);
        let machine = Machine::new(&program, environment(&program, Env::new(version)).unwrap());
        let mut state = machine.initial().unwrap();
        let reader = program.tasks.len() as TaskId - 1;
        let read = state.kernel.process_of(reader).files.iter().position(Option::is_some).unwrap() as i32 + 3;
        let (mut seen, mut trace) = (Vec::new(), Trace::default());
        // The reader reads until all writers are done; everybody moves section by section.
        for turn in 0.. {
            let mut moves: Vec<_> = machine.moves(&state).filter(|mv| mv.task != reader).collect();
            let frame = state.kernel.task(reader);
            let (asleep, inside) = (frame.asleep, frame.frame.call.is_some());
            let idle = moves.is_empty() && state.kernel.ring(0).is_empty();
            if idle && (asleep || !inside) {
                break;
            }
            let own = machine.next_move(&state, reader) == Some(MoveKind::Continue) || !inside && !asleep;
            let choice = usize::from(choices[turn % choices.len()]) % (moves.len() + usize::from(own));
            if choice < moves.len() {
                machine.apply(&mut state, moves.swap_remove(choice), 1, &mut trace);
                continue;
            }
            let fd = read;
            let call = Call::Read { fd, count, fault: None, flags: RwFlags::empty() };
            let action = if inside { Action::Continue } else { Action::Enter(call) };
            if let Step::Returned(ret) = state.kernel.step(&machine.env, reader, action, &mut trace) {
                seen.extend(ret.data.bytes());
            }
        }
        prop_assert_eq!(seen.len() as u32, sizes.iter().sum::<u32>());
        let pieces: Vec<&[u8]> = seen.chunk_by(|a, b| a == b).collect();
        prop_assert_eq!(pieces.len(), sizes.len(), "{:?}", pieces.iter().map(|p| (p[0] as char, p.len())).collect::<Vec<_>>());
        prop_assert!(state.kernel.queue(QueueId::wr(0)).entries.is_empty());
    }
}

/// The figures that were measured on Linux v6.18 with 16 slots.
#[test]
fn the_law_of_capacity_has_the_measured_figures() {
    let measured = [
        (1, 65536),
        (100, 64000),
        (2049, 32784),
        (4095, 65520),
        (4096, 65536),
        (4097, 45066),
        (5000, 54096),
        (8191, 65528),
    ];
    for (n, bytes) in measured {
        assert_eq!(capacity(16, n), bytes, "{n}");
    }
}
