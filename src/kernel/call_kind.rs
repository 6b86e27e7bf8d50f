//! The calls by name.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of a call, as `asleep in write` says it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)] // each is the system call of that name
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum CallKind {
    Pipe,
    Open,
    Reopen,
    Close,
    Dup,
    Dup2,
    Read,
    Write,
    Pread,
    Pwrite,
    Lseek,
    Ftruncate,
    Fsync,
    Fstat,
    Fcntl,
    Ioctl,
    Poll,
    Fork,
    Exit,
    Pause,
    Yield,
    Splice,
    Tee,
    Vmsplice,
    #[serde(rename = "vmsplice_read")]
    VmspliceRead,
    Msgget,
    Msgsnd,
    Msgrcv,
    Msgctl,
    /// Bytes stored into memory; no system call, but a step like one.
    Store,
    Semget,
    Semop,
    Semtimedop,
    Semctl,
    Shmget,
    Shmat,
    Shmdt,
    Shmctl,
    Load,
    Set,
    Cas,
    Xchg,
    Add,
    Kill,
    Tgkill,
    Sigqueue,
    Sigaction,
    Sigprocmask,
    Sigpending,
    Sigsuspend,
    Sigwaitinfo,
    Waitpid,
    Sigreturn,
    Signalfd,
    Alarm,
    Setitimer,
    TimerCreate,
    TimerSettime,
    TimerGettime,
    TimerDelete,
    ThreadExit,
}

impl CallKind {
    /// Every call, by its name in the notation.
    pub const ALL: &'static [(&'static str, CallKind)] = &[
        ("pipe", CallKind::Pipe),
        ("open", CallKind::Open),
        ("reopen", CallKind::Reopen),
        ("close", CallKind::Close),
        ("dup", CallKind::Dup),
        ("dup2", CallKind::Dup2),
        ("read", CallKind::Read),
        ("write", CallKind::Write),
        ("pread", CallKind::Pread),
        ("pwrite", CallKind::Pwrite),
        ("lseek", CallKind::Lseek),
        ("ftruncate", CallKind::Ftruncate),
        ("fsync", CallKind::Fsync),
        ("fstat", CallKind::Fstat),
        ("fcntl", CallKind::Fcntl),
        ("ioctl", CallKind::Ioctl),
        ("poll", CallKind::Poll),
        ("fork", CallKind::Fork),
        ("exit", CallKind::Exit),
        ("pause", CallKind::Pause),
        ("yield", CallKind::Yield),
        ("splice", CallKind::Splice),
        ("tee", CallKind::Tee),
        ("vmsplice", CallKind::Vmsplice),
        ("vmsplice_read", CallKind::VmspliceRead),
        ("msgget", CallKind::Msgget),
        ("msgsnd", CallKind::Msgsnd),
        ("msgrcv", CallKind::Msgrcv),
        ("msgctl", CallKind::Msgctl),
        ("store", CallKind::Store),
        ("semget", CallKind::Semget),
        ("semop", CallKind::Semop),
        ("semtimedop", CallKind::Semtimedop),
        ("semctl", CallKind::Semctl),
        ("shmget", CallKind::Shmget),
        ("shmat", CallKind::Shmat),
        ("shmdt", CallKind::Shmdt),
        ("shmctl", CallKind::Shmctl),
        ("load", CallKind::Load),
        ("set", CallKind::Set),
        ("cas", CallKind::Cas),
        ("xchg", CallKind::Xchg),
        ("add", CallKind::Add),
        ("kill", CallKind::Kill),
        ("tgkill", CallKind::Tgkill),
        ("sigqueue", CallKind::Sigqueue),
        ("sigaction", CallKind::Sigaction),
        ("sigprocmask", CallKind::Sigprocmask),
        ("sigpending", CallKind::Sigpending),
        ("sigsuspend", CallKind::Sigsuspend),
        ("sigwaitinfo", CallKind::Sigwaitinfo),
        ("waitpid", CallKind::Waitpid),
        ("sigreturn", CallKind::Sigreturn),
        ("signalfd", CallKind::Signalfd),
        ("alarm", CallKind::Alarm),
        ("setitimer", CallKind::Setitimer),
        ("timer_create", CallKind::TimerCreate),
        ("timer_settime", CallKind::TimerSettime),
        ("timer_gettime", CallKind::TimerGettime),
        ("timer_delete", CallKind::TimerDelete),
        ("thread_exit", CallKind::ThreadExit),
    ];

    /// The name in the notation.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// The call with this name.
    pub fn by_name(name: &str) -> Option<CallKind> {
        Self::ALL.iter().find(|(n, _)| *n == name).map(|&(_, kind)| kind)
    }

    /// Whether a successful result is a new descriptor.
    pub fn returns_fd(self) -> bool {
        matches!(self, CallKind::Open | CallKind::Reopen | CallKind::Dup | CallKind::Dup2 | CallKind::Signalfd)
    }

    /// Whether it is no system call but an access of the processor to shared memory.
    pub fn is_access(self) -> bool {
        matches!(self, CallKind::Load | CallKind::Set | CallKind::Cas | CallKind::Xchg | CallKind::Add)
    }

    /// Whether it is a call of System V IPC.
    pub fn is_ipc(self) -> bool {
        use CallKind::*;
        matches!(
            self,
            Msgget | Msgsnd | Msgrcv | Msgctl | Semget | Semop | Semtimedop | Semctl | Shmget | Shmat | Shmdt | Shmctl
        )
    }

    /// Whether a successful result is an id of a System V object.
    pub fn returns_id(self) -> bool {
        matches!(self, CallKind::Msgget | CallKind::Semget | CallKind::Shmget)
    }

    /// Whether a successful result is an address.
    pub fn returns_addr(self) -> bool {
        self == CallKind::Shmat
    }

    /// Whether a successful result comes with bytes.
    pub fn returns_data(self) -> bool {
        self.reads() || self == CallKind::Msgrcv
    }

    /// Whether it sends, waits for or decides about signals, or asks for the status of a child.
    pub fn is_about_signals(self) -> bool {
        matches!(
            self,
            CallKind::Kill
                | CallKind::Tgkill
                | CallKind::Sigqueue
                | CallKind::Sigaction
                | CallKind::Sigprocmask
                | CallKind::Sigpending
                | CallKind::Sigsuspend
                | CallKind::Sigwaitinfo
                | CallKind::Waitpid
                | CallKind::Sigreturn
                | CallKind::Signalfd
                | CallKind::Alarm
                | CallKind::Setitimer
                | CallKind::TimerCreate
                | CallKind::TimerSettime
                | CallKind::TimerGettime
                | CallKind::TimerDelete
        )
    }

    /// Whether a result of 0 means end of file.
    pub fn reads(self) -> bool {
        matches!(self, CallKind::Read | CallKind::Pread | CallKind::VmspliceRead)
    }
}

impl fmt::Display for CallKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_kind() {
        for (i, &(name, kind)) in CallKind::ALL.iter().enumerate() {
            assert_eq!(kind as usize, i);
            assert_eq!(kind.name(), name);
        }
    }
}
