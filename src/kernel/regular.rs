//! Regular files, as tmpfs has them: their bytes are pages, which `splice` lends to pipes.

use super::{
    Cx, Kernel,
    call::{Call, Fcntl, Fd, OpenFlags, Return},
    canon::canon_struct,
    env::PAGE_SIZE,
    errno::Errno,
    file::File,
    footprint::{Access, ObjId},
    page::PageId,
    payload::{Payload, Run},
    rules::*,
};

/// The inode of a regular file, with its page cache.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Regular {
    /// Permission bits.
    pub mode: u16,
    /// `i_size`
    pub size: u64,
    /// Pages by their index in the file, in order; one that is missing is a hole.
    pub cache: Vec<(u64, PageId)>,
}

/// The part of an open file description that only regular files have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OpenRegular {
    /// The file, by its path.
    pub path: u16,
    /// `f_pos`
    pub f_pos: u64,
}

canon_struct!(Regular { mode, size, cache });
canon_struct!(OpenRegular { path, f_pos });

/// Files are at most as long as the largest position.
pub const MAX_SIZE: u64 = i64::MAX as u64;
/// Longer contents are not shown to conditions.
pub const SHOWN: u64 = 1 << 20;

impl Regular {
    /// The page that holds position `pos`, if it is no hole.
    pub fn page_at(&self, pos: u64) -> Option<PageId> {
        let index = pos / u64::from(PAGE_SIZE);
        self.cache.binary_search_by_key(&index, |&(i, _)| i).ok().map(|i| self.cache[i].1)
    }
}

/// Where in its page a position lies.
fn in_page(pos: u64) -> u32 {
    (pos % u64::from(PAGE_SIZE)) as u32
}

impl Kernel {
    /// All regular files.
    pub fn regulars(&self) -> impl Iterator<Item = &Regular> {
        self.inodes.iter().filter_map(|inode| inode.regular.as_ref())
    }

    /// The regular file of a path; `None` if a FIFO has it.
    pub fn regular_at(&self, path: u16) -> Option<&Regular> {
        self.footprint.note(ObjId::Inode(path), Access::Read);
        self.inodes.iter().as_slice().get(usize::from(path))?.regular.as_ref()
    }

    /// What a path stands for, to be written.
    fn regular_slot(&mut self, path: u16) -> &mut Option<Regular> {
        self.footprint.note(ObjId::Inode(path), Access::Write);
        &mut self.inodes.write(path.into()).regular
    }

    /// Makes the regular file of a path that stands for nothing yet.
    pub fn make_regular(&mut self, path: u16, mode: u16, data: &Payload) {
        *self.regular_slot(path) = Some(Regular { mode, ..Regular::default() });
        self.write_file(path, 0, data);
    }

    /// The bytes `pos .. pos + count`, as far as the file has them.
    pub fn read_file(&self, path: u16, pos: u64, count: u64) -> Payload {
        let mut data = Payload::new();
        let Some(file) = self.regular_at(path) else { return data };
        let (mut at, end) = (pos, file.size.min(pos.saturating_add(count)));
        while at < end {
            let len = u64::from(PAGE_SIZE - in_page(at)).min(end - at) as u32;
            match file.page_at(at) {
                Some(page) => data.append(&self.page(page).slice(in_page(at), len)),
                None => data.push(Run { what: 0, len }),
            }
            at += u64::from(len);
        }
        data
    }

    /// Puts bytes into a file, which grows if they reach beyond its end.
    pub fn write_file(&mut self, path: u16, pos: u64, data: &Payload) {
        let (mut at, mut done) = (pos, 0);
        while done < data.len() {
            let len = (PAGE_SIZE - in_page(at)).min(data.len() - done);
            let page = self.page_for_write(path, at);
            self.page_mut(page).overwrite(in_page(at), &data.slice(done, len));
            done += len;
            at += u64::from(len);
        }
        if let Some(file) = self.regular_slot(path) {
            file.size = file.size.max(at);
        }
    }

    fn page_for_write(&mut self, path: u16, pos: u64) -> PageId {
        if let Some(page) = self.regular_at(path).and_then(|file| file.page_at(pos)) {
            return page;
        }
        let page = self.new_page(1, Payload::new());
        let index = pos / u64::from(PAGE_SIZE);
        if let Some(file) = self.regular_slot(path) {
            let place = file.cache.partition_point(|&(i, _)| i < index);
            file.cache.insert(place, (index, page));
        }
        page
    }

    /// `shmem_setattr` of the size: whole pages beyond the end leave the file, the rest of the last one is zeroed in place.
    pub fn truncate_file(&mut self, path: u16, size: u64) {
        let Some(file) = self.regular_slot(path) else { return };
        let old = std::mem::replace(&mut file.size, size);
        if size >= old {
            return;
        }
        let kept = file.cache.partition_point(|&(i, _)| i < size.div_ceil(PAGE_SIZE.into()));
        let gone = file.cache.split_off(kept);
        let last = if in_page(size) > 0 { file.page_at(size) } else { None };
        for (_, page) in gone {
            self.put_page(page);
        }
        if let Some(page) = last {
            self.page_mut(page).zero_from(in_page(size));
        }
    }
}

impl Cx<'_> {
    /// The answer of a call that a regular file answers at once; none if the call is another one, or no regular file is
    /// behind its descriptor.
    pub(super) fn on_regular(&mut self, call: &Call) -> Option<Return> {
        let fd = match *call {
            Call::Pread { fd, .. } | Call::Pwrite { fd, .. } | Call::Lseek { fd, .. } | Call::Ftruncate { fd, .. } => {
                fd
            }
            Call::Fsync { fd } | Call::Fstat { fd } | Call::Fionread { fd } | Call::Ioctl { fd, .. } => fd,
            Call::Fcntl { fd, cmd: Fcntl::GetPipeSz | Fcntl::SetPipeSz(_) } => fd,
            _ => return None,
        };
        let id = self.file_of(fd)?;
        let file = self.k.file(id);
        let (open, read, write) = (file.regular.clone()?, file.read, file.write);
        let size = self.k.regular_at(open.path).map_or(0, |file| file.size);
        Some(match call {
            Call::Pread { offset: ..0, .. } | Call::Pwrite { offset: ..0, .. } => Errno::EINVAL.into(),
            Call::Pread { count, offset, .. } if read => self.read_regular(id, *count, None, Some(*offset)),
            Call::Pwrite { data, offset, .. } if write => self.write_regular(id, data, Some(*offset)),
            Call::Lseek { offset, .. } => self.seek_regular(id, *offset),
            Call::Ftruncate { length, .. } => self.truncate_regular(id, *length),
            Call::Fsync { .. } => Return::value(0),
            Call::Fstat { .. } => {
                let mode = 0o100_000 | i64::from(self.k.regular_at(open.path).map_or(0, |file| file.mode));
                Return { extra: smallvec::smallvec![mode, size as i64, 4096], ..Return::value(0) }
            }
            Call::Fionread { .. } => Return::value(size as i64 - open.f_pos as i64),
            Call::Ioctl { .. } => Errno::ENOTTY.into(),
            _ => Errno::EBADF.into(),
        })
    }

    /// `open` of a regular file.
    pub(super) fn open_regular(&mut self, path: u16, flags: OpenFlags) -> Result<Fd, Errno> {
        let fd = self.reserve_fd()?;
        let read = !flags.contains(OpenFlags::O_WRONLY);
        let write = flags.intersects(OpenFlags::O_WRONLY | OpenFlags::O_RDWR);
        let mode = self.k.regular_at(path).map_or(0, |file| file.mode);
        let granted = if self.k.process_of(self.me).uid == 0 { mode >> 6 & 7 } else { mode & 7 };
        if (read && granted & 4 == 0) || (write && granted & 2 == 0) {
            self.trace.rule(FILE_O_01);
            self.unreserve_fd(fd);
            return Err(Errno::EACCES);
        }
        let kept = OpenFlags::O_NONBLOCK | OpenFlags::O_DIRECT | OpenFlags::O_APPEND;
        let file = self.new_file(File {
            f_count: 1,
            read,
            write,
            f_flags: flags & kept | OpenFlags::O_LARGEFILE,
            regular: Some(OpenRegular { path, f_pos: 0 }),
            pipe: super::PipeId::MAX,
            ..File::default()
        });
        self.install_fd(fd, file);
        Ok(fd)
    }

    /// `read`, or `pread` at an offset.
    pub(super) fn read_regular(
        &mut self,
        id: super::FileId,
        count: u32,
        fault: Option<u32>,
        at: Option<i64>,
    ) -> Return {
        let Some(open) = self.k.file(id).regular.clone() else { return Errno::EINVAL.into() };
        let pos = match at.map(u64::try_from) {
            None => open.f_pos,
            Some(Ok(pos)) => pos,
            Some(Err(_)) => return Errno::EINVAL.into(),
        };
        self.trace.rule(FILE_R_01);
        let mut data = self.k.read_file(open.path, pos, count.into());
        if let Some(writable) = fault
            && writable < data.len()
        {
            data = data.slice(0, writable);
            if data.is_empty() {
                return Errno::EFAULT.into();
            }
        }
        if at.is_none() {
            self.set_pos(id, pos + u64::from(data.len()));
        }
        Return { data: data.clone(), ..Return::value(data.len().into()) }
    }

    /// `write`, or `pwrite` at an offset. With `O_APPEND` it is the end that is written at, whatever the offset.
    pub(super) fn write_regular(&mut self, id: super::FileId, data: &Payload, at: Option<i64>) -> Return {
        let file = self.k.file(id);
        let append = file.f_flags.contains(OpenFlags::O_APPEND);
        let Some(open) = file.regular.clone() else { return Errno::EINVAL.into() };
        let Ok(offset) = at.map(u64::try_from).transpose() else { return Errno::EINVAL.into() };
        if data.is_empty() {
            return Return::value(0);
        }
        let pos =
            if append { self.k.regular_at(open.path).map_or(0, |f| f.size) } else { offset.unwrap_or(open.f_pos) };
        self.trace.rule(if append { FILE_W_02 } else { FILE_W_01 });
        if pos.saturating_add(data.len().into()) > MAX_SIZE {
            return Errno::EFBIG.into();
        }
        let readable = data.slice(0, data.readable());
        if readable.is_empty() {
            return Errno::EFAULT.into();
        }
        self.k.write_file(open.path, pos, &readable);
        if at.is_none() {
            self.set_pos(id, pos + u64::from(readable.len()));
        }
        Return::value(readable.len().into())
    }

    /// `lseek(…, SEEK_SET)`.
    pub(super) fn seek_regular(&mut self, id: super::FileId, offset: i64) -> Return {
        self.trace.rule(FILE_R_02);
        match u64::try_from(offset) {
            Ok(pos) => {
                self.set_pos(id, pos);
                Return::value(offset)
            }
            Err(_) => Errno::EINVAL.into(),
        }
    }

    /// `ftruncate`
    pub(super) fn truncate_regular(&mut self, id: super::FileId, length: i64) -> Return {
        let file = self.k.file(id);
        let (write, path) = (file.write, file.regular.as_ref().map_or(0, |open| open.path));
        match u64::try_from(length) {
            Ok(size) if write => {
                self.trace.rule(FILE_T_01);
                self.k.truncate_file(path, size);
                Return::value(0)
            }
            _ => Errno::EINVAL.into(),
        }
    }

    /// A new position for an open regular file.
    pub(super) fn set_pos(&mut self, id: super::FileId, pos: u64) {
        if let Some(open) = &mut self.k.file_mut(id).regular {
            open.f_pos = pos;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_holes_and_ends() {
        let mut k = Kernel::new(1, 1);
        k.make_regular(0, 0o644, &"abc".into());
        k.write_file(0, 8190, &"xyz".into());
        assert_eq!(k.regular_at(0).unwrap().size, 8193);
        assert_eq!(k.regular_at(0).unwrap().cache.iter().map(|c| c.0).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(k.read_file(0, 8189, 100), b"\0xyz"[..].into());
        k.truncate_file(0, 8191);
        k.truncate_file(0, 8193);
        assert_eq!(k.read_file(0, 8189, 100), b"\0x\0\0"[..].into());
        k.truncate_file(0, 2);
        assert_eq!(k.read_file(0, 0, 100), "ab".into());
        assert_eq!(k.invariants(), Ok(()));
    }
}
