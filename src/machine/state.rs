//! States, the moves that are possible in them, and what a move does.

use super::{ipc_field, sem_field};
use crate::{
    kernel::{
        Action, Call, CallKind, Env, InCall, IpcKind, IpcSlot, Kernel, PipeId, Quirk, Return, RunState, SHOWN, Signal,
        Step, Table, Task, TaskId, Trace, WaitsFor,
    },
    program::{Compiled, Cursor, Halt, Next, ObjectField, Value, World, syntax::ObjectKind},
};

/// A program on a machine.
#[derive(Clone, Debug)]
pub struct Machine<'p> {
    /// The program.
    pub program: &'p Compiled,
    /// The machine it runs on.
    pub env: Env,
    /// For each declared object its pipe, or the index of its path.
    places: Vec<u16>,
    /// Whether somebody can see the values of variables between calls.
    single: bool,
    /// Whether its processes can have timers of `timer_create` that go off.
    timed: bool,
}

/// The state of a program on a machine.
#[derive(Clone, Debug)]
pub struct State {
    /// The kernel's part.
    pub kernel: Kernel,
    cursors: Table<Cursor>,
    /// Local instructions that were done, by task, while somebody wants to know. Not part of the state proper.
    marks: Option<Marks>,
}

/// For each task, which of its instructions were done.
pub type Marks = Vec<Vec<bool>>;

/// Something that can happen next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Move {
    /// To this task.
    pub task: TaskId,
    /// What.
    pub kind: MoveKind,
}

/// What can happen to a task next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum MoveKind {
    /// It makes its next call.
    Call,
    /// It goes on in its call.
    Continue,
    /// It does one local statement (only when somebody can see the values between).
    Local,
    /// A signal reaches it at user level.
    Deliver,
    /// The timer of the call that it sleeps in goes off.
    Expire,
    /// Its oldest store becomes visible to others (only where the processor buffers stores).
    Flush,
    /// The real-time timer of the process that it leads goes off.
    Alarm,
    /// The timer with this id of its process goes off, while it runs or, if it is the first thread, whoever runs.
    Timer(u8),
}

impl MoveKind {
    /// Numbers need so many bits.
    pub const BITS: u32 = 4;

    const PLAIN: [MoveKind; 7] = {
        use MoveKind::*;
        [Call, Continue, Local, Deliver, Expire, Flush, Alarm]
    };

    /// As a number.
    pub fn number(self) -> u16 {
        match self {
            MoveKind::Timer(id) => Self::PLAIN.len() as u16 + u16::from(id),
            plain => Self::PLAIN.iter().position(|&kind| kind == plain).map_or(0, |at| at as u16),
        }
    }

    /// Of a number.
    pub fn of_number(number: u16) -> MoveKind {
        let timer = |id: u16| MoveKind::Timer(id as u8);
        Self::PLAIN.get(usize::from(number)).copied().unwrap_or_else(|| timer(number - Self::PLAIN.len() as u16))
    }
}

impl State {
    pub(super) fn new(kernel: Kernel) -> Self {
        State { kernel, cursors: Table::default(), marks: None }
    }

    pub(super) fn add_cursor(&mut self, cursor: Cursor) {
        self.cursors.push(cursor);
    }

    /// Where a task is in its code.
    pub fn cursor(&self, task: TaskId) -> &Cursor {
        &self.cursors[task as usize]
    }

    /// From now on records which local instructions are done, in whatever this value becomes.
    pub fn set_marks(&mut self, marks: Marks) {
        self.marks = Some(marks);
    }

    /// Records that a task comes to its next instruction.
    #[inline]
    pub fn mark(&mut self, task: TaskId) {
        let pc = self.cursors[task as usize].pc as usize;
        if let Some(marks) = &mut self.marks {
            marks[task as usize][pc] = true;
        }
    }

    /// What was recorded since [`State::set_marks`].
    pub fn take_marks(&mut self) -> Option<Marks> {
        self.marks.take()
    }

    /// Turns the journal on or off.
    pub fn set_journal(&mut self, on: bool) {
        self.kernel.set_journal(on);
        self.cursors.set_journal(on);
    }

    /// Makes everything since the last `commit` final.
    pub fn commit(&mut self) {
        self.kernel.commit();
        self.cursors.commit();
    }

    /// Takes everything since the last `commit` back.
    #[inline]
    pub fn undo(&mut self) {
        self.kernel.undo();
        self.cursors.undo();
    }

    /// How much the fingerprint has changed since the last `commit`.
    #[inline]
    pub fn digest_delta(&mut self, scratch: &mut Vec<u8>) -> u128 {
        self.kernel.digest_delta(scratch).wrapping_add(self.cursors.digest_delta(0, scratch))
    }

    /// The fingerprint, computed afresh.
    pub fn digest(&self, scratch: &mut Vec<u8>) -> u128 {
        self.kernel.digest(scratch).wrapping_add(self.cursors.digest(0, scratch))
    }

    /// Appends the canonical form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.kernel.encode(out);
        self.cursors.encode(out);
    }

    /// Becomes the state that [`State::encode`] wrote.
    pub fn decode(&mut self, mut input: &[u8]) {
        self.kernel.decode(&mut input);
        self.cursors.decode(&mut input);
        debug_assert!(input.is_empty());
    }

    /// Whether no task is inside a call except asleep, so that no wake-up is under way.
    pub fn is_quiescent(&self) -> bool {
        let rests = |t: &Task| match &t.frame.call {
            None => !t.sigpending,
            Some(_) => t.asleep || t.state == RunState::Stopped,
        };
        self.kernel.tasks().all(|(_, t)| rests(t))
    }

    /// The tasks that sleep although what they wait for, or a signal that they do not block, is there and nobody is about
    /// to wake them.
    pub fn stuck(&self) -> impl Iterator<Item = TaskId> + '_ {
        let ready = |call: &Option<InCall>, id| call.as_ref().is_some_and(|call| call.ready(&self.kernel, id));
        let stuck = move |id, t: &Task| t.asleep && (ready(&t.frame.call, id) || self.kernel.overlooks_signal(id));
        self.kernel.tasks().filter(move |&(id, t)| stuck(id, t)).map(|(id, _)| id)
    }

    /// Whose action a sleeping task waits for.
    pub fn waits_for(&self, task: TaskId) -> Vec<WaitsFor> {
        let call = self.kernel.task(task).frame.call.as_ref();
        call.map_or(Vec::new(), |call| call.waits_for(&self.kernel))
    }

    /// Whether a signal is pending for a task.
    pub fn pending(&self, task: TaskId, signal: Signal) -> bool {
        self.kernel.task(task).pending.contains(signal)
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.kernel == other.kernel && self.cursors == other.cursors
    }
}

impl<'p> Machine<'p> {
    /// `program` on `env`, which [`environment`](super::environment) made for it.
    pub fn new(program: &'p Compiled, env: Env) -> Self {
        let (mut pipes, mut paths) = (0, 0);
        let place = |kind: ObjectKind| {
            let next: &mut u16 = match kind {
                ObjectKind::Pipe => &mut pipes,
                _ if kind.has_path() => &mut paths,
                _ => return 0,
            };
            *next += 1;
            *next - 1
        };
        let places = program.objects.iter().map(|o| o.kind).map(place).collect();
        Machine { program, env, places, single: program.locals_visible, timed: program.arms_timers() }
    }

    /// The pipe of a declared object that is one.
    pub fn pipe_of(&self, object: u16) -> Option<PipeId> {
        let info = &self.program.objects[object as usize];
        (info.kind == ObjectKind::Pipe).then(|| self.places[object as usize])
    }

    /// The path index of a declared object that has one.
    pub fn path_of(&self, object: u16) -> Option<u16> {
        let info = &self.program.objects[object as usize];
        info.kind.has_path().then(|| self.places[object as usize])
    }

    /// The segment of a declared object that is one, if it is still there.
    pub fn shm_of(&self, state: &State, object: u16) -> Option<IpcSlot> {
        let info = &self.program.objects[object as usize];
        let id = || state.kernel.ipc_declared(object);
        (info.kind == ObjectKind::Shm).then(|| state.kernel.ipc_find(IpcKind::Shm, id())).flatten()
    }

    /// The pipe behind a declared object in a state, if there is one: a FIFO has one only while it is open.
    pub fn pipe_in(&self, state: &State, object: u16) -> Option<PipeId> {
        match self.pipe_of(object) {
            Some(pipe) => Some(pipe),
            None => *state.kernel.i_pipe(self.path_of(object)?),
        }
    }

    /// The name of a pipe in a state: that of its object, or a number for one that the program made.
    pub fn pipe_name(&self, state: &State, pipe: PipeId) -> String {
        let object = (0..self.program.objects.len() as u16).find(|&o| self.pipe_in(state, o) == Some(pipe));
        match object {
            Some(object) => self.program.objects[object as usize].name.clone(),
            None => format!("pipe#{pipe}"),
        }
    }

    /// What can happen to a task next.
    #[inline]
    pub fn next_move(&self, state: &State, task: TaskId) -> Option<MoveKind> {
        let t = state.kernel.task(task);
        if matches!(t.state, RunState::Dead | RunState::Stopped) {
            return None;
        }
        if t.asleep {
            return t.timer.then_some(MoveKind::Expire);
        }
        if let Some(call) = &t.frame.call {
            return (!call.waits_for_lock(&state.kernel)).then_some(MoveKind::Continue);
        }
        if t.signal_pending() {
            return Some(MoveKind::Deliver);
        }
        match state.cursor(task).next(&self.program.tasks[task as usize].code) {
            Next::Call(_) => Some(MoveKind::Call),
            Next::Local => Some(MoveKind::Local),
            Next::Parked => None,
        }
    }

    /// Everything that can happen next.
    #[inline]
    pub fn moves<'a>(&'a self, state: &'a State) -> impl Iterator<Item = Move> + 'a {
        let tasks = 0..self.program.tasks.len() as TaskId;
        tasks.flat_map(|task| {
            let kinds = [self.next_move(state, task), self.flush(state, task), self.alarm(state, task)];
            kinds.into_iter().flatten().chain(self.timers(state, task)).map(move |kind| Move { task, kind })
        })
    }

    /// What the processor of a task can do by itself: let its oldest store become visible.
    #[inline]
    pub fn flush(&self, state: &State, task: TaskId) -> Option<MoveKind> {
        (!state.kernel.store_buffer(task).is_empty()).then_some(MoveKind::Flush)
    }

    /// Whether the real-time timer of the process that a task leads can go off.
    #[inline]
    pub fn alarm(&self, state: &State, task: TaskId) -> Option<MoveKind> {
        let armed = state.kernel.process_of(task).signal.real_timer.armed;
        (armed && self.leader(task) == task).then_some(MoveKind::Alarm)
    }

    /// The timers of a task's process that can go off while it runs; for its first thread, whoever runs.
    #[inline]
    pub fn timers<'a>(&'a self, state: &'a State, task: TaskId) -> impl Iterator<Item = MoveKind> + 'a {
        let counts = self.timed && (self.leader(task) == task || self.is_current(state, task));
        let armed = counts.then(|| state.kernel.armed_timers(state.kernel.task(task).process));
        armed.into_iter().flatten().map(MoveKind::Timer)
    }

    /// Whether a task may be the one that runs on a processor when a timer goes off, and that makes a difference.
    fn is_current(&self, state: &State, task: TaskId) -> bool {
        let runs = matches!(self.next_move(state, task), Some(MoveKind::Call | MoveKind::Continue | MoveKind::Local));
        self.env.quirks.has(Quirk::TimerPrefersCurrent) && runs
    }

    /// Whether there can be any.
    #[inline]
    pub fn is_timed(&self) -> bool {
        self.timed
    }

    /// The first thread of a task's process.
    pub fn leader(&self, task: TaskId) -> TaskId {
        let process = self.program.tasks[task as usize].process;
        self.program.processes[process as usize].threads.first().copied().unwrap_or(task)
    }

    /// Does one move, for at most so many sections of kernel code, and everything local that follows a returned call.
    #[inline]
    pub fn apply(&self, state: &mut State, mv: Move, sections: u32, trace: &mut Trace) -> Step {
        let code = &self.program.tasks[mv.task as usize].code;
        let action = match mv.kind {
            MoveKind::Call => match state.cursors[mv.task as usize].peek_call(code) {
                Some(call) => Action::Enter(call),
                None => {
                    // An argument without a usable value: the task halts there.
                    state.cursors.write(mv.task as usize).call(code);
                    return Step::Preempted;
                }
            },
            MoveKind::Continue => Action::Continue,
            MoveKind::Deliver => Action::Deliver,
            MoveKind::Expire => Action::Expire,
            MoveKind::Flush => Action::Flush,
            MoveKind::Alarm => Action::Alarm,
            MoveKind::Timer(id) => Action::Timer(id),
            MoveKind::Local => {
                let marks = state.marks.as_mut().map(|marks| &mut marks[mv.task as usize]);
                state.cursors.write(mv.task as usize).advance_marking(code, true, marks);
                return Step::Returned(Return::value(0));
            }
        };
        if action == Action::Enter(Call::Sigreturn) {
            state.cursors.write(mv.task as usize).pop_handler();
        }
        let step = state.kernel.run(&self.env, mv.task, action, trace, sections);
        match &step {
            Step::Returned(ret) => self.complete(state, mv.task, ret),
            Step::Forked(child) => self.complete(state, mv.task, &Return::value(self.program.pid(*child).into())),
            Step::Handler { .. } | Step::Resumed => return self.handle(state, mv.task),
            _ => {}
        }
        step
    }

    /// Back at user level, where the handler on top begins if it has not.
    fn handle(&self, state: &mut State, task: TaskId) -> Step {
        let code = &self.program.tasks[task as usize].code;
        let frames = state.kernel.sig_frames(task);
        let Some(top) = frames.last() else { return Step::Resumed };
        let cursor = state.cursors.write(task as usize);
        for frame in &frames[cursor.frames.len()..] {
            cursor.push_handler(code, frame.handler);
        }
        if cursor.begin_handler(code, &top.info).is_none() {
            return Step::Resumed;
        }
        if !self.single(task) {
            let marks = state.marks.as_mut().map(|marks| &mut marks[task as usize]);
            cursor.advance_marking(code, false, marks);
        }
        Step::Handler { signal: top.info.signo }
    }

    /// Whether the local statements of a task are moves of their own.
    fn single(&self, task: TaskId) -> bool {
        self.single || self.program.tasks[task as usize].split
    }

    fn complete(&self, state: &mut State, task: TaskId, ret: &Return) {
        let code = &self.program.tasks[task as usize].code;
        let cursor = state.cursors.write(task as usize);
        cursor.complete(code, ret);
        if !self.single(task) {
            let marks = state.marks.as_mut().map(|marks| &mut marks[task as usize]);
            cursor.advance_marking(code, false, marks);
        }
    }

    /// A state as conditions see it.
    pub fn world<'a>(&'a self, state: &'a State) -> StateWorld<'a> {
        StateWorld { machine: self, state }
    }
}

/// A state as conditions see it.
#[derive(Debug)]
pub struct StateWorld<'a> {
    machine: &'a Machine<'a>,
    state: &'a State,
}

impl World for StateWorld<'_> {
    fn var(&self, task: TaskId, slot: u16) -> &Value {
        &self.state.cursor(task).locals[slot as usize]
    }

    fn object(&self, object: u16, field: ObjectField) -> Option<Value> {
        if let ObjectField::Cell(cell) = field {
            let shm = self.machine.shm_of(self.state, object)?;
            return Some(Value::Int(self.state.kernel.cell(shm, cell)));
        }
        let path = self.machine.path_of(object);
        if let Some((path, file)) = path.and_then(|path| Some((path, self.state.kernel.regular_at(path)?))) {
            return match field {
                ObjectField::Size => Some(Value::Int(file.size as i64)),
                ObjectField::Data if file.size <= SHOWN => {
                    Some(Value::Bytes(self.state.kernel.read_file(path, 0, file.size)))
                }
                _ => None,
            };
        }
        if let Some(kind) = self.machine.program.objects[object as usize].kind.ipc() {
            let id = self.state.kernel.ipc_declared(object);
            let slot = self.state.kernel.ipc_find(kind, id)?;
            return ipc_field(&self.state.kernel, kind, slot, field).map(Value::Int);
        }
        let pipe = self.machine.pipe_in(self.state, object)?;
        let (ring, ends) = (self.state.kernel.ring(pipe), self.state.kernel.ends(pipe));
        if ends.files == 0 {
            return None;
        }
        Some(Value::Int(match field {
            ObjectField::Cell(_) => return None,
            ObjectField::Readable => ring.bytes().into(),
            ObjectField::Size => i64::from(ring.max_usage) * i64::from(crate::kernel::PAGE_SIZE),
            ObjectField::Occupancy => ring.occupancy().into(),
            ObjectField::Readers => ends.readers.into(),
            ObjectField::Writers => ends.writers.into(),
            _ => return None,
        }))
    }

    fn semaphore(&self, object: u16, semnum: u16, field: ObjectField) -> Option<Value> {
        let kernel = &self.state.kernel;
        let slot = kernel.ipc_find(IpcKind::Sem, kernel.ipc_declared(object))?;
        sem_field(&self.machine.env, kernel, slot, semnum, field).map(Value::Int)
    }

    fn asleep(&self, task: TaskId) -> Option<CallKind> {
        self.state.kernel.task(task).sleeps_in()
    }

    fn halted(&self, task: TaskId) -> Option<Halt> {
        self.state.cursor(task).halt
    }

    fn killed(&self, task: TaskId) -> bool {
        let ended = self.state.kernel.process_of(task).life.ended();
        ended.is_some_and(|status| status.signal().is_some())
    }

    fn stopped(&self, task: TaskId) -> bool {
        self.state.kernel.task(task).state == RunState::Stopped
    }
}
