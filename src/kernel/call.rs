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
use bitflags::bitflags;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::fmt;

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

bitflags! {
    /// Flags of `open`, `pipe2` and `fcntl(F_SETFL)`, with the numbers of x86-64.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct OpenFlags: u32 {
        /// Open for writing only; neither this nor `O_RDWR` is `O_RDONLY`.
        const O_WRONLY = 0o1;
        /// Open for both.
        const O_RDWR = 0o2;
        /// All writes at the end.
        const O_APPEND = 0o2000;
        /// Calls fail with `EAGAIN` where they would sleep.
        const O_NONBLOCK = 0o4000;
        /// Set by every `open` (not by `pipe2`) on 64-bit machines; it shows in `F_GETFL`.
        const O_LARGEFILE = 0o100000;
        /// Pipes: packet mode.
        const O_DIRECT = 0o40000;
        /// Closed by `execve`; accepted and without effect here.
        const O_CLOEXEC = 0o2000000;
        /// `pipe2`: a notification pipe (`O_EXCL`).
        const O_NOTIFICATION_PIPE = 0o200;
        /// Every other bit, so that refused flags can be passed on.
        const _ = !0;
    }
}

bitflags! {
    /// Flags of `preadv2` and `pwritev2`.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct RwFlags: u32 {
        /// Do not sleep.
        const RWF_NOWAIT = 0x8;
        /// Do not send SIGPIPE (since v6.18).
        const RWF_NOSIGNAL = 0x100;
        /// Every other bit.
        const _ = !0;
    }
}

bitflags! {
    /// Flags of `splice`, `tee` and `vmsplice`.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct SpliceFlags: u32 {
        /// A hint without effect.
        const SPLICE_F_MOVE = 0x1;
        /// Do not sleep.
        const SPLICE_F_NONBLOCK = 0x2;
        /// More will come; without effect on pipes and files.
        const SPLICE_F_MORE = 0x4;
        /// `vmsplice`: the pages are given away; without effect that could be seen.
        const SPLICE_F_GIFT = 0x8;
        /// Every other bit.
        const _ = !0;
    }
}

impl SpliceFlags {
    /// Those that are not refused.
    pub const ALL: SpliceFlags = SpliceFlags::SPLICE_F_MOVE
        .union(SpliceFlags::SPLICE_F_NONBLOCK)
        .union(SpliceFlags::SPLICE_F_MORE)
        .union(SpliceFlags::SPLICE_F_GIFT);
}

bitflags! {
    /// Event masks of `poll`.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct PollEvents: u16 {
        /// Data can be read.
        const POLLIN = 0x1;
        /// Exceptional condition.
        const POLLPRI = 0x2;
        /// Data can be written.
        const POLLOUT = 0x4;
        /// Error; reported whether asked for or not.
        const POLLERR = 0x8;
        /// Hang-up; reported whether asked for or not.
        const POLLHUP = 0x10;
        /// Not an open descriptor.
        const POLLNVAL = 0x20;
        /// Normal data can be read.
        const POLLRDNORM = 0x40;
        /// Priority data can be read.
        const POLLRDBAND = 0x80;
        /// Normal data can be written.
        const POLLWRNORM = 0x100;
        /// Priority data can be written.
        const POLLWRBAND = 0x200;
        /// Every other bit.
        const _ = !0;
    }
}

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
    /// The end of a handler.
    Sigreturn,
}

/// The name of a call, as `asleep in write` says it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)] // each is the system call of that name
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum CallKind {
    Pipe,
    Open,
    Reopen,
    Close,
    Dup,
    Dup2,
    Read,
    Write,
    Pread,
    Pwrite,
    Lseek,
    Ftruncate,
    Fsync,
    Fstat,
    Fcntl,
    Ioctl,
    Poll,
    Fork,
    Exit,
    Pause,
    Yield,
    Splice,
    Tee,
    Vmsplice,
    #[serde(rename = "vmsplice_read")]
    VmspliceRead,
    Msgget,
    Msgsnd,
    Msgrcv,
    Msgctl,
    /// Bytes stored into memory; no system call, but a step like one.
    Store,
    Semget,
    Semop,
    Semtimedop,
    Semctl,
    Shmget,
    Shmat,
    Shmdt,
    Shmctl,
    Load,
    Set,
    Cas,
    Xchg,
    Add,
    Kill,
    Tgkill,
    Sigqueue,
    Sigaction,
    Sigprocmask,
    Sigpending,
    Sigsuspend,
    Sigwaitinfo,
    Waitpid,
    Sigreturn,
}

impl CallKind {
    /// Every call, by its name in the notation.
    pub const ALL: &'static [(&'static str, CallKind)] = &[
        ("pipe", CallKind::Pipe),
        ("open", CallKind::Open),
        ("reopen", CallKind::Reopen),
        ("close", CallKind::Close),
        ("dup", CallKind::Dup),
        ("dup2", CallKind::Dup2),
        ("read", CallKind::Read),
        ("write", CallKind::Write),
        ("pread", CallKind::Pread),
        ("pwrite", CallKind::Pwrite),
        ("lseek", CallKind::Lseek),
        ("ftruncate", CallKind::Ftruncate),
        ("fsync", CallKind::Fsync),
        ("fstat", CallKind::Fstat),
        ("fcntl", CallKind::Fcntl),
        ("ioctl", CallKind::Ioctl),
        ("poll", CallKind::Poll),
        ("fork", CallKind::Fork),
        ("exit", CallKind::Exit),
        ("pause", CallKind::Pause),
        ("yield", CallKind::Yield),
        ("splice", CallKind::Splice),
        ("tee", CallKind::Tee),
        ("vmsplice", CallKind::Vmsplice),
        ("vmsplice_read", CallKind::VmspliceRead),
        ("msgget", CallKind::Msgget),
        ("msgsnd", CallKind::Msgsnd),
        ("msgrcv", CallKind::Msgrcv),
        ("msgctl", CallKind::Msgctl),
        ("store", CallKind::Store),
        ("semget", CallKind::Semget),
        ("semop", CallKind::Semop),
        ("semtimedop", CallKind::Semtimedop),
        ("semctl", CallKind::Semctl),
        ("shmget", CallKind::Shmget),
        ("shmat", CallKind::Shmat),
        ("shmdt", CallKind::Shmdt),
        ("shmctl", CallKind::Shmctl),
        ("load", CallKind::Load),
        ("set", CallKind::Set),
        ("cas", CallKind::Cas),
        ("xchg", CallKind::Xchg),
        ("add", CallKind::Add),
        ("kill", CallKind::Kill),
        ("tgkill", CallKind::Tgkill),
        ("sigqueue", CallKind::Sigqueue),
        ("sigaction", CallKind::Sigaction),
        ("sigprocmask", CallKind::Sigprocmask),
        ("sigpending", CallKind::Sigpending),
        ("sigsuspend", CallKind::Sigsuspend),
        ("sigwaitinfo", CallKind::Sigwaitinfo),
        ("waitpid", CallKind::Waitpid),
        ("sigreturn", CallKind::Sigreturn),
    ];

    /// The name in the notation.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// The call with this name.
    pub fn by_name(name: &str) -> Option<CallKind> {
        Self::ALL.iter().find(|(n, _)| *n == name).map(|&(_, kind)| kind)
    }

    /// Whether a successful result is a new descriptor.
    pub fn returns_fd(self) -> bool {
        matches!(self, CallKind::Open | CallKind::Reopen | CallKind::Dup | CallKind::Dup2)
    }

    /// Whether it is no system call but an access of the processor to shared memory.
    pub fn is_access(self) -> bool {
        matches!(self, CallKind::Load | CallKind::Set | CallKind::Cas | CallKind::Xchg | CallKind::Add)
    }

    /// Whether it is a call of System V IPC.
    pub fn is_ipc(self) -> bool {
        use CallKind::*;
        matches!(
            self,
            Msgget | Msgsnd | Msgrcv | Msgctl | Semget | Semop | Semtimedop | Semctl | Shmget | Shmat | Shmdt | Shmctl
        )
    }

    /// Whether a successful result is an id of a System V object.
    pub fn returns_id(self) -> bool {
        matches!(self, CallKind::Msgget | CallKind::Semget | CallKind::Shmget)
    }

    /// Whether a successful result is an address.
    pub fn returns_addr(self) -> bool {
        self == CallKind::Shmat
    }

    /// Whether a successful result comes with bytes.
    pub fn returns_data(self) -> bool {
        self.reads() || self == CallKind::Msgrcv
    }

    /// Whether it sends, waits for or decides about signals, or asks for the status of a child.
    pub fn is_about_signals(self) -> bool {
        matches!(
            self,
            CallKind::Kill
                | CallKind::Tgkill
                | CallKind::Sigqueue
                | CallKind::Sigaction
                | CallKind::Sigprocmask
                | CallKind::Sigpending
                | CallKind::Sigsuspend
                | CallKind::Sigwaitinfo
                | CallKind::Waitpid
                | CallKind::Sigreturn
        )
    }

    /// Whether a result of 0 means end of file.
    pub fn reads(self) -> bool {
        matches!(self, CallKind::Read | CallKind::Pread | CallKind::VmspliceRead)
    }
}

impl fmt::Display for CallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_kind() {
        for (i, &(name, kind)) in CallKind::ALL.iter().enumerate() {
            assert_eq!(kind as usize, i);
            assert_eq!(kind.name(), name);
        }
    }
}
