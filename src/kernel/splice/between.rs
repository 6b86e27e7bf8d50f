//! `splice_pipe_to_pipe` and `do_tee`: from pipe to pipe.

use crate::kernel::{
    Cx, Kernel, PipeId, QueueId, RestartKind, Step, WaitsFor,
    call::Return,
    canon::{canon_enum, canon_struct},
    errno::Errno,
    pipe::{BufFlags, Outcome, PipeBuffer},
    quirk::Quirk,
    rules::*,
    signal::SIGPIPE,
    wait::{Wait, Waited, WakeUp},
};
use smallvec::{SmallVec, smallvec};

/// A splice or tee between two pipes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Between {
    /// Where it is.
    pub at: At,
    /// The input.
    pub ipipe: PipeId,
    /// The output.
    pub opipe: PipeId,
    /// Bytes asked for, at least one.
    pub len: u32,
    /// It must not sleep.
    pub nonblock: bool,
    /// The input keeps what goes to the output.
    pub tee: bool,
    /// Bytes that are in the output.
    pub done: u32,
    /// A slot of the input was freed.
    pub input_wakeup: bool,
    /// How it ends, if not with the number of bytes.
    pub end: Outcome,
}

/// The places where others can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum At {
    /// `ipipe_prep`: about to look at the input without its lock.
    PeekIn,
    /// About to take the input's lock.
    LockIn,
    /// Waiting for bytes.
    WaitIn(Wait),
    /// `opipe_prep`: about to look at the output without its lock.
    PeekOut,
    /// About to take the output's lock.
    LockOut,
    /// Waiting for room.
    WaitOut(Wait),
    /// About to take both locks.
    Both,
    /// Locks released, the output's readers not woken yet.
    WakeReaders,
    /// The output's readers woken, the input's writers not yet.
    WakeWriters,
    /// Before v5.5: in the input's queue.
    AsleepIn,
    /// Before v5.5: in the output's queue.
    AsleepOut,
}

canon_enum!(At {
    0 => PeekIn, 1 => LockIn, 2 => WaitIn(wait), 3 => PeekOut, 4 => LockOut, 5 => WaitOut(wait), 6 => Both,
    7 => WakeReaders, 8 => WakeWriters, 9 => AsleepIn, 10 => AsleepOut,
});
canon_struct!(Between { at, ipipe, opipe, len, nonblock, tee, done, input_wakeup, end });

impl Between {
    /// A splice, or `tee`, of `len` bytes, at least one.
    pub fn new(ipipe: PipeId, opipe: PipeId, len: u32, nonblock: bool, tee: bool) -> Self {
        let at = At::PeekIn;
        Between { at, ipipe, opipe, len, nonblock, tee, done: 0, input_wakeup: false, end: Outcome::Count }
    }

    /// The pipes whose locks the next section takes.
    pub fn locks(&self) -> SmallVec<[PipeId; 2]> {
        match self.at {
            At::LockIn | At::AsleepIn => smallvec![self.ipipe],
            At::LockOut | At::AsleepOut => smallvec![self.opipe],
            At::Both => smallvec![self.ipipe, self.opipe],
            _ => smallvec![],
        }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::PeekIn => self.at = if cx.k.ring(self.ipipe).is_empty() { At::LockIn } else { At::PeekOut },
            At::LockIn => return self.prepare_in(cx),
            At::WaitIn(mut wait) => {
                let pipe = self.ipipe;
                let queue = QueueId::readers(cx, pipe);
                let waited = wait.step_as(cx, queue, false, |cx| cx.k.pipe(pipe).readable());
                self.at = At::WaitIn(wait);
                if let Waited::Still(step) = waited {
                    return step;
                }
                self.at = At::LockIn;
            }
            At::PeekOut => self.at = if cx.k.ring(self.opipe).is_full() { At::LockOut } else { At::Both },
            At::LockOut => return self.prepare_out(cx),
            At::WaitOut(mut wait) => {
                let pipe = self.opipe;
                let queue = QueueId::writers(cx, pipe);
                let waited = wait.step_as(cx, queue, false, |cx| cx.k.pipe(pipe).writable());
                self.at = At::WaitOut(wait);
                if let Waited::Still(step) = waited {
                    return step;
                }
                self.at = At::LockOut;
            }
            At::AsleepIn => {
                cx.pipe_waited(self.ipipe);
                return self.prepare_in(cx);
            }
            At::AsleepOut => {
                cx.pipe_waited_for_room(self.opipe);
                return self.prepare_out(cx);
            }
            At::Both => self.both(cx),
            At::WakeReaders => {
                if self.done > 0 {
                    cx.trace.rule(SPL_K_01);
                    cx.wake_up(QueueId::readers(cx, self.opipe), WakeUp::One, 0);
                }
                if !self.input_wakeup {
                    return self.returned();
                }
                self.at = At::WakeWriters;
            }
            At::WakeWriters => {
                cx.trace.rule(SPL_K_02);
                cx.wake_up(QueueId::writers(cx, self.ipipe), WakeUp::One, 0);
                return self.returned();
            }
        }
        Step::Preempted
    }

    /// `ipipe_prep`, from lock to unlock: bytes, or no writers, or why it ends.
    fn prepare_in(&mut self, cx: &mut Cx) -> Step {
        if !cx.k.ring(self.ipipe).is_empty() {
            self.at = At::PeekOut;
        } else if cx.signal_pending() {
            return Step::Restart(RestartKind::Sys);
        } else if cx.k.ends(self.ipipe).writers == 0 {
            cx.trace.rule(SPL_04_EOF);
            self.at = At::PeekOut;
        } else if self.nonblock && !cx.waits_for_writers(self.ipipe) {
            cx.trace.rule(SPL_04_AGAIN);
            return Step::Returned(Errno::EAGAIN.into());
        } else {
            cx.trace.rule(if self.nonblock { SPL_04_MERGE } else { SPL_04_WAIT });
            if cx.env.quirks.has(Quirk::PipeOneQueue) {
                self.at = At::AsleepIn;
                return cx.pipe_wait(self.ipipe);
            }
            self.at = At::WaitIn(Wait::Test);
        }
        Step::Preempted
    }

    /// `opipe_prep`, from lock to unlock: room, or why it ends.
    fn prepare_out(&mut self, cx: &mut Cx) -> Step {
        if !cx.k.ring(self.opipe).is_full() {
            self.at = At::Both;
        } else if cx.k.ends(self.opipe).readers == 0 {
            cx.trace.rule(SPL_04_EPIPE);
            cx.send_sig(cx.me, SIGPIPE);
            return Step::Returned(Errno::EPIPE.into());
        } else if self.nonblock {
            cx.trace.rule(SPL_04_AGAIN);
            return Step::Returned(Errno::EAGAIN.into());
        } else if cx.signal_pending() {
            return Step::Restart(RestartKind::Sys);
        } else {
            cx.trace.rule(SPL_04_WAIT);
            if cx.env.quirks.has(Quirk::PipeOneQueue) {
                self.at = At::AsleepOut;
                return cx.pipe_wait_for_room(self.opipe);
            }
            self.at = At::WaitOut(Wait::Test);
        }
        Step::Preempted
    }

    /// From `pipe_double_lock` to the unlocks: slots go over one by one.
    fn both(&mut self, cx: &mut Cx) {
        let mut seen = 0;
        self.at = At::WakeReaders;
        while self.len > 0 {
            if cx.k.ends(self.opipe).readers == 0 {
                cx.trace.rule(SPL_04_EPIPE);
                cx.send_sig(cx.me, SIGPIPE);
                if self.done == 0 {
                    self.end = Outcome::Error(Errno::EPIPE);
                }
                return;
            }
            let empty = cx.k.ring(self.ipipe).occupancy() <= seen;
            let full = cx.k.ring(self.opipe).is_full();
            if self.tee {
                if empty || full {
                    if self.done == 0 && self.nonblock && cx.waits_for_writers(self.ipipe) {
                        cx.trace.rule(SPL_04_MERGE);
                        self.end = Outcome::Error(Errno::EAGAIN);
                    }
                    return;
                }
                self.link(cx, seen);
                seen += 1;
                continue;
            }
            if empty && cx.k.ends(self.ipipe).writers == 0 {
                return;
            }
            if empty || full {
                if self.done == 0 {
                    // Somebody else was faster.
                    match self.nonblock {
                        true => self.end = Outcome::Error(Errno::EAGAIN),
                        false => self.at = At::PeekIn,
                    }
                }
                return;
            }
            self.transfer(cx);
        }
    }

    /// The oldest slot of the input goes over, or as much of it as is asked for.
    fn transfer(&mut self, cx: &mut Cx) {
        let ring = cx.k.ring_mut(self.ipipe);
        let whole = ring.oldest().is_some_and(|buf| u32::from(buf.len) <= self.len);
        if !whole {
            let len = self.len as u16;
            let Some(copy) = self.duplicate(cx, 0, len) else { return };
            if let Some(buf) = cx.k.ring_mut(self.ipipe).oldest() {
                buf.offset += len;
                buf.len -= len;
            }
            self.put(cx, copy);
            return;
        }
        let Some(buf) = ring.take_oldest() else { return };
        cx.trace.rule(SPL_04);
        if buf.flags.contains(BufFlags::CAN_MERGE) {
            cx.trace.rule(SPL_05);
        }
        self.input_wakeup = true;
        self.put(cx, buf);
    }

    /// A slot of the input is shown by the output as well.
    fn link(&mut self, cx: &mut Cx, i: u32) {
        let len = cx.k.ring_mut(self.ipipe).nth(i).map_or(0, |buf| u32::from(buf.len)).min(self.len);
        let Some(copy) = self.duplicate(cx, i, len as u16) else { return };
        cx.trace.rule(SPL_06);
        self.put(cx, copy);
    }

    /// A second slot for the first `len` bytes of a slot of the input, on the same page.
    fn duplicate(&self, cx: &mut Cx, i: u32, len: u16) -> Option<PipeBuffer> {
        let buf = cx.k.ring_mut(self.ipipe).nth(i)?.clone();
        let page = match buf.shared {
            Some(page) => {
                cx.k.get_page(page);
                page
            }
            None => {
                let mut data = crate::kernel::Payload::fill(0, buf.offset.into());
                data.append(&buf.page);
                let page = cx.k.new_page(2, data);
                let original = cx.k.ring_mut(self.ipipe).nth(i)?;
                original.shared = Some(page);
                original.page = crate::kernel::Payload::new();
                page
            }
        };
        let mut flags = buf.flags;
        if cx.env.quirks.has(Quirk::TeeMerge) {
            cx.trace.rule(SPL_05_LINKED);
        } else {
            cx.trace.rule(SPL_05_SPLIT);
            flags.remove(BufFlags::CAN_MERGE);
        }
        Some(PipeBuffer { page: crate::kernel::Payload::new(), shared: Some(page), offset: buf.offset, len, flags })
    }

    fn put(&mut self, cx: &mut Cx, buf: PipeBuffer) {
        self.done += u32::from(buf.len);
        self.len -= u32::from(buf.len);
        cx.k.ring_mut(self.opipe).push(buf);
    }

    fn returned(&self) -> Step {
        match self.end {
            Outcome::Count => Step::Returned(Return::value(self.done.into())),
            Outcome::Error(errno) => Step::Returned(errno.into()),
            Outcome::Restart => Step::Restart(RestartKind::Sys),
        }
    }

    /// Whether a sleeper would go on if it were woken now.
    pub fn ready(&self, k: &Kernel) -> bool {
        match self.at {
            At::WaitOut(_) | At::AsleepOut => k.pipe(self.opipe).writable(),
            At::AsleepIn if self.nonblock && k.ends(self.ipipe).waiting_writers == 0 => true,
            _ => k.pipe(self.ipipe).readable(),
        }
    }

    /// Whom it waits for.
    pub fn waits_for(&self) -> WaitsFor {
        match self.at {
            At::WaitOut(_) | At::AsleepOut => WaitsFor::Pipe { pipe: self.opipe, writer: false },
            _ => WaitsFor::Pipe { pipe: self.ipipe, writer: true },
        }
    }

    /// Where it is, in words.
    pub fn place(&self) -> &'static str {
        match self.at {
            At::PeekIn => "about to look at the input",
            At::LockIn => "about to take the input's lock",
            At::PeekOut => "about to look at the output",
            At::LockOut => "about to take the output's lock",
            At::WaitIn(wait) | At::WaitOut(wait) => super::waiting(wait),
            At::AsleepIn | At::AsleepOut => "woken, about to take the lock again",
            At::Both => "about to take both locks",
            At::WakeReaders => "locks released, nobody woken yet",
            At::WakeWriters => "readers of the output woken, writers of the input not yet",
        }
    }
}
