//! `F_SETPIPE_SZ`: `pipe_set_size` and `pipe_resize_ring`.

use super::{PipeId, over, round_pipe_size};
use crate::kernel::{
    Cx, QueueId, Step,
    call::Return,
    canon::{canon_enum, canon_struct},
    env::PAGE_SIZE,
    errno::Errno,
    quirk::Quirk,
    rules::*,
    wait::WakeUp,
};

/// A resize under way. It has the pipe's lock from its first section to its last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PipeResize {
    /// Where it is.
    pub at: At,
    /// The pipe.
    pub pipe: PipeId,
    /// The argument.
    pub arg: u64,
}

/// The places of a resize where others can run: those that need no lock, between the places that have it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum At {
    /// About to take the lock.
    Locked,
    /// The ring is there, nobody woken yet.
    Wake {
        /// Its size in bytes.
        size: u32,
    },
    /// A writer woken, the limit not raised yet: only with the defect PIPE-05.
    Raise {
        /// The size of the ring in bytes.
        size: u32,
    },
}

canon_enum!(At { 0 => Locked, 1 => Wake { size }, 2 => Raise { size }, });
canon_struct!(PipeResize { at, pipe, arg });

impl PipeResize {
    /// A resize to `arg` bytes.
    pub fn new(pipe: PipeId, arg: u64) -> Self {
        PipeResize { at: At::Locked, pipe, arg }
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::Locked => match self.locked(cx) {
                Ok(size) if cx.env.quirks.has(Quirk::ResizeWakes) => {
                    cx.k.ring_mut(self.pipe).locked = true;
                    self.at = At::Wake { size };
                    Step::Preempted
                }
                Ok(size) => {
                    cx.trace.rule(PIPE_S_07_NOBODY);
                    Step::Returned(Return::value(size.into()))
                }
                Err(errno) => Step::Returned(errno.into()),
            },
            At::Wake { size } => {
                cx.trace.rule(PIPE_S_07);
                cx.wake_up(QueueId::writers(cx, self.pipe), WakeUp::One, 0);
                if !cx.env.quirks.has(Quirk::ResizeWakesEarly) {
                    return self.unlock(cx, size);
                }
                cx.trace.rule(PIPE_05);
                self.at = At::Raise { size };
                Step::Preempted
            }
            At::Raise { size } => {
                cx.k.ring_mut(self.pipe).max_usage = size / PAGE_SIZE;
                self.unlock(cx, size)
            }
        }
    }

    fn unlock(&self, cx: &mut Cx, size: u32) -> Step {
        cx.k.ring_mut(self.pipe).locked = false;
        Step::Returned(Return::value(size.into()))
    }

    /// The checks, and the new ring: its size in bytes.
    fn locked(&self, cx: &mut Cx) -> Result<u32, Errno> {
        cx.trace.rule(PIPE_S_02);
        let quirks = cx.env.quirks;
        let arg = if quirks.has(Quirk::SetPipeSizeWide) {
            self.arg
        } else {
            if self.arg > u64::from(u32::MAX) {
                cx.trace.rule(PIPE_S_03);
            }
            u64::from(self.arg as u32)
        };
        let size = round_pipe_size(arg).ok_or(Errno::EINVAL)?;
        let slots = size / PAGE_SIZE;
        self.may_resize(cx, size)?;
        if cx.k.pipe(self.pipe).ring.occupancy() > slots {
            cx.trace.rule(PIPE_S_06);
            return Err(Errno::EBUSY);
        }
        let accounted = cx.k.pipe(self.pipe).nr_accounted;
        let now_accounted = if quirks.has(Quirk::UserPages) { slots } else { 0 };
        cx.k.charge(accounted, now_accounted);
        let pipe = cx.k.pipe_mut(self.pipe);
        pipe.nr_accounted = now_accounted;
        let ring = &mut pipe.ring;
        ring.bufs = ring.occupied().cloned().collect();
        (ring.head, ring.tail) = (ring.occupancy(), 0);
        ring.ring_size = slots;
        let early = quirks.has(Quirk::ResizeWakes) && quirks.has(Quirk::ResizeWakesEarly);
        ring.max_usage = if early { ring.max_usage.min(slots) } else { slots };
        Ok(size)
    }

    /// Limits and privilege.
    fn may_resize(&self, cx: &mut Cx, size: u32) -> Result<(), Errno> {
        let (limits, caps, quirks) = (&cx.env.limits, cx.env.caps, cx.env.quirks);
        let (slots, pipe) = (size / PAGE_SIZE, cx.k.pipe(self.pipe));
        let growing = slots > pipe.ring.max_usage;
        if size > limits.pipe_max_size && !caps.sys_resource {
            if growing {
                cx.trace.rule(PIPE_S_04);
                return Err(Errno::EPERM);
            }
            if quirks.has(Quirk::ShrinkNeedsPrivilege) {
                cx.trace.rule(PIPE_S_05);
                return Err(Errno::EPERM);
            }
        }
        let charged = cx.k.user_bufs() - pipe.nr_accounted + slots;
        if growing
            && quirks.has(Quirk::UserPages)
            && (over(limits.pipe_user_pages_soft, charged) || over(limits.pipe_user_pages_hard, charged))
            && !caps.sys_resource
            && !caps.sys_admin
        {
            cx.trace.rule(PIPE_S_04);
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// Where it is, in words.
    pub fn place(&self) -> &'static str {
        match self.at {
            At::Locked => "about to take the lock",
            At::Wake { .. } => "with the lock, the new ring in place, nobody woken yet",
            At::Raise { .. } => "with the lock, a writer woken, the limit not raised yet",
        }
    }
}

/// All of a resize at once.
pub fn set_pipe_size(cx: &mut Cx, pipe: PipeId, arg: u64) -> Return {
    let mut resize = PipeResize::new(pipe, arg);
    loop {
        if let Step::Returned(ret) = resize.step(cx) {
            return ret;
        }
    }
}
