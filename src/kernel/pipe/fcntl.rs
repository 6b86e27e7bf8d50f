//! What `fcntl` and `ioctl` on a pipe need beside a resize.

use super::PipeId;
use crate::kernel::{Cx, call::Return, env::PAGE_SIZE, rules::*};

/// `round_pipe_size`: up to a page and to a power of two; `None` over 2^31.
pub fn round_pipe_size(size: u64) -> Option<u32> {
    match size {
        0..=0x1000 => Some(PAGE_SIZE),
        0x1001..=0x8000_0000 => Some((size as u32).next_power_of_two()),
        _ => None,
    }
}

/// `F_GETPIPE_SZ`.
pub fn get_pipe_size(cx: &mut Cx, id: PipeId) -> Return {
    cx.trace.rule(PIPE_S_01);
    Return::value(i64::from(cx.k.ring(id).max_usage) * i64::from(PAGE_SIZE))
}

/// `FIONREAD`.
pub fn fionread(cx: &mut Cx, id: PipeId) -> Return {
    cx.trace.rule(PIPE_S_09);
    Return::value(cx.k.ring(id).bytes().into())
}
