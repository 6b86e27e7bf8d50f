//! A program in which every name is an index: what the machine explores and the real kernel runs.

use super::{syntax::ObjectKind, syntax::Span, *};
use crate::kernel::{Call, CallKind, IpcId, IpcKey, Memory, OpenFlags, ProcessId, TaskId, VersionRange};

/// A resolved program.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// Its title.
    pub name: String,
    /// What the `with` lines ask of the environment.
    pub settings: Settings,
    /// Declared objects.
    pub objects: Vec<ObjectInfo>,
    /// Processes; the one of `init`, if there is one, is the last.
    pub processes: Vec<ProcessInfo>,
    /// Tasks, in the order of the text; the one of `init` is the last.
    pub tasks: Vec<TaskInfo>,
    /// The task that runs alone before all others, and its process.
    pub init: Option<TaskId>,
    /// What is claimed.
    pub properties: Vec<PropertyCode>,
    /// Tasks that may be asleep at the end.
    pub may_sleep: Vec<Allowance>,
    /// Versions in which a wake-up may be lost.
    pub may_lose: Vec<VersionRange>,
    /// What an outcome shows, besides who is asleep: `show`, and every variable and field that a property names;
    /// if there is none, all variables.
    pub shown: Vec<Shown>,
    /// Steered runs that are part of the test.
    pub schedules: Vec<ScheduleCode>,
    /// Whether an `always` property or a `probe` can see the values of variables between calls.
    pub locals_visible: bool,
    /// Whether somebody can see who sent a signal, and why.
    pub siginfo_visible: bool,
}

/// What a program asks of its environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Named limits, such as `fs.pipe-max-size`.
    pub limits: Vec<(String, u64)>,
    /// Capabilities, such as `CAP_SYS_RESOURCE`.
    pub caps: Vec<String>,
    /// Behaviours switched on.
    pub quirks: Vec<String>,
    /// Versions that the test speaks of.
    pub kernel: VersionRange,
    /// `memory tso`: in which order stores to shared memory become visible.
    pub memory: Option<Memory>,
}

/// The number of the first declared key; the others follow. Smaller ones are free for programs to use.
pub const FIRST_KEY: i32 = 0x4c53_0000;

/// What the declared System V objects and keys are as numbers, by object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpcNumbers(pub Vec<i32>);

impl IpcNumbers {
    /// The number of an id.
    pub fn id(&self, id: IpcId) -> i32 {
        match id {
            IpcId::Number(id) => id,
            IpcId::Declared(object) => self.0.get(object as usize).copied().unwrap_or(-1),
        }
    }

    /// The number of a key.
    pub fn key(&self, key: IpcKey) -> i32 {
        match key {
            IpcKey::Number(key) => key,
            IpcKey::Declared(object) => self.0.get(object as usize).copied().unwrap_or(-1),
        }
    }
}

/// A declared object.
#[derive(Clone, Debug)]
pub struct ObjectInfo {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ObjectKind,
    /// `size:`, as for `F_SETPIPE_SZ`.
    pub size: Option<u64>,
    /// `flags:`, as for `pipe2`.
    pub flags: OpenFlags,
    /// What a file or memory begins with: its permission bits and its bytes.
    pub file: Option<(u16, crate::kernel::Payload)>,
    /// `cells:` of shared memory, or as many as fit into its `size:`.
    pub cells: u32,
    /// What is said of a System V object.
    pub ipc: IpcInfo,
}

/// What is said of a declared System V object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpcInfo {
    /// `key:`, the declared key that it has, by its index among the objects; none is `IPC_PRIVATE`.
    pub key: Option<u16>,
    /// `mode:`, permission bits.
    pub mode: u16,
    /// `qbytes:` of a message queue.
    pub qbytes: Option<u32>,
    /// `values:` of a semaphore set; as many as it has, or none if they are all 0.
    pub values: Vec<u16>,
    /// How many semaphores a set has.
    pub nsems: u32,
}

impl Default for IpcInfo {
    fn default() -> Self {
        IpcInfo { key: None, mode: 0o600, qbytes: None, values: Vec::new(), nsems: 1 }
    }
}

/// Probes show so many cells of a segment, the first ones.
pub const SHOWN_CELLS: u32 = 64;

/// One end of a pipe.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum End {
    /// `.r`
    Read,
    /// `.w`
    Write,
}

/// The lowest descriptor that a program uses; those below are as a shell leaves them.
pub const FIRST_FD: i32 = 3;

/// A process.
#[derive(Clone, Debug)]
pub struct ProcessInfo {
    /// Its name.
    pub name: String,
    /// The ends it holds when it starts (object index, end): the first has descriptor [`FIRST_FD`], and so on.
    /// In the order of declaration, read end first. Empty for a process made by `fork`.
    pub ends: Vec<(u16, End)>,
    /// Segments that it has attached when it starts, in the order of declaration: the first is at
    /// [`mmap_address(0)`](crate::kernel::mmap_address), and so on. Empty for a process made by `fork`.
    pub attached: Vec<u16>,
    /// The process whose `fork` makes it; without one it exists from the start.
    pub parent: Option<ProcessId>,
    /// Its threads.
    pub threads: Vec<TaskId>,
    /// `user N`; 0 is the one who owns the test.
    pub user: u32,
}

/// A task.
#[derive(Clone, Debug)]
pub struct TaskInfo {
    /// Its name, with the index: `worker[0]`.
    pub name: String,
    /// The process it belongs to.
    pub process: ProcessId,
    /// What it does.
    pub code: Code,
    /// Names of its variables by slot; hidden loop counters have empty names.
    pub vars: Vec<String>,
    /// Whether its handlers and its statements see each other's variables: then a signal between two statements matters.
    pub split: bool,
}

/// The instructions of a task.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// In order; running off the end parks the task.
    pub instrs: Vec<Instr>,
    /// For each instruction, where its statement stands in the text.
    pub spans: Vec<Span>,
    /// Handlers, whose instructions follow those of the task.
    pub handlers: Vec<HandlerCode>,
}

/// A handler of signals.
#[derive(Clone, Debug)]
pub struct HandlerCode {
    /// Its name.
    pub name: String,
    /// Its first instruction; the last is `sigreturn`.
    pub entry: u32,
    /// The variable that takes the `siginfo_t`.
    pub info: Option<u16>,
}

/// One instruction.
#[derive(Clone, Debug)]
pub enum Instr {
    /// A system call.
    Call {
        /// The call with its arguments.
        call: CallCode,
        /// The variable that takes the result; `None` also if nobody ever looks at it.
        dest: Option<u16>,
        /// What the result must be.
        expect: Option<ExprCode>,
    },
    /// A variable takes a value.
    Assign {
        /// The variable.
        slot: u16,
        /// Its value.
        value: ExprCode,
    },
    /// Goes on at `target` unless the condition holds.
    JumpUnless {
        /// The condition.
        cond: ExprCode,
        /// An instruction index.
        target: u32,
    },
    /// Goes on at the instruction.
    Jump(u32),
    /// Fails the test unless the condition holds.
    Assert(ExprCode),
    /// The task has done all of its statements; handlers follow.
    End,
}

/// A call whose arguments are known or still to be evaluated.
#[derive(Clone, Debug)]
pub enum CallCode {
    /// All arguments are constants.
    Known(Call),
    /// Arguments by position of the signature; an optional one that is missing is `None`.
    Computed {
        /// Which call.
        signature: &'static Signature,
        /// Its arguments.
        args: Vec<Option<ExprCode>>,
    },
}

impl CallCode {
    /// Which call it is.
    pub fn kind(&self) -> CallKind {
        match self {
            CallCode::Known(call) => call.kind(),
            CallCode::Computed { signature, .. } => signature.kind,
        }
    }
}

/// An expression over indices.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprCode {
    /// A constant.
    Const(Value),
    /// A variable of the task that evaluates.
    Local {
        /// Which.
        slot: u16,
        /// Which part of it.
        field: Field,
    },
    /// A variable of any task.
    Var {
        /// Whose.
        task: TaskId,
        /// Which.
        slot: u16,
        /// Which part of it.
        field: Field,
    },
    /// A field of an object.
    Object {
        /// Which object.
        object: u16,
        /// Which field.
        field: ObjectField,
    },
    /// Whether a task is asleep in a call (any, if not said).
    Asleep {
        /// Which task.
        task: TaskId,
        /// In which call.
        call: Option<CallKind>,
    },
    /// Whether a signal has ended the process of a task.
    Killed(TaskId),
    /// Whether a task is stopped.
    Stopped(TaskId),
    /// `-x`.
    Neg(Box<ExprCode>),
    /// `!c`.
    Not(Box<ExprCode>),
    /// `a + b`.
    Binary(syntax::BinOp, Box<ExprCode>, Box<ExprCode>),
    /// `len(x)`: number of bytes of a string.
    Len(Box<ExprCode>),
    /// `pattern(n)`.
    Pattern(Box<ExprCode>),
    /// `[a, b]`; an operation on a semaphore is three of them.
    List(Vec<ExprCode>),
    /// `s.val[0]`: a field of a semaphore.
    Sem {
        /// Which set.
        object: u16,
        /// Which semaphore of it.
        semnum: u16,
        /// Which field.
        field: ObjectField,
    },
}

/// Part of a variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// All of it.
    Whole,
    /// `.ret`.
    Ret,
    /// `.data`.
    Data,
    /// `.r`, `.w`, `.revents[i]`, `.mode` …: a number that was copied out.
    Extra(u8),
}

/// A claim about outcomes or states.
#[derive(Clone, Debug)]
pub struct PropertyCode {
    /// Versions it speaks of.
    pub on: VersionRange,
    /// Its kind.
    pub quantifier: Quantifier,
    /// The condition.
    pub cond: ExprCode,
    /// As the printer writes it, without `on`.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// Which states a condition speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Quantifier {
    /// Some end state.
    Exists,
    /// No end state.
    Forbid,
    /// Every end state.
    Final,
    /// Every state.
    Always,
}

/// Who may be asleep at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// Versions it speaks of.
    pub on: VersionRange,
    /// The task; any, if `None`.
    pub task: Option<TaskId>,
}

/// One item of an outcome.
#[derive(Clone, Debug)]
pub struct Shown {
    /// As it is written: `R.x`, `p.readable`.
    pub name: String,
    /// Its value.
    pub value: ExprCode,
}
