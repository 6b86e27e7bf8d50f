//! Places in the text, and names with their places.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where in the text something stands: byte offsets. Two trees that differ only in spans are equal.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Span { start: start as u32, end: end as u32 }
    }

    /// From the start of this span to the end of `other`.
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end }
    }
}

impl PartialEq for Span {
    fn eq(&self, _: &Span) -> bool {
        true
    }
}

impl Eq for Span {}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// A name with its place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Ident {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

impl From<String> for Ident {
    fn from(name: String) -> Self {
        Ident { name, span: Span::default() }
    }
}

impl From<&str> for Ident {
    fn from(name: &str) -> Self {
        name.to_string().into()
    }
}

impl From<Ident> for String {
    fn from(ident: Ident) -> String {
        ident.name
    }
}
