//! Everything about the machine that is not state: the same program can have other outcomes elsewhere.

use super::{quirk::QuirkSet, version::Version};
use serde::{Deserialize, Serialize};

/// Size of a page, in bytes; also `PIPE_BUF`.
pub const PAGE_SIZE: u32 = 4096;

/// A machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Env {
    /// The kernel's version.
    pub version: Version,
    /// The behaviours in force: those of the version, unless they were switched.
    pub quirks: QuirkSet,
    /// Limits and sysctls.
    pub limits: Limits,
    /// Capabilities that the tasks have towards the initial user namespace.
    pub caps: Caps,
    /// What somebody can see.
    pub observe: Observe,
}

/// Limits and sysctls.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// `fs.pipe-max-size`, bytes.
    pub pipe_max_size: u32,
    /// `fs.pipe-user-pages-soft`, pages; 0 is no limit.
    pub pipe_user_pages_soft: u32,
    /// `fs.pipe-user-pages-hard`, pages; 0 is no limit.
    pub pipe_user_pages_hard: u32,
    /// `RLIMIT_NOFILE`: descriptors are below this.
    pub nofile: u32,
    /// `kernel.msgmax`: longest message, bytes.
    pub msgmax: u32,
    /// `kernel.msgmnb`: bytes of a new message queue.
    pub msgmnb: u32,
    /// `kernel.msgmni`: most message queues.
    pub msgmni: u32,
    /// `RLIMIT_SIGPENDING`: so many queued signals of a user; beyond them siginfo is lost.
    pub sigpending: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            pipe_max_size: 1 << 20,
            pipe_user_pages_soft: 16_384,
            pipe_user_pages_hard: 0,
            nofile: 1024,
            msgmax: 8192,
            msgmnb: 16_384,
            msgmni: 32_000,
            sigpending: 8192,
        }
    }
}

/// Capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Caps {
    /// `CAP_SYS_RESOURCE`
    pub sys_resource: bool,
    /// `CAP_SYS_ADMIN`
    pub sys_admin: bool,
    /// `CAP_IPC_OWNER`
    pub ipc_owner: bool,
    /// `CAP_KILL`
    pub kill: bool,
}

/// Which classes of fields somebody can see: the program, the question, or a probe. What nobody sees is not state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Observe {
    /// What signals carry: who sent them, and why.
    pub siginfo: bool,
    /// Which process used a System V object last.
    pub pids: bool,
}

impl Default for Observe {
    fn default() -> Self {
        Observe { siginfo: true, pids: true }
    }
}

impl Env {
    /// A machine with the kernel's default limits and an unprivileged user.
    pub fn new(version: Version) -> Self {
        Env {
            version,
            quirks: QuirkSet::of(version),
            limits: Limits::default(),
            caps: Caps::default(),
            observe: Observe::default(),
        }
    }
}

impl Default for Env {
    fn default() -> Self {
        Env::new(Version::NEWEST)
    }
}
