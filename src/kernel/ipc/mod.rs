//! System V IPC. Here stands what message queues, semaphore sets and shared memory have in common: ids, keys, permissions.

mod call;
mod ids;
pub mod msg;
mod perm;
mod pid;
pub mod sem;
pub mod shm;
mod wake_q;

pub use call::{IPC_PRIVATE, IpcFlags, IpcId, IpcKey, IpcSet, MsgFlags};
pub(super) use ids::IpcOps;
pub use ids::{IPCMNI, IpcIds, IpcKind, IpcSlot};
pub use perm::{KernIpcPerm, S_IRUGO, S_IWUGO};
pub use pid::Pid;
pub(super) use wake_q::WakeQ;
