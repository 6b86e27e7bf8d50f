//! Free runs of programs that do nothing but access cells: no call, no branch. Whether a store waits in the buffer of a processor is
//! decided in nanoseconds, so nothing else may be done between two accesses: each task is compiled to a list of operations, and goes
//! through thousands of iterations in a row, each on cells of its own and behind a barrier of its own. Only what every access
//! returned and what the cells hold at the end is kept, and counted.

use super::{
    ipc,
    log::{Entry, RunEnd, end},
    sandbox::{Inside, guarded},
    shared::Shared,
    steer::end_workers,
    sys,
};
use crate::{
    kernel::{Addr, CELL_SIZE, Call, CallKind, IpcFlags, MMAP_BASE, MMAP_SHIFT, Return},
    program::{
        CallCode, Compiled, ExprCode, Field, Instr, ObjectField, SHOWN_CELLS, Value,
        syntax::{BinOp, ObjectKind},
    },
    target::{FreeOptions, Observation, Stage},
};
use std::{
    collections::HashMap,
    io,
    sync::atomic::{AtomicI64, AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// Iterations in a row, at most.
const BATCH: usize = 4096;
/// Iterations in a row if there are more tasks than CPUs: each takes as long as a change of tasks.
const CROWDED_BATCH: usize = 256;
/// More accesses in one task are not kept.
const MOST_ACCESSES: usize = 64;
/// Cells of different iterations are so far apart, so that they share no cache line.
const LINE: usize = 64;

/// A program that can be run so.
#[derive(Debug)]
pub struct Native {
    tasks: Vec<Vec<Op>>,
    /// Accesses of each task.
    accesses: Vec<usize>,
    /// Segments by object: where their cells begin in the memory of an iteration, and how many there are.
    segments: Vec<(u16, usize, usize)>,
    /// Cells of an iteration, all segments together, with what keeps iterations apart.
    stride: usize,
    /// Whether there are more tasks than CPUs: whoever waits then keeps others from what it waits for.
    crowded: bool,
}

/// An access, or an assignment between two of them.
#[derive(Debug)]
enum Op {
    Load { cell: usize, to: usize },
    Set { cell: usize, value: Int },
    Cas { cell: usize, old: Int, new: Int, to: usize },
    Xchg { cell: usize, value: Int, to: usize },
    Add { cell: usize, value: Int, to: usize },
    Assign { value: Int, to: usize },
}

/// An expression over numbers.
#[derive(Debug)]
enum Int {
    Const(i64),
    Var(usize),
    Binary(BinOp, Box<Int>, Box<Int>),
}

impl Int {
    /// `known` has the variables that have a value here.
    fn of(e: &ExprCode, known: &[usize]) -> Option<Int> {
        Some(match e {
            ExprCode::Const(Value::Int(n)) => Int::Const(*n),
            ExprCode::Local { slot, field: Field::Whole | Field::Ret } if known.contains(&usize::from(*slot)) => {
                Int::Var((*slot).into())
            }
            ExprCode::Binary(op @ (BinOp::Add | BinOp::Sub), a, b) => {
                Int::Binary(*op, Box::new(Int::of(a, known)?), Box::new(Int::of(b, known)?))
            }
            _ => return None,
        })
    }

    #[inline]
    fn eval(&self, vars: &[i64]) -> i64 {
        match self {
            Int::Const(n) => *n,
            Int::Var(slot) => vars[*slot],
            Int::Binary(op, a, b) => {
                let (a, b) = (a.eval(vars), b.eval(vars));
                if *op == BinOp::Add { a.wrapping_add(b) } else { a.wrapping_sub(b) }
            }
        }
    }
}

impl Native {
    /// The program in this form, if it has no more than accesses and assignments, and nobody looks at more than its cells.
    pub fn of(program: &Compiled) -> Option<Native> {
        let plain = program.init.is_none()
            && program.processes.iter().all(|process| process.parent.is_none() && process.user == 0)
            && program.objects.iter().all(|object| object.kind == ObjectKind::Shm && object.cells > 0)
            && program.tasks.len() > 1
            && !program.looks_at_pids();
        if !plain || !program.shown.iter().all(|shown| only_cells(&shown.value)) {
            return None;
        }
        let (mut segments, mut at) = (Vec::new(), 0);
        for (object, info) in program.objects.iter().enumerate() {
            segments.push((object as u16, at, info.cells as usize));
            at += info.cells as usize;
        }
        let stride = (at * CELL_SIZE as usize).next_multiple_of(LINE) + LINE;
        let crowded = program.tasks.len() > sys::allowed_cpus().len();
        let mut native = Native { tasks: Vec::new(), accesses: Vec::new(), segments, stride, crowded };
        for task in &program.tasks {
            let attached = &program.processes[usize::from(task.process)].attached;
            let ops = native.compile(&task.code.instrs, attached, task.vars.len())?;
            let accesses = ops.iter().filter(|op| !matches!(op, Op::Assign { .. })).count();
            if accesses > MOST_ACCESSES {
                return None;
            }
            native.tasks.push(ops);
            native.accesses.push(accesses);
        }
        Some(native)
    }

    fn compile(&self, instrs: &[Instr], attached: &[u16], vars: usize) -> Option<Vec<Op>> {
        let mut known: Vec<usize> = Vec::new();
        let mut ops = Vec::new();
        for instr in instrs {
            match instr {
                Instr::Call { call, dest, expect: None } => {
                    // What nobody keeps goes behind the variables.
                    let to = dest.map_or(vars, usize::from);
                    ops.push(self.access(call, to, attached, &known)?);
                    if to < vars {
                        known.push(to);
                    }
                }
                // A hidden variable is forgotten.
                Instr::Assign { slot, value: ExprCode::Const(Value::None) } => {
                    known.retain(|other| *other != usize::from(*slot));
                }
                Instr::Assign { slot, value } => {
                    ops.push(Op::Assign { value: Int::of(value, &known)?, to: (*slot).into() });
                    known.push((*slot).into());
                }
                _ => return None,
            }
        }
        Some(ops)
    }

    fn access(&self, call: &CallCode, to: usize, attached: &[u16], known: &[usize]) -> Option<Op> {
        let place = |addr: Addr| self.place(addr, attached);
        Some(match call {
            CallCode::Known(call) => match *call {
                Call::Load { addr } => Op::Load { cell: place(addr)?, to },
                Call::Set { addr, value } => Op::Set { cell: place(addr)?, value: Int::Const(value) },
                Call::Cas { addr, old, new } => {
                    Op::Cas { cell: place(addr)?, old: Int::Const(old), new: Int::Const(new), to }
                }
                Call::Xchg { addr, value } => Op::Xchg { cell: place(addr)?, value: Int::Const(value), to },
                Call::Add { addr, value } => Op::Add { cell: place(addr)?, value: Int::Const(value), to },
                _ => return None,
            },
            CallCode::Computed { signature, args } => {
                let arg = |i: usize| Int::of(args.get(i)?.as_ref()?, known);
                let Int::Const(addr) = arg(0)? else { return None };
                let cell = place(addr)?;
                match signature.kind {
                    CallKind::Set => Op::Set { cell, value: arg(1)? },
                    CallKind::Cas => Op::Cas { cell, old: arg(1)?, new: arg(2)?, to },
                    CallKind::Xchg => Op::Xchg { cell, value: arg(1)?, to },
                    CallKind::Add => Op::Add { cell, value: arg(1)?, to },
                    _ => return None,
                }
            }
        })
    }

    /// Which cell of an iteration is at an address of the program.
    fn place(&self, addr: Addr, attached: &[u16]) -> Option<usize> {
        let offset = u64::try_from(addr - MMAP_BASE).ok()?;
        let object = attached.get((offset >> MMAP_SHIFT) as usize)?;
        let &(_, first, cells) = self.segments.iter().find(|(other, ..)| other == object)?;
        let cell = (offset & ((1 << MMAP_SHIFT) - 1)) as usize / CELL_SIZE as usize;
        (cell < cells).then_some(first + cell)
    }

    /// Iterations in a row.
    fn batch(&self) -> usize {
        if self.crowded { CROWDED_BATCH } else { BATCH }
    }

    /// What one iteration leaves behind: an answer for each access, and the cells.
    fn width(&self) -> usize {
        self.accesses.iter().sum::<usize>() + self.segments.iter().map(|(.., cells)| cells).sum::<usize>()
    }
}

fn only_cells(e: &ExprCode) -> bool {
    let mut only = true;
    e.visit(&mut |e| only &= !matches!(e, ExprCode::Object { field, .. } if !matches!(field, ObjectField::Cell(_))));
    only
}

/// What controller and workers share besides the cells.
#[repr(C, align(64))]
struct Board {
    /// A futex: which batch is to be done; the lowest bit of it says whether tasks are bound to CPUs.
    batch: AtomicU32,
    /// A futex: tasks that are through with it.
    done: AtomicU32,
    /// Arrivals at barriers since the beginning of the batch; a futex if there are more tasks than CPUs.
    arrived: AtomicU32,
}

/// The memory of all iterations of a batch. Cells are in one segment, which every process attaches.
#[derive(Clone, Copy)]
struct Arena {
    board: *const Board,
    /// Answers: for each iteration those of all tasks.
    answers: *mut i64,
    cells: *mut u8,
}

/// All iterations of such a program.
pub fn run(inside: Inside, program: &Compiled, native: &Native, options: &FreeOptions) {
    let shared = inside.shared;
    let begun = Instant::now();
    ipc::enter_namespace(shared);
    let arena = shared.require(Stage::Memory, native.arena());
    for info in &program.processes {
        // SAFETY: the controller has one thread.
        if shared.require(Stage::Fork, unsafe { sys::fork() }) == 0 {
            sys::set_name(c"lockstep-task");
            live(inside, native, arena, &info.threads);
        }
    }
    let mut seen: HashMap<Vec<i64>, (u64, bool)> = HashMap::new();
    let mut made = 0;
    let mut batch = 0u32;
    // SAFETY: the mapping lives as long as this process.
    let board = unsafe { &*arena.board };
    let over = |made| {
        let late = options.time_limit.is_some_and(|limit| begun.elapsed() >= limit);
        made >= options.iterations || late || shared.is_stopped()
    };
    while !over(made) {
        batch += 1;
        shared.begin_run();
        let count = native.batch().min(options.iterations - made);
        // SAFETY: nobody else uses the memory between two batches.
        unsafe { std::ptr::write_bytes(arena.cells, 0, BATCH * native.stride) };
        let pinned = options.pinned.unwrap_or(batch % 2 == 1);
        board.arrived.store(0, Ordering::Relaxed);
        board.done.store(0, Ordering::Relaxed);
        sys::futex_post(&board.batch, batch << 1 | u32::from(pinned));
        if !all_done(shared, board, native.tasks.len() as u32, options.limit * 4) {
            break;
        }
        native.count(arena, count, pinned, &mut seen);
        made += count;
    }
    end_workers();
    inside.shared.batches.fetch_add(1, Ordering::Relaxed);
    let mut order: Vec<_> = seen.into_iter().collect();
    order.sort_unstable();
    for (index, (answers, (times, pinned))) in order.into_iter().enumerate() {
        native.report(inside, index, &answers, times, pinned);
    }
    if made < options.iterations && !over(made) {
        shared.append(&Entry::IterationBegins(made, false));
        shared.append(&Entry::RunEnds(RunEnd { end: [end::TIMED_OUT, 0, 0, 0], ..RunEnd::default() }));
    }
}

/// Waits for all tasks; whether they came in time. Arrivals at barriers are progress, however busy the machine is.
fn all_done(shared: &Shared, board: &Board, tasks: u32, limit: Duration) -> bool {
    let begun = Instant::now();
    let mut arrived = 0;
    loop {
        if std::mem::replace(&mut arrived, board.arrived.load(Ordering::Relaxed)) != arrived {
            shared.tick();
        }
        let done = board.done.load(Ordering::Acquire);
        if done == tasks {
            return true;
        }
        if begun.elapsed() > limit {
            return false;
        }
        sys::futex_wait(&board.done, done, Some(Duration::from_millis(10)));
    }
}

impl Native {
    fn arena(&self) -> io::Result<Arena> {
        let answers = BATCH * self.accesses.iter().sum::<usize>() * size_of::<i64>();
        let (flags, protection) = (libc::MAP_SHARED | libc::MAP_ANONYMOUS, libc::PROT_READ | libc::PROT_WRITE);
        let bytes = size_of::<Board>() + answers;
        // SAFETY: a new mapping touches no existing memory.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), bytes, protection, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let flags = IpcFlags::IPC_CREAT.bits() | 0o600;
        // SAFETY: numbers only, and a place that the kernel chooses.
        let cells = unsafe {
            let id = sys::check(libc::syscall(libc::SYS_shmget, libc::IPC_PRIVATE, BATCH * self.stride, flags))?;
            // The workers are forked, and so have it attached too.
            libc::shmat(id as i32, std::ptr::null(), 0)
        };
        if cells as isize == -1 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the answers begin behind the board.
        let answers = unsafe { base.cast::<u8>().add(size_of::<Board>()).cast() };
        Ok(Arena { board: base.cast(), answers, cells: cells.cast() })
    }

    /// Counts what a batch left behind.
    fn count(&self, arena: Arena, count: usize, pinned: bool, seen: &mut HashMap<Vec<i64>, (u64, bool)>) {
        let answers: usize = self.accesses.iter().sum();
        let cells = self.width() - answers;
        let mut key = Vec::with_capacity(self.width());
        for i in 0..count {
            key.clear();
            // SAFETY: all of it lies in the arena, and all tasks are through with it.
            unsafe {
                key.extend_from_slice(std::slice::from_raw_parts(arena.answers.add(i * answers), answers));
                let line = arena.cells.add(i * self.stride).cast::<i64>();
                key.extend_from_slice(std::slice::from_raw_parts(line, cells));
            }
            match seen.get_mut(&key) {
                Some((times, _)) => *times += 1,
                None => _ = seen.insert(key.clone(), (1, pinned)),
            }
        }
    }

    /// Logs one outcome, as if one iteration had been observed so often.
    fn report(&self, inside: Inside, index: usize, left: &[i64], times: u64, pinned: bool) {
        let shared = inside.shared;
        shared.append(&Entry::IterationBegins(index, pinned));
        shared.append(&Entry::Times(times));
        let mut answers = left.iter().copied();
        for (task, &accesses) in self.accesses.iter().enumerate() {
            for answer in answers.by_ref().take(accesses) {
                shared.see(Observation::Completed { task: task as u16, ret: Return::value(answer) });
            }
        }
        let cells: Vec<i64> = answers.collect();
        let mut probes = Vec::new();
        for &(object, first, count) in &self.segments {
            for cell in 0..count.min(SHOWN_CELLS as usize) {
                probes.push((object, ObjectField::Cell(cell as u32), cells[first + cell]));
            }
        }
        shared.see(Observation::Quiet {
            step: 0,
            asleep: Vec::new(),
            held: Vec::new(),
            stopped: Vec::new(),
            probes,
            signals: Vec::new(),
        });
        shared.append(&Entry::RunEnds(RunEnd::default()));
    }
}

/// A process: a thread for each task.
fn live(inside: Inside, native: &Native, arena: Arena, threads: &[u16]) -> ! {
    let Some((&first, others)) = threads.split_first() else { sys::exit_now(0) };
    let arena = Everybody(arena);
    std::thread::scope(|scope| {
        for &task in others {
            let builder = std::thread::Builder::new().stack_size(256 << 10);
            let arena = &arena;
            let started =
                builder.spawn_scoped(scope, move || guarded(inside.shared, || native.go(arena.0, task.into())));
            inside.shared.require(Stage::Threads, started);
        }
        native.go(arena.0, first.into())
    })
}

/// Pointers into memory that is there for everybody.
struct Everybody(Arena);

// SAFETY: whoever uses the arena keeps to the order of batches and barriers.
unsafe impl Sync for Everybody {}

impl Native {
    /// The life of a task: batch after batch.
    fn go(&self, arena: Arena, task: usize) -> ! {
        // SAFETY: the mapping is inherited and lives as long as this process.
        let board = unsafe { &*arena.board };
        let cpus = sys::allowed_cpus();
        let all: usize = self.accesses.iter().sum();
        let before: usize = self.accesses[..task].iter().sum();
        let mut vars = vec![0i64; self.tasks[task].iter().filter_map(Op::to).max().unwrap_or(0) + 1];
        let mut last = 0;
        loop {
            let mut batch = board.batch.load(Ordering::Acquire);
            while batch == last {
                sys::futex_wait(&board.batch, batch, None);
                batch = board.batch.load(Ordering::Acquire);
            }
            last = batch;
            let _ = if batch & 1 == 1 { sys::set_cpus(&[cpus[task % cpus.len()]]) } else { sys::set_cpus(&cpus) };
            for i in 0..self.batch() {
                // SAFETY: the cells and answers of this iteration, of which only this task writes its answers.
                let (line, answers) = unsafe {
                    (arena.cells.add(i * self.stride).cast::<AtomicI64>(), arena.answers.add(i * all + before))
                };
                self.meet(board, i, task);
                self.iteration(&self.tasks[task], line, answers, &mut vars);
            }
            if board.done.fetch_add(1, Ordering::AcqRel) + 1 == self.tasks.len() as u32 {
                sys::futex_wake(&board.done, 1);
            }
        }
    }

    /// The barrier before an iteration; after it a short time that differs from iteration to iteration.
    #[inline]
    fn meet(&self, board: &Board, i: usize, task: usize) {
        /// After so many looks somebody else may need the CPU.
        const SPINS: u32 = 4000;
        let expected = (i as u32 + 1) * self.tasks.len() as u32;
        let all_here = board.arrived.fetch_add(1, Ordering::AcqRel) + 1 == expected;
        if all_here && self.crowded {
            sys::futex_wake(&board.arrived, i32::MAX);
        }
        let mut spins = 0;
        loop {
            let arrived = board.arrived.load(Ordering::Acquire);
            if arrived >= expected {
                break;
            }
            if self.crowded {
                sys::futex_wait(&board.arrived, arrived, None);
                continue;
            }
            spins += 1;
            if spins % SPINS == 0 {
                sys::sched_yield();
            }
            std::hint::spin_loop();
        }
        for _ in 0..(i * (task + 3)) % 7 {
            std::hint::spin_loop();
        }
    }

    #[inline]
    fn iteration(&self, ops: &[Op], line: *const AtomicI64, answers: *mut i64, vars: &mut [i64]) {
        let mut kept = 0;
        // SAFETY: cells are counted when the program is compiled, and answers lie behind each other.
        let at = |cell: &usize| unsafe { &*line.add(*cell) };
        for op in ops {
            let answer = match op {
                Op::Load { cell, .. } => at(cell).load(Ordering::Relaxed),
                Op::Set { cell, value } => {
                    at(cell).store(value.eval(vars), Ordering::Relaxed);
                    0
                }
                Op::Cas { cell, old, new, .. } => {
                    let (old, new) = (old.eval(vars), new.eval(vars));
                    let found = at(cell).compare_exchange(old, new, Ordering::SeqCst, Ordering::SeqCst);
                    found.unwrap_or_else(|found| found)
                }
                Op::Xchg { cell, value, .. } => at(cell).swap(value.eval(vars), Ordering::SeqCst),
                Op::Add { cell, value, .. } => at(cell).fetch_add(value.eval(vars), Ordering::SeqCst),
                Op::Assign { value, to } => {
                    vars[*to] = value.eval(vars);
                    continue;
                }
            };
            if let Some(to) = op.to() {
                vars[to] = answer;
            }
            // SAFETY: as above. A store of this task to memory of its own, which is not what the test is about.
            unsafe { answers.add(kept).write(answer) };
            kept += 1;
        }
    }
}

impl Op {
    /// Where its answer goes.
    #[inline]
    fn to(&self) -> Option<usize> {
        match self {
            Op::Set { .. } => None,
            Op::Load { to, .. }
            | Op::Cas { to, .. }
            | Op::Xchg { to, .. }
            | Op::Add { to, .. }
            | Op::Assign { to, .. } => Some(*to),
        }
    }
}
