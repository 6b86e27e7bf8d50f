//! Tasks that sleep and are woken: the only place where a thread of a protocol blocks, apart from locks.

use super::rt::sync::{Condvar, Mutex, MutexGuard};
use crate::concurrent::script::{Event, Story, TaskNo};
use std::sync::{
    Mutex as StdMutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// `task_struct.__state`, with what the run queue knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Run {
    /// `TASK_RUNNING`
    Running,
    /// `TASK_INTERRUPTIBLE`, still on the processor.
    Interruptible,
    /// Off the processor, until somebody wakes it.
    Asleep,
    /// Asleep when nobody was left to wake it.
    Ended,
}

/// A task. The lock stands for `pi_lock`, and for the barriers of `set_current_state` and `try_to_wake_up`.
#[derive(Debug)]
pub struct TaskState {
    run: Mutex<Run>,
    cv: Condvar,
}

/// All tasks are asleep or done, so nobody wakes anybody any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended;

/// The tasks of one execution.
///
/// Who is active, and what was done, is kept in locks of the standard library. Loom does not see those: they are neither
/// places where it interrupts nor an order between threads that the protocol has not.
#[derive(Debug)]
pub struct Tasks {
    all: Vec<TaskState>,
    active: AtomicUsize,
    story: StdMutex<Story>,
}

/// A lock, whoever panicked with it.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tasks {
    /// So many tasks, all running.
    pub fn new(tasks: usize) -> Self {
        let task = |_| TaskState { run: Mutex::new(Run::Running), cv: Condvar::new() };
        Tasks { all: (0..tasks).map(task).collect(), active: AtomicUsize::new(tasks), story: StdMutex::default() }
    }

    /// Notes what a task did.
    pub fn tell(&self, task: TaskNo, event: Event) {
        self.story.lock().unwrap_or_else(PoisonError::into_inner).push((task, event));
    }

    /// What was noted.
    pub fn story(&self) -> Story {
        std::mem::take(&mut self.story.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `set_current_state(TASK_INTERRUPTIBLE)`
    pub fn set_interruptible(&self, me: TaskNo) {
        *lock(&self.all[me].run) = Run::Interruptible;
    }

    /// `__set_current_state(TASK_RUNNING)`
    pub fn set_running(&self, me: TaskNo) {
        *lock(&self.all[me].run) = Run::Running;
    }

    /// `schedule`: sleeps, unless a wake-up was faster.
    ///
    /// # Errors
    ///
    /// [`Ended`] if everybody sleeps or is done.
    pub fn schedule(&self, me: TaskNo) -> Result<(), Ended> {
        let task = &self.all[me];
        let mut run = lock(&task.run);
        if *run == Run::Running {
            return Ok(());
        }
        *run = Run::Asleep;
        self.tell(me, Event::Sleeps);
        if self.active.fetch_sub(1, Ordering::AcqRel) == 1 {
            drop(run);
            self.end();
            return Err(Ended);
        }
        while *run == Run::Asleep {
            run = task.cv.wait(run).unwrap_or_else(PoisonError::into_inner);
        }
        if *run == Run::Ended { Err(Ended) } else { Ok(()) }
    }

    /// `try_to_wake_up`: whether the task was there to be woken.
    pub fn try_to_wake_up(&self, task: TaskNo) -> bool {
        let task = &self.all[task];
        let mut run = lock(&task.run);
        match *run {
            Run::Interruptible => *run = Run::Running,
            Run::Asleep => {
                self.active.fetch_add(1, Ordering::AcqRel);
                *run = Run::Running;
                task.cv.notify_one();
            }
            Run::Running | Run::Ended => return false,
        }
        true
    }

    /// A task has done everything.
    pub fn done(&self) {
        if self.active.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.end();
        }
    }

    /// Nobody is active: the sleepers need not wait any longer.
    fn end(&self) {
        for task in &self.all {
            let mut run = lock(&task.run);
            if *run == Run::Asleep {
                *run = Run::Ended;
                task.cv.notify_one();
            }
        }
    }
}
