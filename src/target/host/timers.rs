//! What the calls of POSIX timers take and store.

/// `struct sigevent`, which the kernel takes whole: 64 bytes.
#[repr(C)]
#[derive(Debug)]
pub struct Sigevent {
    value: i64,
    signo: i32,
    notify: i32,
    tid: i32,
    rest: [i32; 11],
}

/// A signal for the process, or for one of its threads; none is what the kernel makes of a null pointer.
pub fn sigevent(signal: Option<i32>, value: i64, tid: Option<i32>) -> Option<Sigevent> {
    const SIGEV_SIGNAL: i32 = 0;
    const SIGEV_THREAD_ID: i32 = 4;
    let signo = signal.or(tid.map(|_| libc::SIGALRM))?;
    let notify = if tid.is_some() { SIGEV_THREAD_ID } else { SIGEV_SIGNAL };
    Some(Sigevent { value, signo, notify, tid: tid.unwrap_or(0), rest: [0; 11] })
}

/// Microseconds until a timer goes off, and then again.
pub fn setting(value: u64, interval: u64) -> libc::itimerspec {
    let time = |us: u64| libc::timespec { tv_sec: (us / 1_000_000) as _, tv_nsec: (us % 1_000_000 * 1000) as _ };
    libc::itimerspec { it_interval: time(interval), it_value: time(value) }
}

/// Whether there was time left, and the interval in microseconds.
pub fn read_setting(old: &libc::itimerspec) -> [i64; 2] {
    let left = old.it_value.tv_sec != 0 || old.it_value.tv_nsec != 0;
    [left.into(), old.it_interval.tv_sec * 1_000_000 + old.it_interval.tv_nsec / 1000]
}
