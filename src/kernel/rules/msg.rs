//! Rules of message queues.

use super::rules;
use crate::kernel::version::{Version, VersionRange};

const ALL: VersionRange = VersionRange::ALL;
const V3_8: VersionRange = VersionRange::since(Version::new(3, 8));
const TO_V4_9: VersionRange = VersionRange::before(Version::new(4, 9));
const V4_9: VersionRange = VersionRange::since(Version::new(4, 9));
const TO_V4_10: VersionRange = VersionRange::before(Version::new(4, 10));
const V4_10: VersionRange = VersionRange::since(Version::new(4, 10));
const TO_V4_13: VersionRange = VersionRange::before(Version::new(4, 13));
const V4_13: VersionRange = VersionRange::since(Version::new(4, 13));
const LOOSE: VersionRange = VersionRange::between(Version::new(3, 8), Version::new(3, 14));

rules! {
    after super::AFTER_IPC;
    MSG_G_01 "MSG-G-01" ALL, "newque", "A new queue is empty, nobody has used it, and it may hold msgmnb bytes.";
    MSG_S_01 "MSG-S-01" ALL, "do_msgsnd", "A type that cannot be read, then size, id and type out of range, then text that cannot be read: all before the queue is looked for.";
    MSG_S_02 "MSG-S-02" ALL, "do_msgsnd", "The right to write is looked at before each attempt; without room a sender sleeps at the end of the senders, or gets EAGAIN.";
    MSG_S_03 "MSG-S-03" ALL, "msg_fits_inqueue", "There is room if neither the bytes nor the number of messages would be more than msg_qbytes.";
    MSG_S_04 "MSG-S-04" ALL, "do_msgsnd", "Who finds room sends, though others have been waiting for theirs.";
    MSG_S_05 "MSG-S-05" ALL, "do_msgsnd", "A woken sender leaves the queue of senders, looks at signals, and tries again; without room it goes to the end.";
    MSG_S_06 "MSG-S-06" ALL, "do_msgsnd", "A send notes process and time, and then offers the message to those who wait, or appends it.";
    MSG_S_07 "MSG-S-07" ALL, "pipelined_send", "The first waiting receiver whose type fits and whose buffer is large enough gets the message; it is never in the queue.";
    MSG_S_08 "MSG-S-08" ALL, "pipelined_send", "A waiting receiver whose type fits and whose buffer is too small gets E2BIG, and the next one is looked at.";
    MSG_S_10 "MSG-S-10" ALL, "pipelined_send", "A message handed over notes the receiving thread; one taken from the queue the receiving process.";
    MSG_R_01 "MSG-R-01" ALL, "do_msgrcv", "A negative id or size is EINVAL before anything else; then come MSG_COPY's own demands, the queue, and the right to read.";
    MSG_R_02 "MSG-R-02" ALL, "convert_mode", "Type 0 is the first message, a positive type the first of this type, with MSG_EXCEPT of any other.";
    MSG_R_03 "MSG-R-03" V4_10, "convert_mode", "The most negative type means every message.";
    MSG_R_04 "MSG-R-04" ALL, "find_msg", "A negative type is the first message of the lowest type not above its absolute value.";
    MSG_R_05 "MSG-R-05" ALL, "do_msgrcv", "A message longer than the buffer is E2BIG and stays; with MSG_NOERROR it is taken, cut, and the rest is lost.";
    MSG_R_06 "MSG-R-06" ALL, "do_msgrcv", "Taking a message notes process and time, makes room for all of it, and wakes senders.";
    MSG_R_07 "MSG-R-07" ALL, "do_msg_fill", "A message that cannot be copied out is lost: EFAULT.";
    MSG_R_08 "MSG-R-08" ALL, "do_msgrcv", "Without a message a receiver sleeps at the end of the receivers, or gets ENOMSG.";
    MSG_R_09 "MSG-R-09" ALL, "do_msgrcv", "A receiver woken with nothing left for it looks at signals, and then at permissions and messages again.";
    MSG_R_10 "MSG-R-10" ALL, "do_msgrcv, do_msgsnd", "A handler ends a sleeping msgrcv or msgsnd with EINTR, SA_RESTART or not; after a signal without one it is made again.";
    MSG_C_01 "MSG-C-01" V3_8, "do_msgrcv", "MSG_COPY needs IPC_NOWAIT and does not go with MSG_EXCEPT: EINVAL.";
    MSG_C_02 "MSG-C-02" V3_8, "prepare_copy", "MSG_COPY reads the buffer first: EFAULT.";
    MSG_C_03 "MSG-C-03" V3_8, "find_msg, copy_msg", "MSG_COPY copies the message at a position, counted from 0, and changes nothing; ENOMSG if there is none.";
    MSG_C_04 "MSG-C-04" V3_8, "copy_msg", "MSG_COPY with MSG_NOERROR of a message that is too long is EINVAL; it is not cut.";
    MSG_W_01 "MSG-W-01" TO_V4_9, "ss_wakeup", "All senders are woken, in order.";
    MSG_W_02 "MSG-W-02" V4_9, "ss_wakeup", "Senders are woken for whose message there is room now, each on its own, in order.";
    MSG_W_03 "MSG-W-03" V4_9, "ss_wakeup", "Senders for whose message there is no room go to the end, in order.";
    MSG_CTL_01 "MSG-CTL-01" ALL, "ksys_msgctl", "A negative id and an unknown command are EINVAL.";
    MSG_CTL_02 "MSG-CTL-02" ALL, "msgctl_stat", "IPC_STAT needs the right to read.";
    MSG_CTL_02_NULL "MSG-CTL-02-NULL" TO_V4_13, "msgctl_nolock", "A null buffer is EFAULT before the queue is looked for.";
    MSG_CTL_03 "MSG-CTL-03" ALL, "msgctl_down", "IPC_SET: EFAULT, then the queue, then EPERM for who does not own it, then EPERM above msgmnb without CAP_SYS_RESOURCE, then EINVAL.";
    MSG_CTL_04 "MSG-CTL-04" V4_13, "msgctl_down", "IPC_SET looks at the low 32 bits of msg_qbytes.";
    MSG_CTL_05 "MSG-CTL-05" ALL, "msgctl_down", "IPC_SET lets every receiver look again, and wakes senders.";
    MSG_CTL_06 "MSG-CTL-06" ALL, "freeque", "IPC_RMID gives EIDRM to receivers, then to senders, and the messages are gone.";
    MSG_CTL_07 "MSG-CTL-07" ALL, "msgctl_info", "IPC_INFO tells the limits, MSG_INFO also the queues, messages and bytes in use; nobody needs permission.";
    MSG_CTL_08 "MSG-CTL-08" ALL, "msgctl_stat", "IPC_STAT tells owner, counters, the last two processes, and the times.";
    MSG_02 "MSG-02" LOOSE, "do_msgrcv", "MSG_COPY may sleep, and then returns whatever is sent next.";
    MSG_03 "MSG-03" TO_V4_10, "convert_mode", "The most negative type is negated to itself and matches nothing.";
}
