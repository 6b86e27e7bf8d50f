//! The set of states seen so far.

use std::collections::HashSet;

/// States seen so far, by fingerprint or exactly.
#[derive(Debug)]
pub enum Visited {
    /// 64 bits of each fingerprint.
    Fingerprints(Fingerprints),
    /// The canonical form of each state.
    Exact(HashSet<Box<[u8]>>),
}

impl Visited {
    /// Bytes in use.
    pub fn bytes(&self) -> usize {
        match self {
            Visited::Fingerprints(table) => table.slots.len() * size_of::<u64>(),
            Visited::Exact(set) => set.iter().map(|s| s.len() + size_of::<Box<[u8]>>()).sum(),
        }
    }
}

/// Open addressing over 64 bits of each 128-bit fingerprint, placed by their upper ones.
#[derive(Debug)]
pub struct Fingerprints {
    /// 0 is free.
    slots: Vec<u64>,
    len: usize,
    /// 64 minus the logarithm of the number of slots.
    shift: u32,
}

impl Default for Fingerprints {
    fn default() -> Self {
        Self::with_log2(12)
    }
}

impl Fingerprints {
    fn with_log2(log2: u32) -> Self {
        Fingerprints { slots: vec![0; 1 << log2], len: 0, shift: 64 - log2 }
    }

    #[inline]
    fn key(fingerprint: u128) -> u64 {
        (fingerprint as u64).max(1)
    }

    /// Asks the processor to fetch the place where [`Fingerprints::insert`] will look.
    #[inline]
    pub fn prefetch(&self, fingerprint: u128) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let place = (Self::key(fingerprint) >> self.shift) as usize;
            // SAFETY: a prefetch has no effect but on the cache, and the address lies in the table.
            unsafe { _mm_prefetch(self.slots.as_ptr().add(place).cast(), _MM_HINT_T0) }
        }
    }

    /// Adds a fingerprint; whether it is new.
    #[inline]
    pub fn insert(&mut self, fingerprint: u128) -> bool {
        let fresh = self.place(Self::key(fingerprint));
        if fresh {
            self.len += 1;
            if self.len * 4 > self.slots.len() * 3 {
                self.grow();
            }
        }
        fresh
    }

    /// Whether a fingerprint was added.
    pub fn contains(&self, fingerprint: u128) -> bool {
        let (key, mask) = (Self::key(fingerprint), self.slots.len() - 1);
        let home = (key >> self.shift) as usize;
        let mut slots = (home..).map(|place| self.slots[place & mask]);
        slots.find(|&slot| slot == 0 || slot == key) == Some(key)
    }

    #[inline]
    fn place(&mut self, key: u64) -> bool {
        let mask = self.slots.len() - 1;
        let mut place = (key >> self.shift) as usize;
        loop {
            let slot = &mut self.slots[place & mask];
            match *slot {
                0 => {
                    *slot = key;
                    return true;
                }
                seen if seen == key => return false,
                _ => place += 1,
            }
        }
    }

    fn grow(&mut self) {
        let larger = Self::with_log2(64 - self.shift + 1);
        let old = std::mem::replace(self, Fingerprints { len: self.len, ..larger });
        for key in old.slots.into_iter().filter(|&key| key != 0) {
            self.place(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_new_once_and_survives_growth() {
        let mut table = Fingerprints::default();
        let print = |i: u64| u128::from(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        assert!((0..20_000).all(|i| table.insert(print(i))));
        assert!((0..20_000).all(|i| !table.insert(print(i))));
    }
}
