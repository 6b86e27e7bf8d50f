//! What becomes of each rule: every id of the fact files is in exactly one class.

mod sem;
mod shm;
mod signal;
mod sysv;

use super::{RULES, join};

/// What becomes of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// A file of the library exercises it on the newest kernel.
    Run,
    /// Only other kernels have it, or kernels that are set up in another way: the library exercises it in the model.
    ModelOnly(&'static str),
    /// Nobody can see it, for this reason.
    Invisible(&'static str),
    /// It needs something that is not there yet.
    Later(&'static str),
}

impl Class {
    /// In a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Class::Run => "run",
            Class::ModelOnly(_) => "model only",
            Class::Invisible(_) => "invisible",
            Class::Later(_) => "later",
        }
    }

    /// Why it is not run.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Class::Run => None,
            Class::ModelOnly(why) | Class::Invisible(why) | Class::Later(why) => Some(why),
        }
    }
}

/// A rule that no branch of the model names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unnamed {
    /// Its id.
    pub id: &'static str,
    /// Its class.
    pub class: Class,
    /// One sentence.
    pub text: &'static str,
}

/// The class of the rule with this id.
pub fn class(id: &str) -> Option<Class> {
    let named = EXCEPTIONS.iter().find(|(other, _)| *other == id).map(|&(_, class)| class);
    let run = || RULES.iter().any(|r| r.id == id && RUN.contains(&r.id)).then_some(Class::Run);
    named.or_else(run).or_else(|| UNNAMED.iter().find(|u| u.id == id).map(|u| u.class))
}

/// In how many of the tables an id stands: one, if all is well.
pub fn places(id: &str) -> usize {
    RUN.iter().filter(|other| **other == id).count()
        + EXCEPTIONS.iter().filter(|(other, _)| *other == id).count()
        + UNNAMED.iter().filter(|u| u.id == id).count()
}

use Class::{Invisible, Later, ModelOnly};

const TO_V5_5: Class = ModelOnly("kernels before v5.5");
const DEFECT: Class = ModelOnly("a defect: it has to be switched on, or belongs to old kernels");
const STEPS: Class =
    Invisible("where others can run inside a call: no schedule of whole calls shows it, --steps section explores it");

/// Rules of the newest kernel that files of the library exercise.
pub const RUN: &[&str] = &join::<
    _,
    { PIPE_RUN.len() + sysv::RUN.len() + sem::RUN.len() + shm::RUN.len() + signal::RUN.len() },
>(&[PIPE_RUN, sysv::RUN, sem::RUN, shm::RUN, signal::RUN]);

const PIPE_RUN: &[&str] = &[
    "PIPE-W-10",
    "FIFO-O-07",
    "PIPE-C-01",
    "PIPE-C-02",
    "PIPE-C-03",
    "PIPE-C-05",
    "PIPE-W-01",
    "PIPE-W-02",
    "PIPE-W-03",
    "PIPE-W-04",
    "PIPE-W-05",
    "PIPE-W-06",
    "PIPE-W-07",
    "PIPE-W-08",
    "PIPE-W-09",
    "PIPE-W-11",
    "PIPE-W-12",
    "PIPE-W-14",
    "PIPE-W-15",
    "PIPE-F-01",
    "PIPE-R-01",
    "PIPE-R-02",
    "PIPE-R-03",
    "PIPE-R-05",
    "PIPE-R-06",
    "PIPE-R-07",
    "PIPE-K-03",
    "PIPE-K-04",
    "PIPE-K-05",
    "PIPE-K-06",
    "PIPE-K-08",
    "PIPE-X-01",
    "PIPE-X-02",
    "PIPE-P-01",
    "PIPE-P-02",
    "PIPE-P-03",
    "PIPE-P-04",
    "PIPE-P-WAIT",
    "PIPE-S-01",
    "PIPE-S-02",
    "PIPE-S-03",
    "PIPE-S-04",
    "PIPE-S-06",
    "PIPE-S-07",
    "PIPE-S-09",
    "PIPE-W-06-NOWAIT",
    "FIFO-O-01",
    "FIFO-O-02",
    "FIFO-O-03",
    "FIFO-O-04",
    "FIFO-O-05",
    "FIFO-O-06",
    "FIFO-O-08",
    "FIFO-O-09",
    "FIFO-O-12",
    "SPL-01",
    "SPL-01-FLAGS",
    "SPL-02",
    "SPL-02-ROOM",
    "SPL-03",
    "SPL-04",
    "SPL-04-WAIT",
    "SPL-04-EOF",
    "SPL-04-AGAIN",
    "SPL-04-EPIPE",
    "SPL-05",
    "SPL-05-SPLIT",
    "SPL-05-PAGE",
    "SPL-06",
    "SPL-07",
    "SPL-07-STORE",
    "SPL-07-OUT",
    "SPL-08",
    "SPL-09",
    "SPL-11",
    "SPL-K-01",
    "SPL-K-02",
    "FILE-O-01",
    "FILE-R-01",
    "FILE-R-02",
    "FILE-W-01",
    "FILE-W-02",
    "FILE-T-01",
];

/// Rules of the model that are not run.
pub const EXCEPTIONS: &[(&str, Class)] =
    &join::<
        _,
        {
            PIPE_EXCEPTIONS.len()
                + sysv::EXCEPTIONS.len()
                + sem::EXCEPTIONS.len()
                + shm::EXCEPTIONS.len()
                + signal::EXCEPTIONS.len()
        },
    >(&[PIPE_EXCEPTIONS, sysv::EXCEPTIONS, sem::EXCEPTIONS, shm::EXCEPTIONS, signal::EXCEPTIONS]);

const PIPE_EXCEPTIONS: &[(&str, Class)] = &[
    ("PIPE-C-01-DIRECT", ModelOnly("kernels before v3.4")),
    ("PIPE-C-04", ModelOnly("other limits: nothing that is the user's own is changed")),
    ("PIPE-W-06-ENOSYS", ModelOnly("kernels before v4.6")),
    ("PIPE-W-12-SLOT", ModelOnly("kernels from v5.5 to v6.15")),
    ("PIPE-W-14-SETFL", ModelOnly("kernels before v4.5")),
    ("PIPE-R-04", TO_V5_5),
    ("PIPE-R-05-PART", TO_V5_5),
    ("PIPE-K-01", TO_V5_5),
    ("PIPE-K-02", TO_V5_5),
    ("PIPE-K-05-FULL", ModelOnly("kernels from v5.5 to v6.15")),
    ("PIPE-X-01-EVERY", ModelOnly("kernels before v5.6")),
    ("PIPE-S-05", ModelOnly("kernels before v4.9")),
    ("PIPE-S-07-NOBODY", TO_V5_5),
    ("PIPE-S-09-EINVAL", ModelOnly("kernels before v3.5")),
    ("FIFO-O-07-ANYWAY", ModelOnly("kernels before v3.5")),
    ("FIFO-O-08-COUNT", ModelOnly("kernels before v3.10")),
    ("SPL-02-MODE", ModelOnly("kernels before v5.11")),
    ("SPL-04-MERGE", TO_V5_5),
    ("SPL-08-FIRST", ModelOnly("kernels before v4.9")),
    ("SPL-05-LINKED", DEFECT),
    ("SPL-08-FLAGS", DEFECT),
    ("SPL-08-DIRTY", DEFECT),
    ("PIPE-04", DEFECT),
    ("PIPE-05", DEFECT),
    ("PIPE-06", DEFECT),
    ("PIPE-08", DEFECT),
    ("PIPE-22", DEFECT),
];

const fn unnamed(id: &'static str, class: Class, text: &'static str) -> Unnamed {
    Unnamed { id, class, text }
}

/// Rules of the fact files that no branch of the model names.
pub const UNNAMED: &[Unnamed] = &join::<
    _,
    { PIPE_UNNAMED.len() + sysv::UNNAMED.len() + sem::UNNAMED.len() + shm::UNNAMED.len() + signal::UNNAMED.len() },
>(&[PIPE_UNNAMED, sysv::UNNAMED, sem::UNNAMED, shm::UNNAMED, signal::UNNAMED]);

const PIPE_UNNAMED: &[Unnamed] = &[
    unnamed("PIPE-W-13", Later("times of inodes"), "A write sets the times of the inode; since v6.15 of FIFOs only."),
    unnamed("PIPE-W-16", Later("notification pipes"), "A write to a notification pipe is EXDEV."),
    unnamed(
        "PIPE-R-08",
        Later("times of inodes"),
        "A read sets the access time of the inode; since v6.15 of FIFOs only.",
    ),
    unnamed(
        "PIPE-R-09",
        Invisible("memory only"),
        "The page of a freed slot is kept for the next one: one page, two since v6.15.",
    ),
    unnamed(
        "PIPE-K-07",
        Invisible("a hint to the scheduler"),
        "Wake-ups for data are synchronous; those of close, open and resize are not.",
    ),
    unnamed("PIPE-K-09", Later("SIGIO"), "Owners of O_ASYNC files get SIGIO."),
    unnamed(
        "PIPE-P-05",
        Invisible("a consequence of PIPE-P-02, without a branch of its own"),
        "A part of the only full slot read does not give POLLOUT.",
    ),
    unnamed("PIPE-P-06", Later("epoll"), "Edge-triggered epoll: a read from a pipe that was not full is no new edge."),
    unnamed(
        "PIPE-S-08",
        Later("sysctls that change during a test"),
        "fs.pipe-max-size is rounded as a size is, the page limits are not.",
    ),
    unnamed(
        "FIFO-O-10",
        Later("paths and permissions"),
        "ENOENT and EACCES come from the walk of the path, before anything else.",
    ),
    unnamed("STEP-PIPE-01", STEPS, "Before v5.5: a sleep begins in the queue and under the lock."),
    unnamed(
        "STEP-PIPE-02",
        STEPS,
        "Before v5.5: wake-ups before a sleep are made under the lock, those at the end after it.",
    ),
    unnamed(
        "STEP-PIPE-03",
        STEPS,
        "Before v5.5: a writer is counted as waiting from before its sleep until it has the lock again.",
    ),
    unnamed(
        "STEP-PIPE-04",
        STEPS,
        "A sleep: unlock, wake the other side, test without the lock, enter the queue, test again, sleep.",
    ),
    unnamed("STEP-PIPE-05", STEPS, "A sleeper's condition is tested without the lock."),
    unnamed("STEP-PIPE-06", STEPS, "A woken sleeper is out of the queue before it runs: others may be faster."),
    unnamed(
        "STEP-PIPE-07",
        STEPS,
        "Wake-ups at the end follow the unlock: the other side first, then the next of the own side.",
    ),
    unnamed("STEP-PIPE-08", STEPS, "Whether the next of the own side is woken is decided under the lock."),
    unnamed("STEP-PIPE-09", STEPS, "A writer looks at signals only after it has looked at the pipe once more."),
    unnamed(
        "STEP-PIPE-10",
        STEPS,
        "The wait for a partner: enter the queue under the lock, sleep, lock, compare the counter, look at signals.",
    ),
    unnamed("STEP-PIPE-11", STEPS, "poll enters the queues first and looks then, without the lock."),
];
