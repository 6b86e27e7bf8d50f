//! When the timers of a walk will go off, so that schedules let them do so in that order and in time.
//!
//! The model has no clock; a kernel has one. Here every release takes a little while, and to let a timer go off takes all the time
//! until then. A timer is let go off if it is the next one by far; before it could go off unasked, the walk ends.

use crate::{
    kernel::{Call, Life, TaskId, signal::ITIMER_REAL},
    machine::{Machine, MoveKind, State},
    program::Release,
};

/// Microseconds.
type Time = u64;

/// What a release takes, generously.
const RELEASE: Time = 200;
/// Two timers that are nearer to each other could go off in either order.
const APART: Time = 2_500;
/// So short are times that are not over before a few more calls are made.
const SHORTEST: Time = 8_000;
/// Nobody waits for longer.
const LONGEST: Time = 60_000;

/// A timer that somebody has set.
#[derive(Clone, Copy, Debug)]
struct Timer {
    owner: Owner,
    at: Time,
    /// After that it goes off again; 0 for never.
    interval: Time,
}

/// Whose timer it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Owner {
    /// That of the call that a task sleeps in.
    Call(TaskId),
    /// That of a process: `ITIMER_REAL`, or one of `timer_create`. The task is its first.
    Process(TaskId, Option<u8>),
}

/// What time it is in a walk, and what is to come.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    now: Time,
    timers: Vec<Timer>,
}

impl Clock {
    /// Whether a call can be made: its time is not so short that it might be over at once.
    pub fn admits(&self, call: &Call) -> bool {
        let times = match *call {
            Call::Setitimer { value, interval, .. } | Call::TimerSettime { value, interval, .. } => [value, interval],
            _ => [call.timeout_us().unwrap_or(0), 0],
        };
        times.into_iter().all(|time| time == 0 || time >= SHORTEST)
    }

    /// A task makes a call.
    pub fn called(&mut self, machine: &Machine, task: TaskId, call: &Call) {
        self.now += RELEASE;
        let of_process = |id| Owner::Process(machine.leader(task), id);
        let (owner, value, interval) = match *call {
            Call::Alarm { seconds } => (of_process(None), u64::from(seconds) * 1_000_000, 0),
            Call::Setitimer { which: ITIMER_REAL, value, interval } => (of_process(None), value, interval),
            Call::TimerSettime { id, value, interval } => (of_process(u8::try_from(id).ok()), value, interval),
            Call::TimerDelete { id } => (of_process(u8::try_from(id).ok()), 0, 0),
            _ => (Owner::Call(task), call.timeout_us().unwrap_or(0), 0),
        };
        self.timers.retain(|timer| timer.owner != owner);
        if value > 0 {
            self.timers.push(Timer { owner, at: self.now + value, interval });
        }
    }

    /// Something else was released.
    pub fn ticks(&mut self) {
        self.now += RELEASE;
    }

    /// The timers that could go off, the next one first. One with an interval that waits for its signal to be taken is among them.
    fn running(&self, machine: &Machine, state: &State) -> Vec<Timer> {
        let lives = |task: TaskId| state.kernel.process_of(task).life == Life::Live;
        let task = |timer: &Timer| match timer.owner {
            Owner::Call(task) | Owner::Process(task, _) => task,
        };
        let mut running: Vec<Timer> = self.timers.iter().filter(|timer| lives(task(timer))).copied().collect();
        running.sort_by_key(|timer| timer.at);
        running.retain(|timer| timer.interval > 0 || is_armed(machine, state, timer.owner));
        running
    }

    /// The release that lets the next timer go off, if it is sure to be the next.
    pub fn due(&self, machine: &Machine, state: &State) -> Option<Release> {
        let running = self.running(machine, state);
        let next = running.first()?;
        let sure = running.get(1).is_none_or(|other| other.at >= next.at + APART);
        let soon = next.at <= self.now + LONGEST;
        (sure && soon).then(|| release(machine, state, &running, next.owner)).flatten()
    }

    /// Whether a timer could go off in the next step.
    pub fn is_short(&self, machine: &Machine, state: &State) -> bool {
        self.running(machine, state).first().is_some_and(|next| next.at < self.now + APART)
    }

    /// The next timer has gone off.
    pub fn rang(&mut self, machine: &Machine, state: &State) {
        let Some(next) = self.running(machine, state).first().copied() else { return };
        self.now = self.now.max(next.at) + RELEASE;
        for timer in &mut self.timers {
            if timer.owner == next.owner {
                timer.at += timer.interval;
            }
        }
        self.timers.retain(|timer| timer.owner != next.owner || timer.interval > 0);
    }
}

/// Whether a timer is armed; that of a call is as long as the task is in the call, also while it is held or stopped.
fn is_armed(machine: &Machine, state: &State, owner: Owner) -> bool {
    match owner {
        Owner::Call(task) => state.kernel.task(task).in_call().is_some(),
        Owner::Process(leader, None) => machine.alarm(state, leader).is_some(),
        Owner::Process(leader, Some(id)) => machine.timers(state, leader).any(|kind| kind == MoveKind::Timer(id)),
    }
}

/// The release that lets a timer go off, if the model can: a task that does not sleep for a time itself stands for its process.
fn release(machine: &Machine, state: &State, running: &[Timer], owner: Owner) -> Option<Release> {
    let expires = |task| machine.next_move(state, task) == Some(MoveKind::Expire);
    match owner {
        Owner::Call(task) => expires(task).then(|| Release::expire(task, None)),
        Owner::Process(leader, Some(id)) => is_armed(machine, state, owner).then(|| Release::expire(leader, Some(id))),
        Owner::Process(leader, None) => {
            let process = machine.program.tasks[usize::from(leader)].process;
            let times = |task: TaskId| running.iter().any(|timer| timer.owner == Owner::Call(task));
            let mut threads = machine.program.processes[usize::from(process)].threads.iter().copied();
            let task = threads.find(|&task| !expires(task) && !times(task))?;
            is_armed(machine, state, owner).then(|| Release::expire(task, None))
        }
    }
}
