//! What is recorded beside a step: the rules that applied, who was woken in which order, and, when somebody wants the story, events.

use super::{IpcSlot, PipeId, ProcessId, QueueId, QueueKind, Signal, TaskId, rules::Rule, rules::RuleSet};
use serde::Serialize;
use smallvec::SmallVec;

/// The record of one or more steps.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Rules that applied.
    pub rules: RuleSet,
    /// Tasks that became runnable, in order.
    pub woken: SmallVec<[TaskId; 4]>,
    /// The story, if it is wanted.
    pub story: Option<Vec<Event>>,
}

/// Something worth telling.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A rule applied.
    Rule(&'static str),
    /// Bytes were appended to the last slot.
    Merged {
        /// The pipe.
        pipe: PipeId,
        /// How many.
        bytes: u32,
    },
    /// A slot was filled.
    Appended {
        /// The pipe.
        pipe: PipeId,
        /// How many bytes.
        bytes: u32,
    },
    /// Bytes were taken.
    Taken {
        /// The pipe.
        pipe: PipeId,
        /// How many.
        bytes: u32,
        /// Whether the slot was freed.
        freed: bool,
    },
    /// A task went to sleep.
    Slept {
        /// The task.
        task: TaskId,
        /// On which queue, if on one.
        on: Option<Queue>,
    },
    /// A task was woken.
    Woke {
        /// The task.
        task: TaskId,
    },
    /// A wake-up that nobody slept for.
    WokeNobody {
        /// Which queue.
        on: Queue,
    },
    /// A signal became pending.
    SignalSent {
        /// For whom.
        task: TaskId,
        /// Which.
        signal: Signal,
    },
    /// A pipe and its bytes are gone.
    Freed {
        /// The pipe.
        pipe: PipeId,
    },
}

/// Where a task sleeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Queue {
    /// In a wait queue of a pipe.
    Pipe(PipeId, QueueKind),
    /// Among the receivers of a message queue.
    Receivers(IpcSlot),
    /// Among the senders of a message queue.
    Senders(IpcSlot),
    /// At a semaphore of a set, or among those who wait for several of it: this is the first that is in the way.
    Sem(IpcSlot, u16),
    /// Among the readers of signalfds of a process.
    Signalfd(ProcessId),
    /// Among the threads of a process that wait for a child.
    Children(ProcessId),
}

impl From<QueueId> for Queue {
    fn from(queue: QueueId) -> Queue {
        match queue.kind {
            QueueKind::Signalfd => Queue::Signalfd(queue.of),
            QueueKind::Wait => Queue::Children(queue.of),
            kind => Queue::Pipe(queue.of, kind),
        }
    }
}

impl Trace {
    /// A record with the story.
    pub fn telling() -> Self {
        Trace { story: Some(Vec::new()), ..Trace::default() }
    }

    /// A rule applied.
    #[inline]
    pub fn rule(&mut self, rule: Rule) {
        self.rules.insert(rule);
        if let Some(story) = &mut self.story
            && !story.contains(&Event::Rule(rule.info().id))
        {
            story.push(Event::Rule(rule.info().id));
        }
    }

    /// Something happened; `event` is evaluated only if somebody listens.
    #[inline]
    pub fn tell(&mut self, event: impl FnOnce() -> Event) {
        if let Some(story) = &mut self.story {
            story.push(event());
        }
    }
}
