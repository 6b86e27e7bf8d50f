//! The call that a task is in: while it sleeps, its frame is the kernel's waiter record.

use super::{
    Cx, Kernel, PipeId, Step, TaskId,
    call::CallKind,
    canon::{Canon, get},
    exit::Exit,
    file::FileId,
    ipc::{
        IpcSlot,
        msg::{MsgCtlCall, MsgRcv, MsgSnd},
        sem::{SemCtlCall, SemTimedOp},
        shm::{ShmAt, ShmCtlCall, ShmDt},
    },
    pipe::{self, FifoOpen, PipeLock, PipeRead, PipeReadV3, PipeResize, PipeWrite, PipeWriteV3},
    poll::Poll,
    signal::{Delivered, Delivery, Pause, SigSet, SignalfdRead, Sigtimedwait, Wait4},
    splice::Splice,
};

/// A task's place in the kernel.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Frame {
    /// The call; `None` at user level.
    pub call: Option<InCall>,
    /// A reference to an open file that the call holds (`fdget` of a process with several threads).
    pub fput: Option<FileId>,
}

/// A call that others can interrupt, with the locals that live across.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // each is the call of that name
pub enum InCall {
    Write(PipeWrite),
    Read(PipeRead),
    Open(FifoOpen),
    Poll(Box<Poll>),
    Exit(Exit),
    Pause(Pause),
    WriteV3(Box<PipeWriteV3>),
    ReadV3(Box<PipeReadV3>),
    Resize(PipeResize),
    Splice(Box<Splice>),
    MsgSnd(Box<MsgSnd>),
    MsgRcv(Box<MsgRcv>),
    MsgCtl(Box<MsgCtlCall>),
    SemTimedOp(Box<SemTimedOp>),
    SemCtl(Box<SemCtlCall>),
    ShmAt(Box<ShmAt>),
    ShmCtl(Box<ShmCtlCall>),
    ShmDt(Box<ShmDt>),
    Lock(Box<PipeLock>),
    Sigtimedwait(Sigtimedwait),
    Sigprocmask { how: i32, set: Option<SigSet>, locked: bool },
    Wait(Wait4),
    Signalfd(Box<SignalfdRead>),
    Signal(Box<Delivery>),
}

/// What a sleeper waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum WaitsFor {
    /// One side of a pipe.
    Pipe {
        /// The pipe.
        pipe: PipeId,
        /// Whether it is somebody who writes (or opens for writing) that could wake it; otherwise somebody who reads.
        writer: bool,
    },
    /// A message queue.
    Msq {
        /// Where it is.
        slot: IpcSlot,
        /// Whether it is somebody who sends that could wake it; otherwise somebody who receives.
        sender: bool,
    },
    /// A semaphore.
    Sem {
        /// Where its set is.
        slot: IpcSlot,
        /// Which one.
        semnum: u16,
        /// Whether it is to become zero; otherwise larger.
        zero: bool,
    },
}

impl InCall {
    /// Which call it is.
    pub fn kind(&self) -> CallKind {
        match self {
            InCall::Write(_) | InCall::WriteV3(_) => CallKind::Write,
            InCall::Read(_) | InCall::ReadV3(_) => CallKind::Read,
            InCall::Resize(_) => CallKind::Fcntl,
            InCall::Open(open) => open.kind(),
            InCall::Poll(_) => CallKind::Poll,
            InCall::Exit(_) => CallKind::Exit,
            InCall::Pause(pause) => pause.kind,
            InCall::Sigtimedwait(_) => CallKind::Sigwaitinfo,
            InCall::Wait(_) => CallKind::Waitpid,
            InCall::Signalfd(_) => CallKind::Read,
            InCall::Sigprocmask { .. } => CallKind::Sigprocmask,
            InCall::Signal(delivery) => delivery.kind,
            InCall::Splice(splice) => splice.kind,
            InCall::MsgSnd(_) => CallKind::Msgsnd,
            InCall::MsgRcv(_) => CallKind::Msgrcv,
            InCall::MsgCtl(_) => CallKind::Msgctl,
            InCall::SemTimedOp(call) => call.kind(),
            InCall::SemCtl(_) => CallKind::Semctl,
            InCall::ShmAt(_) => CallKind::Shmat,
            InCall::ShmCtl(_) => CallKind::Shmctl,
            InCall::ShmDt(_) => CallKind::Shmdt,
            InCall::Lock(call) => call.kind,
        }
    }

    /// One section: up to the next place where another task can run.
    #[inline]
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self {
            InCall::Write(call) => call.step(cx),
            InCall::Read(call) => call.step(cx),
            InCall::Open(call) => call.step(cx),
            InCall::Poll(call) => call.step(cx),
            InCall::Exit(call) => call.step(cx),
            InCall::WriteV3(call) => call.step(cx),
            InCall::ReadV3(call) => call.step(cx),
            InCall::Resize(call) => call.step(cx),
            InCall::Splice(call) => call.step(cx),
            InCall::MsgSnd(call) => call.step(cx),
            InCall::MsgRcv(call) => call.step(cx),
            InCall::MsgCtl(call) => call.step(cx),
            InCall::SemTimedOp(call) => call.step(cx),
            InCall::SemCtl(call) => call.step(cx),
            InCall::ShmAt(call) => call.step(cx),
            InCall::ShmCtl(call) => call.step(cx),
            InCall::ShmDt(call) => call.step(cx),
            InCall::Lock(call) => call.step(cx),
            InCall::Pause(call) => call.step(cx),
            InCall::Sigtimedwait(call) => call.step(cx),
            InCall::Wait(call) => call.step(cx),
            InCall::Signalfd(call) => call.step(cx),
            InCall::Sigprocmask { locked: locked @ false, .. } => {
                *locked = true;
                Step::Preempted
            }
            InCall::Sigprocmask { how, set, .. } => Step::Returned(cx.sigprocmask(*how, *set)),
            InCall::Signal(delivery) => match delivery.step(cx) {
                Delivered::Step(step) => step,
                Delivered::Die(status) => {
                    *self = InCall::Exit(Exit::Group { status });
                    Step::Preempted
                }
            },
        }
    }

    /// Whether its next section begins with a lock that somebody else has: it waits for that, uninterruptibly.
    #[inline]
    pub fn waits_for_lock(&self, k: &Kernel) -> bool {
        let pipe = match self {
            InCall::Write(call) if call.at == pipe::write::At::Locked => call.pipe,
            InCall::Read(call) if call.at == pipe::read::At::Locked => call.pipe,
            InCall::Open(call) => call.pipe,
            InCall::WriteV3(call) if !matches!(call.at, pipe::write_v3::At::Leave(_)) => call.pipe,
            InCall::ReadV3(call) if !matches!(call.at, pipe::read_v3::At::Leave(_)) => call.pipe,
            InCall::Resize(call) if call.at == pipe::resize::At::Locked => call.pipe,
            InCall::SemTimedOp(call) => return call.spins(),
            InCall::Lock(call) => call.pipe,
            InCall::Splice(call) => return call.locks().iter().any(|&pipe| k.ring(pipe).locked),
            InCall::Exit(call) => return call.locks().is_some_and(|pipe| k.ring(pipe).locked),
            _ => return false,
        };
        k.ring(pipe).locked
    }

    /// Whether a sleeper, `me`, in this call would not go back to sleep if it were woken now.
    /// A sleeper that is ready while nobody is about to wake it has lost its wake-up.
    pub fn ready(&self, k: &Kernel, me: TaskId) -> bool {
        match self {
            InCall::Write(call) => k.pipe(call.pipe).writable(),
            InCall::Read(call) => k.pipe(call.pipe).readable(),
            InCall::Open(call) => call.ready(k),
            InCall::Poll(call) => call.ready(k, me),
            InCall::Splice(call) => call.ready(k),
            InCall::WriteV3(call) => call.ready(k),
            InCall::ReadV3(call) => call.ready(k),
            InCall::MsgSnd(call) => call.ready(k),
            InCall::MsgRcv(call) => call.ready(k),
            InCall::SemTimedOp(call) => call.ready(k),
            InCall::Wait(call) => call.ready(k),
            InCall::Signalfd(call) => call.ready(k, me),
            InCall::SemCtl(_) | InCall::ShmAt(_) | InCall::ShmCtl(_) | InCall::ShmDt(_) => false,
            InCall::MsgCtl(_) | InCall::Lock(_) => false,
            InCall::Resize(_) | InCall::Exit(_) | InCall::Pause(_) | InCall::Sigtimedwait(_) => false,
            InCall::Sigprocmask { .. } | InCall::Signal(_) => false,
        }
    }

    /// Whose action a sleeper in this call waits for; several sides for `poll`, none for `pause`.
    pub fn waits_for(&self, k: &Kernel) -> Vec<WaitsFor> {
        match self {
            InCall::Write(call) => vec![WaitsFor::Pipe { pipe: call.pipe, writer: false }],
            InCall::Read(call) => vec![WaitsFor::Pipe { pipe: call.pipe, writer: true }],
            InCall::Open(call) => vec![call.waits_for()],
            InCall::Poll(call) => call.waits_for(k),
            InCall::Splice(call) => vec![call.waits_for()],
            InCall::WriteV3(call) => vec![WaitsFor::Pipe { pipe: call.pipe, writer: false }],
            InCall::ReadV3(call) => vec![WaitsFor::Pipe { pipe: call.pipe, writer: true }],
            InCall::MsgSnd(call) => vec![WaitsFor::Msq { slot: call.slot, sender: false }],
            InCall::MsgRcv(call) => vec![WaitsFor::Msq { slot: call.slot, sender: true }],
            InCall::SemTimedOp(call) => vec![call.waits_for(k)],
            InCall::SemCtl(_)
            | InCall::ShmAt(_)
            | InCall::ShmCtl(_)
            | InCall::ShmDt(_)
            | InCall::MsgCtl(_)
            | InCall::Lock(_)
            | InCall::Resize(_)
            | InCall::Exit(_)
            | InCall::Pause(_)
            | InCall::Sigtimedwait(_)
            | InCall::Wait(_)
            | InCall::Signalfd(_)
            | InCall::Sigprocmask { .. }
            | InCall::Signal(_) => vec![],
        }
    }
}

impl Canon for Frame {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        self.fput.encode(out);
        match &self.call {
            None => out.push(0),
            Some(InCall::Write(call)) => {
                out.push(1);
                call.encode(out);
            }
            Some(InCall::Read(call)) => {
                out.push(2);
                call.encode(out);
            }
            Some(InCall::Open(call)) => {
                out.push(3);
                call.encode(out);
            }
            Some(InCall::Poll(call)) => {
                out.push(4);
                call.encode(out);
            }
            Some(InCall::Exit(call)) => {
                out.push(5);
                call.encode(out);
            }
            Some(InCall::Pause(call)) => {
                out.push(6);
                call.encode(out);
            }
            Some(InCall::Sigtimedwait(call)) => {
                out.push(20);
                call.encode(out);
            }
            Some(InCall::Wait(call)) => {
                out.push(21);
                call.encode(out);
            }
            Some(InCall::Signalfd(call)) => {
                out.push(24);
                call.encode(out);
            }
            Some(InCall::Sigprocmask { how, set, locked }) => {
                out.push(23);
                how.encode(out);
                set.encode(out);
                locked.encode(out);
            }
            Some(InCall::Signal(delivery)) => {
                out.push(22);
                delivery.encode(out);
            }
            Some(InCall::Splice(call)) => {
                out.push(7);
                call.encode(out);
            }
            Some(InCall::MsgSnd(call)) => {
                out.push(8);
                call.encode(out);
            }
            Some(InCall::MsgRcv(call)) => {
                out.push(9);
                call.encode(out);
            }
            Some(InCall::ShmAt(call)) => {
                out.push(14);
                call.encode(out);
            }
            Some(InCall::ShmDt(call)) => {
                out.push(16);
                call.encode(out);
            }
            Some(InCall::ShmCtl(call)) => {
                out.push(15);
                call.encode(out);
            }
            Some(InCall::MsgCtl(call)) => {
                out.push(10);
                call.encode(out);
            }
            Some(InCall::SemTimedOp(call)) => {
                out.push(11);
                call.encode(out);
            }
            Some(InCall::SemCtl(call)) => {
                out.push(12);
                call.encode(out);
            }
            // The numbers between are those of calls to come.
            Some(InCall::WriteV3(call)) => {
                out.push(32);
                call.encode(out);
            }
            Some(InCall::ReadV3(call)) => {
                out.push(33);
                call.encode(out);
            }
            Some(InCall::Resize(call)) => {
                out.push(34);
                call.encode(out);
            }
            Some(InCall::Lock(call)) => {
                out.push(35);
                call.encode(out);
            }
        }
    }

    #[inline]
    fn decode(input: &mut &[u8]) -> Self {
        let fput = Option::decode(input);
        let call = match get(input) {
            0 => None,
            1 => Some(InCall::Write(PipeWrite::decode(input))),
            2 => Some(InCall::Read(PipeRead::decode(input))),
            3 => Some(InCall::Open(FifoOpen::decode(input))),
            4 => Some(InCall::Poll(Box::new(Poll::decode(input)))),
            5 => Some(InCall::Exit(Exit::decode(input))),
            6 => Some(InCall::Pause(Pause::decode(input))),
            20 => Some(InCall::Sigtimedwait(Sigtimedwait::decode(input))),
            21 => Some(InCall::Wait(Wait4::decode(input))),
            22 => Some(InCall::Signal(Box::new(Delivery::decode(input)))),
            23 => Some(InCall::Sigprocmask {
                how: i32::decode(input),
                set: Option::decode(input),
                locked: bool::decode(input),
            }),
            24 => Some(InCall::Signalfd(Box::new(SignalfdRead::decode(input)))),
            32 => Some(InCall::WriteV3(Box::new(PipeWriteV3::decode(input)))),
            33 => Some(InCall::ReadV3(Box::new(PipeReadV3::decode(input)))),
            34 => Some(InCall::Resize(PipeResize::decode(input))),
            35 => Some(InCall::Lock(Box::new(PipeLock::decode(input)))),
            7 => Some(InCall::Splice(Box::new(Splice::decode(input)))),
            8 => Some(InCall::MsgSnd(Box::new(MsgSnd::decode(input)))),
            9 => Some(InCall::MsgRcv(Box::new(MsgRcv::decode(input)))),
            14 => Some(InCall::ShmAt(Box::new(ShmAt::decode(input)))),
            16 => Some(InCall::ShmDt(Box::new(ShmDt::decode(input)))),
            15 => Some(InCall::ShmCtl(Box::new(ShmCtlCall::decode(input)))),
            10 => Some(InCall::MsgCtl(Box::new(MsgCtlCall::decode(input)))),
            11 => Some(InCall::SemTimedOp(Box::new(SemTimedOp::decode(input)))),
            12 => Some(InCall::SemCtl(Box::new(SemCtlCall::decode(input)))),
            tag => unreachable!("no call {tag}"),
        };
        Frame { call, fput }
    }
}
