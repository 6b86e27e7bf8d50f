//! Semaphore sets.
//!
//! A call that cannot be done at once waits in the queues of its set, and whoever changes a value does the operations of all
//! waiters that can go on now, on their behalf, before it wakes them.

mod attempt;
mod call;
mod count;
mod ctl;
mod queue;
mod semop;
mod undo;
mod update;
mod update_v3;

pub use call::{INFO_FIELDS, STAT_FIELDS, SemBuf, SemCall, SemCtl, SemFlags, SemTimeout, Sops};
pub use ctl::SemCtlCall;
pub use semop::{SemTimedOp, Status};
pub use undo::SemUndo;
pub(in crate::kernel) use undo::SemUndoList;

use super::super::{
    Cx, Errno, Frame, InCall, Kernel, ProcessId, Return, Step, TaskId,
    canon::{Canon, get, put},
    footprint::{Access, ObjId},
    rules::*,
    syscall::{Entered, fails},
};
use super::{IpcFlags, IpcKey, IpcKind, IpcOps, IpcSlot, KernIpcPerm, Pid, WakeQ};
use smallvec::SmallVec;

/// `SEMVMX`: the largest value of a semaphore.
pub const SEMVMX: i32 = 32_767;
/// `SEMAEM`: the largest adjustment at exit; the smallest is one below its negative.
pub const SEMAEM: i32 = 32_767;

/// Waiters, first come first; the record of each is its frame.
pub type Pending = SmallVec<[TaskId; 8]>;

/// `sem`: one semaphore of a set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sem {
    /// Its value, at most [`SEMVMX`].
    pub semval: u16,
    /// Who changed it last.
    pub sempid: Pid,
    /// `pending_alter`: calls of one operation that want to change it. Before v3.11 `sem_pending`: all calls of one operation,
    /// those that wait for zero first, the newest of them first.
    pub pending_alter: Pending,
    /// `pending_const`: calls of one operation that wait for it to become zero.
    pub pending_const: Pending,
    /// `sem_otime`: whether there was an operation that names this semaphore first.
    pub sem_otime: bool,
}

/// `sem_array`: a set.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct SemArray {
    /// Id, key, owner, permissions.
    pub sem_perm: KernIpcPerm,
    /// Its semaphores.
    pub sems: Vec<Sem>,
    /// `pending_alter`: while a call of several operations waits, everybody who wants to change something. Before v3.11
    /// `sem_pending`: everybody who waits, those that change nothing first, the newest of them first.
    pub pending_alter: Pending,
    /// `pending_const`: calls of several operations that change nothing.
    pub pending_const: Pending,
    /// How many calls of several operations wait.
    pub complex_count: u16,
    /// `list_id`: the processes that have adjustments to this set, the newest first.
    pub list_id: SmallVec<[ProcessId; 4]>,
}

/// Keeps the allocations of the old value.
impl Clone for SemArray {
    fn clone(&self) -> Self {
        let mut copy = SemArray::default();
        copy.clone_from(self);
        copy
    }
    #[inline]
    fn clone_from(&mut self, from: &Self) {
        let SemArray { sem_perm, sems, pending_alter, pending_const, complex_count, list_id } = self;
        sem_perm.clone_from(&from.sem_perm);
        sems.clone_from(&from.sems);
        copy_small(pending_alter, &from.pending_alter);
        copy_small(pending_const, &from.pending_const);
        *complex_count = from.complex_count;
        copy_small(list_id, &from.list_id);
    }
}

fn copy_small<const N: usize>(to: &mut SmallVec<[u16; N]>, from: &SmallVec<[u16; N]>)
where
    [u16; N]: smallvec::Array<Item = u16>,
{
    to.clear();
    to.extend_from_slice(from);
}

/// Which semaphore has the time of the last operation makes no difference: only the latest can be seen. A semaphore with
/// nobody waiting, as most are, is two numbers.
impl Canon for SemArray {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        let SemArray { sem_perm, sems, pending_alter, pending_const, complex_count, list_id } = self;
        if !sem_perm.valid {
            return out.push(0);
        }
        put(out, (sems.len() as u64) << 1 | u64::from(self.sem_otime()));
        sem_perm.encode(out);
        for sem in sems {
            let waited_for = !sem.pending_alter.is_empty() || !sem.pending_const.is_empty();
            put(out, u64::from(sem.semval) << 1 | u64::from(waited_for));
            sem.sempid.encode(out);
            if waited_for {
                sem.pending_alter.encode(out);
                sem.pending_const.encode(out);
            }
        }
        pending_alter.encode(out);
        pending_const.encode(out);
        complex_count.encode(out);
        list_id.encode(out);
    }

    #[inline]
    fn decode(input: &mut &[u8]) -> Self {
        let head = get(input);
        if head == 0 {
            return SemArray::default();
        }
        let sem_perm = KernIpcPerm::decode(input);
        let mut sems: Vec<Sem> = (0..head >> 1)
            .map(|_| {
                let value = get(input);
                let sem = Sem { semval: (value >> 1) as u16, sempid: Pid::decode(input), ..Sem::default() };
                if value & 1 == 0 {
                    return sem;
                }
                Sem { pending_alter: Pending::decode(input), pending_const: Pending::decode(input), ..sem }
            })
            .collect();
        if let Some(first) = sems.first_mut() {
            first.sem_otime = head & 1 == 1;
        }
        SemArray {
            sem_perm,
            sems,
            pending_alter: Pending::decode(input),
            pending_const: Pending::decode(input),
            complex_count: u16::decode(input),
            list_id: Canon::decode(input),
        }
    }
}

impl SemArray {
    /// `get_semotime`: whether there ever was an operation.
    pub fn sem_otime(&self) -> bool {
        self.sems.iter().any(|sem| sem.sem_otime)
    }

    /// `sem_nsems`
    pub fn nsems(&self) -> usize {
        self.sems.len()
    }

    /// Everybody who waits, in the order in which a removal of the set wakes them. Before v3.11 a call of one operation
    /// stands in two lists.
    pub fn waiters(&self) -> Vec<TaskId> {
        let of_sems = self.sems.iter().flat_map(|sem| sem.pending_const.iter().chain(&sem.pending_alter));
        let mut all: Vec<TaskId> = Vec::new();
        for &task in self.pending_const.iter().chain(&self.pending_alter).chain(of_sems) {
            if !all.contains(&task) {
                all.push(task);
            }
        }
        all
    }
}

/// A declared set, made by the owner of the test: somebody who is no task of it has set its values, if there are any.
///
/// # Errors
///
/// Those of `semget`.
pub fn make(cx: &mut Cx, key: IpcKey, flags: IpcFlags, nsems: u32, values: &[u16]) -> Result<i32, Errno> {
    let key = cx.ipc_key(key);
    if nsems > cx.env.limits.semmsl {
        return Err(Errno::EINVAL);
    }
    let id = cx.ipcget(&SemOps { nsems: nsems as i32 }, key, flags)?;
    let slot = cx.ipc_obtain(IpcKind::Sem, id)?;
    let pid = if cx.env.observe.pids { Pid::STRANGER } else { Pid::NOBODY };
    let keeps_pid = cx.env.quirks.has(super::super::Quirk::SemSetallKeepsPid);
    let set = cx.k.sem_array_mut(slot);
    let perm = &mut set.sem_perm;
    (perm.uid, perm.gid, perm.cuid, perm.cgid) = (0, 0, 0, 0);
    for (sem, &value) in set.sems.iter_mut().zip(values) {
        sem.semval = value;
        if !keeps_pid {
            sem.sempid = pid;
        }
    }
    Ok(id)
}

/// What `semget` does in its own way.
struct SemOps {
    nsems: i32,
}

impl IpcOps for SemOps {
    const KIND: IpcKind = IpcKind::Sem;

    fn limit(&self, cx: &Cx) -> u32 {
        cx.env.limits.semmni
    }

    /// `sem_more_checks`
    fn more_checks(&self, cx: &mut Cx, slot: IpcSlot) -> Result<(), Errno> {
        cx.trace.rule(SEM_G_03);
        if self.nsems as usize > cx.k.sem_array(slot).nsems() { Err(Errno::EINVAL) } else { Ok(()) }
    }

    fn may_make(&self, cx: &mut Cx) -> Result<(), Errno> {
        cx.trace.rule(SEM_G_02);
        if self.nsems == 0 {
            return Err(Errno::EINVAL);
        }
        let used = cx.k.used_sems() as u64;
        if used + self.nsems as u64 > cx.env.limits.semmns.into() { Err(Errno::ENOSPC) } else { Ok(()) }
    }

    /// `newary`
    fn getnew(&self, cx: &mut Cx, sem_perm: KernIpcPerm) -> IpcSlot {
        let sems = vec![Sem::default(); self.nsems as usize];
        cx.k.install_sem_array(SemArray { sem_perm, sems, ..SemArray::default() })
    }
}

impl Cx<'_> {
    /// Into a call on semaphore sets.
    #[inline]
    pub(in crate::kernel) fn enter_sem(&mut self, call: SemCall) -> Entered {
        match call {
            SemCall::Op { id, sops, nsops, timeout } => {
                let id = self.ipc_id(id);
                let call = SemTimedOp::new(self, id, sops, nsops, timeout).map_err(fails)?;
                Ok(Frame { call: Some(InCall::SemTimedOp(Box::new(call))), fput: None })
            }
            SemCall::Get { key, nsems, flags } => {
                self.trace.rule(SEM_G_01);
                if nsems < 0 || i64::from(nsems) > self.env.limits.semmsl.into() {
                    return Err(fails(Errno::EINVAL));
                }
                let key = self.ipc_key(key);
                let id = self.ipcget(&SemOps { nsems }, key, flags).map_err(fails)?;
                Err(Step::Returned(Return::value(id.into())))
            }
            SemCall::Ctl { id, cmd, null } => {
                let id = self.ipc_id(id);
                let call = SemCtlCall::new(self, id, cmd, null).map_err(fails)?;
                Ok(Frame { call: Some(InCall::SemCtl(Box::new(call))), fput: None })
            }
        }
    }

    /// One turn of the waking after the lock was dropped. Whether somebody is left.
    pub(in crate::kernel) fn wake_up_sem(&mut self, wake_q: &mut WakeQ) -> bool {
        if self.env.quirks.has(super::super::Quirk::SemTwoStageWakeup)
            && let Some(task) = wake_q.first()
            && let Some(queue) = self.k.sem_queue_mut(task)
            && let Status::InWakeup(result) = queue.status
        {
            // It may leave only now: until then it turns round and round.
            queue.status = Status::Done(result);
        }
        self.wake_up_one(wake_q)
    }
}

impl Kernel {
    /// Reads ids, permissions and the queues of a whole set.
    #[inline]
    pub fn sem_array(&self, slot: IpcSlot) -> &SemArray {
        self.footprint.note(ObjId::SemArray(slot), Access::Read);
        &self.sem_arrays[slot.into()]
    }

    /// Writes ids, permissions and the queues of a whole set.
    #[inline]
    pub fn sem_array_mut(&mut self, slot: IpcSlot) -> &mut SemArray {
        self.footprint.note(ObjId::SemArray(slot), Access::Write);
        self.sem_arrays.write(slot.into())
    }

    /// Reads a semaphore with its own queues.
    #[inline]
    pub fn sem(&self, slot: IpcSlot, semnum: u16) -> &Sem {
        self.footprint.note(ObjId::Sem(slot, semnum), Access::Read);
        &self.sem_arrays[slot.into()].sems[usize::from(semnum)]
    }

    /// Writes a semaphore with its own queues.
    #[inline]
    pub fn sem_mut(&mut self, slot: IpcSlot, semnum: u16) -> &mut Sem {
        self.footprint.note(ObjId::Sem(slot, semnum), Access::Write);
        &mut self.sem_arrays.write(slot.into()).sems[usize::from(semnum)]
    }

    /// All sets, with their places.
    pub fn sem_sets(&self) -> impl Iterator<Item = (IpcSlot, &SemArray)> {
        self.sem_arrays.iter().enumerate().filter(|(_, set)| set.sem_perm.valid).map(|(i, set)| (i as IpcSlot, set))
    }

    /// `used_sems`: semaphores in all sets.
    fn used_sems(&self) -> usize {
        self.sem_sets().map(|(_, set)| set.nsems()).sum()
    }

    /// Puts a set into the lowest place that nothing uses: neither a set nor somebody who has not left a removed one.
    fn install_sem_array(&mut self, set: SemArray) -> IpcSlot {
        self.footprint.note(ObjId::Allocation, Access::Write);
        let used = |slot: usize| {
            self.sem_arrays[slot].sem_perm.valid
                || self.tasks().any(|(_, task)| match &task.frame.call {
                    Some(InCall::SemTimedOp(call)) => usize::from(call.slot) == slot,
                    Some(InCall::SemCtl(call)) => usize::from(call.slot) == slot,
                    _ => false,
                })
        };
        let slot = match (0..self.sem_arrays.len()).find(|&slot| !used(slot)) {
            Some(slot) => {
                *self.sem_arrays.write(slot) = set;
                slot
            }
            None => self.sem_arrays.push(set),
        };
        slot as IpcSlot
    }

    /// `sem_queue`: the record of a waiter, if the task is one.
    #[inline]
    pub fn sem_queue(&self, task: TaskId) -> Option<&SemTimedOp> {
        match &self.task(task).frame.call {
            Some(InCall::SemTimedOp(call)) => Some(call),
            _ => None,
        }
    }

    fn sem_queue_mut(&mut self, task: TaskId) -> Option<&mut SemTimedOp> {
        match &mut self.task_mut(task).frame.call {
            Some(InCall::SemTimedOp(call)) => Some(call),
            _ => None,
        }
    }

    /// What must always hold of semaphore sets.
    pub(in crate::kernel) fn sem_invariants(&self) -> Result<(), String> {
        for (slot, set) in self.sem_arrays.iter().enumerate() {
            let fail = |what: String| Err(format!("semaphore set {slot}: {what}"));
            if let Some(i) = set.sems.iter().position(|sem| i32::from(sem.semval) > SEMVMX) {
                return fail(format!("the value of {i} is {}", set.sems[i].semval));
            }
            let mut complex = 0;
            for task in set.waiters() {
                match self.tasks().nth(task.into()).map(|(_, task)| &task.frame.call) {
                    Some(Some(InCall::SemTimedOp(q))) if usize::from(q.slot) == slot && q.status == Status::Waiting => {
                        complex += u16::from(q.sops.len() > 1);
                    }
                    _ => return fail(format!("task {task} is in a queue and does not wait")),
                }
            }
            if complex != set.complex_count {
                return fail(format!("{complex} calls of several operations wait, {} are counted", set.complex_count));
            }
            for &process in &set.list_id {
                if !self.has_undo(process, slot as IpcSlot) {
                    return fail(format!("process {process} has no adjustments to it"));
                }
            }
        }
        Ok(())
    }
}
