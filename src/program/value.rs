//! Values of variables, and what it means to compare them.

use crate::kernel::{
    CallKind, Errno, Payload, Return,
    ipc::{
        msg::{INFO_FIELDS, STAT_FIELDS},
        sem, shm,
    },
    signal,
};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::{cmp::Ordering, fmt};

/// The value of a variable or an expression.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Value {
    /// Never assigned: every comparison with it is false, `x == none` excepted.
    #[default]
    None,
    /// A number or truth value.
    Int(i64),
    /// A byte string.
    Bytes(Payload),
    /// An error constant.
    Errno(Errno),
    /// `EOF`: a read that returned 0.
    Eof,
    /// `fd`: any new descriptor.
    AnyFd,
    /// `ipcid`: any id of a System V object.
    AnyId,
    /// `shmaddr`: any address of an attached segment.
    AnyAddr,
    /// A declared System V object or key, by its index: only calls take it, and they find out its number.
    Object(u16),
    /// A list of numbers: values of semaphores, or operations on them.
    List(Vec<i64>),
    /// What a call returned.
    Result(Box<CallResult>),
    /// Declared memory, by its path index; only an argument of a call has this value.
    Memory(u16),
}

/// The record that a call leaves in a variable.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallResult {
    /// Which call it was.
    pub call: CallKind,
    /// `.ret`.
    pub ret: Result<i64, Errno>,
    /// `.data`.
    pub data: Payload,
    /// Everything else that was copied out.
    pub extra: SmallVec<[i64; 2]>,
}

impl CallResult {
    /// The record of `call` returning `ret`.
    pub fn new(call: CallKind, ret: &Return) -> Self {
        CallResult { call, ret: ret.ret, data: ret.data.clone(), extra: ret.extra.clone() }
    }

    /// The record as one constant of the notation, the way schedules and outcomes write it:
    /// an errno, `EOF`, `fd`, the bytes that were read, or the number.
    pub fn as_constant(&self) -> Value {
        match self.ret {
            Err(errno) => Value::Errno(errno),
            Ok(0) if self.call.reads() => Value::Eof,
            // Signals of a signalfd.
            Ok(n) if self.call.reads() && !self.extra.is_empty() => Value::Int(n),
            Ok(_) if self.call.returns_data() => Value::Bytes(self.data.clone()),
            Ok(_) if self.call.returns_fd() => Value::AnyFd,
            Ok(_) if self.call.returns_id() => Value::AnyId,
            Ok(_) if self.call.returns_addr() => Value::AnyAddr,
            Ok(n) => Value::Int(n),
        }
    }
}

impl Value {
    /// A truth value.
    pub fn truth(b: bool) -> Value {
        Value::Int(i64::from(b))
    }

    /// What a handler is told: the record that `sigwaitinfo` would return.
    pub fn siginfo(info: &crate::kernel::signal::SigInfo) -> Value {
        let ret = Return { extra: info.extra(), ..Return::value(info.signo.into()) };
        Value::Result(Box::new(CallResult::new(CallKind::Sigwaitinfo, &ret)))
    }

    /// Whether a condition with this value holds.
    pub fn holds(&self) -> bool {
        self.as_int().is_some_and(|n| n != 0)
    }

    /// The number, if it is one or a record of a successful call.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            Value::Result(r) => r.ret.ok(),
            _ => None,
        }
    }

    /// The bytes, if it is a string or the record of a successful read.
    pub fn as_bytes(&self) -> Option<&Payload> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            Value::Result(r) if r.ret.is_ok() => Some(&r.data),
            _ => None,
        }
    }

    /// `self == other` of the notation. Not an equivalence: a record equals a number by its `.ret`, a string by
    /// its `.data`, an errno by its error. `None` if the two cannot be compared (one was never assigned).
    pub fn matches(&self, other: &Value) -> Option<bool> {
        use Value::*;
        Some(match (self, other) {
            (None, _) | (_, None) => return Option::None,
            (Result(a), Result(b)) => a.ret == b.ret && a.data == b.data && a.extra == b.extra,
            (Result(r), Int(n)) | (Int(n), Result(r)) => r.ret == Ok(*n),
            (Result(r), Errno(e)) | (Errno(e), Result(r)) => r.ret == Err(*e),
            (Result(r), Bytes(b)) | (Bytes(b), Result(r)) => r.ret.is_ok() && r.call.returns_data() && r.data == *b,
            (Result(r), Eof) | (Eof, Result(r)) => r.ret == Ok(0) && r.call.reads(),
            (Result(r), AnyFd) | (AnyFd, Result(r)) => r.ret.is_ok() && r.call.returns_fd(),
            (Result(r), List(list)) | (List(list), Result(r)) => {
                r.ret.is_ok() && r.call == CallKind::Semctl && r.extra[..] == list[..]
            }
            (Result(r), AnyId) | (AnyId, Result(r)) => r.ret.is_ok() && r.call.returns_id(),
            (Result(r), AnyAddr) | (AnyAddr, Result(r)) => r.ret.is_ok() && r.call.returns_addr(),
            (a, b) => a == b,
        })
    }

    /// How two numbers compare, if both are numbers.
    pub fn compare(&self, other: &Value) -> Option<Ordering> {
        Some(self.as_int()?.cmp(&other.as_int()?))
    }
}

/// As an outcome shows it: `20`, `"ab"`, `EAGAIN`, `EOF`, `fd`, `none`.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::None => f.write_str("none"),
            Value::Int(n) => write!(f, "{n}"),
            Value::Bytes(bytes) => write!(f, "{bytes}"),
            Value::Errno(errno) => write!(f, "{errno}"),
            Value::Eof => f.write_str("EOF"),
            Value::AnyFd => f.write_str("fd"),
            Value::Memory(_) => f.write_str("memory"),
            Value::AnyId => f.write_str("ipcid"),
            Value::AnyAddr => f.write_str("shmaddr"),
            Value::Object(object) => write!(f, "object#{object}"),
            Value::List(list) => fmt::Debug::fmt(&list[..], f),
            Value::Result(r) => match r.ret {
                Ok(n) if r.call == CallKind::Poll => {
                    write!(f, "{n}")?;
                    let masks: Vec<String> =
                        r.extra.iter().map(|&mask| crate::program::constants::poll_events(mask)).collect();
                    write!(f, " [{}]", masks.join(", "))
                }
                Ok(_) if r.call == CallKind::Sigwaitinfo || r.call == CallKind::Read && !r.extra.is_empty() => {
                    let signals = r.extra.chunks_exact(usize::from(signal::SIGINFO_FIELDS));
                    for (i, info) in signals.enumerate() {
                        f.write_str(if i > 0 { ", " } else { "" })?;
                        write_siginfo(f, info)?;
                    }
                    Ok(())
                }
                Ok(n) if matches!(r.call, CallKind::Setitimer | CallKind::TimerSettime) && r.extra.len() == 2 => {
                    write!(f, "{n} {{old {}, interval {}}}", r.extra[0], r.extra[1])
                }
                Ok(n) if r.call == CallKind::TimerGettime && r.extra.len() == 2 => {
                    write!(f, "{n} {{armed {}, interval {}}}", r.extra[0], r.extra[1])
                }
                Ok(n) if r.call == CallKind::Waitpid && r.extra.len() == 2 => {
                    write!(f, "{n} {{code {}, status {}}}", r.extra[0], r.extra[1])
                }
                Ok(_) if matches!(r.call, CallKind::Sigpending | CallKind::Sigprocmask) && r.extra.len() == 1 => {
                    write!(f, "{{{}}}", signal::set_in_words(r.extra[0] as u64).trim_start_matches('0'))
                }
                Ok(n) if r.call == CallKind::Fstat => {
                    write!(f, "{n}")?;
                    if let [mode, size, blksize] = r.extra[..] {
                        write!(f, " {{mode 0{mode:o}, size {size}, blksize {blksize}}}")?;
                    }
                    Ok(())
                }
                Ok(_) if r.call == CallKind::Msgrcv => match r.extra[..] {
                    [mtype] => write!(f, "{} of type {mtype}", r.data),
                    _ => write!(f, "{}", r.data),
                },
                Ok(n) if matches!(r.call, CallKind::Msgctl | CallKind::Shmctl) && !r.extra.is_empty() => {
                    write!(f, "{n} {{")?;
                    for (i, (name, value)) in ctl_fields(r.call, r.extra.len()).iter().zip(&r.extra).enumerate() {
                        write!(f, "{}{name} {value}", if i > 0 { ", " } else { "" })?;
                    }
                    f.write_str("}")
                }
                Ok(n) if r.call == CallKind::Semctl && !r.extra.is_empty() => match sem_fields(&r.extra) {
                    Some(fields) => {
                        write!(f, "{n} {{")?;
                        for (i, (name, value)) in fields.iter().zip(&r.extra).enumerate() {
                            write!(f, "{}{name} {value}", if i > 0 { ", " } else { "" })?;
                        }
                        f.write_str("}")
                    }
                    None => fmt::Debug::fmt(&r.extra[..], f),
                },
                _ => write!(f, "{}", r.as_constant()),
            },
        }
    }
}

/// `SIGUSR1 {code 0, pid 101}`
fn write_siginfo(f: &mut fmt::Formatter<'_>, info: &[i64]) -> fmt::Result {
    let &[signo, code, pid, uid, value] = info else { return Ok(()) };
    write!(f, "{} {{code {code}, pid {pid}", signal::name(signo as u8))?;
    if uid != 0 {
        write!(f, ", uid {uid}")?;
    }
    if value != 0 { write!(f, ", value {value}}}") } else { f.write_str("}") }
}

/// The names of what a `semctl` copied out; none if it was the values of a set.
fn sem_fields(extra: &[i64]) -> Option<&'static [&'static str]> {
    match extra {
        [.., 1] if extra.len() == sem::STAT_FIELDS.len() => Some(&sem::STAT_FIELDS),
        [.., semvmx, _] if extra.len() == sem::INFO_FIELDS.len() && *semvmx == i64::from(sem::SEMVMX) => {
            Some(&sem::INFO_FIELDS)
        }
        _ => None,
    }
}

/// The names of what a `msgctl` or `shmctl` copied out.
fn ctl_fields(call: CallKind, count: usize) -> &'static [&'static str] {
    if call == CallKind::Shmctl {
        let lists = [&shm::STAT_FIELDS[..], &shm::INFO_FIELDS, &shm::USE_FIELDS];
        return lists.into_iter().find(|list| list.len() == count).unwrap_or(&[]);
    }
    if count == STAT_FIELDS.len() { &STAT_FIELDS } else { &INFO_FIELDS }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(call: CallKind, ret: Return) -> Value {
        Value::Result(Box::new(CallResult::new(call, &ret)))
    }

    #[test]
    fn a_record_compares_by_the_kind_of_the_other_side() {
        let mut ret = Return::value(2);
        ret.data = "ab".into();
        let read = record(CallKind::Read, ret);
        assert_eq!(read.matches(&Value::Int(2)), Some(true));
        assert_eq!(read.matches(&Value::Bytes("ab".into())), Some(true));
        assert_eq!(read.matches(&Value::Errno(Errno::EAGAIN)), Some(false));
        assert_eq!(read.matches(&Value::None), None);
        assert_eq!(record(CallKind::Read, Return::value(0)).matches(&Value::Eof), Some(true));
        assert_eq!(record(CallKind::Write, Return::value(0)).matches(&Value::Eof), Some(false));
        assert_eq!(record(CallKind::Open, Return::value(7)).matches(&Value::AnyFd), Some(true));
    }
}
