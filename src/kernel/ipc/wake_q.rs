//! `wake_q`: who is woken after the lock is dropped.

use super::super::{Cx, TaskId, canon::canon_struct};
use smallvec::SmallVec;

/// `wake_q_head`: tasks in the order in which they will be woken.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WakeQ {
    tasks: SmallVec<[TaskId; 4]>,
}

canon_struct!(WakeQ { tasks });

impl WakeQ {
    /// `wake_q_add`: a task that is in already is not added again.
    pub fn add(&mut self, task: TaskId) {
        if !self.tasks.contains(&task) {
            self.tasks.push(task);
        }
    }

    /// Whether nobody is left.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

impl Cx<'_> {
    /// One turn of `wake_up_q`: others can run between any two. Whether somebody is left.
    #[inline]
    pub(in super::super) fn wake_up_one(&mut self, wake_q: &mut WakeQ) -> bool {
        if !wake_q.is_empty() {
            let task = wake_q.tasks.remove(0);
            self.try_to_wake_up(task);
        }
        !wake_q.is_empty()
    }
}
