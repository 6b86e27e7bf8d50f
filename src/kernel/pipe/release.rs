//! `pipe_release`.

use super::{PipeId, PipeInodeInfo};
use crate::kernel::{Cx, QueueId, file::File, rules::*, trace::Event, wait::WakeUp};

/// The last reference to an open file is gone.
pub fn release(cx: &mut Cx, file: &File) {
    let ends = cx.k.ends_mut(file.pipe);
    ends.readers -= u16::from(file.read);
    ends.writers -= u16::from(file.write);
    if (ends.readers == 0) != (ends.writers == 0) {
        cx.trace.rule(PIPE_X_01);
        cx.wake_up(QueueId::rd(file.pipe), WakeUp::All, 0);
        cx.wake_up(QueueId::wr(file.pipe), WakeUp::All, 0);
    }
    put_pipe_info(cx, file.pipe);
}

/// One user of the pipe less; the last one frees it.
pub fn put_pipe_info(cx: &mut Cx, id: PipeId) {
    let ends = cx.k.ends_mut(id);
    ends.files -= 1;
    if ends.files > 0 {
        return;
    }
    let pipe = std::mem::take(cx.k.pipe_mut(id));
    for page in pipe.ring.occupied().filter_map(|buf| buf.shared) {
        cx.k.put_page(page);
    }
    cx.k.charge(pipe.nr_accounted, 0);
    if let Some(path) = pipe.fifo {
        *cx.k.i_pipe_mut(path) = None;
    }
    if !pipe.ring.is_empty() || pipe.fifo.is_some() {
        cx.trace.rule(PIPE_X_02);
    }
    cx.trace.tell(|| Event::Freed { pipe: id });
    debug_assert_eq!(*cx.k.pipe(id), PipeInodeInfo::default());
}
