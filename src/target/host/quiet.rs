//! The proof that everything is quiet, from `/proc`.
//!
//! A task that was asleep at two moments and was never switched in between them slept all the time. If that holds for
//! every task, with the first looks all before the second ones, then there was a moment at which all slept, and what
//! sleeps can only be woken by somebody who runs.

use super::{
    shared::{MAX_TASKS, Shared, Slot, state},
    sys,
};
use crate::{
    program::Compiled,
    target::{Observation, SignalSets},
};
use std::{
    ffi::CString,
    io::Write,
    sync::atomic::{AtomicU32, Ordering},
};

/// Looks at the tasks of a run, with `/proc` files kept open.
#[derive(Debug)]
pub struct Eyes {
    files: Vec<Option<Files>>,
    /// Whether a task that waits for a command may be on its way to a handler.
    signals: bool,
}

#[derive(Debug)]
struct Files {
    /// Whose.
    tid: u32,
    syscall: i32,
    /// `schedstat`, or `status` on kernels without it.
    switches: i32,
    status: bool,
}

impl Drop for Files {
    fn drop(&mut self) {
        // SAFETY: the descriptors are ours.
        unsafe {
            libc::close(self.syscall);
            libc::close(self.switches);
        }
    }
}

fn load(word: &AtomicU32) -> u32 {
    word.load(Ordering::Acquire)
}

impl Default for Eyes {
    fn default() -> Self {
        Eyes { files: (0..MAX_TASKS).map(|_| None).collect(), signals: false }
    }
}

impl Eyes {
    /// Eyes that do not trust a task that waits for a command: a signal may have come to it.
    pub fn for_signals(signals: bool) -> Eyes {
        Eyes { signals, ..Eyes::default() }
    }

    /// Whether the tasks, apart from those that are `held`, are proven to be quiet: each waits for a command, has ended,
    /// is gone, or sleeps in its call.
    pub fn quiet(&mut self, shared: &Shared, tasks: usize, held: &[bool]) -> bool {
        let logged = shared.log_used();
        let mut first = [0u64; MAX_TASKS];
        for pass in 0..2 {
            for task in (0..tasks).filter(|&task| !held[task]) {
                let slot = shared.slot(task);
                let resting = slot.rests();
                let calm = resting && (!self.signals || load(&slot.state) == state::UNBORN)
                    || match load(&slot.state) {
                        state::EXITED => pass == 1 || self.is_gone(slot),
                        state::GONE => pass == 1 || matches!(task_state(slot), 'X' | 'Z'),
                        state::IDLE | state::PARKED => {
                            let count = self.switches(task, slot);
                            let same = pass == 0 || count == Some(first[task]);
                            first[task] = count.unwrap_or(0);
                            resting && count.is_some() && same && matches!(task_state(slot), 'S' | 'T')
                        }
                        state::IN_CALL if pass == 0 => {
                            let count = self.switches(task, slot);
                            first[task] = count.unwrap_or(0);
                            count.is_some() && self.sleeps_in_call(task, slot)
                        }
                        state::IN_CALL => {
                            first[task] != 0
                            && self.sleeps_in_call(task, slot)
                            // A task whose wake-up is on its way to another CPU still shows its system call, but not this.
                            && matches!(task_state(slot), 'S' | 'T')
                            && self.switches(task, slot) == Some(first[task])
                        }
                        // A signal can stop it between two calls.
                        state::LOCAL => task_state(slot) == 'T',
                        _ => false,
                    };
                if !calm {
                    return false;
                }
            }
        }
        shared.log_used() == logged
    }

    fn files(&mut self, task: usize, slot: &Slot) -> Option<&Files> {
        let (pid, tid) = (load(&slot.proc_pid), load(&slot.proc_tid));
        if self.files[task].as_ref().is_none_or(|files| files.tid != tid) {
            self.files[task] = Files::open(pid, tid);
        }
        self.files[task].as_ref()
    }

    /// How often the task was switched in so far.
    fn switches(&mut self, task: usize, slot: &Slot) -> Option<u64> {
        let files = self.files(task, slot)?;
        let mut buffer = [0; 4096];
        let text = read_again(files.switches, &mut buffer)?;
        if files.status {
            let field = |name| text.split(name).nth(1)?.split_ascii_whitespace().next()?.parse::<u64>().ok();
            Some(field("\nvoluntary_ctxt_switches:")? + field("nonvoluntary_ctxt_switches:")?)
        } else {
            text.split_ascii_whitespace().nth(2)?.parse().ok()
        }
    }

    /// Whether the task sleeps in the system call that it said it would make, or is stopped: on its way back to it from a handler,
    /// perhaps, where it is in no call.
    pub fn sleeps_in_call(&mut self, task: usize, slot: &Slot) -> bool {
        let number = load(&slot.syscall);
        let Some(files) = self.files(task, slot) else { return false };
        let mut buffer = [0; 256];
        read_again(files.syscall, &mut buffer)
            .and_then(|text| text.split_ascii_whitespace().next()?.parse::<u32>().ok())
            .is_some_and(|found| found == number)
            || task_state(slot) == 'T'
    }

    /// Whether the process of an exited task is past closing its descriptors.
    fn is_gone(&self, slot: &Slot) -> bool {
        let mut buffer = [0; 512];
        match process_state(load(&slot.proc_pid), &mut buffer) {
            None => true,
            Some((state, threads)) => state == 'X' || state == 'Z' && threads <= 1,
        }
    }
}

/// Whether a task is dead, or sleeps, or can run: as `/proc` tells, `X` also if it is not there any more.
pub fn task_state(slot: &Slot) -> char {
    let mut buffer = [0; 512];
    stat_fields(&stat_path(slot), &mut buffer).and_then(|mut fields| fields.next()?.chars().next()).unwrap_or('X')
}

fn stat_path(slot: &Slot) -> [u8; 64] {
    let mut path = [0u8; 64];
    let (pid, tid) = (load(&slot.proc_pid), load(&slot.proc_tid));
    let _ = write!(&mut path[..63], "/proc/{pid}/task/{tid}/stat");
    path
}

/// Tasks of processes that a signal has ended: they cannot say it themselves.
pub fn find_killed(shared: &Shared, program: &Compiled) {
    for (process, info) in program.processes.iter().enumerate() {
        let Some(&first) = info.threads.first() else { continue };
        let slot = shared.slot(first.into());
        if matches!(load(&slot.state), state::UNBORN | state::EXITED) {
            continue;
        }
        let Some(signal) = ended(slot) else { continue };
        for &thread in &info.threads {
            shared.slot(thread.into()).state.store(state::EXITED, Ordering::Release);
        }
        shared.see(Observation::Killed { process: process as u16, signal });
    }
}

/// The signal sets of a task, without those two signals that belong to the C library.
pub fn signal_sets(slot: &Slot) -> Option<SignalSets> {
    let mut path = [0u8; 64];
    let (pid, tid) = (load(&slot.proc_pid), load(&slot.proc_tid));
    let _ = write!(&mut path[..63], "/proc/{pid}/task/{tid}/status");
    let path = std::ffi::CStr::from_bytes_until_nul(&path).ok()?;
    let mut buffer = [0; 4096];
    let text = std::str::from_utf8(sys::read_file(path, &mut buffer).ok()?).ok()?;
    let set = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(value.trim(), 16).ok().map(|set| set & !(0b11 << 31))
    };
    Some(SignalSets {
        pending: set("SigPnd:")?,
        shared: set("ShdPnd:")?,
        blocked: set("SigBlk:")?,
        ignored: set("SigIgn:")?,
        caught: set("SigCgt:")?,
    })
}

/// Whether a task is about to end because of a signal.
pub fn is_killed(slot: &Slot) -> bool {
    signal_sets(slot).is_some_and(|sets| sets.pending >> (libc::SIGKILL - 1) & 1 != 0)
}

/// Whether a task is on its way out, and not gone.
pub fn is_exiting(slot: &Slot) -> bool {
    const PF_EXITING: u32 = 4;
    let mut buffer = [0; 512];
    let path = stat_path(slot);
    let Some(mut fields) = stat_fields(&path, &mut buffer) else { return false };
    let state = fields.next().and_then(|state| state.chars().next());
    // State is field 3, the flags field 9.
    let flags: u32 = fields.nth(5).and_then(|flags| flags.parse().ok()).unwrap_or(0);
    flags & PF_EXITING != 0 && !matches!(state, Some('X' | 'Z'))
}

/// Whether all threads of a task's process have ended; then also the signal that ended it, 0 if that cannot be seen.
pub fn ended(slot: &Slot) -> Option<u8> {
    let pid = load(&slot.proc_pid);
    let mut buffer = [0; 512];
    let Some((state, threads)) = process_state(pid, &mut buffer) else { return (pid != 0).then_some(0) };
    if state != 'X' && (state != 'Z' || threads > 1) {
        return None;
    }
    let mut path = [0u8; 64];
    let _ = write!(&mut path[..63], "/proc/{pid}/stat");
    // State is field 3, the exit code field 52.
    let code = stat_fields(&path, &mut buffer).and_then(|mut fields| fields.nth(49)?.parse::<u32>().ok());
    Some((code.unwrap_or(0) & 0x7f) as u8)
}

fn process_state(pid: u32, buffer: &mut [u8]) -> Option<(char, u32)> {
    let mut path = [0u8; 64];
    let _ = write!(&mut path[..63], "/proc/{pid}/stat");
    let mut fields = stat_fields(&path, buffer)?;
    let state = fields.next()?.chars().next()?;
    // State is field 3, the number of threads field 20.
    Some((state, fields.nth(16)?.parse().ok()?))
}

/// The fields of a `stat` file from the state on; the name before it may contain anything.
fn stat_fields<'a>(path: &[u8], buffer: &'a mut [u8]) -> Option<impl Iterator<Item = &'a str>> {
    let path = std::ffi::CStr::from_bytes_until_nul(path).ok()?;
    let text = std::str::from_utf8(sys::read_file(path, buffer).ok()?).ok()?;
    Some(text.rsplit_once(')')?.1.split_ascii_whitespace())
}

impl Files {
    fn open(pid: u32, tid: u32) -> Option<Files> {
        let open = |name: &str| {
            let path = CString::new(format!("/proc/{pid}/task/{tid}/{name}")).ok()?;
            // SAFETY: the path is a C string.
            let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
            (fd >= 0).then_some(fd)
        };
        let syscall = open("syscall")?;
        let mut files = Files { tid, syscall, switches: -1, status: false };
        let counts = |fd| {
            let mut buffer = [0; 128];
            read_again(fd, &mut buffer).is_some_and(|t| t.split_ascii_whitespace().nth(2).is_some_and(|n| n != "0"))
        };
        match open("schedstat") {
            Some(fd) if counts(fd) => files.switches = fd,
            other => {
                if let Some(fd) = other {
                    // SAFETY: `fd` is ours.
                    unsafe { libc::close(fd) };
                }
                files.switches = open("status")?;
                files.status = true;
            }
        }
        Some(files)
    }
}

fn read_again(fd: i32, buffer: &mut [u8]) -> Option<&str> {
    // SAFETY: the buffer is as long as said.
    let n = unsafe { libc::pread(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    (n > 0).then(|| std::str::from_utf8(&buffer[..n as usize]).ok()).flatten()
}
