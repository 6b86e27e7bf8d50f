//! System calls of the executor itself, with errors as `io::Result`.

use std::{
    ffi::CStr,
    io,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// The result of a system call that returns -1 on failure.
pub fn check(ret: impl Into<i64>) -> io::Result<i64> {
    match ret.into() {
        -1 => Err(io::Error::last_os_error()),
        ret => Ok(ret),
    }
}

/// The number of an error.
pub fn errno(e: &io::Error) -> i32 {
    e.raw_os_error().unwrap_or(libc::EIO)
}

/// Sleeps while `word` is `value`, at most for `timeout`. May return early.
pub fn futex_wait(word: &AtomicU32, value: u32, timeout: Option<Duration>) {
    let time = timeout.map(|t| libc::timespec { tv_sec: t.as_secs() as _, tv_nsec: t.subsec_nanos() as _ });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `word` and `time` live through the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, time, 0, 0) };
}

/// Wakes up to `count` sleepers on `word`.
pub fn futex_wake(word: &AtomicU32, count: i32) {
    // SAFETY: `word` lives through the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count, 0, 0, 0) };
}

/// Stores `value` and wakes whoever sleeps on `word`.
pub fn futex_post(word: &AtomicU32, value: u32) {
    word.store(value, Ordering::Release);
    futex_wake(word, i32::MAX);
}

/// Gives task `tid` (0 for the caller) a scheduling policy.
pub fn set_scheduler(tid: i32, policy: i32, priority: i32) -> io::Result<()> {
    let param = libc::sched_param { sched_priority: priority };
    // SAFETY: `param` lives through the call.
    check(unsafe { libc::syscall(libc::SYS_sched_setscheduler, tid, policy, &raw const param) }).map(drop)
}

/// Gives a task that is `SCHED_FIFO` another priority.
pub fn set_priority(tid: i32, priority: i32) -> io::Result<()> {
    let param = libc::sched_param { sched_priority: priority };
    // SAFETY: `param` lives through the call.
    check(unsafe { libc::syscall(libc::SYS_sched_setparam, tid, &raw const param) }).map(drop)
}

/// The CPUs that the caller may use.
pub fn allowed_cpus() -> Vec<usize> {
    // SAFETY: an all-zero set is an empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is as big as said.
    if unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) } < 0 {
        return vec![0];
    }
    // SAFETY: the index is below CPU_SETSIZE.
    (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
}

/// Binds the caller to `cpus`.
pub fn set_cpus(cpus: &[usize]) -> io::Result<()> {
    // SAFETY: an all-zero set is an empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for &cpu in cpus.iter().filter(|&&cpu| cpu < libc::CPU_SETSIZE as usize) {
        // SAFETY: the index is below CPU_SETSIZE.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: `set` is as big as said.
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) }).map(drop)
}

/// Lets others of the same priority run.
pub fn sched_yield() {
    // SAFETY: no arguments.
    unsafe { libc::sched_yield() };
}

/// A copy of this process; 0 in the copy.
///
/// # Safety
///
/// The copy of a process with several threads must not wait for any lock of this program.
pub unsafe fn fork() -> io::Result<i32> {
    // SAFETY: as required of the caller.
    check(unsafe { libc::fork() }).map(|pid| pid as i32)
}

/// For a thread whose process exits.
pub fn wait_to_be_killed() -> ! {
    loop {
        // SAFETY: only sleeps.
        unsafe { libc::pause() };
    }
}

/// Ends the process at once.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: never returns.
    unsafe { libc::_exit(status) }
}

/// Ends this thread. What its library keeps of it stays.
pub fn exit_thread(status: i32) -> ! {
    loop {
        // SAFETY: never returns.
        unsafe { libc::syscall(libc::SYS_exit, status) };
    }
}

/// Closes every descriptor from `first` on.
pub fn close_from(first: i32) {
    // SAFETY: closing descriptors touches no memory.
    if unsafe { libc::syscall(libc::SYS_close_range, first as u32, u32::MAX, 0) } == 0 {
        return;
    }
    // Kernels before v5.9.
    for fd in first..limit(libc::RLIMIT_NOFILE as i32).0.min(65536) as i32 {
        // SAFETY: as above.
        unsafe { libc::close(fd) };
    }
}

/// Makes descriptors 0, 1 and 2 those of `/dev/null`.
pub fn null_standard_streams() -> io::Result<()> {
    // SAFETY: the path is a C string.
    let null = check(unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) })? as i32;
    for fd in 0..3 {
        // SAFETY: duplicating descriptors touches no memory.
        check(unsafe { libc::dup2(null, fd) })?;
    }
    if null > 2 {
        // SAFETY: `null` is ours.
        unsafe { libc::close(null) };
    }
    Ok(())
}

/// Names the calling thread, as `ps` shows it.
pub fn set_name(name: &CStr) {
    // SAFETY: the name is a C string; longer ones are cut.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

/// Soft and hard limit of a resource.
pub fn limit(resource: i32) -> (u64, u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` lives through the call.
    unsafe { libc::getrlimit(resource as _, &raw mut limit) };
    (limit.rlim_cur, limit.rlim_max)
}

/// Sets soft and hard limit of a resource.
pub fn set_limit(resource: i32, soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: `limit` lives through the call.
    check(unsafe { libc::setrlimit(resource as _, &raw const limit) }).map(drop)
}

/// This process leaves no core when a signal ends it.
pub fn set_undumpable() {
    // SAFETY: numbers only.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) };
}

/// The thread id of the caller, in its pid namespace.
pub fn gettid() -> i32 {
    // SAFETY: no arguments.
    (unsafe { libc::syscall(libc::SYS_gettid) }) as i32
}

/// Writes `text` into an existing file.
pub fn write_file(path: &CStr, text: &[u8]) -> io::Result<()> {
    // SAFETY: the path is a C string.
    let fd = check(unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) })? as i32;
    // SAFETY: the text is as long as said.
    let written = check(unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) } as i64);
    // SAFETY: `fd` is ours.
    unsafe { libc::close(fd) };
    written.map(drop)
}

/// The start of a file that is read anew each time (`/proc`), into `buffer`.
pub fn read_file<'a>(path: &CStr, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    // SAFETY: the path is a C string.
    let fd = check(unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) })? as i32;
    // SAFETY: the buffer is as long as said.
    let n = check(unsafe { libc::read(fd, buffer.as_mut_ptr().cast(), buffer.len()) } as i64);
    // SAFETY: `fd` is ours.
    unsafe { libc::close(fd) };
    n.map(|n| &buffer[..n as usize])
}

/// Capabilities by number, as two words of 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Caps(pub u64);

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

impl Caps {
    const VERSION_3: u32 = 0x2008_0522;

    /// The caller's effective capabilities.
    pub fn effective() -> Caps {
        let header = CapHeader { version: Self::VERSION_3, pid: 0 };
        let mut data = [CapData::default(); 2];
        // SAFETY: version 3 fills two records.
        unsafe { libc::syscall(libc::SYS_capget, &raw const header, data.as_mut_ptr()) };
        Caps(u64::from(data[0].effective) | u64::from(data[1].effective) << 32)
    }

    /// The capabilities that the caller can make effective.
    fn permitted() -> Caps {
        let header = CapHeader { version: Self::VERSION_3, pid: 0 };
        let mut data = [CapData::default(); 2];
        // SAFETY: version 3 fills two records.
        unsafe { libc::syscall(libc::SYS_capget, &raw const header, data.as_mut_ptr()) };
        Caps(u64::from(data[0].permitted) | u64::from(data[1].permitted) << 32)
    }

    /// Makes these the caller's only capabilities.
    pub fn set(self) -> io::Result<()> {
        self.set_with_spare(Caps::default())
    }

    /// Makes these the caller's only capabilities, apart from `spare` ones that are of no effect until they are raised.
    pub fn set_with_spare(self, spare: Caps) -> io::Result<()> {
        let header = CapHeader { version: Self::VERSION_3, pid: 0 };
        let permitted = self.0 | spare.0;
        let half = |shift: u32| CapData {
            effective: (self.0 >> shift) as u32,
            permitted: (permitted >> shift) as u32,
            inheritable: 0,
        };
        let data = [half(0), half(32)];
        // SAFETY: version 3 reads two records.
        check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) }).map(drop)
    }

    /// Whether capability `number` is among them.
    pub fn has(self, number: u32) -> bool {
        self.0 >> number & 1 == 1
    }

    /// These and capability `number`.
    pub fn with(self, number: u32) -> Caps {
        Caps(self.0 | 1 << number)
    }

    /// What is in both.
    pub fn and(self, other: Caps) -> Caps {
        Caps(self.0 & other.0)
    }

    /// The number of the capability called `name`.
    pub fn number(name: &str) -> Option<u32> {
        NAMES.iter().position(|&n| n == name).map(|i| i as u32)
    }
}

/// Does something with a capability that is spare otherwise.
pub fn with_capability<T>(number: u32, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let (effective, permitted) = (Caps::effective(), Caps::permitted());
    effective.with(number).and(permitted).set_with_spare(permitted)?;
    let done = work();
    effective.set_with_spare(permitted)?;
    done
}

const NAMES: &[&str] = &[
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
];

/// `CAP_KILL`.
pub const CAP_KILL: u32 = 5;
/// Reads files of other users: what `/proc` tells of their processes.
pub const CAP_DAC_READ_SEARCH: u32 = 2;
/// `CAP_SETGID`.
pub const CAP_SETGID: u32 = 6;
/// `CAP_SETUID`.
pub const CAP_SETUID: u32 = 7;
/// `CAP_IPC_OWNER`.
pub const CAP_IPC_OWNER: u32 = 15;
/// `CAP_SYS_PTRACE`.
pub const CAP_SYS_PTRACE: u32 = 19;
/// `CAP_SYS_ADMIN`.
pub const CAP_SYS_ADMIN: u32 = 21;
/// `CAP_SYS_NICE`.
pub const CAP_SYS_NICE: u32 = 23;
/// `CAP_SYS_RESOURCE`.
pub const CAP_SYS_RESOURCE: u32 = 24;

/// Nanoseconds of the monotonic clock.
pub fn now() -> u64 {
    // SAFETY: all zero is a valid `timespec`.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: `time` lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
