//! Rules of semaphore sets.

use super::rules;
use crate::kernel::version::{Version, VersionRange};

const ALL: VersionRange = VersionRange::ALL;
const fn before(major: u16, minor: u16) -> VersionRange {
    VersionRange::before(Version::new(major, minor))
}
const fn since(major: u16, minor: u16) -> VersionRange {
    VersionRange::since(Version::new(major, minor))
}

rules! {
    after super::AFTER_MSG;
    SEM_G_01 "SEM-G-01" ALL, "ksys_semget", "A negative number of semaphores, or one above semmsl, is EINVAL before the key is looked for.";
    SEM_G_02 "SEM-G-02" ALL, "newary", "A new set of no semaphores is EINVAL, one that makes all sets together larger than semmns is ENOSPC; all values are 0 and nobody has used it.";
    SEM_G_03 "SEM-G-03" ALL, "sem_more_checks", "A key whose set has fewer semaphores than asked for is EINVAL, before permissions.";
    SEM_E_01 "SEM-E-01" before(5, 15), "semtimedop", "No operations or a negative id are EINVAL, then too many operations E2BIG, then memory that cannot be read EFAULT, then a bad time EINVAL; all before the set is looked for.";
    SEM_E_02 "SEM-E-02" since(5, 15), "do_semtimedop", "A time that cannot be read is EFAULT, then too many operations E2BIG, none EINVAL, operations that cannot be read EFAULT, a negative id or a bad time EINVAL; all before the set is looked for.";
    SEM_E_03 "SEM-E-03" ALL, "__do_semtimedop", "An operation on a semaphore that the set does not have is EFBIG; then who may not write, or read if nothing is changed, gets EACCES.";
    SEM_E_04 "SEM-E-04" ALL, "find_alloc_undo", "The first operation with SEM_UNDO of a process makes its adjustments to the set, even if it then fails.";
    SEM_T_01 "SEM-T-01" ALL, "perform_atomic_semop", "Operations are tried in the order of the array, each on the values that those before it leave; the first that cannot be done decides, and then none is done.";
    SEM_T_02 "SEM-T-02" ALL, "perform_atomic_semop", "A value above 32767 is ERANGE.";
    SEM_T_03 "SEM-T-03" ALL, "perform_atomic_semop", "An operation waits if the value would be negative, or is to be zero and is not; with IPC_NOWAIT on this very operation the call is EAGAIN.";
    SEM_T_04 "SEM-T-04" ALL, "perform_atomic_semop", "The same semaphore may be named several times.";
    SEM_T_05 "SEM-T-05" since(3, 17), "perform_atomic_semop", "An adjustment outside of -32768 to 32767 is ERANGE, whichever operations of the call together make it so.";
    SEM_T_05_EACH "SEM-T-05-EACH" before(3, 17), "try_atomic_semop", "An adjustment outside of -32768 to 32767 is ERANGE; each operation is compared with the adjustment from before the call.";
    SEM_T_07 "SEM-T-07" ALL, "perform_atomic_semop", "Success notes the process at every semaphore that is named, a waiter's own process if somebody does its operations.";
    SEM_T_08 "SEM-T-08" ALL, "perform_atomic_semop", "SEM_UNDO subtracts the operation from the adjustment.";
    SEM_T_09 "SEM-T-09" since(3, 12), "__do_semtimedop", "A successful wait for zero is an operation like others: it sets sem_otime.";
    SEM_T_09_ALTER "SEM-T-09-ALTER" VersionRange::between(Version { major: 2, minor: 6, patch: 35 }, Version::new(3, 12)), "semtimedop", "A wait for zero that succeeds at once does not set sem_otime.";
    SEM_Q_01 "SEM-Q-01" before(3, 11), "semtimedop", "Who changes nothing waits at the head of the set's list, everybody else at its end; with one operation in that of the semaphore too.";
    SEM_Q_02 "SEM-Q-02" since(3, 11), "__do_semtimedop", "A call of one operation waits at the end of the semaphore's list, of those that wait for zero or of the others.";
    SEM_Q_02_GLOBAL "SEM-Q-02-GLOBAL" since(3, 11), "__do_semtimedop", "While a call of several operations waits, others that change something wait in the set's list, behind it.";
    SEM_Q_02_COMPLEX "SEM-Q-02-COMPLEX" since(3, 11), "__do_semtimedop", "A call of several operations waits at the end of the set's list, of those that change nothing or of the others.";
    SEM_Q_02_MERGE "SEM-Q-02-MERGE" since(3, 11), "merge_queues", "With the first call of several operations those that wait at single semaphores enter the set's list before it: the last semaphore's first.";
    SEM_Q_02_UNMERGE "SEM-Q-02-UNMERGE" since(3, 11), "unmerge_queues", "When no call of several operations waits any more, the others return to the lists of their semaphores, in order.";
    SEM_U_01 "SEM-U-01" before(3, 11), "do_smart_update", "After a change the lists of semaphores that became larger, or zero, are gone through; the set's instead if a call of several operations waits, or if anything may have changed.";
    SEM_U_02 "SEM-U-02" before(3, 11), "update_queue", "Who can go on, or fails now, leaves the list and is woken; who cannot is passed over.";
    SEM_U_03 "SEM-U-03" before(3, 11), "check_restart", "The list is begun again after a waiter of several operations, or while one waits, and if a semaphore became zero that somebody waits for.";
    SEM_U_04 "SEM-U-04" before(3, 11), "update_queue", "Those who wait for zero are served first, the newest first; then the others, first come first.";
    SEM_U_05 "SEM-U-05" since(3, 11), "do_smart_wakeup_zero", "After a change those who wait for zero are looked at first, at each semaphore that was named and is zero; then those who wait for several.";
    SEM_U_05_GLOBAL "SEM-U-05-GLOBAL" since(3, 11), "do_smart_update", "Then the set's list is gone through, if there is somebody in it; else those of the semaphores that became larger.";
    SEM_U_06 "SEM-U-06" since(3, 11), "update_queue", "Who can go on, or fails now, leaves the list and is woken; the list is begun again after a call of several operations and while the set's list is in use.";
    SEM_U_07 "SEM-U-07" since(3, 11), "update_queue", "After each waiter who went on those who wait for zero are looked at, and are woken before it.";
    SEM_U_08 "SEM-U-08" since(3, 11), "update_queue", "A waiter that cannot go on is passed over: those behind it may.";
    SEM_U_09 "SEM-U-09" ALL, "wake_up_sem_queue_prepare", "A waiter's operations are done for it while it sleeps; it is woken after the lock was dropped, and permissions are not looked at again.";
    SEM_U_10 "SEM-U-10" since(3, 11), "update_queue", "A waiter may fail: another of its operations has IPC_NOWAIT, or a value or an adjustment is out of range by now.";
    SEM_U_11 "SEM-U-11" ALL, "do_smart_update", "sem_otime is set by an operation that changes something, by a waiter who went on, and by adjustments at exit; not by SETVAL and SETALL alone.";
    SEM_W_01 "SEM-W-01" ALL, "__do_semtimedop", "A signal ends a sleep with EINTR, whatever its action.";
    SEM_W_02 "SEM-W-02" ALL, "__do_semtimedop", "When the time is over the call is EAGAIN.";
    SEM_W_03 "SEM-W-03" ALL, "__do_semtimedop", "Who was given a result returns it, without the lock, whatever else has happened.";
    SEM_W_04 "SEM-W-04" ALL, "__do_semtimedop", "Who gives up leaves the queues and wakes nobody.";
    SEM_CTL_01 "SEM-CTL-01" ALL, "ksys_semctl", "A negative id and an unknown command are EINVAL.";
    SEM_CTL_02 "SEM-CTL-02" ALL, "semctl_main", "GETVAL, GETPID, GETNCNT and GETZCNT need the right to read, and then a semaphore that the set has: EINVAL.";
    SEM_CTL_03 "SEM-CTL-03" since(3, 10), "semctl_setval", "SETVAL: a value out of range is ERANGE first; then the set, then the semaphore, EINVAL, and only then the right to write.";
    SEM_CTL_03_OLD "SEM-CTL-03-OLD" before(3, 10), "semctl_main", "SETVAL: the set, the right to write, the semaphore, and only then ERANGE.";
    SEM_CTL_04 "SEM-CTL-04" ALL, "semctl_setval", "SETVAL gives the value, notes the process, and every process forgets its adjustment to the semaphore; then all waiters are looked at.";
    SEM_CTL_05 "SEM-CTL-05" ALL, "semctl_main", "SETALL: the set, the right to write, EFAULT, ERANGE, and then the set once more, which may be gone: EIDRM. All adjustments are forgotten.";
    SEM_CTL_05_PID "SEM-CTL-05-PID" since(4, 6), "semctl_main", "SETALL notes the process at every semaphore.";
    SEM_CTL_06 "SEM-CTL-06" since(3, 16), "count_semcnt", "GETNCNT and GETZCNT count tasks, each at the first of its operations that could not be done when they were last tried.";
    SEM_CTL_07 "SEM-CTL-07" ALL, "semctl_main", "GETPID is the process of the last operation, SETVAL, SETALL, or adjustment at exit.";
    SEM_CTL_08 "SEM-CTL-08" ALL, "semctl_stat", "IPC_STAT tells owner, size and times; IPC_SET changes owner and permissions.";
    SEM_CTL_09 "SEM-CTL-09" ALL, "freeary", "IPC_RMID gives EIDRM to all waiters, those of the set's lists first, and all adjustments are forgotten.";
    SEM_CTL_10 "SEM-CTL-10" ALL, "semctl_info", "IPC_INFO tells the limits, SEM_INFO also the sets and semaphores in use; nobody needs permission.";
    SEM_X_01 "SEM-X-01" ALL, "exit_sem", "Adjustments belong to the process, and are made when its last thread exits.";
    SEM_X_02 "SEM-X-02" ALL, "exit_sem", "Sets are adjusted one after the other, the one used last first.";
    SEM_X_03 "SEM-X-03" ALL, "exit_sem", "An adjustment is added to the value and the process noted; then all waiters are looked at.";
    SEM_X_03_CLAMP "SEM-X-03-CLAMP" ALL, "exit_sem", "An adjustment does not wait: a value below 0 becomes 0, one above 32767 becomes 32767.";
    SEM_08 "SEM-08" VersionRange::between(Version::new(3, 10), Version::new(3, 11)), "do_smart_update", "Calls of several operations have a list of their own, and are looked at before those of one, however long these have waited.";
    SEM_09 "SEM-09" before(3, 16), "count_semncnt, count_semzcnt", "GETNCNT and GETZCNT count operations, whether or not a task waits for just this one.";
    SEM_10 "SEM-10" before(4, 6), "semctl_main", "SETALL leaves the processes that are noted.";
    SEM_10_BLOCKED "SEM-10-BLOCKED" VersionRange::before(Version { major: 2, minor: 4, patch: 2 }), "try_atomic_semop", "An operation that has to wait notes the process.";
}
