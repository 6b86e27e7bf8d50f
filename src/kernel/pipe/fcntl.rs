//! `pipe_fcntl` and `pipe_ioctl`.

use super::{PipeId, over};
use crate::kernel::{Cx, QueueId, call::Return, env::PAGE_SIZE, errno::Errno, quirk::Quirk, rules::*, wait::WakeUp};

/// `round_pipe_size`: up to a page and to a power of two; `None` over 2^31.
pub fn round_pipe_size(size: u64) -> Option<u32> {
    match size {
        0..=0x1000 => Some(PAGE_SIZE),
        0x1001..=0x8000_0000 => Some((size as u32).next_power_of_two()),
        _ => None,
    }
}

/// `pipe_set_size`, under the pipe's lock.
pub fn set_pipe_size(cx: &mut Cx, id: PipeId, arg: u64) -> Return {
    cx.trace.rule(PIPE_S_02);
    let arg = if cx.env.quirks.has(Quirk::SetPipeSizeWide) {
        arg
    } else {
        if arg > u64::from(u32::MAX) {
            cx.trace.rule(PIPE_S_03);
        }
        u64::from(arg as u32)
    };
    let Some(size) = round_pipe_size(arg) else { return Errno::EINVAL.into() };
    let (slots, limits, caps) = (size / PAGE_SIZE, &cx.env.limits, cx.env.caps);
    let pipe = cx.k.pipe(id);
    let growing = slots > pipe.ring.max_usage;
    if growing && size > limits.pipe_max_size && !caps.sys_resource {
        cx.trace.rule(PIPE_S_04);
        return Errno::EPERM.into();
    }
    let charged = cx.k.user_bufs() - pipe.nr_accounted + slots;
    if growing
        && (over(limits.pipe_user_pages_soft, charged) || over(limits.pipe_user_pages_hard, charged))
        && !caps.sys_resource
        && !caps.sys_admin
    {
        cx.trace.rule(PIPE_S_04);
        return Errno::EPERM.into();
    }
    if pipe.ring.occupancy() > slots {
        cx.trace.rule(PIPE_S_06);
        return Errno::EBUSY.into();
    }
    let accounted = pipe.nr_accounted;
    cx.k.charge(accounted, slots);
    let pipe = cx.k.pipe_mut(id);
    pipe.nr_accounted = slots;
    let ring = &mut pipe.ring;
    ring.bufs = ring.occupied().cloned().collect();
    (ring.head, ring.tail) = (ring.occupancy(), 0);
    (ring.ring_size, ring.max_usage) = (slots, slots);
    cx.trace.rule(PIPE_S_07);
    cx.wake_up(QueueId::wr(id), WakeUp::One, 0);
    Return::value(size.into())
}

/// `FIONREAD`.
pub fn fionread(cx: &mut Cx, id: PipeId) -> Return {
    cx.trace.rule(PIPE_S_09);
    Return::value(cx.k.ring(id).bytes().into())
}
