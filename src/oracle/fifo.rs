//! One path: under SCHED_FIFO on one CPU the released task runs to its return or sleep, then the woken ones in wake order.

use super::step::{StepSeen, events_of, killed, signal_sets};
use crate::{
    kernel::{IPCMNI, IpcKind, RunState, Step, TaskId, Trace, signal::SIGKILL},
    machine::{Machine, Move, MoveKind, State, ipc_field, ipc_fields, sem_field},
    program::{ObjectField, Release, SHOWN_CELLS, World, syntax::ObjectKind},
    target::{Impossible, IpcSeen},
};
use std::collections::{BTreeSet, VecDeque};

/// The model under the steered target's own scheduling.
#[derive(Clone, Debug)]
pub struct Fifo<'m> {
    machine: &'m Machine<'m>,
    state: State,
    held: Vec<TaskId>,
}

/// One move on the way through a step.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// The move.
    pub mv: Move,
    /// How it ended.
    pub step: &'a Step,
    /// The state after it.
    pub state: &'a State,
    /// Who goes on only when a release names it.
    pub held: &'a [TaskId],
}

impl<'m> Fifo<'m> {
    /// At the initial state.
    pub fn new(machine: &'m Machine<'m>, initial: &State) -> Self {
        let mut state = initial.clone();
        state.set_journal(false);
        let mut fifo = Fifo { machine, state, held: Vec::new() };
        for task in 0..machine.program.tasks.len() as TaskId {
            fifo.settle(task);
        }
        fifo
    }

    /// The state now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Does the local steps of a task up to its next call: a worker makes them before it says that it is ready.
    fn settle(&mut self, task: TaskId) {
        while self.machine.next_move(&self.state, task) == Some(MoveKind::Local) {
            let mv = Move { task, kind: MoveKind::Local };
            self.machine.apply(&mut self.state, mv, u32::MAX, &mut Trace::default());
        }
    }

    /// Whether the timer that a release names could go off.
    pub fn has_timer(&self, release: Release) -> bool {
        timer(self.machine, &self.state, release).is_some()
    }

    /// What stands against releasing a task now.
    pub fn releasable(&self, task: TaskId) -> Result<MoveKind, Impossible> {
        use crate::kernel::Life;
        let t = self.state.kernel.task(task);
        match self.machine.next_move(&self.state, task) {
            Some(MoveKind::Expire) => Err(Impossible::Asleep),
            Some(kind) => Ok(kind),
            None if t.asleep => Err(Impossible::Asleep),
            None if t.state == RunState::Stopped => Err(Impossible::Stopped),
            None if t.state != RunState::Dead => Err(Impossible::Parked),
            None if self.state.kernel.process_of(task).life == Life::Unborn => Err(Impossible::NotStarted),
            None => Err(Impossible::Exited),
        }
    }

    /// Releases a task and lets everything run until it is quiet.
    ///
    /// # Errors
    ///
    /// When the task cannot be released.
    pub fn release(&mut self, release: Release, trace: &mut Trace) -> Result<StepSeen, Impossible> {
        self.release_telling(release, trace, &mut |_, _| {})
    }

    /// Like [`Fifo::release`]; calls `see` after each move on the way, with the trace, from which it may take what it wants
    /// except who was woken.
    ///
    /// # Errors
    ///
    /// When the task cannot be released.
    pub fn release_telling(
        &mut self,
        release: Release,
        trace: &mut Trace,
        see: &mut dyn FnMut(&Made, &mut Trace),
    ) -> Result<StepSeen, Impossible> {
        // Whoever sleeps for a time only is released when that is over.
        let Move { task, kind } = match self.machine.next_move(&self.state, release.task) {
            _ if release.expire => timer(self.machine, &self.state, release).ok_or(Impossible::NoTimer)?,
            Some(kind @ MoveKind::Expire) => Move { task: release.task, kind },
            _ => Move { task: release.task, kind: self.releasable(release.task)? },
        };
        if release.hold {
            let asleep = self.state.kernel.tasks().filter(|&(id, t)| t.asleep && id != release.task).map(|(id, _)| id);
            self.held.extend(asleep.collect::<Vec<_>>());
            self.held.sort_unstable();
            self.held.dedup();
        }
        // A timer of its process lets nobody go on who is held.
        if !release.expire {
            self.held.retain(|&task| task != release.task);
        }
        let seen = self.run(task, kind, trace, see);
        // Who was not woken in this step is not held in the next.
        let kernel = &self.state.kernel;
        self.held.retain(|&task| kernel.task(task).in_call().is_some() && !kernel.task(task).asleep);
        Ok(seen)
    }

    /// One move, and then whatever it made runnable, in order.
    fn run(
        &mut self,
        first: TaskId,
        kind: MoveKind,
        trace: &mut Trace,
        see: &mut dyn FnMut(&Made, &mut Trace),
    ) -> StepSeen {
        let mut seen = StepSeen::default();
        let before = killed(self.machine, &self.state.kernel);
        let mut queue = VecDeque::from([(first, Some(kind))]);
        // Nobody holds what is killed. It comes to its end when nobody else can go on, in the order of tasks.
        let mut doomed = BTreeSet::new();
        while let Some((task, kind)) = queue.pop_front().or_else(|| Some((doomed.pop_first()?, None))) {
            // Who was woken attends to a signal, or goes on in its call.
            let Some(kind) = kind.or_else(|| self.going_on(task)) else { continue };
            trace.woken.clear();
            let call = self.state.cursor(task).pending_call(&self.machine.program.tasks[task as usize].code);
            // Whom a signal ends at user level does not make the call that would have come next.
            let call = call.filter(|_| kind != MoveKind::Deliver);
            let went_on = self.state.cursor(task).halt.is_none();
            let step = self.machine.apply(&mut self.state, Move { task, kind }, u32::MAX, trace);
            // A task that waits for its next command has left the processor, and nothing in the store buffer.
            self.state.kernel.drain(task);
            self.settle(task);
            if let Step::Forked(child) = step {
                self.machine.program.processes[usize::from(child)]
                    .threads
                    .iter()
                    .for_each(|&thread| self.settle(thread));
            }
            see(&Made { mv: Move { task, kind }, step: &step, state: &self.state, held: &self.held }, trace);
            if let Step::Restart(_) = step {
                queue.push_front((task, Some(MoveKind::Call)));
            }
            seen.events.extend(events_of(self.machine, &self.state, task, call, step, went_on));
            let kernel = &self.state.kernel;
            doomed.extend(self.held.extract_if(.., |task| kernel.task(*task).pending.contains(SIGKILL)));
            let woken = trace.woken.iter().filter(|task| !self.held.contains(task) && !doomed.contains(task));
            queue.extend(woken.map(|&task| (task, None)));
        }
        self.look(&mut seen);
        seen.killed.retain(|killed| !before.contains(killed));
        seen
    }

    /// How a task that was woken goes on.
    fn going_on(&self, task: TaskId) -> Option<MoveKind> {
        let kind = self.machine.next_move(&self.state, task)?;
        matches!(kind, MoveKind::Continue | MoveKind::Deliver).then_some(kind)
    }

    /// What can be seen when all is quiet.
    fn look(&self, seen: &mut StepSeen) {
        for (task, t) in self.state.kernel.tasks() {
            match t.sleeps_in() {
                Some(call) => seen.asleep.push((task, call)),
                None if t.state == RunState::Stopped => seen.stopped.push(task),
                None if t.frame.call.is_some() => seen.held.push(task),
                None => {}
            }
        }
        seen.signals = signal_sets(self.machine, &self.state.kernel);
        seen.killed = killed(self.machine, &self.state.kernel);
        seen.probes = probes(self.machine, &self.state);
        seen.ipc = ipc(self.machine, &self.state);
    }
}

/// The timer that a release names goes off: that with its id, or that of the task's call, else that of its process.
pub(super) fn timer(machine: &Machine, state: &State, release: Release) -> Option<Move> {
    let task = release.task;
    if release.timer.is_none() && machine.next_move(state, task) == Some(MoveKind::Expire) {
        return Some(Move { task, kind: MoveKind::Expire });
    }
    // It finds none of the program's tasks on the processor: all of them wait for the controller.
    let leader = machine.leader(task);
    let kind = match release.timer {
        Some(id) => machine.timers(state, leader).find(|&kind| kind == MoveKind::Timer(id)),
        None => machine.alarm(state, leader),
    };
    kind.map(|kind| Move { task: leader, kind })
}

/// What every System V object would show to a probe, if the model keeps all that one sees.
pub(super) fn ipc(machine: &Machine, state: &State) -> Option<Vec<IpcSeen>> {
    if !(machine.env.observe.pids && machine.program.uses_ipc()) {
        return None;
    }
    let k = &state.kernel;
    let mut seen = Vec::new();
    for (slot, msq) in k.msqs() {
        let fields = ipc_fields(IpcKind::Msg).iter();
        let fields = fields.filter_map(|&field| Some((field, ipc_field(k, IpcKind::Msg, slot, field)?))).collect();
        let messages = msq.q_messages.iter().map(|msg| (msg.m_type, msg.text.clone())).collect();
        let object = declared(machine, state, ObjectKind::Msgq, msq.q_perm.id);
        seen.push(IpcSeen { kind: IpcKind::Msg, object, fields, messages, sems: Vec::new() });
    }
    for (slot, set) in k.sem_sets() {
        let fields = ipc_fields(IpcKind::Sem).iter();
        let fields = fields.filter_map(|&field| Some((field, ipc_field(k, IpcKind::Sem, slot, field)?))).collect();
        let field = |semnum, field| sem_field(&machine.env, k, slot, semnum, field).unwrap_or(0);
        let sems = (0..set.nsems() as u16).map(|semnum| ObjectField::OF_SEMAPHORE.map(|f| field(semnum, f))).collect();
        let object = declared(machine, state, ObjectKind::Sem, set.sem_perm.id);
        seen.push(IpcSeen { kind: IpcKind::Sem, object, fields, messages: Vec::new(), sems });
    }
    for (slot, shm) in k.shmids() {
        let fields = ipc_fields(IpcKind::Shm).iter();
        let fields = fields.filter_map(|&field| Some((field, ipc_field(k, IpcKind::Shm, slot, field)?))).collect();
        let object = declared(machine, state, ObjectKind::Shm, shm.shm_perm.id);
        seen.push(IpcSeen { kind: IpcKind::Shm, object, fields, messages: Vec::new(), sems: Vec::new() });
    }
    seen.sort_by_key(|seen: &IpcSeen| (seen.kind, seen.field(ObjectField::Id).map(|id| id % i64::from(IPCMNI))));
    Some(seen)
}

/// The declared object of a kind with this id.
fn declared(machine: &Machine, state: &State, kind: ObjectKind, id: i32) -> Option<u16> {
    let mut objects = machine.program.objects.iter().enumerate();
    let found = objects.find(|(i, info)| info.kind == kind && state.kernel.ipc_declared(*i as u16) == id);
    found.map(|(i, _)| i as u16)
}

/// What the declared objects would show to a probe.
pub(super) fn probes(machine: &Machine, state: &State) -> Vec<(u16, ObjectField, i64)> {
    let world = machine.world(state);
    let mut asked = Vec::new();
    for (i, object) in machine.program.objects.iter().enumerate() {
        match object.kind {
            ObjectKind::Pipe => asked.extend([ObjectField::Readable, ObjectField::Size].map(|field| (i as u16, field))),
            ObjectKind::Shm => {
                asked.extend((0..object.cells.min(SHOWN_CELLS)).map(|cell| (i as u16, ObjectField::Cell(cell))));
            }
            _ => {}
        }
    }
    asked
        .into_iter()
        .filter_map(|(object, field)| Some((object, field, world.object(object, field)?.as_int()?)))
        .collect()
}
