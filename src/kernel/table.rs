//! A table of objects with a journal: what a step writes is saved first, so that the step can be undone, and only what was
//! written is hashed again.

use super::canon::{Canon, get, put};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Objects of one kind, by index.
///
/// The state at the last [`Table::commit`] or [`Table::decode`] is the base: [`Table::undo`] goes back to it, and
/// [`Table::digest_delta`] counts from it.
#[derive(Debug)]
pub struct Table<T> {
    items: Vec<T>,
    /// Written since the base, with the value from before; entries from `used` on are kept for their allocations.
    saved: Vec<(u32, T)>,
    used: usize,
    /// Whether the object is saved already.
    marked: Vec<bool>,
    /// What is known of each object of the base.
    base: Vec<Known>,
    journal: bool,
}

/// An object of the base in its serial form.
#[derive(Debug, Default)]
struct Known {
    bytes: Vec<u8>,
    valid: bool,
    digest: Option<u128>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { items: Vec::new(), saved: Vec::new(), used: 0, marked: Vec::new(), base: Vec::new(), journal: false }
    }
}

/// A copy starts with an empty journal.
impl<T: Clone + Canon> Clone for Table<T> {
    fn clone(&self) -> Self {
        let mut copy = Table { items: self.items.clone(), journal: self.journal, ..Table::default() };
        copy.commit();
        copy
    }
}

impl<T: PartialEq> PartialEq for Table<T> {
    fn eq(&self, other: &Self) -> bool {
        self.items == other.items
    }
}

impl<T> std::ops::Index<usize> for Table<T> {
    type Output = T;
    #[inline]
    fn index(&self, i: usize) -> &T {
        &self.items[i]
    }
}

impl<T: Clone + Canon> Table<T> {
    /// Number of objects, freed ones included.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// In order of their index.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// The object, to be written: it is saved first if the journal is on.
    #[inline]
    pub fn write(&mut self, i: usize) -> &mut T {
        if !self.marked[i] {
            self.save(i);
        }
        &mut self.items[i]
    }

    fn save(&mut self, i: usize) {
        if !self.journal {
            self.base[i].valid = false;
            self.base[i].digest = None;
            return;
        }
        self.marked[i] = true;
        match self.saved.get_mut(self.used) {
            Some((index, old)) => {
                *index = i as u32;
                old.clone_from(&self.items[i]);
            }
            None => self.saved.push((i as u32, self.items[i].clone())),
        }
        self.used += 1;
    }

    /// Adds an object and returns its index.
    pub fn push(&mut self, item: T) -> usize {
        self.items.push(item);
        // What did not exist before need not be saved.
        self.marked.push(true);
        self.items.len() - 1
    }

    /// Turns the journal on or off; whatever was written so far stays.
    pub fn set_journal(&mut self, on: bool) {
        self.journal = on;
        self.commit();
    }

    /// Makes the present state the base.
    pub fn commit(&mut self) {
        self.used = 0;
        self.marked.clear();
        self.marked.resize(self.items.len(), false);
        self.base.clear();
        self.base.resize_with(self.items.len(), Known::default);
    }

    /// Goes back to the base.
    #[inline]
    pub fn undo(&mut self) {
        for k in (0..self.used).rev() {
            let (i, old) = &mut self.saved[k];
            let i = *i as usize;
            self.marked[i] = false;
            std::mem::swap(&mut self.items[i], old);
        }
        self.used = 0;
        if self.items.len() > self.base.len() {
            self.items.truncate(self.base.len());
            self.marked.truncate(self.base.len());
        }
    }

    /// How much the sum of digests differs from that of the base.
    #[inline]
    pub fn digest_delta(&mut self, kind: u64, scratch: &mut Vec<u8>) -> u128 {
        let mut delta: u128 = 0;
        for (i, old) in &self.saved[..self.used] {
            let i = *i as usize;
            let known = &mut self.base[i];
            let before = *known.digest.get_or_insert_with(|| {
                if !known.valid {
                    known.bytes.clear();
                    old.encode(&mut known.bytes);
                    known.valid = true;
                }
                hash(kind, i, &known.bytes)
            });
            delta = delta.wrapping_sub(before).wrapping_add(digest(kind, i, &self.items[i], scratch));
        }
        for i in self.base.len()..self.items.len() {
            delta = delta.wrapping_add(digest(kind, i, &self.items[i], scratch));
        }
        delta
    }

    /// The sum of the digests of all objects, computed afresh.
    pub fn digest(&self, kind: u64, scratch: &mut Vec<u8>) -> u128 {
        let each = self.items.iter().enumerate().map(|(i, item)| digest(kind, i, item, scratch));
        each.fold(0, u128::wrapping_add)
    }

    /// Appends the canonical form of all objects, each with its length before it. What was not written since the base is
    /// copied.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.items.len() as u64);
        for (i, item) in self.items.iter().enumerate() {
            match self.base.get(i) {
                Some(known) if known.valid && !self.marked[i] => {
                    put(out, known.bytes.len() as u64);
                    out.extend_from_slice(&known.bytes);
                }
                _ => encode_with_length(item, out),
            }
        }
    }

    /// Becomes what [`Table::encode`] wrote, as a new base. Objects that are the same as in the old base are left alone.
    #[inline]
    pub fn decode(&mut self, input: &mut &[u8]) {
        debug_assert_eq!(self.used, 0, "what was written is undone or made final first");
        let len = get(input) as usize;
        self.items.truncate(len);
        self.base.truncate(len);
        self.marked.truncate(len);
        for i in 0..len {
            let bytes = get(input) as usize;
            let (mut object, rest) = input.split_at(bytes);
            *input = rest;
            if i == self.items.len() {
                self.items.push(T::decode(&mut { object }));
                self.base.push(Known::default());
                self.marked.push(false);
            } else if self.base[i].valid && self.base[i].bytes == object {
                continue;
            }
            let known = &mut self.base[i];
            known.bytes.clear();
            known.bytes.extend_from_slice(object);
            (known.valid, known.digest) = (true, None);
            self.items[i] = T::decode(&mut object);
        }
    }
}

/// One byte of length as a rule; objects of 128 bytes and more are moved to make room.
#[inline]
fn encode_with_length<T: Canon>(item: &T, out: &mut Vec<u8>) {
    let start = out.len();
    out.push(0);
    item.encode(out);
    let len = out.len() - start - 1;
    if len < 0x80 {
        out[start] = len as u8;
    } else {
        let mut prefix = Vec::with_capacity(4);
        put(&mut prefix, len as u64);
        out.splice(start..=start, prefix);
    }
}

#[inline]
fn digest<T: Canon>(kind: u64, i: usize, item: &T, scratch: &mut Vec<u8>) -> u128 {
    scratch.clear();
    item.encode(scratch);
    hash(kind, i, scratch)
}

#[inline]
fn hash(kind: u64, i: usize, bytes: &[u8]) -> u128 {
    xxh3_128_with_seed(bytes, kind << 32 | i as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undo_restores_values_length_and_digest() {
        let mut table = Table::<Vec<u32>>::default();
        let mut scratch = Vec::new();
        table.push(vec![1]);
        table.push(vec![2, 3]);
        table.set_journal(true);
        let (before, digest) = (table.clone(), table.digest(7, &mut scratch));
        table.write(1).push(4);
        table.write(1).push(5);
        let new = table.push(vec![9]);
        table.write(new).push(9);
        let delta = table.digest_delta(7, &mut scratch);
        assert_eq!(digest.wrapping_add(delta), table.digest(7, &mut scratch));
        assert_ne!(delta, 0);
        table.undo();
        assert!(table == before);
        assert_eq!(table.digest(7, &mut scratch), digest);
        assert_eq!(table.digest_delta(7, &mut scratch), 0);
    }

    #[test]
    fn the_serial_form_is_read_back_over_another_state() {
        let mut table = Table::<Vec<u32>>::default();
        table.push(vec![1]);
        table.push((0..200).collect());
        table.set_journal(true);
        let (mut first, mut second, mut again) = (Vec::new(), Vec::new(), Vec::new());
        table.encode(&mut first);
        table.write(0).push(7);
        table.push(vec![3]);
        table.encode(&mut second);
        let expected = table.clone();
        table.undo();
        table.decode(&mut &first[..]);
        table.decode(&mut &second[..]);
        assert!(table == expected);
        table.encode(&mut again);
        assert_eq!(again, second);
        table.write(2).clear();
        let delta = table.digest_delta(7, &mut Vec::new());
        let (before, after) = (expected.digest(7, &mut Vec::new()), table.digest(7, &mut Vec::new()));
        assert_eq!(before.wrapping_add(delta), after);
    }
}
