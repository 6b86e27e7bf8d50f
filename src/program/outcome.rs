//! Outcomes: what a run leaves to be seen, the same for model and real kernels.

use super::{CallResult, Compiled, ExprCode, Halt, Shown, Value, World};
use crate::kernel::{CallKind, TaskId};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::fmt;

/// What an end state shows.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Outcome {
    /// The values of [`Compiled::shown`], in that order.
    pub shown: Vec<Value>,
    /// Who is asleep in which call.
    pub asleep: Vec<(TaskId, CallKind)>,
    /// Who stopped before its last statement, and why.
    pub halted: Vec<(TaskId, Halt)>,
    /// Whose process a signal has ended.
    pub killed: Vec<TaskId>,
    /// Who is stopped by a signal.
    pub stopped: Vec<TaskId>,
}

impl Outcome {
    /// The outcome of `program` in the end state `world`.
    pub fn of(program: &Compiled, world: &impl World) -> Outcome {
        let tasks = || (0..program.tasks.len() as TaskId).filter(|&t| Some(t) != program.init);
        Outcome {
            shown: program.shown.iter().map(|s| visible(s.value.eval(world))).collect(),
            asleep: tasks().filter_map(|t| Some((t, world.asleep(t)?))).collect(),
            halted: tasks().filter_map(|t| Some((t, world.halted(t)?))).collect(),
            killed: tasks().filter(|&t| world.killed(t)).collect(),
            stopped: tasks().filter(|&t| world.stopped(t)).collect(),
        }
    }

    /// In words, such as `A.a=20 B.b=none; B asleep in write`.
    pub fn display<'a>(&'a self, program: &'a Compiled) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| {
            let mut separator = "";
            for (shown, value) in program.shown.iter().zip(&self.shown) {
                write!(f, "{separator}{}={}", shown.name, shown.display(value, program))?;
                separator = " ";
            }
            let more =
                [self.asleep.is_empty(), self.halted.is_empty(), self.killed.is_empty(), self.stopped.is_empty()];
            let more = more.contains(&false);
            if more && !separator.is_empty() {
                separator = "; ";
            }
            for (task, call) in &self.asleep {
                write!(f, "{separator}{} asleep in {call}", program.tasks[*task as usize].name)?;
                separator = ", ";
            }
            for (task, halt) in &self.halted {
                write!(f, "{separator}{} {halt}", program.tasks[*task as usize].name)?;
                separator = ", ";
            }
            let fates = self.killed.iter().map(|task| (task, "killed"));
            for (task, fate) in fates.chain(self.stopped.iter().map(|task| (task, "stopped"))) {
                write!(f, "{separator}{} {fate}", program.tasks[*task as usize].name)?;
                separator = ", ";
            }
            if separator.is_empty() { f.write_str("(nothing to show)") } else { Ok(()) }
        })
    }

    /// As a JSON object with the names of the program.
    pub fn json<'a>(&'a self, program: &'a Compiled) -> impl Serialize + 'a {
        Named { outcome: self, program }
    }
}

impl Shown {
    /// Its value in words: tasks by name.
    fn display(&self, value: &Value, program: &Compiled) -> String {
        match (&self.value, value) {
            (ExprCode::Object { field, .. } | ExprCode::Sem { field, .. }, Value::Int(pid)) if field.is_pid() => {
                let task = usize::try_from(*pid - 1).ok().and_then(|task| program.tasks.get(task));
                task.map_or_else(|| "nobody".into(), |task| task.name.clone())
            }
            _ => value.to_string(),
        }
    }
}

struct Named<'a> {
    outcome: &'a Outcome,
    program: &'a Compiled,
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (shown, value) in self.program.shown.iter().zip(&self.outcome.shown) {
            map.serialize_entry(&shown.name, &shown.display(value, self.program))?;
        }
        let name = |task: &TaskId| self.program.tasks[*task as usize].name.as_str();
        if !self.outcome.asleep.is_empty() {
            let asleep: std::collections::BTreeMap<_, _> =
                self.outcome.asleep.iter().map(|(task, call)| (name(task), call.name())).collect();
            map.serialize_entry("asleep", &asleep)?;
        }
        if !self.outcome.halted.is_empty() {
            let halted: std::collections::BTreeMap<_, _> =
                self.outcome.halted.iter().map(|(task, halt)| (name(task), halt.to_string())).collect();
            map.serialize_entry("halted", &halted)?;
        }
        for (key, tasks) in [("killed", &self.outcome.killed), ("stopped", &self.outcome.stopped)] {
            if !tasks.is_empty() {
                map.serialize_entry(key, &tasks.iter().map(name).collect::<Vec<_>>())?;
            }
        }
        map.end()
    }
}

/// Whether more of a record than one constant is worth showing.
fn shown_whole(r: &CallResult) -> bool {
    r.call == CallKind::Read && !r.extra.is_empty()
        || r.ret.is_ok()
            && matches!(
                r.call,
                CallKind::Poll
                    | CallKind::Fstat
                    | CallKind::Msgrcv
                    | CallKind::Msgctl
                    | CallKind::Semctl
                    | CallKind::Shmctl
                    | CallKind::Sigwaitinfo
                    | CallKind::Waitpid
                    | CallKind::Sigpending
                    | CallKind::Sigprocmask
                    | CallKind::Setitimer
                    | CallKind::TimerSettime
                    | CallKind::TimerGettime
            )
}

/// A record as the constant it is written as; descriptors are equal up to renaming.
fn visible(value: Value) -> Value {
    match value {
        Value::Result(r) if !shown_whole(&r) => CallResult::as_constant(&r),
        other => other,
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Halt::Assertion(_) => "failed an assertion",
            Halt::Expectation(_) => "got another result than expected",
            Halt::BadArgument(_) => "had an argument without a usable value",
            Halt::Spinning(_) => "spins without a call",
        })
    }
}
