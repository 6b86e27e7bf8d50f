//! Calls and results, written the way `strace` does, with the names of the program.

use super::{shm, strace_ipc, strace_sem, style::shorten};
use crate::{
    kernel::{
        Addr, Call, CallKind, Errno, Fcntl, Fd, OpenFlags, Payload, PipeId, PollEvents, Return, RwFlags, SpliceFlags,
        TaskId, Timeout,
        signal::{self, Disposition, SigSet},
    },
    machine::{Machine, State},
    program::{CallResult, Compiled, End, FIRST_FD, Value, constants},
};

/// Byte strings are shown in at most so many characters.
const DATA: usize = 36;

/// A task in a state: what its descriptors and paths are called.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The program and its machine.
    pub machine: &'a Machine<'a>,
    /// The state in which the names are looked up: the one before the call.
    pub state: &'a State,
    /// Who calls.
    pub task: TaskId,
}

impl Caller<'_> {
    /// The call that the task makes next or is in, if its arguments have usable values.
    pub fn current(&self) -> Option<Call> {
        let code = &self.machine.program.tasks[self.task as usize].code;
        self.state.cursor(self.task).peek_call(code)
    }

    /// The call that the task makes next or is in: `write(p.w, "a" * 4096)`.
    pub fn current_text(&self) -> String {
        match self.current() {
            Some(call) => self.call(&call),
            None => {
                let t = self.state.kernel.task(self.task);
                t.in_call().map_or_else(|| "(a call)".into(), |call| format!("{call}(…)"))
            }
        }
    }

    /// `write(p.w, "a" * 4096)`.
    pub fn call(&self, call: &Call) -> String {
        let fd = |fd: &Fd| self.fd(*fd);
        let args = match call {
            Call::Pipe2 { flags } if flags.is_empty() => vec![],
            Call::Pipe2 { flags } => vec![constants::flags(*flags)],
            Call::Open { path, flags } => vec![path_name(self.machine.program, *path), constants::open_flags(*flags)],
            Call::Reopen { fd: of, flags } => vec![fd(of), constants::open_flags(*flags)],
            Call::Close { fd: of } | Call::Dup { fd: of } | Call::Fsync { fd: of } | Call::Fstat { fd: of } => {
                vec![fd(of)]
            }
            Call::Dup2 { fd: of, to } => vec![fd(of), fd(to)],
            Call::Read { fd: of, count, fault, flags } => {
                let mut args = vec![fd(of), count.to_string()];
                args.extend(fault.map(|fault| format!("fault: {fault}")));
                args.extend(rw_flags(*flags));
                args
            }
            Call::Write { fd: of, data: bytes, flags } => {
                let mut args = vec![fd(of), data(bytes)];
                args.extend(rw_flags(*flags));
                args
            }
            Call::Pread { fd: of, count, offset } => vec![fd(of), count.to_string(), offset.to_string()],
            Call::Pwrite { fd: of, data: bytes, offset } => vec![fd(of), data(bytes), offset.to_string()],
            Call::Lseek { fd: of, offset: n } | Call::Ftruncate { fd: of, length: n } => vec![fd(of), n.to_string()],
            Call::Fcntl { fd: of, cmd } => {
                let mut args = vec![fd(of)];
                args.extend(fcntl(cmd));
                args
            }
            Call::Fionread { fd: of } => vec![fd(of), "FIONREAD".into()],
            Call::Ioctl { fd: of, request } => vec![fd(of), format!("{request:#x}")],
            Call::Poll { fds, timeout } => {
                let pair = |(of, events): &(Fd, PollEvents)| format!("{}, {}", fd(of), constants::flags(*events));
                let mut args: Vec<String> = fds.iter().map(pair).collect();
                args.extend(timeout_argument(timeout));
                args
            }
            Call::Fork { child } => vec![self.machine.program.processes[*child as usize].name.clone()],
            Call::Exit { status } | Call::ThreadExit { status } => vec![status.to_string()],
            Call::Pause | Call::Yield | Call::Sigpending | Call::Sigreturn => vec![],
            Call::Kill { pid, signal: number } => vec![self.pid(*pid), signal_name(*number)],
            Call::Tgkill { pid, tid, signal: number } => vec![self.pid(*pid), self.pid(*tid), signal_name(*number)],
            Call::Sigqueue { pid, signal: number, value, code } => {
                let mut args = vec![self.pid(*pid), signal_name(*number), value.to_string()];
                args.extend((*code != signal::code::SI_QUEUE).then(|| format!("code: {code}")));
                args
            }
            Call::Sigaction { signal: number, action } => {
                let mut args = vec![signal_name(*number)];
                if let Some(action) = action {
                    args.push(self.disposition(action.disposition));
                    args.extend((!action.flags.is_empty()).then(|| constants::flags(action.flags)));
                    args.extend((action.mask != 0).then(|| format!("mask: {}", set(action.mask))));
                }
                args
            }
            Call::Sigprocmask { how, set: signals } => {
                let how = match how {
                    0 => "SIG_BLOCK".into(),
                    1 => "SIG_UNBLOCK".into(),
                    2 => "SIG_SETMASK".into(),
                    other => other.to_string(),
                };
                std::iter::once(how).chain(signals.map(set)).collect()
            }
            Call::Sigsuspend { mask } => vec![set(*mask)],
            Call::Sigtimedwait { set: signals, timeout } => {
                let mut args = vec![set(*signals)];
                args.extend(timeout_argument(timeout));
                args
            }
            Call::Waitpid { pid, options } => {
                let mut args = vec![self.pid(*pid)];
                args.extend((*options != 0).then(|| options.to_string()));
                args
            }
            Call::Signalfd { fd: of, mask, flags } => {
                let mut args = vec![set(*mask)];
                args.extend((!flags.is_empty()).then(|| constants::flags(*flags)));
                args.extend((*of != -1).then(|| format!("fd: {}", fd(of))));
                args
            }
            Call::Alarm { seconds } => vec![seconds.to_string()],
            Call::Setitimer { which, value, interval } => {
                let which = if *which == signal::ITIMER_REAL { "ITIMER_REAL".into() } else { which.to_string() };
                let mut args = vec![which, time(*value)];
                args.extend((*interval != 0).then(|| format!("interval: {}", time(*interval))));
                args
            }
            Call::TimerCreate { signal, value, tid } => {
                let mut args: Vec<String> = signal.map(signal_name).into_iter().collect();
                args.extend((*value != 0).then(|| value.to_string()));
                args.extend(tid.map(|tid| format!("thread: {}", self.pid(tid))));
                args
            }
            Call::TimerSettime { id, value, interval } => {
                let mut args = vec![id.to_string(), time(*value)];
                args.extend((*interval != 0).then(|| format!("interval: {}", time(*interval))));
                args
            }
            Call::TimerGettime { id } | Call::TimerDelete { id } => vec![id.to_string()],
            Call::Load { addr } => vec![self.cell(*addr)],
            Call::Set { addr, value } => return format!("{} = {value}", self.cell(*addr)),
            Call::Cas { addr, old, new } => vec![self.cell(*addr), old.to_string(), new.to_string()],
            Call::Xchg { addr, value } | Call::Add { addr, value } => vec![self.cell(*addr), value.to_string()],
            Call::Msg(call) => strace_ipc::msg(self, call),
            Call::Sem(call) => strace_sem::sem(self, call),
            Call::Shm(call) => strace_ipc::shm(self, call),
            Call::Splice { fd_in, off_in, fd_out, off_out, len, flags } => {
                let offset = |at: &Option<i64>| at.map_or("none".into(), |at| at.to_string());
                let mut args = vec![fd(fd_in), offset(off_in), fd(fd_out), offset(off_out), len.to_string()];
                args.extend(splice_flags(*flags));
                args
            }
            Call::Tee { fd_in, fd_out, len, flags } => {
                let mut args = vec![fd(fd_in), fd(fd_out), len.to_string()];
                args.extend(splice_flags(*flags));
                args
            }
            Call::Vmsplice { fd: of, data: bytes, flags } => {
                let mut args = vec![fd(of), data(bytes)];
                args.extend(splice_flags(*flags));
                args
            }
            Call::VmspliceMemory { fd: of, memory, flags } => {
                let mut args = vec![fd(of), path_name(self.machine.program, *memory)];
                args.extend(splice_flags(*flags));
                args
            }
            Call::Store { memory, at, data: bytes } => {
                return format!("{}[{at}] = {}", path_name(self.machine.program, *memory), data(bytes));
            }
            Call::VmspliceRead { fd: of, count, flags } => {
                let mut args = vec![fd(of), count.to_string()];
                args.extend(splice_flags(*flags));
                args
            }
        };
        // `fcntl(F_DUPFD)` counts as `dup` elsewhere.
        let name = if matches!(call, Call::Fcntl { .. }) { CallKind::Fcntl } else { call.kind() };
        format!("{name}({})", args.join(", "))
    }

    /// A process or thread by name, a group with a minus.
    fn pid(&self, pid: i32) -> String {
        let program = self.machine.program;
        let sign = if pid < -1 { "-" } else { "" };
        match program.task_by_tid(pid.saturating_abs()).filter(|_| pid.abs() > 1) {
            Some(task) => {
                let info = &program.tasks[usize::from(task)];
                let leads = program.processes[usize::from(info.process)].threads[0] == task;
                let name = if leads { &program.processes[usize::from(info.process)].name } else { &info.name };
                format!("{sign}{name}")
            }
            None => pid.to_string(),
        }
    }

    fn disposition(&self, disposition: Disposition) -> String {
        match disposition {
            Disposition::Default => "SIG_DFL".into(),
            Disposition::Ignore => "SIG_IGN".into(),
            Disposition::Handler(number) => {
                let handlers = &self.machine.program.tasks[usize::from(self.task)].code.handlers;
                handlers.get(usize::from(number)).map_or_else(|| number.to_string(), |handler| handler.name.clone())
            }
        }
    }

    /// `p.r` while the descriptor is the one that the task holds this end at from the start; `5<p.r>` for another one that
    /// is open, `3<f>` for a FIFO; the number alone if it is not open.
    pub fn fd(&self, fd: Fd) -> String {
        let kernel = &self.state.kernel;
        let Some(place) = self.end_at(fd) else { return fd.to_string() };
        let program = self.machine.program;
        let mut founder = &program.processes[program.tasks[self.task as usize].process as usize];
        while let Some(parent) = founder.parent {
            founder = &program.processes[parent as usize];
        }
        let declared = usize::try_from(fd - FIRST_FD).ok().and_then(|i| founder.ends.get(i));
        let file = kernel.process_of(self.task).file(fd).map(|id| kernel.file(id));
        let same = declared.is_some_and(|&(object, end)| {
            file.is_some_and(|file| {
                self.machine.pipe_of(object) == Some(file.pipe)
                    && file.read == (end == End::Read)
                    && file.read != file.write
            })
        });
        if same { place } else { format!("{fd}<{place}>") }
    }

    /// `m[0]`, or the address if nothing is mapped there.
    fn cell(&self, addr: Addr) -> String {
        let process = self.state.kernel.process_id_of(self.task);
        match self.state.kernel.mm(process).at(addr) {
            Some(vma) => shm::cell_name(self.machine, self.state, vma.shm, vma.cell(addr)),
            None => format!("*{addr:#x}"),
        }
    }

    /// What is open at a descriptor: `p.r`, or the name of a FIFO.
    fn end_at(&self, fd: Fd) -> Option<String> {
        let kernel = &self.state.kernel;
        let id = kernel.process_of(self.task).file(fd)?;
        // A descriptor that an open has reserved is not open yet.
        let file = kernel.open_file(id)?;
        if let Some(open) = &file.regular {
            return Some(path_name(self.machine.program, open.path));
        }
        if let Some(mask) = file.signalfd {
            return Some(format!("signalfd {}", set(mask)));
        }
        let name = self.machine.pipe_name(self.state, file.pipe);
        Some(match (kernel.pipe(file.pipe).fifo, file.write) {
            (Some(_), _) => name,
            (None, false) => format!("{name}.r"),
            (None, true) if file.read => format!("{name}.rw"),
            (None, true) => format!("{name}.w"),
        })
    }

    /// What follows the call: `= 4096`, `= "ab"`, `= EOF`, `= -1 EAGAIN`. Names are looked up in the state after it.
    pub fn result(&self, call: Option<&Call>, ret: &Return) -> String {
        let n = match ret.ret {
            Err(errno) => return format!("= -1 {errno}"),
            Ok(n) => n,
        };
        let Some(call) = call else { return format!("= {n}") };
        match call {
            Call::Read { count: 0, .. } | Call::Pread { count: 0, .. } | Call::VmspliceRead { count: 0, .. } => {
                "= 0".into()
            }
            Call::Read { .. } | Call::Pread { .. } | Call::VmspliceRead { .. } if n == 0 => "= EOF".into(),
            // Signals of a signalfd.
            Call::Read { .. } if !ret.extra.is_empty() => {
                format!("= {}", Value::Result(Box::new(CallResult::new(CallKind::Read, ret))))
            }
            Call::Read { .. } | Call::Pread { .. } | Call::VmspliceRead { .. } => format!("= {}", data(&ret.data)),
            Call::Fcntl { cmd: Fcntl::GetFl, .. } => {
                format!("= {}", constants::open_flags(OpenFlags::from_bits_retain(n as u32)))
            }
            Call::Pipe2 { .. } => match ret.extra[..] {
                [r, w] => format!("= {{{}, {}}}", self.fd(r as Fd), self.fd(w as Fd)),
                _ => format!("= {n}"),
            },
            Call::Open { .. } | Call::Reopen { .. } | Call::Dup { .. } | Call::Dup2 { .. } | Call::Signalfd { .. } => {
                format!("= {}", self.fd(n as Fd))
            }
            Call::Fcntl { cmd: Fcntl::DupFd(_), .. } => format!("= {}", self.fd(n as Fd)),
            Call::Set { .. } => String::new(),
            Call::Fork { child } => format!("= {}", self.machine.program.processes[*child as usize].name),
            Call::Msg(call) => strace_ipc::result(self, call, ret),
            Call::Sem(call) => strace_sem::result(self, call, ret),
            Call::Shm(call) => strace_ipc::shm_result(self, call, ret),
            Call::Poll { .. } | Call::Fstat { .. } => {
                format!("= {}", Value::Result(Box::new(CallResult::new(call.kind(), ret))))
            }
            _ => format!("= {n}"),
        }
    }
}

/// The name of the FIFO, file or memory with this path index.
pub fn path_name(program: &Compiled, path: u16) -> String {
    let mut named = program.objects.iter().filter(|o| o.kind.has_path());
    named.nth(path.into()).map_or_else(|| format!("fifo#{path}"), |o| o.name.clone())
}

/// `p.r` or `p.w`; of a FIFO, `f for reading` or `f for writing`.
pub fn side_name(machine: &Machine, state: &State, pipe: PipeId, writer: bool) -> String {
    let name = machine.pipe_name(state, pipe);
    match (state.kernel.pipe(pipe).fifo.is_some(), writer) {
        (false, false) => format!("{name}.r"),
        (false, true) => format!("{name}.w"),
        (true, false) => format!("{name} for reading"),
        (true, true) => format!("{name} for writing"),
    }
}

/// A byte string in the notation, its middle left out if it is long.
pub fn data(payload: &Payload) -> String {
    shorten(&payload.to_string(), DATA)
}

fn rw_flags(flags: RwFlags) -> Option<String> {
    (!flags.is_empty()).then(|| format!("flags: {}", constants::flags(flags)))
}

fn splice_flags(flags: SpliceFlags) -> Option<String> {
    (!flags.is_empty()).then(|| constants::flags(flags))
}

fn fcntl(cmd: &Fcntl) -> Vec<String> {
    match cmd {
        Fcntl::GetFl => vec!["F_GETFL".into()],
        Fcntl::SetFl(flags) => vec!["F_SETFL".into(), constants::flags(*flags)],
        Fcntl::GetPipeSz => vec!["F_GETPIPE_SZ".into()],
        Fcntl::SetPipeSz(size) => vec!["F_SETPIPE_SZ".into(), size.to_string()],
        Fcntl::DupFd(from) => vec!["F_DUPFD".into(), from.to_string()],
    }
}

/// Whether a result is an error that a reader would stop at: `EAGAIN` tells only that the call would have slept.
pub fn is_failure(ret: &Return) -> bool {
    ret.ret.is_err_and(|errno| errno != Errno::EAGAIN)
}

fn signal_name(number: i32) -> String {
    match u8::try_from(number) {
        Ok(signal @ 1..=64) => signal::name(signal),
        _ => number.to_string(),
    }
}

/// `[SIGUSR1, SIGTERM]`
fn set(signals: SigSet) -> String {
    format!("[{}]", signal::set_in_words(signals).replace('|', ", ").trim_start_matches('0'))
}

fn timeout_argument(timeout: &Timeout) -> Option<String> {
    match timeout {
        Timeout::Never => None,
        Timeout::Now => Some("timeout: 0".into()),
        Timeout::After(us) => Some(format!("timeout: {}", time(*us))),
    }
}

/// Microseconds as the notation writes them.
pub fn time(us: u64) -> String {
    match us {
        0 => "0".into(),
        us if us % 1000 == 0 => format!("{} ms", us / 1000),
        us => format!("{us} us"),
    }
}
