//! Where choices come from.

use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};

/// A stream of choices. Everything that is generated is a function of one.
///
/// The first possibility is the plainest everywhere, so that a chooser that always says 0 makes the smallest program.
pub trait Chooser {
    /// One of `0..n`; `n` must not be 0.
    fn choose(&mut self, n: usize) -> usize;
}

impl dyn Chooser + '_ {
    /// True in `of` of 100 cases, as far as the chooser is fair.
    pub fn percent(&mut self, of: usize) -> bool {
        self.choose(100) >= 100 - of
    }

    /// One of several things; there must be one.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.choose(from.len())]
    }

    /// One of several things, each as often as its weight says; the sum must not be 0.
    pub fn weighted<T: Copy>(&mut self, from: &[(usize, T)]) -> T {
        let mut at = self.choose(from.iter().map(|(weight, _)| weight).sum());
        for &(weight, thing) in from {
            if at < weight {
                return thing;
            }
            at -= weight;
        }
        unreachable!("`choose` stays below the sum of weights")
    }
}

/// Random choices that depend on a seed only: the same on every machine and in every release.
#[derive(Clone, Debug)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The stream number `index` of a seed; streams do not overlap in practice, and each can be had without the others.
    pub fn new(seed: u64, index: u64) -> Self {
        let mut mixer = Xoshiro256PlusPlus::seed_from_u64(seed);
        // The golden ratio keeps neighbouring indices far apart before they are mixed.
        let stream = mixer.next_u64() ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Random(Xoshiro256PlusPlus::seed_from_u64(stream))
    }
}

impl Chooser for Random {
    fn choose(&mut self, n: usize) -> usize {
        // The high half of a product: no modulo, and a bias below n / 2⁶⁴.
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }
}

/// Choices read from bytes, as fuzzers make them. When the bytes are used up, every choice is the first.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Bytes(bytes)
    }

    fn next(&mut self) -> usize {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first.into()
    }
}

impl Chooser for Bytes<'_> {
    fn choose(&mut self, n: usize) -> usize {
        let (mut value, mut range) = (0, 1usize);
        // As few bytes as can tell all possibilities apart: then a small change of the input is a small change of the program.
        while range < n {
            value = value << 8 | self.next();
            range <<= 8;
        }
        value % n
    }
}

/// Every sequence of choices, one after the other, as an odometer counts: the last wheel turns first.
#[derive(Clone, Debug, Default)]
pub struct Odometer {
    /// For each choice of the last run: what was chosen, and of how many.
    wheels: Vec<(usize, usize)>,
    at: usize,
}

impl Odometer {
    /// At the sequence in which every choice is the first.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on to the next sequence; `false` if there is none. Choices since the last call are those that are counted.
    pub fn advance(&mut self) -> bool {
        self.wheels.truncate(self.at);
        self.at = 0;
        while let Some((chosen, n)) = self.wheels.last_mut() {
            *chosen += 1;
            if chosen < n {
                return true;
            }
            self.wheels.pop();
        }
        false
    }
}

impl Chooser for Odometer {
    fn choose(&mut self, n: usize) -> usize {
        if self.at == self.wheels.len() {
            self.wheels.push((0, n));
        }
        self.at += 1;
        self.wheels[self.at - 1].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_the_same_for_ever() {
        let mut random = Random::new(1, 0);
        let first: Vec<usize> = (0..8).map(|_| random.choose(100)).collect();
        assert_eq!(first, [14, 8, 87, 91, 34, 51, 17, 74]);
    }

    #[test]
    fn bytes_are_used_up_and_then_zero() {
        let mut bytes = Bytes::new(&[7, 1, 2]);
        assert_eq!([bytes.choose(1), bytes.choose(5), bytes.choose(1000), bytes.choose(9)], [0, 2, 0x102, 0]);
    }

    #[test]
    fn an_odometer_counts_everything_once() {
        let mut odometer = Odometer::new();
        let mut seen = Vec::new();
        loop {
            // As many further choices as the first one says.
            let n = odometer.choose(3);
            seen.push((0..n).map(|_| odometer.choose(2)).collect::<Vec<_>>());
            if !odometer.advance() {
                break;
            }
        }
        assert_eq!(seen, [vec![], vec![0], vec![1], vec![0, 0], vec![0, 1], vec![1, 0], vec![1, 1]]);
    }
}
