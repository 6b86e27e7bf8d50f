//! States that were found and not looked into yet, in their serial form.

/// A list of encoded states.
#[derive(Debug, Default)]
pub struct Frontier {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// One state of a frontier.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    end: usize,
    /// Its fingerprint.
    pub fingerprint: u128,
    /// Its index among all states.
    pub node: u32,
    /// An interruption led to it: whether it is new is seen when its layer begins.
    pub deferred: bool,
}

impl Frontier {
    /// Adds a state that `encode` writes.
    pub fn push(&mut self, fingerprint: u128, node: u32, deferred: bool, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.bytes);
        self.entries.push(Entry { end: self.bytes.len(), fingerprint, node, deferred });
    }

    /// The entry at `i` with its bytes.
    pub fn get(&self, i: usize) -> (Entry, &[u8]) {
        let start = if i == 0 { 0 } else { self.entries[i - 1].end };
        let entry = self.entries[i];
        (entry, &self.bytes[start..entry.end])
    }

    /// How many states.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes in use.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<Entry>()
    }
}
