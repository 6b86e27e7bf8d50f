//! Versions and defects as one table: named behaviours with the kernel range that has them.

use super::version::{Version, VersionRange};
use serde::{Deserialize, Serialize};

/// A named behaviour of some kernels: a feature that came or went, or a defect.
#[derive(Debug, PartialEq, Eq)]
pub struct QuirkInfo {
    /// The behaviour.
    pub quirk: Quirk,
    /// As it is named on command lines and in litmus tests.
    pub name: &'static str,
    /// Kernels that have it.
    pub range: VersionRange,
    /// The commit that made or ended it, by its subject.
    pub commit: &'static str,
    /// One sentence.
    pub text: &'static str,
}

macro_rules! quirks {
    ($($variant:ident = $name:literal, $from:expr, $until:expr, $commit:literal, $text:literal;)*) => {
        /// A named behaviour, see [`QUIRKS`].
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Quirk { $(#[doc = $text] $variant,)* }

        /// Every behaviour, in the order of [`Quirk`].
        pub const QUIRKS: &[QuirkInfo] = &[$(QuirkInfo {
            quirk: Quirk::$variant, name: $name, range: VersionRange { from: $from, until: $until }, commit: $commit, text: $text,
        },)*];
    };
}

const fn v(major: u16, minor: u16) -> Option<Version> {
    Some(Version::new(major, minor))
}

quirks! {
    WakeWriterIfWasFull = "pipe-wake-writer-if-was-full", v(5, 5), v(6, 15), "pipe: don't wake writers if the pipe is still full",
        "A read wakes a writer whenever the pipe was full when it began, even if it freed no slot.";
    EmptySlotAfterFault = "pipe-empty-slot-after-fault", v(5, 5), v(6, 15), "fs/pipe: don't insert a slot before the copy succeeded",
        "A write that faults in a fresh page leaves an empty slot behind.";
    SetPipeSizeWide = "pipe-size-wide", v(4, 5), v(6, 5), "fs/pipe: pass the argument of F_SETPIPE_SZ as unsigned int",
        "F_SETPIPE_SZ looks at all 64 bits of its argument.";
    NoWaitReads = "pipe-rwf-nowait", v(6, 4), None, "pipe: set FMODE_NOWAIT on pipes",
        "RWF_NOWAIT is accepted on anonymous pipes.";
    NoSignalWrites = "rwf-nosignal", v(6, 18), None, "fs: add RWF_NOSIGNAL",
        "RWF_NOSIGNAL is accepted: a write to a pipe without readers sends no SIGPIPE.";
    PollUsageWakes = "pipe-poll-usage", v(5, 14), None, "pipe: do FASYNC notifications for every pipe IO, not just state changes",
        "Once polled, a pipe wakes its readers at every write.";
    PipeOneQueue = "pipe-one-queue", None, v(5, 5), "pipe: use exclusive waits when reading or writing; pipe: Use head and tail pointers for the ring, not cursor and length",
        "A pipe is a cursor and a length, with one wait queue: every wake-up wakes all readers and writers, newest first; every write wakes, and every read that freed a slot. (v5.5 itself, with head and tail and still one queue, is modelled with the two queues of v5.6.)";
    ReadMerging = "pipe-read-merging", None, v(5, 5), "pipe: remove 'waiting_writers' merging logic",
        "With a writer asleep a read or splice waits for its bytes rather than to return what it has, even if it may not block (only with pipe-one-queue).";
    CloseWakesAlways = "pipe-close-wakes-always", None, v(5, 6), "pipe: make sure to wake up everybody when the last reader/writer closes",
        "Every close of one of several open files wakes everybody, not only the last close of a side.";
    PipePackets = "pipe-packets", v(3, 4), None, "pipes: add a packetized pipe mode for writing",
        "pipe2 accepts O_DIRECT: every write is a packet.";
    SetFlPackets = "pipe-setfl-packets", v(4, 5), None, "fcntl: allow to set O_DIRECT flag on pipe",
        "F_SETFL can switch packet mode on; before, O_DIRECT is EINVAL there.";
    NotificationPipes = "pipe-notification", v(5, 8), None, "pipe: Add general notification queue support",
        "pipe2 knows O_NOTIFICATION_PIPE.";
    UserPages = "pipe-user-pages", v(4, 5), None, "pipe: limit the per-user amount of pages allocated in pipes",
        "The slots of all pipes of a user are counted and limited.";
    OneSlotPipes = "pipe-one-slot", v(4, 5), v(5, 14), "pipe: increase minimum default pipe size to 2 pages",
        "PIPE-08: a user over the soft limit gets pipes of one slot, in which a byte may find no room beside one unread byte.";
    InitialSizeLimited = "pipe-initial-size-limited", v(4, 9), None, "pipe: cap initial pipe capacity according to pipe-max-size limit",
        "A new pipe is not larger than fs.pipe-max-size.";
    ShrinkNeedsPrivilege = "pipe-shrink-eperm", None, v(4, 9), "pipe: fix limit checking in pipe_set_size()",
        "F_SETPIPE_SZ over fs.pipe-max-size is EPERM even if it makes the pipe smaller.";
    ResizeWakes = "pipe-resize-wakes", v(5, 5), None, "pipe: Add general notification queue support",
        "A resize wakes a writer, who may have room now.";
    IoctlInval = "pipe-ioctl-einval", None, v(3, 5), "pipe: return -ENOIOCTLCMD instead of -EINVAL on unknown ioctl command",
        "An unknown ioctl is EINVAL, not ENOTTY.";
    Preadv2 = "preadv2", v(4, 6), None, "vfs: vfs: Define new syscalls preadv2,pwritev2",
        "preadv2 and pwritev2 exist; before, they are ENOSYS.";
    FifoOpenRestarts = "fifo-open-restarts", None, v(3, 5), "fifo: Do not restart open() if it already found a partner",
        "PIPE-11: a signal restarts a sleeping open of a FIFO even if the partner has come.";
    ReopenCounts = "pipe-reopen-counts", None, v(3, 10), "pipe: unify ->release() and ->open()",
        "Opening an anonymous pipe again only counts: it wakes nobody.";
    EofWakesOne = "pipe-eof-wakes-one", v(5, 6), v(5, 6), "pipe: make sure to wake up everybody when the last reader/writer closes",
        "PIPE-04: the last close of a side wakes one exclusive sleeper of each queue, who does not wake the next (v5.6-rc1 to v5.6-rc3).";
    ResizeWakesEarly = "pipe-resize-wakes-early", v(5, 8), v(6, 8), "pipe: wakeup wr_wait after setting max_usage",
        "PIPE-05: a resize wakes a writer before it raises the limit that the writer looks at (fixed in v6.6.15 and v6.1.76 too).";
    StaleWasEmpty = "pipe-stale-was-empty", v(5, 5), v(5, 5), "pipe: fix empty pipe check in pipe_write()",
        "PIPE-06: after a sleep a writer compares an old head with the tail, and may think that an empty pipe is not (v5.5-rc1 to v5.5-rc3).";
    PollLooksFirst = "pipe-poll-looks-first", v(5, 5), v(5, 5), "pipe: fix poll/select race introduced by the pipe rework",
        "PIPE-22: poll looks at the pipe before it is in the queue (v5.5-rc1).";
    DirtyPipe = "dirty-pipe", v(5, 8), Some(Version { major: 5, minor: 16, patch: 11 }), "lib/iov_iter: initialize \"flags\" in new pipe_buffer",
        "A slot that splice fills from a file keeps the flags of its previous tenant, so a write may be appended to a page of the file (CVE-2022-0847).";
    SpliceFlagsChecked = "splice-flags-checked", v(4, 10), None, "splice/tee/vmsplice: validate flags",
        "splice, tee and vmsplice refuse unknown flags with EINVAL.";
    SpliceNonblockOfFile = "splice-nonblock-of-file", v(5, 2), None, "fs: Make splice() and tee() take into account O_NONBLOCK flag on pipes",
        "O_NONBLOCK of a pipe's file counts like SPLICE_F_NONBLOCK.";
    SpliceSourceFirst = "splice-source-first", None, v(4, 9), "splice: lift pipe_lock out of splice_to_pipe()",
        "A splice from a file looks at the file before it looks at the pipe: at the end of the file it is 0, whatever the pipe.";
    SpliceModeFirst = "splice-mode-first", None, v(5, 11), "splice: change exported internal do_splice() helper to take kernel offset",
        "splice looks at how the files are open before it looks at offsets.";
    TeeMerge = "tee-merge", None, v(5, 1), "splice: don't merge into linked buffers",
        "A slot duplicated by tee or by a partial splice may still be appended to, and so the page that the other slot shows is written.";
    IpcUidChecked = "ipc-uid-checked", v(3, 7), None, "userns: Convert ipc to use kuid and kgid where appropriate",
        "IPC_SET refuses a user or group that is none with EINVAL.";
    IpcCyclicIds = "ipc-cyclic-ids", v(5, 2), None, "ipc: do cyclic id allocation for the ipc object.",
        "A new System V object takes the index after the last one, not the lowest that is free.";
    IpcStaleIdRemoved = "ipc-stale-id-eidrm", None, v(4, 2), "ipc,sysv: return -EINVAL upon incorrect id/seqnum",
        "An id whose index has another object by now is EIDRM, not EINVAL.";
    IpcLookupLocks = "ipc-lookup-locks", None, v(3, 11), "ipc,msg: shorten critical region in msgsnd; in msgrcv",
        "A message queue is looked for and locked at once, and permissions are looked at under its lock.";
    IpcNullFirst = "ipc-null-first", None, v(4, 13), "msgctl(): split the actual work from copyin/copyout",
        "msgctl looks for a null buffer before it looks for the queue.";
    IpcStatAny = "ipc-stat-any", v(4, 17), None, "ipc/msg: introduce msgctl(MSG_STAT_ANY)",
        "MSG_STAT_ANY and its like look at objects without permission.";
    MsgCopy = "msg-copy", v(3, 8), None, "ipc: introduce message queue copy feature",
        "msgrcv knows MSG_COPY; before, the flag is without effect.";
    MsgCopyLoose = "msg-copy-loose", v(3, 8), v(3, 14), "ipc: Fix 2 bugs in msgrcv() MSG_COPY implementation",
        "MSG-02: MSG_COPY may be used without IPC_NOWAIT and with MSG_EXCEPT; a receiver that sleeps takes whatever is sent next.";
    MsgLongMin = "msg-long-min", None, v(4, 10), "ipc: msg, make msgrcv work with LONG_MIN",
        "MSG-03: msgrcv with the most negative type finds nothing.";
    MsgWakeAllSenders = "msg-wake-all-senders", None, v(4, 9), "ipc/msg: avoid waking sender for full queue",
        "MSG-04: every receive wakes every sender, and those without room go back to sleep at the end.";
    MsgWakeUnderLock = "msg-wake-under-lock", None, v(4, 9), "ipc/msg: Implement lockless pipelined wakeups",
        "Sleepers of a message queue are woken while its lock is held.";
    ShmRndNilRefused = "shm-rnd-nil-refused", v(4, 11), v(4, 17), "ipc/shm: Fix shmat mmap nil-page protection",
        "SHM-04: SHM_RND does not round an address in the first page down, so that shmat refuses it with EINVAL.";
    ShmRemapNilRefused = "shm-remap-nil-refused", v(4, 17), None, "ipc/shm: fix shmat() nil address after round-down when remapping",
        "SHM_REMAP with an address that SHM_RND rounds down to 0 is EINVAL.";
    MsgQbytesInt = "msg-qbytes-int", v(4, 13), None, "msgctl(): split the actual work from copyin/copyout",
        "IPC_SET looks at the low 32 bits of msg_qbytes.";
    SemOneList = "sem-one-list", None, v(3, 11), "ipc/sem: separate wait-for-zero and alter tasks into seperate queues",
        "All waiters of a semaphore set stand in one list, those that change nothing first, the newest of them first.";
    SemComplexFirst = "sem-complex-first", v(3, 10), v(3, 11), "ipc/sem.c: always use only one queue for alter operations",
        "SEM-08: waiting calls of several operations are looked at before those of one that have waited longer (only with sem-one-list).";
    SemTwoStageWakeup = "sem-two-stage-wakeup", None, v(4, 10), "ipc/sem: rework task wakeups",
        "A waiter whose operations were done cannot leave before the wake-up: it spins until then.";
    SemOtimeAlterOnly = "sem-otime-alter-only", Some(Version { major: 2, minor: 6, patch: 35 }), v(3, 12), "ipc/sem.c: update sem_otime for all operations",
        "SEM-07: a wait for zero that succeeds at once does not set sem_otime (fixed in v3.10.17 too).";
    SemCountsAll = "sem-counts-all", None, v(3, 16), "ipc/sem.c: make semctl(,,{GETNCNT,GETZCNT}) standard compliant",
        "SEM-09: GETNCNT and GETZCNT count every operation that might have to wait, not tasks at the one that does.";
    SemSetallKeepsPid = "sem-setall-keeps-pid", None, v(4, 6), "ipc/sem: make semctl setting sempid consistent",
        "SEM-10: SETALL does not change what GETPID tells.";
    SemBlockedPid = "sem-blocked-pid", None, Some(Version { major: 2, minor: 4, patch: 2 }), "minor bug in ipc/sem.c",
        "SEM-10: an operation that has to wait already changes what GETPID tells.";
    SemUndoPerOperation = "sem-undo-per-operation", None, v(3, 17), "ipc/sem.c: change perform_atomic_semop parameters",
        "The range of an adjustment is checked for each operation on its own, so that several operations of a call may exceed it.";
    SemSetvalSetFirst = "sem-setval-set-first", None, v(3, 10), "ipc,sem: do not hold ipc lock more than necessary",
        "SETVAL looks at the set, permissions and the semaphore before it looks at the value.";
    SemopIdFirst = "semop-id-first", None, v(5, 15), "ipc/sem: do_semtimedop is split into checks of user memory and __do_semtimedop",
        "semop looks at the sign of the id before it looks at the number of operations.";
    SigNoRetarget = "sig-no-retarget", None, v(3, 0), "signal: sigprocmask() should do retarget_shared_pending()",
        "SIG-01: a thread that begins to block a signal that it was woken for leaves it pending, although another thread would take it.";
    SigSameMaskLooks = "sig-same-mask-looks", None, v(4, 10), "signals: avoid unnecessary taking of sighand->siglock",
        "A thread that sets the mask that it has already looks for signals all the same, and may take what another thread was woken for.";
    SigForgeTkill = "sig-forge-tkill", None, Some(Version { major: 2, minor: 6, patch: 39 }), "Prevent rt_sigqueueinfo and rt_tgsigqueueinfo from spoofing the signal code",
        "SIG-05: sigqueue may say that a signal comes from tgkill.";
    SigForcedLimited = "sig-forced-limited", v(5, 14), v(5, 14), "signal: restore the override_rlimit logic",
        "SIG-04: signals of the kernel and of kill count against RLIMIT_SIGPENDING as well, so that a fault may be delivered without what is known of it (v5.14 to v6.11, CVE-2024-50271, but only under the limit of a user namespace).";
    SigForgeToSelf = "sig-forge-to-self", v(3, 9), None, "signal: allow to send any siginfo to itself",
        "A process may send itself a signal with any si_code.";
    SigSynchronousFirst = "sig-synchronous-first", v(5, 0), None, "signal: Better detection of synchronous signals",
        "Faults of a thread come before all its other signals, in the order of the queue.";
    ExitLastStatus = "exit-last-status", v(6, 0), None, "signal: Guarantee that SIGNAL_GROUP_EXIT is set on process exit",
        "A process whose threads exit one by one ends with the status of the last one; before, with that of its first thread.";
    SignalfdReadIter = "signalfd-read-iter", v(6, 10), None, "signalfd: convert to ->read_iter()",
        "preadv2 of a signalfd knows flags; before, any flag is EOPNOTSUPP.";
    TimerIdsOfProcess = "timer-ids-of-process", v(3, 10), None, "posix timers: Allocate timer id per process (v2)",
        "The ids of timer_create count from 0 in each process; before, they were those of the whole machine.";
    TimerPrefersCurrent = "timer-prefers-current", v(6, 4), None, "posix-timers: Prefer delivery of signals to the current thread",
        "The signal of a timer is tried first on the thread that runs when the timer goes off.";
    TimerDropsStale = "timer-drops-stale", v(6, 13), None, "posix-timers: Drop signal if timer has been deleted or reprogrammed",
        "A pending signal of a timer that was set or deleted meanwhile is dropped when it is taken.";
    TimerParksIgnored = "timer-parks-ignored", v(6, 13), None, "signal: Queue ignored posixtimers on ignore list",
        "An interval timer whose signal is ignored stops until SIG_IGN is taken back, and its signal is queued then.";
}

impl Quirk {
    /// What is known of it.
    pub fn info(self) -> &'static QuirkInfo {
        &QUIRKS[self as usize]
    }

    /// The behaviour with this name.
    pub fn by_name(name: &str) -> Option<Quirk> {
        QUIRKS.iter().find(|q| q.name == name).map(|q| q.quirk)
    }
}

/// A set of behaviours.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct QuirkSet(u128);

impl QuirkSet {
    /// Those that `version` has.
    pub fn of(version: Version) -> Self {
        QUIRKS.iter().filter(|q| q.range.contains(version)).fold(QuirkSet(0), |set, q| set.with(q.quirk, true))
    }

    /// Whether `quirk` is in force.
    #[inline]
    pub fn has(self, quirk: Quirk) -> bool {
        self.0 >> quirk as u8 & 1 == 1
    }

    /// The set with `quirk` switched on or off.
    #[must_use]
    pub fn with(self, quirk: Quirk, on: bool) -> Self {
        let bit = 1u128 << quirk as u8;
        QuirkSet(if on { self.0 | bit } else { self.0 & !bit })
    }

    /// Those in force.
    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        QUIRKS.iter().map(|q| q.quirk).filter(move |&q| self.has(q))
    }
}

/// As a list of names.
impl Serialize for QuirkSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|q| q.info().name))
    }
}

impl<'de> Deserialize<'de> for QuirkSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        names.iter().try_fold(QuirkSet::default(), |set, name| {
            let quirk =
                Quirk::by_name(name).ok_or_else(|| serde::de::Error::custom(format!("unknown quirk `{name}`")))?;
            Ok(set.with(quirk, true))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_in_order_and_names_are_unique() {
        for (i, q) in QUIRKS.iter().enumerate() {
            assert_eq!(q.quirk as usize, i);
            assert_eq!(Quirk::by_name(q.name), Some(q.quirk));
        }
    }

    #[test]
    fn what_no_release_had_is_in_no_version() {
        for version in [Version::new(5, 5), Version::new(5, 6)] {
            assert!(!QuirkSet::of(version).has(Quirk::StaleWasEmpty));
            assert!(!QuirkSet::of(version).has(Quirk::EofWakesOne));
        }
        assert_eq!(Quirk::StaleWasEmpty.info().range.kernels(), "no release");
        assert_eq!(Quirk::ResizeWakesEarly.info().range.kernels(), "v5.8..v6.8");
    }

    #[test]
    fn a_version_has_its_quirks() {
        assert!(QuirkSet::of(Version::new(3, 2)).has(Quirk::PipeOneQueue));
        assert!(!QuirkSet::of(Version::new(6, 1)).has(Quirk::PipeOneQueue));
        assert!(QuirkSet::of(Version::new(6, 12)).has(Quirk::WakeWriterIfWasFull));
        assert!(!QuirkSet::of(Version::new(6, 18)).has(Quirk::WakeWriterIfWasFull));
    }
}
