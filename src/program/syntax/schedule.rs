//! Schedules: who goes next, and what that brings about.

use super::{Expr, Ident, Span, TaskRef};
use crate::kernel::VersionRange;
use serde::{Deserialize, Serialize};

/// `schedule "title" { … }`: a steered run, and what each release brings about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// Versions it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<VersionRange>,
    /// Its title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its lines.
    pub lines: Vec<Line>,
    /// Where it stands.
    #[serde(skip)]
    pub span: Span,
}

/// A line of a schedule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// What it does.
    #[serde(flatten)]
    pub kind: LineKind,
    /// Where it stands.
    #[serde(skip)]
    pub span: Span,
}

/// What a line of a schedule does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineKind {
    /// Releases the task of the first event for one call, waits until all is quiet again, and states
    /// everything that happened.
    Release {
        /// `W+`: tasks that this call wakes are held until a later line names them.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        hold: bool,
        /// What happened, the released task first.
        events: Vec<Event>,
    },
    /// Lets a task's timer expire.
    Expire {
        /// The task.
        who: TaskRef,
        /// `timer 0`: the one of `timer_create` with this id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timer: Option<u8>,
    },
    /// A condition that holds at this point.
    Probe(Expr),
}

/// What happened to one task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// The task.
    pub who: TaskRef,
    /// What happened to it.
    pub what: EventKind,
}

/// What happened to a task in a line of a schedule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// Not said.
    Any,
    /// `-> 4096`.
    Returns(Expr),
    /// `asleep in write`.
    Asleep(Option<Ident>),
    /// `exits`, `exits 3`.
    Exits(Option<Expr>),
    /// `killed`, `killed SIGTERM`.
    Killed(Option<Expr>),
    /// `stopped`.
    Stopped,
    /// `runs h`.
    Runs(Ident),
}
