//! Rules of `splice`, `tee` and `vmsplice`, and of regular files as their partners.

use super::rules;
use crate::kernel::version::{Version, VersionRange};

const ALL: VersionRange = VersionRange::ALL;
const V5_1: VersionRange = VersionRange::since(Version::new(5, 1));
const V5_2: VersionRange = VersionRange::since(Version::new(5, 2));
const V4_10: VersionRange = VersionRange::since(Version::new(4, 10));
const V6_4: VersionRange = VersionRange::since(Version::new(6, 4));
const DIRTY: VersionRange = VersionRange::between(Version::new(5, 8), Version { major: 5, minor: 16, patch: 11 });

rules! {
    after super::AFTER_PIPE;
    SPL_01 "SPL-01" ALL, "splice, tee, vmsplice", "A splice of no bytes returns 0, splice even before it looks at the descriptors.";
    SPL_01_FLAGS "SPL-01-FLAGS" V4_10, "splice, tee, vmsplice", "An unknown flag is EINVAL, before the descriptors are looked at.";
    SPL_02 "SPL-02" ALL, "do_splice, do_tee", "An offset for a pipe is ESPIPE, a file open the wrong way EBADF; two files, one pipe at both ends and an O_APPEND output are EINVAL.";
    SPL_02_ROOM "SPL-02-ROOM" VersionRange::since(Version::new(4, 9)), "splice_file_to_pipe", "That a file cannot be spliced from, a signalfd for example, is found out when the pipe has room: a full pipe, or one without readers, comes first.";
    SPL_02_MODE "SPL-02-MODE" VersionRange::before(Version::new(5, 11)), "do_splice", "A file open the wrong way is EBADF before an offset for a pipe is ESPIPE.";
    SPL_03 "SPL-03" V5_2, "do_splice, do_tee", "O_NONBLOCK of a pipe's file counts like SPLICE_F_NONBLOCK; for vmsplice it does not.";
    SPL_04 "SPL-04" ALL, "splice_pipe_to_pipe", "Between pipes a slot goes over whole if all of its bytes are asked for.";
    SPL_04_WAIT "SPL-04-WAIT" ALL, "ipipe_prep, opipe_prep, wait_for_space", "A splice waits first for bytes in the input, then for a free slot in the output, and only while it has moved nothing.";
    SPL_04_MERGE "SPL-04-MERGE" VersionRange::before(Version::new(5, 5)), "ipipe_prep, splice_from_pipe_next, link_pipe", "With a writer asleep, a splice waits for its bytes: between pipes even if it must not wait, out of a pipe even if it has some.";
    SPL_04_EOF "SPL-04-EOF" ALL, "ipipe_prep, splice_from_pipe_next", "An empty input without writers is the end: 0, or what was moved.";
    SPL_04_AGAIN "SPL-04-AGAIN" ALL, "ipipe_prep, opipe_prep, wait_for_space", "Where it would wait, a splice that must not is EAGAIN.";
    SPL_04_EPIPE "SPL-04-EPIPE" ALL, "opipe_prep, wait_for_space", "An output without readers is SIGPIPE and EPIPE.";
    SPL_05 "SPL-05" ALL, "splice_pipe_to_pipe", "A slot that goes over whole may still be appended to.";
    SPL_05_SPLIT "SPL-05-SPLIT" V5_1, "splice_pipe_to_pipe, link_pipe", "A slot that shows part of another one's page, or the same page after tee, is never appended to.";
    SPL_05_LINKED "SPL-05-LINKED" VersionRange::before(Version::new(5, 1)), "splice_pipe_to_pipe, link_pipe", "A slot that tee or a partial splice duplicated may still be appended to, over bytes that the other slot shows.";
    SPL_05_PAGE "SPL-05-PAGE" ALL, "pipe_write", "Bytes appended to a shared page are seen by everybody who can see that part of it.";
    SPL_06 "SPL-06" ALL, "link_pipe", "tee leaves the input as it is, and ends with the input's last slot or the output's last free one.";
    SPL_07 "SPL-07" ALL, "vmsplice_to_pipe", "vmsplice puts each page of memory into a slot of its own that is never appended to.";
    SPL_07_STORE "SPL-07-STORE" ALL, "vmsplice_to_pipe", "What is stored into memory after vmsplice is seen by who reads the pipe, and by who reads a slot that tee or splice made of it; with SPLICE_F_GIFT too.";
    SPL_07_OUT "SPL-07-OUT" ALL, "vmsplice_to_user", "On the read end vmsplice copies bytes out, like read.";
    SPL_08 "SPL-08" ALL, "shmem_file_splice_read", "A file's pages go into slots by reference: later writes to the file are seen by who reads the pipe.";
    SPL_08_FIRST "SPL-08-FIRST" VersionRange::before(Version::new(4, 9)), "generic_file_splice_read", "At the end of the file a splice is 0 even if the pipe is full or has no readers.";
    SPL_08_FLAGS "SPL-08-FLAGS" DIRTY, "copy_page_to_iter_pipe", "A slot that a file's page is put into keeps the flags of its previous tenant.";
    SPL_08_DIRTY "SPL-08-DIRTY" DIRTY, "pipe_write", "A write is appended to a page of a file.";
    SPL_09 "SPL-09" ALL, "iter_file_splice_write", "Into a file a splice writes all slots that are there, and moves the position or the offset passed.";
    SPL_11 "SPL-11" V6_4, "pipe_clear_nowait", "A splice or vmsplice makes a pipe's file refuse RWF_NOWAIT from then on.";
    SPL_K_01 "SPL-K-01" ALL, "wakeup_pipe_readers", "A splice that put bytes into a pipe wakes a reader, before v5.5 everybody, empty or not before.";
    SPL_K_02 "SPL-K-02" ALL, "wakeup_pipe_writers", "A splice that freed a slot wakes a writer, before v5.5 everybody, full or not before.";
    FILE_O_01 "FILE-O-01" ALL, "may_open", "A file is opened only as its mode allows: EACCES.";
    FILE_R_01 "FILE-R-01" ALL, "shmem_file_read_iter", "A read takes what lies between the position and the end, holes as zeros, and never waits.";
    FILE_R_02 "FILE-R-02" ALL, "shmem_file_llseek", "The position belongs to the open file description; it may lie beyond the end.";
    FILE_W_01 "FILE-W-01" ALL, "generic_perform_write", "A write lies over what is there and makes the file longer where it reaches beyond its end.";
    FILE_W_02 "FILE-W-02" ALL, "generic_write_checks", "With O_APPEND every write is at the end, pwrite too.";
    FILE_T_01 "FILE-T-01" ALL, "shmem_setattr", "Truncation zeroes the rest of the last page in place, and takes whole pages out of the file, whoever else refers to them.";
}
