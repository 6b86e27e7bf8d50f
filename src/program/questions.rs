//! What others want to know of a program before they run it.

use super::*;
use crate::kernel::{
    Call, CallKind, MsgCall, MsgCtl, ProcessId, SemCall, SemCtl, ShmCall, ShmCtl, TaskId,
    signal::{task_of, tid_of},
};

impl Compiled {
    /// Whether it uses System V IPC.
    pub fn uses_ipc(&self) -> bool {
        let declared = self.objects.iter().any(|object| object.kind.ipc().is_some());
        declared || self.has_call(|call| call.kind().is_ipc())
    }

    /// Whether one of its calls is such a one.
    fn has_call(&self, wanted: impl Fn(&CallCode) -> bool) -> bool {
        let mut instrs = self.tasks.iter().flat_map(|task| &task.code.instrs);
        instrs.any(|instr| matches!(instr, Instr::Call { call, .. } if wanted(call)))
    }

    /// Whether each of its free runs needs an IPC namespace, mappings and an order of attaches of its own: the kernel's answers tell
    /// of whatever else there is.
    pub fn needs_fresh_memory(&self) -> bool {
        let attached = self.processes.iter().any(|process| !process.attached.is_empty());
        use CallKind::{Shmat, Shmctl, Shmdt, Shmget};
        let calls = self.has_call(|call| matches!(call.kind(), Shmget | Shmat | Shmdt | Shmctl));
        calls || attached && (self.init.is_some() || self.looks_at_pids())
    }

    /// Whether it can tell which other System V objects there are: by the numbers of ids, by index, or by totals. Then no other
    /// may be there.
    pub fn looks_at_namespace(&self) -> bool {
        let mut looks = false;
        for e in self.outside_conditions() {
            e.visit(&mut |e| looks |= matches!(e, ExprCode::Object { field: ObjectField::Id, .. }));
        }
        let wide = |call: &CallCode| match call {
            CallCode::Known(Call::Msg(MsgCall::Ctl { cmd, .. })) => {
                !matches!(cmd, MsgCtl::Rmid | MsgCtl::Set { .. } | MsgCtl::Stat)
            }
            CallCode::Known(Call::Sem(SemCall::Ctl { cmd, .. })) => {
                matches!(cmd, SemCtl::Info | SemCtl::SemInfo | SemCtl::SemStat | SemCtl::SemStatAny)
            }
            CallCode::Known(_) => call.kind().returns_id(),
            CallCode::Computed { signature, .. } => {
                signature.kind.returns_id() || matches!(signature.kind, CallKind::Msgctl | CallKind::Semctl)
            }
        };
        looks || self.has_call(wide)
    }

    /// Whether it has processes of several users, or gives objects to others than the owner of the test.
    pub fn has_users(&self) -> bool {
        let gives = |call: &CallCode| {
            let set = match call {
                CallCode::Known(Call::Msg(MsgCall::Ctl { cmd: MsgCtl::Set { set, .. }, .. })) => set,
                CallCode::Known(Call::Sem(SemCall::Ctl { cmd: SemCtl::Set(set), .. })) => set,
                CallCode::Known(Call::Shm(ShmCall::Ctl { cmd: ShmCtl::Set(set), .. })) => set,
                _ => return false,
            };
            set.uid > 0 || set.gid > 0
        };
        self.processes.iter().any(|process| process.user > 0) || self.has_call(gives)
    }

    /// Whether a condition or a `msgctl` looks at the last users of System V objects.
    pub fn looks_at_pids(&self) -> bool {
        let mut looks = false;
        for e in self.outside_conditions() {
            e.visit(&mut |e| {
                looks |= matches!(e, ExprCode::Object { field, .. } | ExprCode::Sem { field, .. } if field.is_pid());
            });
        }
        let asks = |call: &CallCode| match call {
            CallCode::Known(Call::Sem(SemCall::Ctl { cmd, .. })) => matches!(cmd, SemCtl::GetPid(_)),
            call => matches!(call.kind(), CallKind::Msgctl | CallKind::Semctl | CallKind::Shmctl),
        };
        looks || self.has_call(asks)
    }

    /// The id of a process as programs know it.
    pub fn pid(&self, process: ProcessId) -> i32 {
        self.processes[process as usize].threads.first().map_or(0, |&leader| tid_of(leader))
    }

    /// The thread with this id.
    pub fn task_by_tid(&self, tid: i32) -> Option<TaskId> {
        task_of(tid).filter(|&task| usize::from(task) < self.tasks.len())
    }

    /// Whether any of its calls has to do with signals: otherwise nobody can see them.
    pub fn uses_signals(&self) -> bool {
        self.has_call(|call| call.kind().is_about_signals())
    }

    /// Whether it makes signalfds, so that what a read copies may be signals.
    pub fn uses_signalfd(&self) -> bool {
        self.has_call(|call| call.kind() == CallKind::Signalfd)
    }

    /// Whether it arms timers that go off whatever its tasks do. Free runs would end before them, or have to wait for them.
    pub fn uses_alarms(&self) -> bool {
        use CallKind::{Alarm, Setitimer, TimerSettime};
        self.has_call(|call| matches!(call.kind(), Alarm | Setitimer | TimerSettime))
    }

    /// Whether it arms timers of `timer_create`.
    pub fn arms_timers(&self) -> bool {
        self.has_call(|call| call.kind() == CallKind::TimerSettime)
    }

    /// Whether it may wait for whichever child it is.
    pub fn waits_for_any(&self) -> bool {
        self.has_call(|call| match call {
            CallCode::Known(Call::Waitpid { pid, .. }) => *pid <= 0,
            call => call.kind() == CallKind::Waitpid,
        })
    }

    /// Whether it may send signals to several processes at once.
    pub fn signals_groups(&self) -> bool {
        self.has_call(|call| match call {
            CallCode::Known(Call::Kill { pid, .. }) => *pid <= 0,
            call => call.kind() == CallKind::Kill,
        })
    }

    /// Whether signals may choose among threads of a forked process. A real one gets its threads one after the other, so that free
    /// runs would show signals that come before some of them are there.
    pub fn forks_threads_with_signals(&self) -> bool {
        let forked = |process: &ProcessInfo| process.parent.is_some() && process.threads.len() > 1;
        self.uses_signals() && self.processes.iter().any(forked)
    }

    /// The task called `name` (`W`, `worker[1]`).
    pub fn task_by_name(&self, name: &str) -> Option<TaskId> {
        self.tasks.iter().position(|t| t.name == name).map(|i| i as TaskId)
    }

    /// The call that a task would make at instruction `pc`, if there is a call there.
    pub fn call_at(&self, task: TaskId, pc: u32) -> Option<&CallCode> {
        match self.tasks[task as usize].code.instrs.get(pc as usize) {
            Some(Instr::Call { call, .. }) => Some(call),
            _ => None,
        }
    }
}
