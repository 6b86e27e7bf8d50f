//! Versions and defects as one table: named behaviours with the kernel range that has them.

use super::version::{Version, VersionRange};
use serde::{Deserialize, Serialize};

/// A named behaviour of some kernels: a feature that came or went, or a defect.
#[derive(Debug, PartialEq, Eq)]
pub struct QuirkInfo {
    /// The behaviour.
    pub quirk: Quirk,
    /// As it is named on command lines and in litmus tests.
    pub name: &'static str,
    /// Kernels that have it.
    pub range: VersionRange,
    /// The commit that made or ended it, by its subject.
    pub commit: &'static str,
    /// One sentence.
    pub text: &'static str,
}

macro_rules! quirks {
    ($($variant:ident = $name:literal, $from:expr, $until:expr, $commit:literal, $text:literal;)*) => {
        /// A named behaviour, see [`QUIRKS`].
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Quirk { $(#[doc = $text] $variant,)* }

        /// Every behaviour, in the order of [`Quirk`].
        pub const QUIRKS: &[QuirkInfo] = &[$(QuirkInfo {
            quirk: Quirk::$variant, name: $name, range: VersionRange { from: $from, until: $until }, commit: $commit, text: $text,
        },)*];
    };
}

const fn v(major: u16, minor: u16) -> Option<Version> {
    Some(Version::new(major, minor))
}

quirks! {
    WakeWriterIfWasFull = "pipe-wake-writer-if-was-full", v(5, 5), v(6, 15), "pipe: don't wake writers if the pipe is still full",
        "A read wakes a writer whenever the pipe was full when it began, even if it freed no slot.";
    EmptySlotAfterFault = "pipe-empty-slot-after-fault", v(5, 5), v(6, 15), "fs/pipe: don't insert a slot before the copy succeeded",
        "A write that faults in a fresh page leaves an empty slot behind.";
    SetPipeSizeWide = "pipe-size-wide", v(4, 5), v(6, 5), "fs/pipe: pass the argument of F_SETPIPE_SZ as unsigned int",
        "F_SETPIPE_SZ looks at all 64 bits of its argument.";
    NoWaitReads = "pipe-rwf-nowait", v(6, 4), None, "pipe: set FMODE_NOWAIT on pipes",
        "RWF_NOWAIT is accepted on anonymous pipes.";
    NoSignalWrites = "rwf-nosignal", v(6, 18), None, "fs: add RWF_NOSIGNAL",
        "RWF_NOSIGNAL is accepted: a write to a pipe without readers sends no SIGPIPE.";
    PollUsageWakes = "pipe-poll-usage", v(5, 14), None, "pipe: do FASYNC notifications for every pipe IO, not just state changes",
        "Once polled, a pipe wakes its readers at every write.";
    DirtyPipe = "dirty-pipe", v(5, 8), Some(Version { major: 5, minor: 16, patch: 11 }), "lib/iov_iter: initialize \"flags\" in new pipe_buffer",
        "A slot that splice fills from a file keeps the flags of its previous tenant, so a write may be appended to a page of the file (CVE-2022-0847).";
    TeeMerge = "tee-merge", None, v(5, 1), "splice: don't merge into linked buffers",
        "A slot duplicated by tee or by a partial splice may still be appended to, and so the page that the other slot shows is written.";
}

impl Quirk {
    /// What is known of it.
    pub fn info(self) -> &'static QuirkInfo {
        &QUIRKS[self as usize]
    }

    /// The behaviour with this name.
    pub fn by_name(name: &str) -> Option<Quirk> {
        QUIRKS.iter().find(|q| q.name == name).map(|q| q.quirk)
    }
}

/// A set of behaviours.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct QuirkSet(u64);

impl QuirkSet {
    /// Those that `version` has.
    pub fn of(version: Version) -> Self {
        QUIRKS.iter().filter(|q| q.range.contains(version)).fold(QuirkSet(0), |set, q| set.with(q.quirk, true))
    }

    /// Whether `quirk` is in force.
    #[inline]
    pub fn has(self, quirk: Quirk) -> bool {
        self.0 >> quirk as u8 & 1 == 1
    }

    /// The set with `quirk` switched on or off.
    #[must_use]
    pub fn with(self, quirk: Quirk, on: bool) -> Self {
        let bit = 1 << quirk as u8;
        QuirkSet(if on { self.0 | bit } else { self.0 & !bit })
    }

    /// Those in force.
    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        QUIRKS.iter().map(|q| q.quirk).filter(move |&q| self.has(q))
    }
}

/// As a list of names.
impl Serialize for QuirkSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|q| q.info().name))
    }
}

impl<'de> Deserialize<'de> for QuirkSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        names.iter().try_fold(QuirkSet::default(), |set, name| {
            let quirk =
                Quirk::by_name(name).ok_or_else(|| serde::de::Error::custom(format!("unknown quirk `{name}`")))?;
            Ok(set.with(quirk, true))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_in_order_and_names_are_unique() {
        for (i, q) in QUIRKS.iter().enumerate() {
            assert_eq!(q.quirk as usize, i);
            assert_eq!(Quirk::by_name(q.name), Some(q.quirk));
        }
    }

    #[test]
    fn a_version_has_its_quirks() {
        assert!(QuirkSet::of(Version::new(6, 12)).has(Quirk::WakeWriterIfWasFull));
        assert!(!QuirkSet::of(Version::new(6, 18)).has(Quirk::WakeWriterIfWasFull));
    }
}
