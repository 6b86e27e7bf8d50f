//! `pipe_write`.

use super::{BufFlags, PipeBuffer, PipeId};
use crate::kernel::{
    Cx, QueueId, RestartKind, Step,
    call::{OpenFlags, PollEvents, Return},
    canon::{canon_enum, canon_struct},
    env::PAGE_SIZE,
    errno::Errno,
    file::{File, FileId},
    page::PageId,
    payload::Payload,
    quirk::Quirk,
    rules::*,
    signal::SIGPIPE,
    trace::Event,
    wait::{Wait, Waited, WakeUp},
};

/// A write under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PipeWrite {
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
    /// The pipe was empty at entry, or after the last sleep: a reader must be woken.
    pub was_empty: bool,
    /// With the defect PIPE-06: how many slots had been filled when it went to sleep.
    pub stale: u32,
    /// It has slept, so the next writer may have to be woken.
    pub wake_next_writer: bool,
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
    /// Lock released for a sleep, readers not woken yet.
    WakeReaders,
    /// Waiting for room.
    Wait(Wait),
    /// Lock released for good, nobody woken yet.
    Leave(Outcome),
    /// Readers woken, the next writer not yet.
    WakeNextWriter(Outcome),
}

/// How the write ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// With the number of bytes written.
    Count,
    /// With an error.
    Error(Errno),
    /// Interrupted with nothing written.
    Restart,
}

canon_enum!(Outcome { 0 => Count, 1 => Error(errno), 2 => Restart, });
canon_enum!(At { 0 => Locked, 1 => WakeReaders, 2 => Wait(wait), 3 => Leave(end), 4 => WakeNextWriter(end), });
canon_struct!(PipeWrite { at, pipe, data, done, entered, was_empty, stale, wake_next_writer, file, nowait, nosignal });

impl crate::kernel::canon::Canon for Errno {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
    fn decode(input: &mut &[u8]) -> Self {
        Errno(u16::decode(input))
    }
}

const POLLIN: u16 = PollEvents::POLLIN.union(PollEvents::POLLRDNORM).bits();
const POLLOUT: u16 = PollEvents::POLLOUT.union(PollEvents::POLLWRNORM).bits();

impl PipeWrite {
    /// A write of `data`, which is not empty.
    pub fn new(id: FileId, file: &File, data: Payload, nowait: bool, nosignal: bool) -> Self {
        PipeWrite {
            at: At::Locked,
            pipe: file.pipe,
            data,
            done: 0,
            entered: false,
            was_empty: false,
            stale: 0,
            wake_next_writer: false,
            file: id,
            nowait,
            nosignal,
        }
    }

    /// One section.
    #[inline]
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::Locked => return self.locked(cx),
            At::WakeReaders => {
                if self.was_empty {
                    cx.trace.rule(PIPE_K_04);
                    cx.wake_up(QueueId::rd(self.pipe), WakeUp::One, POLLIN);
                }
                self.at = At::Wait(Wait::Test);
            }
            At::Wait(mut wait) => {
                let pipe = self.pipe;
                let waited = wait.step(cx, QueueId::wr(pipe), |cx| cx.k.pipe(pipe).writable());
                self.at = At::Wait(wait);
                if let Waited::Still(step) = waited {
                    return step;
                }
                // The result is ignored: a signal is noticed again if the pipe is still full (STEP-PIPE-09).
                self.wake_next_writer = true;
                self.at = At::Locked;
            }
            At::Leave(end) => {
                let polled = cx.env.quirks.has(Quirk::PollUsageWakes) && cx.k.ends(self.pipe).poll_usage;
                if self.was_empty || polled {
                    cx.trace.rule(PIPE_K_04);
                    cx.wake_up(QueueId::rd(self.pipe), WakeUp::One, POLLIN);
                }
                if !self.wake_next_writer {
                    return self.returned(end);
                }
                self.at = At::WakeNextWriter(end);
            }
            At::WakeNextWriter(end) => {
                cx.trace.rule(PIPE_K_06);
                cx.wake_up(QueueId::wr(self.pipe), WakeUp::One, POLLOUT);
                return self.returned(end);
            }
        }
        Step::Preempted
    }

    /// From `mutex_lock` to `mutex_unlock`.
    #[inline]
    fn locked(&mut self, cx: &mut Cx) -> Step {
        let first = !self.entered;
        if first && cx.k.ends(self.pipe).readers == 0 {
            cx.trace.rule(PIPE_W_02);
            self.entered = true;
            return self.no_readers(cx);
        }
        let ring = cx.k.ring(self.pipe);
        self.was_empty = ring.is_empty();
        if !first && cx.env.quirks.has(Quirk::StaleWasEmpty) {
            // The head of before the sleep is behind by what others have filled since.
            cx.trace.rule(PIPE_06);
            self.was_empty = ring.occupancy() == ring.pushed - self.stale;
        }
        if first {
            self.entered = true;
            if let Some(step) = self.merge(cx) {
                return step;
            }
        }
        loop {
            if cx.k.ends(self.pipe).readers == 0 {
                cx.trace.rule(PIPE_W_09);
                return self.no_readers(cx);
            }
            if !cx.k.ring(self.pipe).is_full() {
                if let Some(end) = self.append_page(cx) {
                    return self.unlock(cx, end);
                }
                continue;
            }
            cx.trace.rule(PIPE_W_08);
            if self.nowait || cx.k.file(self.file).nonblocking() {
                cx.trace.rule(PIPE_W_06);
                if self.done > 0 && self.done < PAGE_SIZE {
                    cx.trace.rule(PIPE_W_07);
                }
                return self.unlock(cx, self.count_or(Outcome::Error(Errno::EAGAIN)));
            }
            if cx.signal_pending() {
                cx.trace.rule(PIPE_W_10);
                return self.unlock(cx, self.count_or(Outcome::Restart));
            }
            if self.done > 0 {
                cx.trace.rule(PIPE_W_11);
            }
            self.stale = cx.k.ring(self.pipe).pushed;
            self.at = At::WakeReaders;
            return Step::Preempted;
        }
    }

    /// Puts the bytes beyond whole pages into the last slot, if they fit; ends the write if that was everything.
    #[inline]
    fn merge(&mut self, cx: &mut Cx) -> Option<Step> {
        let chars = self.data.len() % PAGE_SIZE;
        if chars == 0 || self.was_empty {
            return None;
        }
        let faults = self.data.readable() < chars;
        let last = cx.k.ring_mut(self.pipe).newest()?;
        if !last.flags.contains(BufFlags::CAN_MERGE) {
            return None;
        }
        if u32::from(last.offset) + u32::from(last.len) + chars > PAGE_SIZE {
            cx.trace.rule(PIPE_W_04);
            return None;
        }
        cx.trace.rule(PIPE_W_03);
        if faults {
            cx.trace.rule(PIPE_W_12);
            return Some(self.unlock(cx, Outcome::Error(Errno::EFAULT)));
        }
        let (shared, end) = (last.shared, last.offset + last.len);
        last.len += chars as u16;
        match shared {
            None => self.data.slice_into(0, chars, &mut last.page),
            Some(page) => merge_into_page(cx, page, end.into(), &self.data.slice(0, chars)),
        }
        self.done = chars;
        if self.packet(cx) {
            cx.trace.rule(PIPE_W_15);
        }
        let pipe = self.pipe;
        cx.trace.tell(|| Event::Merged { pipe, bytes: chars });
        (self.done == self.data.len()).then(|| self.unlock(cx, Outcome::Count))
    }

    /// `is_packetized`
    fn packet(&self, cx: &Cx) -> bool {
        cx.k.file(self.file).f_flags.contains(OpenFlags::O_DIRECT)
    }

    /// Fills one free slot; says how the write ends if it ends here.
    #[inline]
    fn append_page(&mut self, cx: &mut Cx) -> Option<Outcome> {
        let bytes = (self.data.len() - self.done).min(PAGE_SIZE);
        let packet = self.packet(cx);
        let flags = if packet { BufFlags::PACKET } else { BufFlags::CAN_MERGE };
        if self.done + bytes > self.data.readable() {
            cx.trace.rule(PIPE_W_12);
            if cx.env.quirks.has(Quirk::EmptySlotAfterFault) {
                cx.trace.rule(PIPE_W_12_SLOT);
                cx.k.ring_mut(self.pipe).push(PipeBuffer { flags, ..PipeBuffer::default() });
            }
            return Some(self.count_or(Outcome::Error(Errno::EFAULT)));
        }
        cx.trace.rule(if packet { PIPE_W_14 } else { PIPE_W_05 });
        let page = self.data.slice(self.done, bytes);
        let ring = cx.k.ring_mut(self.pipe);
        ring.push(PipeBuffer { page, shared: None, offset: 0, len: bytes as u16, flags });
        ring.pushed += u32::from(cx.env.quirks.has(Quirk::StaleWasEmpty));
        self.done += bytes;
        let pipe = self.pipe;
        cx.trace.tell(|| Event::Appended { pipe, bytes });
        (self.done == self.data.len()).then_some(Outcome::Count)
    }

    fn no_readers(&mut self, cx: &mut Cx) -> Step {
        if !self.nosignal {
            cx.send_sig(cx.me, SIGPIPE);
        }
        self.unlock(cx, self.count_or(Outcome::Error(Errno::EPIPE)))
    }

    fn count_or(&self, otherwise: Outcome) -> Outcome {
        if self.done > 0 { Outcome::Count } else { otherwise }
    }

    /// `mutex_unlock` on the way out.
    #[inline]
    fn unlock(&mut self, cx: &mut Cx, end: Outcome) -> Step {
        self.wake_next_writer &= !cx.k.ring(self.pipe).is_full();
        self.at = At::Leave(end);
        Step::Preempted
    }

    fn returned(&self, end: Outcome) -> Step {
        match end {
            Outcome::Count => Step::Returned(Return::value(self.done.into())),
            Outcome::Error(errno) => Step::Returned(errno.into()),
            Outcome::Restart => Step::Restart(RestartKind::Sys),
        }
    }
}

/// The last slot's page has other users: they see what is written.
#[cold]
pub(super) fn merge_into_page(cx: &mut Cx, page: PageId, at: u32, bytes: &Payload) {
    cx.trace.rule(SPL_05_PAGE);
    if cx.k.regulars().any(|file| file.cache.iter().any(|&(_, cached)| cached == page)) {
        cx.trace.rule(SPL_08_DIRTY);
    }
    cx.k.page_mut(page).overwrite(at, bytes);
}
