//! A process of the program, as a real process: each of its tasks is a thread that waits for commands.

use super::{
    calls::{self, Executor},
    ipc, log, memory,
    objects::Objects,
    probe, roam,
    sandbox::{Inside, guarded},
    shared::{Slot, command, state},
    shm, sys,
};
use crate::{
    kernel::{Call, Errno, Return},
    program::{CallCode, Code, Compiled, Cursor, FIRST_FD, Halt, Instr, Next},
    target::{Observation, Stage},
};
use std::{sync::atomic::Ordering, thread};

/// What all workers of a run have in common; they inherit it by fork.
#[derive(Debug)]
pub struct Crew<'a> {
    /// The sandbox.
    pub inside: Inside<'a>,
    /// The program.
    pub program: &'a Compiled,
    /// The objects; several instances of them for free runs.
    pub instances: Vec<Objects>,
    /// How it lives.
    pub way: Way,
}

/// How workers live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Each call is commanded.
    Steered,
    /// Each iteration is commanded, and these are made from the beginning of the instances on.
    Free {
        /// Decides delays.
        seed: u64,
    },
}

impl Crew<'_> {
    fn perform(&self, task: usize) -> ! {
        match self.way {
            Way::Steered => obey(self, task),
            Way::Free { seed } => roam::roam(self, task, seed),
        }
    }
}

/// A task that computes for so long without a call is killed; only then `SCHED_FIFO` cannot starve the machine.
const REALTIME_LIMIT_US: u64 = 300_000;

/// Makes this fresh process the process number `process`, with no descriptors but its own.
pub fn become_process(crew: &Crew, process: usize) -> ! {
    let shared = crew.inside.shared;
    sys::set_name(c"lockstep-task");
    memory::catch_faults();
    match crew.way {
        Way::Steered => {
            shared.require(Stage::Descriptors, crew.instances[0].take_ends(crew.program, process));
            sys::close_from(FIRST_FD + crew.program.processes[process].ends.len() as i32);
        }
        Way::Free { .. } => crew.instances.iter().for_each(|objects| objects.drop_others(crew.program, process)),
    }
    if crew.way == Way::Steered || crew.program.needs_fresh_memory() {
        shared.require(Stage::Memory, crew.instances[0].attach(crew.program, process));
        if !crew.program.processes[process].attached.is_empty() {
            shared.attached.store(1, Ordering::Release);
        }
    }
    block_sigpipe();
    if crew.inside.realtime {
        let limit = sys::set_limit(libc::RLIMIT_RTTIME as i32, REALTIME_LIMIT_US, REALTIME_LIMIT_US);
        shared.require(Stage::Limits, limit);
    }
    let user = crew.program.processes[process].user;
    if user > 0 {
        shared.require(Stage::User, change_user(user));
    }
    shared.require(Stage::Capabilities, crew.inside.task_caps.set());
    live(crew, process)
}

/// Runs the tasks of a process in this one.
pub fn live(crew: &Crew, process: usize) -> ! {
    let Some((&first, others)) = crew.program.processes[process].threads.split_first() else { sys::exit_now(0) };
    thread::scope(|scope| {
        for &task in others {
            let thread = thread::Builder::new().stack_size(256 << 10);
            let started =
                thread.spawn_scoped(scope, move || guarded(crew.inside.shared, || crew.perform(task as usize)));
            crew.inside.shared.require(Stage::Threads, started);
        }
        crew.perform(first as usize)
    })
}

/// A broken pipe shall be `EPIPE`; the signal stays pending.
fn block_sigpipe() {
    // SAFETY: an all-zero set is valid for `sigemptyset`, which all the calls here take.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGPIPE);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}

/// Users of a test are numbered from 0; the others get ids that nobody else is likely to have.
fn change_user(user: u32) -> std::io::Result<()> {
    let id = ipc::FIRST_USER + user;
    // SAFETY: numbers only; an empty list of groups is not read.
    unsafe {
        sys::check(libc::setgroups(0, std::ptr::null()))?;
        sys::check(libc::setresgid(id, id, id))?;
        sys::check(libc::setresuid(id, id, id))?;
        // Or its /proc/self would belong to root.
        sys::check(libc::prctl(libc::PR_SET_DUMPABLE, 1)).map(drop)
    }
}

/// One task with its place in the program.
#[derive(Debug)]
pub struct Performer<'a> {
    crew: &'a Crew<'a>,
    task: usize,
    /// Its slot.
    pub slot: &'a Slot,
    code: &'a Code,
    cursor: Cursor,
    executor: Executor,
    /// Whether the beginnings of calls are logged.
    log_starts: bool,
}

impl<'a> Performer<'a> {
    /// A task before its first instruction.
    pub fn new(crew: &'a Crew, task: usize, log_starts: bool) -> Self {
        let shared = crew.inside.shared;
        let executor = shared.require(Stage::Memory, Executor::new(&crew.instances[0]));
        let slot = shared.slot(task);
        let (pid, tid) = own_numbers();
        slot.proc_pid.store(pid, Ordering::Relaxed);
        slot.proc_tid.store(tid, Ordering::Relaxed);
        slot.tid.store(sys::gettid() as u32, Ordering::Release);
        let info = &crew.program.tasks[task];
        Performer { crew, task, slot, code: &info.code, cursor: Cursor::new(info.vars.len()), executor, log_starts }
    }

    /// Back to the first instruction, with the objects of another instance.
    pub fn restart(&mut self, instance: usize) {
        self.cursor = Cursor::new(self.cursor.locals.len());
        self.executor.set_objects(&self.crew.instances[instance]);
    }

    /// Does everything before the next call, and prepares the memory for that.
    pub fn advance(&mut self) -> Next {
        let next = self.cursor.advance(self.code, false);
        match next {
            Next::Call(kind) => {
                self.slot.kind.store(kind as u32, Ordering::Relaxed);
                if let Some(Instr::Call { call: CallCode::Known(call), .. }) =
                    self.code.instrs.get(self.cursor.pc as usize)
                {
                    self.crew.inside.shared.require(Stage::Memory, self.executor.prepare(call));
                }
            }
            _ => {
                if let Some(halt) = self.cursor.halt {
                    self.halted(halt);
                }
            }
        }
        next
    }

    fn halted(&self, halt: Halt) {
        self.crew.inside.shared.see(Observation::Halted { task: self.task as u16, halt });
    }

    /// Makes the call that is next, and does everything up to the one after it.
    pub fn step(&mut self) -> Next {
        let shared = self.crew.inside.shared;
        let task = self.task as u16;
        let Some(call) = self.cursor.call(self.code) else {
            if let Some(halt) = self.cursor.halt {
                self.halted(halt);
            }
            return Next::Parked;
        };
        let computed =
            matches!(self.code.instrs[self.cursor.pc as usize], Instr::Call { call: CallCode::Computed { .. }, .. });
        // What its descriptor is, another thread may have changed since.
        if computed || matches!(call, Call::VmspliceRead { .. }) {
            shared.require(Stage::Memory, self.executor.prepare(&call));
        }
        self.slot.syscall.store(calls::number(&call), Ordering::Relaxed);
        let deadline = call.timeout_us().map_or(0, |us| sys::now() + us * 1000);
        self.slot.deadline.store(deadline, Ordering::Relaxed);
        if self.log_starts {
            shared.see(Observation::Started { task });
        }
        let ret = match call {
            Call::Exit { status } => self.exit(status),
            Call::Fork { child } => self.fork(child),
            ref call if call.kind().is_access() => {
                // It is over before anybody could ask what the task is doing.
                memory::with_task(shared, self.task, self.threads(), || self.executor.make(call))
            }
            ref call => {
                self.slot.becomes(state::IN_CALL);
                let mut ret = self.executor.make(call);
                match call {
                    Call::Shm(_) => shm::name_pids(shared, self.crew.program.tasks.len(), &mut ret),
                    _ if call.kind().is_ipc() => ipc::name_pids(shared, self.crew.program.tasks.len(), call, &mut ret),
                    _ => {}
                }
                ret
            }
        };
        shared.see(Observation::Completed { task, ret: ret.clone() });
        self.slot.becomes(state::LOCAL);
        self.cursor.complete(self.code, &ret);
        self.advance()
    }

    /// The tasks of its process.
    fn threads(&self) -> &'a [u16] {
        &self.crew.program.processes[self.crew.program.tasks[self.task].process as usize].threads
    }

    fn exit(&self, status: u8) -> ! {
        let shared = self.crew.inside.shared;
        shared.see(Observation::Exited { task: self.task as u16, status });
        for &thread in self.threads() {
            shared.slot(thread as usize).state.store(state::EXITED, Ordering::Release);
        }
        log::close_for_this_process();
        sys::exit_now(status.into())
    }

    fn fork(&self, child: u16) -> Return {
        let shared = self.crew.inside.shared;
        let Some(process) = self.crew.program.processes.get(child as usize) else {
            return Return::error(Errno::EINVAL);
        };
        let slots = || process.threads.iter().map(|&task| shared.slot(task as usize));
        if slots().any(|slot| slot.state.load(Ordering::Acquire) != state::UNBORN) {
            // A process of the program is one process, so it can be made once.
            return Return::error(Errno::EAGAIN);
        }
        slots().for_each(|slot| slot.state.store(state::LOCAL, Ordering::Release));
        // SAFETY: other threads of this process are in system calls, or hold at most locks that `fork` takes care of.
        match unsafe { sys::fork() } {
            Ok(0) => {
                log::open_for_this_process();
                live(self.crew, child as usize)
            }
            Ok(_) => Return::value(child.into()),
            Err(error) => {
                slots().for_each(|slot| slot.state.store(state::UNBORN, Ordering::Release));
                Return::error(Errno(sys::errno(&error) as u16))
            }
        }
    }
}

/// The life of a task in a steered run: one command, one call.
pub fn obey(crew: &Crew, task: usize) -> ! {
    let mut performer = Performer::new(crew, task, false);
    let mut next = performer.advance();
    let mut running = false;
    loop {
        let parked = !matches!(next, Next::Call(_));
        if parked || !running {
            running = false;
            let resting = if parked { state::PARKED } else { state::IDLE };
            performer.slot.becomes(resting);
            match take_command(crew, performer.slot) {
                command::STEP if !parked => {}
                command::RUN if !parked => running = true,
                _ => continue,
            }
        }
        next = performer.step();
    }
}

/// Waits for a command. A probe is answered here.
pub fn take_command(crew: &Crew, slot: &Slot) -> u32 {
    loop {
        match slot.command.load(Ordering::Acquire) {
            command::NONE => sys::futex_wait(&slot.command, command::NONE, None),
            command::PROBE => {
                probe::look(crew.inside.shared, crew.program);
                slot.command.store(command::NONE, Ordering::Release);
            }
            command::QUIT => sys::exit_now(0),
            taken => {
                // In this order: whoever sees no command sees that work has begun.
                slot.becomes(state::LOCAL);
                slot.command.store(command::NONE, Ordering::Release);
                return taken;
            }
        }
    }
}

/// Process and thread as the mounted `/proc` numbers them, which may belong to an outer pid namespace.
fn own_numbers() -> (u32, u32) {
    let mut buffer = [0u8; 64];
    // SAFETY: the path is a C string, and the buffer as long as said.
    let n = unsafe { libc::readlink(c"/proc/thread-self".as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    let text = std::str::from_utf8(&buffer[..n.max(0) as usize]).unwrap_or_default();
    match text.split_once("/task/") {
        Some((pid, tid)) => (pid.parse().unwrap_or(0), tid.parse().unwrap_or(0)),
        None => (0, 0),
    }
}
