//! The kernel of this machine, used through sandboxes that leave nothing behind.
//!
//! One call of [`Host`] is one sandbox ([`sandbox`]): a watchdog, a controller, and workers, each a process of its own.
//! They talk through shared memory ([`shared`]) only; the controller steers ([`steer`]) or starts free runs.

mod calls;
mod free;
mod ipc;
mod ipc_probe;
mod log;
mod memory;
mod msg;
mod native;
mod objects;
mod probe;
mod quiet;
mod reports;
mod roam;
mod sandbox;
mod scout;
mod sem;
mod shared;
mod shm;
mod signals;
mod steer;
mod sys;
mod timers;
mod wire;
mod worker;

use super::{Facts, Refusal, Stage};
use crate::program::Compiled;
use log::Entry;
use sandbox::{Config, Inside};
use shared::{MAX_OBJECTS, MAX_TASKS, Shared, handover, verdict};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};
use sys::Caps;

/// The kernel of this machine.
#[derive(Debug)]
pub struct Host {
    shared: Shared,
    facts: Option<Facts>,
    unprivileged: bool,
    stop: Option<&'static AtomicBool>,
}

/// A sandbox that does not even start its controller in this time never will.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A whole run may take so many times as long as it may go without progress.
const WHOLE: u32 = 15;

impl Host {
    /// Uses whatever privilege this process has.
    ///
    /// # Errors
    ///
    /// If there is no memory.
    pub fn new() -> Result<Host, Refusal> {
        Ok(Host { shared: Shared::new()?, facts: None, unprivileged: false, stop: None })
    }

    /// Makes no use of privileges: as if run by an ordinary user.
    ///
    /// # Errors
    ///
    /// If there is no memory.
    pub fn unprivileged() -> Result<Host, Refusal> {
        Ok(Host { unprivileged: true, ..Host::new()? })
    }

    /// Free runs make no other iteration once this is set.
    #[must_use]
    pub fn until(self, stop: &'static AtomicBool) -> Host {
        Host { stop: Some(stop), ..self }
    }

    /// Runs `job` in a sandbox, and `read` on what it logs. Returns whether it ended by itself; if not, it timed out.
    fn run(
        &mut self,
        config: &Config,
        job: &mut dyn FnMut(Inside),
        read: &mut dyn FnMut(Entry),
    ) -> Result<bool, Refusal> {
        self.shared.reset();
        let shared = &self.shared;
        let watchdog = sandbox::launch(shared, config, job).map_err(|e| shared::refusal(Stage::Fork, &e))?;
        let begun = Instant::now();
        let mut read_all = || {
            let mut at = 0;
            while let Some((entry, next)) = shared.entry(at) {
                read(entry);
                at = next;
            }
        };
        loop {
            if self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                shared.stop.store(1, Ordering::Relaxed);
            }
            match shared.handover.load(Ordering::Acquire) {
                handover::FULL => {
                    read_all();
                    sys::futex_post(&shared.handover, handover::WORKING);
                }
                handover::OVER => break,
                other => sys::futex_wait(&shared.handover, other, Some(Duration::from_millis(50))),
            }
            if exited(watchdog, libc::WNOWAIT) {
                break;
            }
            if begun.elapsed() > START_LIMIT && shared.progress.load(Ordering::Relaxed) == 0 {
                // SAFETY: the watchdog is our child and not reaped yet.
                unsafe { libc::kill(watchdog, libc::SIGKILL) };
            }
        }
        while !exited(watchdog, 0) {
            std::thread::sleep(Duration::from_micros(20));
        }
        read_all();
        self.verdict()
    }

    fn verdict(&self) -> Result<bool, Refusal> {
        let shared = &self.shared;
        let (reason, errno) = (shared.reason.load(Ordering::Relaxed), shared.errno.load(Ordering::Relaxed) as i32);
        match shared.verdict.load(Ordering::Acquire) {
            verdict::DONE => Ok(true),
            verdict::TIMED_OUT => Ok(false),
            verdict::REFUSED => {
                let stage = Stage::ALL.get(reason as usize).copied().unwrap_or(Stage::Watchdog);
                Err(Refusal::Sandbox { stage, errno })
            }
            verdict::NO_REALTIME => Err(Refusal::NoRealtime),
            // The caller, who has the program, adds the name.
            verdict::NO_OBJECT => Err(Refusal::Object { name: reason.to_string(), errno }),
            verdict::PANICKED => Err(Refusal::Crashed(shared.message())),
            _ => Err(Refusal::Crashed("it was killed, perhaps for want of memory".into())),
        }
    }

    fn config(&self, program: Option<&Compiled>, realtime: Option<bool>, limit: Duration) -> Result<Config, Refusal> {
        let mut config = Config {
            realtime: if self.unprivileged { Some(false) } else { realtime },
            unprivileged: self.unprivileged,
            limit,
            whole: limit * WHOLE,
            cpu: None,
            task_caps: Caps::default(),
            users: false,
        };
        let Some(program) = program else { return Ok(config) };
        let effective = Caps::effective();
        let privileged = effective.has(sys::CAP_SYS_ADMIN) && !self.unprivileged;
        for name in &program.settings.caps {
            match Caps::number(name) {
                Some(number) if privileged && effective.has(number) => {
                    config.task_caps = config.task_caps.with(number);
                }
                _ => return Err(Refusal::Capability(name.clone())),
            }
        }
        config.users = program.has_users();
        let can_change = effective.has(sys::CAP_SETUID) && effective.has(sys::CAP_SETGID);
        if config.users && !(privileged && can_change && sandbox::in_initial_user_namespace()) {
            return Err(Refusal::Users);
        }
        Ok(config)
    }
}

/// Whether a child has ended; it is reaped unless `flags` say otherwise.
fn exited(child: i32, flags: i32) -> bool {
    // SAFETY: all zero is a valid `siginfo_t`.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` lives through the call.
    let ret = unsafe { libc::waitid(libc::P_PID, child as u32, &raw mut info, libc::WEXITED | libc::WNOHANG | flags) };
    // SAFETY: `waitid` leaves the pid 0 if there is nothing to report.
    ret != 0 || unsafe { info.si_pid() } != 0
}

/// Whether a program fits into the shared memory.
fn fits(program: &Compiled) -> Result<(), Refusal> {
    let too_big = |what, most| Err(Refusal::TooBig { what, most });
    if program.tasks.len() > MAX_TASKS {
        return too_big("tasks", MAX_TASKS);
    }
    if program.objects.len() > MAX_OBJECTS {
        return too_big("objects", MAX_OBJECTS);
    }
    if program.processes.iter().any(|p| p.ends.len() > objects::MAX_ENDS) {
        return too_big("descriptors in one process", objects::MAX_ENDS);
    }
    let handlers = |task: &crate::program::TaskInfo| task.code.handlers.len() > signals::MAX_HANDLERS;
    if program.tasks.iter().any(handlers) {
        return too_big("handlers in one process", signals::MAX_HANDLERS);
    }
    Ok(())
}

/// Puts the name of a declared object into a refusal that has its number.
fn with_name(refusal: Refusal, program: &Compiled) -> Refusal {
    match refusal {
        Refusal::Object { name, errno } => {
            let object = name.parse().ok().and_then(|i: usize| program.objects.get(i));
            Refusal::Object { name: object.map_or(name, |o| o.name.clone()), errno }
        }
        other => other,
    }
}
