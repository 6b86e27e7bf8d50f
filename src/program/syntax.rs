//! The tree of a litmus test.

use crate::kernel::{IpcKind, VersionRange};
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

/// Statements in braces.
pub type Block = Vec<Stmt>;

/// A statement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stmt {
    /// What it does.
    #[serde(flatten)]
    pub kind: StmtKind,
    /// Where it stands.
    #[serde(skip)]
    pub span: Span,
}

/// What a statement does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StmtKind {
    /// `x = read(p.r, 1) -> 1`.
    Call {
        /// The variable that takes the result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dest: Option<Ident>,
        /// The call.
        call: CallExpr,
        /// `-> value`: the result must be this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expect: Option<Expr>,
    },
    /// `n = n + 1`.
    Assign {
        /// The variable.
        dest: Ident,
        /// Its new value.
        value: Expr,
    },
    /// `m[0] = "a"`: bytes are stored into memory; `m[0] = n + 1`: a number into a cell of shared memory.
    Store {
        /// The memory.
        memory: Ident,
        /// Where in it.
        at: Expr,
        /// The bytes.
        data: Expr,
    },
    /// `if c { … } else { … }`.
    If {
        /// The condition.
        cond: Expr,
        /// Statements if it holds.
        then: Block,
        /// Statements if not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        otherwise: Option<Block>,
    },
    /// `while c { … }`.
    While {
        /// The condition.
        cond: Expr,
        /// The body.
        body: Block,
    },
    /// `repeat n { … }`.
    Repeat {
        /// How often.
        count: Expr,
        /// The body.
        body: Block,
    },
    /// `assert c`.
    Assert(Expr),
}

/// A call by name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CallExpr {
    /// The name.
    pub name: Ident,
    /// The arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Arg>,
    /// From the name to the closing parenthesis.
    #[serde(skip)]
    pub span: Span,
}

/// An argument, perhaps named.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Arg {
    /// `timeout:`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Ident>,
    /// The value.
    pub value: Expr,
}

/// An expression or a condition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Expr {
    /// What it is.
    #[serde(flatten)]
    pub kind: ExprKind,
    /// Where it stands.
    #[serde(skip)]
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExprKind {
    /// A number; units are already multiplied in (times are microseconds).
    Int(i64),
    /// A byte string, escapes already read.
    Str(Vec<u8>),
    /// A variable, constant, end or field.
    Path(Path),
    /// `pattern(100)`.
    Call(CallExpr),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `0:-1 undo nowait`, in a list: one operation on a semaphore.
    SemOp {
        /// Which semaphore.
        semnum: Box<Expr>,
        /// What is added to it.
        op: Box<Expr>,
        /// `SEM_UNDO`
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undo: bool,
        /// `IPC_NOWAIT`
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        nowait: bool,
    },
    /// `-x`.
    Neg(Box<Expr>),
    /// `!c`.
    Not(Box<Expr>),
    /// `a + b`.
    Binary {
        /// The operator.
        op: BinOp,
        /// Left side.
        left: Box<Expr>,
        /// Right side.
        right: Box<Expr>,
    },
    /// `all w in worker: c`, `some w in worker: c`.
    Quantified {
        /// `all`, otherwise `some`.
        all: bool,
        /// The name that stands for one of them.
        var: Ident,
        /// An array of tasks.
        over: Ident,
        /// The condition.
        body: Box<Expr>,
    },
    /// `asleep(R, read)`.
    Asleep {
        /// The task.
        who: TaskRef,
        /// In which call; in any, if not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<Ident>,
    },
}

/// Binary operators, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum BinOp {
    #[serde(rename = "||")]
    Or,
    #[serde(rename = "&&")]
    And,
    #[serde(rename = "==")]
    Eq,
    #[serde(rename = "!=")]
    Ne,
    #[serde(rename = "<")]
    Lt,
    #[serde(rename = "<=")]
    Le,
    #[serde(rename = ">")]
    Gt,
    #[serde(rename = ">=")]
    Ge,
    #[serde(rename = "|")]
    BitOr,
    #[serde(rename = "+")]
    Add,
    #[serde(rename = "-")]
    Sub,
    #[serde(rename = "*")]
    Mul,
}

impl BinOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinOp::Or => "||",
            BinOp::And => "&&",
            BinOp::Eq => "==",
            BinOp::Ne => "!=",
            BinOp::Lt => "<",
            BinOp::Le => "<=",
            BinOp::Gt => ">",
            BinOp::Ge => ">=",
            BinOp::BitOr => "|",
            BinOp::Add => "+",
            BinOp::Sub => "-",
            BinOp::Mul => "*",
        }
    }

    /// How strongly it binds: 1 (`||`) to 6 (`*`). Comparisons (3) do not associate.
    pub fn precedence(self) -> u8 {
        match self {
            BinOp::Or => 1,
            BinOp::And => 2,
            BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => 3,
            BinOp::BitOr => 4,
            BinOp::Add | BinOp::Sub => 5,
            BinOp::Mul => 6,
        }
    }
}

/// `worker[0].t`, `p.r`, `O_RDONLY`, `m.fds[0]`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Path {
    /// The first name.
    pub root: Ident,
    /// What follows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<PathStep>,
}

/// One step of a path.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathStep {
    /// `.name`.
    Field(Ident),
    /// `[0]`.
    Index(u32),
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

/// `schedule "title" { … }`: a steered run, and what each release brings about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// Versions it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<VersionRange>,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Where it stands.
    #[serde(skip)]
    pub span: Span,
}

/// A line of a schedule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// What it does.
    #[serde(flatten)]
    pub kind: LineKind,
    /// Where it stands.
    #[serde(skip)]
    pub span: Span,
}

/// What a line of a schedule does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineKind {
    /// Releases the task of the first event for one call, waits until all is quiet again, and states
    /// everything that happened.
    Release {
        /// `W+`: tasks that this call wakes are held until a later line names them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        hold: bool,
        /// What happened, the released task first.
        events: Vec<Event>,
    },
    /// Lets a task's timer expire.
    Expire(TaskRef),
    /// A condition that holds at this point.
    Probe(Expr),
}

/// What happened to one task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// The task.
    pub who: TaskRef,
    /// What happened to it.
    pub what: EventKind,
}

/// What happened to a task in a line of a schedule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// Not said.
    Any,
    /// `-> 4096`.
    Returns(Expr),
    /// `asleep in write`.
    Asleep(Option<Ident>),
    /// `exits`, `exits 3`.
    Exits(Option<Expr>),
    /// `killed`, `killed SIGTERM`.
    Killed(Option<Expr>),
    /// `stopped`.
    Stopped,
    /// `runs h`.
    Runs(Ident),
}
