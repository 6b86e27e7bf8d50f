//! Schedules: which task is released when, and what that must bring about.

use super::{ExprCode, syntax::Span};
use crate::kernel::{CallKind, TaskId, VersionRange};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One step of a steered run: a task is released for one call (or, if it was woken while held, goes on in its call),
/// and then everything runs until it is quiet. A task that sleeps for a time only goes on when that is over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Release {
    /// The task.
    pub task: TaskId,
    /// Tasks asleep in a call at this moment are held: woken, they go on only when a later step names them.
    /// Written `W+`.
    pub hold: bool,
    /// A timer goes off: that of the call that the task sleeps in, else that of its process. Written `W!`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expire: bool,
    /// The timer is this one of `timer_create`. Written `W!0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timer: Option<u8>,
}

impl Release {
    /// What follows the name of the task in the one-line form.
    pub fn mark(self) -> String {
        match (self.hold, self.expire, self.timer) {
            (true, _, _) => "+".into(),
            (false, true, None) => "!".into(),
            (false, true, Some(timer)) => format!("!{timer}"),
            (false, false, _) => String::new(),
        }
    }

    /// A task is released for one call.
    pub const fn of(task: TaskId) -> Self {
        Release { task, hold: false, expire: false, timer: None }
    }

    /// A timer of a task goes off: the one with this id, or its own.
    pub const fn expire(task: TaskId, timer: Option<u8>) -> Self {
        Release { task, hold: false, expire: true, timer }
    }
}

/// A steered run.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schedule {
    /// In order.
    pub steps: Vec<Release>,
}

impl Schedule {
    /// Reads the one-line form, `"W A+ B! R"`, given the names of the tasks.
    ///
    /// # Errors
    ///
    /// The first word that is no task.
    pub fn parse(text: &str, task_by_name: impl Fn(&str) -> Option<TaskId>) -> Result<Schedule, String> {
        let step = |word: &str| {
            let (hold, expire) = (word.ends_with('+'), word.contains('!'));
            let (name, timer) = word.split_once('!').unwrap_or((word.strip_suffix('+').unwrap_or(word), ""));
            let wrong = || word.to_string();
            let task = task_by_name(name).ok_or_else(|| name.to_string())?;
            let timer = (!timer.is_empty()).then(|| timer.parse().map_err(|_| wrong())).transpose()?;
            Ok(Release { task, hold, expire, timer })
        };
        let steps: Result<Vec<Release>, String> = text.split_whitespace().map(step).collect();
        Ok(Schedule { steps: steps? })
    }

    /// Writes the one-line form.
    pub fn display<'a>(&'a self, names: &'a [String]) -> impl fmt::Display + 'a {
        std::fmt::from_fn(move |f| {
            for (i, step) in self.steps.iter().enumerate() {
                if i > 0 {
                    f.write_str(" ")?;
                }
                f.write_str(&names[step.task as usize])?;
                f.write_str(&step.mark())?;
            }
            Ok(())
        })
    }
}

/// A `schedule` block.
#[derive(Clone, Debug)]
pub struct ScheduleCode {
    /// Versions it speaks of.
    pub on: VersionRange,
    /// Its title.
    pub title: Option<String>,
    /// Its lines.
    pub lines: Vec<LineCode>,
    /// Where it stands.
    pub span: Span,
}

/// A line of a `schedule` block.
#[derive(Clone, Debug)]
pub struct LineCode {
    /// What it does.
    pub kind: LineCodeKind,
    /// Where it stands.
    pub span: Span,
}

/// What a line does.
#[derive(Clone, Debug)]
pub enum LineCodeKind {
    /// Releases a task, and states all that must have happened when it is quiet again.
    Release {
        /// Who is released.
        release: Release,
        /// What must have happened, in any order; empty if nothing is claimed. With claims, a completion that is
        /// not among them contradicts the line.
        events: Vec<EventCode>,
    },
    /// Lets a timer of a task expire.
    Expire {
        /// The task.
        task: TaskId,
        /// Which of those of `timer_create`, if it is one.
        timer: Option<u8>,
    },
    /// A condition that must hold here.
    Probe(ExprCode),
}

/// What must have happened to one task.
#[derive(Clone, Debug)]
pub struct EventCode {
    /// The task.
    pub task: TaskId,
    /// What.
    pub what: EventWhat,
}

/// What must have happened.
#[derive(Clone, Debug)]
pub enum EventWhat {
    /// Not said.
    Any,
    /// Its call returned this.
    Returns(ExprCode),
    /// It is asleep.
    Asleep(Option<CallKind>),
    /// It exited, with this status.
    Exits(Option<u8>),
    /// A signal, this one if it is said, ended its process.
    Killed(Option<u8>),
    /// It is stopped.
    Stopped,
    /// It began to run this handler.
    Runs(u16),
}

impl ScheduleCode {
    /// The releases alone. To release a task that sleeps for a time is to wait until that is over.
    pub fn schedule(&self) -> Schedule {
        let steps = self.lines.iter().filter_map(|line| match &line.kind {
            LineCodeKind::Release { release, .. } => Some(*release),
            LineCodeKind::Expire { task, timer } => Some(Release::expire(*task, *timer)),
            _ => None,
        });
        Schedule { steps: steps.collect() }
    }
}
