//! What the outcome of a program can depend on besides the program.

use crate::kernel::Version;
use serde::{Deserialize, Serialize};

/// What a target is like, as the tasks of a program see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// The kernel's version.
    pub version: Version,
    /// The whole release string.
    pub release: String,
    /// Bytes in a page.
    pub page_size: u32,
    /// `fs.pipe-max-size`.
    pub pipe_max_size: u64,
    /// `fs.pipe-user-pages-soft`.
    pub pipe_user_pages_soft: u64,
    /// `fs.pipe-user-pages-hard`.
    pub pipe_user_pages_hard: u64,
    /// Whether tasks have `CAP_SYS_RESOURCE` where it counts, in the initial user namespace.
    pub cap_sys_resource: bool,
    /// Whether tasks have `CAP_SYS_ADMIN` there.
    pub cap_sys_admin: bool,
    /// How many descriptors a process may have.
    pub nofile: u64,
    /// `kernel.msgmax`.
    pub msgmax: u64,
    /// `kernel.msgmnb`.
    pub msgmnb: u64,
    /// `kernel.msgmni`.
    pub msgmni: u64,
    /// CPUs that tasks may use.
    pub cpus: usize,
    /// Whether tasks can be `SCHED_FIFO`: without it, steering is slower and tasks cannot be held.
    pub realtime: bool,
}
