//! Signals of workers: handlers that may come at any time, and the one function that all of them are.
//!
//! A worker has the program's mask all the time: which thread of a process takes a signal depends on it. Signals that come while it is
//! *open*, in a call of the program or waiting for a command, are handled there and then. While it computes, in the middle of an
//! allocation perhaps, a handler only notes that it was called and returns to the mask that the kernel gave it. For the kernel it runs.
//! It is made up for before the worker opens again, and its return is a change of the mask.

use super::{ipc, shared::Shared, worker::Performer};
use crate::{
    kernel::{
        Call,
        signal::{SIGINFO_SIZE, SigInfo, code, tid_of},
    },
    program::Compiled,
};
use smallvec::SmallVec;
use std::{
    cell::{Cell, UnsafeCell},
    sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, compiler_fence},
};

/// A process has at most so many handlers.
pub const MAX_HANDLERS: usize = 16;
/// Size of a signal set, as system calls take it.
pub const SET_BYTES: usize = 8;
/// So many handlers are made up for at most.
const MAX_DEFERRED: usize = 64;

thread_local! {
    /// Whether handlers run when they are called.
    static OPEN: AtomicBool = const { AtomicBool::new(false) };
    /// Those that did not.
    static DEFERRED: Deferred = const { Deferred::new() };
    /// Whose handlers run in this thread.
    static PERFORMER: Cell<*const ()> = const { Cell::new(std::ptr::null()) };
}

/// Handlers that were called and have not run: a stack, as their frames would be.
struct Deferred {
    handlers: UnsafeCell<[Late; MAX_DEFERRED]>,
    len: AtomicUsize,
    /// Those below are interrupted by one that runs.
    floor: Cell<usize>,
}

/// A handler that was called and has not run.
#[derive(Clone, Copy)]
struct Late {
    handler: u16,
    info: SigInfo,
    /// The mask that comes back with its return.
    before: u64,
    /// The mask while it runs.
    mask: u64,
    /// The process that it came to.
    pid: i32,
    /// It interrupted the first instruction of another one, which is to be noted next: its place is below.
    on_next: bool,
}

impl Deferred {
    const fn new() -> Self {
        let info = SigInfo { signo: 0, code: 0, pid: 0, uid: 0, value: 0 };
        let none = Late { handler: 0, info, before: 0, mask: 0, pid: 0, on_next: false };
        Deferred { handlers: UnsafeCell::new([none; MAX_DEFERRED]), len: AtomicUsize::new(0), floor: Cell::new(0) }
    }

    /// Notes a handler. False if there are too many.
    fn push(&self, late: Late) -> bool {
        let len = self.len.load(Ordering::Relaxed);
        if len == MAX_DEFERRED {
            return false;
        }
        // SAFETY: this is a handler, and what it interrupted looks at the length again after it has read.
        let handlers = unsafe { &mut *self.handlers.get() };
        let above = handlers[..len].iter().rev().take_while(|other| other.on_next).count();
        handlers.copy_within(len - above..len, len - above + 1);
        handlers[len - above] = late;
        if !late.on_next {
            handlers[..=len].iter_mut().for_each(|other| other.on_next = false);
        }
        compiler_fence(Ordering::SeqCst);
        self.len.store(len + 1, Ordering::Relaxed);
        true
    }

    /// The topmost one and how many are below it, unless it is interrupted by what runs.
    fn pop(&self) -> Option<(Late, usize)> {
        loop {
            let len = self.len.load(Ordering::Relaxed);
            if len <= self.floor.get() {
                return None;
            }
            compiler_fence(Ordering::SeqCst);
            // SAFETY: if a handler changes it meanwhile, the length is another one below.
            let late = unsafe { self.handlers.get().cast::<Late>().add(len - 1).read_volatile() };
            compiler_fence(Ordering::SeqCst);
            if self.len.compare_exchange(len, len - 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Some((late, len - 1));
            }
        }
    }

    /// Runs those that were called since the worker was open last.
    fn run(&self) {
        while let Some((late, below)) = self.pop() {
            let floor = self.floor.replace(below);
            if let Some(performer) = performer() {
                performer.handle(late.handler, late.info, late.mask);
            }
            // Whoever has interrupted it returns first.
            self.run();
            self.floor.set(floor);
            change_mask(libc::SIG_SETMASK, Some(late.before));
        }
    }
}

/// The mask of before.
fn change_mask(how: i32, set: Option<u64>) -> u64 {
    let mut old = 0u64;
    let new = set.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: both sets are as long as said.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, new, &raw mut old, SET_BYTES) };
    old
}

/// Looks for signals as a fork does: also for those of the process that another thread was told of.
pub fn look() {
    let (none, now) = (0u64, [0i64; 2]);
    // SAFETY: the set is as long as said, and a time is two words. Nothing is taken, since the set is empty.
    unsafe {
        libc::syscall(libc::SYS_rt_sigtimedwait, &raw const none, std::ptr::null::<u8>(), &raw const now, SET_BYTES)
    };
}

/// Does something during which handlers run when they are called.
#[inline]
pub fn open_for<T>(work: impl FnOnce() -> T) -> T {
    OPEN.with(|open| {
        DEFERRED.with(|deferred| {
            loop {
                deferred.run();
                open.store(true, Ordering::Relaxed);
                compiler_fence(Ordering::SeqCst);
                if deferred.len.load(Ordering::Relaxed) <= deferred.floor.get() {
                    break;
                }
                open.store(false, Ordering::Relaxed);
                compiler_fence(Ordering::SeqCst);
            }
        });
        let result = work();
        compiler_fence(Ordering::SeqCst);
        open.store(false, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        result
    })
}

/// In a fresh copy of a process: what had interrupted the parent did not interrupt this.
pub fn forget_deferred() {
    DEFERRED.with(|deferred| {
        let (pid, floor) = (own_pid(), deferred.floor.get());
        // Whoever comes meanwhile finds the mask as it was, and is noted behind those that are there.
        let inherited = |len: usize| {
            // SAFETY: entries below the length stay as they are, and no other thread has them.
            let handlers = unsafe { &*deferred.handlers.get() };
            handlers[floor..len].iter().take_while(|late| late.pid != pid).count()
        };
        let count = inherited(deferred.len.load(Ordering::Relaxed));
        if count == 0 {
            return;
        }
        let blocked = change_mask(libc::SIG_SETMASK, Some(u64::MAX));
        let len = deferred.len.load(Ordering::Relaxed);
        // SAFETY: nothing can come now.
        let handlers = unsafe { &mut *deferred.handlers.get() };
        let (first, last) = (handlers[floor], handlers[floor + count - 1]);
        // What only handlers of the parent block.
        let theirs = last.mask & !first.before;
        handlers.copy_within(floor + count..len, floor);
        deferred.len.store(len - count, Ordering::Relaxed);
        for late in &mut handlers[floor..len - count] {
            (late.before, late.mask) = (late.before & !theirs, late.mask & !theirs);
        }
        change_mask(libc::SIG_SETMASK, Some(blocked & !theirs));
    });
}

fn own_pid() -> i32 {
    // SAFETY: no arguments.
    unsafe { libc::getpid() }
}

/// Handlers that run in this thread belong to `performer`, which outlives all of them.
pub fn register(performer: &Performer) {
    PERFORMER.set(std::ptr::from_ref(performer).cast());
}

fn performer<'a>() -> Option<&'a Performer<'a>> {
    // SAFETY: the performer lives on the stack below.
    unsafe { PERFORMER.get().cast::<Performer>().as_ref() }
}

/// Where a handler came in.
#[cfg(target_arch = "x86_64")]
fn interrupted_at(context: &libc::ucontext_t) -> usize {
    context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize
}

#[cfg(target_arch = "aarch64")]
fn interrupted_at(context: &libc::ucontext_t) -> usize {
    context.uc_mcontext.pc as usize
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn interrupted_at(_: &libc::ucontext_t) -> usize {
    0
}

/// The handler number `H` of the program.
extern "C" fn trampoline<const H: u16>(_: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: errno is this thread's own.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: the kernel passes a complete record and a complete context.
    let (info, context) = unsafe { (read_info(info.cast()), &mut *context.cast::<libc::ucontext_t>()) };
    let was_open = OPEN.with(|open| open.swap(false, Ordering::Relaxed));
    compiler_fence(Ordering::SeqCst);
    let mask = change_mask(libc::SIG_BLOCK, None);
    if was_open {
        if let Some(performer) = performer() {
            performer.handle(H, info, mask);
        }
        DEFERRED.with(Deferred::run);
        compiler_fence(Ordering::SeqCst);
        OPEN.with(|open| open.store(true, Ordering::Relaxed));
    } else {
        let on_next = TRAMPOLINES.iter().any(|&other| other as *const () as usize == interrupted_at(context));
        let saved = (&raw mut context.uc_sigmask).cast::<u64>();
        // SAFETY: the set of the kernel is the first word of the library's.
        let before = unsafe { saved.read() };
        if DEFERRED.with(|deferred| deferred.push(Late { handler: H, info, before, mask, pid: own_pid(), on_next })) {
            // SAFETY: as above.
            unsafe { saved.write(mask) };
        } else if let Some(performer) = performer() {
            performer.lose();
        }
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

macro_rules! trampolines {
    ($($n:literal)*) => { [$(trampoline::<$n>),*] };
}

type Trampoline = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);
static TRAMPOLINES: [Trampoline; MAX_HANDLERS] = trampolines!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);

/// The address of the handler with this number.
pub fn handler(number: u16) -> usize {
    TRAMPOLINES[usize::from(number) % MAX_HANDLERS] as *const () as usize
}

/// What the kernel stored: ids are its own.
///
/// # Safety
///
/// `info` points at a whole `siginfo_t`.
pub unsafe fn read_info(info: *const u8) -> SigInfo {
    // SAFETY: the fields lie at these places on every 64-bit machine.
    unsafe {
        let word = |at: usize| info.add(at).cast::<i32>().read_unaligned();
        let (signo, code) = (word(0), word(8));
        let value = match code {
            code::SI_USER | code::SI_TKILL => 0,
            _ if signo == libc::SIGCHLD && code > 0 => word(24).into(),
            _ => info.add(24).cast::<i64>().read_unaligned(),
        };
        if signo == libc::SIGSEGV && code > 0 {
            // Where an address of the program's is mapped no more it is one that no processor can use, which has a code of its own.
            let code = if code == code::SI_KERNEL { code::SEGV_MAPERR } else { code };
            return SigInfo { signo: signo as u8, code, ..SigInfo::default() };
        }
        // Where others say who they are, a timer says which it is, and how often it went off.
        let uid = if code == code::SI_TIMER { 0 } else { (word(20) as u32).saturating_sub(ipc::FIRST_USER) };
        SigInfo { signo: signo as u8, code, pid: word(16), uid, value }
    }
}

/// Whether a descriptor is a signalfd. All anonymous files have one inode, so it is the name that tells.
pub fn is_signalfd(fd: i32) -> bool {
    let link = std::fs::read_link(format!("/proc/thread-self/fd/{fd}"));
    link.is_ok_and(|name| name.as_os_str() == "anon_inode:[signalfd]")
}

/// What a read of a signalfd copied: five numbers for each `signalfd_siginfo`. Ids are the kernel's.
pub fn read_records(bytes: &[u8]) -> SmallVec<[i64; 2]> {
    let record = |bytes: &[u8]| {
        let word = |at: usize| i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let (signo, code) = (word(0), word(8));
        // A timer has a place of its own for its id, and is nobody's.
        let (pid, uid) = match code {
            code::SI_TIMER => (word(24), 0),
            _ => (word(12), (word(16) as u32).saturating_sub(ipc::FIRST_USER)),
        };
        let value = match signo {
            libc::SIGCHLD if code > 0 => word(40).into(),
            _ => i64::from(word(48) as u32) | i64::from(word(52)) << 32,
        };
        SigInfo { signo: signo as u8, code, pid, uid, value }.extra()
    };
    bytes.chunks_exact(SIGINFO_SIZE as usize).flat_map(record).collect()
}

/// A `siginfo_t` as `sigqueue` makes it.
pub fn written_info(signo: i32, code: i32, value: i64) -> [u64; 16] {
    let mut info = [0u64; 16];
    // SAFETY: no arguments.
    let (pid, uid) = unsafe { (libc::getpid(), libc::getuid()) };
    info[0] = u64::from(signo as u32);
    info[1] = u64::from(code as u32);
    info[2] = u64::from(pid as u32) | u64::from(uid) << 32;
    info[3] = value as u64;
    info
}

/// Ids that nobody has.
const NOBODY: i32 = 0x3fff_0000;

/// The program's ids and those of the sandbox.
#[derive(Clone, Copy, Debug)]
pub struct Ids<'a> {
    /// Where tasks leave theirs.
    pub shared: &'a Shared,
    /// Who they are.
    pub program: &'a Compiled,
}

impl Ids<'_> {
    fn word(&self, task: usize) -> &AtomicU32 {
        &self.shared.slot(task).tid
    }

    /// The sandbox's id for one of the program's.
    pub fn real(&self, pid: i32) -> i32 {
        match pid {
            i32::MIN | -1 | 0 => pid,
            _ => {
                let task = self.program.task_by_tid(pid.abs());
                let real = task.map_or(0, |task| self.word(task.into()).load(Ordering::Acquire) as i32);
                let real = if real == 0 { NOBODY | pid.abs() & 0xffff } else { real };
                if pid < 0 { -real } else { real }
            }
        }
    }

    /// The program's id for one of the sandbox.
    pub fn virtual_id(&self, real: i32) -> i32 {
        let tasks = 0..self.program.tasks.len();
        let task = tasks.rev().find(|&task| real > 0 && self.word(task).load(Ordering::Acquire) as i32 == real);
        task.map_or(real.min(1), |task| tid_of(task as u16))
    }

    /// Who a signal is from: the program's id, or that of a timer.
    pub fn sender(&self, code: i32, real: i32) -> i32 {
        if code == code::SI_TIMER { real } else { self.virtual_id(real) }
    }

    /// The call with the sandbox's ids.
    pub fn real_call(&self, call: &Call) -> Option<Call> {
        Some(match *call {
            Call::Kill { pid, signal } => Call::Kill { pid: self.real(pid), signal },
            Call::Tgkill { pid, tid, signal } => Call::Tgkill { pid: self.real(pid), tid: self.real(tid), signal },
            Call::Sigqueue { pid, signal, value, code } => Call::Sigqueue { pid: self.real(pid), signal, value, code },
            Call::TimerCreate { signal, value, tid: Some(tid) } => {
                Call::TimerCreate { signal, value, tid: Some(self.real(tid)) }
            }
            Call::Waitpid { pid, options } => Call::Waitpid { pid: self.real(pid), options },
            _ => return None,
        })
    }
}
