//! The log: entries of 64-bit words in shared memory, appended by every task, read by the tool.
//!
//! Space is reserved by one atomic addition, so the order of entries is the order in which they were begun. An entry's
//! first word is written last and carries the generation: what a killed writer left unfinished is not read.

use super::{
    shared::{LOG_BYTES, Shared},
    sys,
};
use crate::{
    kernel::{CallKind, Errno, IpcKind, Payload, Return, Run, TaskId, signal::SigInfo},
    program::{Halt, ObjectField},
    target::{Impossible, IpcSeen, Observation, SignalSets},
};
use smallvec::SmallVec;
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
}

const RELEASED: u8 = 1;
const STARTED: u8 = 2;
const COMPLETED: u8 = 3;
const HALTED: u8 = 4;
const EXITED: u8 = 5;
const QUIET: u8 = 6;
const RUN_BEGINS: u8 = 7;
const RUN_ENDS: u8 = 8;
const ITERATION_BEGINS: u8 = 9;
const CONTENTS: u8 = 10;
const IPC: u8 = 11;
const HANDLER: u8 = 12;
const HANDLER_ENDS: u8 = 13;
const KILLED: u8 = 14;
const TIMES: u8 = 15;

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

type Words = SmallVec<[u64; 24]>;

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

fn encode(entry: &Entry, words: &mut Words) -> u8 {
    match entry {
        Entry::Seen(Observation::Released { step, task }) => {
            words.extend([*step as u64, u64::from(*task)]);
            RELEASED
        }
        Entry::Seen(Observation::Started { task }) => {
            words.push(u64::from(*task));
            STARTED
        }
        Entry::Seen(Observation::Completed { task, ret }) => {
            let (failed, value) = match ret.ret {
                Ok(n) => (0, n),
                Err(errno) => (1, i64::from(errno.0)),
            };
            let runs = ret.data.runs();
            words.push(u64::from(*task) | failed << 16 | (ret.extra.len() as u64) << 24 | (runs.len() as u64) << 32);
            words.push(value as u64);
            words.extend(ret.extra.iter().map(|&n| n as u64));
            words.extend(runs.iter().map(|run| u64::from(run.what) | u64::from(run.len) << 32));
            COMPLETED
        }
        Entry::Seen(Observation::Halted { task, halt }) => {
            let (why, pc) = match *halt {
                Halt::Assertion(pc) => (0, pc),
                Halt::Expectation(pc) => (1, pc),
                Halt::BadArgument(pc) => (2, pc),
                Halt::Spinning(pc) => (3, pc),
            };
            words.extend([u64::from(*task), why, u64::from(pc)]);
            HALTED
        }
        Entry::Seen(Observation::Exited { task, status }) => {
            words.extend([u64::from(*task), u64::from(*status)]);
            EXITED
        }
        Entry::Times(times) => {
            words.push(*times);
            TIMES
        }
        Entry::Seen(Observation::Contents { object, size, data }) => {
            let runs = data.as_ref().map_or(&[][..], Payload::runs);
            words.extend([u64::from(*object) | u64::from(data.is_some()) << 16 | (runs.len() as u64) << 32, *size]);
            words.extend(runs.iter().map(|run| u64::from(run.what) | u64::from(run.len) << 32));
            CONTENTS
        }
        Entry::Seen(Observation::Ipc(objects)) => {
            words.push(objects.len() as u64);
            objects.iter().for_each(|seen| encode_ipc(seen, words));
            IPC
        }
        Entry::Seen(Observation::Handler { task, handler, info, mask }) => {
            words.extend([
                u64::from(*task) | u64::from(*handler) << 16 | u64::from(info.signo) << 32,
                u64::from(info.code as u32) | u64::from(info.pid as u32) << 32,
                info.uid.into(),
                info.value as u64,
                *mask,
            ]);
            HANDLER
        }
        Entry::Seen(Observation::HandlerEnds { task }) => {
            words.push(u64::from(*task));
            HANDLER_ENDS
        }
        Entry::Seen(Observation::Killed { process, signal }) => {
            words.push(u64::from(*process) | u64::from(*signal) << 16);
            KILLED
        }
        Entry::Seen(Observation::Quiet { step, asleep, held, stopped, probes, signals }) => {
            words.extend([
                *step as u64,
                asleep.len() as u64,
                held.len() as u64 | (stopped.len() as u64) << 32,
                probes.len() as u64,
            ]);
            words.extend(asleep.iter().map(|&(task, call)| u64::from(task) | (call as u64) << 16));
            words.extend(held.iter().chain(stopped).map(|&task| u64::from(task)));
            for &(object, field, value) in probes {
                words.extend([u64::from(object) | field.number() << 16, value as u64]);
            }
            words.push(signals.len() as u64);
            for &(task, sets) in signals {
                let SignalSets { pending, shared, blocked, ignored, caught } = sets;
                words.extend([u64::from(task), pending, shared, blocked, ignored, caught]);
            }
            QUIET
        }
        Entry::RunBegins(index, realtime) => {
            words.extend([*index as u64, u64::from(*realtime)]);
            RUN_BEGINS
        }
        Entry::RunEnds(run) => {
            words.extend(run.end);
            words.extend([run.steps, run.elapsed, run.checks, run.check_failures, run.skipped_probes]);
            RUN_ENDS
        }
        Entry::IterationBegins(index, pinned) => {
            words.extend([*index as u64, u64::from(*pinned)]);
            ITERATION_BEGINS
        }
    }
}

fn decode(tag: u8, words: &mut impl Iterator<Item = u64>) -> Option<Entry> {
    let mut next = || words.next();
    Some(match tag {
        RELEASED => Entry::Seen(Observation::Released { step: next()? as usize, task: next()? as TaskId }),
        STARTED => Entry::Seen(Observation::Started { task: next()? as TaskId }),
        COMPLETED => {
            let head = next()?;
            let value = next()? as i64;
            let mut ret = match head >> 16 & 0xff {
                0 => Return::value(value),
                _ => Return::error(Errno(value as u16)),
            };
            for _ in 0..head >> 24 & 0xff {
                ret.extra.push(next()? as i64);
            }
            let mut data = Payload::new();
            for _ in 0..head >> 32 {
                let run = next()?;
                data.push(Run { what: run as u32, len: (run >> 32) as u32 });
            }
            ret.data = data;
            Entry::Seen(Observation::Completed { task: head as TaskId, ret })
        }
        HALTED => {
            let (task, why, pc) = (next()? as TaskId, next()?, next()? as u32);
            let halt = match why {
                0 => Halt::Assertion(pc),
                1 => Halt::Expectation(pc),
                2 => Halt::BadArgument(pc),
                _ => Halt::Spinning(pc),
            };
            Entry::Seen(Observation::Halted { task, halt })
        }
        EXITED => Entry::Seen(Observation::Exited { task: next()? as TaskId, status: next()? as u8 }),
        HANDLER => {
            let (head, code_pid, uid, value, mask) = (next()?, next()?, next()?, next()?, next()?);
            let info = SigInfo {
                signo: (head >> 32) as u8,
                code: code_pid as i32,
                pid: (code_pid >> 32) as i32,
                uid: uid as u32,
                value: value as i64,
            };
            Entry::Seen(Observation::Handler { task: head as TaskId, handler: (head >> 16) as u16, info, mask })
        }
        HANDLER_ENDS => Entry::Seen(Observation::HandlerEnds { task: next()? as TaskId }),
        KILLED => {
            let word = next()?;
            Entry::Seen(Observation::Killed { process: word as u16, signal: (word >> 16) as u8 })
        }
        QUIET => {
            let step = next()? as usize;
            let (sleepers, waiters, seen) = (next()?, next()?, next()?);
            let mut asleep = Vec::with_capacity(sleepers as usize);
            for _ in 0..sleepers {
                let word = next()?;
                asleep.push((word as TaskId, call_kind(word >> 16)?));
            }
            let mut held = Vec::with_capacity(waiters as usize);
            for _ in 0..waiters & 0xffff_ffff {
                held.push(next()? as TaskId);
            }
            let mut stopped = Vec::new();
            for _ in 0..waiters >> 32 {
                stopped.push(next()? as TaskId);
            }
            let mut probes = Vec::with_capacity(seen as usize);
            for _ in 0..seen {
                let (word, value) = (next()?, next()? as i64);
                probes.push((word as u16, ObjectField::by_number(word >> 16)?, value));
            }
            let mut signals = Vec::new();
            for _ in 0..next()? {
                let task = next()? as TaskId;
                let [pending, shared, blocked, ignored, caught] = [next()?, next()?, next()?, next()?, next()?];
                signals.push((task, SignalSets { pending, shared, blocked, ignored, caught }));
            }
            Entry::Seen(Observation::Quiet { step, asleep, held, stopped, probes, signals })
        }
        IPC => {
            let count = next()?;
            let objects: Option<_> = (0..count).map(|_| decode_ipc(&mut next)).collect();
            Entry::Seen(Observation::Ipc(objects?))
        }
        CONTENTS => {
            let (head, size) = (next()?, next()?);
            let mut data = Payload::new();
            for _ in 0..head >> 32 {
                let run = next()?;
                data.push(Run { what: run as u32, len: (run >> 32) as u32 });
            }
            let data = (head >> 16 & 1 == 1).then_some(data);
            Entry::Seen(Observation::Contents { object: head as u16, size, data })
        }
        TIMES => Entry::Times(next()?),
        RUN_BEGINS => Entry::RunBegins(next()? as usize, next()? != 0),
        RUN_ENDS => Entry::RunEnds(RunEnd {
            end: [next()?, next()?, next()?, next()?],
            steps: next()?,
            elapsed: next()?,
            checks: next()?,
            check_failures: next()?,
            skipped_probes: next()?,
        }),
        ITERATION_BEGINS => Entry::IterationBegins(next()? as usize, next()? != 0),
        _ => return None,
    })
}

fn encode_ipc(seen: &IpcSeen, words: &mut Words) {
    let object = u64::from(seen.object.unwrap_or(u16::MAX));
    let counts = (seen.fields.len() as u64) << 24 | (seen.messages.len() as u64) << 32;
    let sems = seen.sems.len() as u64;
    words.extend([object | (seen.kind as u64) << 16 | counts, sems]);
    for &(field, value) in &seen.fields {
        words.extend([field.number(), value as u64]);
    }
    words.extend(seen.sems.iter().flatten().map(|&n| n as u64));
    for (mtype, text) in &seen.messages {
        words.extend([*mtype as u64, text.runs().len() as u64]);
        words.extend(text.runs().iter().map(|run| u64::from(run.what) | u64::from(run.len) << 32));
    }
}

fn decode_ipc(next: &mut impl FnMut() -> Option<u64>) -> Option<IpcSeen> {
    let head = next()?;
    let object = Some(head as u16).filter(|&object| object != u16::MAX);
    let kind = IpcKind::ALL.get((head >> 16 & 0xff) as usize).copied()?;
    let sems = next()?;
    let mut fields = Vec::new();
    for _ in 0..head >> 24 & 0xff {
        let field = ObjectField::by_number(next()?)?;
        fields.push((field, next()? as i64));
    }
    let mut sem = || Some([next()?, next()?, next()?, next()?].map(|word| word as i64));
    let sems = (0..sems).map(|_| sem()).collect::<Option<_>>()?;
    let mut messages = Vec::new();
    for _ in 0..head >> 32 {
        let (mtype, runs) = (next()? as i64, next()?);
        let mut text = Payload::new();
        for _ in 0..runs {
            let run = next()?;
            text.push(Run { what: run as u32, len: (run >> 32) as u32 });
        }
        messages.push((mtype, text));
    }
    Some(IpcSeen { kind, object, fields, messages, sems })
}

/// The call with this number.
pub fn call_kind(number: u64) -> Option<CallKind> {
    CallKind::ALL.get(number as usize).map(|&(_, kind)| kind)
}

impl Impossible {
    const ALL: [Impossible; 5] =
        [Impossible::Asleep, Impossible::Parked, Impossible::Exited, Impossible::NotStarted, Impossible::Stopped];
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
            [end::TIMED_OUT, task, ..] => Ending::TimedOut { task: task.checked_sub(1).map(|task| task as TaskId) },
            _ => Ending::TooMuchSeen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
