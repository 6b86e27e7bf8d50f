//! The tree of a litmus test.

mod expr;
mod schedule;
mod span;
mod stmt;

pub use expr::*;
pub use schedule::*;
pub use span::*;
pub use stmt::*;

use crate::kernel::{IpcKind, VersionRange};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A whole litmus test.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Program {
    /// The title after `litmus`.
    pub name: String,
    /// The comment lines before the title, without their `//`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<String>,
    /// Everything else, in the order of the text.
    pub items: Vec<Item>,
}

impl Program {
    /// Every block of statements: of `init`, of tasks, of handlers.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.items.iter().flat_map(|item| match item {
            Item::Init(block) => vec![block],
            Item::Process(process) => {
                let handlers = process.handlers.iter().map(|handler| &handler.block);
                let own = match &process.body {
                    Body::Single(block) => vec![block],
                    Body::Threads(threads) => threads.iter().map(|thread| &thread.block).collect(),
                };
                own.into_iter().chain(handlers).collect()
            }
            _ => Vec::new(),
        })
    }
}

/// A top-level item.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Item {
    /// `with a = 1, cap CAP_X`.
    With(Vec<Setting>),
    /// `pipe p(size: 4096)`.
    Object(Object),
    /// `init { … }`.
    Init(Block),
    /// `task T { … }` or `process P { … }`.
    Process(Process),
    /// `exists …` and its like.
    Property(Property),
    /// `schedule { … }`.
    Schedule(Schedule),
}

/// One setting of a `with` line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// `fs.pipe-max-size = 65536`.
    Set {
        /// The dotted name.
        name: Ident,
        /// The value.
        value: Expr,
    },
    /// `cap CAP_SYS_RESOURCE`.
    Cap(Ident),
    /// `kernel v5.10..`: the test says nothing about other versions.
    Kernel {
        /// Versions that the test speaks of.
        range: VersionRange,
        /// Where.
        #[serde(skip)]
        span: Span,
    },
    /// `quirk pipe-04`: a behaviour switched on.
    Quirk(Ident),
    /// `memory tso`: the order of stores to shared memory.
    Memory(Ident),
}

/// The kinds of objects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    /// An anonymous pipe; its ends are `.r` and `.w`.
    Pipe,
    /// A named pipe in a directory of the test.
    Fifo,
    /// A regular file in a directory of the test.
    File,
    /// Memory that all processes share.
    Memory,
    /// A System V message queue.
    Msgq,
    /// A set of System V semaphores.
    Sem,
    /// A System V shared memory segment.
    Shm,
    /// A key for System V objects, which no object of the test has at the start unless it is declared with it.
    Key,
}

impl ObjectKind {
    /// Every kind, by its keyword.
    pub const ALL: &'static [(&'static str, ObjectKind)] = &[
        ("pipe", ObjectKind::Pipe),
        ("fifo", ObjectKind::Fifo),
        ("file", ObjectKind::File),
        ("memory", ObjectKind::Memory),
        ("msgq", ObjectKind::Msgq),
        ("sem", ObjectKind::Sem),
        ("shm", ObjectKind::Shm),
        ("key", ObjectKind::Key),
    ];

    /// Whether it has a path: memory is a file that nobody opens.
    pub fn has_path(self) -> bool {
        matches!(self, ObjectKind::Fifo | ObjectKind::File | ObjectKind::Memory)
    }

    /// Which kind of System V object it is, if it is one.
    pub fn ipc(self) -> Option<IpcKind> {
        match self {
            ObjectKind::Msgq => Some(IpcKind::Msg),
            ObjectKind::Sem => Some(IpcKind::Sem),
            ObjectKind::Shm => Some(IpcKind::Shm),
            ObjectKind::Pipe | ObjectKind::Fifo | ObjectKind::File | ObjectKind::Memory | ObjectKind::Key => None,
        }
    }

    /// The keyword.
    pub fn keyword(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// Whether it is a string of bytes at any place of which one can be stored: a file, or memory.
    pub fn has_bytes(self) -> bool {
        matches!(self, ObjectKind::File | ObjectKind::Memory)
    }
}

/// A declared object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name.
    pub name: Ident,
    /// `s[2]`: how many semaphores a set has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Options in parentheses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Arg>,
}

/// A process with one thread (`task`) or several.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Process {
    /// Its name.
    pub name: Ident,
    /// `worker[3]`: so many copies, called `worker[0]` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// `holds p.w`: ends that the text of the task does not name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Path>,
    /// `child of P`: does not exist before `fork`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child_of: Option<Ident>,
    /// `user 1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
    /// Handlers of signals, which its threads share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handlers: Vec<Handler>,
    /// What it does.
    pub body: Body,
}

/// `handler h(info) { … }`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Handler {
    /// Its name.
    pub name: Ident,
    /// The variable that takes what is known of the signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Ident>,
    /// What it does.
    pub block: Block,
}

/// The statements of a process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// One thread, which has the name of the process.
    Single(Block),
    /// `thread A { … } thread B { … }`.
    Threads(Vec<Thread>),
}

/// One thread of a process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Thread {
    /// Its name.
    pub name: Ident,
    /// Its statements.
    pub block: Block,
}

/// A task by name: `R`, `worker[1]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TaskRef {
    /// The name.
    pub name: Ident,
    /// Which of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
}

impl fmt::Display for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name.name)?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}

/// A property, with the versions it speaks of.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Property {
    /// `on v5.8..v5.17:`; every version, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<VersionRange>,
    /// What it says.
    #[serde(flatten)]
    pub kind: PropertyKind,
    /// Where it stands, `on` included.
    #[serde(skip)]
    pub span: Span,
}

/// What a property says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PropertyKind {
    /// Some end state satisfies it.
    Exists(Expr),
    /// No end state satisfies it.
    Forbid(Expr),
    /// Every end state satisfies it.
    Final(Expr),
    /// Every state satisfies it.
    Always(Expr),
    /// Adds to what an outcome shows.
    Show(Vec<Expr>),
    /// End states with sleepers are fine.
    AllowDeadlock,
    /// This task may be asleep at the end.
    AllowAsleep(TaskRef),
    /// A task may sleep on although what it waits for is there and nobody is about to wake it.
    AllowLostWakeup,
}
