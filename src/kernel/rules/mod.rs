//! The specification: every decisive branch of the model names its rule.
//!
//! One table per mechanism. A rule's id is the one of the fact files that the model was written from and never changes.

pub mod classes;
mod pipe;
mod signal;
mod splice;

use super::version::VersionRange;

pub use pipe::*;
pub use signal::*;
pub use splice::*;

/// Every rule of the model: the tables of all mechanisms, one after the other.
pub const RULES: &[RuleInfo] = &join::<{ PIPES.len() + signal::RULES.len() }>(PIPES, signal::RULES);

const PIPES: &[RuleInfo] = &join::<{ pipe::RULES.len() + splice::RULES.len() }>(pipe::RULES, splice::RULES);

const fn join<const N: usize>(first: &[RuleInfo], second: &[RuleInfo]) -> [RuleInfo; N] {
    let mut all = [first[0]; N];
    let mut i = 0;
    while i < N {
        all[i] = if i < first.len() { first[i] } else { second[i - first.len()] };
        i += 1;
    }
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
pub struct RuleSet([u64; 4]);

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
        self.0 == [0; 4]
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
        assert!(RULES.len() <= 256);
        for (i, rule) in RULES.iter().enumerate() {
            assert_eq!(Rule::by_id(rule.id), Some(Rule(i as u16)), "{} stands twice", rule.id);
        }
    }
}
