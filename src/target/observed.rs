//! A run, as far as it was observed: what conditions and outcomes of a real run are evaluated on.

use super::{IpcSeen, Observation};
use crate::{
    kernel::{CallKind, Payload, TaskId},
    program::{Compiled, Cursor, Halt, Next, ObjectField, Value, World},
};
use std::collections::BTreeMap;

/// The tasks of a program after a number of observations.
///
/// Only returns of calls are observed. What tasks do in between is the same computation everywhere, so it is done again
/// here.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    program: &'a Compiled,
    /// Each task's place and variables.
    pub cursors: Vec<Cursor>,
    /// The status of tasks that made their process exit.
    pub exited: BTreeMap<TaskId, u8>,
    /// Tasks of processes that a signal ended.
    pub killed: Vec<TaskId>,
    stopped: Vec<TaskId>,
    asleep: Vec<(TaskId, CallKind)>,
    probes: BTreeMap<(u16, ObjectField), i64>,
    /// Length and bytes of files.
    contents: BTreeMap<u16, (u64, Option<Payload>)>,
    /// System V objects since it was last quiet, and when it was.
    looking: Vec<IpcSeen>,
    ipc: Vec<IpcSeen>,
}

impl<'a> Observed<'a> {
    /// Before the first observation.
    pub fn new(program: &'a Compiled) -> Self {
        let start = |task: &crate::program::TaskInfo| {
            let mut cursor = Cursor::new(task.vars.len());
            cursor.advance(&task.code, false);
            cursor
        };
        Observed {
            program,
            cursors: program.tasks.iter().map(start).collect(),
            exited: BTreeMap::new(),
            killed: Vec::new(),
            stopped: Vec::new(),
            asleep: Vec::new(),
            probes: BTreeMap::new(),
            contents: BTreeMap::new(),
            looking: Vec::new(),
            ipc: Vec::new(),
        }
    }

    /// After all of `observations`.
    pub fn after(program: &'a Compiled, observations: &[Observation]) -> Self {
        let mut observed = Self::new(program);
        observations.iter().for_each(|o| observed.see(o));
        observed
    }

    /// One more observation.
    pub fn see(&mut self, observation: &Observation) {
        match observation {
            Observation::Completed { task, ret } => {
                let code = &self.program.tasks[*task as usize].code;
                let cursor = &mut self.cursors[*task as usize];
                cursor.complete(code, ret);
                cursor.advance(code, false);
            }
            Observation::Halted { task, halt } => self.cursors[*task as usize].halt = Some(*halt),
            Observation::Exited { task, status } => {
                self.exited.insert(*task, *status);
            }
            Observation::Handler { task, handler, info, .. } => {
                let code = &self.program.tasks[*task as usize].code;
                let cursor = &mut self.cursors[*task as usize];
                cursor.push_handler(code, *handler);
                cursor.begin_handler(code, info);
                cursor.advance(code, false);
            }
            Observation::HandlerEnds { task } => self.cursors[*task as usize].pop_handler(),
            Observation::Killed { process, .. } => {
                self.killed.extend(&self.program.processes[*process as usize].threads)
            }
            Observation::Contents { object, size, data } => {
                self.contents.insert(*object, (*size, data.clone()));
            }
            Observation::Ipc(seen) => self.looking.clone_from(seen),
            Observation::Quiet { asleep, stopped, probes, .. } => {
                self.stopped.clone_from(stopped);
                self.ipc = std::mem::take(&mut self.looking);
                self.asleep.clone_from(asleep);
                self.probes = probes.iter().map(|&(object, field, value)| ((object, field), value)).collect();
            }
            Observation::Released { .. } | Observation::Started { .. } => {}
        }
    }

    /// Who slept in which call when it was last quiet.
    pub fn sleepers(&self) -> &[(TaskId, CallKind)] {
        &self.asleep
    }

    /// What a task does next.
    pub fn next(&self, task: TaskId) -> Next {
        self.cursors[task as usize].next(&self.program.tasks[task as usize].code)
    }
}

impl World for Observed<'_> {
    fn var(&self, task: TaskId, slot: u16) -> &Value {
        &self.cursors[task as usize].locals[slot as usize]
    }

    fn object(&self, object: u16, field: ObjectField) -> Option<Value> {
        match (self.contents.get(&object), field) {
            (Some((size, _)), ObjectField::Size) => return Some(Value::Int(*size as i64)),
            (Some((_, data)), ObjectField::Data) => return data.clone().map(Value::Bytes),
            _ => {}
        }
        let cell = matches!(field, ObjectField::Cell(_));
        if let Some(seen) = self.ipc.iter().find(|seen| seen.object == Some(object) && !cell) {
            return seen.field(field).map(Value::Int);
        }
        self.probes.get(&(object, field)).copied().map(Value::Int)
    }

    fn semaphore(&self, object: u16, semnum: u16, field: ObjectField) -> Option<Value> {
        let seen = self.ipc.iter().find(|seen| seen.object == Some(object))?;
        let at = ObjectField::OF_SEMAPHORE.iter().position(|&other| other == field)?;
        seen.sems.get(usize::from(semnum)).map(|sem| Value::Int(sem[at]))
    }

    fn asleep(&self, task: TaskId) -> Option<CallKind> {
        self.asleep.iter().find(|(t, _)| *t == task).map(|&(_, call)| call)
    }

    fn halted(&self, task: TaskId) -> Option<Halt> {
        self.cursors[task as usize].halt
    }

    fn killed(&self, task: TaskId) -> bool {
        self.killed.contains(&task)
    }

    fn stopped(&self, task: TaskId) -> bool {
        self.stopped.contains(&task)
    }
}
