//! Pages that more than one place refers to: those of a file, and those that `tee` or `splice` made two slots of.
//!
//! A page that only one slot of one pipe knows is kept in that slot. It becomes an object here as soon as a second
//! reference exists, and stays one until the last reference is gone.

use super::{
    FileId, Kernel,
    canon::{Canon, canon_struct, get, put},
    footprint::{Access, ObjId},
    payload::{Payload, Run},
    pipe::PipeBuffer,
};
use std::num::NonZeroU16;

/// A page that is an object. The number is one more than its index in the table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct PageId(NonZeroU16);

impl PageId {
    fn at(index: usize) -> PageId {
        PageId(NonZeroU16::new(index as u16 + 1).unwrap_or(NonZeroU16::MAX))
    }

    /// Its place in the table.
    pub fn index(self) -> usize {
        usize::from(self.0.get()) - 1
    }
}

impl Canon for PageId {
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.index() as u64);
    }
    fn decode(input: &mut &[u8]) -> Self {
        PageId::at(get(input) as usize)
    }
}

/// `struct page`, as far as its bytes can be seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Page {
    /// References from slots and from the cache of a file; 0 when it is free.
    pub refs: u16,
    /// Its bytes from the start on; what is missing at the end is zero.
    pub data: Payload,
}

canon_struct!(Page { refs, data });

impl Page {
    /// The bytes `from .. from + len`.
    pub fn slice(&self, from: u32, len: u32) -> Payload {
        let mut bytes = self.data.slice(from, len);
        bytes.push(Run { what: 0, len: len - bytes.len() });
        bytes
    }

    /// Puts bytes over those from `at` on.
    pub fn overwrite(&mut self, at: u32, bytes: &Payload) {
        let mut data = self.slice(0, at);
        data.append(bytes);
        data.append(&self.data.slice(at + bytes.len(), u32::MAX));
        self.data = data;
    }

    /// Zeroes everything from `at` on.
    pub fn zero_from(&mut self, at: u32) {
        self.data = self.data.slice(0, at);
    }
}

impl Kernel {
    /// Reads a page.
    pub fn page(&self, id: PageId) -> &Page {
        self.footprint.note(ObjId::Page(id), Access::Read);
        &self.pages[id.index()]
    }

    /// Writes a page.
    pub fn page_mut(&mut self, id: PageId) -> &mut Page {
        self.footprint.note(ObjId::Page(id), Access::Write);
        self.pages.write(id.index())
    }

    /// All pages that are in use.
    pub fn shared_pages(&self) -> impl Iterator<Item = (PageId, &Page)> {
        self.pages.iter().enumerate().filter(|(_, page)| page.refs > 0).map(|(i, page)| (PageId::at(i), page))
    }

    /// A page with so many references, in the lowest free place.
    pub fn new_page(&mut self, refs: u16, data: Payload) -> PageId {
        self.footprint.note(ObjId::Allocation, Access::Write);
        let page = Page { refs, data };
        let place = match self.pages.iter().position(|page| page.refs == 0) {
            Some(i) => {
                *self.pages.write(i) = page;
                i
            }
            None => self.pages.push(page),
        };
        self.footprint.note(ObjId::Page(PageId::at(place)), Access::Write);
        PageId::at(place)
    }

    /// `get_page`
    pub fn get_page(&mut self, id: PageId) {
        self.page_mut(id).refs += 1;
    }

    /// `put_page`: the last one frees it.
    pub fn put_page(&mut self, id: PageId) {
        let page = self.page_mut(id);
        page.refs -= 1;
        if page.refs == 0 {
            *page = Page::default();
            self.freed();
        }
    }

    /// The first `len` bytes of a slot.
    pub fn slot_bytes(&self, buf: &PipeBuffer, len: u32) -> Payload {
        match buf.shared {
            Some(page) => self.page(page).slice(buf.offset.into(), len),
            None => buf.page.slice(0, len),
        }
    }

    /// Checks that every page has as many references as there are places that refer to it.
    pub(super) fn page_invariants(&self) -> Result<(), String> {
        let mut refs = vec![0u16; self.pages.len()];
        let slots = self.pipes().flat_map(|(_, pipe)| pipe.ring.occupied()).filter_map(|buf| buf.shared);
        for page in slots.chain(self.regulars().flat_map(|file| file.cache.iter().map(|&(_, page)| page))) {
            match refs.get_mut(page.index()) {
                Some(count) => *count += 1,
                None => return Err(format!("page {} is not there", page.index())),
            }
        }
        for (i, page) in self.pages.iter().enumerate() {
            if page.refs != refs[i] {
                return Err(format!("page {i} counts {} references and has {}", page.refs, refs[i]));
            }
            if page.data.len() > super::PAGE_SIZE {
                return Err(format!("page {i} has {} bytes", page.data.len()));
            }
            if page.refs == 0 && !page.data.is_empty() {
                return Err(format!("page {i} is free and has bytes"));
            }
        }
        let open = |id: FileId| self.open_file(id).and_then(|file| file.regular.as_ref());
        for file in (0..).take(self.file_count()).filter_map(open) {
            if self.regular_at(file.path).is_none() {
                return Err(format!("an open file without an inode: path {}", file.path));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_lie_over_bytes() {
        let mut page = Page { refs: 1, data: "abcd".into() };
        page.overwrite(2, &"xx".into());
        assert_eq!(page.data, "abxx".into());
        page.overwrite(6, &"y".into());
        assert_eq!(page.data, b"abxx\0\0y"[..].into());
        assert_eq!(page.slice(5, 4), b"\0y\0\0"[..].into());
        page.zero_from(1);
        assert_eq!(page.slice(0, 2), b"a\0"[..].into());
    }

    #[test]
    fn the_last_reference_frees_a_page() {
        let mut k = Kernel::new(1, 0);
        let (a, b) = (k.new_page(2, "a".into()), k.new_page(1, "b".into()));
        k.put_page(a);
        assert_eq!(k.page(a).refs, 1);
        k.put_page(a);
        assert_eq!(k.shared_pages().map(|(id, _)| id).collect::<Vec<_>>(), [b]);
        assert_eq!(k.new_page(1, Payload::new()), a);
    }
}
