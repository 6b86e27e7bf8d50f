//! `pipe_read`, before v5.5: a reader waits for the bytes of a sleeping writer ("syscall merging").

use super::{BufFlags, PipeId, write::Outcome};
use crate::kernel::{
    Cx, Kernel, RestartKind, Step,
    call::{PollEvents, Return},
    canon::{canon_enum, canon_struct},
    errno::Errno,
    file::{File, FileId},
    payload::Payload,
    rules::*,
    trace::Event,
};
use smallvec::SmallVec;

/// A read under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PipeReadV3 {
    /// Where it is.
    pub at: At,
    /// The pipe.
    pub pipe: PipeId,
    /// Bytes asked for, at least one.
    pub count: u32,
    /// How many bytes of the buffer are writable memory.
    pub writable: u32,
    /// The bytes that it has.
    pub data: Payload,
    /// It has freed a slot: every wake-up from then on is made.
    pub do_wakeup: bool,
    /// The open file: its flags count when they are needed, not when the call began.
    pub file: FileId,
    /// `RWF_NOWAIT`.
    pub nowait: bool,
}

/// The places of a read where others can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum At {
    /// About to take the lock.
    Locked,
    /// In the queue.
    Waiting,
    /// Lock released for good, nobody woken yet.
    Leave(Outcome),
}

canon_enum!(At { 0 => Locked, 1 => Waiting, 2 => Leave(end), });
canon_struct!(PipeReadV3 { at, pipe, count, writable, data, do_wakeup, file, nowait });

const POLLOUT: u16 = PollEvents::POLLOUT.union(PollEvents::POLLWRNORM).bits();

impl PipeReadV3 {
    /// A read of `count` bytes, at least one, of which the buffer has `fault` if it is shorter.
    pub fn new(id: FileId, file: &File, count: u32, fault: Option<u32>, nowait: bool) -> Self {
        PipeReadV3 {
            at: At::Locked,
            pipe: file.pipe,
            count,
            writable: fault.unwrap_or(count),
            data: Payload::new(),
            do_wakeup: false,
            file: id,
            nowait,
        }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::Locked => self.locked(cx),
            At::Waiting => {
                cx.pipe_waited(self.pipe);
                self.locked(cx)
            }
            At::Leave(end) => {
                if self.do_wakeup {
                    cx.wake_pipe(self.pipe, POLLOUT);
                }
                match end {
                    Outcome::Count => {
                        let data = std::mem::take(&mut self.data);
                        Step::Returned(Return { ret: Ok(data.len().into()), data, extra: SmallVec::new() })
                    }
                    Outcome::Error(errno) => Step::Returned(errno.into()),
                    Outcome::Restart => Step::Restart(RestartKind::Sys),
                }
            }
        }
    }

    /// From `mutex_lock` up to the next sleep or the end.
    fn locked(&mut self, cx: &mut Cx) -> Step {
        if let Some(end) = self.take(cx) {
            return self.unlock(end);
        }
        let ends = cx.k.ends(self.pipe);
        if ends.writers == 0 {
            cx.trace.rule(PIPE_R_03);
            return self.unlock(Outcome::Count);
        }
        if !cx.waits_for_writers(self.pipe) {
            cx.trace.rule(PIPE_R_03);
            if !self.data.is_empty() {
                return self.unlock(Outcome::Count);
            }
            if self.nowait || cx.k.file(self.file).nonblocking() {
                return self.unlock(Outcome::Error(Errno::EAGAIN));
            }
        } else {
            cx.trace.rule(PIPE_R_04);
        }
        if cx.signal_pending() {
            cx.trace.rule(PIPE_R_05_PART);
            return self.unlock(self.count_or(Outcome::Restart));
        }
        if self.do_wakeup {
            // Under the lock (STEP-PIPE-02).
            cx.wake_pipe(self.pipe, POLLOUT);
        }
        self.at = At::Waiting;
        cx.pipe_wait(self.pipe)
    }

    /// Takes bytes from the oldest slots on; says how the read ends if it ends here.
    fn take(&mut self, cx: &mut Cx) -> Option<Outcome> {
        if cx.k.ring(self.pipe).is_empty() {
            return None;
        }
        cx.trace.rule(PIPE_R_02);
        let pipe = self.pipe;
        while let Some(buf) = cx.k.ring_mut(pipe).oldest() {
            let have = self.data.len();
            let chars = u32::from(buf.len).min(self.count - have);
            if have + chars > self.writable {
                cx.trace.rule(PIPE_R_07);
                return Some(self.count_or(Outcome::Error(Errno::EFAULT)));
            }
            let shared = buf.shared.map(|page| (page, u32::from(buf.offset)));
            if shared.is_none() {
                buf.page.slice_into(0, chars, &mut self.data);
                buf.page.advance(chars);
            }
            buf.offset += chars as u16;
            buf.len -= chars as u16;
            let packet = buf.flags.contains(BufFlags::PACKET);
            let freed = buf.len == 0 || packet;
            if freed {
                _ = cx.k.ring_mut(pipe).release_oldest();
                self.do_wakeup = true;
            }
            if let Some((page, offset)) = shared {
                self.data.append(&cx.k.page(page).slice(offset, chars));
                if freed {
                    cx.k.put_page(page);
                }
            }
            cx.trace.tell(|| Event::Taken { pipe, bytes: chars, freed });
            if packet {
                cx.trace.rule(PIPE_R_06);
                return Some(Outcome::Count);
            }
            if self.data.len() == self.count {
                return Some(Outcome::Count);
            }
        }
        None
    }

    fn count_or(&self, otherwise: Outcome) -> Outcome {
        if self.data.is_empty() { otherwise } else { Outcome::Count }
    }

    fn unlock(&mut self, end: Outcome) -> Step {
        self.at = At::Leave(end);
        Step::Preempted
    }

    /// Whether it would go on if it were woken.
    pub fn ready(&self, k: &Kernel) -> bool {
        let pipe = k.pipe(self.pipe);
        pipe.readable() || pipe.ends.waiting_writers == 0 && (self.nowait || !self.data.is_empty())
    }

    /// Where it is, in words.
    pub fn place(&self) -> &'static str {
        match self.at {
            At::Locked => "about to take the lock",
            At::Waiting => "woken, about to take the lock again",
            At::Leave(_) => "lock released for good, nobody woken yet",
        }
    }
}
