//! Kernel versions and half-open ranges of them.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A kernel release such as `v6.12` or `v5.16.11`; a missing patch level is 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number.
    pub patch: u16,
}

impl Version {
    /// `v{major}.{minor}`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Version { major, minor, patch: 0 }
    }

    /// The newest version that the model describes; the default.
    pub const NEWEST: Version = Version::new(6, 18);

    /// The oldest version that the model describes.
    pub const OLDEST: Version = Version::new(3, 2);

    /// The version that is modelled instead of this one, and why.
    ///
    /// v5.5 alone had rings with head and tail and still one queue for readers and writers.
    pub fn stand_in(self) -> Option<(Version, &'static str)> {
        let v5_6 = Version::new(5, 6);
        let next = Version::new(Self::NEWEST.major, Self::NEWEST.minor + 1);
        match self {
            _ if self < Self::OLDEST => Some((Self::OLDEST, "it is older than all that are modelled")),
            _ if self >= next => Some((Self::NEWEST, "it is newer than all that are modelled")),
            _ if (Version::new(5, 5)..v5_6).contains(&self) => {
                Some((v5_6, "v5.5 alone has the new ring of a pipe and still one wait queue"))
            }
            _ => None,
        }
    }
}

/// A version that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadVersion(pub String);

impl fmt::Display for BadVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a kernel version such as v6.12 or v5.16.11", self.0)
    }
}

impl std::error::Error for BadVersion {}

/// Reads `v6.12`, `6.12.3`, and the release strings of `uname` (`6.12.3-cloud-amd64`).
impl FromStr for Version {
    type Err = BadVersion;
    fn from_str(text: &str) -> Result<Self, BadVersion> {
        let bad = || BadVersion(text.to_string());
        let numbers = text.strip_prefix('v').unwrap_or(text);
        let numbers = numbers.split(['-', '+', '_']).next().unwrap_or(numbers);
        let mut parts = numbers.split('.').map(|part| part.parse::<u16>().map_err(|_| bad()));
        let version = Version {
            major: parts.next().ok_or_else(bad)??,
            minor: parts.next().ok_or_else(bad)??,
            patch: parts.next().transpose()?.unwrap_or(0),
        };
        Ok(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}", self.major, self.minor)?;
        if self.patch > 0 { write!(f, ".{}", self.patch) } else { Ok(()) }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Version {
    type Error = BadVersion;
    fn try_from(text: String) -> Result<Self, BadVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.to_string()
    }
}

/// A half-open range of versions: `from` is in it, `until` is not. A missing bound is no bound.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct VersionRange {
    /// First version of the range.
    pub from: Option<Version>,
    /// First version after the range.
    pub until: Option<Version>,
}

impl VersionRange {
    /// Every version.
    pub const ALL: VersionRange = VersionRange { from: None, until: None };

    /// From `version` on.
    pub const fn since(version: Version) -> Self {
        VersionRange { from: Some(version), until: None }
    }

    /// Up to, not including, `version`.
    pub const fn before(version: Version) -> Self {
        VersionRange { from: None, until: Some(version) }
    }

    /// `from` up to, not including, `until`.
    pub const fn between(from: Version, until: Version) -> Self {
        VersionRange { from: Some(from), until: Some(until) }
    }

    /// The range in words: a defect that came and went between two releases is in none.
    pub fn kernels(&self) -> String {
        if self.from.is_some() && self.from == self.until { "no release".into() } else { self.to_string() }
    }

    /// Whether `version` lies in the range.
    pub fn contains(&self, version: Version) -> bool {
        self.from.is_none_or(|from| from <= version) && self.until.is_none_or(|until| version < until)
    }
}

/// `v5.8..v5.17`, `..v6.15`, `v6.15..`.
impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(from) = self.from {
            write!(f, "{from}")?;
        }
        f.write_str("..")?;
        if let Some(until) = self.until {
            write!(f, "{until}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tags_and_release_strings() {
        let v: Version = "6.18.44-fc-v669".parse().unwrap();
        assert_eq!((v.major, v.minor, v.patch), (6, 18, 44));
        assert_eq!("v5.8".parse::<Version>().unwrap().to_string(), "v5.8");
        assert!("six".parse::<Version>().is_err());
        assert!("v6".parse::<Version>().is_err());
    }

    #[test]
    fn what_is_not_modelled_has_a_stand_in() {
        let stand_in = |text: &str| text.parse::<Version>().unwrap().stand_in().map(|(version, _)| version.to_string());
        assert_eq!(stand_in("v2.6.32").as_deref(), Some("v3.2"));
        assert_eq!(stand_in("v3.2"), None);
        assert_eq!(stand_in("v5.4.200"), None);
        assert_eq!(stand_in("v5.5.3").as_deref(), Some("v5.6"));
        assert_eq!(stand_in("v5.6"), None);
        assert_eq!(stand_in("v6.18.44"), None);
        assert_eq!(stand_in("v6.19").as_deref(), Some("v6.18"));
        assert_eq!(stand_in("v7.0").as_deref(), Some("v6.18"));
    }

    #[test]
    fn ranges_are_half_open() {
        let range = VersionRange::between(Version::new(5, 8), Version::new(5, 17));
        assert!(range.contains(Version::new(5, 8)));
        assert!(!range.contains(Version::new(5, 17)));
        assert_eq!(range.to_string(), "v5.8..v5.17");
    }
}
