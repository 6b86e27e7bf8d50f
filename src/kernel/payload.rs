//! Byte strings by runs: filling a 64 KiB pipe costs a few words of state, not 64 KiB.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

/// The period of pattern bytes: a prime, so that no slot or page size divides it.
pub const PATTERN_PERIOD: u32 = 251;

/// A stretch of bytes that one number describes.
///
/// `what` is a byte value (`0..=255`), or [`Run::PATTERN`] plus the phase of a position-dependent pattern,
/// or [`Run::FAULT`] for memory that the kernel cannot read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Run {
    /// What each byte is; see the type.
    pub what: u32,
    /// How many bytes, at least one.
    pub len: u32,
}

impl Run {
    /// Base of `what` for pattern runs: byte `i` of the run is `(phase + i) % 251`.
    pub const PATTERN: u32 = 0x100;
    /// `what` of unreadable user memory.
    pub const FAULT: u32 = 0x1000;

    fn is_pattern(self) -> bool {
        (Self::PATTERN..Self::FAULT).contains(&self.what)
    }

    /// The byte at `i`, which must be below `len`; a faulting run reads as zero.
    pub fn byte(self, i: u32) -> u8 {
        match self.what {
            byte @ 0..=0xff => byte as u8,
            Self::FAULT => 0,
            phase => ((u64::from(phase - Self::PATTERN) + u64::from(i)) % u64::from(PATTERN_PERIOD)) as u8,
        }
    }

    fn tail(self, skip: u32) -> Run {
        let what = if self.is_pattern() {
            Self::PATTERN
                + ((u64::from(self.what - Self::PATTERN) + u64::from(skip)) % u64::from(PATTERN_PERIOD)) as u32
        } else {
            self.what
        };
        Run { what, len: self.len - skip }
    }

    /// Whether `next` continues this run, so that the two are one.
    fn joins(self, next: Run) -> bool {
        self.tail(self.len).what == next.what
    }
}

/// A byte string as a sequence of runs, in normal form: adjacent runs that could be one are one.
///
/// A byte may be a run of its own or part of a pattern; two strings are equal if their bytes are.
#[derive(Default, Serialize, Deserialize)]
pub struct Payload {
    runs: SmallVec<[Run; 2]>,
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.runs == other.runs || self.len() == other.len() && self.cmp(other).is_eq()
    }
}

impl Eq for Payload {}

/// By bytes; memory that cannot be read comes after all that can.
impl Ord for Payload {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut a, mut b) = (self.runs.iter().copied(), other.runs.iter().copied());
        let (mut x, mut y) = (a.next(), b.next());
        while let (Some(run), Some(with)) = (x, y) {
            let common = run.len.min(with.len);
            // Runs that are described alike need not be looked at byte by byte.
            if run.what != with.what {
                let key = |run: Run, i| (run.what == Run::FAULT, run.byte(i));
                let order = (0..common).map(|i| key(run, i).cmp(&key(with, i))).find(|order| order.is_ne());
                if let Some(order) = order {
                    return order;
                }
            }
            x = if common < run.len { Some(run.tail(common)) } else { a.next() };
            y = if common < with.len { Some(with.tail(common)) } else { b.next() };
        }
        x.is_some().cmp(&y.is_some())
    }
}

impl PartialOrd for Payload {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Length, first and last byte: what equal strings have in common however they are divided into runs.
impl Hash for Payload {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let key = |run: &Run, i| (run.what == Run::FAULT, run.byte(i));
        self.len().hash(state);
        self.runs.first().map(|run| key(run, 0)).hash(state);
        self.runs.last().map(|run| key(run, run.len - 1)).hash(state);
    }
}

/// Runs are plain numbers: copied at once, which the derived `clone` does not do.
impl Clone for Payload {
    #[inline]
    fn clone(&self) -> Self {
        Payload { runs: SmallVec::from_slice(&self.runs) }
    }
    #[inline]
    fn clone_from(&mut self, from: &Self) {
        self.runs.clear();
        self.runs.extend_from_slice(&from.runs);
    }
}

impl Payload {
    /// No bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// `len` times the same byte.
    pub fn fill(byte: u8, len: u32) -> Self {
        Self::of(Run { what: u32::from(byte), len })
    }

    /// Bytes that tell their position: byte `i` is `i % 251`.
    pub fn pattern(len: u32) -> Self {
        Self::of(Run { what: Run::PATTERN, len })
    }

    /// User memory that faults when the kernel copies from it, one byte long (no byte of it is ever copied).
    pub fn fault() -> Self {
        Self::of(Run { what: Run::FAULT, len: 1 })
    }

    fn of(run: Run) -> Self {
        let mut payload = Self::new();
        payload.push(run);
        payload
    }

    /// The runs, in order.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Number of bytes.
    #[inline]
    pub fn len(&self) -> u32 {
        match &self.runs[..] {
            [] => 0,
            [run] => run.len,
            runs => runs.iter().map(|run| run.len).sum(),
        }
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many bytes come before the first unreadable one.
    pub fn readable(&self) -> u32 {
        self.runs.iter().take_while(|run| run.what != Run::FAULT).map(|run| run.len).sum()
    }

    /// Appends one run; an empty run changes nothing.
    #[inline]
    pub fn push(&mut self, run: Run) {
        if run.len == 0 {
            return;
        }
        match self.runs.last_mut() {
            Some(last) if last.joins(run) => last.len += run.len,
            _ => self.runs.push(run),
        }
    }

    /// Appends all bytes of `other`.
    pub fn append(&mut self, other: &Payload) {
        for &run in &other.runs {
            self.push(run);
        }
    }

    /// The bytes `from .. from + len`; what lies beyond the end is left out.
    pub fn slice(&self, from: u32, len: u32) -> Payload {
        let mut out = Payload::new();
        self.slice_into(from, len, &mut out);
        out
    }

    /// Appends the bytes `from .. from + len` to `out`.
    #[inline]
    pub fn slice_into(&self, mut from: u32, mut len: u32, out: &mut Payload) {
        for &run in &self.runs {
            if len == 0 {
                return;
            }
            if from >= run.len {
                from -= run.len;
                continue;
            }
            let mut part = run.tail(from);
            part.len = part.len.min(len);
            len -= part.len;
            from = 0;
            out.push(part);
        }
    }

    /// Drops the first `n` bytes (all of them if there are fewer).
    #[inline]
    pub fn advance(&mut self, n: u32) {
        if n >= self.len() {
            self.runs.clear();
        } else if n > 0 {
            *self = self.slice(n, u32::MAX);
        }
    }

    /// Repeats the string `times` times.
    pub fn repeat(&self, times: u32) -> Payload {
        if let [run] = self.runs[..]
            && run.what <= 0xff
        {
            return Self::of(Run { what: run.what, len: run.len * times });
        }
        let mut out = Payload::new();
        for _ in 0..times {
            out.append(self);
        }
        out
    }

    /// The bytes themselves, faulting ones as zero.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len() as usize);
        for run in &self.runs {
            match run.what {
                byte @ 0..=0xff => out.resize(out.len() + run.len as usize, byte as u8),
                _ => out.extend((0..run.len).map(|i| run.byte(i))),
            }
        }
        out
    }

    /// Whether these are exactly `bytes`, however the runs are cut.
    pub fn equals_bytes(&self, bytes: &[u8]) -> bool {
        self.len() as usize == bytes.len() && {
            let mut at = 0;
            self.runs.iter().all(|run| {
                let part = &bytes[at..at + run.len as usize];
                at += part.len();
                part.iter().enumerate().all(|(i, &b)| run.byte(i as u32) == b)
            })
        }
    }
}

/// Reads plain bytes; long stretches of the position-dependent pattern are recognised.
impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        /// Shorter stretches of rising bytes are left as they are.
        const SHORTEST_PATTERN: usize = 16;
        let mut out = Payload::new();
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            let same = rest.iter().take_while(|&&b| b == first).count();
            let rising = rest
                .iter()
                .enumerate()
                .take_while(|&(i, &b)| u32::from(b) == (u32::from(first) + i as u32) % PATTERN_PERIOD)
                .count();
            let (what, len) = if same == 1 && rising >= SHORTEST_PATTERN {
                (Run::PATTERN + u32::from(first), rising)
            } else {
                (u32::from(first), same)
            };
            out.push(Run { what, len: len as u32 });
            rest = &rest[len..];
        }
        out
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

/// As it is written in a litmus test: `"aab"`, `"a" * 4096`, `"x" + pattern(100)`.
impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Runs up to this length are spelled out.
        const SPELLED: u32 = 8;
        if self.runs.is_empty() {
            return f.write_str("\"\"");
        }
        let (mut first, mut quoted) = (true, false);
        for run in &self.runs {
            let spelled = run.what <= 0xff && run.len <= SPELLED;
            if quoted && !spelled {
                f.write_str("\"")?;
            }
            let continues = quoted && spelled;
            if !first && !continues {
                f.write_str(" + ")?;
            }
            if spelled {
                if !quoted {
                    f.write_str("\"")?;
                }
                for _ in 0..run.len {
                    write!(f, "{}", (run.what as u8).escape_ascii())?;
                }
            } else {
                match run.what {
                    byte @ 0..=0xff => write!(f, "\"{}\" * {}", (byte as u8).escape_ascii(), run.len)?,
                    Run::FAULT => f.write_str("FAULT")?,
                    Run::PATTERN => write!(f, "pattern({})", run.len)?,
                    phase => write!(f, "pattern({}, {})", run.len, phase - Run::PATTERN)?,
                }
            }
            (first, quoted) = (false, spelled);
        }
        if quoted { f.write_str("\"") } else { Ok(()) }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_itself_as_the_notation_does() {
        let mut p = Payload::from("aab");
        assert_eq!(p.to_string(), r#""aab""#);
        p.append(&Payload::fill(b'c', 4096));
        p.append(&Payload::fault());
        assert_eq!(p.to_string(), r#""aab" + "c" * 4096 + FAULT"#);
        assert_eq!(p.readable(), 4099);
        assert_eq!(Payload::pattern(300).to_string(), "pattern(300)");
        assert_eq!(Payload::new().to_string(), r#""""#);
    }

    proptest! {
        #[test]
        fn equal_bytes_are_equal_however_they_are_described(start in 0u32..251, n in 1u32..40, cut in 0u32..40) {
            let whole = Payload::pattern(start + n).slice(start, n);
            let mut parts = Payload::from(&whole.bytes()[..cut.min(n) as usize]);
            parts.append(&Payload::from(&whole.bytes()[cut.min(n) as usize..]));
            prop_assert_eq!(&whole, &parts);
            prop_assert!(whole < Payload::fill(255, 1) && whole.slice(0, n - 1) < whole);
        }

        #[test]
        fn bytes_round_trip(bytes in prop::collection::vec(0u8..4, 0..40), n in 0u32..600) {
            let mut expected = bytes.clone();
            let mut p = Payload::from(&bytes[..]);
            p.append(&Payload::pattern(n));
            expected.extend((0..n).map(|i| (i % 251) as u8));
            prop_assert!(p.equals_bytes(&expected));
            prop_assert_eq!(&Payload::from(&expected[..]).bytes(), &expected);
        }

        #[test]
        fn slices_agree_with_bytes(bytes in prop::collection::vec(0u8..3, 0..40), from in 0u32..50, len in 0u32..50) {
            let p = Payload::from(&bytes[..]);
            let end = bytes.len().min((from + len) as usize);
            let expected = bytes.get(from as usize..end.max(from as usize)).unwrap_or(&[]);
            prop_assert_eq!(p.slice(from, len).bytes(), expected);
            let mut rest = p;
            rest.advance(from);
            prop_assert_eq!(rest.bytes(), bytes.get(from as usize..).unwrap_or(&[]));
        }
    }
}
