//! `pipe_wait`, before v5.5: the one queue of a pipe.

use super::PipeId;
use crate::kernel::{
    Cx, QueueId, Step,
    quirk::Quirk,
    rules::*,
    wait::{WaitEntry, WakeUp},
};

impl QueueId {
    /// The queue that readers of a pipe sleep in, and opens that wait for a partner.
    #[inline]
    pub fn readers(cx: &Cx, pipe: PipeId) -> QueueId {
        if cx.env.quirks.has(Quirk::PipeOneQueue) { QueueId::one(pipe) } else { QueueId::rd(pipe) }
    }

    /// The queue that writers of a pipe sleep in.
    #[inline]
    pub fn writers(cx: &Cx, pipe: PipeId) -> QueueId {
        if cx.env.quirks.has(Quirk::PipeOneQueue) { QueueId::one(pipe) } else { QueueId::wr(pipe) }
    }
}

impl Cx<'_> {
    /// Into the queue at its head, under the lock; the lock is released, then the caller sleeps (STEP-PIPE-01).
    ///
    /// Whoever wakes it between the two does what it would do to a sleeper: they are one section.
    pub(in crate::kernel) fn pipe_wait(&mut self, pipe: PipeId) -> Step {
        self.trace.rule(PIPE_K_01);
        let queue = QueueId::one(pipe);
        self.enqueue(queue, WaitEntry { task: self.me, exclusive: false, key: 0 });
        self.schedule(Some(queue.into()))
    }

    /// Out of the queue, if nobody took the caller out of it, and the lock again.
    pub(in crate::kernel) fn pipe_waited(&mut self, pipe: PipeId) {
        self.leave(QueueId::one(pipe));
    }

    /// [`pipe_wait`](Self::pipe_wait) for room: a reader counts it as a waiting writer until it has the lock again (STEP-PIPE-03).
    pub(in crate::kernel) fn pipe_wait_for_room(&mut self, pipe: PipeId) -> Step {
        self.k.ends_mut(pipe).waiting_writers += 1;
        self.pipe_wait(pipe)
    }

    /// After [`pipe_wait_for_room`](Self::pipe_wait_for_room).
    pub(in crate::kernel) fn pipe_waited_for_room(&mut self, pipe: PipeId) {
        self.pipe_waited(pipe);
        self.k.ends_mut(pipe).waiting_writers -= 1;
    }

    /// Whether who takes bytes out of a pipe waits for those of a sleeping writer.
    pub(in crate::kernel) fn waits_for_writers(&self, pipe: PipeId) -> bool {
        self.env.quirks.has(Quirk::ReadMerging) && self.k.ends(pipe).waiting_writers > 0
    }

    /// Wakes every reader and writer, newest first, and every poller that waits for one of these events.
    pub(super) fn wake_pipe(&mut self, pipe: PipeId, events: u16) {
        self.trace.rule(PIPE_K_02);
        self.wake_up(QueueId::one(pipe), WakeUp::One, events);
    }
}
