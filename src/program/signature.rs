//! The calls of the notation: their parameters, and how evaluated arguments become a [`Call`].

mod ipc;
mod sem;

use super::{MAX_BYTES, Value, constants, syntax::ObjectKind};

use crate::kernel::{
    Call, CallKind, Fcntl, OpenFlags, Payload, PollEvents, RwFlags, SpliceFlags, Timeout,
    signal::{Disposition, SaFlags, SigAction, SigSet, code},
};
use smallvec::SmallVec;

/// A parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Param {
    /// Its name, for named arguments and messages.
    pub name: &'static str,
    /// What may be passed.
    pub ty: ParamType,
    /// Whether it must be passed.
    pub required: bool,
    /// Whether it must be passed by name.
    pub named: bool,
}

/// What may be passed for a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParamType {
    /// A descriptor: an end of a pipe, or a number.
    Fd,
    /// A declared FIFO or file. The resolver passes its path index as a number.
    Path,
    /// A process declared `child of` this one. The resolver passes its index as a number.
    Child,
    /// A number.
    Number,
    /// A System V object: a declared one of this kind, or its id.
    Ipc(ObjectKind),
    /// A key: a declared one, or a number.
    Key,
    /// The type of a message: a number, or `FAULT`.
    MsgType,
    /// Operations on semaphores, or `FAULT`.
    Sops,
    /// What a `semctl` command takes: a number, a list of values, `none`.
    SemArg,
    /// A duration, `none` for ever, or `FAULT`.
    TimeOrFault,
    /// A buffer that is there, unless `none` is passed.
    Buffer,
    /// A byte string.
    Data,
    /// A byte string, or declared memory by name.
    DataOrMemory,
    /// Declared memory by name.
    Memory,
    /// A place in a file: a number, or `none`.
    Offset,
    /// The address of an attached segment: a segment that is attached from the start, or a number; or `none`.
    Address,
    /// A cell of shared memory. The resolver passes its address as a number.
    Cell,
    /// A duration: a number with a unit, or 0, or `none` for ever.
    Time,
    /// A process or thread by name, or a number. The resolver passes its id.
    Pid,
    /// A set of signals: `[SIGUSR1, SIGTERM]`, a number.
    Signals,
    /// A handler by name, `SIG_DFL` or `SIG_IGN`. The resolver passes a number.
    Handler,
}

/// A call of the notation.
#[derive(PartialEq, Eq, Debug)]
pub struct Signature {
    /// Which call.
    pub kind: CallKind,
    /// Its parameters.
    pub params: &'static [Param],
    /// Whether the first two parameters may be repeated (`poll`): then the repeats come after all parameters.
    pub pairs: bool,
}

const fn req(name: &'static str, ty: ParamType) -> Param {
    Param { name, ty, required: true, named: false }
}
const fn opt(name: &'static str, ty: ParamType) -> Param {
    Param { name, ty, required: false, named: false }
}
const fn named(name: &'static str, ty: ParamType) -> Param {
    Param { name, ty, required: false, named: true }
}
const fn sig(kind: CallKind, params: &'static [Param]) -> Signature {
    Signature { kind, params, pairs: false }
}

use ParamType::*;

/// Every call that a program can make.
pub static SIGNATURES: &[Signature] = &[
    sig(CallKind::Pipe, &[opt("flags", Number)]),
    sig(CallKind::Open, &[req("fifo", Path), req("flags", Number)]),
    sig(CallKind::Reopen, &[req("fd", Fd), req("flags", Number)]),
    sig(CallKind::Close, &[req("fd", Fd)]),
    sig(CallKind::Dup, &[req("fd", Fd)]),
    sig(CallKind::Dup2, &[req("fd", Fd), req("to", Fd)]),
    sig(CallKind::Read, &[req("fd", Fd), req("count", Number), named("fault", Number), named("flags", Number)]),
    sig(CallKind::Write, &[req("fd", Fd), req("data", Data), named("flags", Number)]),
    sig(CallKind::Pread, &[req("fd", Fd), req("count", Number), opt("offset", Number)]),
    sig(CallKind::Pwrite, &[req("fd", Fd), req("data", Data), opt("offset", Number)]),
    sig(CallKind::Lseek, &[req("fd", Fd), req("offset", Number)]),
    sig(CallKind::Ftruncate, &[req("fd", Fd), req("length", Number)]),
    sig(CallKind::Fsync, &[req("fd", Fd)]),
    sig(CallKind::Fstat, &[req("fd", Fd)]),
    sig(CallKind::Fcntl, &[req("fd", Fd), req("cmd", Number), opt("arg", Number)]),
    sig(CallKind::Ioctl, &[req("fd", Fd), req("request", Number)]),
    Signature {
        kind: CallKind::Poll,
        params: &[req("fd", Fd), req("events", Number), named("timeout", Time)],
        pairs: true,
    },
    sig(CallKind::Fork, &[req("child", Child)]),
    sig(CallKind::Exit, &[opt("status", Number)]),
    sig(CallKind::ThreadExit, &[opt("status", Number)]),
    sig(CallKind::Pause, &[]),
    sig(CallKind::Yield, &[]),
    sig(
        CallKind::Splice,
        &[
            req("fd_in", Fd),
            req("off_in", Offset),
            req("fd_out", Fd),
            req("off_out", Offset),
            req("len", Number),
            opt("flags", Number),
        ],
    ),
    sig(CallKind::Tee, &[req("fd_in", Fd), req("fd_out", Fd), req("len", Number), opt("flags", Number)]),
    sig(CallKind::Vmsplice, &[req("fd", Fd), req("data", DataOrMemory), opt("flags", Number)]),
    sig(CallKind::VmspliceRead, &[req("fd", Fd), req("count", Number), opt("flags", Number)]),
    sig(CallKind::Msgget, ipc::MSGGET),
    sig(CallKind::Msgsnd, ipc::MSGSND),
    sig(CallKind::Msgrcv, ipc::MSGRCV),
    sig(CallKind::Msgctl, ipc::MSGCTL),
    // Written `memory[at] = data`.
    sig(CallKind::Store, &[req("memory", Memory), req("at", Number), req("data", Data)]),
    sig(CallKind::Semget, sem::SEMGET),
    sig(CallKind::Semop, sem::SEMOP),
    sig(CallKind::Semtimedop, sem::SEMTIMEDOP),
    sig(CallKind::Semctl, sem::SEMCTL),
    sig(CallKind::Shmget, ipc::SHMGET),
    sig(CallKind::Shmat, ipc::SHMAT),
    sig(CallKind::Shmdt, ipc::SHMDT),
    sig(CallKind::Shmctl, ipc::SHMCTL),
    sig(CallKind::Load, &[req("cell", Cell)]),
    sig(CallKind::Set, &[req("cell", Cell), req("value", Number)]),
    sig(CallKind::Cas, &[req("cell", Cell), req("old", Number), req("new", Number)]),
    sig(CallKind::Xchg, &[req("cell", Cell), req("value", Number)]),
    sig(CallKind::Add, &[req("cell", Cell), req("value", Number)]),
    sig(CallKind::Kill, &[req("pid", Pid), req("signal", Number)]),
    sig(CallKind::Tgkill, &[req("pid", Pid), req("tid", Pid), req("signal", Number)]),
    sig(CallKind::Sigqueue, &[req("pid", Pid), req("signal", Number), opt("value", Number), named("code", Number)]),
    sig(
        CallKind::Sigaction,
        &[req("signal", Number), opt("handler", Handler), opt("flags", Number), named("mask", Signals)],
    ),
    sig(CallKind::Sigprocmask, &[req("how", Number), opt("set", Signals)]),
    sig(CallKind::Sigpending, &[]),
    sig(CallKind::Sigsuspend, &[req("mask", Signals)]),
    sig(CallKind::Sigwaitinfo, &[req("set", Signals), named("timeout", Time)]),
    sig(CallKind::Waitpid, &[req("pid", Pid), opt("options", Number)]),
    sig(CallKind::Alarm, &[req("seconds", Number)]),
    sig(CallKind::Setitimer, &[req("which", Number), req("value", Time), named("interval", Time)]),
    sig(CallKind::TimerCreate, &[opt("signal", Number), opt("value", Number), named("thread", Pid)]),
    sig(CallKind::TimerSettime, &[req("timer", Number), req("value", Time), named("interval", Time)]),
    sig(CallKind::TimerGettime, &[req("timer", Number)]),
    sig(CallKind::TimerDelete, &[req("timer", Number)]),
    sig(CallKind::Signalfd, &[req("mask", Signals), opt("flags", Number), named("fd", Fd)]),
];

impl Signature {
    /// The call with this name.
    pub fn by_name(name: &str) -> Option<&'static Signature> {
        SIGNATURES.iter().find(|s| s.kind.name() == name)
    }

    /// The call with these arguments: one per parameter, `None` for a missing one; for `poll`, further pairs follow.
    ///
    /// # Errors
    ///
    /// In words, when an argument has no usable value.
    pub fn build(&self, args: &[Option<Value>]) -> Result<Call, String> {
        let args = Args { signature: self, args };
        Ok(match self.kind {
            CallKind::Pipe => Call::Pipe2 { flags: args.open_flags(0)? },
            CallKind::Open => Call::Open { path: args.number(0, 0)?, flags: args.open_flags(1)? },
            CallKind::Reopen => Call::Reopen { fd: args.fd(0)?, flags: args.open_flags(1)? },
            CallKind::Close => Call::Close { fd: args.fd(0)? },
            CallKind::Dup => Call::Dup { fd: args.fd(0)? },
            CallKind::Dup2 => Call::Dup2 { fd: args.fd(0)?, to: args.fd(1)? },
            CallKind::Read => Call::Read {
                fd: args.fd(0)?,
                count: args.bytes(1)?,
                fault: if args.has(2) { Some(args.bytes(2)?) } else { None },
                flags: RwFlags::from_bits_retain(args.number(3, 0)?),
            },
            CallKind::Write => Call::Write {
                fd: args.fd(0)?,
                data: args.data(1)?,
                flags: RwFlags::from_bits_retain(args.number(2, 0)?),
            },
            CallKind::Pread => Call::Pread { fd: args.fd(0)?, count: args.bytes(1)?, offset: args.number(2, 0)? },
            CallKind::Pwrite => Call::Pwrite { fd: args.fd(0)?, data: args.data(1)?, offset: args.number(2, 0)? },
            CallKind::Lseek => Call::Lseek { fd: args.fd(0)?, offset: args.number(1, 0)? },
            CallKind::Ftruncate => Call::Ftruncate { fd: args.fd(0)?, length: args.number(1, 0)? },
            CallKind::Fsync => Call::Fsync { fd: args.fd(0)? },
            CallKind::Fstat => Call::Fstat { fd: args.fd(0)? },
            CallKind::Fcntl => Call::Fcntl { fd: args.fd(0)?, cmd: args.fcntl()? },
            CallKind::Ioctl => match args.number(1, 0)? {
                constants::FIONREAD => Call::Fionread { fd: args.fd(0)? },
                request => Call::Ioctl {
                    fd: args.fd(0)?,
                    request: u32::try_from(request).map_err(|_| format!("{request} is no ioctl request"))?,
                },
            },
            CallKind::Poll => Call::Poll { fds: args.polled()?, timeout: args.timeout(2)? },
            CallKind::Fork => Call::Fork { child: args.number(0, 0)? },
            CallKind::Exit => Call::Exit { status: args.number(0, 0)? },
            CallKind::ThreadExit => Call::ThreadExit { status: args.number(0, 0)? },
            CallKind::Pause => Call::Pause,
            CallKind::Yield => Call::Yield,
            CallKind::Splice => Call::Splice {
                fd_in: args.fd(0)?,
                off_in: args.offset(1)?,
                fd_out: args.fd(2)?,
                off_out: args.offset(3)?,
                len: args.bytes(4)?,
                flags: args.splice_flags(5)?,
            },
            CallKind::Tee => {
                Call::Tee { fd_in: args.fd(0)?, fd_out: args.fd(1)?, len: args.bytes(2)?, flags: args.splice_flags(3)? }
            }
            CallKind::Vmsplice if args.is_memory(1) => {
                Call::VmspliceMemory { fd: args.fd(0)?, memory: args.declared(1)?, flags: args.splice_flags(2)? }
            }
            CallKind::Vmsplice => {
                Call::Vmsplice { fd: args.fd(0)?, data: args.memory(1)?, flags: args.splice_flags(2)? }
            }
            CallKind::Load => Call::Load { addr: args.number(0, 0)? },
            CallKind::Set => Call::Set { addr: args.number(0, 0)?, value: args.number(1, 0)? },
            CallKind::Cas => Call::Cas { addr: args.number(0, 0)?, old: args.number(1, 0)?, new: args.number(2, 0)? },
            CallKind::Xchg => Call::Xchg { addr: args.number(0, 0)?, value: args.number(1, 0)? },
            CallKind::Add => Call::Add { addr: args.number(0, 0)?, value: args.number(1, 0)? },
            CallKind::Kill => Call::Kill { pid: args.number(0, 0)?, signal: args.number(1, 0)? },
            CallKind::Tgkill => {
                Call::Tgkill { pid: args.number(0, 0)?, tid: args.number(1, 0)?, signal: args.number(2, 0)? }
            }
            CallKind::Sigqueue => Call::Sigqueue {
                pid: args.number(0, 0)?,
                signal: args.number(1, 0)?,
                value: args.number(2, 0)?,
                code: args.number(3, code::SI_QUEUE.into())?,
            },
            CallKind::Sigaction => Call::Sigaction {
                signal: args.number(0, 0)?,
                action: if args.has(1) { Some(args.action()?) } else { None },
            },
            CallKind::Sigprocmask => {
                Call::Sigprocmask { how: args.number(0, 0)?, set: if args.has(1) { Some(args.set(1)?) } else { None } }
            }
            CallKind::Sigpending => Call::Sigpending,
            CallKind::Sigsuspend => Call::Sigsuspend { mask: args.set(0)? },
            CallKind::Sigwaitinfo => Call::Sigtimedwait { set: args.set(0)?, timeout: args.timeout(1)? },
            CallKind::Waitpid => Call::Waitpid { pid: args.number(0, 0)?, options: args.number(1, 0)? },
            CallKind::Signalfd => {
                Call::Signalfd { fd: args.number(2, -1)?, mask: args.set(0)?, flags: args.open_flags(1)? }
            }
            CallKind::Alarm => Call::Alarm { seconds: args.number(0, 0)? },
            CallKind::Setitimer => args.setitimer()?,
            CallKind::TimerCreate => Call::TimerCreate {
                signal: args.has(0).then(|| args.number(0, 0)).transpose()?,
                value: args.number(1, 0)?,
                tid: args.has(2).then(|| args.number(2, 0)).transpose()?,
            },
            CallKind::TimerSettime => {
                Call::TimerSettime { id: args.number(0, 0)?, value: args.number(1, 0)?, interval: args.number(2, 0)? }
            }
            CallKind::TimerGettime => Call::TimerGettime { id: args.number(0, 0)? },
            CallKind::TimerDelete => Call::TimerDelete { id: args.number(0, 0)? },
            CallKind::Sigreturn => Call::Sigreturn,
            CallKind::VmspliceRead => {
                Call::VmspliceRead { fd: args.fd(0)?, count: args.bytes(1)?, flags: args.splice_flags(2)? }
            }
            CallKind::Msgget | CallKind::Msgsnd | CallKind::Msgrcv | CallKind::Msgctl => Call::Msg(args.msg()?),
            CallKind::Store => Call::Store { memory: args.declared(0)?, at: args.number(1, 0)?, data: args.memory(2)? },
            CallKind::Semget | CallKind::Semop | CallKind::Semtimedop | CallKind::Semctl => Call::Sem(args.sem()?),
            CallKind::Shmget | CallKind::Shmat | CallKind::Shmdt | CallKind::Shmctl => Call::Shm(args.shm()?),
        })
    }
}

/// Arguments beside the parameters that they are for.
struct Args<'a> {
    signature: &'a Signature,
    args: &'a [Option<Value>],
}

impl Args<'_> {
    fn has(&self, i: usize) -> bool {
        matches!(self.args.get(i), Some(Some(_)))
    }

    fn name(&self, i: usize) -> &'static str {
        self.signature.params.get(i).map_or("argument", |p| p.name)
    }

    fn wrong(&self, i: usize, wants: &str) -> String {
        let got = match self.args.get(i) {
            Some(Some(value)) => format!("`{value}`"),
            _ => "nothing".into(),
        };
        format!("{}: `{}` must be {wants}, not {got}", self.signature.kind, self.name(i))
    }

    /// A number that fits into `T`; `default` if the argument is missing.
    fn number<T: TryFrom<i64>>(&self, i: usize, default: i64) -> Result<T, String> {
        let n = match self.args.get(i) {
            Some(Some(value)) => value.as_int().ok_or_else(|| self.wrong(i, "a number"))?,
            _ => default,
        };
        T::try_from(n).map_err(|_| self.wrong(i, "a smaller number"))
    }

    fn fd(&self, i: usize) -> Result<i32, String> {
        self.number(i, -1)
    }

    fn bytes(&self, i: usize) -> Result<u32, String> {
        match self.number::<i64>(i, 0)? {
            n @ 0..=MAX_BYTES => Ok(n as u32),
            _ => Err(self.wrong(i, "a number of bytes up to 256 MiB")),
        }
    }

    fn data(&self, i: usize) -> Result<Payload, String> {
        let value = self.args.get(i).and_then(Option::as_ref);
        value.and_then(Value::as_bytes).cloned().ok_or_else(|| self.wrong(i, "a byte string"))
    }

    /// A byte string all of which can be read.
    fn memory(&self, i: usize) -> Result<Payload, String> {
        let data = self.data(i)?;
        if data.readable() == data.len() { Ok(data) } else { Err(self.wrong(i, "readable memory")) }
    }

    fn is_memory(&self, i: usize) -> bool {
        matches!(self.args.get(i), Some(Some(Value::Memory(_))))
    }

    /// Declared memory, by its path index.
    fn declared(&self, i: usize) -> Result<u16, String> {
        match self.args.get(i) {
            Some(Some(Value::Memory(path))) => Ok(*path),
            _ => Err(self.wrong(i, "the name of memory")),
        }
    }

    fn offset(&self, i: usize) -> Result<Option<i64>, String> {
        match self.args.get(i) {
            Some(Some(Value::None)) => Ok(None),
            _ => self.number(i, 0).map(Some),
        }
    }

    fn splice_flags(&self, i: usize) -> Result<SpliceFlags, String> {
        Ok(SpliceFlags::from_bits_retain(self.number(i, 0)?))
    }

    fn open_flags(&self, i: usize) -> Result<OpenFlags, String> {
        Ok(OpenFlags::from_bits_retain(self.number(i, 0)?))
    }

    fn fcntl(&self) -> Result<Fcntl, String> {
        Ok(match self.number(1, 0)? {
            constants::F_GETFL => Fcntl::GetFl,
            constants::F_SETFL => Fcntl::SetFl(self.open_flags(2)?),
            constants::F_GETPIPE_SZ => Fcntl::GetPipeSz,
            constants::F_SETPIPE_SZ => Fcntl::SetPipeSz(self.number(2, 0)?),
            constants::F_DUPFD => Fcntl::DupFd(self.fd(2)?),
            _ => return Err(self.wrong(1, "F_GETFL, F_SETFL, F_GETPIPE_SZ, F_SETPIPE_SZ or F_DUPFD")),
        })
    }

    /// The action that the arguments of `sigaction` after the signal are.
    fn action(&self) -> Result<SigAction, String> {
        let disposition = match self.number::<i64>(1, 0)? {
            constants::SIG_DFL => Disposition::Default,
            constants::SIG_IGN => Disposition::Ignore,
            n => Disposition::Handler(u16::try_from(n - 2).map_err(|_| self.wrong(1, "a handler"))?),
        };
        let flags = SaFlags::from_bits_retain(self.number(2, 0)?);
        Ok(SigAction { disposition, flags, mask: self.set(3)? })
    }

    fn setitimer(&self) -> Result<Call, String> {
        let which = self.number(0, 0)?;
        // Those that measure the use of the processor are not modelled.
        if matches!(which, 1 | 2) {
            return Err(self.wrong(0, "ITIMER_REAL"));
        }
        Ok(Call::Setitimer { which, value: self.number(1, 0)?, interval: self.number(2, 0)? })
    }

    fn set(&self, i: usize) -> Result<SigSet, String> {
        Ok(self.number::<i64>(i, 0)? as SigSet)
    }

    fn polled(&self) -> Result<SmallVec<[(i32, PollEvents); 2]>, String> {
        let repeats = (self.signature.params.len()..self.args.len()).step_by(2);
        let pairs = std::iter::once(0).chain(repeats);
        pairs.map(|i| Ok((self.fd(i)?, PollEvents::from_bits_retain(self.number(i + 1, 0)?)))).collect()
    }

    fn timeout(&self, i: usize) -> Result<Timeout, String> {
        Ok(match self.args.get(i) {
            Some(Some(Value::None)) | Some(None) | None => Timeout::Never,
            _ => match self.number::<i64>(i, 0)? {
                0 => Timeout::Now,
                n if n > 0 => Timeout::After(n as u64),
                _ => Timeout::Never,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_signature() {
        // The end of a handler is a call that nobody writes.
        for &(name, kind) in CallKind::ALL.iter().filter(|(_, kind)| *kind != CallKind::Sigreturn) {
            assert_eq!(Signature::by_name(name).map(|s| s.kind), Some(kind), "{name}");
        }
    }

    #[test]
    fn arguments_become_a_call() {
        let poll = Signature::by_name("poll").unwrap();
        let args = [3, 1, 0, 4, 4].map(|n| Some(Value::Int(n)));
        let Ok(Call::Poll { fds, timeout }) = poll.build(&args) else { panic!() };
        assert_eq!((fds.len(), timeout), (2, Timeout::Now));
        let write = Signature::by_name("write").unwrap();
        let error = write.build(&[Some(Value::Int(3)), Some(Value::Int(7)), None]).unwrap_err();
        assert_eq!(error, "write: `data` must be a byte string, not `7`");
    }
}
