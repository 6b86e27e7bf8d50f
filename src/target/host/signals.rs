//! Signals of workers: masks that let them in only where they may come, and the one function that all handlers are.
//!
//! A worker blocks every signal except while it is in a call of the program or waits for a command: there its mask is the
//! program's. So a handler never interrupts the worker's own computing, and may do whatever it likes.

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
    cell::Cell,
    sync::atomic::{AtomicU32, Ordering},
};

/// A process has at most so many handlers.
pub const MAX_HANDLERS: usize = 16;
/// Size of a signal set, as system calls take it.
pub const SET_BYTES: usize = 8;

thread_local! {
    /// The program's mask, while the worker blocks everything.
    static MASK: Cell<u64> = const { Cell::new(0) };
    /// Whose handlers run in this thread.
    static PERFORMER: Cell<*const ()> = const { Cell::new(std::ptr::null()) };
}

fn change_mask(how: i32, set: u64) -> u64 {
    let mut old = 0u64;
    // SAFETY: both sets are as long as said.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const set, &raw mut old, SET_BYTES) };
    old
}

/// From here on nothing interrupts this thread.
pub fn close() {
    MASK.set(change_mask(libc::SIG_SETMASK, u64::MAX));
}

/// The program's mask of this thread.
pub fn mask() -> u64 {
    MASK.get()
}

/// This thread, which blocks everything, gets another mask of the program's.
pub fn set_mask(mask: u64) {
    MASK.set(mask);
}

/// Does something with the program's mask.
#[inline]
pub fn open_for<T>(work: impl FnOnce() -> T) -> T {
    change_mask(libc::SIG_SETMASK, MASK.get());
    let result = work();
    close();
    result
}

/// Handlers that run in this thread belong to `performer`, which outlives all of them.
pub fn register(performer: &Performer) {
    PERFORMER.set(std::ptr::from_ref(performer).cast());
}

/// The handler number `H` of the program.
extern "C" fn trampoline<const H: u16>(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    close();
    let performer = PERFORMER.get().cast::<Performer>();
    // SAFETY: the kernel passes a complete record, and the performer lives on the stack below.
    unsafe {
        if let Some(performer) = performer.as_ref() {
            performer.handle(H, read_info(info.cast()));
        }
    }
    // The mask of before comes back with the return.
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
        let (pid, uid) = (word(16), word(20));
        SigInfo { signo: signo as u8, code, pid, uid: (uid as u32).saturating_sub(ipc::FIRST_USER), value }
    }
}

/// Whether a descriptor is a signalfd. All anonymous files have one inode, so it is the name that tells.
pub fn is_signalfd(fd: i32) -> bool {
    let link = std::fs::read_link(format!("/proc/self/fd/{fd}"));
    link.is_ok_and(|name| name.as_os_str() == "anon_inode:[signalfd]")
}

/// What a read of a signalfd copied: five numbers for each `signalfd_siginfo`. Ids are the kernel's.
pub fn read_records(bytes: &[u8]) -> SmallVec<[i64; 2]> {
    let record = |bytes: &[u8]| {
        let word = |at: usize| i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let (signo, code, pid, uid) = (word(0), word(8), word(12), word(16));
        let value = match signo {
            libc::SIGCHLD if code > 0 => word(40).into(),
            _ => i64::from(word(48) as u32) | i64::from(word(52)) << 32,
        };
        SigInfo { signo: signo as u8, code, pid, uid: (uid as u32).saturating_sub(ipc::FIRST_USER), value }.extra()
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

    /// The call with the sandbox's ids.
    pub fn real_call(&self, call: &Call) -> Option<Call> {
        Some(match *call {
            Call::Kill { pid, signal } => Call::Kill { pid: self.real(pid), signal },
            Call::Tgkill { pid, tid, signal } => Call::Tgkill { pid: self.real(pid), tid: self.real(tid), signal },
            Call::Sigqueue { pid, signal, value, code } => Call::Sigqueue { pid: self.real(pid), signal, value, code },
            Call::Waitpid { pid, options } => Call::Waitpid { pid: self.real(pid), options },
            _ => return None,
        })
    }
}
