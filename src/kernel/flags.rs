//! Flags and masks of system calls, with the numbers of x86-64.

use bitflags::bitflags;
use serde::{Deserialize, Serialize};

bitflags! {
    /// Flags of `open`, `pipe2` and `fcntl(F_SETFL)`, with the numbers of x86-64.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct OpenFlags: u32 {
        /// Open for writing only; neither this nor `O_RDWR` is `O_RDONLY`.
        const O_WRONLY = 0o1;
        /// Open for both.
        const O_RDWR = 0o2;
        /// All writes at the end.
        const O_APPEND = 0o2000;
        /// Calls fail with `EAGAIN` where they would sleep.
        const O_NONBLOCK = 0o4000;
        /// Set by every `open` (not by `pipe2`) on 64-bit machines; it shows in `F_GETFL`.
        const O_LARGEFILE = 0o100000;
        /// Pipes: packet mode.
        const O_DIRECT = 0o40000;
        /// Closed by `execve`; accepted and without effect here.
        const O_CLOEXEC = 0o2000000;
        /// `pipe2`: a notification pipe (`O_EXCL`).
        const O_NOTIFICATION_PIPE = 0o200;
        /// Every other bit, so that refused flags can be passed on.
        const _ = !0;
    }
}

bitflags! {
    /// Flags of `preadv2` and `pwritev2`.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct RwFlags: u32 {
        /// Do not sleep.
        const RWF_NOWAIT = 0x8;
        /// Do not send SIGPIPE (since v6.18).
        const RWF_NOSIGNAL = 0x100;
        /// Every other bit.
        const _ = !0;
    }
}

bitflags! {
    /// Flags of `splice`, `tee` and `vmsplice`.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct SpliceFlags: u32 {
        /// A hint without effect.
        const SPLICE_F_MOVE = 0x1;
        /// Do not sleep.
        const SPLICE_F_NONBLOCK = 0x2;
        /// More will come; without effect on pipes and files.
        const SPLICE_F_MORE = 0x4;
        /// `vmsplice`: the pages are given away; without effect that could be seen.
        const SPLICE_F_GIFT = 0x8;
        /// Every other bit.
        const _ = !0;
    }
}

impl SpliceFlags {
    /// Those that are not refused.
    pub const ALL: SpliceFlags = SpliceFlags::SPLICE_F_MOVE
        .union(SpliceFlags::SPLICE_F_NONBLOCK)
        .union(SpliceFlags::SPLICE_F_MORE)
        .union(SpliceFlags::SPLICE_F_GIFT);
}

bitflags! {
    /// Event masks of `poll`.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct PollEvents: u16 {
        /// Data can be read.
        const POLLIN = 0x1;
        /// Exceptional condition.
        const POLLPRI = 0x2;
        /// Data can be written.
        const POLLOUT = 0x4;
        /// Error; reported whether asked for or not.
        const POLLERR = 0x8;
        /// Hang-up; reported whether asked for or not.
        const POLLHUP = 0x10;
        /// Not an open descriptor.
        const POLLNVAL = 0x20;
        /// Normal data can be read.
        const POLLRDNORM = 0x40;
        /// Priority data can be read.
        const POLLRDBAND = 0x80;
        /// Normal data can be written.
        const POLLWRNORM = 0x100;
        /// Priority data can be written.
        const POLLWRBAND = 0x200;
        /// Every other bit.
        const _ = !0;
    }
}
