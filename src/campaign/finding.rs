//! Differences that are reported, each once.

use super::{Case, Class, Difference};
use crate::program::syntax::Program;
use serde::{Serialize, Serializer};

/// A kind of difference between the model and a kernel, with the smallest program that shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The number of the program that showed it first.
    pub program: u64,
    /// What differs.
    pub kind: Kind,
    /// Rules of the model in the step that differs; what they say may be wrong.
    pub rules: Vec<&'static str>,
    /// Of so many runs of the shrunk program, how many differed.
    pub confirmed: (usize, usize),
    /// The test as a litmus file.
    pub text: String,
    /// How often it was met, in other programs too.
    pub met: u64,
    /// The shrunk program.
    #[serde(skip)]
    pub tree: Program,
    /// The shrunk program with its schedule; `None` if it was found in free runs.
    #[serde(skip)]
    pub case: Option<Case>,
    /// Where the runs part; `None` if it was found in free runs.
    #[serde(skip)]
    pub difference: Option<Difference>,
}

/// What differs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A step of a steered run.
    Step(Class),
    /// An outcome of free runs that the model does not have; in words, who sleeps and who stopped in it.
    Outcome(String),
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Kind::Step(class) => class.fmt(f),
            Kind::Outcome(what) => write!(f, "free runs: {what}"),
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
