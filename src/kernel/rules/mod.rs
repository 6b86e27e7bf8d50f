//! The specification: every decisive branch of the model names its rule.
//!
//! One table per mechanism. A rule's id is the one of the fact files that the model was written from and never changes.

pub mod classes;
mod ipc;
mod msg;
mod pipe;
mod sem;
mod shm;
mod signal;
mod splice;

use super::version::VersionRange;

pub use ipc::*;
pub use msg::*;
pub use pipe::*;
pub use sem::*;
pub use shm::*;
pub use signal::*;
pub use splice::*;

// Where the numbers of the next table begin.
const AFTER_PIPE: usize = pipe::RULES.len();
const AFTER_SPLICE: usize = AFTER_PIPE + splice::RULES.len();
const AFTER_IPC: usize = AFTER_SPLICE + ipc::RULES.len();
const AFTER_MSG: usize = AFTER_IPC + msg::RULES.len();
const AFTER_SEM: usize = AFTER_MSG + sem::RULES.len();
const AFTER_SHM: usize = AFTER_SEM + shm::RULES.len();
const AFTER_SIGNAL: usize = AFTER_SHM + signal::RULES.len();

/// Every rule of the model: the tables of all mechanisms, one after the other.
pub const RULES: &[RuleInfo] = &join::<_, AFTER_SIGNAL>(&[
    pipe::RULES,
    splice::RULES,
    ipc::RULES,
    msg::RULES,
    sem::RULES,
    shm::RULES,
    signal::RULES,
]);

/// Tables one after the other.
const fn join<T: Copy, const N: usize>(tables: &[&[T]]) -> [T; N] {
    let mut all = [tables[0][0]; N];
    let (mut table, mut i, mut n) = (0, 0, 0);
    while table < tables.len() {
        if i == tables[table].len() {
            table += 1;
            i = 0;
        } else {
            all[n] = tables[table][i];
            i += 1;
            n += 1;
        }
    }
    assert!(n == N);
    all
}

/// What a rule says and where it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its id, such as `PIPE-W-03`.
    pub id: &'static str,
    /// Versions that it holds in.
    pub range: VersionRange,
    /// The kernel function that it was read from.
    pub source: &'static str,
    /// One sentence.
    pub text: &'static str,
}

/// A rule of the model, see [`RULES`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule(pub u16);

impl Rule {
    /// What it says.
    pub fn info(self) -> &'static RuleInfo {
        &RULES[self.0 as usize]
    }

    /// The rule with this id.
    pub fn by_id(id: &str) -> Option<Rule> {
        RULES.iter().position(|r| r.id == id).map(|i| Rule(i as u16))
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.info().id)
    }
}

/// A set of rules.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RuleSet([u64; WORDS]);

/// 512 rules.
const WORDS: usize = 8;

impl RuleSet {
    /// Adds a rule.
    #[inline]
    pub fn insert(&mut self, rule: Rule) {
        self.0[usize::from(rule.0) / 64] |= 1 << (rule.0 % 64);
    }

    /// Adds all rules of another set.
    pub fn extend(&mut self, other: &RuleSet) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
    }

    /// Whether the rule is in the set.
    pub fn contains(&self, rule: Rule) -> bool {
        self.0[usize::from(rule.0) / 64] >> (rule.0 % 64) & 1 == 1
    }

    /// The rules, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = Rule> + '_ {
        (0..RULES.len() as u16).map(Rule).filter(|&r| self.contains(r))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }
}

/// Declares rules: a constant for each, and the table. Numbers begin after those of other tables.
macro_rules! rules {
    (after $before:expr; $($name:ident $id:literal $range:expr, $source:literal, $text:literal;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(u16)]
        enum Index { $($name,)* }
        $(#[doc = $text] pub const $name: $crate::kernel::rules::Rule =
            $crate::kernel::rules::Rule($before as u16 + Index::$name as u16);)*
        /// Every rule of this mechanism.
        pub const RULES: &[$crate::kernel::rules::RuleInfo] = &[$($crate::kernel::rules::RuleInfo {
            id: $id, range: $range, source: $source, text: $text,
        },)*];
    };
    ($($name:ident $id:literal $range:expr, $source:literal, $text:literal;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(u16)]
        enum Index { $($name,)* }
        $(#[doc = $text] pub const $name: $crate::kernel::rules::Rule = $crate::kernel::rules::Rule(Index::$name as u16);)*
        /// Every rule of the model.
        pub const RULES: &[$crate::kernel::rules::RuleInfo] = &[$($crate::kernel::rules::RuleInfo {
            id: $id, range: $range, source: $source, text: $text,
        },)*];
    };
}
pub(crate) use rules;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_fit_the_set() {
        assert!(RULES.len() <= 64 * WORDS);
        for (i, rule) in RULES.iter().enumerate() {
            assert_eq!(Rule::by_id(rule.id), Some(Rule(i as u16)), "{} stands twice", rule.id);
        }
    }
}
