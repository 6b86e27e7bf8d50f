//! `shmctl`.

use super::super::super::{
    Cx, Errno, Quirk, Return, Step,
    canon::{canon_enum, canon_struct},
    rules::*,
};
use super::super::{IPCMNI, IpcKind, IpcSlot, S_IRUGO};
use super::{SHM_LOCKED, ShmCtl};
use smallvec::smallvec;

/// `ksys_shmctl` on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShmCtlCall {
    at: At,
    cmd: ShmCtl,
    null: bool,
    /// The id, or the index.
    id: i32,
    /// The segment, once it was found.
    slot: IpcSlot,
}

/// The places of a `shmctl` where others can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    /// Before everything.
    Begin,
    /// Segment found, permissions looked at; about to take its lock.
    Locked,
}

canon_enum!(At { 0 => Begin, 1 => Locked, });
canon_enum!(ShmCtl {
    0 => Rmid,
    1 => Set(set),
    2 => Stat,
    3 => ShmStat,
    4 => ShmStatAny,
    5 => Info,
    6 => ShmInfo,
    7 => Lock,
    8 => Unlock,
    9 => Other(cmd),
});
canon_struct!(ShmCtlCall { at, cmd, null, id, slot });

/// `SHMMIN`
const SHMMIN: i64 = 1;

impl ShmCtlCall {
    /// Everything that is looked at before the segment.
    pub fn new(cx: &mut Cx, id: i32, cmd: ShmCtl, null: bool) -> Result<Self, Errno> {
        let known = match cmd {
            ShmCtl::Other(_) => false,
            ShmCtl::ShmStatAny => cx.env.quirks.has(Quirk::IpcStatAny),
            _ => true,
        };
        if id < 0 || !known {
            cx.trace.rule(SHM_C_01);
            return Err(Errno::EINVAL);
        }
        if null && matches!(cmd, ShmCtl::Set(_)) {
            cx.trace.rule(SHM_C_03);
            return Err(Errno::EFAULT);
        }
        Ok(ShmCtlCall { at: At::Begin, cmd, null, id, slot: 0 })
    }

    /// One section.
    pub fn step(&mut self, cx: &mut Cx) -> Step {
        let step = match self.at {
            At::Begin => self.begin(cx),
            At::Locked => self.locked(cx),
        };
        step.unwrap_or_else(|errno| Step::Returned(errno.into()))
    }

    fn begin(&mut self, cx: &mut Cx) -> Result<Step, Errno> {
        match self.cmd {
            ShmCtl::Info | ShmCtl::ShmInfo => return self.info(cx),
            ShmCtl::ShmStat | ShmCtl::ShmStatAny => {
                cx.trace.rule(IPC_INFO_01);
                self.slot = cx.ipc_obtain_index(IpcKind::Shm, self.id as u32 % IPCMNI)?;
            }
            _ => self.slot = cx.ipc_obtain(IpcKind::Shm, self.id)?,
        }
        let perm = cx.k.shmid(self.slot).shm_perm.clone();
        match self.cmd {
            ShmCtl::Rmid => {
                cx.ipc_owner(&perm)?;
                cx.do_shm_rmid(self.slot);
                return Ok(Step::Returned(Return::value(0)));
            }
            ShmCtl::Set(set) => {
                cx.trace.rule(SHM_C_03);
                cx.ipc_owner(&perm)?;
                let mut perm = perm;
                cx.ipc_update_perm(&mut perm, &set)?;
                cx.k.shmid_mut(self.slot).shm_perm = perm;
                return Ok(Step::Returned(Return::value(0)));
            }
            ShmCtl::ShmStatAny => cx.trace.rule(IPC_INFO_01_ANY),
            ShmCtl::Stat | ShmCtl::ShmStat => {
                cx.trace.rule(SHM_C_02);
                if !cx.ipcperms(&perm, S_IRUGO) {
                    return Err(Errno::EACCES);
                }
            }
            _ => {}
        }
        self.at = At::Locked;
        Ok(Step::Preempted)
    }

    /// Under the lock of the segment.
    fn locked(&mut self, cx: &mut Cx) -> Result<Step, Errno> {
        cx.ipc_valid_object(IpcKind::Shm, self.slot)?;
        if matches!(self.cmd, ShmCtl::Lock | ShmCtl::Unlock) {
            return self.lock(cx);
        }
        let shm = cx.k.shmid(self.slot);
        let perm = &shm.shm_perm;
        let ret = if self.cmd == ShmCtl::Stat { 0 } else { perm.id.into() };
        let of_segment = [
            shm.shm_segsz as i64,
            shm.shm_nattch.into(),
            shm.shm_cprid.number(),
            shm.shm_lprid.number(),
            shm.shm_atim.into(),
            shm.shm_dtim.into(),
            1,
        ];
        let extra = perm.fields().into_iter().chain(of_segment).collect();
        if self.null { Err(Errno::EFAULT) } else { Ok(Step::Returned(Return { extra, ..Return::value(ret) })) }
    }

    /// `SHM_LOCK`, `SHM_UNLOCK`. Limits of locked memory are taken to be high enough.
    fn lock(&self, cx: &mut Cx) -> Result<Step, Errno> {
        cx.trace.rule(SHM_C_06);
        let perm = cx.k.shmid(self.slot).shm_perm.clone();
        let euid = cx.euid();
        if euid != perm.uid && euid != perm.cuid && !cx.env.caps.ipc_lock {
            return Err(Errno::EPERM);
        }
        let mode = &mut cx.k.shmid_mut(self.slot).shm_perm.mode;
        if self.cmd == ShmCtl::Lock {
            *mode |= SHM_LOCKED;
        } else {
            *mode &= !SHM_LOCKED;
        }
        Ok(Step::Returned(Return::value(0)))
    }

    /// `IPC_INFO`, `SHM_INFO`
    fn info(&self, cx: &mut Cx) -> Result<Step, Errno> {
        cx.trace.rule(SHM_C_07);
        if self.null {
            return Err(Errno::EFAULT);
        }
        let limits = &cx.env.limits;
        let extra = if self.cmd == ShmCtl::Info {
            let shmmni = i64::from(limits.shmmni);
            smallvec![limits.shmmax as i64, SHMMIN, shmmni, shmmni, limits.shmall as i64]
        } else {
            smallvec![cx.k.ipc_ids(IpcKind::Shm).in_use.into(), cx.k.shm_tot() as i64]
        };
        let highest = cx.k.ipc_ids(IpcKind::Shm).max_index().unwrap_or(0);
        Ok(Step::Returned(Return { extra, ..Return::value(highest.into()) }))
    }

    /// Where it is, in words.
    pub(in super::super::super) fn place(&self) -> &'static str {
        match self.at {
            At::Begin => "about to look for the segment",
            At::Locked => "segment found, about to take its lock",
        }
    }
}
