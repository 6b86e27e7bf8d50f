//! Tasks and processes.

use super::{
    call::{CallKind, Fd, ProcessId, TaskId},
    canon::{Canon, canon_enum, get, put},
    file::FileId,
    frame::Frame,
    ipc::shm::Mm,
    signal::{SigPending, SigSet, SigThread, SignalStruct, WaitStatus},
};

/// `task_struct.__state`, as far as wake-ups look at it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum RunState {
    /// `TASK_RUNNING`: on a processor or able to be.
    #[default]
    Running,
    /// `TASK_INTERRUPTIBLE`: a wake-up makes it running; asleep once it has called the scheduler.
    Interruptible,
    /// Gone, or not there yet.
    Dead,
    /// `TASK_STOPPED`: until SIGCONT or SIGKILL.
    Stopped,
}

/// `task_struct`: a thread.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Task {
    /// Its process.
    pub process: ProcessId,
    /// Whether wake-ups find it asleep.
    pub state: RunState,
    /// Whether it has given up the processor in its call: only a wake-up, a signal or a timer brings it back.
    pub asleep: bool,
    /// Signals pending for this thread.
    pub pending: SigPending,
    /// Signals that it blocks.
    pub blocked: SigSet,
    /// `TIF_SIGPENDING`: it looks at its signals before it goes back to user level.
    pub sigpending: bool,
    /// What signals need of a thread that has more to do with them.
    pub sig: Option<Box<SigThread>>,
    /// A timer of its call is armed.
    pub timer: bool,
    /// The call it is in.
    pub frame: Frame,
}

impl Task {
    /// `signal_pending`
    #[inline]
    pub fn signal_pending(&self) -> bool {
        self.sigpending
    }

    /// What signals need of this thread, made if it isn't there.
    pub fn sig_mut(&mut self) -> &mut SigThread {
        self.sig.get_or_insert_default()
    }

    /// Forgets what signals do not need any more.
    pub fn drop_empty_sig(&mut self) {
        if self.sig.as_ref().is_some_and(|sig| **sig == SigThread::default()) {
            self.sig = None;
        }
    }

    /// `PF_EXITING`: it does not come back from the kernel.
    pub fn is_exiting(&self) -> bool {
        matches!(self.frame.call, Some(super::InCall::Exit(_)))
    }

    /// The call it is in, if it is in one.
    pub fn in_call(&self) -> Option<CallKind> {
        self.frame.call.as_ref().map(|call| call.kind())
    }

    /// The call it sleeps in, if it sleeps.
    pub fn sleeps_in(&self) -> Option<CallKind> {
        if self.asleep { self.in_call() } else { None }
    }
}

/// A process: what its threads share.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Process {
    /// `files_struct`: open files by descriptor, above [`FIRST_FD`](crate::program::FIRST_FD)-many that a shell would have.
    pub files: Vec<Option<FileId>>,
    /// Whether it lives.
    pub life: Life,
    /// Threads that have not exited.
    pub threads: u16,
    /// The status with which it ends if its threads exit one by one.
    pub status: u8,
    /// The user; 0 owns the files of the test.
    pub uid: u16,
    /// `mm_struct`: shared memory that it has attached.
    pub mm: Mm,
    /// `real_parent`: the thread whose process waits for its end, if that is one of the program's. It is the one that forked it.
    pub parent: Option<TaskId>,
    /// Forked processes in the order of their making, those from the start before them.
    pub born: u16,
    /// `sibling`: where it stands among the children of its parent, who are looked through in this order.
    pub sibling: u16,
    /// `signal_struct` and `sighand_struct`.
    pub signal: SignalStruct,
}

/// Whether a process lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Life {
    /// `fork` has not made it yet.
    #[default]
    Unborn,
    /// It lives.
    Live,
    /// It exits, with this status: `SIGNAL_GROUP_EXIT`.
    Exited(WaitStatus),
    /// `EXIT_ZOMBIE`: it has ended, and nobody has asked for its status.
    Zombie(WaitStatus),
    /// Its status was asked for, or nobody wants it.
    Reaped(WaitStatus),
}

impl Life {
    /// How it ended, if it did or is about to.
    pub fn ended(self) -> Option<WaitStatus> {
        match self {
            Life::Exited(status) | Life::Zombie(status) | Life::Reaped(status) => Some(status),
            Life::Unborn | Life::Live => None,
        }
    }
}

/// Descriptors below this are those that a shell leaves open; programs neither see nor use them.
pub const RESERVED_FDS: Fd = 3;

impl Process {
    /// The open file behind a descriptor.
    #[inline]
    pub fn file(&self, fd: Fd) -> Option<FileId> {
        self.files.get(usize::try_from(fd - RESERVED_FDS).ok()?).copied().flatten()
    }

    /// The place of a descriptor, made if it isn't there.
    pub fn place(&mut self, fd: Fd) -> &mut Option<FileId> {
        let i = (fd - RESERVED_FDS) as usize;
        if self.files.len() <= i {
            self.files.resize(i + 1, None);
        }
        &mut self.files[i]
    }

    /// The lowest free descriptor that is not below `from`.
    pub fn lowest_free(&self, from: Fd) -> Fd {
        let from = from.max(RESERVED_FDS);
        (from..).find(|&fd| self.file(fd).is_none()).unwrap_or(Fd::MAX)
    }
}

canon_enum!(RunState { 0 => Running, 1 => Interruptible, 2 => Dead, 3 => Stopped, });
canon_enum!(Life { 0 => Unborn, 1 => Live, 2 => Exited(status), 3 => Zombie(status), 4 => Reaped(status), });

/// The process of a task never changes and is kept beside the state.
impl Canon for Task {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        let bits = self.state as u8
            | u8::from(self.asleep) << 2
            | u8::from(self.timer) << 3
            | u8::from(self.pending.signal != 0) << 4
            | u8::from(self.frame.call.is_some()) << 5
            | u8::from(self.sigpending) << 6
            | u8::from(self.sig.is_some()) << 7;
        put(out, bits.into());
        put(out, self.process.into());
        put(out, self.blocked);
        if self.pending.signal != 0 {
            self.pending.encode(out);
        }
        if let Some(sig) = &self.sig {
            sig.encode(out);
        }
        if self.frame.call.is_some() {
            self.frame.encode(out);
        }
    }

    #[inline]
    fn decode(input: &mut &[u8]) -> Self {
        let bits = get(input) as u8;
        let state = match bits & 3 {
            0 => RunState::Running,
            1 => RunState::Interruptible,
            2 => RunState::Dead,
            _ => RunState::Stopped,
        };
        Task {
            state,
            asleep: bits & 4 != 0,
            timer: bits & 8 != 0,
            process: get(input) as ProcessId,
            blocked: get(input),
            sigpending: bits & 64 != 0,
            pending: if bits & 16 != 0 { SigPending::decode(input) } else { SigPending::default() },
            sig: (bits & 128 != 0).then(|| Box::new(SigThread::decode(input))),
            frame: if bits & 32 != 0 { Frame::decode(input) } else { Frame::default() },
        }
    }
}

impl Canon for Process {
    fn encode(&self, out: &mut Vec<u8>) {
        let used = self.files.iter().rposition(Option::is_some).map_or(0, |i| i + 1);
        put(out, used as u64);
        for file in &self.files[..used] {
            file.encode(out);
        }
        self.life.encode(out);
        self.threads.encode(out);
        self.uid.encode(out);
        put(out, self.signal.ignored);
        // Most processes have nothing else of these.
        let bare = SignalStruct { ignored: self.signal.ignored, ..SignalStruct::default() };
        let plain = self.mm.vmas.is_empty()
            && self.parent.is_none()
            && self.born == 0
            && self.status == 0
            && self.signal == bare;
        plain.encode(out);
        if !plain {
            self.mm.encode(out);
            self.parent.encode(out);
            self.born.encode(out);
            self.sibling.encode(out);
            self.status.encode(out);
            self.signal.encode(out);
        }
    }
    fn decode(input: &mut &[u8]) -> Self {
        let process = Process {
            files: Vec::decode(input),
            life: Life::decode(input),
            threads: u16::decode(input),
            uid: u16::decode(input),
            signal: SignalStruct { ignored: get(input), ..SignalStruct::default() },
            ..Process::default()
        };
        if bool::decode(input) {
            return process;
        }
        Process {
            mm: Mm::decode(input),
            parent: Option::decode(input),
            born: u16::decode(input),
            sibling: u16::decode(input),
            status: u8::decode(input),
            signal: SignalStruct::decode(input),
            ..process
        }
    }
}
