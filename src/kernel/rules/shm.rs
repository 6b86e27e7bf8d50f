//! Rules of shared memory.

use super::rules;
use crate::kernel::version::{Version, VersionRange};

const ALL: VersionRange = VersionRange::ALL;
const NOT_ROUNDED: VersionRange = VersionRange::between(Version::new(4, 11), Version::new(4, 17));

rules! {
    after super::AFTER_MSG;
    SHM_G_01 "SHM-G-01" ALL, "shm_more_checks", "A key whose segment is smaller than asked for is EINVAL, before permissions are looked at and after EEXIST; size 0 asks for nothing.";
    SHM_G_02 "SHM-G-02" ALL, "newseg", "Only a new segment is measured: no bytes, or more than shmmax, is EINVAL.";
    SHM_G_02_ALL "SHM-G-02-ALL" ALL, "newseg", "A new segment with which all would have more pages than shmall is ENOSPC.";
    SHM_G_04 "SHM-G-04" ALL, "newseg", "A new segment is all zero, attached by nobody, as large as asked for, and knows who made it.";
    SHM_A_01 "SHM-A-01" ALL, "do_shmat", "shmat looks at the sign of the id, then at the address, then for the segment, then at permissions, and then at what is mapped.";
    SHM_A_02 "SHM-A-02" ALL, "do_shmat", "At address 0 the kernel chooses the place; SHM_REMAP is EINVAL there.";
    SHM_A_03 "SHM-A-03" ALL, "do_shmat", "An address inside of a page is EINVAL, or with SHM_RND rounded down.";
    SHM_A_03_LOW "SHM-A-03-LOW" ALL, "security_mmap_addr", "A place below mmap_min_addr, 0 after rounding down included, is EPERM without privilege.";
    SHM_A_04 "SHM-A-04" ALL, "do_shmat", "At a given address nothing may be mapped in the whole range, unless SHM_REMAP is set: EINVAL.";
    SHM_A_05 "SHM-A-05" ALL, "do_shmat", "shmat asks for the right to read and write, with SHM_RDONLY to read, with SHM_EXEC to execute as well.";
    SHM_A_06 "SHM-A-06" ALL, "do_shmat", "SHM_RDONLY maps for reading: a store ends the process with SIGSEGV.";
    SHM_A_07 "SHM-A-07" ALL, "shm_mmap", "An attach counts one more, and is the last attach; one that fails leaves no trace.";
    SHM_A_08 "SHM-A-08" ALL, "do_shmat", "SHM_REMAP unmaps what is in the way: a mapping that is covered is detached.";
    SHM_A_09 "SHM-A-09" ALL, "do_shmat", "Whole pages are mapped: bytes between the size of the segment and the end of its last page are shared as well, those beyond are SIGSEGV.";
    SHM_A_10 "SHM-A-10" ALL, "do_shmat", "A segment that is removed and still attached can be attached by its id.";
    SHM_V_01 "SHM-V-01" ALL, "shm_open", "fork counts every mapping of the child, and the parent is who attached last.";
    SHM_V_02 "SHM-V-02" ALL, "shm_open, shm_close", "What is counted is mappings: one whose middle is replaced counts twice, one that loses an end still once.";
    SHM_V_03 "SHM-V-03" ALL, "shm_close", "Every mapping that goes, by shmdt, by another in its place, or by exit of any kind, is a detach by its process.";
    SHM_D_01 "SHM-D-01" ALL, "ksys_shmdt", "shmdt of an address inside of a page, or where no segment would begin, is EINVAL.";
    SHM_D_02 "SHM-D-02" ALL, "ksys_shmdt", "shmdt unmaps every piece that is left of the attach that began there, its first page mapped or not.";
    SHM_C_01 "SHM-C-01" ALL, "ksys_shmctl", "A negative id and an unknown command are EINVAL.";
    SHM_C_02 "SHM-C-02" ALL, "shmctl_stat", "IPC_STAT needs the right to read, and shows SHM_DEST and SHM_LOCKED in the mode.";
    SHM_C_03 "SHM-C-03" ALL, "shmctl_down", "IPC_SET changes owner and permissions, of a removed segment too.";
    SHM_C_04 "SHM-C-04" ALL, "do_shm_rmid", "IPC_RMID of a segment that nobody has attached destroys it; of another it takes away the key and marks it SHM_DEST, as often as it is called.";
    SHM_C_05 "SHM-C-05" ALL, "shm_may_destroy", "A segment marked SHM_DEST is destroyed when it is detached for the last time.";
    SHM_C_06 "SHM-C-06" ALL, "shmctl_do_lock", "SHM_LOCK and SHM_UNLOCK are for owner, maker and CAP_IPC_LOCK, else EPERM; the mode shows SHM_LOCKED.";
    SHM_C_07 "SHM-C-07" ALL, "shmctl_ipc_info, shmctl_shm_info", "IPC_INFO tells the limits, SHM_INFO what is in use; both return the highest index.";
    SHM_04 "SHM-04" NOT_ROUNDED, "do_shmat", "SHM_RND does not round an address in the first page: it is EINVAL.";
    SHM_F_01 "SHM-F-01" ALL, "exit_shm", "With kernel.shm_rmid_forced a segment is destroyed at its last detach, and at the exit of the task that made it if nobody has it attached.";
}
