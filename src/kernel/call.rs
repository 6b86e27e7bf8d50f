//! The vocabulary between programs and kernels: system calls with their arguments, and what they return.
//!
//! Model and real kernels are driven by the same [`Call`] values and answer with the same [`Return`] values,
//! so what is compared between them is never a translation.

use super::{
    errno::Errno,
    ipc::{
        msg::MsgCall,
        sem::{SemCall, SemTimeout},
        shm::ShmCall,
    },
    payload::Payload,
    signal::{SigAction, SigSet},
};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

pub use super::{call_kind::CallKind, flags::*};

/// A file descriptor number of the calling process.
pub type Fd = i32;

/// Index of a path of the program: a named FIFO, a regular file, or memory.
pub type PathId = u16;

/// An address in the calling process. Those that the kernel chooses are numbered, see [`mmap_address`].
pub type Addr = i64;

/// The address that stands for the one which the kernel chooses for a mapping: `slot` is the lowest number that no such mapping of
/// the process has. Real ones differ from run to run; these are beyond what a processor can address.
pub const fn mmap_address(slot: u32) -> Addr {
    MMAP_BASE + ((slot as Addr) << MMAP_SHIFT)
}

/// The lowest address that [`mmap_address`] gives.
pub const MMAP_BASE: Addr = 1 << 60;
/// Mappings at chosen addresses are so far apart, as a power of two.
pub const MMAP_SHIFT: u32 = 40;
/// Bytes of a cell of shared memory.
pub const CELL_SIZE: u32 = 8;

/// Index of a process of the program.
pub type ProcessId = u16;

/// Index of a task (a thread) of the program.
pub type TaskId = u16;

/// How long a call may sleep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Timeout {
    /// Until it is woken.
    #[default]
    Never,
    /// Not at all.
    Now,
    /// So many microseconds of virtual time.
    After(u64),
}

/// `fcntl` commands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fcntl {
    /// `F_GETFL`: access mode and status flags.
    GetFl,
    /// `F_SETFL`: sets `O_APPEND`, `O_NONBLOCK`, `O_DIRECT`.
    SetFl(OpenFlags),
    /// `F_GETPIPE_SZ`: slots times page size.
    GetPipeSz,
    /// `F_SETPIPE_SZ` with the wished size in bytes.
    SetPipeSz(u64),
    /// `F_DUPFD`: the lowest free descriptor that is not below the argument.
    DupFd(Fd),
}

/// A system call, with its arguments evaluated.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Call {
    /// `pipe2(flags)`.
    Pipe2 {
        /// Flags, refused ones included.
        flags: OpenFlags,
    },
    /// `open` of a named FIFO or a regular file.
    Open {
        /// Which one.
        path: PathId,
        /// Access mode and flags.
        flags: OpenFlags,
    },
    /// `open("/proc/self/fd/N")`: another open file description of the same object.
    Reopen {
        /// The descriptor whose object is opened.
        fd: Fd,
        /// Access mode and flags.
        flags: OpenFlags,
    },
    /// `close(fd)`.
    Close {
        /// Descriptor.
        fd: Fd,
    },
    /// `dup(fd)`.
    Dup {
        /// Descriptor.
        fd: Fd,
    },
    /// `dup2(fd, to)`.
    Dup2 {
        /// Descriptor.
        fd: Fd,
        /// Where to.
        to: Fd,
    },
    /// `read(fd, buffer, count)`, or `preadv2(…, -1, flags)` when `flags` is not empty.
    Read {
        /// Descriptor.
        fd: Fd,
        /// Bytes asked for.
        count: u32,
        /// How many bytes of the buffer are writable memory, if not all.
        fault: Option<u32>,
        /// `RWF_*`.
        flags: RwFlags,
    },
    /// `write(fd, data)`, or `pwritev2(…, -1, flags)` when `flags` is not empty.
    Write {
        /// Descriptor.
        fd: Fd,
        /// The bytes; a [`super::payload::Run::FAULT`] run is memory that cannot be read.
        data: Payload,
        /// `RWF_*`.
        flags: RwFlags,
    },
    /// `pread(fd, buffer, count, offset)`.
    Pread {
        /// Descriptor.
        fd: Fd,
        /// Bytes asked for.
        count: u32,
        /// Where.
        offset: i64,
    },
    /// `pwrite(fd, data, offset)`.
    Pwrite {
        /// Descriptor.
        fd: Fd,
        /// The bytes.
        data: Payload,
        /// Where.
        offset: i64,
    },
    /// `lseek(fd, offset, SEEK_SET)`.
    Lseek {
        /// Descriptor.
        fd: Fd,
        /// New position.
        offset: i64,
    },
    /// `ftruncate(fd, length)`.
    Ftruncate {
        /// Descriptor.
        fd: Fd,
        /// New length.
        length: i64,
    },
    /// `fsync(fd)`.
    Fsync {
        /// Descriptor.
        fd: Fd,
    },
    /// `fstat(fd)`; the answer's `extra` is mode, size, block size.
    Fstat {
        /// Descriptor.
        fd: Fd,
    },
    /// `fcntl(fd, …)`.
    Fcntl {
        /// Descriptor.
        fd: Fd,
        /// Command with its argument.
        cmd: Fcntl,
    },
    /// `ioctl(fd, FIONREAD)`: the answer's value is the number that the call stored.
    Fionread {
        /// Descriptor.
        fd: Fd,
    },
    /// `ioctl(fd, request)` with a request that no pipe knows.
    Ioctl {
        /// Descriptor.
        fd: Fd,
        /// Request number.
        request: u32,
    },
    /// `poll`; the answer's `extra` is one event mask per entry.
    Poll {
        /// Descriptors with the events asked for.
        fds: SmallVec<[(Fd, PollEvents); 2]>,
        /// How long to sleep.
        timeout: Timeout,
    },
    /// `fork`: starts the named process of the program as a copy of this one.
    Fork {
        /// The child.
        child: ProcessId,
    },
    /// `exit_group(status)`.
    Exit {
        /// Status, `0..=255`.
        status: u8,
    },
    /// `splice`; the answer's `extra` is the two offsets after the call if one was passed, -1 for the other.
    Splice {
        /// Where bytes come from.
        fd_in: Fd,
        /// At this offset instead of the file's position.
        off_in: Option<i64>,
        /// Where bytes go.
        fd_out: Fd,
        /// At this offset instead of the file's position.
        off_out: Option<i64>,
        /// Bytes asked for.
        len: u32,
        /// `SPLICE_F_*`.
        flags: SpliceFlags,
    },
    /// `tee`.
    Tee {
        /// The pipe that bytes are shown from.
        fd_in: Fd,
        /// The pipe that shows them as well.
        fd_out: Fd,
        /// Bytes asked for.
        len: u32,
        /// `SPLICE_F_*`.
        flags: SpliceFlags,
    },
    /// `vmsplice` of fresh memory that begins at a page and that the caller forgets at once.
    Vmsplice {
        /// A pipe's write end.
        fd: Fd,
        /// The bytes.
        data: Payload,
        /// `SPLICE_F_*`.
        flags: SpliceFlags,
    },
    /// `vmsplice` of declared memory, all of it.
    VmspliceMemory {
        /// A pipe's write end.
        fd: Fd,
        /// Which memory.
        memory: PathId,
        /// `SPLICE_F_*`.
        flags: SpliceFlags,
    },
    /// `vmsplice` on a pipe's read end: bytes are copied out.
    VmspliceRead {
        /// A pipe's read end.
        fd: Fd,
        /// Bytes asked for.
        count: u32,
        /// `SPLICE_F_*`.
        flags: SpliceFlags,
    },
    /// A call on message queues.
    Msg(MsgCall),
    /// No system call: the task stores bytes into declared memory. `EFAULT` beyond its end.
    Store {
        /// Which memory.
        memory: PathId,
        /// Where in it.
        at: i64,
        /// The bytes.
        data: Payload,
    },
    /// A call on semaphore sets.
    Sem(SemCall),
    /// A call on shared memory.
    Shm(ShmCall),
    /// `pause()`: sleeps until a signal is handled.
    Pause,
    /// `sched_yield()`: does nothing.
    Yield,
    /// No system call: the processor reads a cell of shared memory; the answer is its value.
    Load {
        /// Address of the cell, 8 bytes, aligned.
        addr: Addr,
    },
    /// No system call: the processor writes a cell.
    Set {
        /// Address of the cell.
        addr: Addr,
        /// What is written.
        value: i64,
    },
    /// No system call: a locked compare-and-exchange; the answer is what the cell held, and if that is `old`, `new` was written.
    Cas {
        /// Address of the cell.
        addr: Addr,
        /// What must be there.
        old: i64,
        /// What is written then.
        new: i64,
    },
    /// No system call: a locked exchange; the answer is what the cell held.
    Xchg {
        /// Address of the cell.
        addr: Addr,
        /// What is written.
        value: i64,
    },
    /// No system call: a locked addition; the answer is what the cell held.
    Add {
        /// Address of the cell.
        addr: Addr,
        /// What is added, modulo 2^64.
        value: i64,
    },
    /// `kill(pid, signal)`.
    Kill {
        /// A process or thread, 0 or -1 or minus a group; ids are those of [`super::signal::tid_of`].
        pid: i32,
        /// Signal, 0 for none.
        signal: i32,
    },
    /// `tgkill(pid, tid, signal)`.
    Tgkill {
        /// The process.
        pid: i32,
        /// The thread.
        tid: i32,
        /// Signal, 0 for none.
        signal: i32,
    },
    /// `rt_sigqueueinfo` as `sigqueue` makes it.
    Sigqueue {
        /// The process.
        pid: i32,
        /// Signal, 0 for none.
        signal: i32,
        /// `si_value`.
        value: i64,
        /// `si_code`; `SI_QUEUE` if nobody forges it.
        code: i32,
    },
    /// `sigaction(signal, action)`; without an action it only asks.
    Sigaction {
        /// Signal.
        signal: i32,
        /// What it does from now on.
        action: Option<SigAction>,
    },
    /// `sigprocmask(how, set)`; the answer's `extra` is the mask of before.
    Sigprocmask {
        /// `SIG_BLOCK`, `SIG_UNBLOCK`, `SIG_SETMASK`.
        how: i32,
        /// Signals; without them it only asks.
        set: Option<SigSet>,
    },
    /// `sigpending()`; the answer's `extra` is the set.
    Sigpending,
    /// `sigsuspend(mask)`.
    Sigsuspend {
        /// Blocked while it sleeps.
        mask: SigSet,
    },
    /// `sigtimedwait(set, timeout)`; the answer's `extra` is signo, code, pid, uid and value of what came.
    Sigtimedwait {
        /// Signals waited for.
        set: SigSet,
        /// How long to sleep.
        timeout: Timeout,
    },
    /// `waitpid(pid, options)`; the answer's `extra` is how the child changed (`CLD_*`), and its status or signal.
    Waitpid {
        /// A process, or -1 for any.
        pid: i32,
        /// `WNOHANG`, `WUNTRACED`, `WCONTINUED`.
        options: i32,
    },
    /// `signalfd4(fd, mask, flags)`; what a read of it copies is in the answer's `extra`: signo, code, pid, uid and value of each
    /// signal.
    Signalfd {
        /// A signalfd whose mask changes, or -1 for a new one.
        fd: Fd,
        /// Signals to be read.
        mask: SigSet,
        /// `SFD_NONBLOCK`, `SFD_CLOEXEC`: `O_NONBLOCK` and `O_CLOEXEC`.
        flags: OpenFlags,
    },
    /// `alarm(seconds)`; the answer is 1 if an earlier one had some time left.
    Alarm {
        /// 0 for none.
        seconds: u32,
    },
    /// `setitimer(which, …)`; the answer's `extra` is whether the timer was armed (0 or 1), and its interval in microseconds.
    Setitimer {
        /// `ITIMER_REAL`, or a number of none.
        which: i32,
        /// Microseconds; 0 for none.
        value: u64,
        /// Microseconds after which it goes off again; 0 for never.
        interval: u64,
    },
    /// `exit(status)`: the thread ends, and with the last one its process.
    ThreadExit {
        /// The status, 0 to 255.
        status: u8,
    },
    /// `timer_create(CLOCK_MONOTONIC, …)`; the answer is the id.
    TimerCreate {
        /// `sigev_signo`, or none for SIGALRM with the id as its value.
        signal: Option<i32>,
        /// `sigev_value`
        value: i64,
        /// `SIGEV_THREAD_ID`: the thread that gets the signal.
        tid: Option<i32>,
    },
    /// `timer_settime(id, …)`; the answer's `extra` is whether there was time left (0 or 1), and the interval in microseconds.
    TimerSettime {
        /// The timer.
        id: i32,
        /// Microseconds; 0 for none.
        value: u64,
        /// Microseconds after which it goes off again; 0 for never.
        interval: u64,
    },
    /// `timer_gettime(id)`; the answer's `extra` is the same.
    TimerGettime {
        /// The timer.
        id: i32,
    },
    /// `timer_delete(id)`
    TimerDelete {
        /// The timer.
        id: i32,
    },
    /// The end of a handler.
    Sigreturn,
}

impl Call {
    /// Which call this is.
    pub fn kind(&self) -> CallKind {
        match self {
            Call::Pipe2 { .. } => CallKind::Pipe,
            Call::Open { .. } => CallKind::Open,
            Call::Reopen { .. } => CallKind::Reopen,
            Call::Close { .. } => CallKind::Close,
            Call::Dup { .. } => CallKind::Dup,
            Call::Dup2 { .. } => CallKind::Dup2,
            Call::Read { .. } => CallKind::Read,
            Call::Write { .. } => CallKind::Write,
            Call::Pread { .. } => CallKind::Pread,
            Call::Pwrite { .. } => CallKind::Pwrite,
            Call::Lseek { .. } => CallKind::Lseek,
            Call::Ftruncate { .. } => CallKind::Ftruncate,
            Call::Fsync { .. } => CallKind::Fsync,
            Call::Fstat { .. } => CallKind::Fstat,
            Call::Fcntl { cmd: Fcntl::DupFd(_), .. } => CallKind::Dup,
            Call::Fcntl { .. } => CallKind::Fcntl,
            Call::Fionread { .. } | Call::Ioctl { .. } => CallKind::Ioctl,
            Call::Poll { .. } => CallKind::Poll,
            Call::Fork { .. } => CallKind::Fork,
            Call::Exit { .. } => CallKind::Exit,
            Call::Pause => CallKind::Pause,
            Call::Yield => CallKind::Yield,
            Call::Splice { .. } => CallKind::Splice,
            Call::Tee { .. } => CallKind::Tee,
            Call::Vmsplice { .. } | Call::VmspliceMemory { .. } => CallKind::Vmsplice,
            Call::VmspliceRead { .. } => CallKind::VmspliceRead,
            Call::Msg(call) => call.kind(),
            Call::Store { .. } => CallKind::Store,
            Call::Sem(call) => call.kind(),
            Call::Shm(call) => call.kind(),
            Call::Load { .. } => CallKind::Load,
            Call::Set { .. } => CallKind::Set,
            Call::Cas { .. } => CallKind::Cas,
            Call::Xchg { .. } => CallKind::Xchg,
            Call::Add { .. } => CallKind::Add,
            Call::Kill { .. } => CallKind::Kill,
            Call::Tgkill { .. } => CallKind::Tgkill,
            Call::Sigqueue { .. } => CallKind::Sigqueue,
            Call::Sigaction { .. } => CallKind::Sigaction,
            Call::Sigprocmask { .. } => CallKind::Sigprocmask,
            Call::Sigpending => CallKind::Sigpending,
            Call::Sigsuspend { .. } => CallKind::Sigsuspend,
            Call::Sigtimedwait { .. } => CallKind::Sigwaitinfo,
            Call::Waitpid { .. } => CallKind::Waitpid,
            Call::Signalfd { .. } => CallKind::Signalfd,
            Call::Alarm { .. } => CallKind::Alarm,
            Call::Setitimer { .. } => CallKind::Setitimer,
            Call::ThreadExit { .. } => CallKind::ThreadExit,
            Call::TimerCreate { .. } => CallKind::TimerCreate,
            Call::TimerSettime { .. } => CallKind::TimerSettime,
            Call::TimerGettime { .. } => CallKind::TimerGettime,
            Call::TimerDelete { .. } => CallKind::TimerDelete,
            Call::Sigreturn => CallKind::Sigreturn,
        }
    }

    /// How many microseconds the call may sleep, if it is to give up some time later.
    pub fn timeout_us(&self) -> Option<u64> {
        match self {
            Call::Poll { timeout: Timeout::After(us), .. } => Some(*us),
            Call::Sem(SemCall::Op { timeout: SemTimeout::After(us @ 1..), .. }) => Some(*us as u64),
            Call::Sigtimedwait { timeout: Timeout::After(us), .. } => Some(*us),
            _ => None,
        }
    }
}

/// What a call returned.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Return {
    /// The value, or the error. `fork` returns the index of the child process, whatever its pid.
    pub ret: Result<i64, Errno>,
    /// Bytes read.
    #[serde(default, skip_serializing_if = "Payload::is_empty")]
    pub data: Payload,
    /// What else was copied out: the two descriptors of `pipe`, the event masks of `poll`, the fields
    /// of `fstat`, the type of a message.
    #[serde(default, skip_serializing_if = "SmallVec::is_empty")]
    pub extra: SmallVec<[i64; 2]>,
}

impl Return {
    /// A success with a value and nothing copied out.
    pub fn value(ret: i64) -> Self {
        Return { ret: Ok(ret), data: Payload::new(), extra: SmallVec::new() }
    }

    /// A failure.
    pub fn error(errno: Errno) -> Self {
        Return { ret: Err(errno), data: Payload::new(), extra: SmallVec::new() }
    }
}

impl From<Errno> for Return {
    fn from(errno: Errno) -> Self {
        Return::error(errno)
    }
}
