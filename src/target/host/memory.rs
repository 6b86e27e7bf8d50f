//! Segments that this process has attached, and accesses to their cells.
//!
//! A program knows a mapping that the kernel chose the place of by its number (see [`mmap_address`](crate::kernel::mmap_address));
//! the table here has the real address. Threads of a process share it, and a child of `fork` gets a copy, as with the mappings.

use super::{
    log,
    shared::{Shared, state},
    sys,
};
use crate::{
    kernel::{Addr, Call, MMAP_BASE, MMAP_SHIFT, Return},
    target::Observation,
};
use std::{
    cell::Cell,
    io,
    sync::atomic::{AtomicI32, AtomicI64, AtomicUsize, Ordering},
};

/// The most mappings of a process at places that the kernel chose.
const MAX_SLOTS: usize = 64;

/// A mapping: its real address, 0 if there is none, and its segment.
struct Slot {
    base: AtomicUsize,
    id: AtomicI32,
}

static SLOTS: [Slot; MAX_SLOTS] = [const { Slot { base: AtomicUsize::new(0), id: AtomicI32::new(-1) } }; MAX_SLOTS];

/// What probes know a segment by: no inode number, but never 0.
pub fn probe_key(id: i32) -> u64 {
    id as u32 as u64 + 1
}

/// Attaches a segment where the kernel likes, in the lowest free slot.
pub fn attach(id: i32) -> io::Result<()> {
    // SAFETY: the kernel finds a free range.
    let base = unsafe { libc::shmat(id, std::ptr::null(), 0) };
    if base as isize == -1 {
        return Err(io::Error::last_os_error());
    }
    let Some(slot) = SLOTS.iter().find(|slot| slot.base.load(Ordering::Relaxed) == 0) else {
        return Err(io::Error::from_raw_os_error(libc::ENOMEM));
    };
    slot.id.store(id, Ordering::Relaxed);
    slot.base.store(base as usize, Ordering::Release);
    Ok(())
}

/// Detaches everything.
pub fn detach_all() {
    for slot in &SLOTS {
        let base = slot.base.swap(0, Ordering::AcqRel);
        if base != 0 {
            // SAFETY: the mapping is of shared memory that only cells refer to.
            unsafe { libc::shmdt(base as *const libc::c_void) };
        }
    }
}

/// Where the segment with this key is attached, if it is.
pub fn attached(key: u64) -> Option<*const AtomicI64> {
    let slot = SLOTS
        .iter()
        .find(|slot| slot.base.load(Ordering::Acquire) != 0 && probe_key(slot.id.load(Ordering::Relaxed)) == key)?;
    Some(slot.base.load(Ordering::Acquire) as *const AtomicI64)
}

/// What a cell of an attached segment holds.
pub fn read(base: *const AtomicI64, cell: usize) -> i64 {
    // SAFETY: the caller has `base` from `attached` and asks for a declared cell.
    unsafe { (*base.add(cell)).load(Ordering::Relaxed) }
}

/// The real address for one of the program's.
pub fn real(addr: Addr) -> *const AtomicI64 {
    let address = match u64::try_from(addr - MMAP_BASE) {
        Ok(offset) => {
            let slot = SLOTS.get((offset >> MMAP_SHIFT) as usize);
            let base = slot.map_or(0, |slot| slot.base.load(Ordering::Acquire));
            // What is not mapped stays an address that no processor can use.
            if base == 0 { addr as usize } else { base + (offset & ((1 << MMAP_SHIFT) - 1)) as usize }
        }
        Err(_) => addr as usize,
    };
    address as *const AtomicI64
}

/// Makes an access. One that faults does not come back: see [`catch_faults`].
pub fn access(call: &Call) -> Return {
    // Loads and stores are relaxed, which is what plain instructions are; a compiler fence is all that is needed beside them,
    // since each access is a step of its own.
    let order = Ordering::Relaxed;
    // SAFETY: the memory is of a segment, all accesses to which are atomic; a place that is not mapped raises SIGSEGV, for which
    // a handler is installed.
    let at = |addr: &Addr| unsafe { &*real(*addr) };
    Return::value(match call {
        Call::Load { addr } => at(addr).load(order),
        Call::Store { addr, value } => {
            at(addr).store(*value, order);
            0
        }
        Call::Cas { addr, old, new } => {
            at(addr).compare_exchange(*old, *new, Ordering::SeqCst, Ordering::SeqCst).unwrap_or_else(|found| found)
        }
        Call::Xchg { addr, value } => at(addr).swap(*value, Ordering::SeqCst),
        Call::Add { addr, value } => at(addr).fetch_add(*value, Ordering::SeqCst),
        _ => unreachable!("no access"),
    })
}

/// Who makes an access, for the handler of a fault.
#[derive(Clone, Copy)]
struct Accessing {
    shared: *const Shared,
    task: usize,
    threads: *const [u16],
}

thread_local! {
    static ACCESSING: Cell<Option<Accessing>> = const { Cell::new(None) };
}

/// Makes an access for a task of a process with these threads.
pub fn with_task<T>(shared: &Shared, task: usize, threads: &[u16], access: impl FnOnce() -> T) -> T {
    ACCESSING.set(Some(Accessing { shared, task, threads }));
    let result = access();
    ACCESSING.set(None);
    result
}

/// From now on a fault of an access is logged before it ends the process, which it really does.
pub fn catch_faults() {
    // SAFETY: all zero is a valid `sigaction`; the handler does only what it may, see there.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = fault as *const () as usize;
        action.sa_flags = libc::SA_RESETHAND;
        libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut());
        libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
    }
}

/// The handler: says what happens, and returns to the access, which faults again, now for good. It allocates nothing and takes no
/// lock; the fault comes from an access, so that this thread is not in the middle of a log entry.
extern "C" fn fault(signal: i32) {
    let Some(Accessing { shared, task, threads }) = ACCESSING.get() else { return };
    // SAFETY: both outlive the access that is being made.
    let (shared, threads) = unsafe { (&*shared, &*threads) };
    shared.see(Observation::Killed { task: task as u16, signal: signal as u8 });
    for &thread in threads {
        shared.slot(thread as usize).state.store(state::EXITED, Ordering::Release);
    }
    log::close_for_this_process();
    // No core shall be left behind.
    sys::set_undumpable();
}
