//! The sandbox: a watchdog, and under it the first process of fresh namespaces.
//!
//! ```text
//! tool ── watchdog ── controller (pid 1 of the sandbox) ── workers
//! ```
//!
//! Each dies with the one before it, and with the controller the kernel kills everything in its pid namespace and drops
//! the other namespaces. So nothing is left, whatever is killed.

use super::{
    objects::HIGH_FD,
    shared::{Shared, handover, verdict},
    sys::{self, Caps},
};
use crate::target::Stage;
use std::{
    io,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// The priority of tasks that run.
pub const TASK_PRIORITY: i32 = 20;
/// The controller's priority: it runs when no task can.
pub const CONTROLLER_PRIORITY: i32 = 10;
/// The priority of tasks that are held: woken, they wait for the controller, which never waits.
pub const HELD_PRIORITY: i32 = 5;
/// The controller's priority while it waits for tasks to die: it must not be in their way.
pub const REAPER_PRIORITY: i32 = 1;

/// How many descriptors the controller must be able to have.
const LEAST_DESCRIPTORS: u64 = HIGH_FD as u64 + 200;

/// What a sandbox must offer.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether the controller shall be `SCHED_FIFO`: yes, no, or if it can be.
    pub realtime: Option<bool>,
    /// Whether to make a user namespace although it could be done without.
    pub unprivileged: bool,
    /// The controller is killed when it makes no progress for so long.
    pub limit: Duration,
    /// It is killed when one run takes so long, whatever progress it makes.
    pub whole: Duration,
    /// Bind everything to this CPU.
    pub cpu: Option<usize>,
    /// Capabilities that tasks keep.
    pub task_caps: Caps,
    /// Whether processes change their user.
    pub users: bool,
}

/// What the controller knows of its sandbox.
#[derive(Clone, Copy, Debug)]
pub struct Inside<'a> {
    /// The shared memory.
    pub shared: &'a Shared,
    /// Whether it is `SCHED_FIFO`.
    pub realtime: bool,
    /// Whether capabilities of tasks count in the initial user namespace.
    pub initial_user_namespace: bool,
    /// What tasks keep.
    pub task_caps: Caps,
}

/// Starts a watchdog, which starts a sandbox whose first process does `job`. Returns the watchdog's pid.
pub fn launch(shared: &Shared, config: &Config, job: &mut dyn FnMut(Inside)) -> io::Result<i32> {
    // SAFETY: no arguments.
    let tool = unsafe { libc::getpid() };
    // SAFETY: the copy uses no lock that another thread of the tool could have held, apart from those of the allocator,
    // which `fork` takes care of.
    match unsafe { sys::fork() }? {
        0 => guarded(shared, || watchdog(shared, config, job, tool)),
        pid => Ok(pid),
    }
}

fn die_with_parent() -> io::Result<()> {
    // SAFETY: the argument is a signal number.
    sys::check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) }).map(drop)
}

fn watchdog(shared: &Shared, config: &Config, job: &mut dyn FnMut(Inside), tool: i32) -> ! {
    shared.require(Stage::Lifeline, die_with_parent());
    let orphaned = || {
        // SAFETY: no arguments.
        unsafe { libc::getppid() != tool }
    };
    if orphaned() {
        sys::exit_now(1);
    }
    sys::set_name(c"lockstep-watch");
    // What the tool has open must not stay open for our sake, and the terminal's Ctrl-C is for the tool alone.
    shared.require(Stage::Descriptors, sys::null_standard_streams());
    sys::close_from(3);
    // SAFETY: a C string, and no arguments.
    unsafe {
        libc::chdir(c"/".as_ptr());
        libc::setsid();
    }
    default_signals();
    let _ = sys::set_limit(libc::RLIMIT_CORE as i32, 0, 0);
    allow_realtime();
    let direct = Caps::effective().has(sys::CAP_SYS_ADMIN) && !config.unprivileged;
    if !direct {
        enter_user_namespace(shared);
    }
    let initial = direct && in_initial_user_namespace();
    // SAFETY: flags only.
    shared.require(Stage::Namespaces, sys::check(unsafe { libc::unshare(libc::CLONE_NEWPID) }));
    let mut lifeline = [0i32; 2];
    // SAFETY: the array takes two descriptors.
    shared.require(Stage::Lifeline, sys::check(unsafe { libc::pipe2(lifeline.as_mut_ptr(), libc::O_CLOEXEC) }));
    // A change of credentials may have cleared it.
    shared.require(Stage::Lifeline, die_with_parent());
    if orphaned() {
        sys::exit_now(1);
    }
    // Before there is a controller: its policy would keep this process from running where it is.
    let cpus = sys::allowed_cpus();
    keep_off(config.cpu, &cpus);
    // SAFETY: this process has one thread.
    let controller = shared.require(Stage::Fork, unsafe { sys::fork() });
    if controller == 0 {
        shared.require(Stage::Lifeline, die_with_parent());
        hold_lifeline(lifeline);
        shared.require(Stage::Cpu, sys::set_cpus(config.cpu.as_ref().map_or(&cpus[..], std::slice::from_ref)));
        let inside = enter(shared, config, initial);
        job(inside);
        shared.conclude(verdict::DONE);
        sys::exit_now(0);
    }
    // From here on the controller must be gone first: a real-time process that nobody watches could keep its CPU for ever.
    // SAFETY: numbers only.
    let _ = sys::check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, 0) });
    watch(shared, controller, config, &orphaned);
    sys::futex_post(&shared.handover, handover::OVER);
    sys::exit_now(0)
}

/// Waits for the controller's end, and ends it when it makes no progress, when a run takes too long, or when the tool is gone.
fn watch(shared: &Shared, controller: i32, config: &Config, orphaned: &dyn Fn() -> bool) {
    let begun = Instant::now();
    let (mut progress, mut moved) = (0, begun);
    let (mut run, mut run_began) = (0, begun);
    let mut ended = false;
    // SAFETY: no arguments.
    let tool = unsafe { libc::getppid() };
    let mut polled = [controller, tool].map(pollable);
    loop {
        if polled[0].fd >= 0 {
            // SAFETY: the records are as many as said.
            unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, 50) };
        } else {
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut status = 0;
        // SAFETY: `status` lives through the call.
        if unsafe { libc::waitpid(controller, &raw mut status, libc::WNOHANG) } != 0 {
            return;
        }
        if ended {
            // A loop inside the kernel heeds no signal, and what it waits for may be somebody whom it keeps from running.
            let _ = sys::set_scheduler(controller, libc::SCHED_OTHER, 0);
            continue;
        }
        let now = Instant::now();
        let reading = shared.handover.load(Ordering::Relaxed) == handover::FULL;
        if std::mem::replace(&mut progress, shared.progress.load(Ordering::Relaxed)) != progress || reading {
            moved = now;
        }
        if std::mem::replace(&mut run, shared.runs.load(Ordering::Relaxed)) != run || reading {
            run_began = now;
        }
        if orphaned() || now - moved > config.limit || now - run_began > config.whole {
            shared.conclude(verdict::TIMED_OUT);
            // It reaps the tasks when it dies, and must not keep them from the processor then (see `steer::end_workers`).
            let _ = sys::set_scheduler(controller, libc::SCHED_OTHER, 0);
            // SAFETY: the controller is our child and not reaped yet.
            unsafe { libc::kill(controller, libc::SIGKILL) };
            ended = true;
            // It would not let us sleep any more.
            polled[1].fd = -1;
        }
    }
}

/// What `poll` waits for a process's end with; before v5.3 there is no such descriptor.
fn pollable(process: i32) -> libc::pollfd {
    // SAFETY: flags only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) } as i32;
    libc::pollfd { fd, events: libc::POLLIN, revents: 0 }
}

/// Whatever the tool does about signals, tasks start as if nobody had done anything.
fn default_signals() {
    for signal in 1..=64 {
        // SAFETY: the default disposition runs no code of ours; the signals that have no other refuse.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: all zero is an empty set.
    unsafe {
        let none: libc::sigset_t = std::mem::zeroed();
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Does `work` and never returns: a panic is made known to the tool, for there is no terminal here.
///
/// No panic hook of our own: installing one takes a lock that a thread of the tool may have held when we were forked.
pub fn guarded(shared: &Shared, work: impl FnOnce()) -> ! {
    if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        shared.set_message(text.unwrap_or("panic"));
        shared.conclude(verdict::PANICKED);
        sys::exit_now(3)
    }
    sys::exit_now(0)
}

/// Allows real-time priorities as far as they can be allowed: inside a user namespace only this limit counts.
fn allow_realtime() {
    let wanted = TASK_PRIORITY as u64;
    let (_, hard) = sys::limit(libc::RLIMIT_RTPRIO as i32);
    let _ = sys::set_limit(libc::RLIMIT_RTPRIO as i32, hard.min(wanted.max(1)), hard);
    let _ = sys::set_limit(libc::RLIMIT_RTPRIO as i32, wanted, hard.max(wanted));
}

fn enter_user_namespace(shared: &Shared) {
    // SAFETY: no arguments.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    // SAFETY: flags only.
    shared.require(Stage::UserNamespace, sys::check(unsafe { libc::unshare(libc::CLONE_NEWUSER) }));
    // Kernels before v3.19 have no such file.
    let _ = sys::write_file(c"/proc/self/setgroups", b"deny");
    shared.require(Stage::IdMap, sys::write_file(c"/proc/self/uid_map", format!("0 {uid} 1").as_bytes()));
    shared.require(Stage::IdMap, sys::write_file(c"/proc/self/gid_map", format!("0 {gid} 1").as_bytes()));
}

/// Whether this process is in the initial user namespace, the only one in which some capabilities count.
pub fn in_initial_user_namespace() -> bool {
    let mut buffer = [0; 128];
    let map = sys::read_file(c"/proc/self/uid_map", &mut buffer).unwrap_or_default();
    let words: Vec<&[u8]> = map.split(|b| b.is_ascii_whitespace()).filter(|w| !w.is_empty()).collect();
    words == [&b"0"[..], b"0", b"4294967295"]
}

/// Dies if the watchdog, which alone has the other end, is dead: it may have died before we asked to die with it.
fn hold_lifeline([read, write]: [i32; 2]) {
    // SAFETY: `write` is ours.
    unsafe { libc::close(write) };
    let mut polled = libc::pollfd { fd: read, events: libc::POLLIN, revents: 0 };
    // SAFETY: one record.
    if unsafe { libc::poll(&raw mut polled, 1, 0) } != 0 {
        sys::exit_now(1);
    }
    // SAFETY: `read` is ours.
    unsafe { libc::close(read) };
}

/// The watchdog must be able to run while the sandbox's CPU is busy.
fn keep_off(cpu: Option<usize>, cpus: &[usize]) {
    let others: Vec<usize> = cpus.iter().copied().filter(|&other| Some(other) != cpu).collect();
    if !others.is_empty() {
        let _ = sys::set_cpus(&others);
    }
}

/// Makes this process the controller of fresh namespaces.
fn enter<'a>(shared: &'a Shared, config: &Config, initial: bool) -> Inside<'a> {
    sys::set_name(c"lockstep-init");
    // SAFETY: flags only.
    let unshared = sys::check(unsafe { libc::unshare(libc::CLONE_NEWNS | libc::CLONE_NEWIPC) });
    shared.require(Stage::Namespaces, unshared);
    let private = mount(c"none", c"/", c"", libc::MS_REC | libc::MS_PRIVATE);
    shared.require(Stage::PrivateMounts, private);
    shared.require(Stage::Tmpfs, mount(c"lockstep", c"/tmp", c"tmpfs", libc::MS_NOSUID | libc::MS_NODEV));
    // Where a fresh one is forbidden (it is if parts of /proc are masked, as in containers), the old one does: tasks ask
    // it for their own numbers.
    let _ = mount(c"lockstep", c"/proc", c"proc", libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC);
    // SAFETY: a C string, and no arguments.
    shared.require(Stage::Tmpfs, sys::check(unsafe { libc::chdir(c"/tmp".as_ptr()) }));
    // SAFETY: as above.
    unsafe { libc::umask(0) };
    if sys::limit(libc::RLIMIT_NOFILE as i32).0 < LEAST_DESCRIPTORS {
        shared.refuse(Stage::Descriptors, &io::Error::from_raw_os_error(libc::EMFILE));
    }
    let own = [sys::CAP_KILL, sys::CAP_SYS_NICE, sys::CAP_SYS_PTRACE];
    let users = [sys::CAP_SETUID, sys::CAP_SETGID, sys::CAP_DAC_READ_SEARCH].into_iter().filter(|_| config.users);
    let wanted = own.into_iter().chain(users).fold(config.task_caps, Caps::with);
    // What the controller may do decides, as far as pipes are concerned, what objects it can make for the tasks.
    // The spare ones are for namespaces of System V IPC, and to look at objects there.
    let had = Caps::effective();
    let spare = Caps::default().with(sys::CAP_SYS_ADMIN).with(sys::CAP_IPC_OWNER).and(had);
    shared.require(Stage::Capabilities, wanted.and(had).set_with_spare(spare));
    let realtime = config.realtime != Some(false) && become_realtime();
    if realtime {
        // Should the watchdog not get to run: it sleeps once in each run, at least. Twice the time, so that the watchdog, which tells
        // what happened, is first as long as it runs.
        let limit = 2 * config.whole.as_micros() as u64;
        shared.require(Stage::Limits, sys::set_limit(libc::RLIMIT_RTTIME as i32, limit, limit));
    }
    if config.realtime == Some(true) && !realtime {
        shared.conclude(verdict::NO_REALTIME);
        sys::exit_now(2);
    }
    Inside { shared, realtime, initial_user_namespace: initial, task_caps: config.task_caps }
}

/// A real-time policy, if priorities can also be raised again.
///
/// `SCHED_RR`, not `SCHED_FIFO`: controllers of different sandboxes have one priority, and one that computes for long must not
/// keep the others from their CPU.
fn become_realtime() -> bool {
    let realtime = sys::set_scheduler(0, libc::SCHED_RR, CONTROLLER_PRIORITY)
        .and_then(|()| sys::set_priority(0, TASK_PRIORITY))
        .and_then(|()| sys::set_priority(0, CONTROLLER_PRIORITY));
    if realtime.is_err() {
        let _ = sys::set_scheduler(0, libc::SCHED_OTHER, 0);
    }
    realtime.is_ok()
}

fn mount(source: &std::ffi::CStr, target: &std::ffi::CStr, kind: &std::ffi::CStr, flags: u64) -> io::Result<()> {
    // SAFETY: all are C strings.
    let ret = unsafe {
        libc::mount(source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags as libc::c_ulong, std::ptr::null())
    };
    sys::check(ret).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{Host, Target};

    fn config(realtime: Option<bool>, limit: u64, whole: u64) -> Config {
        Config {
            realtime,
            unprivileged: false,
            limit: Duration::from_millis(limit),
            whole: Duration::from_millis(whole),
            cpu: sys::allowed_cpus().last().copied(),
            task_caps: Caps::default(),
            users: false,
        }
    }

    /// A sandbox that does `job`: how it ended. That it ends is what is tested.
    fn verdict_of(config: &Config, job: &mut dyn FnMut(Inside)) -> u32 {
        let shared = Shared::new().unwrap();
        let watchdog = launch(&shared, config, job).unwrap();
        wait(watchdog);
        shared.verdict.load(Ordering::Acquire)
    }

    fn wait(child: i32) {
        // SAFETY: a null status is allowed.
        assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
    }

    /// Never comes to an end.
    fn spin(inside: Inside, tick: bool) {
        loop {
            if tick {
                inside.shared.tick();
            }
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_controller_that_spins_is_ended() {
        for realtime in [Some(false), None] {
            assert_eq!(verdict_of(&config(realtime, 300, 60_000), &mut |i| spin(i, false)), verdict::TIMED_OUT);
        }
    }

    #[test]
    fn a_run_that_never_ends_is_ended_although_it_moves() {
        for realtime in [Some(false), None] {
            assert_eq!(verdict_of(&config(realtime, 60_000, 500), &mut |i| spin(i, true)), verdict::TIMED_OUT);
        }
    }

    #[test]
    fn controllers_on_one_cpu_do_not_wait_for_each_others_end() {
        if !Host::new().unwrap().facts().is_ok_and(|facts| facts.realtime) {
            return;
        }
        let config = config(Some(true), 20_000, 20_000);
        let (one, other) = (Shared::new().unwrap(), Shared::new().unwrap());
        // Computes until the other has done something.
        let first = launch(&one, &config, &mut |_| {
            one.tick();
            while other.progress.load(Ordering::Acquire) == 0 {
                std::hint::spin_loop();
            }
        });
        while one.progress.load(Ordering::Acquire) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let second = launch(&other, &config, &mut |inside| inside.shared.tick());
        wait(first.unwrap());
        wait(second.unwrap());
        assert_eq!([&one, &other].map(|shared| shared.verdict.load(Ordering::Acquire)), [verdict::DONE; 2]);
    }

    #[test]
    fn the_kernel_ends_a_realtime_controller_that_nobody_watches() {
        // Its watchdog is stopped, as good as starved.
        let shared = Shared::new().unwrap();
        let watchdog = launch(&shared, &config(None, 60_000, 500), &mut |inside| {
            inside.shared.expected.store(u32::from(inside.realtime), Ordering::Relaxed);
            inside.shared.tick();
            spin(inside, true);
        })
        .unwrap();
        while shared.progress.load(Ordering::Acquire) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        let kill = |signal| {
            // SAFETY: the watchdog is our child and not reaped yet.
            unsafe { libc::kill(watchdog, signal) };
        };
        if shared.expected.load(Ordering::Relaxed) == 0 {
            kill(libc::SIGKILL);
            return wait(watchdog);
        }
        kill(libc::SIGSTOP);
        let mut last = 0;
        while last != shared.progress.load(Ordering::Acquire) {
            last = shared.progress.load(Ordering::Acquire);
            std::thread::sleep(Duration::from_millis(2000));
        }
        kill(libc::SIGCONT);
        wait(watchdog);
        assert_eq!(shared.verdict.load(Ordering::Acquire), verdict::NONE, "nobody but the kernel did it");
    }
}
