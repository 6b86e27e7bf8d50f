//! The controller of steered runs.

mod look;
mod settle;
mod timers;

use super::{
    ipc,
    log::{Entry, Kept, RunEnd, end},
    objects::Objects,
    quiet::{self, Eyes},
    sandbox::{CONTROLLER_PRIORITY, Inside, REAPER_PRIORITY, TASK_PRIORITY},
    shared::{MAX_TASKS, Shared, Slot, command, handover, state, verdict},
    sys,
    worker::{self, Crew, Way},
};
use crate::{
    kernel::signal::MAX_POSIX_TIMERS,
    program::{Compiled, IpcNumbers, ProcessInfo, Release, Schedule},
    target::{Impossible, Job, Observation, Stage, SteerOptions},
};
use std::{
    ffi::CString,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// In the sandbox's first process: all of `jobs`, numbered from `first` on.
pub fn steer(inside: Inside, jobs: &[Job], first: usize, options: &SteerOptions) {
    for (index, &Job { program, schedule }) in jobs.iter().enumerate() {
        if inside.shared.log_used() > super::shared::LOG_BYTES / 4 {
            hand_over(inside);
        }
        inside.shared.begin_run();
        inside.shared.reset_tasks();
        if inside.realtime {
            // What RLIMIT_RTTIME counts begins anew with each sleep.
            std::thread::sleep(Duration::from_nanos(1));
            attempts(&inside, program, options, first + index, schedule);
        } else {
            let _ = sys::set_scheduler(0, libc::SCHED_BATCH, 0);
            in_child(inside, || attempts(&inside, program, options, first + index, schedule));
        }
        end_workers();
        if inside.shared.verdict.load(Ordering::Acquire) != verdict::NONE {
            sys::exit_now(2);
        }
    }
}

/// A run, again if a timer went off before its time: the machine was busy then.
fn attempts(inside: &Inside, program: &Compiled, options: &SteerOptions, index: usize, schedule: &Schedule) {
    const MOST: usize = 5;
    for attempt in 1..=MOST {
        if Run::new(*inside, program, options).all(index, schedule, attempt == MOST) {
            return;
        }
        inside.shared.reset_tasks();
    }
}

/// Does `work` in a copy of this process: without privilege, a process that has lowered itself stays low.
fn in_child(inside: Inside, work: impl FnOnce()) {
    // SAFETY: this process has one thread.
    let child = inside.shared.require(Stage::Fork, unsafe { sys::fork() });
    if child == 0 {
        // So that it can wait for all workers, those whose parents are dead included.
        // SAFETY: a number only.
        unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
        work();
        sys::exit_now(0);
    }
    let mut status = 0;
    // SAFETY: `status` lives through the call.
    while unsafe { libc::waitpid(child, &raw mut status, 0) } != child {}
}

/// Kills all other processes of the sandbox and waits until they are gone.
///
/// It does so below all of them. The first thread of a process can be reaped while another one, which was held, is still taking
/// its own entries out of `/proc`, and the kernel then loops until those are gone (`shrink_dcache_parent`): if the other one
/// could not run, for ever, and deaf to signals.
pub fn end_workers() {
    // First: what is held and has been woken must not go on.
    // SAFETY: this reaches the processes of the pid namespace, apart from its first and the caller.
    unsafe { libc::kill(-1, libc::SIGKILL) };
    // Without a real-time policy there is nothing to change, and this fails.
    let lowered = sys::set_priority(0, REAPER_PRIORITY).is_ok();
    // SAFETY: a null status is allowed.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::__WALL) } > 0 {}
    if lowered {
        let _ = sys::set_priority(0, CONTROLLER_PRIORITY);
    }
}

/// Waits until the tool has read the log.
pub fn hand_over(inside: Inside) {
    let shared = inside.shared;
    sys::futex_post(&shared.handover, handover::FULL);
    while shared.handover.load(Ordering::Acquire) == handover::FULL {
        sys::futex_wait(&shared.handover, handover::FULL, None);
    }
    shared.clear_log();
}

/// Forks a process that is there from the start.
pub fn start_process(crew: &Crew, process: usize, info: &ProcessInfo) -> Option<i32> {
    if info.parent.is_some() || info.threads.is_empty() {
        return None;
    }
    let shared = crew.inside.shared;
    for &task in &info.threads {
        shared.slot(task as usize).state.store(state::LOCAL, Ordering::Release);
    }
    // SAFETY: the controller has one thread.
    let child = shared.require(Stage::Fork, unsafe { sys::fork() });
    if child == 0 {
        worker::become_process(crew, process);
    }
    if crew.signals() {
        // A group of their own, led by the first of them.
        let _ = shared.group.compare_exchange(0, child as u32, Ordering::AcqRel, Ordering::Relaxed);
        // SAFETY: numbers only.
        unsafe { libc::setpgid(child, shared.group.load(Ordering::Acquire) as i32) };
    }
    Some(child)
}

/// Waits until a fresh process has attached its segments: who comes after it attaches after it.
pub fn wait_until_attached(shared: &Shared, info: &ProcessInfo) {
    if info.attached.is_empty() {
        return;
    }
    while shared.attached.swap(0, Ordering::AcqRel) == 0 && shared.verdict.load(Ordering::Acquire) == verdict::NONE {
        std::thread::sleep(Duration::from_micros(20));
    }
}

/// One steered run.
struct Run<'a> {
    inside: Inside<'a>,
    program: &'a Compiled,
    options: &'a SteerOptions,
    eyes: Eyes,
    /// Tasks that were woken inside a call at a priority below ours, or may be in this step.
    held: Vec<bool>,
    /// Tasks of processes that have exited, once they are known to be gone.
    gone: Vec<bool>,
    /// Names of FIFOs and files.
    paths: Vec<CString>,
    /// Ids of System V objects.
    numbers: IpcNumbers,
    /// Whether tasks can be stopped or killed.
    signals: bool,
    count: RunEnd,
    /// A timer may have gone off in a step that was not for it.
    late: bool,
}

type Outcome = Result<(), [u64; 4]>;

impl<'a> Run<'a> {
    fn new(inside: Inside<'a>, program: &'a Compiled, options: &'a SteerOptions) -> Self {
        let (held, gone) = (vec![false; MAX_TASKS], vec![false; MAX_TASKS]);
        Run {
            inside,
            program,
            options,
            eyes: Eyes::default(),
            held,
            gone,
            paths: Vec::new(),
            numbers: IpcNumbers::default(),
            signals: program.uses_signals(),
            count: RunEnd::default(),
            late: false,
        }
    }

    fn tasks(&self) -> usize {
        self.program.tasks.len()
    }

    fn slot(&self, task: usize) -> &'a Slot {
        self.inside.shared.slot(task)
    }

    fn state(&self, task: usize) -> u32 {
        self.slot(task).state.load(Ordering::Acquire)
    }

    /// Whether it was a run. A timer that went off before its time makes it worthless; the last attempt says so.
    fn all(mut self, index: usize, schedule: &Schedule, last: bool) -> bool {
        let shared = self.inside.shared;
        let start = shared.log_used();
        let begins = Entry::RunBegins(index, self.inside.realtime);
        shared.append(&begins);
        self.start_workers();
        let begun = Instant::now();
        let outcome = self.settle().and_then(|()| self.init()).and_then(|()| self.steps(schedule));
        self.count.elapsed = begun.elapsed().as_nanos() as u64;
        self.count.end = outcome.err().unwrap_or([end::FINISHED, 0, 0, 0]);
        // Whoever still runs could be killed in the middle of an entry.
        end_workers();
        if self.late && !last {
            shared.close_log(start, false);
            return false;
        }
        if self.late {
            self.count.end = [end::OUT_OF_TURN, 0, 0, 0];
        }
        if shared.close_log(start, false) != Kept::Whole {
            self.count.end = [end::OVERFLOW, 0, 0, 0];
            shared.append(&begins);
        }
        shared.append(&Entry::RunEnds(self.count));
        true
    }

    /// Makes the objects and all processes that are there from the start.
    fn start_workers(&mut self) {
        let shared = self.inside.shared;
        if self.program.uses_ipc() {
            ipc::enter_namespace(shared);
        }
        let objects = Objects::create(shared, self.program, 0);
        self.paths.clone_from(&objects.paths);
        self.numbers.clone_from(&objects.numbers);
        shared.instance.store(0, Ordering::Release);
        let instances = vec![objects];
        let mut crew = Crew { inside: self.inside, program: self.program, instances, way: Way::Steered };
        for (process, info) in self.program.processes.iter().enumerate() {
            let Some(child) = start_process(&crew, process, info) else { continue };
            if self.inside.realtime {
                // It runs from here until all its threads wait for commands.
                shared.require(Stage::Limits, sys::set_scheduler(child, libc::SCHED_FIFO, TASK_PRIORITY));
            }
            wait_until_attached(shared, info);
        }
        crew.instances.iter_mut().for_each(Objects::close);
        if !self.inside.realtime {
            // Workers of this policy do not preempt whoever wakes them, but they do preempt an idle one.
            let _ = sys::set_scheduler(0, libc::SCHED_IDLE, 0);
        }
    }

    /// Runs the task of `init` alone to its end, and its process out of existence.
    fn init(&mut self) -> Outcome {
        let Some(init) = self.program.init else { return Ok(()) };
        self.command(init as usize, command::RUN);
        self.settle()?;
        match self.state(init as usize) {
            state::EXITED => Ok(()),
            state::PARKED => {
                self.command(init as usize, command::QUIT);
                // It says nothing any more; so its state is said for it.
                self.slot(init as usize).state.store(state::EXITED, Ordering::Release);
                self.settle()
            }
            _ => Err([end::INIT_BLOCKED, 0, 0, 0]),
        }
    }

    fn command(&self, task: usize, command: u32) {
        self.inside.shared.current.store(task as u32 + 1, Ordering::Relaxed);
        sys::futex_post(&self.slot(task).command, command);
    }

    fn steps(&mut self, schedule: &Schedule) -> Outcome {
        for (step, release) in schedule.steps.iter().enumerate() {
            self.step(step, *release)?;
            self.count.steps += 1;
            self.inside.shared.tick();
        }
        if self.options.check_every > 0 {
            self.check();
        }
        Ok(())
    }

    fn step(&mut self, step: usize, release: Release) -> Outcome {
        let shared = self.inside.shared;
        let task = release.task as usize;
        let impossible = |why: Impossible| Err([end::IMPOSSIBLE, step as u64, task as u64, why as u64]);
        let timer = self.timer_of(release);
        let alarm = timer.is_some();
        match self.state(task) {
            state::UNBORN => return impossible(Impossible::NotStarted),
            state::EXITED => return impossible(Impossible::Exited),
            state::GONE if !alarm => return impossible(Impossible::Exited),
            _ if timer.is_some_and(|timer| self.rings(task, timer).is_none()) => {
                return impossible(Impossible::NoTimer);
            }
            _ if alarm => {}
            state::PARKED => return impossible(Impossible::Parked),
            _ if self.is_stopped(task) => return impossible(Impossible::Stopped),
            state::IN_CALL if !self.held[task] && self.deadline(task) == 0 => return impossible(Impossible::Asleep),
            _ => {}
        }
        if self.process_exits(task) {
            return impossible(Impossible::Exited);
        }
        shared.see(Observation::Released { step, task: release.task });
        let lowered = if release.hold { self.hold_sleepers() } else { Vec::new() };
        let calls = (0..self.tasks()).filter(|&t| alarm || t != task).map(|t| self.deadline(t)).filter(|&at| at > 0);
        let expected = timer.map(|timer| (self.leader(task), timer));
        let leaders = (0..self.tasks()).filter(|&t| self.leader(t) == t);
        let timers = leaders.flat_map(|t| (0..=MAX_POSIX_TIMERS).map(move |timer| (t, timer)));
        let others = timers.filter(|&of| Some(of) != expected).filter_map(|(t, timer)| self.rings(t, timer));
        let earliest = calls.chain(others).min();
        if let Some(timer) = timer {
            self.ring(task, timer);
        } else if self.state(task) == state::IN_CALL && !self.held[task] {
            self.expire(task)?;
        } else if std::mem::take(&mut self.held[task]) {
            shared.current.store(task as u32 + 1, Ordering::Relaxed);
            self.set_priority(task, TASK_PRIORITY);
        } else {
            self.command(task, command::STEP);
        }
        self.settle()?;
        self.release_unwoken(&lowered);
        self.confirm(step);
        self.report_quiet(step)?;
        self.late |= earliest.is_some_and(|deadline| sys::now() >= deadline);
        Ok(())
    }

    /// Whether a thread of the task's process has made it exit.
    fn process_exits(&self, task: usize) -> bool {
        let process = &self.program.processes[self.program.tasks[task].process as usize];
        process.threads.iter().any(|&thread| self.state(thread as usize) == state::EXITED)
    }

    fn is_stopped(&self, task: usize) -> bool {
        self.signals && quiet::task_state(self.slot(task)) == 'T'
    }

    fn set_priority(&self, task: usize, priority: i32) {
        let _ = sys::set_priority(self.slot(task).tid.load(Ordering::Acquire) as i32, priority);
    }
}
