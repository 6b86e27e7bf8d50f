//! The entry of each call: descriptors and arguments, up to the first place where it could sleep.

use super::{
    Call, CallKind, Cx, Errno, Fcntl, Fd, File, FileId, Frame, InCall, Life, OpenFlags, PipeId, ProcessId, Quirk,
    RestartKind, Return, RunState, RwFlags, Step, TaskId,
    exit::Exit,
    pipe::{self, FifoOpen, PipeLock, PipeRead, PipeReadV3, PipeResize, PipeWrite, PipeWriteV3, Then},
    poll::Poll,
    rules::*,
    signal::{Pause, SignalStruct, Sigtimedwait, Wait4},
};
use smallvec::smallvec;

/// In a descriptor table: taken by an open that is under way.
const RESERVED: FileId = FileId::MAX;

/// A call that can sleep, or how it ended.
pub(super) type Entered = Result<Frame, Step>;

pub(super) fn fails(errno: Errno) -> Step {
    Step::Returned(errno.into())
}

pub(super) fn returns(value: impl Into<i64>) -> Entered {
    Err(Step::Returned(Return::value(value.into())))
}

impl Cx<'_> {
    /// From user level into a call: its frame if it can sleep, else how it ended.
    #[inline]
    pub(super) fn enter(&mut self, call: Call) -> Entered {
        match call {
            Call::Load { .. } | Call::Set { .. } | Call::Cas { .. } | Call::Xchg { .. } | Call::Add { .. } => {
                self.access(&call)
            }
            Call::Write { fd, data, flags } => {
                self.k.drain(self.me);
                self.write(fd, data, flags)
            }
            Call::Read { fd, count, fault, flags } => {
                self.k.drain(self.me);
                self.read(fd, count, fault, flags)
            }
            other => {
                self.k.drain(self.me);
                self.enter_other(other)
            }
        }
    }

    fn enter_other(&mut self, call: Call) -> Entered {
        if let Some(answer) = self.on_regular(&call) {
            return Err(Step::Returned(answer));
        }
        if let Some(answer) = self.on_signalfd(&call) {
            return Err(Step::Returned(answer));
        }
        match call {
            Call::Write { .. }
            | Call::Read { .. }
            | Call::Load { .. }
            | Call::Set { .. }
            | Call::Cas { .. }
            | Call::Xchg { .. }
            | Call::Add { .. } => unreachable!("entered above"),
            Call::Pipe2 { flags } => self.pipe2(flags),
            Call::Open { path, flags } if self.k.regular_at(path).is_some() => {
                returns(self.open_regular(path, flags).map_err(fails)?)
            }
            Call::Open { path, flags } => {
                let open = FifoOpen::new(self, path, flags).map_err(fails)?;
                Ok(Frame { call: Some(InCall::Open(open)), fput: None })
            }
            Call::Reopen { fd, flags } => {
                let file = self.fd(fd).map_err(|_| fails(Errno::ENOENT))?;
                if let Some(open) = &self.k.file(file).regular {
                    let path = open.path;
                    return returns(self.open_regular(path, flags).map_err(fails)?);
                }
                let pipe = self.k.file(file).pipe;
                let inode = self.k.pipe(pipe);
                if inode.fifo.is_none() && inode.uid != self.k.process_of(self.me).uid {
                    return Err(fails(Errno::EACCES));
                }
                let open = FifoOpen::reopen(self, pipe, flags).map_err(fails)?;
                Ok(Frame { call: Some(InCall::Open(open)), fput: None })
            }
            Call::Close { fd } => self.close(fd),
            Call::Dup { fd } => self.dup(fd, 0),
            Call::Dup2 { fd, to } => self.dup2(fd, to),
            Call::Pread { fd, .. } | Call::Pwrite { fd, .. } | Call::Lseek { fd, .. } => {
                self.fd(fd).map_err(fails)?;
                self.trace.rule(PIPE_F_01);
                Err(fails(Errno::ESPIPE))
            }
            Call::Ftruncate { fd, length } => {
                if length >= 0 {
                    self.fd(fd).map_err(fails)?;
                    self.trace.rule(PIPE_F_01);
                }
                Err(fails(Errno::EINVAL))
            }
            Call::Fsync { fd } => {
                self.fd(fd).map_err(fails)?;
                self.trace.rule(PIPE_F_01);
                Err(fails(Errno::EINVAL))
            }
            Call::Fstat { fd } => {
                let file = self.fd(fd).map_err(fails)?;
                self.trace.rule(PIPE_C_05);
                let fifo = self.k.pipe(self.k.file(file).pipe).fifo;
                let mode = if fifo.is_some() { 0o010_666 } else { 0o010_600 };
                Err(Step::Returned(Return { extra: smallvec![mode, 0, 4096], ..Return::value(0) }))
            }
            Call::Fcntl { fd, cmd } => self.fcntl(fd, cmd),
            Call::Fionread { fd } => {
                let file = self.fd(fd).map_err(fails)?;
                let pipe = self.k.file(file).pipe;
                self.with_lock(CallKind::Ioctl, pipe, file, Then::Fionread)
            }
            Call::Ioctl { fd, .. } => {
                self.fd(fd).map_err(fails)?;
                if self.env.quirks.has(Quirk::IoctlInval) {
                    self.trace.rule(PIPE_S_09_EINVAL);
                    return Err(fails(Errno::EINVAL));
                }
                self.trace.rule(PIPE_S_09);
                Err(fails(Errno::ENOTTY))
            }
            Call::Poll { fds, timeout } => {
                let poll = Poll::new(&fds, timeout);
                Ok(Frame { call: Some(InCall::Poll(Box::new(poll))), fput: None })
            }
            Call::Fork { child } => Err(self.fork(child)),
            Call::Exit { status } => Ok(Frame { call: Some(InCall::Exit(Exit::group(status))), fput: None }),
            Call::ThreadExit { status } => Ok(Frame { call: Some(InCall::Exit(Exit::thread(status))), fput: None }),
            Call::Pause => Ok(Frame { call: Some(InCall::Pause(Pause::new(self, None))), fput: None }),
            Call::Sigsuspend { mask } => {
                Ok(Frame { call: Some(InCall::Pause(Pause::new(self, Some(mask)))), fput: None })
            }
            Call::Sigtimedwait { set, timeout } => {
                Ok(Frame { call: Some(InCall::Sigtimedwait(Sigtimedwait::new(set, timeout))), fput: None })
            }
            Call::Waitpid { pid, options } => {
                let process = self.k.task(self.me).process;
                let wait = Wait4::new(process, pid, options).map_err(fails)?;
                Ok(Frame { call: Some(InCall::Wait(wait)), fput: None })
            }
            Call::Kill { pid, signal } => Err(Step::Returned(self.kill(pid, signal))),
            Call::Tgkill { pid, tid, signal } => Err(Step::Returned(self.tgkill(pid, tid, signal))),
            Call::Sigqueue { pid, signal, value, code } => Err(Step::Returned(self.sigqueue(pid, signal, value, code))),
            Call::Sigaction { signal, action } => Err(Step::Returned(self.sigaction(signal, action))),
            Call::Sigprocmask { how, set } => {
                Ok(Frame { call: Some(InCall::Sigprocmask { how, set, locked: false }), fput: None })
            }
            Call::Signalfd { fd, mask, flags } => self.signalfd(fd, mask, flags),
            Call::Alarm { seconds } => Err(Step::Returned(self.alarm(seconds))),
            Call::Setitimer { which, value, interval } => Err(Step::Returned(self.setitimer(which, value, interval))),
            Call::TimerCreate { signal, value, tid } => Err(Step::Returned(self.timer_create(signal, value, tid))),
            Call::TimerSettime { id, value, interval } => Err(Step::Returned(self.timer_settime(id, value, interval))),
            Call::TimerGettime { id } => Err(Step::Returned(self.timer_gettime(id))),
            Call::TimerDelete { id } => Err(Step::Returned(self.timer_delete(id))),
            Call::Sigpending => Err(Step::Returned(self.sigpending())),
            Call::Sigreturn => Err(self.sigreturn()),
            Call::Yield => returns(0),
            Call::Msg(call) => self.enter_msg(call),
            Call::Sem(call) => self.enter_sem(call),
            Call::Shm(call) => self.enter_shm(call),
            Call::Splice { fd_in, off_in, fd_out, off_out, len, flags } => {
                self.enter_splice((fd_in, off_in), (fd_out, off_out), len, flags)
            }
            Call::Tee { fd_in, fd_out, len, flags } => self.enter_tee(fd_in, fd_out, len, flags),
            Call::Vmsplice { fd, data, flags } => self.enter_vmsplice(fd, data, flags),
            Call::VmspliceMemory { fd, memory, flags } => self.enter_vmsplice_memory(fd, memory, flags),
            Call::Store { memory, at, data } => Err(Step::Returned(self.store(memory, at, &data))),
            Call::VmspliceRead { fd, count, flags } => self.enter_vmsplice_read(fd, count, flags),
        }
    }

    /// The open file behind a descriptor of the caller.
    pub(super) fn file_of(&self, fd: Fd) -> Option<FileId> {
        self.k.process_of(self.me).file(fd).filter(|&file| file != RESERVED)
    }

    #[inline]
    fn fd(&self, fd: Fd) -> Result<FileId, Errno> {
        self.file_of(fd).ok_or(Errno::EBADF)
    }

    /// `fdget`: a reference for the length of the call, if another thread could close the descriptor.
    #[inline]
    pub(super) fn fdget(&mut self, file: FileId) -> Option<FileId> {
        if self.k.process_of(self.me).threads <= 1 {
            return None;
        }
        self.k.file_mut(file).f_count += 1;
        Some(file)
    }

    #[inline]
    fn write(&mut self, fd: Fd, data: super::Payload, flags: RwFlags) -> Entered {
        self.preadv2(flags)?;
        let id = self.fd(fd).map_err(fails)?;
        let file = self.k.file(id);
        if !file.write {
            self.trace.rule(PIPE_F_01);
            return Err(fails(Errno::EBADF));
        }
        if file.regular.is_some() {
            if !data.is_empty() {
                self.rw_flags(id, flags).map_err(fails)?;
            }
            return Err(Step::Returned(self.write_regular(id, &data, None)));
        }
        if file.signalfd.is_some() {
            self.trace.rule(SIG_W_05_FILE);
            return Err(fails(Errno::EINVAL));
        }
        if data.is_empty() {
            self.trace.rule(PIPE_W_01);
            return returns(0);
        }
        let nowait = self.rw_flags(id, flags).map_err(fails)?;
        let file = self.k.file(id);
        let nosignal = flags.contains(RwFlags::RWF_NOSIGNAL);
        let call = if self.env.quirks.has(Quirk::PipeOneQueue) {
            InCall::WriteV3(Box::new(PipeWriteV3::new(id, file, data, nowait, nosignal)))
        } else {
            InCall::Write(PipeWrite::new(id, file, data, nowait, nosignal))
        };
        let fput = self.fdget(id);
        Ok(Frame { call: Some(call), fput })
    }

    #[inline]
    fn read(&mut self, fd: Fd, count: u32, fault: Option<u32>, flags: RwFlags) -> Entered {
        self.preadv2(flags)?;
        let id = self.fd(fd).map_err(fails)?;
        let file = self.k.file(id);
        if !file.read {
            self.trace.rule(PIPE_F_01);
            return Err(fails(Errno::EBADF));
        }
        if file.regular.is_some() {
            if count > 0 {
                self.rw_flags(id, flags).map_err(fails)?;
            }
            return Err(Step::Returned(self.read_regular(id, count, fault, None)));
        }
        if file.signalfd.is_some() {
            if !flags.is_empty() {
                self.trace.rule(SIG_W_05_FLAGS);
                if count == 0 {
                    return returns(0);
                }
                if !self.env.quirks.has(Quirk::SignalfdReadIter) {
                    return Err(fails(Errno::EOPNOTSUPP));
                }
            }
            let nowait = self.rw_flags(id, flags).map_err(fails)?;
            return self.read_signalfd(id, count, fault, nowait);
        }
        if count == 0 {
            self.trace.rule(PIPE_R_01);
            return returns(0);
        }
        let nowait = self.rw_flags(id, flags).map_err(fails)?;
        let file = self.k.file(id);
        let call = if self.env.quirks.has(Quirk::PipeOneQueue) {
            InCall::ReadV3(Box::new(PipeReadV3::new(id, file, count, fault, nowait)))
        } else {
            InCall::Read(PipeRead::new(id, file, count, fault, nowait))
        };
        let fput = self.fdget(id);
        Ok(Frame { call: Some(call), fput })
    }

    /// A call with flags is `preadv2` or `pwritev2`.
    #[inline]
    fn preadv2(&mut self, flags: RwFlags) -> Result<(), Step> {
        if flags.is_empty() || self.env.quirks.has(Quirk::Preadv2) {
            return Ok(());
        }
        self.trace.rule(PIPE_W_06_ENOSYS);
        Err(fails(Errno::ENOSYS))
    }

    /// `kiocb_set_rw_flags`: whether the call must not sleep.
    #[inline]
    fn rw_flags(&mut self, id: FileId, flags: RwFlags) -> Result<bool, Errno> {
        if flags.is_empty() {
            return Ok(false);
        }
        let quirks = self.env.quirks;
        let mut supported = RwFlags::RWF_NOWAIT;
        supported.set(RwFlags::RWF_NOSIGNAL, quirks.has(Quirk::NoSignalWrites));
        if !supported.contains(flags) {
            return Err(Errno::EOPNOTSUPP);
        }
        let nowait = flags.contains(RwFlags::RWF_NOWAIT);
        if nowait {
            self.trace.rule(PIPE_NOWAIT);
            if !(self.k.file(id).nowait && quirks.has(Quirk::NoWaitReads)) {
                return Err(Errno::EOPNOTSUPP);
            }
        }
        Ok(nowait)
    }

    fn pipe2(&mut self, flags: OpenFlags) -> Entered {
        let mut allowed = OpenFlags::O_CLOEXEC | OpenFlags::O_NONBLOCK;
        allowed.set(OpenFlags::O_DIRECT, self.env.quirks.has(Quirk::PipePackets));
        allowed.set(OpenFlags::O_NOTIFICATION_PIPE, self.env.quirks.has(Quirk::NotificationPipes));
        if !allowed.contains(flags) {
            let packets = flags.contains(OpenFlags::O_DIRECT) && !allowed.contains(OpenFlags::O_DIRECT);
            self.trace.rule(if packets { PIPE_C_01_DIRECT } else { PIPE_C_01 });
            return Err(fails(Errno::EINVAL));
        }
        if flags.contains(OpenFlags::O_NOTIFICATION_PIPE) {
            // watch_queue_init without CONFIG_WATCH_QUEUE.
            return Err(fails(Errno::ENOPKG));
        }
        let (pipe, files) = pipe::create_pipe_files(self, flags).map_err(fails)?;
        self.trace.rule(PIPE_C_02);
        let read = self.k.process_of(self.me).lowest_free(0);
        let write = self.k.process_of(self.me).lowest_free(read + 1);
        if write >= self.env.limits.nofile as Fd {
            for file in &files {
                pipe::release(self, file);
            }
            return Err(fails(Errno::EMFILE));
        }
        debug_assert_eq!(self.k.ends(pipe).files, 2);
        for (fd, file) in [read, write].into_iter().zip(files) {
            let file = self.k.install_file(File { f_count: 1, ..file });
            self.install_fd(fd, file);
        }
        Err(Step::Returned(Return { extra: smallvec![read.into(), write.into()], ..Return::value(0) }))
    }

    fn close(&mut self, fd: Fd) -> Entered {
        let file = self.fd(fd).map_err(fails)?;
        self.unreserve_fd(fd);
        self.fput_at_end(CallKind::Close, file, 0)
    }

    /// A short call that needs the pipe's lock: over at once, unless a resize keeps the lock.
    fn with_lock(&mut self, kind: CallKind, pipe: PipeId, file: FileId, then: Then) -> Entered {
        let call = PipeLock { kind, pipe, then };
        if !self.k.ring(pipe).locked {
            return Err(call.step(self));
        }
        let fput = self.fdget(file);
        Ok(Frame { call: Some(InCall::Lock(Box::new(call))), fput })
    }

    /// `fput` as the last thing that a call does.
    fn fput_at_end(&mut self, kind: CallKind, id: FileId, value: Fd) -> Entered {
        let file = self.k.file(id);
        if file.f_count > 1 || !file.is_pipe() || !self.k.ring(file.pipe).locked {
            self.fput(id);
            return returns(value);
        }
        let file = std::mem::take(self.k.file_mut(id));
        self.k.freed();
        let (pipe, returns) = (file.pipe, value.into());
        let call = PipeLock { kind, pipe, then: Then::Release { file: File { f_count: 0, ..file }, returns } };
        Ok(Frame { call: Some(InCall::Lock(Box::new(call))), fput: None })
    }

    fn dup(&mut self, fd: Fd, from: Fd) -> Entered {
        let file = self.fd(fd).map_err(fails)?;
        let to = self.k.process_of(self.me).lowest_free(from);
        if to >= self.env.limits.nofile as Fd {
            return Err(fails(Errno::EMFILE));
        }
        self.k.file_mut(file).f_count += 1;
        self.install_fd(to, file);
        returns(to)
    }

    fn dup2(&mut self, fd: Fd, to: Fd) -> Entered {
        let nofile = self.env.limits.nofile as Fd;
        let file = self.fd(fd).map_err(fails)?;
        if fd == to {
            return returns(to);
        }
        if !(0..nofile).contains(&to) {
            return Err(fails(Errno::EBADF));
        }
        let old = self.k.process_of(self.me).file(to);
        if old == Some(RESERVED) {
            return Err(fails(Errno::EBUSY));
        }
        self.k.file_mut(file).f_count += 1;
        self.install_fd(to, file);
        match old {
            Some(old) => self.fput_at_end(CallKind::Dup2, old, to),
            None => returns(to),
        }
    }

    fn fcntl(&mut self, fd: Fd, cmd: Fcntl) -> Entered {
        let id = self.fd(fd).map_err(fails)?;
        match cmd {
            Fcntl::GetFl => returns(self.k.file(id).getfl().bits()),
            Fcntl::SetFl(flags) if flags.contains(OpenFlags::O_DIRECT) && !self.env.quirks.has(Quirk::SetFlPackets) => {
                self.trace.rule(PIPE_W_14_SETFL);
                Err(fails(Errno::EINVAL))
            }
            Fcntl::SetFl(flags) => {
                self.k.file_mut(id).setfl(flags);
                returns(0)
            }
            Fcntl::GetPipeSz => {
                let pipe = self.k.file(id).pipe;
                self.with_lock(CallKind::Fcntl, pipe, id, Then::Size)
            }
            Fcntl::SetPipeSz(size) => {
                let pipe = self.k.file(id).pipe;
                let fput = self.fdget(id);
                Ok(Frame { call: Some(InCall::Resize(PipeResize::new(pipe, size))), fput })
            }
            Fcntl::DupFd(from) if from < 0 || from >= self.env.limits.nofile as Fd => Err(fails(Errno::EINVAL)),
            Fcntl::DupFd(from) => self.dup(fd, from),
        }
    }

    /// `kernel_clone`: the child has the caller's descriptors and signal mask, and all threads of its process.
    fn fork(&mut self, child: ProcessId) -> Step {
        // copy_process: what came before the fork is attended to before it, be another thread told of it.
        self.recalc_sigpending();
        if self.signal_pending() {
            self.trace.rule(SIG_M_05_AGAIN);
            return Step::Restart(RestartKind::NoIntr);
        }
        if self.k.process(child).life != Life::Unborn {
            return fails(Errno::EAGAIN);
        }
        let files = self.k.process_of(self.me).files.clone();
        for &file in files.iter().flatten().filter(|&&file| file != RESERVED) {
            self.k.file_mut(file).f_count += 1;
        }
        let (blocked, uid) = (self.k.task(self.me).blocked, self.k.process_of(self.me).uid);
        self.dup_mmap(child);
        // Actions and mask are the parent's, and nothing is pending.
        let of = &self.k.process_of(self.me).signal;
        let signal = SignalStruct { ignored: of.ignored, handlers: of.handlers.clone(), ..SignalStruct::default() };
        let born = self.k.next_place(self.env, |process| process.born);
        let sibling = self.k.next_sibling(self.env);
        let threads: Vec<TaskId> = self.k.tasks().filter(|(_, t)| t.process == child).map(|(id, _)| id).collect();
        let me = self.me;
        let process = self.k.process_mut(child);
        process.files = files.into_iter().map(|file| file.filter(|&file| file != RESERVED)).collect();
        process.life = Life::Live;
        process.threads = threads.len() as u16;
        process.uid = uid;
        process.parent = Some(me);
        process.born = born;
        process.sibling = sibling;
        process.signal = signal;
        for thread in threads {
            let task = self.k.task_mut(thread);
            task.state = RunState::Running;
            task.blocked = blocked;
        }
        Step::Forked(child)
    }

    /// `get_unused_fd_flags`
    pub(super) fn reserve_fd(&mut self) -> Result<Fd, Errno> {
        let fd = self.k.process_of(self.me).lowest_free(0);
        if fd >= self.env.limits.nofile as Fd {
            return Err(Errno::EMFILE);
        }
        self.install_fd(fd, RESERVED);
        Ok(fd)
    }

    /// `put_unused_fd`, and the table's part of `close`.
    pub(super) fn unreserve_fd(&mut self, fd: Fd) {
        let process = self.k.process_of_mut(self.me);
        *process.place(fd) = None;
        while process.files.last() == Some(&None) {
            process.files.pop();
        }
    }

    /// `fd_install`
    pub(super) fn install_fd(&mut self, fd: Fd, file: FileId) {
        *self.k.process_of_mut(self.me).place(fd) = Some(file);
    }

    /// The timer of the call that the task sleeps in goes off.
    pub(super) fn expire(&mut self) {
        let task = self.k.task_mut(self.me);
        task.timer = false;
        match &mut task.frame.call {
            Some(InCall::Poll(poll)) => poll.expire(),
            Some(InCall::SemTimedOp(call)) => call.expire(),
            Some(InCall::Sigtimedwait(wait)) => wait.expire(),
            _ => {}
        }
        self.try_to_wake_up(self.me);
    }
}
