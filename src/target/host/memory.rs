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
    kernel::{Addr, Call, MMAP_BASE, MMAP_SHIFT, PAGE_SIZE, Return, mmap_address},
    target::Observation,
};
use std::{
    cell::Cell,
    io,
    sync::atomic::{AtomicI32, AtomicI64, AtomicUsize, Ordering},
};

/// The most mappings of a process at places that the kernel chose.
const MAX_SLOTS: usize = 64;

/// A mapping: its real address, which stays when it is unmapped, its bytes up to the end of the last page, and its segment, -1 if
/// there is none.
struct Slot {
    base: AtomicUsize,
    len: AtomicUsize,
    id: AtomicI32,
}

impl Slot {
    fn is_mapped(&self) -> bool {
        self.id.load(Ordering::Acquire) >= 0
    }
}

static SLOTS: [Slot; MAX_SLOTS] =
    [const { Slot { base: AtomicUsize::new(0), len: AtomicUsize::new(0), id: AtomicI32::new(-1) } }; MAX_SLOTS];

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
    note(id, base as usize).map(drop).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))
}

/// Remembers where the kernel has mapped a segment; the address as the program knows it.
pub fn note(id: i32, base: usize) -> Option<Addr> {
    let slot = SLOTS.iter().position(|slot| !slot.is_mapped())?;
    SLOTS[slot].base.store(base, Ordering::Relaxed);
    SLOTS[slot].len.store(length(id), Ordering::Relaxed);
    SLOTS[slot].id.store(id, Ordering::Release);
    Some(mmap_address(slot as u32))
}

/// The segment that begins at an address of the program is unmapped.
pub fn forget(addr: Addr) {
    if let Some((slot, 0)) = place(addr) {
        slot.id.store(-1, Ordering::Release);
    }
}

/// Another segment is mapped from an address of the program on.
pub fn replace(addr: Addr, id: i32) {
    if let Some((slot, 0)) = place(addr) {
        slot.len.store(length(id), Ordering::Relaxed);
        slot.id.store(id, Ordering::Release);
    }
}

/// Bytes that a mapping of a segment has. If it does not say, since its permissions have changed, every offset is believed in.
fn length(id: i32) -> usize {
    // SAFETY: all zero is a valid `shmid_ds`, which lives through the call.
    unsafe {
        let mut ds: libc::shmid_ds = std::mem::zeroed();
        match libc::shmctl(id, libc::IPC_STAT, &raw mut ds) {
            0 => ds.shm_segsz.next_multiple_of(PAGE_SIZE as usize),
            _ => usize::MAX,
        }
    }
}

/// For an address that stands for one that the kernel chose: which mapping, and how far behind its beginning.
fn place(addr: Addr) -> Option<(&'static Slot, usize)> {
    let offset = u64::try_from(addr - MMAP_BASE).ok()?;
    let slot = SLOTS.get((offset >> MMAP_SHIFT) as usize)?;
    Some((slot, (offset & ((1 << MMAP_SHIFT) - 1)) as usize))
}

/// Detaches everything.
pub fn detach_all() {
    for slot in &SLOTS {
        if slot.is_mapped() {
            // SAFETY: the mapping is of shared memory that only cells refer to.
            unsafe { libc::shmdt(slot.base.load(Ordering::Relaxed) as *const libc::c_void) };
            slot.id.store(-1, Ordering::Release);
        }
    }
}

/// Where the segment with this key is attached, if it is.
pub fn attached(key: u64) -> Option<*const AtomicI64> {
    let slot = SLOTS.iter().find(|slot| slot.is_mapped() && probe_key(slot.id.load(Ordering::Relaxed)) == key)?;
    Some(slot.base.load(Ordering::Acquire) as *const AtomicI64)
}

/// What a cell of an attached segment holds.
pub fn read(base: *const AtomicI64, cell: usize) -> i64 {
    // SAFETY: the caller has `base` from `attached` and asks for a declared cell.
    unsafe { (*base.add(cell)).load(Ordering::Relaxed) }
}

/// The real address for one of the program's, of a mapping that may be gone.
pub fn real(addr: Addr) -> usize {
    place(addr).map_or(addr as usize, |(slot, offset)| slot.base.load(Ordering::Acquire) + offset)
}

/// Where an access goes. What is not mapped stays an address that no processor can use: something else may be there by now, and
/// behind the end of a mapping there is.
fn cell(addr: Addr) -> *const AtomicI64 {
    let outside = |(slot, offset): (&Slot, usize)| !slot.is_mapped() || offset >= slot.len.load(Ordering::Relaxed);
    (if place(addr).is_some_and(outside) { addr as usize } else { real(addr) }) as *const AtomicI64
}

/// Makes an access. One that faults does not come back: see [`catch_faults`].
pub fn access(call: &Call) -> Return {
    // Loads and stores are relaxed, which is what plain instructions are; a compiler fence is all that is needed beside them,
    // since each access is a step of its own.
    let order = Ordering::Relaxed;
    // SAFETY: the memory is of a segment, all accesses to which are atomic; a place that is not mapped raises SIGSEGV, for which
    // a handler is installed.
    let at = |addr: &Addr| unsafe { &*cell(*addr) };
    Return::value(match call {
        Call::Load { addr } => at(addr).load(order),
        Call::Set { addr, value } => {
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
    process: u16,
    threads: *const [u16],
}

thread_local! {
    static ACCESSING: Cell<Option<Accessing>> = const { Cell::new(None) };
}

/// Makes an access for a task of a process with these threads.
pub fn with_task<T>(shared: &Shared, process: u16, threads: &[u16], access: impl FnOnce() -> T) -> T {
    // A handler makes accesses of its own.
    let interrupted = ACCESSING.replace(Some(Accessing { shared, process, threads }));
    let result = access();
    ACCESSING.set(interrupted);
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
    let Some(Accessing { shared, process, threads }) = ACCESSING.get() else { return };
    // SAFETY: both outlive the access that is being made.
    let (shared, threads) = unsafe { (&*shared, &*threads) };
    shared.see(Observation::Killed { process, signal: signal as u8 });
    for &thread in threads {
        shared.slot(thread as usize).state.store(state::EXITED, Ordering::Release);
    }
    log::close_for_this_process();
    // No core shall be left behind.
    sys::set_undumpable();
}
