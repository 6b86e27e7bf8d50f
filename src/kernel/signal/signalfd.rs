//! `signalfd`: signals as something to be read and polled, `fs/signalfd.c`.
//!
//! The file is a mask and nothing else. Who reads it takes signals of its own, whoever made the file.

use super::{SIGINFO_FIELDS, SigSet, UNBLOCKABLE};
use crate::kernel::{
    Call, Cx, Errno, Fcntl, Fd, File, FileId, Frame, InCall, Kernel, OpenFlags, ProcessId, QueueId, RestartKind,
    Return, Step, TaskId, WaitEntry, WakeUp,
    canon::canon_struct,
    rules::*,
    syscall::{Entered, fails, returns},
};
use smallvec::{SmallVec, smallvec};

/// Bytes of a `struct signalfd_siginfo`.
pub const SIGINFO_SIZE: u32 = 128;

/// `signalfd_read`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignalfdRead {
    file: FileId,
    process: ProcessId,
    /// Records that still fit.
    count: u32,
    /// How many bytes of the buffer are writable memory, if not all.
    fault: Option<u32>,
    /// It must not sleep (any more).
    nonblock: bool,
    /// What was copied: five numbers for each signal.
    copied: SmallVec<[i64; 2]>,
}

canon_struct!(SignalfdRead { file, process, count, fault, nonblock, copied });

impl SignalfdRead {
    /// One section: one look at the pending signals, under the lock of the process.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        let queue = QueueId::signalfd(self.process);
        let Some(mask) = cx.k.file(self.file).signalfd else { return fails(Errno::EBADF) };
        if let Some(info) = cx.dequeue_signal(!mask) {
            cx.trace.rule(SIG_W_05);
            cx.leave(queue);
            if self.fault.is_some_and(|writable| writable < self.bytes() + SIGINFO_SIZE) {
                // The signal is gone all the same.
                return if self.copied.is_empty() { fails(Errno::EFAULT) } else { self.copied() };
            }
            self.copied.extend(info.extra());
            self.count -= 1;
            if self.count == 0 {
                return self.copied();
            }
            self.nonblock = true;
            return Step::Preempted;
        }
        if !self.copied.is_empty() {
            cx.trace.rule(SIG_W_05_MORE);
            return self.copied();
        }
        if self.nonblock {
            cx.trace.rule(SIG_W_05_AGAIN);
            return fails(Errno::EAGAIN);
        }
        cx.enqueue(queue, WaitEntry { task: cx.me, exclusive: false, key: 0 });
        if cx.signal_pending() {
            cx.leave(queue);
            return Step::Restart(RestartKind::Sys);
        }
        cx.schedule(Some(queue.into()))
    }

    fn bytes(&self) -> u32 {
        self.copied.len() as u32 / u32::from(SIGINFO_FIELDS) * SIGINFO_SIZE
    }

    fn copied(&self) -> Step {
        Step::Returned(Return { extra: self.copied.clone(), ..Return::value(self.bytes().into()) })
    }

    /// Whether there is something to read for a task.
    pub fn ready(&self, k: &Kernel, me: TaskId) -> bool {
        k.signalfd_readable(me, self.file)
    }
}

impl Kernel {
    /// `signalfd_poll`: whether a signal of the file's mask is pending for a task or its process.
    pub(in crate::kernel) fn signalfd_readable(&self, task: TaskId, file: FileId) -> bool {
        let pending = self.task(task).pending.signal | self.process_of(task).signal.shared_pending.signal;
        self.file(file).signalfd.is_some_and(|mask| mask & pending != 0)
    }
}

impl Cx<'_> {
    /// `do_signalfd4`: a new file, or another mask for the one behind a descriptor.
    pub(in crate::kernel) fn signalfd(&mut self, fd: Fd, mask: SigSet, flags: OpenFlags) -> Entered {
        let mask = mask & !UNBLOCKABLE;
        if !(OpenFlags::O_CLOEXEC | OpenFlags::O_NONBLOCK).contains(flags) {
            self.trace.rule(SIG_W_05_ARGS);
            return Err(fails(Errno::EINVAL));
        }
        if fd == -1 {
            let fd = self.reserve_fd().map_err(fails)?;
            let file = self.new_file(File {
                f_count: 1,
                read: true,
                write: true,
                f_flags: flags & OpenFlags::O_NONBLOCK,
                nowait: true,
                signalfd: Some(mask),
                pipe: crate::kernel::PipeId::MAX,
                ..File::default()
            });
            self.install_fd(fd, file);
            return returns(fd);
        }
        let file = self.file_of(fd).ok_or_else(|| fails(Errno::EBADF))?;
        if self.k.file(file).signalfd.is_none() {
            self.trace.rule(SIG_W_05_ARGS);
            return Err(fails(Errno::EINVAL));
        }
        self.trace.rule(SIG_W_05_MASK);
        self.k.file_mut(file).signalfd = Some(mask);
        let process = self.k.task(self.me).process;
        self.signalfd_notify(process);
        returns(fd)
    }

    /// `signalfd_notify`: every reader and poller of a process looks again, whatever the signal was.
    pub(super) fn signalfd_notify(&mut self, process: ProcessId) {
        let queue = QueueId::signalfd(process);
        if !self.k.queue(queue).entries.is_empty() {
            self.trace.rule(SIG_W_05_NOTIFY);
            self.wake_up(queue, WakeUp::One, 0);
        }
    }

    /// `signalfd_read`, up to its first look.
    pub(in crate::kernel) fn read_signalfd(
        &mut self,
        file: FileId,
        count: u32,
        fault: Option<u32>,
        nowait: bool,
    ) -> Entered {
        let count = count / SIGINFO_SIZE;
        if count == 0 {
            self.trace.rule(SIG_W_05_SIZE);
            return Err(fails(Errno::EINVAL));
        }
        let nonblock = nowait || self.k.file(file).nonblocking();
        let process = self.k.task(self.me).process;
        let read = SignalfdRead { file, process, count, fault, nonblock, copied: SmallVec::new() };
        let fput = self.fdget(file);
        Ok(Frame { call: Some(InCall::Signalfd(Box::new(read))), fput })
    }

    /// The answer of a call that every signalfd answers alike; none if the call is another one, or no signalfd is behind its
    /// descriptor.
    pub(in crate::kernel) fn on_signalfd(&mut self, call: &Call) -> Option<Return> {
        let fd = match *call {
            Call::Pread { fd, .. } | Call::Pwrite { fd, .. } | Call::Lseek { fd, .. } | Call::Ftruncate { fd, .. } => {
                fd
            }
            Call::Fsync { fd } | Call::Fstat { fd } | Call::Fionread { fd } | Call::Ioctl { fd, .. } => fd,
            Call::Fcntl { fd, cmd: Fcntl::GetPipeSz | Fcntl::SetPipeSz(_) | Fcntl::SetFl(_) } => fd,
            Call::Reopen { fd, .. } => fd,
            _ => return None,
        };
        let file = self.file_of(fd)?;
        self.k.file(file).signalfd?;
        let answer = match call {
            Call::Fcntl { cmd: Fcntl::SetFl(flags), .. } if !flags.contains(OpenFlags::O_DIRECT) => return None,
            // noop_llseek
            Call::Lseek { .. } => Return::value(0),
            Call::Fstat { .. } => Return { extra: smallvec![0o600, 0, 4096], ..Return::value(0) },
            Call::Pread { .. } | Call::Pwrite { .. } => Errno::ESPIPE.into(),
            Call::Fionread { .. } | Call::Ioctl { .. } => Errno::ENOTTY.into(),
            Call::Fcntl { cmd: Fcntl::GetPipeSz | Fcntl::SetPipeSz(_), .. } => Errno::EBADF.into(),
            // The inode of all anonymous files belongs to root, and cannot be opened.
            Call::Reopen { .. } if self.k.process_of(self.me).uid != 0 => Errno::EACCES.into(),
            Call::Reopen { .. } => Errno::ENXIO.into(),
            _ => Errno::EINVAL.into(),
        };
        self.trace.rule(SIG_W_05_FILE);
        Some(answer)
    }
}
