//! Entries of the log as 64-bit words.

use super::log::{Entry, RunEnd, call_kind};
use crate::{
    kernel::{Errno, IpcKind, Payload, Return, Run, TaskId, signal::SigInfo},
    program::{Halt, ObjectField},
    target::{IpcSeen, Observation, SignalSets},
};
use smallvec::SmallVec;

/// The words of an entry; most are short.
pub type Words = SmallVec<[u64; 24]>;

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

/// Appends the words of an entry, but for the first; its tag.
pub fn encode(entry: &Entry, words: &mut Words) -> u8 {
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

/// The entry with this tag and these words; `None` if they are none.
pub fn decode(tag: u8, words: &mut impl Iterator<Item = u64>) -> Option<Entry> {
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
            let mut held = Vec::with_capacity((waiters & 0xffff_ffff) as usize);
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
