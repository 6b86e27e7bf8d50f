//! `iter_file_splice_write` and `vmsplice_to_user`: out of a pipe.

use crate::kernel::{
    Cx, FileId, Kernel, PAGE_SIZE, PipeId, QueueId, RestartKind, Step,
    call::Return,
    canon::{canon_enum, canon_struct},
    errno::Errno,
    payload::Payload,
    pipe::PipeBuffer,
    quirk::Quirk,
    rules::*,
    wait::{Wait, Waited, WakeUp},
};

/// A splice from a pipe into a file or into memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FromPipe {
    /// Where it is.
    pub at: At,
    /// The pipe.
    pub pipe: PipeId,
    /// Where the bytes go.
    pub to: Target,
    /// Bytes that are still asked for.
    pub rest: u32,
    /// What was taken.
    pub taken: Payload,
    /// It must not sleep.
    pub nonblock: bool,
}

/// Where bytes go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// Into a regular file.
    File {
        /// The open file.
        file: FileId,
        /// The call was passed an offset, so that the position of the file stays.
        given: bool,
        /// Where in the file the next byte goes.
        pos: u64,
    },
    /// Into the caller's memory.
    User,
    /// Into declared memory.
    Memory {
        /// Which.
        path: u16,
        /// Where in it the next byte goes.
        pos: u64,
    },
}

/// The places where others can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum At {
    /// About to take the lock; the second time after a sleep.
    Locked {
        /// It has slept.
        again: bool,
    },
    /// Waiting for bytes.
    Wait(Wait),
    /// Before v5.5: in the queue.
    Asleep,
}

canon_enum!(Target { 0 => File { file, given, pos }, 1 => User, 2 => Memory { path, pos }, });
canon_enum!(At { 0 => Locked { again }, 1 => Wait(wait), 2 => Asleep, });
canon_struct!(FromPipe { at, pipe, to, rest, taken, nonblock });

/// Copies a slot into a file, page by page of the file: what a slot lent from the same file shows may change on the way.
/// (If a page is copied onto itself further on, the processor's copying decides what becomes of it; that is not modelled.)
fn copy(cx: &mut Cx, buf: &PipeBuffer, path: u16, at: u64, len: u32) {
    let mut done = 0;
    while done < len {
        let pos = at + u64::from(done);
        let piece = (PAGE_SIZE - (pos % u64::from(PAGE_SIZE)) as u32).min(len - done);
        let bytes = cx.k.slot_bytes(buf, len).slice(done, piece);
        cx.k.write_file(path, pos, &bytes);
        done += piece;
    }
}

impl FromPipe {
    /// Into a file, at a position.
    pub fn to_file(pipe: PipeId, file: FileId, given: bool, pos: u64, len: u32, nonblock: bool) -> Self {
        Self::new(pipe, Target::File { file, given, pos }, len, nonblock)
    }

    /// Into memory.
    pub fn to_user(pipe: PipeId, len: u32, nonblock: bool) -> Self {
        Self::new(pipe, Target::User, len, nonblock)
    }

    /// Into declared memory, from its beginning.
    pub fn to_memory(pipe: PipeId, path: u16, len: u32, nonblock: bool) -> Self {
        Self::new(pipe, Target::Memory { path, pos: 0 }, len, nonblock)
    }

    fn new(pipe: PipeId, to: Target, rest: u32, nonblock: bool) -> Self {
        FromPipe { at: At::Locked { again: false }, pipe, to, rest, taken: Payload::new(), nonblock }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::Locked { again } => return self.locked(cx, again),
            At::Wait(mut wait) => {
                let pipe = self.pipe;
                let queue = QueueId::readers(cx, pipe);
                let waited = wait.step_as(cx, queue, false, |cx| cx.k.pipe(pipe).readable());
                self.at = At::Wait(wait);
                if let Waited::Still(step) = waited {
                    return step;
                }
                self.at = At::Locked { again: true };
            }
            At::Asleep => {
                cx.pipe_waited(self.pipe);
                return self.locked(cx, true);
            }
        }
        Step::Preempted
    }

    /// From lock to unlock, or to a sleep. Writers are woken under the lock.
    fn locked(&mut self, cx: &mut Cx, again: bool) -> Step {
        let mut freed = false;
        let end = loop {
            if self.rest == 0 {
                break None;
            }
            if !again && cx.signal_pending() {
                break Some(Step::Restart(RestartKind::Sys));
            }
            if cx.k.ring(self.pipe).is_empty() {
                if cx.k.ends(self.pipe).writers == 0 {
                    cx.trace.rule(SPL_04_EOF);
                    break None;
                }
                if !self.taken.is_empty() {
                    if !cx.waits_for_writers(self.pipe) {
                        break None;
                    }
                    cx.trace.rule(SPL_04_MERGE);
                }
                if self.nonblock {
                    cx.trace.rule(SPL_04_AGAIN);
                    break Some(Step::Returned(Errno::EAGAIN.into()));
                }
                if cx.signal_pending() {
                    break Some(Step::Restart(RestartKind::Sys));
                }
                cx.trace.rule(SPL_04_WAIT);
                self.wake_writers(cx, freed);
                if cx.env.quirks.has(Quirk::PipeOneQueue) {
                    self.at = At::Asleep;
                    return cx.pipe_wait(self.pipe);
                }
                self.at = At::Wait(Wait::Test);
                return Step::Preempted;
            }
            freed |= self.take(cx);
        };
        self.wake_writers(cx, freed);
        match end {
            Some(step) if self.taken.is_empty() => step,
            _ => self.returned(cx),
        }
    }

    fn wake_writers(&self, cx: &mut Cx, freed: bool) {
        if freed {
            cx.trace.rule(SPL_K_02);
            cx.wake_up(QueueId::writers(cx, self.pipe), WakeUp::One, 0);
        }
    }

    /// Takes from the oldest slot; says whether it was freed by that. A slot without bytes is freed without notice.
    fn take(&mut self, cx: &mut Cx) -> bool {
        let Some(buf) = cx.k.ring_mut(self.pipe).oldest() else { return false };
        let (buf, had) = (buf.clone(), u32::from(buf.len));
        let len = had.min(self.rest);
        let bytes = cx.k.slot_bytes(&buf, len);
        self.rest -= len;
        match &mut self.to {
            Target::User => cx.trace.rule(SPL_07_OUT),
            Target::Memory { path, pos } => {
                cx.trace.rule(SPL_07_OUT);
                let (path, at) = (*path, *pos);
                *pos += u64::from(len);
                copy(cx, &buf, path, at, len);
            }
            Target::File { file, pos, .. } => {
                cx.trace.rule(SPL_09);
                let (file, at) = (*file, *pos);
                *pos += u64::from(len);
                let path = cx.k.file(file).regular.as_ref().map(|open| open.path);
                if let Some(path) = path {
                    copy(cx, &buf, path, at, len);
                }
            }
        }
        self.taken.append(&bytes);
        let ring = cx.k.ring_mut(self.pipe);
        if len == had {
            if let Some(page) = ring.release_oldest() {
                cx.k.put_page(page);
            }
            return had > 0;
        }
        if let Some(buf) = ring.oldest() {
            buf.page.advance(len);
            buf.offset += len as u16;
            buf.len -= len as u16;
        }
        false
    }

    fn returned(&mut self, cx: &mut Cx) -> Step {
        let count = i64::from(self.taken.len());
        Step::Returned(match self.to {
            Target::User => Return { data: std::mem::take(&mut self.taken), ..Return::value(count) },
            Target::Memory { .. } => Return::value(count),
            Target::File { given: true, pos, .. } => {
                super::to_pipe::with_offsets(Return::value(count), None, Some(pos))
            }
            Target::File { file, pos, .. } => {
                cx.set_pos(file, pos);
                Return::value(count)
            }
        })
    }

    /// Whether a sleeper would go on if it were woken now.
    pub fn ready(&self, k: &Kernel) -> bool {
        let pipe = k.pipe(self.pipe);
        pipe.readable() || !self.taken.is_empty() && pipe.ends.waiting_writers == 0
    }

    /// Where it is, in words.
    pub fn place(&self) -> &'static str {
        match self.at {
            At::Locked { again: false } => "about to take the lock",
            At::Locked { again: true } => "about to take the lock again",
            At::Wait(wait) => super::waiting(wait),
            At::Asleep => "woken, about to take the lock again",
        }
    }
}
