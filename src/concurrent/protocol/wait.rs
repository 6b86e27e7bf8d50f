//! Wait queues: `prepare_to_wait_event`, `finish_wait`, `__wake_up_common`.

use super::{
    rt::sync::Mutex,
    task::{Ended, Tasks, lock},
};
use crate::concurrent::script::{Event, Queue, TaskNo};

/// `wait_queue_head`
#[derive(Debug)]
pub struct WaitQueue {
    name: Queue,
    /// Under the queue's own lock: who waits, and whether exclusively.
    entries: Mutex<Vec<(TaskNo, bool)>>,
}

/// How many exclusive sleepers a wake-up takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WakeUp {
    /// `wake_up_interruptible`
    One,
    /// `wake_up_interruptible_all`
    All,
}

impl WaitQueue {
    /// An empty queue.
    pub fn new(name: Queue) -> Self {
        WaitQueue { name, entries: Mutex::new(Vec::new()) }
    }

    /// `spin_lock_irq(&queue->lock)` around something.
    pub fn locked<T>(&self, f: impl FnOnce() -> T) -> T {
        let _guard = lock(&self.entries);
        f()
    }

    /// `prepare_to_wait_event`: enters the queue, if it isn't in it, and makes the caller interruptible, in one.
    pub fn prepare_to_wait(&self, tasks: &Tasks, me: TaskNo, exclusive: bool) {
        let mut entries = lock(&self.entries);
        if !entries.iter().any(|&(task, _)| task == me) {
            let place = if exclusive { entries.len() } else { 0 };
            entries.insert(place, (me, exclusive));
        }
        tasks.set_interruptible(me);
        tasks.tell(me, Event::Enters(self.name));
    }

    /// `finish_wait`. (The kernel looks without the lock first whether the caller is still in the queue; that only saves time.)
    pub fn finish_wait(&self, tasks: &Tasks, me: TaskNo) {
        tasks.set_running(me);
        let mut entries = lock(&self.entries);
        if entries.iter().any(|&(task, _)| task == me) {
            entries.retain(|&(task, _)| task != me);
            tasks.tell(me, Event::Leaves(self.name));
        }
    }

    /// `___wait_event`: sleeps until `ready`, which is called without any lock.
    pub fn wait_event(
        &self,
        tasks: &Tasks,
        me: TaskNo,
        exclusive: bool,
        ready: impl Fn() -> bool,
    ) -> Result<(), Ended> {
        if ready() {
            return Ok(());
        }
        loop {
            self.prepare_to_wait(tasks, me, exclusive);
            if ready() {
                break;
            }
            tasks.schedule(me)?;
        }
        self.finish_wait(tasks, me);
        Ok(())
    }

    /// `__wake_up_common` with `autoremove_wake_function`.
    pub fn wake_up(&self, tasks: &Tasks, me: TaskNo, how: WakeUp) {
        let mut entries = lock(&self.entries);
        let mut nobody = true;
        let mut i = 0;
        while let Some(&(task, exclusive)) = entries.get(i) {
            if !tasks.try_to_wake_up(task) {
                i += 1;
                continue;
            }
            entries.remove(i);
            nobody = false;
            tasks.tell(me, Event::Wakes(self.name, task));
            if exclusive && how == WakeUp::One {
                break;
            }
        }
        if nobody {
            tasks.tell(me, Event::WakesNobody(self.name));
        }
    }
}
