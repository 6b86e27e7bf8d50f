//! `pipe_release`, where a pipe has one queue.

use super::{PIPE_DEF_BUFFERS, PipeId, Ring};
use crate::kernel::{Cx, QueueId, call::PollEvents, rules::*, wait::WakeUp};

/// All that a close can bring about.
const EVENTS: u16 = PollEvents::POLLIN
    .union(PollEvents::POLLOUT)
    .union(PollEvents::POLLRDNORM)
    .union(PollEvents::POLLWRNORM)
    .union(PollEvents::POLLERR)
    .union(PollEvents::POLLHUP)
    .bits();

/// One reader or writer less, already counted; `always` or only for the last of a side.
pub fn wake(cx: &mut Cx, id: PipeId, always: bool) {
    let ends = cx.k.ends(id);
    let (readers, writers) = (ends.readers, ends.writers);
    if readers == 0 && writers == 0 {
        // free_pipe_info. An open under way that has not the lock yet will find a new pipe.
        if !cx.k.ring(id).is_empty() {
            let pages: Vec<_> = cx.k.ring(id).occupied().filter_map(|buf| buf.shared).collect();
            pages.into_iter().for_each(|page| cx.k.put_page(page));
            let accounted = cx.k.pipe(id).nr_accounted;
            let slots = if accounted == 0 { PIPE_DEF_BUFFERS } else { accounted };
            let keeps_flags = cx.k.ring(id).keeps_flags;
            *cx.k.ring_mut(id) = Ring { keeps_flags, ..Ring::new(slots) };
        }
    } else if always {
        cx.trace.rule(PIPE_X_01_EVERY);
        cx.wake_up(QueueId::one(id), WakeUp::All, EVENTS);
    } else if (readers == 0) != (writers == 0) {
        cx.trace.rule(PIPE_X_01);
        cx.wake_up(QueueId::one(id), WakeUp::All, EVENTS);
    }
}
