//! `pipe_inode_info`: the ring of slots and its two ends. One file per kernel function that can sleep.

mod fcntl;
mod mutex;
mod open;
mod place;
pub(super) mod read;
pub(super) mod read_v3;
mod release;
mod release_v3;
pub(super) mod resize;
mod wait_v3;
pub(super) mod write;
pub(super) mod write_v3;

pub use fcntl::{fionread, get_pipe_size, round_pipe_size};
pub use mutex::{PipeLock, Then};
pub use open::FifoOpen;
pub use read::PipeRead;
pub use read_v3::PipeReadV3;
pub use release::release;
pub use resize::{PipeResize, set_pipe_size};
pub use write::{Outcome, PipeWrite};
pub use write_v3::PipeWriteV3;

use super::{
    Cx,
    call::OpenFlags,
    canon::{Canon, canon_struct, clone_reusing, get, put},
    env::PAGE_SIZE,
    errno::Errno,
    file::File,
    page::PageId,
    payload::Payload,
    quirk::Quirk,
    rules::*,
    wait::WaitQueue,
};
use bitflags::bitflags;
use smallvec::SmallVec;

/// Index of a pipe.
pub type PipeId = u16;

/// Slots of a new pipe (`PIPE_DEF_BUFFERS`).
pub const PIPE_DEF_BUFFERS: u32 = 16;
/// Slots of a new pipe of a user over the soft limit (`PIPE_MIN_DEF_BUFFERS`).
pub const PIPE_MIN_DEF_BUFFERS: u32 = 2;

bitflags! {
    /// `pipe_buffer.flags`.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct BufFlags: u8 {
        /// A read ends here (`PIPE_BUF_FLAG_PACKET`).
        const PACKET = 0x08;
        /// More may be appended (`PIPE_BUF_FLAG_CAN_MERGE`).
        const CAN_MERGE = 0x10;
    }
}

/// `pipe_buffer`: a slot. The page holds the bytes that can still be read, at `offset`. A page that others refer to as well
/// is an object of its own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PipeBuffer {
    /// The bytes `offset .. offset + len` of the page, if only this slot knows it.
    pub page: Payload,
    /// The page, if others may refer to it.
    pub shared: Option<PageId>,
    /// Where in the page the bytes begin.
    pub offset: u16,
    /// How many bytes, `0..=PAGE_SIZE`.
    pub len: u16,
    /// What may be done with the slot.
    pub flags: BufFlags,
}

/// The ring. `head` and `tail` run freely; a slot is `index & (ring_size - 1)`.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Ring {
    /// Where the next slot is filled.
    pub head: u32,
    /// The oldest occupied slot.
    pub tail: u32,
    /// Slots that may be occupied.
    pub max_usage: u32,
    /// Slots, a power of two.
    pub ring_size: u32,
    /// The slots; those that were never used may be missing at the end.
    pub bufs: SmallVec<[PipeBuffer; 1]>,
    /// Slots that were ever filled; counted only where [`Quirk::StaleWasEmpty`] looks at it.
    pub pushed: u32,
    /// A resize that others can interrupt has the pipe's lock. (No other section ends with it.)
    pub locked: bool,
    /// Flags of freed slots matter: a kernel that does not initialise them makes them part of the state.
    pub keeps_flags: bool,
}

/// Who has it open.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ends {
    /// Open file descriptions for reading.
    pub readers: u16,
    /// Open file descriptions for writing.
    pub writers: u16,
    /// Open file descriptions, and opens under way; 0 when the pipe is free.
    pub files: u16,
    /// Opens for reading so far, from 1 to 255 and around again.
    pub r_counter: u32,
    /// Opens for writing so far, likewise.
    pub w_counter: u32,
    /// Somebody has polled it.
    pub poll_usage: bool,
    /// Writers that sleep, or have been woken and not gone on; before v5.5.
    pub waiting_writers: u16,
}

/// `pipe_inode_info`.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct PipeInodeInfo {
    /// The slots.
    pub ring: Ring,
    /// Who has it open.
    pub ends: Ends,
    /// Sleeping readers, and opens that wait for a partner.
    pub rd_wait: WaitQueue,
    /// Sleeping writers.
    pub wr_wait: WaitQueue,
    /// Slots charged to the user.
    pub nr_accounted: u32,
    /// The user that an anonymous pipe belongs to: its mode is 0600.
    pub uid: u16,
    /// The FIFO that it belongs to; `None` for an anonymous pipe.
    pub fifo: Option<u16>,
}

clone_reusing!(Ring { head, tail, max_usage, ring_size, bufs, keeps_flags, pushed, locked });
clone_reusing!(PipeInodeInfo { ring, ends, rd_wait, wr_wait, nr_accounted, uid, fifo });
canon_struct!(Ends { readers, writers, files, r_counter, w_counter, poll_usage, waiting_writers });

impl Ring {
    fn new(slots: u32) -> Self {
        Ring { max_usage: slots, ring_size: slots, ..Ring::default() }
    }

    /// Occupied slots.
    #[inline]
    pub fn occupancy(&self) -> u32 {
        self.head.wrapping_sub(self.tail)
    }

    /// `pipe_empty`
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// `pipe_full`
    #[inline]
    pub fn is_full(&self) -> bool {
        self.occupancy() >= self.max_usage
    }

    #[inline]
    fn slot(&self, index: u32) -> usize {
        (index & (self.ring_size - 1)) as usize
    }

    /// The occupied slots, oldest first.
    pub fn occupied(&self) -> impl Iterator<Item = &PipeBuffer> {
        (0..self.occupancy()).map(|i| &self.bufs[self.slot(self.tail.wrapping_add(i))])
    }

    /// The oldest occupied slot.
    #[inline]
    pub fn oldest(&mut self) -> Option<&mut PipeBuffer> {
        let slot = self.slot(self.tail);
        if self.is_empty() { None } else { Some(&mut self.bufs[slot]) }
    }

    /// The newest occupied slot.
    #[inline]
    pub fn newest(&mut self) -> Option<&mut PipeBuffer> {
        let slot = self.slot(self.head.wrapping_sub(1));
        if self.is_empty() { None } else { Some(&mut self.bufs[slot]) }
    }

    /// Fills the slot at `head`, which must not be occupied.
    #[inline]
    pub fn push(&mut self, buf: PipeBuffer) {
        let slot = self.slot(self.head);
        if slot < self.bufs.len() {
            self.bufs[slot] = buf;
        } else {
            // Slots are first used in order, so the new one is the next.
            self.bufs.push(buf);
        }
        self.head = self.head.wrapping_add(1);
    }

    /// Fills the slot at `head` as a kernel does that forgets to set its flags.
    pub fn push_with_old_flags(&mut self, buf: PipeBuffer) {
        let slot = self.slot(self.head);
        let flags = self.bufs.get(slot).map_or(BufFlags::empty(), |old| old.flags);
        self.push(PipeBuffer { flags, ..buf });
    }

    /// The occupied slot number `i`, counted from the oldest.
    pub fn nth(&mut self, i: u32) -> Option<&mut PipeBuffer> {
        let slot = self.slot(self.tail.wrapping_add(i));
        if i < self.occupancy() { Some(&mut self.bufs[slot]) } else { None }
    }

    /// `tail` moves on past a slot, whose flags stay behind; the page that it shared has a reference less to it.
    #[inline]
    #[must_use]
    pub fn release_oldest(&mut self) -> Option<PageId> {
        let slot = self.slot(self.tail);
        let buf = &mut self.bufs[slot];
        buf.page = Payload::new();
        self.tail = self.tail.wrapping_add(1);
        buf.shared.take()
    }

    /// `tail` moves on past a slot that goes elsewhere with its page.
    pub fn take_oldest(&mut self) -> Option<PipeBuffer> {
        let buf = self.oldest()?;
        let taken = PipeBuffer { page: std::mem::take(&mut buf.page), shared: buf.shared.take(), ..*buf };
        self.tail = self.tail.wrapping_add(1);
        Some(taken)
    }

    /// Flags of the free slots, from `head` on.
    fn old_flags(&self) -> impl Iterator<Item = BufFlags> {
        let free = self.occupancy()..self.ring_size;
        free.map(|i| self.bufs.get(self.slot(self.tail.wrapping_add(i))).map_or(BufFlags::empty(), |buf| buf.flags))
    }

    /// `FIONREAD`: the sum of bytes in all slots.
    pub fn bytes(&self) -> u32 {
        self.occupied().map(|buf| u32::from(buf.len)).sum()
    }
}

impl PipeInodeInfo {
    /// `pipe_readable`: tested by sleeping readers, without the lock.
    #[inline]
    pub fn readable(&self) -> bool {
        !self.ring.is_empty() || self.ends.writers == 0
    }

    /// `pipe_writable`: tested by sleeping writers, without the lock.
    #[inline]
    pub fn writable(&self) -> bool {
        !self.ring.is_full() || self.ends.readers == 0
    }

    /// Whether its lock is taken across sections, by a resize.
    #[inline]
    pub fn locked(&self) -> bool {
        self.ring.locked
    }

    /// What must always hold; checked after every step of a debug build.
    ///
    /// # Errors
    ///
    /// Which invariant is broken.
    pub fn invariants(&self) -> Result<(), &'static str> {
        let ring = &self.ring;
        let check = |ok: bool, what| if ok { Ok(()) } else { Err(what) };
        if self.ends.files == 0 {
            return check(*self == PipeInodeInfo::default(), "a freed pipe is blank");
        }
        check(ring.ring_size.is_power_of_two(), "ring_size is a power of two")?;
        check(ring.occupancy() <= ring.max_usage, "no more slots are occupied than may be")?;
        check(ring.max_usage <= ring.ring_size, "max_usage is within the ring")?;
        check(ring.bufs.len() <= ring.ring_size as usize, "no slot beyond the ring")?;
        for buf in ring.occupied() {
            check(u32::from(buf.offset) + u32::from(buf.len) <= PAGE_SIZE, "a slot's bytes are within a page")?;
            let inline = if buf.shared.is_some() { 0 } else { buf.len };
            check(buf.page.len() == u32::from(inline), "a slot has its bytes")?;
            check(!buf.flags.contains(BufFlags::PACKET | BufFlags::CAN_MERGE), "a packet is never appended to")?;
        }
        let ends = &self.ends;
        check(ends.readers <= ends.files && ends.writers <= ends.files, "every reader and writer is an open file")?;
        Ok(())
    }
}

super::canon::canon_flags!(BufFlags);

/// In the encoding of flags: the page is an object.
const SHARED: u8 = 0x40;

impl Canon for PipeBuffer {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        let PipeBuffer { page, shared, offset, len, flags } = self;
        page.encode(out);
        offset.encode(out);
        len.encode(out);
        match shared {
            None => out.push(flags.bits()),
            Some(page) => {
                out.push(flags.bits() | SHARED);
                page.encode(out);
            }
        }
    }

    #[inline]
    fn decode(input: &mut &[u8]) -> Self {
        let (page, offset, len) = (Payload::decode(input), u16::decode(input), u16::decode(input));
        let bits = u8::decode(input);
        let shared = if bits & SHARED != 0 { Some(PageId::decode(input)) } else { None };
        PipeBuffer { page, shared, offset, len, flags: BufFlags::from_bits_retain(bits & !SHARED) }
    }
}

/// Only occupied slots, from the oldest on: where in the ring they lie makes no difference. If the flags of free slots
/// matter, they follow.
impl Canon for PipeInodeInfo {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        let PipeInodeInfo { ring, ends, rd_wait, wr_wait, nr_accounted, uid, fifo } = self;
        if ends.files == 0 {
            return out.push(0);
        }
        ends.files.encode(out);
        put(out, ring.max_usage.into());
        put(out, ring.ring_size.into());
        put(out, u64::from(ring.occupancy()) << 1 | u64::from(ring.keeps_flags));
        put(out, u64::from(ring.pushed) << 1 | u64::from(ring.locked));
        for buf in ring.occupied() {
            buf.encode(out);
        }
        if ring.keeps_flags {
            ring.old_flags().for_each(|flags| flags.encode(out));
        }
        ends.encode(out);
        rd_wait.encode(out);
        wr_wait.encode(out);
        nr_accounted.encode(out);
        uid.encode(out);
        fifo.encode(out);
    }

    #[inline]
    fn decode(input: &mut &[u8]) -> Self {
        if get(input) == 0 {
            return PipeInodeInfo::default();
        }
        let (max_usage, ring_size, head) = (get(input) as u32, get(input) as u32, get(input) as u32);
        let (head, keeps_flags) = (head >> 1, head & 1 == 1);
        let more = get(input);
        let (pushed, locked) = ((more >> 1) as u32, more & 1 == 1);
        let mut bufs: SmallVec<[PipeBuffer; 1]> = (0..head).map(|_| PipeBuffer::decode(input)).collect();
        if keeps_flags {
            let free =
                (head..ring_size).map(|_| PipeBuffer { flags: BufFlags::decode(input), ..PipeBuffer::default() });
            bufs.extend(free);
        }
        PipeInodeInfo {
            ring: Ring { head, tail: 0, max_usage, ring_size, bufs, keeps_flags, pushed, locked },
            ends: Ends::decode(input),
            rd_wait: WaitQueue::decode(input),
            wr_wait: WaitQueue::decode(input),
            nr_accounted: u32::decode(input),
            uid: u16::decode(input),
            fifo: Option::decode(input),
        }
    }
}

/// `alloc_pipe_info`: a pipe without ends, its slots charged to the user. The lowest free index is taken.
///
/// # Errors
///
/// `ENFILE` over the user's hard limit.
pub fn alloc_pipe_info(cx: &mut Cx, fifo: Option<u16>) -> Result<PipeId, Errno> {
    let (limits, caps, quirks) = (&cx.env.limits, cx.env.caps, cx.env.quirks);
    let counted = quirks.has(Quirk::UserPages);
    let unprivileged = !caps.sys_resource && !caps.sys_admin && counted;
    let mut slots = PIPE_DEF_BUFFERS;
    if slots * PAGE_SIZE > limits.pipe_max_size && !caps.sys_resource && quirks.has(Quirk::InitialSizeLimited) {
        cx.trace.rule(PIPE_C_04);
        slots = limits.pipe_max_size / PAGE_SIZE;
    }
    let charged = cx.k.user_bufs();
    if over(limits.pipe_user_pages_soft, charged + slots) && unprivileged {
        cx.trace.rule(PIPE_C_04);
        slots = PIPE_MIN_DEF_BUFFERS;
        if quirks.has(Quirk::OneSlotPipes) {
            cx.trace.rule(PIPE_08);
            slots = 1;
        }
    }
    if over(limits.pipe_user_pages_hard, charged + slots) && unprivileged {
        cx.trace.rule(PIPE_C_04);
        return Err(Errno::ENFILE);
    }
    let nr_accounted = if counted { slots } else { 0 };
    cx.k.charge(0, nr_accounted);
    cx.trace.rule(PIPE_C_03);
    let keeps_flags = cx.env.quirks.has(Quirk::DirtyPipe);
    Ok(cx.k.install_pipe(PipeInodeInfo {
        ring: Ring { keeps_flags, ..Ring::new(slots) },
        ends: Ends { r_counter: 1, w_counter: 1, ..Ends::default() },
        nr_accounted,
        uid: cx.k.uid_of(cx.me),
        fifo,
        ..PipeInodeInfo::default()
    }))
}

/// `too_many_pipe_buffers_soft`, `_hard`.
fn over(limit: u32, bufs: u32) -> bool {
    limit > 0 && bufs > limit
}

/// `create_pipe_files`: a pipe with one file for each end (read, write), no descriptor yet and no reference counted.
///
/// # Errors
///
/// Those of [`alloc_pipe_info`].
pub fn create_pipe_files(cx: &mut Cx, flags: OpenFlags) -> Result<(PipeId, [File; 2]), Errno> {
    let pipe = alloc_pipe_info(cx, None)?;
    *cx.k.ends_mut(pipe) = Ends { readers: 1, writers: 1, files: 2, r_counter: 1, w_counter: 1, ..Ends::default() };
    let file = |read, f_flags| File {
        f_count: 0,
        read,
        write: !read,
        f_flags,
        nowait: true,
        pipe,
        f_pipe: 0,
        regular: None,
        signalfd: None,
    };
    let shared = flags & OpenFlags::O_NONBLOCK;
    Ok((pipe, [file(true, shared), file(false, shared | flags & OpenFlags::O_DIRECT)]))
}
