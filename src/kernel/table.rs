//! A table of objects with a journal: what a step writes is saved first, so that the step can be undone, and only what was
//! written is hashed again.

use super::canon::{Canon, get, put};
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Objects of one kind, by index.
#[derive(Debug)]
pub struct Table<T> {
    items: Vec<T>,
    /// Written in this step, with the value from before; entries from `used` on are kept for their allocations.
    saved: Vec<(u32, T)>,
    used: usize,
    /// Whether the object is saved already.
    marked: Vec<bool>,
    /// Length before this step.
    base: usize,
    /// Digests of the objects as they were before this step, where known.
    digests: Vec<Option<u128>>,
    journal: bool,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table {
            items: Vec::new(),
            saved: Vec::new(),
            used: 0,
            marked: Vec::new(),
            base: 0,
            digests: Vec::new(),
            journal: false,
        }
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
        if self.journal && !self.marked[i] {
            self.save(i);
        }
        &mut self.items[i]
    }

    fn save(&mut self, i: usize) {
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
        self.digests.push(None);
        self.items.len() - 1
    }

    /// Turns the journal on or off; whatever was written so far stays.
    pub fn set_journal(&mut self, on: bool) {
        self.journal = on;
        self.commit();
    }

    /// Makes the writes since the last `commit` or `undo` final.
    pub fn commit(&mut self) {
        self.used = 0;
        self.base = self.items.len();
        self.marked.clear();
        self.marked.resize(self.base, false);
        self.digests.clear();
        self.digests.resize(self.base, None);
    }

    /// Takes the writes since the last `commit` back.
    #[inline]
    pub fn undo(&mut self) {
        for k in (0..self.used).rev() {
            let (i, old) = &mut self.saved[k];
            let i = *i as usize;
            self.marked[i] = false;
            std::mem::swap(&mut self.items[i], old);
        }
        self.used = 0;
        if self.items.len() > self.base {
            self.items.truncate(self.base);
            self.marked.truncate(self.base);
            self.digests.truncate(self.base);
        }
    }

    /// How much the sum of digests has changed since the last `commit`.
    #[inline]
    pub fn digest_delta(&mut self, kind: u64, scratch: &mut Vec<u8>) -> u128 {
        let mut delta: u128 = 0;
        for (i, old) in &self.saved[..self.used] {
            let i = *i as usize;
            let before = *self.digests[i].get_or_insert_with(|| digest(kind, i, old, scratch));
            delta = delta.wrapping_sub(before).wrapping_add(digest(kind, i, &self.items[i], scratch));
        }
        for i in self.base..self.items.len() {
            delta = delta.wrapping_add(digest(kind, i, &self.items[i], scratch));
        }
        delta
    }

    /// The sum of the digests of all objects, computed afresh.
    pub fn digest(&self, kind: u64, scratch: &mut Vec<u8>) -> u128 {
        let each = self.items.iter().enumerate().map(|(i, item)| digest(kind, i, item, scratch));
        each.fold(0, u128::wrapping_add)
    }

    /// Appends the canonical form of all objects.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.items.len() as u64);
        for item in &self.items {
            item.encode(out);
        }
    }

    /// Replaces all objects by those that [`Table::encode`] wrote; the journal is empty afterwards.
    pub fn decode(&mut self, input: &mut &[u8]) {
        let len = get(input) as usize;
        self.items.truncate(len);
        for i in 0..len {
            let item = T::decode(input);
            match self.items.get_mut(i) {
                Some(place) => *place = item,
                None => self.items.push(item),
            }
        }
        self.commit();
    }
}

#[inline]
fn digest<T: Canon>(kind: u64, i: usize, item: &T, scratch: &mut Vec<u8>) -> u128 {
    scratch.clear();
    item.encode(scratch);
    xxh3_128_with_seed(scratch, kind << 32 | i as u64)
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
}
