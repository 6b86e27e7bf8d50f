//! Rules that all System V IPC has in common.

use super::rules;
use crate::kernel::version::{Version, VersionRange};

const ALL: VersionRange = VersionRange::ALL;
const V3_7: VersionRange = VersionRange::since(Version::new(3, 7));
const TO_V4_2: VersionRange = VersionRange::before(Version::new(4, 2));
const V4_2: VersionRange = VersionRange::since(Version::new(4, 2));
const V4_17: VersionRange = VersionRange::since(Version::new(4, 17));
const TO_V5_2: VersionRange = VersionRange::before(Version::new(5, 2));
const V5_2: VersionRange = VersionRange::since(Version::new(5, 2));

rules! {
    after super::AFTER_SPLICE;
    IPC_ID_02 "IPC-ID-02" TO_V5_2, "ipc_addid", "A new object takes the lowest free index, with another sequence number each time.";
    IPC_ID_03 "IPC-ID-03" V5_2, "ipc_idr_alloc", "A new object takes the index after the last one, around a cycle of at least 64; only when the index does not grow comes another sequence number.";
    IPC_ID_05 "IPC-ID-05" ALL, "ipc_obtain_object_idr", "An id whose index has no object is EINVAL.";
    IPC_ID_05_SEQ "IPC-ID-05-SEQ" V4_2, "ipc_obtain_object_check", "An id whose index has another object by now is EINVAL.";
    IPC_ID_05_EIDRM "IPC-ID-05-EIDRM" TO_V4_2, "ipc_checkid", "An id whose index has another object by now is EIDRM.";
    IPC_ID_06 "IPC-ID-06" ALL, "ipc_valid_object", "An object that is removed while the caller sleeps, or before it has the lock, is EIDRM.";
    IPC_KEY_01 "IPC-KEY-01" ALL, "ipcget_new", "IPC_PRIVATE is always a new object, with IPC_CREAT or without.";
    IPC_KEY_02 "IPC-KEY-02" ALL, "ipcget_public", "A key without an object is ENOENT unless IPC_CREAT is set; one with an object is EEXIST if IPC_EXCL is set too.";
    IPC_KEY_03 "IPC-KEY-03" ALL, "ipc_check_perms", "The permission bits passed with a key are what is asked for: EACCES if not granted. None asks for nothing.";
    IPC_PERM_01 "IPC-PERM-01" ALL, "ipcperms", "Owner and maker have the owner's bits, their groups the group's, everybody else the last three; CAP_IPC_OWNER has all.";
    IPC_PERM_02 "IPC-PERM-02" ALL, "ipcperms", "An owner is denied what the owner's bits deny, even if they would be granted to everybody else.";
    IPC_PERM_03 "IPC-PERM-03" ALL, "ipcctl_obtain_check", "Only owner and maker may change or remove an object, whatever its mode: EPERM for others.";
    IPC_PERM_04 "IPC-PERM-04" ALL, "ipc_update_perm", "IPC_SET changes owner, group and nine permission bits, neither the maker nor the key.";
    IPC_PERM_04_EINVAL "IPC-PERM-04-EINVAL" V3_7, "ipc_update_perm", "IPC_SET with a user or group that is none is EINVAL, and changes nothing.";
    IPC_LIM_01 "IPC-LIM-01" ALL, "ipc_addid", "A new object over the limit of its kind is ENOSPC.";
    IPC_INFO_01 "IPC-INFO-01" ALL, "ipc_get_maxidx, msgctl_stat", "IPC_INFO returns the highest index in use, and the STAT that takes an index returns the id.";
    IPC_INFO_01_ANY "IPC-INFO-01-ANY" V4_17, "msgctl_stat", "STAT_ANY needs no permission.";
}
