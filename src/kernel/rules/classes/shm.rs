//! The classes of the rules of shared memory.

use super::{
    Class::{self, Invisible, Later, ModelOnly},
    DEFECT, STEPS, Unnamed, unnamed,
};

pub(super) const RUN: &[&str] = &[
    "SHM-G-01",
    "SHM-G-02",
    "SHM-G-04",
    "SHM-A-01",
    "SHM-A-02",
    "SHM-A-03",
    "SHM-A-03-LOW",
    "SHM-A-04",
    "SHM-A-05",
    "SHM-A-06",
    "SHM-A-07",
    "SHM-A-08",
    "SHM-A-09",
    "SHM-A-10",
    "SHM-V-01",
    "SHM-V-02",
    "SHM-V-03",
    "SHM-D-01",
    "SHM-D-02",
    "SHM-C-01",
    "SHM-C-02",
    "SHM-C-03",
    "SHM-C-04",
    "SHM-C-05",
    "SHM-C-06",
    "SHM-C-07",
];

pub(super) const EXCEPTIONS: &[(&str, Class)] = &[
    ("SHM-G-02-ALL", ModelOnly("other limits: nothing that is the user's own is changed")),
    ("SHM-F-01", ModelOnly("another setting of kernel.shm_rmid_forced")),
    ("SHM-04", DEFECT),
];

const OTHER_CALLS: Class = Later("munmap, mprotect and mremap");
const SYSCTL: Class = Later("sysctls that change during a test");

pub(super) const UNNAMED: &[Unnamed] = &[
    unnamed("SHM-G-03", Later("huge pages"), "SHM_HUGETLB needs a good size, permission, and pages set aside."),
    unnamed(
        "SHM-G-05",
        Invisible("numbers that the model takes from the machine"),
        "shmmax and shmall are nearly unlimited since v3.16, 32 MiB and 2097152 pages before; shmmni is 4096.",
    ),
    unnamed("SHM-V-04", OTHER_CALLS, "mremap opens the new mapping and then closes the old one."),
    unnamed(
        "SHM-V-05",
        Invisible("an invariant of the model, checked after every step"),
        "The number of mappings is never seen to be negative.",
    ),
    unnamed(
        "SHM-D-03",
        Later("signals that kill"),
        "shmdt can be killed while it waits for the lock of the address space.",
    ),
    unnamed(
        "STEP-SHM-01",
        STEPS,
        "shmat looks for the segment, counts itself under its lock, maps, and counts itself out again, in four steps.",
    ),
    unnamed(
        "STEP-SHM-02",
        STEPS,
        "While an attach is under way others see one mapping too many, and a removal waits for its end.",
    ),
    unnamed(
        "STEP-SHM-03",
        STEPS,
        "A detach unmaps and counts under the locks of the address space, of all ids and of the segment.",
    ),
    unnamed("STEP-SHM-04", STEPS, "Creation and removal exclude each other; looking at a segment excludes neither."),
    unnamed(
        "SHM-01",
        SYSCTL,
        "A sweep after a change of kernel.shm_rmid_forced took a segment for unused that was just being attached (before 2026).",
    ),
    unnamed(
        "SHM-02",
        Later("the lifetime of a segment's file"),
        "IPC_RMID released the file that shmctl and shmat of others still used (v3.12, CVE-2013-7026).",
    ),
    unnamed("SHM-03", OTHER_CALLS, "An id that was used again while a mapping was made anew led to the wrong file."),
    unnamed("SHM-05", Later("several IPC namespaces"), "A task's exit raced with the end of its segments' namespace."),
];
