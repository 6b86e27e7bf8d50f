//! The table of protocols, and of the defects that show in them.

use super::script::{
    Defect,
    Op::{CloseRead, CloseWrite, Read, Resize, Splice, Write},
    Script,
};
use crate::kernel::Quirk;

/// A piece of the kernel's locking and waking, as a script that exercises it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protocol {
    /// Its name on command lines.
    pub name: &'static str,
    /// What it shows.
    pub text: &'static str,
    /// The kernel functions that take part.
    pub source: &'static str,
    /// Who does what.
    pub script: Script,
    /// The bound of preemptions if nobody says another.
    pub bound: usize,
}

/// Every protocol.
pub const PROTOCOLS: &[Protocol] = &[
    Protocol {
        name: "pipe-hand-over",
        text: "a writer of more than fits, and a reader: each sleeps for the other",
        source: "pipe_write, pipe_read",
        script: Script { slots: 1, filled: 0, tasks: &[&[Write(2)], &[Read(1), Read(1)]], may_sleep: &[] },
        bound: 3,
    },
    Protocol {
        name: "pipe-next-reader",
        text: "one write serves two sleeping readers: the first wakes the next",
        source: "pipe_read: wake_next_reader",
        script: Script { slots: 2, filled: 0, tasks: &[&[Write(2)], &[Read(1)], &[Read(1)]], may_sleep: &[] },
        bound: 3,
    },
    Protocol {
        name: "pipe-next-writer",
        text: "one read makes room for two sleeping writers: the first wakes the next",
        source: "pipe_write: wake_next_writer",
        script: Script { slots: 2, filled: 2, tasks: &[&[Write(1)], &[Write(1)], &[Read(2)]], may_sleep: &[] },
        bound: 3,
    },
    Protocol {
        name: "pipe-eof",
        text: "the last writer closes while two readers sleep, or are about to",
        source: "pipe_release, pipe_read",
        script: Script { slots: 1, filled: 0, tasks: &[&[Read(1)], &[Read(1)], &[CloseWrite]], may_sleep: &[] },
        bound: 3,
    },
    Protocol {
        name: "pipe-broken",
        text: "the last reader closes while two writers sleep at a full pipe, or are about to",
        source: "pipe_release, pipe_write",
        script: Script { slots: 1, filled: 1, tasks: &[&[Write(1)], &[Write(1)], &[CloseRead]], may_sleep: &[] },
        bound: 3,
    },
    Protocol {
        name: "pipe-resize",
        text: "a full pipe is made larger while a writer sleeps, or is about to",
        source: "pipe_set_size, pipe_resize_ring, pipe_write",
        script: Script { slots: 1, filled: 1, tasks: &[&[Write(1)], &[Resize(2)]], may_sleep: &[] },
        bound: 3,
    },
    Protocol {
        name: "pipe-two-writers",
        text: "two writers at a full pipe of one slot, and a reader of all: who slept looks again whether the pipe is empty",
        source: "pipe_write: was_empty",
        script: Script {
            slots: 1,
            filled: 1,
            tasks: &[&[Write(1)], &[Write(1)], &[Read(1), Read(1), Read(1)]],
            may_sleep: &[],
        },
        bound: 2,
    },
    Protocol {
        name: "pipe-look",
        text: "a writer looks at the pipe without the lock while others fill and drain it",
        source: "pipe_writable, pipe_readable",
        script: Script {
            slots: 2,
            filled: 2,
            tasks: &[&[Write(1)], &[Write(1)], &[Read(1), Read(1), Read(1), Read(1)]],
            may_sleep: &[],
        },
        bound: 2,
    },
    Protocol {
        name: "pipe-splice",
        text: "a splice waits for bytes beside the queue of readers, and a wake-up comes late",
        source: "splice_from_pipe_next, pipe_wait_readable",
        script: Script {
            slots: 1,
            filled: 0,
            tasks: &[&[Write(1), Write(1)], &[Splice(1), Splice(1)]],
            may_sleep: &[],
        },
        bound: 3,
    },
];

/// A defect of the kernel's history, and the protocol that shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DefectInfo {
    /// The defect.
    pub defect: Defect,
    /// As it is called on command lines.
    pub id: &'static str,
    /// What is wrong.
    pub text: &'static str,
    /// The kernels that had it, and the commit that mended it.
    pub history: &'static str,
    /// The name of the protocol in [`PROTOCOLS`].
    pub protocol: &'static str,
    /// The smallest bound at which [`check`](super::check()) finds it.
    pub bound: usize,
    /// The same in the model, if the model has it.
    pub quirk: Option<Quirk>,
}

/// Every defect.
pub const DEFECTS: &[DefectInfo] = &[
    DefectInfo {
        defect: Defect::TwoPrepares,
        id: "PIPE-03",
        text: "a splice enters both queues one after the other, and the second time undoes a wake-up that came between",
        history: "v5.6 until v5.9, \"pipe: remove pipe_wait() and fix wakeup race with splice\"",
        protocol: "pipe-splice",
        bound: 2,
        quirk: None,
    },
    DefectInfo {
        defect: Defect::EofWakesOne,
        id: "PIPE-04",
        text: "the last close wakes one sleeper, who does not wake the next",
        history: "v5.6-rc1 until v5.6-rc3, \"pipe: make sure to wake up everybody when the last reader/writer closes\"",
        protocol: "pipe-eof",
        bound: 0,
        quirk: Some(Quirk::EofWakesOne),
    },
    DefectInfo {
        defect: Defect::ResizeWakesEarly,
        id: "PIPE-05",
        text: "a writer is woken before the limit is raised, and sleeps again",
        history: "v5.8 until v6.8, \"pipe: wakeup wr_wait after setting max_usage\"",
        protocol: "pipe-resize",
        bound: 0,
        quirk: Some(Quirk::ResizeWakesEarly),
    },
    DefectInfo {
        defect: Defect::StaleWasEmpty,
        id: "PIPE-06",
        text: "a writer that slept compares its old head with the tail, and wakes no reader",
        history: "v5.5-rc1 until v5.5-rc3, \"pipe: fix empty pipe check in pipe_write()\"",
        protocol: "pipe-two-writers",
        bound: 0,
        quirk: Some(Quirk::StaleWasEmpty),
    },
    DefectInfo {
        defect: Defect::TwoLoads,
        id: "PIPE-07",
        text: "head and tail are loaded one after the other, so that an empty pipe looks full",
        history: "v5.5 until v6.14, \"fs/pipe: Read pipe->{head,tail} atomically outside pipe->mutex\"",
        protocol: "pipe-look",
        bound: 1,
        quirk: None,
    },
];

impl Protocol {
    /// The protocol with this name.
    pub fn by_name(name: &str) -> Option<&'static Protocol> {
        PROTOCOLS.iter().find(|protocol| protocol.name == name)
    }
}

impl DefectInfo {
    /// The defect with this id, in any case.
    pub fn by_id(id: &str) -> Option<&'static DefectInfo> {
        DEFECTS.iter().find(|defect| defect.id.eq_ignore_ascii_case(id))
    }
}
