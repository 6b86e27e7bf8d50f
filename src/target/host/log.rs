//! The log: entries of 64-bit words in shared memory, appended by every task, read by the tool.
//!
//! Space is reserved by one atomic addition, so the order of entries is the order in which they were begun. An entry's
//! first word is written last and carries the generation: what a killed writer left unfinished is not read.

use super::{
    shared::{LOG_BYTES, Shared},
    sys,
    wire::{Words, decode, encode},
};
use crate::{
    kernel::{CallKind, TaskId},
    target::{Impossible, Observation},
};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// An entry, decoded.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry {
    /// Something was observed.
    Seen(Observation),
    /// A steered run begins: its index, and whether it is under `SCHED_FIFO`.
    RunBegins(usize, bool),
    /// A run or an iteration is over.
    RunEnds(RunEnd),
    /// A free iteration begins: its index, and whether it is pinned.
    IterationBegins(usize, bool),
    /// The iteration stands for so many that were all alike.
    Times(u64),
}

/// How a run ended, as the controller counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RunEnd {
    /// [`end`] code, and what belongs to it.
    pub end: [u64; 4],
    /// Completed steps.
    pub steps: u64,
    /// Nanoseconds.
    pub elapsed: u64,
    /// Confirmations by `/proc`.
    pub checks: u64,
    /// Those that failed.
    pub check_failures: u64,
    /// Probes not made.
    pub skipped_probes: u64,
}

/// Codes in [`RunEnd::end`].
pub mod end {
    /// Finished.
    pub const FINISHED: u64 = 0;
    /// Impossible: step, task, why.
    pub const IMPOSSIBLE: u64 = 1;
    /// The init task sleeps.
    pub const INIT_BLOCKED: u64 = 2;
    /// Timed out: task + 1, or 0.
    pub const TIMED_OUT: u64 = 3;
    /// The log was full.
    pub const OVERFLOW: u64 = 4;
    /// A task was killed in the middle of an entry.
    pub const TORN: u64 = 5;
    /// A timer went off in a step that was not for it.
    pub const OUT_OF_TURN: u64 = 6;
}

/// What a closed log has of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// All that was seen.
    Whole,
    /// Nothing: it was too much.
    Overflowed,
    /// Nothing: the program has killed a task in the middle of an entry.
    Torn,
}

/// Threads of this process that are writing an entry, with [`CLOSED`] once the process is about to exit. A thread that were
/// killed in the middle of its entry would hide all that others write after it.
static WRITERS: AtomicU32 = AtomicU32::new(0);
const CLOSED: u32 = 1 << 31;

/// Before an exit: lets the other threads of this process finish their entries, and begin no more.
pub fn close_for_this_process() {
    WRITERS.fetch_or(CLOSED, Ordering::AcqRel);
    while WRITERS.load(Ordering::Acquire) != CLOSED {
        sys::sched_yield();
    }
}

/// After a fork: the threads that were writing did not come along.
pub fn open_for_this_process() {
    WRITERS.store(0, Ordering::Release);
}

impl Shared {
    /// Appends an entry; one that does not fit only raises the overflow flag.
    pub fn append(&self, entry: &Entry) {
        let mut words = Words::new();
        words.push(0);
        let tag = encode(entry, &mut words);
        let bytes = words.len() * 8;
        if WRITERS.fetch_add(1, Ordering::AcqRel) & CLOSED != 0 {
            WRITERS.fetch_sub(1, Ordering::AcqRel);
            sys::wait_to_be_killed();
        }
        self.write_entry(&words, tag, bytes);
        WRITERS.fetch_sub(1, Ordering::AcqRel);
    }

    fn write_entry(&self, words: &Words, tag: u8, bytes: usize) {
        let at = self.log_end.fetch_add(bytes, Ordering::AcqRel);
        if at + bytes > LOG_BYTES {
            self.overflow.store(1, Ordering::Release);
            return;
        }
        let generation = u64::from(self.generation.load(Ordering::Relaxed) & 0xff_ffff);
        // SAFETY: the words from `at` on are reserved for this entry alone and inside of the mapping; readers look at
        // them only after the first word, which is atomic, has this generation.
        unsafe {
            let base = self.log().cast::<u64>().add(at / 8);
            std::ptr::copy_nonoverlapping(words.as_ptr().add(1), base.add(1), words.len() - 1);
            AtomicU64::from_ptr(base)
                .store(words.len() as u64 | u64::from(tag) << 32 | generation << 40, Ordering::Release);
        }
    }

    /// Appends an observation.
    pub fn see(&self, observation: Observation) {
        self.append(&Entry::Seen(observation));
    }

    /// Bytes of the log in use.
    pub fn log_used(&self) -> usize {
        self.log_end.load(Ordering::Acquire)
    }

    /// When all writers are gone: the end of the log is before what a killed one left unfinished after byte `start`.
    /// If something did not fit, nothing after `start` is kept; likewise if a task that was `killed` on purpose left an entry
    /// unfinished, for what others wrote after it is lost.
    pub fn close_log(&self, start: usize, killed: bool) -> Kept {
        let mut at = start;
        let complete = self.overflow.swap(0, Ordering::AcqRel) == 0;
        if complete {
            while let Some((_, len)) = self.head(at) {
                at += len * 8;
            }
        }
        let torn = killed && complete && at < self.log_used();
        if torn {
            at = start;
        }
        self.log_end.store(at, Ordering::Release);
        match (complete, torn) {
            (false, _) => Kept::Overflowed,
            (_, true) => Kept::Torn,
            _ => Kept::Whole,
        }
    }

    /// Tag and number of words of the entry at byte `at`.
    fn head(&self, at: usize) -> Option<(u8, usize)> {
        if at + 8 > self.log_used().min(LOG_BYTES) {
            return None;
        }
        let generation = u64::from(self.generation.load(Ordering::Relaxed) & 0xff_ffff);
        // SAFETY: the word is inside of the mapping, and aligned because entries are whole words.
        let head = unsafe { AtomicU64::from_ptr(self.log().cast::<u64>().add(at / 8)) }.load(Ordering::Acquire);
        let len = head as u32 as usize;
        (head >> 40 == generation && len > 0 && at + len * 8 <= LOG_BYTES).then_some(((head >> 32) as u8, len))
    }

    /// The entry at byte `at` and where the next one is.
    pub fn entry(&self, at: usize) -> Option<(Entry, usize)> {
        let (tag, len) = self.head(at)?;
        // SAFETY: the first word says that these words are written, and nobody writes them again in this generation.
        let words = unsafe { std::slice::from_raw_parts(self.log().cast::<u64>().add(at / 8 + 1), len - 1) };
        decode(tag, &mut words.iter().copied()).map(|entry| (entry, at + len * 8))
    }
}

/// The call with this number.
pub fn call_kind(number: u64) -> Option<CallKind> {
    CallKind::ALL.get(number as usize).map(|&(_, kind)| kind)
}

impl Impossible {
    const ALL: [Impossible; 6] = [
        Impossible::Asleep,
        Impossible::Parked,
        Impossible::Exited,
        Impossible::NotStarted,
        Impossible::Stopped,
        Impossible::NoTimer,
    ];
}

impl RunEnd {
    /// What the codes mean.
    pub fn decoded(&self) -> crate::target::Ending {
        use crate::target::Ending;
        match self.end {
            [end::FINISHED, ..] => Ending::Finished,
            [end::IMPOSSIBLE, step, task, why] => Ending::ScheduleImpossible {
                step: step as usize,
                task: task as TaskId,
                why: Impossible::ALL[why as usize % Impossible::ALL.len()],
            },
            [end::INIT_BLOCKED, ..] => Ending::InitBlocked,
            [end::TORN, ..] => Ending::Torn,
            [end::OUT_OF_TURN, ..] => Ending::OutOfTurn,
            [end::TIMED_OUT, task, ..] => Ending::TimedOut { task: task.checked_sub(1).map(|task| task as TaskId) },
            _ => Ending::TooMuchSeen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::{Errno, IpcKind, Payload, Return, signal::SigInfo},
        program::{Halt, ObjectField},
        target::{IpcSeen, SignalSets},
    };

    #[test]
    fn entries_come_back_as_they_went_in() {
        let shared = Shared::new().unwrap();
        shared.reset();
        let mut ret = Return::value(300);
        ret.data = Payload::pattern(300);
        ret.data.append(&"xy".into());
        ret.extra.extend([-1, 7]);
        let entries = [
            Entry::RunBegins(3, true),
            Entry::Seen(Observation::Released { step: 1, task: 2 }),
            Entry::Seen(Observation::Completed { task: 5, ret }),
            Entry::Seen(Observation::Completed { task: 1, ret: Return::error(Errno::EPIPE) }),
            Entry::Seen(Observation::Handler {
                task: 2,
                handler: 3,
                info: SigInfo { signo: 34, code: -1, pid: 200, uid: 1, value: -5 },
                mask: 1 << 33,
            }),
            Entry::Seen(Observation::HandlerEnds { task: 2 }),
            Entry::Seen(Observation::Killed { process: 1, signal: 15 }),
            Entry::Seen(Observation::Halted { task: 1, halt: Halt::Expectation(9) }),
            Entry::Seen(Observation::Exited { task: 4, status: 255 }),
            Entry::Seen(Observation::Quiet {
                step: 1,
                asleep: vec![(0, CallKind::Read), (3, CallKind::Yield)],
                held: vec![2],
                stopped: vec![4, 5],
                probes: vec![(0, ObjectField::Size, 4096), (1, ObjectField::Readable, -1)],
                signals: vec![(1, SignalSets { pending: 1, blocked: u64::MAX, ..SignalSets::default() })],
            }),
            Entry::Seen(Observation::Ipc(vec![
                IpcSeen {
                    kind: IpcKind::Msg,
                    object: Some(3),
                    fields: vec![(ObjectField::Qnum, 2), (ObjectField::Lspid, -1)],
                    messages: vec![(i64::MAX, "xy".into()), (1, Payload::new())],
                    sems: vec![[1, -1, 0, 2], [0; 4]],
                },
                IpcSeen {
                    kind: IpcKind::Shm,
                    object: None,
                    fields: Vec::new(),
                    messages: Vec::new(),
                    sems: Vec::new(),
                },
            ])),
            Entry::RunEnds(RunEnd { end: [1, 2, 3, 1], steps: 9, ..RunEnd::default() }),
            Entry::IterationBegins(8, true),
        ];
        entries.iter().for_each(|e| shared.append(e));
        let mut at = 0;
        for expected in &entries {
            let (entry, next) = shared.entry(at).unwrap();
            assert_eq!(&entry, expected);
            at = next;
        }
        assert_eq!(shared.entry(at), None);
        shared.log_end.fetch_add(64, Ordering::Relaxed);
        assert_eq!(shared.close_log(0, false), Kept::Whole);
        assert_eq!(shared.log_used(), at, "what nobody finished is dropped");
        shared.log_end.fetch_add(64, Ordering::Relaxed);
        assert_eq!(shared.close_log(0, true), Kept::Torn);
        assert_eq!(shared.log_used(), 0, "who was killed on purpose may have hidden what others saw");
        shared.clear_log();
        assert_eq!(shared.entry(0), None, "entries of an older generation are not read");
    }
}
