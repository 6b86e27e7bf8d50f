//! `splice_file_to_pipe` and `vmsplice_to_pipe`: into a pipe.

use crate::kernel::{
    Cx, FileId, PAGE_SIZE, PipeId, QueueId, RestartKind, Step,
    call::Return,
    canon::{canon_enum, canon_struct},
    errno::Errno,
    payload::Payload,
    pipe::{BufFlags, PipeBuffer},
    quirk::Quirk,
    rules::*,
    signal::SIGPIPE,
    wait::{Wait, Waited, WakeUp},
};

/// A splice from a file or from memory into a pipe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToPipe {
    /// Where it is.
    pub at: At,
    /// The pipe.
    pub pipe: PipeId,
    /// Where the bytes come from.
    pub from: Source,
    /// Bytes that are asked for.
    pub len: u32,
    /// It must not sleep.
    pub nonblock: bool,
    /// Bytes that are in the pipe.
    pub done: u32,
}

/// Where bytes come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// From a regular file.
    File {
        /// The open file.
        file: FileId,
        /// The call was passed an offset, so that the position of the file stays.
        given: bool,
        /// The path of the file.
        path: u16,
        /// Where in the file the next byte is.
        pos: u64,
    },
    /// From the caller's memory, which begins at a page.
    User {
        /// The bytes.
        data: Payload,
    },
    /// From declared memory: what is stored into it later is seen by who reads the pipe.
    Memory {
        /// Which.
        path: u16,
    },
    /// A file without `splice_read`: that is found out when there is room.
    Nothing,
}

/// The places where others can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum At {
    /// About to take the lock.
    Locked,
    /// Waiting for room.
    Wait(Wait),
    /// Lock released, readers not woken yet.
    WakeReaders,
    /// Before v4.9: about to look at the file, without the lock. (Its pages are looked up later than there: a truncation
    /// while the splice sleeps shows.)
    Source,
    /// Before v5.5: in the queue.
    Asleep,
}

canon_enum!(Source { 0 => File { file, given, path, pos }, 1 => User { data }, 2 => Memory { path }, 3 => Nothing, });
canon_enum!(At { 0 => Locked, 1 => Wait(wait), 2 => WakeReaders, 3 => Source, 4 => Asleep, });
canon_struct!(ToPipe { at, pipe, from, len, nonblock, done });

impl ToPipe {
    /// From a file: the open file, whether an offset was passed, the path and the position. It may look at the file first.
    pub fn from_file(
        pipe: PipeId,
        source: (FileId, bool, u16, u64),
        len: u32,
        nonblock: bool,
        looks_first: bool,
    ) -> Self {
        let (file, given, path, pos) = source;
        let at = if looks_first { At::Source } else { At::Locked };
        ToPipe { at, pipe, from: Source::File { file, given, path, pos }, len, nonblock, done: 0 }
    }

    /// From a file that cannot be spliced from.
    pub fn from_nothing(pipe: PipeId, len: u32, nonblock: bool) -> Self {
        ToPipe { at: At::Locked, pipe, from: Source::Nothing, len, nonblock, done: 0 }
    }

    /// From memory.
    pub fn from_user(pipe: PipeId, from: Source, len: u32, nonblock: bool) -> Self {
        ToPipe { at: At::Locked, pipe, from, len, nonblock, done: 0 }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::Source => return self.look(cx),
            At::Locked => return self.locked(cx),
            At::Asleep => {
                cx.pipe_waited_for_room(self.pipe);
                return self.locked(cx);
            }
            At::Wait(mut wait) => {
                let pipe = self.pipe;
                let queue = QueueId::writers(cx, pipe);
                let waited = wait.step_as(cx, queue, false, |cx| cx.k.pipe(pipe).writable());
                self.at = At::Wait(wait);
                if let Waited::Still(step) = waited {
                    return step;
                }
                self.at = At::Locked;
            }
            At::WakeReaders => {
                if self.done > 0 {
                    cx.trace.rule(SPL_K_01);
                    cx.wake_up(QueueId::readers(cx, self.pipe), WakeUp::One, 0);
                }
                return self.returned(cx);
            }
        }
        Step::Preempted
    }

    /// `generic_file_splice_read` up to `splice_to_pipe`: no more than the file has now.
    fn look(&mut self, cx: &mut Cx) -> Step {
        if let Source::File { path, pos, .. } = self.from {
            let size = cx.k.regular_at(path).map_or(0, |file| file.size);
            let left = size.saturating_sub(pos);
            if left == 0 {
                cx.trace.rule(SPL_08_FIRST);
                return self.returned(cx);
            }
            self.len = u32::try_from(left).map_or(self.len, |left| self.len.min(left));
        }
        self.at = At::Locked;
        Step::Preempted
    }

    /// From lock to unlock: `wait_for_space`, then what fits.
    fn locked(&mut self, cx: &mut Cx) -> Step {
        if cx.k.ends(self.pipe).readers == 0 {
            cx.trace.rule(SPL_04_EPIPE);
            cx.send_sig(cx.me, SIGPIPE);
            return Step::Returned(Errno::EPIPE.into());
        }
        if cx.k.ring(self.pipe).is_full() {
            if self.nonblock {
                cx.trace.rule(SPL_04_AGAIN);
                return Step::Returned(Errno::EAGAIN.into());
            }
            if cx.signal_pending() {
                return Step::Restart(RestartKind::Sys);
            }
            cx.trace.rule(SPL_04_WAIT);
            if cx.env.quirks.has(Quirk::PipeOneQueue) {
                self.at = At::Asleep;
                return cx.pipe_wait_for_room(self.pipe);
            }
            self.at = At::Wait(Wait::Test);
            return Step::Preempted;
        }
        if self.from == Source::Nothing {
            cx.trace.rule(SPL_02_ROOM);
            return Step::Returned(Errno::EINVAL.into());
        }
        while self.done < self.len && !cx.k.ring(self.pipe).is_full() {
            let put = match self.from {
                Source::Nothing => 0,
                Source::File { path, pos, .. } => self.lend(cx, path, pos),
                Source::User { ref data } => {
                    cx.trace.rule(SPL_07);
                    let len = (self.len - self.done).min(PAGE_SIZE);
                    let page = data.slice(self.done, len);
                    let buf = PipeBuffer { page, len: len as u16, ..PipeBuffer::default() };
                    cx.k.ring_mut(self.pipe).push(buf);
                    len
                }
                Source::Memory { path } => self.map(cx, path),
            };
            if put == 0 {
                break;
            }
            self.done += put;
            if let Source::File { pos, .. } = &mut self.from {
                *pos += u64::from(put);
            }
        }
        self.at = At::WakeReaders;
        Step::Preempted
    }

    /// A page of a file goes into a slot, or nothing at the end of the file; says how many bytes of it.
    fn lend(&self, cx: &mut Cx, path: u16, pos: u64) -> u32 {
        let Some(file) = cx.k.regular_at(path) else { return 0 };
        let offset = (pos % u64::from(PAGE_SIZE)) as u32;
        let left = file.size.saturating_sub(pos).min(u64::from(PAGE_SIZE - offset)) as u32;
        let len = left.min(self.len - self.done);
        if len == 0 {
            return 0;
        }
        let buf = PipeBuffer { offset: offset as u16, len: len as u16, ..PipeBuffer::default() };
        let page = file.page_at(pos);
        let buf = match page {
            Some(page) => {
                cx.k.get_page(page);
                PipeBuffer { shared: Some(page), ..buf }
            }
            None => PipeBuffer { page: Payload::fill(0, len), ..buf },
        };
        cx.trace.rule(SPL_08);
        let ring = cx.k.ring_mut(self.pipe);
        if cx.env.quirks.has(Quirk::DirtyPipe) {
            ring.push_with_old_flags(buf);
            if ring.newest().is_some_and(|buf| buf.flags.contains(BufFlags::CAN_MERGE)) {
                cx.trace.rule(SPL_08_FLAGS);
            }
        } else {
            ring.push(buf);
        }
        len
    }

    /// A page of memory goes into a slot; says how many bytes of it. Memory has all of its pages.
    fn map(&self, cx: &mut Cx, path: u16) -> u32 {
        let Some(page) = cx.k.regular_at(path).and_then(|memory| memory.page_at(self.done.into())) else { return 0 };
        cx.trace.rule(SPL_07);
        let len = (self.len - self.done).min(PAGE_SIZE);
        cx.k.get_page(page);
        let buf = PipeBuffer { shared: Some(page), len: len as u16, ..PipeBuffer::default() };
        cx.k.ring_mut(self.pipe).push(buf);
        len
    }

    fn returned(&self, cx: &mut Cx) -> Step {
        let ret = Return::value(self.done.into());
        Step::Returned(match self.from {
            Source::User { .. } | Source::Memory { .. } | Source::Nothing => ret,
            Source::File { given: true, pos, .. } => with_offsets(ret, Some(pos), None),
            Source::File { file, pos, .. } => {
                cx.set_pos(file, pos);
                ret
            }
        })
    }

    /// Where it is, in words.
    pub fn place(&self) -> &'static str {
        match self.at {
            At::Locked => "about to take the lock",
            At::Wait(wait) => super::waiting(wait),
            At::WakeReaders => "lock released, readers not woken yet",
            At::Source => "about to look at the file",
            At::Asleep => "woken, about to take the lock again",
        }
    }
}

/// The answer with the offsets that were copied out; -1 stands for one that was not passed.
pub(super) fn with_offsets(ret: Return, input: Option<u64>, output: Option<u64>) -> Return {
    let offset = |pos: Option<u64>| pos.map_or(-1, |pos| pos as i64);
    Return { extra: [offset(input), offset(output)].into_iter().collect(), ..ret }
}
