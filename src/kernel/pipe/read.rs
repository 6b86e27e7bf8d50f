//! `pipe_read`.

use super::{BufFlags, PipeId};
use crate::kernel::{
    Cx, QueueId, RestartKind, Step,
    call::{PollEvents, Return},
    canon::{canon_enum, canon_struct},
    errno::Errno,
    file::{File, FileId},
    payload::Payload,
    quirk::Quirk,
    rules::*,
    trace::Event,
    wait::{Wait, Waited, WakeUp},
};

/// A read under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PipeRead {
    /// Where it is.
    pub at: At,
    /// The pipe.
    pub pipe: PipeId,
    /// Bytes asked for, at least one.
    pub count: u32,
    /// How many bytes of the buffer are writable memory.
    pub writable: u32,
    /// A writer must be woken: the pipe was full at entry or after the last sleep, and (since v6.15) a slot was freed.
    pub wake_writer: bool,
    /// It has slept, so the next reader may have to be woken.
    pub wake_next_reader: bool,
    /// The open file: its flags count when they are needed, not when the call began.
    pub file: FileId,
    /// `RWF_NOWAIT`.
    pub nowait: bool,
}

/// The places of a read where others can run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum At {
    /// About to take the lock.
    Locked,
    /// Lock released for a sleep, writers not woken yet.
    WakeWriters,
    /// Waiting for bytes.
    Wait(Wait),
    /// Lock released for good, nobody woken yet.
    Leave(Result<Payload, Errno>),
    /// Writer woken, the next reader not yet.
    WakeNextReader(Result<Payload, Errno>),
}

canon_enum!(At { 0 => Locked, 1 => WakeWriters, 2 => Wait(wait), 3 => Leave(end), 4 => WakeNextReader(end), });
canon_struct!(PipeRead { at, pipe, count, writable, wake_writer, wake_next_reader, file, nowait });

impl crate::kernel::canon::Canon for Result<Payload, Errno> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Ok(data) => {
                out.push(0);
                data.encode(out);
            }
            Err(errno) => {
                out.push(1);
                errno.encode(out);
            }
        }
    }
    fn decode(input: &mut &[u8]) -> Self {
        if u8::decode(input) == 0 { Ok(Payload::decode(input)) } else { Err(Errno::decode(input)) }
    }
}

const POLLIN: u16 = PollEvents::POLLIN.union(PollEvents::POLLRDNORM).bits();
const POLLOUT: u16 = PollEvents::POLLOUT.union(PollEvents::POLLWRNORM).bits();

impl PipeRead {
    /// A read of `count` bytes, at least one, of which the buffer has `fault` if it is shorter.
    pub fn new(id: FileId, file: &File, count: u32, fault: Option<u32>, nowait: bool) -> Self {
        PipeRead {
            at: At::Locked,
            pipe: file.pipe,
            count,
            writable: fault.unwrap_or(count),
            wake_writer: false,
            wake_next_reader: false,
            file: id,
            nowait,
        }
    }

    /// One section.
    #[inline]
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match &mut self.at {
            At::Locked => return self.locked(cx),
            At::WakeWriters => {
                self.wake_writer(cx);
                self.at = At::Wait(Wait::Test);
            }
            At::Wait(wait) => {
                let pipe = self.pipe;
                match wait.step(cx, QueueId::rd(pipe), |cx| cx.k.pipe(pipe).readable()) {
                    Waited::Still(step) => return step,
                    Waited::Signal => {
                        cx.trace.rule(PIPE_R_05);
                        return Step::Restart(RestartKind::Sys);
                    }
                    Waited::Ready => {
                        self.wake_next_reader = true;
                        self.at = At::Locked;
                    }
                }
            }
            At::Leave(end) => {
                let end = std::mem::replace(end, Err(Errno::EIO));
                self.wake_writer(cx);
                if !self.wake_next_reader {
                    return returned(end);
                }
                self.at = At::WakeNextReader(end);
            }
            At::WakeNextReader(end) => {
                let end = std::mem::replace(end, Err(Errno::EIO));
                cx.trace.rule(PIPE_K_06);
                cx.wake_up(QueueId::rd(self.pipe), WakeUp::One, POLLIN);
                return returned(end);
            }
        }
        Step::Preempted
    }

    #[inline]
    fn wake_writer(&mut self, cx: &mut Cx) {
        if self.wake_writer {
            cx.trace.rule(if cx.env.quirks.has(Quirk::WakeWriterIfWasFull) { PIPE_K_05_FULL } else { PIPE_K_05 });
            cx.wake_up(QueueId::wr(self.pipe), WakeUp::One, POLLOUT);
        }
    }

    /// From `mutex_lock` to `mutex_unlock`.
    #[inline]
    fn locked(&mut self, cx: &mut Cx) -> Step {
        self.wake_writer = cx.env.quirks.has(Quirk::WakeWriterIfWasFull) && cx.k.ring(self.pipe).is_full();
        let mut data = Payload::new();
        let taken = self.take(cx, &mut data);
        let end = if !data.is_empty() || taken == Taken::Packet {
            Ok(data)
        } else if taken == Taken::Fault {
            Err(Errno::EFAULT)
        } else {
            cx.trace.rule(PIPE_R_03);
            if cx.k.ends(self.pipe).writers == 0 {
                Ok(data)
            } else if self.nowait || cx.k.file(self.file).nonblocking() {
                Err(Errno::EAGAIN)
            } else {
                self.at = At::WakeWriters;
                return Step::Preempted;
            }
        };
        self.wake_next_reader &= !cx.k.ring(self.pipe).is_empty();
        self.at = At::Leave(end);
        Step::Preempted
    }

    /// Takes bytes from the oldest slots on.
    #[inline]
    fn take(&mut self, cx: &mut Cx, data: &mut Payload) -> Taken {
        if cx.k.ring(self.pipe).is_empty() {
            return Taken::All;
        }
        cx.trace.rule(PIPE_R_02);
        let since_6_15 = !cx.env.quirks.has(Quirk::WakeWriterIfWasFull);
        let mut rest = self.count;
        while rest > 0 {
            let ring = cx.k.ring_mut(self.pipe);
            let full = ring.is_full();
            let Some(buf) = ring.oldest() else { break };
            let chars = u32::from(buf.len).min(rest);
            if self.count - rest + chars > self.writable {
                cx.trace.rule(PIPE_R_07);
                return Taken::Fault;
            }
            let whole = chars == u32::from(buf.len);
            let shared = buf.shared.map(|page| (page, u32::from(buf.offset)));
            if whole {
                data.append(&buf.page);
                buf.len = 0;
            } else {
                buf.page.slice_into(0, chars, data);
                buf.page.advance(chars);
                buf.offset += chars as u16;
                buf.len -= chars as u16;
            }
            rest -= chars;
            let packet = buf.flags.contains(BufFlags::PACKET);
            let freed = whole || packet;
            if freed {
                self.wake_writer |= since_6_15 && full;
                _ = ring.release_oldest();
            }
            if let Some((page, offset)) = shared {
                data.append(&cx.k.page(page).slice(offset, chars));
                if freed {
                    cx.k.put_page(page);
                }
            }
            let pipe = self.pipe;
            cx.trace.tell(|| Event::Taken { pipe, bytes: chars, freed });
            if packet {
                cx.trace.rule(PIPE_R_06);
                return Taken::Packet;
            }
        }
        Taken::All
    }
}

/// Why no more bytes were taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// The ring is empty or the buffer is full.
    All,
    /// A packet ends the read, even one without bytes.
    Packet,
    /// The buffer is not memory.
    Fault,
}

fn returned(end: Result<Payload, Errno>) -> Step {
    Step::Returned(match end {
        Ok(data) => Return { ret: Ok(data.len().into()), data, extra: smallvec::SmallVec::new() },
        Err(errno) => errno.into(),
    })
}
