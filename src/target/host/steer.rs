//! The controller of steered runs.

use super::{
    ipc, ipc_probe,
    log::{Entry, Kept, RunEnd, call_kind, end},
    objects::Objects,
    probe,
    quiet::{self, Eyes},
    sandbox::{CONTROLLER_PRIORITY, HELD_PRIORITY, Inside, REAPER_PRIORITY, TASK_PRIORITY},
    shared::{MAX_TASKS, Shared, Slot, command, handover, state, verdict},
    sys,
    worker::{self, Crew, Way},
};
use crate::{
    kernel::{TaskId, signal::MAX_POSIX_TIMERS},
    program::{Compiled, IpcNumbers, ProcessInfo, Release, Schedule},
    target::{Impossible, Job, Observation, SignalSets, Stage, SteerOptions},
};
use std::{
    ffi::CString,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// How often a moment is granted to who may have to attend to a signal.
const ATTENTION: usize = 3;

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

    /// When the timer of a task that is asleep goes off; 0 if it has none.
    fn deadline(&self, task: usize) -> u64 {
        if self.state(task) == state::IN_CALL { self.slot(task).deadline.load(Ordering::Relaxed) } else { 0 }
    }

    /// The first thread of a task's process.
    fn leader(&self, task: usize) -> usize {
        self.program.processes[self.program.tasks[task].process as usize].threads[0] as usize
    }

    /// The timer of its process that a release lets go off, by its place.
    fn timer_of(&self, release: Release) -> Option<usize> {
        let call = release.timer.is_none() && self.deadline(release.task.into()) != 0;
        (release.expire && !call).then(|| release.timer.map_or(0, |id| 1 + usize::from(id)))
    }

    /// When a timer of a task's process goes off next, as early as it could.
    fn rings(&self, task: usize, timer: usize) -> Option<u64> {
        let timer = self.slot(self.leader(task)).timers.get(timer)?;
        let (at, interval) = (timer.at.load(Ordering::Relaxed), timer.interval.load(Ordering::Relaxed));
        let next = |at: u64| match sys::now().checked_sub(at) {
            Some(since) if interval > 0 => at + (since / interval + 1) * interval,
            _ => at,
        };
        (at > 0 && self.state(self.leader(task)) != state::EXITED).then(|| next(at))
    }

    /// Waits until a timer of a task's process has gone off. It and the one that is waited for here are this processor's, which serves
    /// the earlier one first.
    fn ring(&self, task: usize, timer: usize) {
        const LATER: u64 = 200_000;
        let Some(at) = self.rings(task, timer) else { return };
        let timer = &self.slot(self.leader(task)).timers[timer];
        let until = at + timer.slack.load(Ordering::Relaxed) + LATER;
        if timer.interval.load(Ordering::Relaxed) == 0 {
            timer.at.store(0, Ordering::Relaxed);
        }
        while let Some(left) = until.checked_sub(sys::now()).filter(|&left| left > 0) {
            self.inside.shared.tick();
            self.pass(Duration::from_nanos(left.min(100_000_000)));
        }
    }

    /// Waits until the timer of a task has gone off. Nobody else can run meanwhile, unless another timer does.
    fn expire(&mut self, task: usize) -> Outcome {
        let begun = Instant::now();
        let deadline = Duration::from_nanos(self.deadline(task).saturating_sub(sys::now()));
        while self.state(task) == state::IN_CALL {
            if begun.elapsed() > deadline + self.options.limit {
                return Err([end::TIMED_OUT, task as u64 + 1, 0, 0]);
            }
            self.inside.shared.tick();
            self.pass(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Lets time pass. Those who are held would run if we slept.
    fn pass(&self, time: Duration) {
        if !self.held.contains(&true) {
            return std::thread::sleep(time);
        }
        let begun = Instant::now();
        while begun.elapsed() < time {
            std::hint::spin_loop();
        }
    }

    fn is_stopped(&self, task: usize) -> bool {
        self.signals && quiet::task_state(self.slot(task)) == 'T'
    }

    fn set_priority(&self, task: usize, priority: i32) {
        let _ = sys::set_priority(self.slot(task).tid.load(Ordering::Acquire) as i32, priority);
    }

    /// Whom a signal ends is not held: it runs here, and ends.
    fn let_die(&mut self) {
        for task in (0..self.tasks()).filter(|_| self.signals) {
            if self.held[task] && quiet::is_killed(self.slot(task)) {
                self.held[task] = false;
                self.set_priority(task, TASK_PRIORITY);
            }
        }
    }

    /// A task that a signal has ended and that is not gone yet.
    fn killed(&self) -> Option<usize> {
        let exits = |&task: &usize| !self.held[task] && quiet::is_exiting(self.slot(task));
        (0..self.tasks()).filter(|_| self.signals).find(exits)
    }

    /// Puts everybody who sleeps below us, so that who is woken does not run.
    fn hold_sleepers(&mut self) -> Vec<usize> {
        let stopped = |t: usize| self.slot(t).stopped.load(Ordering::Relaxed) != 0;
        let asleep = |&t: &usize| self.state(t) == state::IN_CALL && !self.held[t] && !stopped(t);
        let sleepers = (0..self.tasks()).filter(asleep);
        let sleepers: Vec<usize> = sleepers.collect();
        for &task in &sleepers {
            self.set_priority(task, HELD_PRIORITY);
            self.held[task] = true;
        }
        sleepers
    }

    /// Those of `lowered` who still sleep are not held any more.
    fn release_unwoken(&mut self, lowered: &[usize]) {
        // Threads that an exit killed come to their end first: what that wakes is held.
        for &task in lowered {
            if self.process_exits(task) {
                self.held[task] = false;
                self.set_priority(task, TASK_PRIORITY);
            }
        }
        for &task in lowered {
            if self.state(task) == state::IN_CALL && quiet::task_state(self.slot(task)) == 'R' {
                continue;
            }
            self.held[task] = false;
            self.set_priority(task, TASK_PRIORITY);
        }
    }

    /// Returns when nothing can go on by itself.
    fn settle(&mut self) -> Outcome {
        if self.inside.realtime { self.settle_realtime() } else { self.settle_by_proof() }
    }

    /// A task that is neither in a call nor waits for a command; there is none while it is quiet.
    fn busy(&self) -> Option<usize> {
        (0..self.tasks()).find(|&task| match self.state(task) {
            state::LOCAL => true,
            state::IDLE | state::PARKED => self.slot(task).command.load(Ordering::Acquire) != command::NONE,
            _ => false,
        })
    }

    /// We run, so none of the tasks can. What is left to find out is whether one of them was killed, or waits for something
    /// that is not the program's: a page, or a lock of the kernel's memory management that the tool holds.
    fn settle_realtime(&mut self) -> Outcome {
        let begun = Instant::now();
        self.let_die();
        self.find_killed();
        while let Some(task) = self.busy().or_else(|| self.wakeful()) {
            if self.is_dead(task) || begun.elapsed() > self.options.limit {
                return Err([end::TIMED_OUT, task as u64 + 1, 0, 0]);
            }
            self.doze();
        }
        // An exit can be held up before it has closed anything.
        while let Some(task) = self.dying().or_else(|| self.killed()) {
            if begun.elapsed() > self.options.limit {
                return Err([end::TIMED_OUT, task as u64 + 1, 0, 0]);
            }
            self.doze();
            self.find_killed();
        }
        Ok(())
    }

    /// Lets the kernel do what holds up the tasks.
    fn doze(&mut self) {
        // While we sleep those who are held can run.
        if self.held.contains(&true) {
            self.count.check_failures += 1;
        }
        std::thread::sleep(Duration::from_micros(50));
    }

    /// A task that exits alone, or whose process exits, and which is not gone yet, unless another of its threads is held.
    fn dying(&mut self) -> Option<usize> {
        for task in 0..self.tasks() {
            let alone = self.state(task) == state::GONE;
            if self.gone[task] || self.state(task) == state::UNBORN || !alone && !self.process_exits(task) {
                continue;
            }
            let process = &self.program.processes[self.program.tasks[task].process as usize];
            if !alone && process.threads.iter().any(|&thread| self.held[thread as usize]) {
                continue;
            }
            if !matches!(quiet::task_state(self.slot(task)), 'X' | 'Z') {
                return Some(task);
            }
            self.gone[task] = true;
        }
        None
    }

    /// Notes who was ended by a signal.
    fn find_killed(&self) {
        if self.signals {
            quiet::find_killed(self.inside.shared, self.program);
        }
    }

    /// The task that was released last, if it is in its call and yet does not sleep there.
    fn wakeful(&mut self) -> Option<usize> {
        let task = self.inside.shared.current.load(Ordering::Relaxed).checked_sub(1)? as usize;
        let suspect = self.state(task) == state::IN_CALL && !self.held[task];
        (suspect && !self.eyes.sleeps_in_call(task, self.slot(task))).then_some(task)
    }

    fn is_dead(&self, task: usize) -> bool {
        self.slot(task).proc_pid.load(Ordering::Acquire) != 0 && matches!(quiet::task_state(self.slot(task)), 'X' | 'Z')
            || self.inside.shared.verdict.load(Ordering::Acquire) != verdict::NONE
    }

    fn settle_by_proof(&mut self) -> Outcome {
        /// After so many attempts it is more than a busy machine.
        const IMPATIENT: usize = 100;
        let begun = Instant::now();
        for attempt in 0.. {
            for _ in 0..3 {
                sys::sched_yield();
            }
            self.count.checks += 1;
            self.find_killed();
            if self.eyes.quiet(self.inside.shared, self.tasks(), &self.held) {
                return Ok(());
            }
            if attempt > IMPATIENT {
                if begun.elapsed() > self.options.limit * 3 / 4
                    || self.inside.shared.verdict.load(Ordering::Acquire) != verdict::NONE
                {
                    break;
                }
                std::thread::sleep(Duration::from_micros(50));
            }
        }
        let task = self.busy().map_or_else(|| self.inside.shared.current.load(Ordering::Relaxed), |t| t as u32 + 1);
        Err([end::TIMED_OUT, task.into(), 0, 0])
    }

    /// Every so many steps, asks `/proc` whether the method is right.
    fn confirm(&mut self, step: usize) {
        if self.options.check_every > 0 && (step + 1).is_multiple_of(self.options.check_every) {
            self.check();
        }
    }

    fn check(&mut self) {
        if !self.inside.realtime {
            return;
        }
        self.count.checks += 1;
        if !self.eyes.quiet(self.inside.shared, self.tasks(), &self.held) {
            self.count.check_failures += 1;
        }
    }

    /// The signal sets of all tasks that live.
    fn signal_sets(&self) -> Vec<(TaskId, SignalSets)> {
        if !(self.options.probe && self.signals) {
            return Vec::new();
        }
        let alive = |&task: &usize| !matches!(self.state(task), state::UNBORN | state::EXITED | state::GONE);
        let seen = |task: usize| Some((task as TaskId, quiet::signal_sets(self.slot(task))?));
        (0..self.tasks()).filter(alive).filter_map(seen).collect()
    }

    /// Whether somebody may have been told of a signal, and be held up by the kernel before it attends to it. If it is another thread
    /// that was told, it stays so.
    fn overlooks(&self, signals: &[(TaskId, SignalSets)]) -> bool {
        let unblocked = |sets: &SignalSets| (sets.pending | sets.shared) & !sets.blocked != 0;
        let mut awake = signals.iter().filter(|(task, _)| !self.is_stopped((*task).into()));
        self.inside.realtime && !self.held.contains(&true) && awake.any(|(_, sets)| unblocked(sets))
    }

    fn report_quiet(&mut self, step: usize) -> Outcome {
        let mut signals = self.signal_sets();
        for _ in 0..ATTENTION {
            if !self.overlooks(&signals) {
                break;
            }
            self.doze();
            self.settle()?;
            signals = self.signal_sets();
        }
        let alive = |&task: &usize| !matches!(self.state(task), state::UNBORN | state::EXITED | state::GONE);
        let alive: Vec<usize> = (0..self.tasks()).filter(alive).collect();
        let stopped: Vec<usize> = alive.iter().copied().filter(|&task| self.is_stopped(task)).collect();
        for task in 0..self.tasks() {
            self.slot(task).stopped.store(stopped.contains(&task).into(), Ordering::Relaxed);
        }
        let probes = if self.options.probe { self.probe() } else { Vec::new() };
        let in_call = |&task: &usize| self.state(task) == state::IN_CALL && !stopped.contains(&task);
        let asleep = (0..self.tasks()).filter(in_call).filter(|&task| !self.held[task]).filter_map(|task| {
            let kind = call_kind(self.slot(task).kind.load(Ordering::Relaxed).into())?;
            Some((task as TaskId, kind))
        });
        let asleep = asleep.collect();
        let held = (0..self.tasks()).filter(|&task| self.held[task]).map(|task| task as TaskId).collect();
        probe::read_files(self.inside.shared, self.program, &self.paths);
        if self.options.probe && self.program.uses_ipc() {
            ipc_probe::look(self.inside.shared, self.program, &self.numbers, true);
        }
        let stopped = stopped.into_iter().map(|task| task as TaskId).collect();
        self.inside.shared.see(Observation::Quiet { step, asleep, held, stopped, probes, signals });
        Ok(())
    }

    fn probe(&mut self) -> Vec<(u16, crate::program::ObjectField, i64)> {
        let shared = self.inside.shared;
        let limit = self.options.limit;
        let (seen, skipped) = probe::ask(shared, self.program, &mut |task| {
            let begun = Instant::now();
            while shared.slot(task).command.load(Ordering::Acquire) != command::NONE && begun.elapsed() < limit {
                sys::sched_yield();
            }
        });
        self.count.skipped_probes += skipped as u64;
        seen
    }
}
