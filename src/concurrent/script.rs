//! What is said of a protocol and of one execution of it, the same for loom and for native threads: plain data.

use std::fmt;

/// A number of a task of a script.
pub type TaskNo = usize;

/// A small program on one pipe; a unit of data is a page, so that every unit fills a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Script {
    /// Slots of the pipe, a power of two.
    pub slots: u32,
    /// Slots that are full at the start.
    pub filled: u32,
    /// What each task does, in order; at most four, since loom has five threads and one of them waits for the others.
    pub tasks: &'static [&'static [Op]],
    /// The tasks that may be asleep at the end.
    pub may_sleep: &'static [TaskNo],
}

/// A call on the pipe of a script. A task has the ends open that its calls need, and shares them with the others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// `write` of so many pages.
    Write(u32),
    /// `read` of at most so many pages.
    Read(u32),
    /// `splice` of at most so many pages into a file.
    Splice(u32),
    /// `close` of the write end.
    CloseWrite,
    /// `close` of the read end.
    CloseRead,
    /// `fcntl(F_SETPIPE_SZ)` to so many slots, through the read end.
    Resize(u32),
}

impl Op {
    /// Whether it needs the end (write or read) open.
    pub fn uses(self, write: bool) -> bool {
        match self {
            Op::Write(_) | Op::CloseWrite => write,
            Op::Read(_) | Op::Splice(_) | Op::CloseRead | Op::Resize(_) => !write,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Write(pages) => write!(f, "write {pages}"),
            Op::Read(pages) => write!(f, "read {pages}"),
            Op::Splice(pages) => write!(f, "splice {pages}"),
            Op::CloseWrite => f.write_str("close the write end"),
            Op::CloseRead => f.write_str("close the read end"),
            Op::Resize(slots) => write!(f, "resize to {slots}"),
        }
    }
}

/// The byte that fills every page a task writes; [`FILLER`] for those that are there at the start.
pub fn letter(task: TaskNo) -> u8 {
    b'A' + task as u8
}

/// The byte of the pages that are there at the start.
pub const FILLER: u8 = b'-';

impl Script {
    /// How many tasks have an end open.
    pub fn holders(&self, write: bool) -> usize {
        self.tasks.iter().filter(|ops| ops.iter().any(|op| op.uses(write))).count()
    }
}

/// A defect of the kernel's history that can be switched on, see `lockstep loom`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Defect {
    /// PIPE-03: a splice enters both queues, and becomes a sleeper again after a wake-up took it out of the first.
    TwoPrepares,
    /// PIPE-04: the last close of a side wakes one sleeper of each queue.
    EofWakesOne,
    /// PIPE-05: a resize wakes a writer before it raises the limit.
    ResizeWakesEarly,
    /// PIPE-06: a writer that slept compares an old head with the tail.
    StaleWasEmpty,
    /// PIPE-07: head and tail are loaded one after the other without the lock.
    TwoLoads,
}

/// How one call ended.
#[derive(Clone, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Done {
    /// So many pages written or spliced.
    Pages(u32),
    /// The pages that were read, a letter each; none at the end of file.
    Read(Vec<u8>),
    /// Done, with nothing to tell.
    Done,
    /// `EPIPE`
    BrokenPipe,
    /// `EBUSY`
    Busy,
    /// It still sleeps.
    Asleep,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Done::Pages(pages) => write!(f, "{pages}"),
            Done::Read(pages) if pages.is_empty() => f.write_str("EOF"),
            Done::Read(pages) => f.write_str(&String::from_utf8_lossy(pages)),
            Done::Done => f.write_str("ok"),
            Done::BrokenPipe => f.write_str("EPIPE"),
            Done::Busy => f.write_str("EBUSY"),
            Done::Asleep => f.write_str("asleep"),
        }
    }
}

/// The results of all calls that began, by task.
pub type Outcome = Vec<Vec<Done>>;

/// An outcome in words: `A: 2; B: AA, asleep`.
pub fn describe(outcome: &Outcome) -> String {
    let task = |(i, done): (TaskNo, &Vec<Done>)| {
        let done: Vec<String> = done.iter().map(Done::to_string).collect();
        format!("{}: {}", char::from(letter(i)), done.join(", "))
    };
    outcome.iter().enumerate().map(task).collect::<Vec<_>>().join("; ")
}

/// Which queue of the pipe.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Queue {
    /// `rd_wait`
    Rd,
    /// `wr_wait`
    Wr,
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Queue::Rd { "rd_wait" } else { "wr_wait" })
    }
}

/// Something that a task did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// It makes a call.
    Calls(Op),
    /// It has taken the pipe's lock.
    Locks,
    /// It has released the pipe's lock.
    Unlocks,
    /// It filled a slot.
    Fills {
        /// Slots occupied now.
        occupied: u32,
    },
    /// It freed a slot.
    Frees {
        /// Slots occupied now.
        occupied: u32,
    },
    /// It looked at the pipe without the lock.
    Looks {
        /// Whether it waits for bytes (else for room).
        bytes: bool,
        /// The head that it saw.
        head: u32,
        /// The tail that it saw.
        tail: u32,
        /// Whether it need not sleep.
        ready: bool,
    },
    /// It is in a queue and about to sleep.
    Enters(Queue),
    /// It has left a queue.
    Leaves(Queue),
    /// It sleeps.
    Sleeps,
    /// It takes a task out of a queue.
    Wakes(Queue, TaskNo),
    /// It found nobody to wake.
    WakesNobody(Queue),
    /// It has raised or lowered the limit.
    Limits(u32),
    /// Nobody reads or writes any more.
    LastOf(Queue),
    /// Its call returned.
    Returns,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Calls(op) => write!(f, "{op}"),
            Event::Locks => f.write_str("takes the lock"),
            Event::Unlocks => f.write_str("releases the lock"),
            Event::Fills { occupied } => write!(f, "fills a slot: {occupied} occupied"),
            Event::Frees { occupied } => write!(f, "frees a slot: {occupied} occupied"),
            Event::Looks { bytes, head, tail, ready } => {
                let found = match (bytes, ready) {
                    (true, true) => "bytes, or no writers",
                    (true, false) => "no bytes",
                    (false, true) => "room, or no readers",
                    (false, false) => "no room",
                };
                write!(f, "looks without the lock, head {head} tail {tail}: {found}")
            }
            Event::Enters(queue) => write!(f, "in {queue}, about to sleep"),
            Event::Leaves(queue) => write!(f, "out of {queue}"),
            Event::Sleeps => f.write_str("sleeps"),
            Event::Wakes(queue, task) => write!(f, "wakes {} from {queue}", char::from(letter(*task))),
            Event::WakesNobody(queue) => write!(f, "finds nobody to wake in {queue}"),
            Event::Limits(slots) => write!(f, "the limit is {slots} now"),
            Event::LastOf(Queue::Rd) => f.write_str("no reader is left"),
            Event::LastOf(Queue::Wr) => f.write_str("no writer is left"),
            Event::Returns => f.write_str("returns"),
        }
    }
}

/// What all tasks did, in the order in which they did it.
pub type Story = Vec<(TaskNo, Event)>;

/// How one execution of a script ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ending {
    /// The results.
    pub outcome: Outcome,
    /// Sleepers that would not go back to sleep if they were woken: nobody is left to wake them.
    pub stuck: Vec<TaskNo>,
    /// An invariant that was broken, in words.
    pub broken: Option<String>,
    /// How it came to that.
    pub story: Story,
}

impl Ending {
    /// What is wrong with it, in words.
    pub fn wrong(&self, script: &Script) -> Option<String> {
        let names = |tasks: &[TaskNo]| {
            tasks.iter().map(|&task| char::from(letter(task)).to_string()).collect::<Vec<_>>().join(", ")
        };
        if let Some(what) = &self.broken {
            return Some(what.clone());
        }
        if !self.stuck.is_empty() {
            return Some(format!("lost wake-up: {} sleeps although what it waits for is there", names(&self.stuck)));
        }
        let asleep = |task: &TaskNo| self.outcome[*task].last() == Some(&Done::Asleep);
        let wrong: Vec<TaskNo> =
            (0..self.outcome.len()).filter(asleep).filter(|task| !script.may_sleep.contains(task)).collect();
        (!wrong.is_empty()).then(|| format!("deadlock: {} sleeps for ever", names(&wrong)))
    }
}
