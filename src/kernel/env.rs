//! Everything about the machine that is not state: the same program can have other outcomes elsewhere.

use super::{
    quirk::{Quirk, QuirkSet},
    version::Version,
};
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
    /// In which order the processor's writes to shared memory become visible.
    #[serde(default)]
    pub memory: Memory,
}

/// In which order accesses to shared memory become visible to others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memory {
    /// Sequentially consistent: one access after the other, at once visible to all.
    #[default]
    Sc,
    /// Total store order, as on x86: each task's stores pass through a buffer that only the task itself looks into.
    Tso,
}

impl Memory {
    /// As it is written on the command line and in tests.
    pub fn name(self) -> &'static str {
        match self {
            Memory::Sc => "sc",
            Memory::Tso => "tso",
        }
    }
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
    /// `kernel.sem`, first number: most semaphores of a set.
    pub semmsl: u32,
    /// `kernel.sem`, second number: most semaphores of all sets.
    pub semmns: u32,
    /// `kernel.sem`, third number: most operations of a `semop`.
    pub semopm: u32,
    /// `kernel.sem`, fourth number: most sets.
    pub semmni: u32,
    /// `kernel.shmmax`: bytes of a segment.
    pub shmmax: u64,
    /// `kernel.shmall`: pages of all segments.
    pub shmall: u64,
    /// `kernel.shmmni`: most segments.
    pub shmmni: u32,
    /// `vm.mmap_min_addr`: nothing is mapped below without privilege.
    pub mmap_min_addr: u64,
    /// `kernel.shm_rmid_forced`: segments go with their last user.
    pub shm_rmid_forced: bool,
    /// `RLIMIT_SIGPENDING`: so many queued signals of a user; beyond them siginfo is lost.
    pub sigpending: u32,
}

impl Limits {
    /// The default of `kernel.shmmax` and `kernel.shmall` since v3.16: `ULONG_MAX - (1UL << 24)`.
    pub const SHM_UNLIMITED: u64 = u64::MAX - (1 << 24);

    /// The defaults of a version.
    pub fn of(version: Version) -> Self {
        let mut limits = Limits::default();
        if version < Version::new(3, 16) {
            (limits.shmmax, limits.shmall) = (32 << 20, 2_097_152);
        }
        limits
    }
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
            semmsl: 32_000,
            semmns: 1_024_000_000,
            semopm: 500,
            semmni: 32_000,
            shmmax: Self::SHM_UNLIMITED,
            shmall: Self::SHM_UNLIMITED,
            shmmni: 4096,
            mmap_min_addr: 65_536,
            shm_rmid_forced: false,
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
    /// `CAP_IPC_LOCK`
    pub ipc_lock: bool,
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
    /// Which process was forked before which others: signals come to the members of a group in this order.
    pub births: bool,
}

impl Default for Observe {
    fn default() -> Self {
        Observe { siginfo: true, pids: true, births: true }
    }
}

impl Env {
    /// A machine with the kernel's default limits and an unprivileged user.
    pub fn new(version: Version) -> Self {
        Env {
            version,
            quirks: QuirkSet::of(version),
            limits: Limits::of(version),
            caps: Caps::default(),
            observe: Observe::default(),
            memory: Memory::default(),
        }
    }

    /// Switches behaviours on and off.
    pub fn switch(&mut self, switched: &[(Quirk, bool)]) {
        for &(quirk, on) in switched {
            self.quirks = self.quirks.with(quirk, on);
        }
    }
}

impl Default for Env {
    fn default() -> Self {
        Env::new(Version::NEWEST)
    }
}
