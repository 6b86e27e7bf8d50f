//! Open file descriptions: `struct file`.

use super::{
    Cx, PipeId, call::OpenFlags, canon::canon_flags, canon::canon_struct, regular::OpenRegular, signal::SigSet,
};

/// Index of an open file description.
pub type FileId = u16;

/// `struct file`, of a pipe, a FIFO, a regular file or a signalfd.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct File {
    /// Descriptors and calls that refer to it; 0 when it is free.
    pub f_count: u16,
    /// `FMODE_READ`
    pub read: bool,
    /// `FMODE_WRITE`
    pub write: bool,
    /// Status flags (`O_NONBLOCK`, `O_DIRECT`, …), without the access mode.
    pub f_flags: OpenFlags,
    /// `FMODE_NOWAIT`: set for anonymous pipes, not for FIFOs.
    pub nowait: bool,
    /// `private_data`; of what is no pipe, the number of none.
    pub pipe: PipeId,
    /// `f_pipe`: the pipe's `w_counter` when a FIFO was opened for reading without blocking; else 0.
    pub f_pipe: u32,
    /// What only regular files have.
    pub regular: Option<OpenRegular>,
    /// `signalfd_ctx`: the mask of a signalfd.
    pub signalfd: Option<SigSet>,
}

canon_flags!(OpenFlags);
canon_struct!(File { f_count, read, write, f_flags, nowait, pipe, f_pipe, regular, signalfd });

/// The status flags that `fcntl(F_SETFL)` can change.
const SETFL_MASK: OpenFlags = OpenFlags::O_APPEND.union(OpenFlags::O_NONBLOCK).union(OpenFlags::O_DIRECT);

impl File {
    /// `F_GETFL`: access mode and status flags.
    pub fn getfl(&self) -> OpenFlags {
        let mode = match (self.read, self.write) {
            (true, true) => OpenFlags::O_RDWR,
            (false, true) => OpenFlags::O_WRONLY,
            _ => OpenFlags::empty(),
        };
        self.f_flags | mode
    }

    /// `F_SETFL`.
    pub fn setfl(&mut self, flags: OpenFlags) {
        self.f_flags = (flags & SETFL_MASK) | (self.f_flags - SETFL_MASK);
    }

    /// Whether it is one of a pipe or a FIFO.
    #[inline]
    pub fn is_pipe(&self) -> bool {
        self.regular.is_none() && self.signalfd.is_none()
    }

    /// Whether calls on it fail rather than sleep.
    pub fn nonblocking(&self) -> bool {
        self.f_flags.contains(OpenFlags::O_NONBLOCK)
    }
}

impl Cx<'_> {
    /// `fput`: one reference less; the last one closes the file.
    pub fn fput(&mut self, id: FileId) {
        let file = self.k.file_mut(id);
        file.f_count -= 1;
        if file.f_count == 0 {
            let file = std::mem::take(file);
            self.k.freed();
            self.release(&file);
        }
    }

    /// `f_op->release`: nothing but pipes has something to do.
    pub(super) fn release(&mut self, file: &File) {
        if file.is_pipe() {
            super::pipe::release(self, file);
        }
    }

    /// The lowest unused open file description.
    pub fn new_file(&mut self, file: File) -> FileId {
        self.k.install_file(file)
    }
}
