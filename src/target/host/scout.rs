//! Reading the facts of this machine from inside a sandbox.

use super::{
    sandbox::Inside,
    sys::{self, Caps},
};
use crate::target::{Facts, Stage};
use std::ffi::CStr;

/// In the sandbox: reads everything, as the tasks of a program would, and leaves it in the shared message.
pub fn look(inside: Inside) {
    let shared = inside.shared;
    shared.tick();
    let cpus = sys::allowed_cpus().len();
    shared.require(Stage::Capabilities, inside.task_caps.set());
    let caps = Caps::effective();
    let has = |number| inside.initial_user_namespace && caps.has(number);
    // SAFETY: all zero is a valid `utsname`.
    let mut name: libc::utsname = unsafe { std::mem::zeroed() };
    // SAFETY: `name` lives through the call.
    unsafe { libc::uname(&raw mut name) };
    // SAFETY: the kernel terminates the string.
    let release = unsafe { CStr::from_ptr(name.release.as_ptr()) }.to_string_lossy().into_owned();
    // SAFETY: a number only.
    let page_size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let facts = Facts {
        version: release.parse().unwrap_or(crate::kernel::Version::new(0, 0)),
        release,
        page_size: page_size as u32,
        pipe_max_size: sysctl(c"/proc/sys/fs/pipe-max-size", 1 << 20),
        pipe_user_pages_soft: sysctl(c"/proc/sys/fs/pipe-user-pages-soft", 0),
        pipe_user_pages_hard: sysctl(c"/proc/sys/fs/pipe-user-pages-hard", 0),
        cap_sys_resource: has(sys::CAP_SYS_RESOURCE),
        cap_sys_admin: has(sys::CAP_SYS_ADMIN),
        nofile: sys::limit(libc::RLIMIT_NOFILE as i32).0,
        msgmax: sysctl(c"/proc/sys/kernel/msgmax", 8192),
        msgmnb: sysctl(c"/proc/sys/kernel/msgmnb", 16_384),
        msgmni: sysctl(c"/proc/sys/kernel/msgmni", 32_000),
        cpus,
        realtime: inside.realtime,
    };
    shared.set_message(&serde_json::to_string(&facts).unwrap_or_default());
}

/// A setting of the kernel; `absent` on kernels that do not have it.
fn sysctl(path: &CStr, absent: u64) -> u64 {
    let mut buffer = [0; 32];
    let text = sys::read_file(path, &mut buffer).unwrap_or_default();
    std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(absent)
}
