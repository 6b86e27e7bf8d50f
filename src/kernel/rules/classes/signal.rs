//! What becomes of the rules of signals.

use super::{
    Class::{self, Invisible, Later, ModelOnly},
    Unnamed, unnamed,
};

const STEPS: Class =
    Invisible("where others can run inside a call: no schedule of whole calls shows it, --steps section explores it");
const LIMIT: Class = ModelOnly("other limits: a test changes none of the machine");

/// Rules of the newest kernel that files of the library exercise.
pub const RUN: &[&str] = &[
    "SIG-P-01",
    "SIG-P-01-NULL",
    "SIG-P-02",
    "SIG-P-03",
    "SIG-P-04",
    "SIG-P-04-TID",
    "SIG-P-05",
    "SIG-P-06",
    "SIG-P-07",
    "SIG-P-07-ESRCH",
    "SIG-P-08",
    "SIG-P-09",
    "SIG-P-09-KERNEL",
    "SIG-G-02",
    "SIG-G-03",
    "SIG-G-03-WAKE",
    "SIG-G-04",
    "SIG-G-04-BLOCKED",
    "SIG-G-06",
    "SIG-G-06-SHARED",
    "SIG-G-07",
    "SIG-Q-01",
    "SIG-C-02",
    "SIG-C-03",
    "SIG-D-01",
    "SIG-D-02",
    "SIG-D-04",
    "SIG-D-05",
    "SIG-D-06",
    "SIG-A-01",
    "SIG-A-01-TERM",
    "SIG-A-01-CORE",
    "SIG-A-01-STOP",
    "SIG-A-02",
    "SIG-A-03",
    "SIG-A-03-NOCLDSTOP",
    "SIG-A-04",
    "SIG-A-04-NODEFER",
    "SIG-A-04-RESET",
    "SIG-A-04-SAVED",
    "SIG-A-05",
    "SIG-A-RETURN",
    "SIG-M-01",
    "SIG-M-02",
    "SIG-M-04",
    "SIG-M-04-HOW",
    "SIG-M-04-PENDING",
    "SIG-W-01",
    "SIG-W-02",
    "SIG-W-02-EINTR",
    "SIG-W-02-OTHERS",
    "SIG-W-02a",
    "SIG-W-04",
    "SIG-R-01",
    "SIG-R-01-EINTR",
    "SIG-R-01-NONE",
    "SIG-R-02",
    "SIG-R-02-NONE",
    "SIG-X-01",
    "SIG-X-01-REAP",
    "SIG-X-02",
    "SIG-X-ECHILD",
];

/// Rules of the model that are not run.
pub const EXCEPTIONS: &[(&str, Class)] = &[
    ("SIG-Q-02", LIMIT),
    ("SIG-Q-04", LIMIT),
    ("SIG-Q-04-LOST", LIMIT),
    ("SIG-Q-05", LIMIT),
    (
        "SIG-G-01",
        Invisible("a process that is about to be gone: whether a signal is dropped or waits there is seen by nobody"),
    ),
    ("SIG-C-04", STEPS),
    ("SIG-D-03", STEPS),
];

/// Rules of the fact files that no branch of the model names.
pub const UNNAMED: &[Unnamed] = &[
    unnamed(
        "SIG-G-05",
        Invisible("the first process of a sandbox is none of the program's"),
        "The first process of a pid namespace gets no signal from inside that it has no handler for.",
    ),
    unnamed(
        "SIG-Q-03",
        Invisible("the other side of SIG-Q-02"),
        "The limit does not count for signals of the kernel and of kill below the real-time ones.",
    ),
    unnamed(
        "SIG-C-01",
        Invisible("part of SIG-C-02 and SIG-C-04"),
        "A thread takes a signal if it neither blocks it, nor exits, nor is stopped, nor has another one to attend to.",
    ),
    unnamed("SIG-C-05", Later("timers"), "Since v6.4 signals of POSIX timers prefer the thread that runs."),
    unnamed(
        "SIG-D-07",
        Invisible("a consequence of SIG-A-04"),
        "The second instance of a signal waits for the first handler's return.",
    ),
    unnamed(
        "SIG-A-06",
        Invisible("a consequence of SIG-C-01 and SIG-G-03"),
        "A stopped process attends to SIGKILL and SIGCONT only.",
    ),
    unnamed(
        "SIG-M-03",
        Invisible("flags without a meaning do nothing"),
        "Since v5.11 unknown bits of sa_flags are cleared.",
    ),
    unnamed(
        "SIG-M-05",
        Later("execve; what fork does has no branch of its own"),
        "fork inherits mask and actions and nothing pending; execve keeps the mask and what is ignored.",
    ),
    unnamed(
        "SIG-M-06",
        Later("threads that begin later than their process"),
        "A new thread inherits the mask, and nothing is pending for it.",
    ),
    unnamed("SIG-W-03", Invisible("part of SIG-M-04"), "SIGKILL and SIGSTOP are left out of the set of sigtimedwait."),
    unnamed(
        "SIG-W-05",
        Later("signalfd"),
        "A read of a signalfd takes signals of the reader; poll asks whether there are any.",
    ),
    unnamed("SIG-W-06", Later("signalfd"), "A signalfd that was inherited shows the child's signals."),
    unnamed(
        "SIG-R-03",
        Invisible("a consequence of SIG-D-06"),
        "The signal that is taken first decides what becomes of the interrupted call.",
    ),
    unnamed(
        "SIG-R-04",
        Invisible("a table of SIG-R-01 and SIG-R-02"),
        "Which calls are made again after which handlers.",
    ),
    unnamed(
        "SIG-R-05",
        Invisible("a rule of every call that transfers"),
        "A call that has transferred something returns that, whatever the signal.",
    ),
    unnamed(
        "SIG-X-03",
        Later("execve"),
        "A parent that has called execve gets SIGCHLD whatever the child's exit signal is.",
    ),
    unnamed("STEP-SIG-01", STEPS, "Queues, masks and actions change under the process's lock."),
    unnamed("STEP-SIG-02", STEPS, "Sending looks at permissions before it has the lock."),
    unnamed("STEP-SIG-03", STEPS, "A thread is told first, and woken then."),
    unnamed(
        "STEP-SIG-04",
        STEPS,
        "On the way to user level one signal is taken at a time, and the lock is free in between.",
    ),
    unnamed("STEP-SIG-05", STEPS, "A sleeper notices a signal where its call looks for one."),
    unnamed("STEP-SIG-06", STEPS, "No child escapes a signal to its group: fork and kill exclude each other."),
    unnamed("STEP-SIG-07", STEPS, "sigsuspend changes the mask and sleeps without missing a signal in between."),
];
