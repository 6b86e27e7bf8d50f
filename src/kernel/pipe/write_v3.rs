//! `pipe_write`, before v5.5: one wait queue, and a reader that waits for the bytes of a sleeping writer.

use super::{BufFlags, PipeBuffer, PipeId, write::Outcome};
use crate::kernel::{
    Cx, Kernel, RestartKind, Step,
    call::{OpenFlags, PollEvents, Return},
    canon::{canon_enum, canon_struct},
    env::PAGE_SIZE,
    errno::Errno,
    file::{File, FileId},
    payload::Payload,
    rules::*,
    signal::SIGPIPE,
    trace::Event,
};

/// A write under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PipeWriteV3 {
    /// Where it is.
    pub at: At,
    /// The pipe.
    pub pipe: PipeId,
    /// All of the bytes.
    pub data: Payload,
    /// How many of them are written.
    pub done: u32,
    /// The attempt to append to the last slot is over.
    pub entered: bool,
    /// Something was appended or a slot attempted since the last wake-up.
    pub do_wakeup: bool,
    /// The open file: its flags count when they are needed, not when the call began.
    pub file: FileId,
    /// `RWF_NOWAIT`.
    pub nowait: bool,
    /// It must not send SIGPIPE.
    pub nosignal: bool,
}

/// The places of a write where others can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum At {
    /// About to take the lock.
    Locked,
    /// In the queue, counted as a waiting writer.
    Waiting,
    /// Lock released for good, nobody woken yet.
    Leave(Outcome),
}

canon_enum!(At { 0 => Locked, 1 => Waiting, 2 => Leave(end), });
canon_struct!(PipeWriteV3 { at, pipe, data, done, entered, do_wakeup, file, nowait, nosignal });

const POLLIN: u16 = PollEvents::POLLIN.union(PollEvents::POLLRDNORM).bits();

impl PipeWriteV3 {
    /// A write of `data`, which is not empty.
    pub fn new(id: FileId, file: &File, data: Payload, nowait: bool, nosignal: bool) -> Self {
        PipeWriteV3 {
            at: At::Locked,
            pipe: file.pipe,
            data,
            done: 0,
            entered: false,
            do_wakeup: false,
            file: id,
            nowait,
            nosignal,
        }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::Locked => self.locked(cx),
            At::Waiting => {
                cx.pipe_waited_for_room(self.pipe);
                self.fill(cx)
            }
            At::Leave(end) => {
                self.wake(cx);
                match end {
                    Outcome::Count => Step::Returned(Return::value(self.done.into())),
                    Outcome::Error(errno) => Step::Returned(errno.into()),
                    Outcome::Restart => Step::Restart(RestartKind::Sys),
                }
            }
        }
    }

    fn wake(&mut self, cx: &mut Cx) {
        if std::mem::take(&mut self.do_wakeup) {
            cx.wake_pipe(self.pipe, POLLIN);
        }
    }

    /// From `mutex_lock` at entry up to the first sleep.
    fn locked(&mut self, cx: &mut Cx) -> Step {
        self.entered = true;
        if cx.k.ends(self.pipe).readers == 0 {
            cx.trace.rule(PIPE_W_02);
            return self.no_readers(cx);
        }
        match self.merge(cx) {
            Some(end) => self.unlock(end),
            None => self.fill(cx),
        }
    }

    /// Fills slots up to the end or the next sleep, under the lock.
    fn fill(&mut self, cx: &mut Cx) -> Step {
        loop {
            if cx.k.ends(self.pipe).readers == 0 {
                cx.trace.rule(PIPE_W_09);
                return self.no_readers(cx);
            }
            if !cx.k.ring(self.pipe).is_full() {
                match self.append_page(cx) {
                    Some(end) => return self.unlock(end),
                    None => continue,
                }
            }
            cx.trace.rule(PIPE_W_08);
            if self.nowait || cx.k.file(self.file).nonblocking() {
                cx.trace.rule(PIPE_W_06);
                if self.done > 0 && self.done < PAGE_SIZE {
                    cx.trace.rule(PIPE_W_07);
                }
                return self.unlock(self.count_or(Outcome::Error(Errno::EAGAIN)));
            }
            if cx.signal_pending() {
                cx.trace.rule(PIPE_W_10);
                return self.unlock(self.count_or(Outcome::Restart));
            }
            if self.done > 0 {
                cx.trace.rule(PIPE_W_11);
            }
            // Under the lock (STEP-PIPE-02).
            self.wake(cx);
            self.at = At::Waiting;
            return cx.pipe_wait_for_room(self.pipe);
        }
    }

    /// Puts the bytes beyond whole pages into the last slot, if they fit; says how the write ends if it ends here.
    fn merge(&mut self, cx: &mut Cx) -> Option<Outcome> {
        let chars = self.data.len() % PAGE_SIZE;
        if chars == 0 {
            return None;
        }
        let faults = self.data.readable() < chars;
        let bytes = self.data.slice(0, chars.min(self.data.readable()));
        let last = cx.k.ring_mut(self.pipe).newest()?;
        if !last.flags.contains(BufFlags::CAN_MERGE) {
            return None;
        }
        if u32::from(last.offset) + u32::from(last.len) + chars > PAGE_SIZE {
            cx.trace.rule(PIPE_W_04);
            return None;
        }
        cx.trace.rule(PIPE_W_03);
        self.do_wakeup = true;
        if faults {
            cx.trace.rule(PIPE_W_12);
            return Some(Outcome::Error(Errno::EFAULT));
        }
        let (shared, end) = (last.shared, last.offset + last.len);
        last.len += chars as u16;
        match shared {
            None => last.page.append(&bytes),
            Some(page) => super::write::merge_into_page(cx, page, end.into(), &bytes),
        }
        self.done = chars;
        if self.packet(cx) {
            cx.trace.rule(PIPE_W_15);
        }
        let pipe = self.pipe;
        cx.trace.tell(|| Event::Merged { pipe, bytes: chars });
        (self.done == self.data.len()).then_some(Outcome::Count)
    }

    /// `is_packetized`
    fn packet(&self, cx: &Cx) -> bool {
        cx.k.file(self.file).f_flags.contains(OpenFlags::O_DIRECT)
    }

    /// Fills one free slot; says how the write ends if it ends here.
    fn append_page(&mut self, cx: &mut Cx) -> Option<Outcome> {
        // Even if the copy fails: a reader may sleep because of this writer.
        self.do_wakeup = true;
        let bytes = (self.data.len() - self.done).min(PAGE_SIZE);
        if self.done + bytes > self.data.readable() {
            cx.trace.rule(PIPE_W_12);
            return Some(self.count_or(Outcome::Error(Errno::EFAULT)));
        }
        let packet = self.packet(cx);
        cx.trace.rule(if packet { PIPE_W_14 } else { PIPE_W_05 });
        let flags = if packet { BufFlags::PACKET } else { BufFlags::CAN_MERGE };
        let page = self.data.slice(self.done, bytes);
        cx.k.ring_mut(self.pipe).push(PipeBuffer { page, shared: None, offset: 0, len: bytes as u16, flags });
        self.done += bytes;
        let pipe = self.pipe;
        cx.trace.tell(|| Event::Appended { pipe, bytes });
        (self.done == self.data.len()).then_some(Outcome::Count)
    }

    fn no_readers(&mut self, cx: &mut Cx) -> Step {
        if !self.nosignal {
            cx.send_sig(cx.me, SIGPIPE);
        }
        self.unlock(self.count_or(Outcome::Error(Errno::EPIPE)))
    }

    fn count_or(&self, otherwise: Outcome) -> Outcome {
        if self.done > 0 { Outcome::Count } else { otherwise }
    }

    /// `mutex_unlock` on the way out.
    fn unlock(&mut self, end: Outcome) -> Step {
        self.at = At::Leave(end);
        Step::Preempted
    }

    /// Whether it would go on if it were woken.
    pub fn ready(&self, k: &Kernel) -> bool {
        k.pipe(self.pipe).writable()
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
