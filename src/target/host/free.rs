//! The controller of free runs.
//!
//! Processes are expensive to make, so one group of workers runs many iterations, each on an instance of the objects that
//! was made beforehand. The group ends when the instances are used up, or when an iteration leaves it damaged: somebody
//! sleeps, exited or was forked.

use super::{
    ipc, ipc_probe,
    log::{Entry, Kept, RunEnd, call_kind, end},
    native::{self, Native},
    objects::{HIGH_FD, Objects},
    probe,
    quiet::{self, Eyes},
    sandbox::Inside,
    shared::{LOG_BYTES, MAX_INSTANCES, MAX_TASKS, command, state, verdict},
    steer::{end_workers, hand_over, start_process, wait_until_attached},
    sys,
    worker::{Crew, Way},
};
use crate::{
    kernel::TaskId,
    program::{Compiled, syntax::ObjectKind},
    target::{FreeOptions, Observation},
};
use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

/// In the sandbox's first process: all iterations.
pub fn free(inside: Inside, program: &Compiled, options: &FreeOptions) {
    if let Some(native) = Native::of(program) {
        return native::run(inside, program, &native, options);
    }
    let begun = Instant::now();
    let most = most_instances(program);
    let mut free = Free { inside, program, options, eyes: Eyes::for_signals(program.uses_signals()), index: 0 };
    let mut wanted = 1;
    let over = |index| {
        let late = options.time_limit.is_some_and(|limit| begun.elapsed() >= limit);
        index >= options.iterations || late || inside.shared.is_stopped()
    };
    while !over(free.index) {
        let count = wanted.min(options.iterations - free.index);
        let crew = free.start_workers(count);
        let mut used = 0;
        while used < count && !over(free.index) {
            let intact = free.iteration(&crew, used);
            used += 1;
            if !intact {
                break;
            }
        }
        // Programs that damage their group each time need no second instance.
        wanted = if used == count { (wanted * 2).min(most) } else { used.max(1) };
        end_workers();
        inside.shared.batches.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many instances of the objects may exist at once: bounded by descriptors, and by the pages that a user's pipes may
/// have before they are made smaller. One, if the program could notice others.
fn most_instances(program: &Compiled) -> usize {
    const PAGES: u64 = 4096;
    if program.looks_at_namespace() || program.needs_fresh_memory() {
        return 1;
    }
    let pipes = program.objects.iter().filter(|o| o.kind == ObjectKind::Pipe);
    let (mut fds, mut pages) = (0, 0);
    for pipe in pipes {
        fds += 2;
        pages += pipe.size.map_or(16, |size| size.div_ceil(4096).max(16));
    }
    let room = sys::limit(libc::RLIMIT_NOFILE as i32).0.min(1 << 16) as usize;
    let by_fds = room.saturating_sub(HIGH_FD as usize + 64) / fds.max(1);
    let by_pages = (PAGES / pages.max(1)) as usize;
    if program.looks_at_namespace() {
        return 1;
    }
    MAX_INSTANCES.min(by_fds).min(by_pages).max(1)
}

struct Free<'a> {
    inside: Inside<'a>,
    program: &'a Compiled,
    options: &'a FreeOptions,
    eyes: Eyes,
    index: usize,
}

impl<'a> Free<'a> {
    fn state(&self, task: usize) -> u32 {
        self.inside.shared.slot(task).state.load(Ordering::Acquire)
    }

    /// A fresh group with `count` instances of the objects.
    fn start_workers(&mut self, count: usize) -> Crew<'a> {
        let shared = self.inside.shared;
        shared.begin_run();
        shared.reset_tasks();
        self.eyes = Eyes::for_signals(self.program.uses_signals());
        shared.done.store(0, Ordering::Relaxed);
        shared.expected.store(u32::MAX, Ordering::Relaxed);
        if self.program.uses_ipc() {
            ipc::enter_namespace(shared);
        }
        let instances = (0..count).map(|instance| Objects::create(shared, self.program, instance)).collect();
        let way = Way::Free { seed: self.options.seed };
        let mut crew = Crew { inside: self.inside, program: self.program, instances, way };
        for (process, info) in self.program.processes.iter().enumerate() {
            if start_process(&crew, process, info).is_some() && self.program.needs_fresh_memory() {
                wait_until_attached(shared, info);
            }
        }
        crew.instances.iter_mut().for_each(Objects::close);
        crew
    }

    /// The tasks that are there from the start, apart from that of `init`.
    fn runners(&self) -> impl Iterator<Item = usize> {
        let program = self.program;
        (0..program.tasks.len()).filter(move |&task| {
            program.init != Some(task as TaskId)
                && program.processes[program.tasks[task].process as usize].parent.is_none()
        })
    }

    /// One iteration. Returns whether the group can make another one.
    fn iteration(&mut self, crew: &Crew, instance: usize) -> bool {
        let shared = self.inside.shared;
        if shared.log_used() > LOG_BYTES / 8 {
            hand_over(self.inside);
        }
        shared.begin_run();
        let pinned = self.options.pinned.unwrap_or(self.index / 8 % 2 == 1);
        let start = shared.log_used();
        let begins = Entry::IterationBegins(self.index, pinned);
        shared.append(&begins);
        shared.instance.store(instance as u32, Ordering::Relaxed);
        shared.iteration.store(self.index as u32, Ordering::Relaxed);
        shared.pinned.store(pinned.into(), Ordering::Relaxed);
        self.index += 1;
        let outcome = self.init().and_then(|()| {
            let runners: Vec<usize> = self.runners().collect();
            self.start(&runners);
            self.wait()
        });
        let mut run = RunEnd::default();
        if let Err(end) = outcome {
            run.end = end;
        } else {
            let (probes, skipped) = probe::ask(shared, crew.program, &mut |task| {
                while shared.slot(task).command.load(Ordering::Acquire) != command::NONE {
                    sys::sched_yield();
                }
            });
            run.skipped_probes = skipped as u64;
            let stopped = self.stopped();
            let mut asleep = self.sleepers();
            asleep.retain(|(task, _)| !stopped.contains(task));
            probe::read_files(shared, crew.program, &crew.instances[instance].paths);
            if crew.program.objects.iter().any(|object| object.kind.ipc().is_some()) {
                ipc_probe::look(shared, crew.program, &crew.instances[instance].numbers, false);
            }
            shared.see(Observation::Quiet { step: 0, asleep, held: Vec::new(), stopped, probes, signals: Vec::new() });
        }
        // Actions, masks and pending signals would stay for the next iteration.
        let intact = outcome.is_ok()
            && !self.program.needs_fresh_memory()
            && !crew.signals()
            && shared.overflow.load(Ordering::Acquire) == 0
            && self.runners().all(|task| self.state(task) == state::PARKED)
            && {
                let mut forked = (0..self.program.tasks.len()).filter(|&t| !self.runners().any(|r| r == t));
                forked.all(|task| self.state(task) == state::UNBORN || self.program.init == Some(task as TaskId))
            };
        if !intact {
            // Whoever still runs could be killed in the middle of an entry.
            end_workers();
            match shared.close_log(start, crew.signals()) {
                Kept::Whole => shared.append(&Entry::RunEnds(run)),
                lost => {
                    // Nobody knows how it went.
                    run.end = [if lost == Kept::Torn { end::TORN } else { end::OVERFLOW }, 0, 0, 0];
                    shared.append(&begins);
                    shared.append(&Entry::RunEnds(run));
                }
            }
        } else {
            shared.append(&Entry::RunEnds(run));
        }
        if shared.verdict.load(Ordering::Acquire) != verdict::NONE {
            sys::exit_now(2);
        }
        intact
    }

    /// Starts `tasks`, which all wait for commands.
    fn start(&self, tasks: &[usize]) {
        let shared = self.inside.shared;
        // Whoever has just been forked may not have come to its first wait.
        while tasks.iter().any(|&task| !matches!(self.state(task), state::IDLE | state::PARKED))
            && shared.verdict.load(Ordering::Acquire) == verdict::NONE
        {
            sys::sched_yield();
        }
        shared.ready.store(0, Ordering::Relaxed);
        shared.done.store(0, Ordering::Relaxed);
        shared.expected.store(tasks.len() as u32, Ordering::Release);
        for &task in tasks {
            sys::futex_post(&shared.slot(task).command, command::RUN);
        }
    }

    fn init(&mut self) -> Result<(), [u64; 4]> {
        let Some(init) = self.program.init else { return Ok(()) };
        self.start(&[init as usize]);
        self.wait()?;
        if self.state(init as usize) == state::IN_CALL { Err([end::INIT_BLOCKED, 0, 0, 0]) } else { Ok(()) }
    }

    /// Returns when no task can go on.
    fn wait(&mut self) -> Result<(), [u64; 4]> {
        /// The first look into `/proc` comes when most iterations have long ended.
        const FIRST: Duration = Duration::from_micros(100);
        const LONGEST: Duration = Duration::from_millis(10);
        let shared = self.inside.shared;
        let (begun, mut pause) = (Instant::now(), FIRST);
        loop {
            let done = shared.done.load(Ordering::Acquire);
            if self.program.uses_signals() {
                quiet::find_killed(shared, self.program);
            }
            if (0..self.program.tasks.len()).all(|task| self.rests(task))
                && (!self.program.uses_signals() || self.quiet())
            {
                return Ok(());
            }
            sys::futex_wait(&shared.done, done, Some(pause));
            if shared.done.load(Ordering::Acquire) != done {
                continue;
            }
            // Whoever sleeps for a time only is not at its end.
            if self.quiet() && !self.timed() {
                return Ok(());
            }
            pause = (pause * 2).min(LONGEST);
            let full = shared.overflow.load(Ordering::Acquire) != 0;
            if full || begun.elapsed() > self.options.limit || shared.verdict.load(Ordering::Acquire) != verdict::NONE {
                let runs = |&task: &usize| matches!(self.state(task), state::LOCAL | state::IN_CALL);
                let task = (0..self.program.tasks.len()).find(runs).map_or(0, |task| task as u64 + 1);
                return Err([end::TIMED_OUT, task, 0, 0]);
            }
        }
    }

    fn quiet(&mut self) -> bool {
        self.eyes.quiet(self.inside.shared, self.program.tasks.len(), &[false; MAX_TASKS])
    }

    /// Whether somebody in a call will give up some time later.
    fn timed(&self) -> bool {
        (0..self.program.tasks.len()).any(|task| {
            self.state(task) == state::IN_CALL && self.inside.shared.slot(task).deadline.load(Ordering::Relaxed) > 0
        })
    }

    fn rests(&self, task: usize) -> bool {
        self.inside.shared.slot(task).rests()
    }

    /// Whom a signal has stopped.
    fn stopped(&self) -> Vec<TaskId> {
        if !self.program.uses_signals() {
            return Vec::new();
        }
        let stopped = |&task: &usize| quiet::task_state(self.inside.shared.slot(task)) == 'T';
        (0..self.program.tasks.len()).filter(stopped).map(|task| task as TaskId).collect()
    }

    fn sleepers(&self) -> Vec<(TaskId, crate::kernel::CallKind)> {
        let asleep = (0..self.program.tasks.len()).filter(|&task| self.state(task) == state::IN_CALL);
        let kind = |task: usize| self.inside.shared.slot(task).kind.load(Ordering::Relaxed);
        asleep.filter_map(|task| Some((task as TaskId, call_kind(kind(task).into())?))).collect()
    }
}
