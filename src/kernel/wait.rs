//! Wait queues, and the one way in which calls sleep on them.

use super::{
    Cx, QueueId, QueueKind, Step, TaskId,
    canon::{canon_enum, canon_struct},
    rules::*,
    task::RunState,
    trace::{Event, Queue},
};
use smallvec::SmallVec;

/// `wait_queue_entry`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WaitEntry {
    /// Who is woken.
    pub task: TaskId,
    /// `WQ_FLAG_EXCLUSIVE`: a wake-up of one stops here.
    pub exclusive: bool,
    /// For `poll`: only wake-ups with one of these events count, and they leave the entry where it is; 0 otherwise.
    pub key: u16,
}

/// `wait_queue_head`: entries in the order in which a wake-up meets them.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct WaitQueue {
    /// Non-exclusive ones first, newest first; then exclusive ones, oldest first.
    pub entries: SmallVec<[WaitEntry; 4]>,
}

canon_struct!(WaitEntry { task, exclusive, key });
canon_struct!(WaitQueue { entries });

/// Entries are plain numbers: copied at once, which the derived `clone` does not do.
impl Clone for WaitQueue {
    #[inline]
    fn clone(&self) -> Self {
        WaitQueue { entries: SmallVec::from_slice(&self.entries) }
    }
    #[inline]
    fn clone_from(&mut self, from: &Self) {
        self.entries.clear();
        self.entries.extend_from_slice(&from.entries);
    }
}

impl WaitQueue {
    /// The position of a task that is in the queue.
    pub fn position(&self, task: TaskId) -> Option<usize> {
        self.entries.iter().position(|e| e.task == task)
    }

    /// Takes all entries of a task out.
    pub fn remove(&mut self, task: TaskId) {
        self.entries.retain(|e| e.task != task);
    }
}

/// How many exclusive sleepers a wake-up takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WakeUp {
    /// `wake_up_interruptible`: every non-exclusive one that it meets, and one exclusive.
    One,
    /// `wake_up_interruptible_all`.
    All,
}

/// `wait_event_interruptible_exclusive`, between two sections of its caller: where the sleeper is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wait {
    /// About to test the condition, without the lock and not in the queue yet (STEP-PIPE-04, STEP-PIPE-05).
    Test,
    /// About to enter the queue (or stay in it) and to change state, under the queue's lock; a signal is noticed here.
    Prepare,
    /// In the queue, about to test the condition again.
    Recheck,
    /// Out of the queue again because of a signal, about to test the condition once more.
    Interrupted,
}

canon_enum!(Wait { 0 => Test, 1 => Prepare, 2 => Recheck, 3 => Interrupted, });

/// What one section of a wait led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Waited {
    /// It goes on; the caller passes this step on.
    Still(Step),
    /// The condition holds.
    Ready,
    /// A signal came first.
    Signal,
}

impl Wait {
    /// One section of an exclusive wait.
    #[inline]
    pub fn step(&mut self, cx: &mut Cx, queue: QueueId, ready: impl Fn(&Cx) -> bool) -> Waited {
        self.step_as(cx, queue, true, ready)
    }

    /// One section of a wait that is exclusive or (`wait_event_interruptible`) is not.
    #[inline]
    pub fn step_as(&mut self, cx: &mut Cx, queue: QueueId, exclusive: bool, ready: impl Fn(&Cx) -> bool) -> Waited {
        match self {
            Wait::Test if ready(cx) => return Waited::Ready,
            Wait::Test => *self = Wait::Prepare,
            Wait::Prepare if cx.signal_pending() => {
                cx.trace.rule(PIPE_K_08);
                cx.leave(queue);
                *self = Wait::Interrupted;
            }
            Wait::Prepare => {
                cx.enqueue(queue, WaitEntry { task: cx.me, exclusive, key: 0 });
                *self = Wait::Recheck;
            }
            Wait::Recheck if ready(cx) => {
                cx.leave(queue);
                return Waited::Ready;
            }
            Wait::Recheck => {
                *self = Wait::Prepare;
                return Waited::Still(cx.schedule(Some(queue.into())));
            }
            Wait::Interrupted => {
                let ready = ready(cx);
                cx.k.task_mut(cx.me).state = RunState::Running;
                return if ready { Waited::Ready } else { Waited::Signal };
            }
        }
        Waited::Still(Step::Preempted)
    }
}

impl Cx<'_> {
    /// Whether the caller has a signal to attend to.
    pub fn signal_pending(&self) -> bool {
        self.k.task(self.me).signal_pending()
    }

    /// `prepare_to_wait`: enters the queue, if it isn't in it, and makes the caller interruptible.
    pub fn enqueue(&mut self, queue: QueueId, entry: WaitEntry) {
        if self.k.queue(queue).position(entry.task).is_none() || entry.key != 0 {
            let entries = &mut self.k.queue_mut(queue).entries;
            if entry.exclusive { entries.push(entry) } else { entries.insert(0, entry) }
        }
        if entry.key == 0 {
            self.k.task_mut(self.me).state = RunState::Interruptible;
        }
    }

    /// `finish_wait`: out of the queue, running.
    pub fn leave(&mut self, queue: QueueId) {
        if self.k.queue(queue).position(self.me).is_some() {
            self.k.queue_mut(queue).remove(self.me);
        }
        if self.k.task(self.me).state != RunState::Running {
            self.k.task_mut(self.me).state = RunState::Running;
        }
    }

    /// `schedule`: sleeps, unless a wake-up was faster.
    pub fn schedule(&mut self, on: Option<Queue>) -> Step {
        let me = self.me;
        if self.k.task(me).state == RunState::Running {
            return Step::Preempted;
        }
        // signal_pending_state: nobody goes to sleep with a signal to attend to.
        if self.signal_pending() {
            self.k.task_mut(me).state = RunState::Running;
            return Step::Preempted;
        }
        self.k.task_mut(me).asleep = true;
        self.trace.tell(|| Event::Slept { task: me, on });
        Step::Slept
    }

    /// `try_to_wake_up`: whether the task was there to be woken.
    pub fn try_to_wake_up(&mut self, task: TaskId) -> bool {
        if self.k.task(task).state != RunState::Interruptible {
            return false;
        }
        let woken = self.k.task_mut(task);
        woken.state = RunState::Running;
        if std::mem::take(&mut woken.asleep) {
            self.trace.woken.push(task);
        }
        self.trace.tell(|| Event::Woke { task });
        true
    }

    /// `__wake_up_common` with the events `key`.
    #[inline]
    pub fn wake_up(&mut self, queue: QueueId, how: WakeUp, key: u16) {
        if !self.k.queue(queue).entries.is_empty() {
            self.wake_entries(queue, how, key);
        } else {
            self.trace.tell(|| Event::WokeNobody { on: queue.into() });
        }
    }

    fn wake_entries(&mut self, queue: QueueId, how: WakeUp, key: u16) {
        let mut i = 0;
        while let Some(&entry) = self.k.queue(queue).entries.get(i) {
            i += 1;
            if entry.key != 0 {
                if key == 0 || entry.key & key != 0 {
                    super::poll::triggered(self, entry.task);
                    self.try_to_wake_up(entry.task);
                }
                continue;
            }
            if !self.try_to_wake_up(entry.task) {
                continue;
            }
            // default_wake_function: who reads a signalfd leaves the queue itself.
            if queue.kind == QueueKind::Signalfd {
                continue;
            }
            // autoremove_wake_function
            i -= 1;
            self.k.queue_mut(queue).entries.remove(i);
            if entry.exclusive && how == WakeUp::One {
                self.trace.rule(PIPE_K_03);
                break;
            }
        }
    }
}
