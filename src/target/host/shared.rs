//! The memory that tool, watchdog, controller and workers share: their only means of communication.

use super::sys;
use crate::{
    kernel::signal::MAX_POSIX_TIMERS,
    program::SHOWN_CELLS,
    target::{Refusal, Stage},
};
use std::{
    cell::UnsafeCell,
    io,
    sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

/// The most tasks of a program.
pub const MAX_TASKS: usize = 64;
/// The most objects of a program.
pub const MAX_OBJECTS: usize = 64;
/// The most instances of a program that free runs prepare at once.
pub const MAX_INSTANCES: usize = 64;
/// Address space for the log; only what is used becomes memory.
pub const LOG_BYTES: usize = 64 << 20;

/// What a worker is told to do.
pub mod command {
    /// Nothing: wait.
    pub const NONE: u32 = 0;
    /// Make the next call.
    pub const STEP: u32 = 1;
    /// Make calls up to the end.
    pub const RUN: u32 = 2;
    /// Look at objects, for the controller.
    pub const PROBE: u32 = 3;
    /// End the process without a trace.
    pub const QUIT: u32 = 4;
}

/// What a task is doing.
pub mod state {
    /// Its process is not there yet.
    pub const UNBORN: u32 = 0;
    /// At user level: between calls, or starting.
    pub const LOCAL: u32 = 1;
    /// Waits for a command before its next call.
    pub const IDLE: u32 = 2;
    /// Inside a call.
    pub const IN_CALL: u32 = 3;
    /// Has ended; it still takes [`super::command::PROBE`].
    pub const PARKED: u32 = 4;
    /// Its process exits.
    pub const EXITED: u32 = 5;
    /// Its thread has exited, or is about to, and its process goes on without it.
    pub const GONE: u32 = 6;
}

/// When a timer of a process goes off, nanoseconds of the monotonic clock.
#[repr(C)]
#[derive(Debug)]
pub struct Timer {
    /// As early as it could; 0 if it is not armed.
    pub at: AtomicU64,
    /// How much later than that at most.
    pub slack: AtomicU64,
    /// How long after that again; 0 for never.
    pub interval: AtomicU64,
}

/// The controller's and a task's common place.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Slot {
    /// A futex: what to do; the worker takes it by storing [`command::NONE`].
    pub command: AtomicU32,
    /// One of [`state`].
    pub state: AtomicU32,
    /// The kind of the call it is about to make or is in.
    pub kind: AtomicU32,
    /// The number of that system call.
    pub syscall: AtomicU32,
    /// Its process, as the mounted `/proc` numbers it.
    pub proc_pid: AtomicU32,
    /// Its thread, as the mounted `/proc` numbers it.
    pub proc_tid: AtomicU32,
    /// Its thread, in the sandbox's pid namespace.
    pub tid: AtomicU32,
    /// When the time of its call is over, in nanoseconds of the monotonic clock; 0 if it waits for ever.
    pub deadline: AtomicU64,
    /// Of the first thread: the timers of its process, first `ITIMER_REAL`, then those of `timer_create` by their ids.
    pub timers: [Timer; 1 + MAX_POSIX_TIMERS],
    /// Whether it was found stopped when all was quiet: it answers to nobody.
    pub stopped: AtomicU32,
}

impl Slot {
    /// The task's own change of state. Once its process exits it stays so, whatever the task still manages to do.
    pub fn becomes(&self, state: u32) {
        let change = |old| (old != state::EXITED).then_some(state);
        let _ = self.state.fetch_update(Ordering::SeqCst, Ordering::Relaxed, change);
    }

    /// Whether the task does nothing unless it is told to: not there yet, or waiting without a command.
    pub fn rests(&self) -> bool {
        // In this order: a worker that takes a command changes its state first.
        let idle = self.command.load(Ordering::Acquire) == command::NONE;
        match self.state.load(Ordering::Acquire) {
            state::UNBORN => true,
            state::IDLE | state::PARKED => idle,
            _ => false,
        }
    }
}

/// What a worker saw of an object.
#[repr(C)]
#[derive(Debug)]
pub struct ProbeCell {
    /// Whether it was seen.
    pub seen: AtomicU32,
    /// `FIONREAD`.
    pub readable: AtomicI64,
    /// `F_GETPIPE_SZ`.
    pub size: AtomicI64,
}

/// What tool and sandbox tell each other about progress.
pub mod handover {
    /// The sandbox works.
    pub const WORKING: u32 = 0;
    /// The log is to be read; the sandbox waits.
    pub const FULL: u32 = 1;
    /// The watchdog has nothing left to watch.
    pub const OVER: u32 = 2;
}

/// How a sandbox ended, as the watchdog or the controller says it.
pub mod verdict {
    /// Not said: somebody died.
    pub const NONE: u32 = 0;
    /// All work is done.
    pub const DONE: u32 = 1;
    /// The controller made no progress.
    pub const TIMED_OUT: u32 = 2;
    /// [`super::Header::reason`] and [`super::Header::errno`] say what failed.
    pub const REFUSED: u32 = 3;
    /// [`super::Header::message`] tells of a panic.
    pub const PANICKED: u32 = 4;
    /// No `SCHED_FIFO`, which was demanded.
    pub const NO_REALTIME: u32 = 5;
    /// The declared object number [`super::Header::reason`] could not be made.
    pub const NO_OBJECT: u32 = 6;
}

/// Everything shared, before the log.
#[repr(C)]
#[derive(Debug)]
pub struct Header {
    /// A futex: one of [`handover`].
    pub handover: AtomicU32,
    /// One of [`verdict`].
    pub verdict: AtomicU32,
    /// A [`Stage`] or an object, by verdict.
    pub reason: AtomicU32,
    /// An error number.
    pub errno: AtomicU32,
    /// Counts up while things move; the watchdog looks at it.
    pub progress: AtomicU64,
    /// Set when the user wants an end: free runs make no other iteration.
    pub stop: AtomicU32,
    /// Counts runs, or iterations of free runs; the watchdog gives each only so much time, however much moves.
    pub runs: AtomicU64,
    /// The process group of the workers, if their program has to do with signals.
    pub group: AtomicU32,
    /// The task that was released last, plus one.
    pub current: AtomicU32,
    /// Bytes of the log that are in use.
    pub log_end: AtomicUsize,
    /// Entries of another generation are old.
    pub generation: AtomicU32,
    /// Whether an entry did not fit.
    pub overflow: AtomicU32,
    /// Free runs: how many tasks are at the start.
    pub ready: AtomicU32,
    /// Free runs: how many tasks have come to their end; a futex.
    pub done: AtomicU32,
    /// Free runs: how many are expected there before the controller needs to know.
    pub expected: AtomicU32,
    /// Free runs: how many groups of workers there were.
    pub batches: AtomicU32,
    /// Free runs: which iteration this is, for the seeds of delays.
    pub iteration: AtomicU32,
    /// Free runs: whether tasks are bound to CPUs.
    pub pinned: AtomicU32,
    /// Inode numbers of objects, by instance: how probes find their descriptors.
    pub inodes: [[AtomicU64; MAX_OBJECTS]; MAX_INSTANCES],
    /// Which row of `inodes` counts.
    pub instance: AtomicU32,
    /// Whether the process that was started last has attached its segments.
    pub attached: AtomicU32,
    /// What the last probe saw.
    pub probes: [ProbeCell; MAX_OBJECTS],
    /// What the last probe saw in the first cells of shared memory.
    pub cells: [[AtomicI64; SHOWN_CELLS as usize]; MAX_OBJECTS],
    /// A slot for each task.
    pub slots: [Slot; MAX_TASKS],
    /// Length of `message`.
    pub message_len: AtomicU32,
    /// Why somebody panicked, or what was found out.
    pub message: [AtomicU8; 2048],
}

/// The mapping. Children inherit it by fork.
#[derive(Debug)]
pub struct Shared {
    base: *mut u8,
}

// SAFETY: everything in the mapping is atomic, except the log, whose users keep to its protocol (see `log`).
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

const HEADER_BYTES: usize = size_of::<Header>().next_multiple_of(4096);

impl Shared {
    /// A fresh mapping, all zero.
    pub fn new() -> Result<Shared, Refusal> {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping touches no existing memory.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), HEADER_BYTES + LOG_BYTES, protection, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(refusal(Stage::Memory, &io::Error::last_os_error()));
        }
        Ok(Shared { base: base.cast() })
    }

    /// The log's memory.
    pub fn log(&self) -> *mut UnsafeCell<u64> {
        // SAFETY: the mapping is as long as header and log together, and the offset keeps pages aligned.
        unsafe { self.base.add(HEADER_BYTES).cast() }
    }

    /// The slot of a task.
    pub fn slot(&self, task: usize) -> &Slot {
        &self.slots[task]
    }

    /// Says that something moves.
    pub fn tick(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that another run, or another iteration, begins.
    pub fn begin_run(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.tick();
    }

    /// Whether the user wants an end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) != 0
    }

    /// All as new, before a sandbox starts.
    pub fn reset(&self) {
        self.stop.store(0, Ordering::Relaxed);
        self.handover.store(handover::WORKING, Ordering::Relaxed);
        self.verdict.store(verdict::NONE, Ordering::Relaxed);
        self.current.store(0, Ordering::Relaxed);
        self.progress.store(0, Ordering::Relaxed);
        self.runs.store(0, Ordering::Relaxed);
        self.message_len.store(0, Ordering::Relaxed);
        self.batches.store(0, Ordering::Relaxed);
        self.clear_log();
        self.reset_tasks();
    }

    /// All tasks unborn.
    pub fn reset_tasks(&self) {
        for slot in &self.slots {
            slot.command.store(command::NONE, Ordering::Relaxed);
            slot.proc_pid.store(0, Ordering::Relaxed);
            slot.deadline.store(0, Ordering::Relaxed);
            slot.timers.iter().for_each(|timer| timer.at.store(0, Ordering::Relaxed));
            slot.tid.store(0, Ordering::Relaxed);
            slot.stopped.store(0, Ordering::Relaxed);
            slot.state.store(state::UNBORN, Ordering::Relaxed);
        }
        self.current.store(0, Ordering::Relaxed);
        self.group.store(0, Ordering::Relaxed);
    }

    /// An empty log of a new generation.
    pub fn clear_log(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
        self.overflow.store(0, Ordering::Relaxed);
        self.log_end.store(0, Ordering::Release);
    }

    /// Says why it ends, unless that was said before.
    pub fn conclude(&self, verdict: u32) {
        let _ = self.verdict.compare_exchange(verdict::NONE, verdict, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Ends this process because `stage` failed.
    pub fn refuse(&self, stage: Stage, error: &io::Error) -> ! {
        self.reason.store(stage as u32, Ordering::Relaxed);
        self.errno.store(sys::errno(error) as u32, Ordering::Relaxed);
        self.conclude(verdict::REFUSED);
        sys::exit_now(2)
    }

    /// Ends this process because a step of its setup failed.
    pub fn require<T>(&self, stage: Stage, result: io::Result<T>) -> T {
        result.unwrap_or_else(|error| self.refuse(stage, &error))
    }

    /// Stores a message.
    pub fn set_message(&self, text: &str) {
        let bytes = &text.as_bytes()[..text.len().min(self.message.len())];
        for (cell, &byte) in self.message.iter().zip(bytes) {
            cell.store(byte, Ordering::Relaxed);
        }
        self.message_len.store(bytes.len() as u32, Ordering::Release);
    }

    /// The stored message.
    pub fn message(&self) -> String {
        let len = self.message_len.load(Ordering::Acquire) as usize;
        let bytes: Vec<u8> = self.message[..len].iter().map(|b| b.load(Ordering::Relaxed)).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The refusal for a failed stage.
pub fn refusal(stage: Stage, error: &io::Error) -> Refusal {
    Refusal::Sandbox { stage, errno: sys::errno(error) }
}

impl std::ops::Deref for Shared {
    type Target = Header;
    fn deref(&self) -> &Header {
        // SAFETY: the mapping starts with a header, which is valid when all zero and has only atomic fields.
        unsafe { &*self.base.cast() }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nobody in this process refers to it any more.
        unsafe { libc::munmap(self.base.cast(), HEADER_BYTES + LOG_BYTES) };
    }
}
