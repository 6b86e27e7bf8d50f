//! `semctl`.

use super::super::super::{
    Cx, Errno, Quirk, Return, Step,
    canon::{canon_enum, canon_struct},
    rules::*,
};
use super::super::{IPCMNI, IpcKind, IpcSlot, S_IRUGO, S_IWUGO, WakeQ};
use super::{SEMAEM, SEMVMX, SemArray, SemCtl};
use smallvec::smallvec;

/// `ksys_semctl` on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SemCtlCall {
    /// Where it is.
    pub at: At,
    /// What it does.
    pub cmd: SemCtl,
    /// Whether the buffer is `NULL`.
    pub null: bool,
    /// The id, or the index.
    pub id: i32,
    /// Where the set is, once it was found.
    pub slot: IpcSlot,
    /// Who is woken after the lock is dropped.
    pub wake_q: WakeQ,
}

/// The places of a `semctl` where others can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum At {
    /// Before everything.
    Begin,
    /// Set found, permissions and arguments looked at: about to take the lock.
    Locked,
    /// About to wake those who can go on.
    WakeUp,
}

canon_enum!(At { 0 => Begin, 1 => Locked, 2 => WakeUp, });
canon_enum!(SemCtl {
    0 => GetVal(semnum),
    1 => GetPid(semnum),
    2 => GetNcnt(semnum),
    3 => GetZcnt(semnum),
    4 => GetAll,
    5 => SetVal { semnum, val },
    6 => SetAll(values),
    7 => Rmid,
    8 => Set(set),
    9 => Stat,
    10 => SemStat,
    11 => SemStatAny,
    12 => Info,
    13 => SemInfo,
    14 => Other(cmd),
});
canon_struct!(SemCtlCall { at, cmd, null, id, slot, wake_q });

/// `SEMUSZ`: of no effect, and still told.
const SEMUSZ: i64 = 20;

impl SemCtlCall {
    /// Everything that is looked at before the set.
    pub fn new(cx: &mut Cx, id: i32, cmd: SemCtl, null: bool) -> Result<Self, Errno> {
        let known = match cmd {
            SemCtl::Other(_) => false,
            SemCtl::SemStatAny => cx.env.quirks.has(Quirk::IpcStatAny),
            _ => true,
        };
        if id < 0 || !known {
            cx.trace.rule(SEM_CTL_01);
            return Err(Errno::EINVAL);
        }
        if null && matches!(cmd, SemCtl::Set(_)) {
            return Err(Errno::EFAULT);
        }
        if let SemCtl::SetVal { val, .. } = cmd
            && !cx.env.quirks.has(Quirk::SemSetvalSetFirst)
        {
            let in_range = in_range(val);
            if in_range.is_err() {
                cx.trace.rule(SEM_CTL_03);
            }
            in_range?;
        }
        Ok(SemCtlCall { at: At::Begin, cmd, null, id, slot: 0, wake_q: WakeQ::default() })
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        let step = match self.at {
            At::Begin => self.begin(cx),
            At::Locked => self.locked(cx),
            At::WakeUp => Ok(if cx.wake_up_sem(&mut self.wake_q) { Step::Preempted } else { value(0) }),
        };
        step.unwrap_or_else(|errno| Step::Returned(errno.into()))
    }

    /// Without the lock: which set, whether the caller may, whether there is such a semaphore.
    fn begin(&mut self, cx: &mut Cx) -> Result<Step, Errno> {
        match self.cmd {
            SemCtl::Info | SemCtl::SemInfo => return self.info(cx),
            SemCtl::SemStat | SemCtl::SemStatAny => {
                cx.trace.rule(IPC_INFO_01);
                self.slot = cx.ipc_obtain_index(IpcKind::Sem, self.id as u32 % IPCMNI)?;
            }
            _ => self.slot = cx.ipc_obtain(IpcKind::Sem, self.id)?,
        }
        let set = cx.k.sem_array(self.slot);
        let (perm, nsems) = (set.sem_perm.clone(), set.nsems());
        let exists = |semnum: i32| usize::try_from(semnum).is_ok_and(|semnum| semnum < nsems);
        let permission = |cx: &mut Cx, flag| if cx.ipcperms(&perm, flag) { Ok(()) } else { Err(Errno::EACCES) };
        match &self.cmd {
            SemCtl::Rmid => {
                cx.ipc_owner(&perm)?;
                return Ok(self.remove(cx));
            }
            SemCtl::Set(set) => {
                cx.ipc_owner(&perm)?;
                cx.trace.rule(SEM_CTL_08);
                let mut perm = perm.clone();
                cx.ipc_update_perm(&mut perm, set)?;
                cx.k.sem_array_mut(self.slot).sem_perm = perm;
                return Ok(value(0));
            }
            SemCtl::SetVal { semnum, val } => {
                let old = cx.env.quirks.has(Quirk::SemSetvalSetFirst);
                if old {
                    cx.trace.rule(SEM_CTL_03_OLD);
                    permission(cx, S_IWUGO)?;
                }
                if !exists(*semnum) {
                    return Err(Errno::EINVAL);
                }
                if old {
                    in_range(*val)?;
                }
                permission(cx, S_IWUGO)?;
            }
            SemCtl::SetAll(values) => {
                cx.trace.rule(SEM_CTL_05);
                permission(cx, S_IWUGO)?;
                if self.null || values.len() < nsems {
                    return Err(Errno::EFAULT);
                }
                values[..nsems].iter().try_for_each(|&val| in_range(val.into()))?;
                // The lock was dropped, or was not taken yet, for the values to be copied (STEP-SEM-07).
                self.at = At::Locked;
                return Ok(Step::Preempted);
            }
            SemCtl::SemStatAny => cx.trace.rule(IPC_INFO_01_ANY),
            SemCtl::GetVal(semnum) | SemCtl::GetPid(semnum) | SemCtl::GetNcnt(semnum) | SemCtl::GetZcnt(semnum) => {
                cx.trace.rule(SEM_CTL_02);
                permission(cx, S_IRUGO)?;
                if !exists(*semnum) {
                    return Err(Errno::EINVAL);
                }
            }
            _ => permission(cx, S_IRUGO)?,
        }
        self.at = At::Locked;
        if cx.env.quirks.has(Quirk::IpcLookupLocks) { self.locked(cx) } else { Ok(Step::Preempted) }
    }

    /// From `sem_lock` to `sem_unlock`.
    fn locked(&mut self, cx: &mut Cx) -> Result<Step, Errno> {
        let slot = self.slot;
        cx.ipc_valid_object(IpcKind::Sem, slot)?;
        let set = cx.k.sem_array(slot);
        let step = match &self.cmd {
            SemCtl::GetVal(semnum) => value(cx.k.sem(slot, *semnum as u16).semval),
            SemCtl::GetPid(semnum) => {
                cx.trace.rule(SEM_CTL_07);
                value(cx.k.sem(slot, *semnum as u16).sempid.number())
            }
            SemCtl::GetNcnt(semnum) => value(count(cx, slot, *semnum as u16, false)),
            SemCtl::GetZcnt(semnum) => value(count(cx, slot, *semnum as u16, true)),
            SemCtl::GetAll if self.null => return Err(Errno::EFAULT),
            SemCtl::GetAll => {
                let semnums = 0..set.nsems() as u16;
                let extra = semnums.map(|semnum| cx.k.sem(slot, semnum).semval.into()).collect();
                Step::Returned(Return { extra, ..Return::value(0) })
            }
            SemCtl::SetVal { semnum, val } => {
                cx.trace.rule(SEM_CTL_04);
                let (semnum, pid) = (*semnum as u16, cx.my_tgid());
                cx.k.clear_semadj(slot, Some(semnum));
                let sem = cx.k.sem_mut(slot, semnum);
                sem.semval = *val as u16;
                sem.sempid = pid;
                self.update(cx)
            }
            SemCtl::SetAll(values) => {
                let keeps_pid = cx.env.quirks.has(Quirk::SemSetallKeepsPid);
                let pid = cx.my_tgid();
                cx.trace.rule(if keeps_pid { SEM_10 } else { SEM_CTL_05_PID });
                let nsems = set.nsems();
                for (semnum, &val) in (0..).zip(&values[..nsems]) {
                    let sem = cx.k.sem_mut(slot, semnum);
                    sem.semval = val;
                    if !keeps_pid {
                        sem.sempid = pid;
                    }
                }
                cx.k.clear_semadj(slot, None);
                self.update(cx)
            }
            _ => return self.stat(cx),
        };
        cx.sem_unlock(slot);
        Ok(step)
    }

    /// Anything may have changed.
    fn update(&mut self, cx: &mut Cx) -> Step {
        cx.do_smart_update(self.slot, None, false, &mut self.wake_q);
        self.woken()
    }

    fn woken(&mut self) -> Step {
        self.at = At::WakeUp;
        if self.wake_q.is_empty() { value(0) } else { Step::Preempted }
    }

    /// `freeary`
    fn remove(&mut self, cx: &mut Cx) -> Step {
        cx.trace.rule(SEM_CTL_09);
        let slot = self.slot;
        cx.k.drop_undos(slot);
        for task in cx.k.sem_array(slot).waiters() {
            cx.finish_sem(task, Err(Errno::EIDRM), &mut self.wake_q);
        }
        cx.ipc_rmid(IpcKind::Sem, slot);
        *cx.k.sem_array_mut(slot) = SemArray::default();
        self.woken()
    }

    /// `semctl_stat`, under the lock.
    fn stat(&mut self, cx: &mut Cx) -> Result<Step, Errno> {
        if self.null {
            return Err(Errno::EFAULT);
        }
        cx.trace.rule(SEM_CTL_08);
        let set = cx.k.sem_array(self.slot);
        let perm = &set.sem_perm;
        let ret = if self.cmd == SemCtl::Stat { 0 } else { perm.id.into() };
        let of_set = [set.nsems() as i64, set.sem_otime().into(), 1];
        let extra = perm.fields().into_iter().chain(of_set).collect();
        Ok(Step::Returned(Return { extra, ..Return::value(ret) }))
    }

    /// `semctl_info`
    fn info(&self, cx: &mut Cx) -> Result<Step, Errno> {
        cx.trace.rule(SEM_CTL_10);
        cx.trace.rule(IPC_INFO_01);
        if self.null {
            return Err(Errno::EFAULT);
        }
        let limits = &cx.env.limits;
        let ids = cx.k.ipc_ids(IpcKind::Sem);
        let (semusz, semaem) = match self.cmd {
            SemCtl::SemInfo => (ids.in_use.into(), cx.k.used_sems() as i64),
            _ => (SEMUSZ, SEMAEM.into()),
        };
        let semmns = i64::from(limits.semmns);
        let extra = smallvec![
            semmns,
            limits.semmni.into(),
            semmns,
            semmns,
            limits.semmsl.into(),
            limits.semopm.into(),
            limits.semopm.into(),
            semusz,
            SEMVMX.into(),
            semaem,
        ];
        let highest = ids.max_index().unwrap_or(0);
        Ok(Step::Returned(Return { extra, ..Return::value(highest.into()) }))
    }

    /// Where it is, in words.
    pub(in crate::kernel) fn place(&self) -> &'static str {
        match self.at {
            At::Begin => "about to look for the set",
            At::Locked => "set found, about to take its lock",
            At::WakeUp => "done, about to wake a waiter",
        }
    }
}

fn value(value: impl Into<i64>) -> Step {
    Step::Returned(Return::value(value.into()))
}

fn in_range(val: i32) -> Result<(), Errno> {
    if (0..=SEMVMX).contains(&val) { Ok(()) } else { Err(Errno::ERANGE) }
}

fn count(cx: &mut Cx, slot: IpcSlot, semnum: u16, zero: bool) -> i64 {
    cx.trace.rule(if cx.env.quirks.has(Quirk::SemCountsAll) { SEM_09 } else { SEM_CTL_06 });
    cx.k.semcnt(cx.env, slot, semnum, zero) as i64
}
