//! Making a [`Call`] for real.

use super::{
    memory, msg,
    objects::{Objects, Region},
    sem, shm, signals, sys, timers,
};
use crate::{
    kernel::{
        Call, Errno, Fcntl, MsgCall, Payload, Return, Run, Timeout,
        signal::{Disposition, SaFlags, SigAction, code},
    },
    program::IpcNumbers,
};
use smallvec::SmallVec;
use std::{ffi::CString, io};

/// Makes calls on behalf of one thread; owns the memory that they read and write.
#[derive(Debug)]
pub struct Executor {
    input: Buffer,
    output: Buffer,
    /// What `output` holds, and whether it ends at the guard.
    prepared: Option<(Payload, usize)>,
    /// Memory for the next `vmsplice`: pages that a pipe refers to are never used again.
    gift: Option<Buffer>,
    /// Names of FIFOs, files and memory, by path index.
    paths: Vec<CString>,
    /// Ids and keys of declared objects.
    numbers: IpcNumbers,
    /// Where memory lies, by path index.
    memory: Vec<Region>,
    /// Whether what is read may be signals.
    signalfds: bool,
}

/// Memory that ends at a guard page, so that a fault can be had at any byte.
#[derive(Debug)]
struct Buffer {
    base: *mut u8,
    len: usize,
}

/// Unreadable bytes after each buffer.
const GUARD: usize = 1 << 20;
/// Size of a fresh buffer.
const SMALL: usize = 128 << 10;
/// A byte that tells of memory which the kernel should have written and did not.
const UNTOUCHED: u8 = 0xee;

impl Buffer {
    /// A buffer of at least `len` bytes.
    fn new(len: usize) -> io::Result<Buffer> {
        let len = len.max(SMALL).next_multiple_of(4096);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping touches no existing memory.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), len + GUARD, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let buffer = Buffer { base: base.cast(), len };
        // SAFETY: the range is the mapping's own.
        sys::check(unsafe { libc::mprotect(base, len, libc::PROT_READ | libc::PROT_WRITE) })?;
        Ok(buffer)
    }

    /// Grows to at least `len` bytes; true if everything in it is lost.
    fn reserve(&mut self, len: usize) -> io::Result<bool> {
        if len <= self.len {
            return Ok(false);
        }
        *self = Buffer::new(len)?;
        Ok(true)
    }

    /// Where `bytes` bytes stand that end at the guard.
    fn before_guard(&self, bytes: usize) -> *mut u8 {
        // SAFETY: `bytes` is at most `len`.
        unsafe { self.base.add(self.len - bytes) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours.
        unsafe { libc::munmap(self.base.cast(), self.len + GUARD) };
    }
}

/// A raw system call: libc's wrappers may be cancellation points or translate.
macro_rules! raw {
    ($nr:expr $(, $arg:expr)*) => {
        // SAFETY: every pointer among the arguments is to memory of the executor, or deliberately to its guard.
        result(unsafe { libc::syscall($nr $(, $arg)*) })
    };
}

pub(super) fn result(ret: i64) -> Result<i64, Errno> {
    if ret == -1 { Err(last_errno()) } else { Ok(ret) }
}

fn last_errno() -> Errno {
    Errno(sys::errno(&io::Error::last_os_error()) as u16)
}

impl Executor {
    /// An executor for a thread, given the objects, and whether the program makes signalfds.
    pub fn new(objects: &Objects, signalfds: bool) -> io::Result<Executor> {
        Ok(Executor {
            input: Buffer::new(SMALL)?,
            output: Buffer::new(SMALL)?,
            prepared: None,
            gift: None,
            paths: objects.paths.clone(),
            memory: objects.memory.clone(),
            numbers: objects.numbers.clone(),
            signalfds,
        })
    }

    /// Other objects.
    pub fn set_objects(&mut self, objects: &Objects) {
        self.paths.clone_from(&objects.paths);
        self.memory.clone_from(&objects.memory);
        self.numbers.clone_from(&objects.numbers);
    }

    /// Does what can be done before the call itself, so that the call is all that happens later.
    pub fn prepare(&mut self, call: &Call) -> io::Result<()> {
        match call {
            // Fresh memory, all zero: if the descriptor can be written by then it goes into the pipe.
            Call::VmspliceRead { count, .. } => self.gift = Some(Buffer::new((*count).max(1) as usize)?),
            Call::Read { count, .. } | Call::Pread { count, .. } => {
                self.input.reserve(*count as usize)?;
                let touched = (*count as usize).min(SMALL);
                let end = self.input.before_guard(*count as usize);
                // SAFETY: the range is inside of the buffer.
                unsafe { std::ptr::write_bytes(end, UNTOUCHED, touched) };
            }
            Call::Write { data, .. } | Call::Pwrite { data, .. } | Call::Store { data, .. } => self.fill(data)?,
            Call::Msg(MsgCall::Snd { text, .. }) => self.fill(text)?,
            Call::Sem(call) => self.fill(&sem::memory(call))?,
            Call::Msg(MsgCall::Rcv { size, fault, .. }) => {
                let len = msg::room(*size, *fault) + msg::TYPE;
                self.input.reserve(len)?;
                // SAFETY: the range is inside of the buffer.
                unsafe { std::ptr::write_bytes(self.input.before_guard(len), UNTOUCHED, len) };
            }
            Call::Vmsplice { data, .. } => {
                let gift = Buffer::new(data.len() as usize)?;
                let bytes = data.bytes();
                // SAFETY: the buffer is at least as long as the bytes.
                unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), gift.base, bytes.len()) };
                self.gift = Some(gift);
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts the readable part of `data` before the guard.
    fn fill(&mut self, data: &Payload) -> io::Result<()> {
        if self.prepared.as_ref().is_some_and(|(old, _)| old == data) {
            return Ok(());
        }
        let readable = data.readable() as usize;
        self.prepared = None;
        // The type of a message lies before its text.
        self.output.reserve(readable + msg::TYPE)?;
        let mut to = self.output.before_guard(readable);
        for run in data.runs().iter().take_while(|run| run.what != Run::FAULT) {
            // SAFETY: the runs before the first fault are `readable` bytes together.
            let part = unsafe { std::slice::from_raw_parts_mut(to, run.len as usize) };
            match run.what {
                byte @ 0..=0xff => part.fill(byte as u8),
                _ => part.iter_mut().enumerate().for_each(|(i, b)| *b = run.byte(i as u32)),
            }
            // SAFETY: as above.
            to = unsafe { to.add(run.len as usize) };
        }
        self.prepared = Some((data.clone(), readable));
        Ok(())
    }

    fn output(&self) -> *mut u8 {
        self.output.before_guard(self.prepared.as_ref().map_or(0, |&(_, readable)| readable))
    }

    /// Makes the call, after [`Executor::prepare`] for the same call. `fork` and `exit` are not for it to make.
    pub fn make(&mut self, call: &Call) -> Return {
        match call {
            Call::Pipe2 { flags } => {
                let mut fds = [0i32; 2];
                let ret = raw!(libc::SYS_pipe2, fds.as_mut_ptr(), flags.bits());
                let extra = if ret.is_ok() { fds.iter().map(|&fd| i64::from(fd)).collect() } else { SmallVec::new() };
                Return { ret, data: Payload::new(), extra }
            }
            Call::Open { path, flags } => match self.paths.get(*path as usize) {
                Some(path) => plain(raw!(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags.bits(), 0)),
                None => Return::error(Errno::ENOENT),
            },
            Call::Reopen { fd, flags } => match CString::new(format!("/proc/thread-self/fd/{fd}")) {
                Ok(path) => plain(raw!(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags.bits(), 0)),
                Err(_) => Return::error(Errno::ENOENT),
            },
            Call::Close { fd } => plain(raw!(libc::SYS_close, *fd)),
            Call::Dup { fd } => plain(raw!(libc::SYS_dup, *fd)),
            // SAFETY: duplicating descriptors touches no memory.
            Call::Dup2 { fd, to } => plain(result(unsafe { libc::dup2(*fd, *to) }.into())),
            Call::Read { fd, count, fault, flags } => {
                // With a fault, the first `fault` bytes of the buffer are the last ones before the guard.
                let writable = fault.map_or(*count, |fault| fault.min(*count)) as usize;
                let buffer = self.input.before_guard(writable);
                let count = *count as usize;
                // While it sleeps the descriptor may become another file's.
                let records = self.signalfds && signals::is_signalfd(*fd);
                let ret = if flags.is_empty() {
                    raw!(libc::SYS_read, *fd, buffer, count)
                } else {
                    let iov = libc::iovec { iov_base: buffer.cast(), iov_len: count };
                    raw!(libc::SYS_preadv2, *fd, &raw const iov, 1, -1i64, -1i64, flags.bits())
                };
                match ret {
                    Ok(n @ 1..) if records => {
                        // SAFETY: so many bytes lie in the buffer.
                        let copied = unsafe { std::slice::from_raw_parts(buffer, n as usize) };
                        with_extra(plain(ret), signals::read_records(copied))
                    }
                    ret => self.with_input(ret, buffer, writable),
                }
            }
            Call::Write { fd, data, flags } => {
                let (buffer, len) = (self.output(), data.len() as usize);
                plain(if flags.is_empty() {
                    raw!(libc::SYS_write, *fd, buffer, len)
                } else {
                    let iov = libc::iovec { iov_base: buffer.cast(), iov_len: len };
                    raw!(libc::SYS_pwritev2, *fd, &raw const iov, 1, -1i64, -1i64, flags.bits())
                })
            }
            Call::Pread { fd, count, offset } => {
                let buffer = self.input.before_guard(*count as usize);
                let ret = raw!(libc::SYS_pread64, *fd, buffer, *count as usize, *offset);
                self.with_input(ret, buffer, *count as usize)
            }
            Call::Pwrite { fd, data, offset } => {
                plain(raw!(libc::SYS_pwrite64, *fd, self.output(), data.len() as usize, *offset))
            }
            Call::Lseek { fd, offset } => plain(raw!(libc::SYS_lseek, *fd, *offset, libc::SEEK_SET)),
            Call::Ftruncate { fd, length } => plain(raw!(libc::SYS_ftruncate, *fd, *length)),
            Call::Fsync { fd } => plain(raw!(libc::SYS_fsync, *fd)),
            Call::Fstat { fd } => fstat(*fd),
            Call::Fcntl { fd, cmd } => {
                let (cmd, arg) = match *cmd {
                    Fcntl::GetFl => (libc::F_GETFL, 0),
                    Fcntl::SetFl(flags) => (libc::F_SETFL, u64::from(flags.bits())),
                    Fcntl::GetPipeSz => (libc::F_GETPIPE_SZ, 0),
                    Fcntl::SetPipeSz(size) => (libc::F_SETPIPE_SZ, size),
                    Fcntl::DupFd(from) => (libc::F_DUPFD, i64::from(from) as u64),
                };
                plain(raw!(libc::SYS_fcntl, *fd, cmd, arg))
            }
            Call::Fionread { fd } => {
                let mut n = 0i32;
                let ret = raw!(libc::SYS_ioctl, *fd, libc::FIONREAD, &raw mut n);
                plain(ret.map(|_| n.into()))
            }
            Call::Ioctl { fd, request } => {
                let mut scratch = [0u64; 64];
                plain(raw!(libc::SYS_ioctl, *fd, u64::from(*request), scratch.as_mut_ptr()))
            }
            Call::Poll { fds, timeout } => poll(fds, *timeout),
            Call::Shm(call) => shm::make(call, &self.numbers),
            Call::Msg(call) => {
                let input = match call {
                    MsgCall::Rcv { size, fault, .. } => self.input.before_guard(msg::room(*size, *fault) + msg::TYPE),
                    _ => self.input.before_guard(0),
                };
                msg::make(call, &self.numbers, self.output(), self.output.before_guard(0), input)
            }
            Call::Sem(call) => sem::make(call, &self.numbers, self.output(), self.output.before_guard(0)),
            Call::Pause => plain(raw!(PAUSE, 0, 0, 0, 0)),
            Call::Yield => plain(raw!(libc::SYS_sched_yield)),
            Call::Splice { fd_in, off_in, fd_out, off_out, len, flags } => {
                let (mut from, mut to) = (*off_in, *off_out);
                let at = |offset: &mut Option<i64>| offset.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
                let (input, output) = (at(&mut from), at(&mut to));
                let mut answer =
                    plain(raw!(libc::SYS_splice, *fd_in, input, *fd_out, output, *len as usize, flags.bits()));
                if answer.ret.is_ok() && (from.is_some() || to.is_some()) && *len > 0 {
                    answer.extra = [from, to].into_iter().map(|offset| offset.unwrap_or(-1)).collect();
                }
                answer
            }
            Call::Tee { fd_in, fd_out, len, flags } => {
                plain(raw!(libc::SYS_tee, *fd_in, *fd_out, *len as usize, flags.bits()))
            }
            Call::Vmsplice { fd, data, flags } => {
                // Unmapped when the call is over: nobody changes what the pipe refers to.
                let gift = self.gift.take();
                let base = gift.as_ref().map_or(std::ptr::null_mut(), |gift| gift.base);
                let iov = libc::iovec { iov_base: base.cast(), iov_len: data.len() as usize };
                plain(raw!(libc::SYS_vmsplice, *fd, &raw const iov, 1, flags.bits()))
            }
            Call::VmspliceMemory { fd, memory, flags } => {
                let region = self.memory.get(*memory as usize).copied().unwrap_or_default();
                let iov = libc::iovec { iov_base: region.base as *mut libc::c_void, iov_len: region.len };
                plain(raw!(libc::SYS_vmsplice, *fd, &raw const iov, 1, flags.bits()))
            }
            Call::Store { memory, at, data } => self.store(*memory, *at, data.len() as usize),
            Call::VmspliceRead { fd, count, flags } => {
                let gift = self.gift.take();
                let buffer = gift.as_ref().map_or(std::ptr::null_mut(), |gift| gift.base);
                let iov = libc::iovec { iov_base: buffer.cast(), iov_len: *count as usize };
                let gives = can_write(*fd);
                let ret = raw!(libc::SYS_vmsplice, *fd, &raw const iov, 1, flags.bits());
                if gives { plain(ret) } else { self.with_input(ret, buffer, *count as usize) }
            }
            Call::Load { .. } | Call::Set { .. } | Call::Cas { .. } | Call::Xchg { .. } | Call::Add { .. } => {
                memory::access(call)
            }
            Call::Kill { pid, signal } => plain(raw!(libc::SYS_kill, *pid, *signal)),
            Call::Tgkill { pid, tid, signal } => plain(raw!(libc::SYS_tgkill, *pid, *tid, *signal)),
            Call::Sigqueue { pid, signal, value, code } => {
                let info = signals::written_info(*signal, *code, *value);
                plain(raw!(libc::SYS_rt_sigqueueinfo, *pid, *signal, info.as_ptr()))
            }
            Call::Sigaction { signal, action } => sigaction(*signal, action.as_ref()),
            Call::Sigprocmask { how, set } => {
                let mut old = 0u64;
                let new = set.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
                let ret = raw!(libc::SYS_rt_sigprocmask, *how, new, &raw mut old, signals::SET_BYTES);
                with_extra(plain(ret), [old as i64])
            }
            Call::Sigpending => {
                let mut set = 0u64;
                let ret = raw!(libc::SYS_rt_sigpending, &raw mut set, signals::SET_BYTES);
                with_extra(plain(ret), [set as i64])
            }
            Call::Sigsuspend { mask } => {
                plain(raw!(libc::SYS_rt_sigsuspend, std::ptr::from_ref(mask), signals::SET_BYTES))
            }
            Call::Sigtimedwait { set, timeout } => {
                let mut info = [0u64; 16];
                let time = timespec(*timeout);
                let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
                let set = std::ptr::from_ref(set);
                let ret = raw!(libc::SYS_rt_sigtimedwait, set, info.as_mut_ptr(), time, signals::SET_BYTES);
                // SAFETY: a whole record.
                let info = unsafe { signals::read_info(info.as_ptr().cast()) };
                with_extra(plain(ret), info.extra())
            }
            Call::Alarm { seconds } => plain(raw!(ALARM, *seconds).map(|left| left.min(1))),
            Call::Setitimer { which, value, interval } => {
                let time = |us: u64| libc::timeval { tv_sec: (us / 1_000_000) as _, tv_usec: (us % 1_000_000) as _ };
                let new = [time(*interval), time(*value)];
                let mut old = [time(0), time(0)];
                let ret = raw!(libc::SYS_setitimer, *which, new.as_ptr(), old.as_mut_ptr());
                let [interval, left] = old.map(|time| time.tv_sec * 1_000_000 + time.tv_usec);
                with_extra(plain(ret), [left.min(1), interval])
            }
            Call::TimerCreate { signal, value, tid } => {
                let mut id = 0i32;
                let event = timers::sigevent(*signal, *value, *tid);
                let event = event.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
                plain(raw!(libc::SYS_timer_create, libc::CLOCK_MONOTONIC, event, &raw mut id).map(|_| id.into()))
            }
            Call::TimerSettime { id, value, interval } => {
                let (new, mut old) = (timers::setting(*value, *interval), timers::setting(0, 0));
                let ret = raw!(libc::SYS_timer_settime, *id, 0, &raw const new, &raw mut old);
                with_extra(plain(ret), timers::read_setting(&old))
            }
            Call::TimerGettime { id } => {
                let mut now = timers::setting(0, 0);
                let ret = raw!(libc::SYS_timer_gettime, *id, &raw mut now);
                with_extra(plain(ret), timers::read_setting(&now))
            }
            Call::TimerDelete { id } => plain(raw!(libc::SYS_timer_delete, *id)),
            Call::Signalfd { fd, mask, flags } => {
                let mask = std::ptr::from_ref(mask);
                plain(raw!(libc::SYS_signalfd4, *fd, mask, signals::SET_BYTES, flags.bits()))
            }
            Call::Waitpid { pid, options } => {
                let mut status = 0i32;
                let ret = raw!(libc::SYS_wait4, *pid, &raw mut status, *options, std::ptr::null_mut::<u8>());
                match ret {
                    Ok(1..) => with_extra(plain(ret), wait_status(status)),
                    other => plain(other),
                }
            }
            // A handler returns by itself.
            Call::Fork { .. } | Call::Exit { .. } | Call::ThreadExit { .. } | Call::Sigreturn => {
                Return::error(Errno::ENOSYS)
            }
        }
    }

    /// Stores what was prepared into memory.
    fn store(&self, memory: u16, at: i64, len: usize) -> Return {
        let region = self.memory.get(memory as usize).copied().unwrap_or_default();
        match usize::try_from(at) {
            Ok(at) if at.checked_add(len).is_some_and(|end| end <= region.len) => {
                // Others may look at the same moment, but they are other processes, or the kernel.
                for i in 0..len {
                    // SAFETY: source and target are inside of their mappings.
                    unsafe { ((region.base + at + i) as *mut u8).write_volatile(self.output().add(i).read()) };
                }
                Return::value(0)
            }
            _ => Return::error(Errno::EFAULT),
        }
    }

    /// The answer of a reading call, with the bytes that it stored.
    fn with_input(&self, ret: Result<i64, Errno>, buffer: *const u8, writable: usize) -> Return {
        let mut answer = plain(ret);
        if let Ok(n @ 1..) = answer.ret {
            // SAFETY: at most `writable` bytes of the buffer lie before the guard.
            answer.data = unsafe { std::slice::from_raw_parts(buffer, writable.min(n as usize)) }.into();
        }
        answer
    }
}

/// Whether a descriptor is open for writing.
fn can_write(fd: i32) -> bool {
    // SAFETY: no pointers.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    flags >= 0 && flags & libc::O_ACCMODE != libc::O_RDONLY
}

/// The answer of a call that copies nothing out.
pub(super) fn plain(ret: Result<i64, Errno>) -> Return {
    Return { ret, data: Payload::new(), extra: SmallVec::new() }
}

/// What a successful call stored.
fn with_extra(mut answer: Return, extra: impl IntoIterator<Item = i64>) -> Return {
    if answer.ret.is_ok() {
        answer.extra = extra.into_iter().collect();
    }
    answer
}

fn sigaction(signal: i32, action: Option<&SigAction>) -> Return {
    let Some(action) = action else {
        // SAFETY: without a new action, and nowhere to store the old one, nothing is touched.
        return plain(result(unsafe { libc::sigaction(signal, std::ptr::null(), std::ptr::null_mut()) }.into()));
    };
    // SAFETY: all zero is a valid `sigaction`.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_flags = (action.flags | SaFlags::SA_SIGINFO).bits() as i32;
    new.sa_sigaction = match action.disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
        Disposition::Handler(number) => signals::handler(number),
    };
    // SAFETY: a set begins with the bits of the first 64 signals.
    unsafe { std::ptr::from_mut(&mut new.sa_mask).cast::<u64>().write(action.mask) };
    // SAFETY: `new` lives through the call, and its handler takes three arguments.
    plain(result(unsafe { libc::sigaction(signal, &raw const new, std::ptr::null_mut()) }.into()))
}

/// How a child changed, as `siginfo_t` tells it. Whether a core was dumped depends on the machine.
fn wait_status(status: i32) -> [i64; 2] {
    let signal = i64::from(status & 0x7f);
    if status == 0xffff {
        [code::CLD_CONTINUED.into(), libc::SIGCONT.into()]
    } else if status & 0xff == 0x7f {
        [code::CLD_STOPPED.into(), i64::from(status >> 8)]
    } else if signal != 0 {
        [code::CLD_KILLED.into(), signal]
    } else {
        [code::CLD_EXITED.into(), i64::from(status >> 8 & 0xff)]
    }
}

fn timespec(timeout: Timeout) -> Option<libc::timespec> {
    let time = |us: u64| libc::timespec { tv_sec: (us / 1_000_000) as _, tv_nsec: (us % 1_000_000 * 1000) as _ };
    match timeout {
        Timeout::Never => None,
        Timeout::Now => Some(time(0)),
        Timeout::After(us) => Some(time(us)),
    }
}

fn fstat(fd: i32) -> Return {
    // SAFETY: all zero is a valid `stat`.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: `stat` lives through the call.
    let mut answer = plain(result(unsafe { libc::fstat(fd, &raw mut stat) }.into()));
    if answer.ret.is_ok() {
        answer.extra = [i64::from(stat.st_mode), stat.st_size, stat.st_blksize as i64].into_iter().collect();
    }
    answer
}

fn poll(fds: &[(i32, crate::kernel::PollEvents)], timeout: Timeout) -> Return {
    let polled = fds.iter().map(|&(fd, events)| libc::pollfd { fd, events: events.bits() as i16, revents: 0 });
    let mut polled: SmallVec<[libc::pollfd; 4]> = polled.collect();
    let time = timespec(timeout);
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let mut answer = plain(raw!(libc::SYS_ppoll, polled.as_mut_ptr(), polled.len(), time, 0, 8));
    if answer.ret.is_ok() {
        answer.extra = polled.iter().map(|p| i64::from(p.revents as u16)).collect();
    }
    answer
}

#[cfg(target_arch = "x86_64")]
const PAUSE: libc::c_long = libc::SYS_pause;
/// Newer architectures have no `pause`; a poll of nothing is what their C library makes of it.
#[cfg(not(target_arch = "x86_64"))]
const PAUSE: libc::c_long = libc::SYS_ppoll;

#[cfg(target_arch = "x86_64")]
const ALARM: libc::c_long = libc::SYS_alarm;
/// Newer architectures have no `alarm`.
#[cfg(not(target_arch = "x86_64"))]
const ALARM: libc::c_long = -1;

/// The number of the system call that `call` becomes.
pub fn number(call: &Call) -> u32 {
    let number = match call {
        Call::Pipe2 { .. } => libc::SYS_pipe2,
        Call::Open { .. } | Call::Reopen { .. } => libc::SYS_openat,
        Call::Close { .. } => libc::SYS_close,
        Call::Dup { .. } => libc::SYS_dup,
        Call::Dup2 { .. } => libc::SYS_dup3,
        Call::Read { flags, .. } if flags.is_empty() => libc::SYS_read,
        Call::Read { .. } => libc::SYS_preadv2,
        Call::Write { flags, .. } if flags.is_empty() => libc::SYS_write,
        Call::Write { .. } => libc::SYS_pwritev2,
        Call::Pread { .. } => libc::SYS_pread64,
        Call::Pwrite { .. } => libc::SYS_pwrite64,
        Call::Lseek { .. } => libc::SYS_lseek,
        Call::Ftruncate { .. } => libc::SYS_ftruncate,
        Call::Fsync { .. } => libc::SYS_fsync,
        Call::Fstat { .. } => libc::SYS_fstat,
        Call::Fcntl { .. } => libc::SYS_fcntl,
        Call::Fionread { .. } | Call::Ioctl { .. } => libc::SYS_ioctl,
        Call::Poll { .. } => libc::SYS_ppoll,
        Call::Fork { .. } => libc::SYS_clone,
        Call::Exit { .. } => libc::SYS_exit_group,
        Call::ThreadExit { .. } => libc::SYS_exit,
        Call::Msg(call) => msg::number(call),
        Call::Sem(call) => sem::number(call),
        Call::Shm(call) => shm::number(call),
        Call::Pause => PAUSE,
        // No system calls; nobody ever sleeps in one.
        Call::Load { .. } | Call::Set { .. } | Call::Cas { .. } | Call::Xchg { .. } | Call::Add { .. } => {
            return u32::MAX;
        }
        Call::Yield => libc::SYS_sched_yield,
        Call::Splice { .. } => libc::SYS_splice,
        Call::Tee { .. } => libc::SYS_tee,
        Call::Kill { .. } => libc::SYS_kill,
        Call::Tgkill { .. } => libc::SYS_tgkill,
        Call::Sigqueue { .. } => libc::SYS_rt_sigqueueinfo,
        Call::Sigaction { .. } => libc::SYS_rt_sigaction,
        Call::Sigprocmask { .. } => libc::SYS_rt_sigprocmask,
        Call::Sigpending => libc::SYS_rt_sigpending,
        Call::Sigsuspend { .. } => libc::SYS_rt_sigsuspend,
        Call::Sigtimedwait { .. } => libc::SYS_rt_sigtimedwait,
        Call::Waitpid { .. } => libc::SYS_wait4,
        Call::Signalfd { .. } => libc::SYS_signalfd4,
        Call::Alarm { .. } => ALARM,
        Call::Setitimer { .. } => libc::SYS_setitimer,
        Call::TimerCreate { .. } => libc::SYS_timer_create,
        Call::TimerSettime { .. } => libc::SYS_timer_settime,
        Call::TimerGettime { .. } => libc::SYS_timer_gettime,
        Call::TimerDelete { .. } => libc::SYS_timer_delete,
        Call::Sigreturn => libc::SYS_rt_sigreturn,
        Call::Vmsplice { .. } | Call::VmspliceMemory { .. } | Call::VmspliceRead { .. } => libc::SYS_vmsplice,
        // None, and so none that anybody could be asleep in.
        Call::Store { .. } => libc::c_long::from(u32::MAX),
    };
    number as u32
}
