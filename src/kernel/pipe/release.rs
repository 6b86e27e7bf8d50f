//! `pipe_release`.

use super::{PipeId, PipeInodeInfo};
use crate::kernel::{Cx, QueueId, file::File, quirk::Quirk, rules::*, trace::Event, wait::WakeUp};

/// The last reference to an open file is gone.
pub fn release(cx: &mut Cx, file: &File) {
    let ends = cx.k.ends_mut(file.pipe);
    ends.readers -= u16::from(file.read);
    ends.writers -= u16::from(file.write);
    let (some, last) = (ends.readers > 0 || ends.writers > 0, (ends.readers == 0) != (ends.writers == 0));
    let quirks = cx.env.quirks;
    let always = quirks.has(Quirk::CloseWakesAlways);
    if quirks.has(Quirk::PipeOneQueue) {
        super::release_v3::wake(cx, file.pipe, always);
    } else if last || some && always {
        cx.trace.rule(if last { PIPE_X_01 } else { PIPE_X_01_EVERY });
        let defect = quirks.has(Quirk::EofWakesOne);
        if defect {
            cx.trace.rule(PIPE_04);
        }
        let how = if defect { WakeUp::One } else { WakeUp::All };
        cx.wake_up(QueueId::rd(file.pipe), how, 0);
        cx.wake_up(QueueId::wr(file.pipe), how, 0);
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
    cx.k.freed();
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
