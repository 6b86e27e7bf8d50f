//! `semop` and `semtimedop`.

use super::super::super::{
    CallKind, Cx, Errno, Kernel, Quirk, Return, RunState, Step, WaitsFor,
    canon::{Canon, canon_enum, canon_flags, canon_struct, get, put},
    rules::*,
    trace::Queue,
};
use super::super::{IpcKind, IpcSlot, S_IRUGO, S_IWUGO, WakeQ};
use super::attempt::Attempt;
use super::{SEMVMX, SemBuf, SemFlags, SemTimeout, Sops};

/// `__do_semtimedop`; while it waits this is the `sem_queue`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SemTimedOp {
    /// Where it is.
    pub at: At,
    /// The set's id.
    pub id: i32,
    /// Where the set is, once it was found.
    pub slot: IpcSlot,
    /// The operations.
    pub sops: Sops,
    /// Some of them are taken back at exit.
    pub undos: bool,
    /// Some of them change something.
    pub alter: bool,
    /// How long it sleeps at most.
    pub timeout: SemTimeout,
    /// That time is over.
    pub timed_out: bool,
    /// `blocking`: position of the operation that could not be done when it was last tried.
    pub blocking: u16,
    /// `status`: whether somebody has done the operations meanwhile.
    pub status: Status,
    /// Who is woken after the lock is dropped.
    pub wake_q: WakeQ,
}

/// `sem_queue.status`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// `-EINTR`: nobody has.
    Waiting,
    /// `IN_WAKEUP`: it has a result, which it may not take before it was woken. Before v4.10.
    InWakeup(Result<(), Errno>),
    /// The result.
    Done(Result<(), Errno>),
}

/// The places of a `semtimedop` where others can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum At {
    /// About to look whether the process has adjustments to the set.
    FindUndo,
    /// It has none, and the set is there: about to take the lock to make some.
    AllocUndo,
    /// About to look for the set.
    Lookup,
    /// Set found and permissions looked at, without the lock: about to take it.
    Locked,
    /// In the queues, lock dropped: about to sleep.
    Schedule,
    /// Woken: about to look at the status, without the lock (STEP-SEM-04).
    Woken,
    /// Nobody has done the operations: about to take the lock and to look again.
    Relock,
    /// Done, lock dropped: about to wake those who can go on.
    WakeUp,
}

canon_enum!(At {
    0 => FindUndo, 1 => AllocUndo, 2 => Lookup, 3 => Locked, 4 => Schedule, 5 => Woken, 6 => Relock, 7 => WakeUp,
});
canon_flags!(SemFlags);
canon_struct!(SemTimedOp { at, id, slot, sops, undos, alter, timeout, timed_out, blocking, status, wake_q });

/// What most have, no flags and a step of one, is three bytes.
impl Canon for SemBuf {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.sem_num.into());
        i64::from(self.sem_op).encode(out);
        self.sem_flg.encode(out);
    }
    #[inline]
    fn decode(input: &mut &[u8]) -> Self {
        let (sem_num, sem_op) = (get(input) as u16, i64::decode(input) as i16);
        SemBuf { sem_num, sem_op, sem_flg: SemFlags::decode(input) }
    }
}

/// Once it is armed, how long a timer runs makes no difference.
impl Canon for SemTimeout {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            SemTimeout::Never | SemTimeout::Fault => out.push(0),
            SemTimeout::After(0) => out.push(1),
            SemTimeout::After(_) => out.push(2),
            SemTimeout::Null => out.push(3),
        }
    }
    fn decode(input: &mut &[u8]) -> Self {
        match get(input) {
            0 => SemTimeout::Never,
            1 => SemTimeout::After(0),
            3 => SemTimeout::Null,
            _ => SemTimeout::After(1),
        }
    }
}

impl Canon for Status {
    fn encode(&self, out: &mut Vec<u8>) {
        let (tag, result) = match self {
            Status::Waiting => return out.push(0),
            Status::InWakeup(result) => (1, result),
            Status::Done(result) => (2, result),
        };
        out.push(tag);
        result.err().encode(out);
    }
    fn decode(input: &mut &[u8]) -> Self {
        let tag = get(input);
        if tag == 0 {
            return Status::Waiting;
        }
        let result = Option::decode(input).map_or(Ok(()), Err);
        if tag == 1 { Status::InWakeup(result) } else { Status::Done(result) }
    }
}

fn returned(result: Result<(), Errno>) -> Step {
    Step::Returned(match result {
        Ok(()) => Return::value(0),
        Err(errno) => errno.into(),
    })
}

impl SemTimedOp {
    /// Everything that is looked at before the set.
    #[inline]
    pub fn new(cx: &mut Cx, id: i32, sops: Sops, nsops: u32, timeout: SemTimeout) -> Result<Self, Errno> {
        let old = cx.env.quirks.has(Quirk::SemopIdFirst);
        let (semopm, short) = (cx.env.limits.semopm, nsops as usize > sops.len());
        let timeout_unread = timeout == SemTimeout::Fault;
        let none = nsops < 1;
        let refusals: [(bool, Errno); 6] = if old {
            [
                (none || id < 0, Errno::EINVAL),
                (nsops > semopm, Errno::E2BIG),
                (short, Errno::EFAULT),
                (timeout_unread, Errno::EFAULT),
                (matches!(timeout, SemTimeout::After(..0)), Errno::EINVAL),
                (false, Errno::EINVAL),
            ]
        } else {
            [
                (timeout_unread, Errno::EFAULT),
                (nsops > semopm, Errno::E2BIG),
                (none, Errno::EINVAL),
                (short, Errno::EFAULT),
                (id < 0, Errno::EINVAL),
                (matches!(timeout, SemTimeout::After(..0)), Errno::EINVAL),
            ]
        };
        if let Some(&(_, errno)) = refusals.iter().find(|(refused, _)| *refused) {
            cx.trace.rule(if old { SEM_E_01 } else { SEM_E_02 });
            return Err(errno);
        }
        let mut sops = sops;
        sops.truncate(nsops as usize);
        let kept = SemFlags::IPC_NOWAIT | SemFlags::SEM_UNDO;
        sops.iter_mut().for_each(|sop| sop.sem_flg &= kept);
        let undos = sops.iter().any(|sop| sop.undo());
        Ok(SemTimedOp {
            at: if undos { At::FindUndo } else { At::Lookup },
            id,
            slot: 0,
            alter: sops.iter().any(|sop| sop.sem_op != 0),
            sops,
            undos,
            timeout,
            timed_out: false,
            blocking: 0,
            status: Status::Waiting,
            wake_q: WakeQ::default(),
        })
    }

    /// One section.
    #[inline]
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        match self.at {
            At::FindUndo => match cx.ipc_obtain(IpcKind::Sem, self.id) {
                Err(errno) => return returned(Err(errno)),
                Ok(slot) => {
                    self.slot = slot;
                    self.at = if cx.find_undo(slot) { At::Lookup } else { At::AllocUndo };
                }
            },
            At::AllocUndo => {
                if let Err(errno) = cx.ipc_valid_object(IpcKind::Sem, self.slot) {
                    return returned(Err(errno));
                }
                cx.alloc_undo(self.slot);
                cx.sem_unlock(self.slot);
                self.at = At::Lookup;
            }
            At::Lookup => {
                if let Err(errno) = self.lookup(cx) {
                    return returned(Err(errno));
                }
                self.at = At::Locked;
                if cx.env.quirks.has(Quirk::IpcLookupLocks) {
                    return self.locked(cx);
                }
            }
            At::Locked => return self.locked(cx),
            At::Schedule => return self.schedule(cx),
            At::Woken => {
                cx.k.task_mut(cx.me).state = RunState::Running;
                if let Status::Done(result) = self.status {
                    return self.completed(cx, result);
                }
                self.at = At::Relock;
            }
            At::Relock => return self.relock(cx),
            At::WakeUp => {
                if !cx.wake_up_sem(&mut self.wake_q) {
                    return returned(Ok(()));
                }
            }
        }
        Step::Preempted
    }

    /// The set, whether it has so many semaphores, and whether the caller may.
    #[inline]
    fn lookup(&mut self, cx: &mut Cx) -> Result<(), Errno> {
        self.slot = cx.ipc_obtain(IpcKind::Sem, self.id)?;
        let set = cx.k.sem_array(self.slot);
        let largest = self.sops.iter().map(|sop| sop.sem_num).max().unwrap_or(0);
        if usize::from(largest) >= set.nsems() {
            cx.trace.rule(SEM_E_03);
            return Err(Errno::EFBIG);
        }
        let perm = set.sem_perm.clone();
        if !cx.ipcperms(&perm, if self.alter { S_IWUGO } else { S_IRUGO }) {
            cx.trace.rule(SEM_E_03);
            return Err(Errno::EACCES);
        }
        Ok(())
    }

    /// From `sem_lock` to `sem_unlock`: does the operations, or enters the queues.
    #[inline]
    fn locked(&mut self, cx: &mut Cx) -> Step {
        let slot = self.slot;
        if let Err(errno) = cx.ipc_valid_object(IpcKind::Sem, slot) {
            return returned(Err(errno));
        }
        let process = cx.k.task(cx.me).process;
        let pid = cx.my_tgid();
        match cx.perform_atomic_semop(slot, &self.sops, process, pid) {
            Attempt::Fails(errno) => returned(Err(errno)),
            Attempt::Done => {
                if self.alter {
                    cx.do_smart_update(slot, Some(&self.sops), true, &mut self.wake_q);
                } else if cx.env.quirks.has(Quirk::SemOtimeAlterOnly) {
                    cx.trace.rule(SEM_T_09_ALTER);
                } else {
                    cx.trace.rule(SEM_T_09);
                    cx.set_semotime(slot, Some(&self.sops));
                }
                cx.sem_unlock(slot);
                self.at = At::WakeUp;
                if self.wake_q.is_empty() { returned(Ok(())) } else { Step::Preempted }
            }
            Attempt::Blocks(at) => {
                self.blocking = at;
                cx.enqueue_sem(slot, &self.sops, self.alter);
                self.wait(cx)
            }
        }
    }

    /// Interruptible, still under the lock (STEP-SEM-02).
    fn wait(&mut self, cx: &mut Cx) -> Step {
        self.status = Status::Waiting;
        cx.k.task_mut(cx.me).state = RunState::Interruptible;
        cx.sem_unlock(self.slot);
        self.at = At::Schedule;
        Step::Preempted
    }

    /// `schedule_hrtimeout_range`
    fn schedule(&mut self, cx: &mut Cx) -> Step {
        self.at = At::Woken;
        match self.timeout {
            // A timer whose time has come already goes off before the task can sleep.
            SemTimeout::After(0) => {
                self.timed_out = true;
                cx.k.task_mut(cx.me).state = RunState::Running;
                return Step::Preempted;
            }
            SemTimeout::After(_) if !self.timed_out && cx.k.task(cx.me).state == RunState::Interruptible => {
                cx.k.task_mut(cx.me).timer = true;
            }
            _ => {}
        }
        let first = self.sops[usize::from(self.blocking)];
        cx.schedule(Some(Queue::Sem(self.slot, first.sem_num)))
    }

    /// Once more under the lock: has somebody done the operations, is the time over, or is there a signal?
    fn relock(&mut self, cx: &mut Cx) -> Step {
        self.disarm(cx);
        if !cx.k.sem_array(self.slot).sem_perm.valid {
            // What was read before the lock: somebody who was interrupted does not learn of the removal.
            if !cx.env.quirks.has(Quirk::IpcLookupLocks) {
                return returned(Err(Errno::EINTR));
            }
        }
        if let Status::Done(result) = self.status {
            return self.completed(cx, result);
        }
        if self.timed_out {
            cx.trace.rule(SEM_W_02);
        } else if cx.signal_pending() {
            cx.trace.rule(SEM_W_01);
        } else {
            return self.wait(cx);
        }
        cx.trace.rule(SEM_W_04);
        let me = cx.me;
        cx.unlink_sem(self.slot, me, &self.sops);
        cx.sem_unlock(self.slot);
        returned(Err(if self.timed_out { Errno::EAGAIN } else { Errno::EINTR }))
    }

    fn completed(&self, cx: &mut Cx, result: Result<(), Errno>) -> Step {
        cx.trace.rule(SEM_W_03);
        self.disarm(cx);
        returned(result)
    }

    fn disarm(&self, cx: &mut Cx) {
        if cx.k.task(cx.me).timer {
            cx.k.task_mut(cx.me).timer = false;
        }
    }

    /// The timer of this call went off.
    pub fn expire(&mut self) {
        self.timed_out = true;
    }

    /// Whether it turns round and round until somebody who has its result has woken it.
    pub fn spins(&self) -> bool {
        matches!((self.at, self.status), (At::Woken | At::Relock, Status::InWakeup(_)))
    }

    /// Whether a sleeper would not go back to sleep if it were woken now: also if its operations could be done.
    pub fn ready(&self, k: &Kernel) -> bool {
        if self.status != Status::Waiting || !k.sem_array(self.slot).sem_perm.valid {
            return true;
        }
        match self.first_blocking(k) {
            Some(at) => self.sops[at].nowait(),
            None => true,
        }
    }

    /// The operation that could not be done now; the range of adjustments aside.
    pub fn first_blocking(&self, k: &Kernel) -> Option<usize> {
        for (i, sop) in self.sops.iter().enumerate() {
            let earlier = self.sops[..i].iter().filter(|other| other.sem_num == sop.sem_num);
            let value = i32::from(k.sem(self.slot, sop.sem_num).semval)
                + earlier.map(|other| i32::from(other.sem_op)).sum::<i32>();
            let result = value + i32::from(sop.sem_op);
            if result < 0 || sop.sem_op == 0 && value != 0 {
                return Some(i);
            }
            if result > SEMVMX {
                return None;
            }
        }
        None
    }

    /// Which call it is.
    pub fn kind(&self) -> CallKind {
        if self.timeout == SemTimeout::Never { CallKind::Semop } else { CallKind::Semtimedop }
    }

    /// What it waits for: the first operation that cannot be done.
    pub fn waits_for(&self, k: &Kernel) -> WaitsFor {
        let sop = self.sops[self.first_blocking(k).unwrap_or(self.blocking.into())];
        WaitsFor::Sem { slot: self.slot, semnum: sop.sem_num, zero: sop.sem_op == 0 }
    }

    /// Where it is, in words.
    pub(in crate::kernel) fn place(&self) -> &'static str {
        match self.at {
            At::FindUndo => "about to look for its adjustments",
            At::AllocUndo => "about to take the lock to make adjustments",
            At::Lookup => "about to look for the set",
            At::Locked => "set found, about to take the lock",
            At::Schedule => "in the queue, about to sleep",
            At::Woken => "about to look whether its operations were done",
            At::Relock => "its operations were not done, about to take the lock",
            At::WakeUp => "operations done, about to wake a waiter",
        }
    }
}
