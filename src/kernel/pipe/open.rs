//! `fifo_open`.

use super::{PipeId, alloc_pipe_info};
use crate::kernel::{
    Cx, Kernel, QueueId, RestartKind, Step,
    call::{CallKind, Fd, OpenFlags, Return},
    canon::{canon_enum, canon_struct},
    errno::Errno,
    file::File,
    frame::WaitsFor,
    quirk::Quirk,
    rules::*,
    wait::{WaitEntry, WakeUp},
};

/// An open under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FifoOpen {
    /// Where it is.
    pub at: At,
    /// The pipe behind the FIFO.
    pub pipe: PipeId,
    /// Access mode and flags.
    pub flags: OpenFlags,
    /// The descriptor that is reserved for it.
    pub fd: Fd,
    /// Through `/proc/self/fd`.
    pub reopen: bool,
}

/// The places of an open where others can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum At {
    /// About to take the lock.
    Locked,
    /// In the queue, waiting for a partner: `cur` is the counter when it began.
    Partner {
        /// The partners' counter at the start.
        cur: u32,
    },
    /// Open, but with a flag that no pipe has by `open`: about to close it again.
    Refused,
}

canon_enum!(At { 0 => Locked, 1 => Partner { cur }, 2 => Refused, });
canon_struct!(FifoOpen { at, pipe, flags, fd, reopen });

/// Counters are only ever compared with an earlier value, so they may wrap early: programs that open for ever stay finite.
fn next(counter: u32) -> u32 {
    counter % 255 + 1
}

impl FifoOpen {
    /// `fifo_open` up to the lock: finds the FIFO's pipe or makes it.
    ///
    /// # Errors
    ///
    /// Those of `alloc_pipe_info`, and `EMFILE`.
    pub fn new(cx: &mut Cx, path: u16, flags: OpenFlags) -> Result<Self, Errno> {
        let fd = cx.reserve_fd()?;
        let pipe = match cx.k.i_pipe(path) {
            Some(pipe) => *pipe,
            None => {
                let pipe = alloc_pipe_info(cx, Some(path)).inspect_err(|_| cx.unreserve_fd(fd))?;
                *cx.k.i_pipe_mut(path) = Some(pipe);
                pipe
            }
        };
        cx.k.ends_mut(pipe).files += 1;
        Ok(FifoOpen { at: At::Locked, pipe, flags, fd, reopen: false })
    }

    /// The open of `/proc/self/fd/N`.
    ///
    /// # Errors
    ///
    /// `EMFILE`.
    pub fn reopen(cx: &mut Cx, pipe: PipeId, flags: OpenFlags) -> Result<Self, Errno> {
        let fd = cx.reserve_fd()?;
        cx.k.ends_mut(pipe).files += 1;
        Ok(FifoOpen { at: At::Locked, pipe, flags, fd, reopen: true })
    }

    /// Which call it is.
    pub fn kind(&self) -> CallKind {
        if self.reopen { CallKind::Reopen } else { CallKind::Open }
    }

    fn read(&self) -> bool {
        !self.flags.contains(OpenFlags::O_WRONLY)
    }

    fn write(&self) -> bool {
        self.flags.intersects(OpenFlags::O_WRONLY | OpenFlags::O_RDWR)
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::Locked => self.locked(cx),
            At::Partner { cur } => self.woken(cx, cur),
            At::Refused => self.refused(cx),
        }
    }

    fn locked(&mut self, cx: &mut Cx) -> Step {
        let anonymous = cx.k.pipe(self.pipe).fifo.is_none();
        if anonymous {
            cx.trace.rule(FIFO_O_08);
            if cx.env.quirks.has(Quirk::ReopenCounts) {
                return self.count(cx);
            }
        }
        let nonblock = self.flags.contains(OpenFlags::O_NONBLOCK);
        match (self.read(), self.write()) {
            (true, false) => {
                let ends = cx.k.ends_mut(self.pipe);
                ends.r_counter = next(ends.r_counter);
                ends.readers += 1;
                let (readers, writers, w_counter) = (ends.readers, ends.writers, ends.w_counter);
                if readers == 1 {
                    self.wake_up_partner(cx);
                }
                if !anonymous && writers == 0 {
                    if nonblock {
                        cx.trace.rule(FIFO_O_03);
                        return self.opened(cx, w_counter);
                    }
                    cx.trace.rule(FIFO_O_01);
                    return self.wait_for_partner(cx, w_counter);
                }
            }
            (false, _) => {
                let ends = cx.k.ends(self.pipe);
                if !anonymous && nonblock && ends.readers == 0 {
                    cx.trace.rule(FIFO_O_04);
                    return self.failed(cx, Step::Returned(Errno::ENXIO.into()));
                }
                let ends = cx.k.ends_mut(self.pipe);
                ends.w_counter = next(ends.w_counter);
                ends.writers += 1;
                let (readers, writers, r_counter) = (ends.readers, ends.writers, ends.r_counter);
                if writers == 1 {
                    self.wake_up_partner(cx);
                }
                if !anonymous && readers == 0 {
                    cx.trace.rule(FIFO_O_05);
                    return self.wait_for_partner(cx, r_counter);
                }
            }
            (true, true) => {
                cx.trace.rule(FIFO_O_06);
                let ends = cx.k.ends_mut(self.pipe);
                ends.r_counter = next(ends.r_counter);
                ends.w_counter = next(ends.w_counter);
                ends.readers += 1;
                ends.writers += 1;
                if ends.readers == 1 || ends.writers == 1 {
                    self.wake_up_partner(cx);
                }
            }
        }
        self.opened(cx, 0)
    }

    /// `pipe_rdwr_open`
    fn count(&mut self, cx: &mut Cx) -> Step {
        cx.trace.rule(FIFO_O_08_COUNT);
        let ends = cx.k.ends_mut(self.pipe);
        ends.readers += u16::from(self.read());
        ends.writers += u16::from(self.write());
        self.opened(cx, 0)
    }

    fn wake_up_partner(&self, cx: &mut Cx) {
        cx.trace.rule(if cx.env.quirks.has(Quirk::PipeOneQueue) { PIPE_K_01 } else { FIFO_O_09 });
        cx.wake_up(QueueId::readers(cx, self.pipe), WakeUp::All, 0);
    }

    /// Into the queue under the lock, then asleep.
    fn wait_for_partner(&mut self, cx: &mut Cx, cur: u32) -> Step {
        self.at = At::Partner { cur };
        let queue = QueueId::readers(cx, self.pipe);
        cx.enqueue(queue, WaitEntry { task: cx.me, exclusive: false, key: 0 });
        cx.schedule(Some(queue.into()))
    }

    /// Out of the queue, lock taken again.
    fn woken(&mut self, cx: &mut Cx, cur: u32) -> Step {
        cx.leave(QueueId::readers(cx, self.pipe));
        let ends = cx.k.ends(self.pipe);
        let (now, partners) = if self.read() { (ends.w_counter, ends.writers) } else { (ends.r_counter, ends.readers) };
        let anyway = cx.env.quirks.has(Quirk::FifoOpenRestarts) && cx.signal_pending();
        if anyway && now != cur {
            cx.trace.rule(FIFO_O_07_ANYWAY);
        }
        if now != cur && !anyway {
            if partners == 0 {
                cx.trace.rule(FIFO_O_02);
            }
            return self.opened(cx, 0);
        }
        if !cx.signal_pending() {
            return self.wait_for_partner(cx, cur);
        }
        cx.trace.rule(FIFO_O_07);
        let ends = cx.k.ends_mut(self.pipe);
        if self.read() {
            ends.readers -= 1;
            if ends.readers == 0 {
                cx.wake_up(QueueId::writers(cx, self.pipe), WakeUp::One, 0);
            }
        } else {
            ends.writers -= 1;
            if ends.writers == 0 {
                cx.wake_up(QueueId::readers(cx, self.pipe), WakeUp::All, 0);
            }
        }
        self.failed(cx, Step::Restart(RestartKind::Sys))
    }

    fn opened(&mut self, cx: &mut Cx, f_pipe: u32) -> Step {
        if self.flags.contains(OpenFlags::O_DIRECT) {
            self.at = At::Refused;
            return Step::Preempted;
        }
        let file = cx.new_file(self.file(f_pipe));
        cx.install_fd(self.fd, file);
        Step::Returned(Return::value(self.fd.into()))
    }

    fn file(&self, f_pipe: u32) -> File {
        let kept = OpenFlags::O_NONBLOCK | OpenFlags::O_APPEND;
        File {
            f_count: 1,
            read: self.read(),
            write: self.write(),
            // force_o_largefile: every open on a 64-bit machine.
            f_flags: self.flags & kept | OpenFlags::O_LARGEFILE,
            nowait: false,
            pipe: self.pipe,
            f_pipe,
            regular: None,
            signalfd: None,
        }
    }

    /// `do_dentry_open` after `fifo_open`: `O_DIRECT` is for files that can do without the page cache.
    fn refused(&self, cx: &mut Cx) -> Step {
        cx.trace.rule(FIFO_O_12);
        cx.unreserve_fd(self.fd);
        super::release::release(cx, &self.file(0));
        Step::Returned(Errno::EINVAL.into())
    }

    fn failed(&self, cx: &mut Cx, step: Step) -> Step {
        cx.unreserve_fd(self.fd);
        super::release::put_pipe_info(cx, self.pipe);
        step
    }

    /// Whether the partner has come.
    pub fn ready(&self, k: &Kernel) -> bool {
        let ends = k.ends(self.pipe);
        match self.at {
            At::Locked | At::Refused => true,
            At::Partner { cur } => cur != if self.read() { ends.w_counter } else { ends.r_counter },
        }
    }

    /// Whom it waits for.
    pub fn waits_for(&self) -> WaitsFor {
        WaitsFor::Pipe { pipe: self.pipe, writer: self.read() }
    }
}
