//! What is asked of states, and the answers.

use super::Witness;
use crate::{
    kernel::{CallKind, TaskId},
    machine::{Machine, State},
    program::{Compiled, Halt, PropertyCode, Quantifier, World},
};
use serde::Serialize;

/// Something that is claimed of a program.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Claim {
    /// The property with this index in [`Compiled::properties`].
    Property(usize),
    /// No end state leaves a task asleep that may not be.
    NoDeadlock,
    /// Every `assert` and every `->` holds.
    NoFailure,
    /// No task sleeps on although what it waits for is there and nobody is about to wake it.
    NoLostWakeup,
}

impl Claim {
    /// As it is written in the test, or in words.
    pub fn text(&self, program: &Compiled) -> String {
        match self {
            Claim::Property(i) => program.properties[*i].text.clone(),
            Claim::NoDeadlock => "no deadlock".into(),
            Claim::NoFailure => "assertions and expected results".into(),
            Claim::NoLostWakeup => "no lost wake-up".into(),
        }
    }
}

/// What a search says of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds, in all states.
    Holds,
    /// It does not.
    Violated,
    /// The search ended too early to say.
    Unknown,
}

/// A claim that does not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The claim.
    pub claim: Claim,
    /// The way to a state that contradicts it; for an `exists` that nothing satisfies there is none.
    pub witness: Option<Witness>,
    /// Details by kind.
    pub detail: Detail,
}

/// More about a violation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Nothing more to say.
    Plain,
    /// Who sleeps where, at the end of the witness.
    Asleep(Vec<(TaskId, CallKind)>),
    /// Which task stopped, and why.
    Halted(TaskId, Halt),
}

/// The questions of a program on one machine.
pub(super) struct Questions<'a> {
    machine: &'a Machine<'a>,
    /// Properties that speak of this version.
    properties: Vec<(usize, &'a PropertyCode)>,
    always: bool,
    /// `allow lost-wakeup`
    may_lose: bool,
}

impl<'a> Questions<'a> {
    pub fn new(machine: &'a Machine<'a>) -> Self {
        let version = machine.env.version;
        let properties: Vec<_> =
            machine.program.properties.iter().enumerate().filter(|(_, p)| p.on.contains(version)).collect();
        let always = properties.iter().any(|(_, p)| p.quantifier == Quantifier::Always);
        let may_lose = machine.program.may_lose.iter().any(|on| on.contains(version));
        Questions { machine, properties, always, may_lose }
    }

    /// Everything that is claimed on this machine.
    pub fn claims(&self) -> Vec<Claim> {
        let properties = self.properties.iter().map(|&(i, _)| Claim::Property(i));
        let claims = properties.chain([Claim::NoDeadlock, Claim::NoFailure]);
        claims.chain((!self.may_lose).then_some(Claim::NoLostWakeup)).collect()
    }

    /// What a state contradicts.
    pub fn state(&self, state: &State, broken: &mut Vec<(Claim, Detail)>) {
        if self.always {
            let world = self.machine.world(state);
            for &(i, property) in &self.properties {
                if property.quantifier == Quantifier::Always && !property.cond.holds(&world) {
                    broken.push((Claim::Property(i), Detail::Plain));
                }
            }
        }
        if !self.may_lose && state.is_quiescent() {
            let stuck: Vec<_> = state.stuck().map(|t| (t, self.sleeps_in(state, t))).collect();
            if !stuck.is_empty() {
                broken.push((Claim::NoLostWakeup, Detail::Asleep(stuck)));
            }
        }
    }

    /// What an end state contradicts, and which `exists` it satisfies.
    pub fn end(&self, state: &State, broken: &mut Vec<(Claim, Detail)>, reached: &mut Vec<usize>) {
        let world = self.machine.world(state);
        for &(i, property) in &self.properties {
            match property.quantifier {
                Quantifier::Exists if property.cond.holds(&world) => reached.push(i),
                Quantifier::Forbid if property.cond.holds(&world) => broken.push((Claim::Property(i), Detail::Plain)),
                Quantifier::Final if !property.cond.holds(&world) => broken.push((Claim::Property(i), Detail::Plain)),
                _ => {}
            }
        }
        let asleep: Vec<_> = state
            .kernel
            .tasks()
            .filter(|&(id, t)| t.asleep && !self.may_sleep(id))
            .map(|(id, _)| (id, self.sleeps_in(state, id)))
            .collect();
        if !asleep.is_empty() {
            broken.push((Claim::NoDeadlock, Detail::Asleep(asleep)));
        }
        for task in 0..self.machine.program.tasks.len() as TaskId {
            // A loop without a call is told by the search itself: it decides nothing.
            if let Some(halt) = world.halted(task).filter(|halt| !matches!(halt, Halt::Spinning(_))) {
                broken.push((Claim::NoFailure, Detail::Halted(task, halt)));
            }
        }
    }

    fn sleeps_in(&self, state: &State, task: TaskId) -> CallKind {
        state.kernel.task(task).sleeps_in().unwrap_or(CallKind::Pause)
    }

    fn may_sleep(&self, task: TaskId) -> bool {
        let version = self.machine.env.version;
        let program = self.machine.program;
        program.may_sleep.iter().any(|a| a.on.contains(version) && a.task.is_none_or(|t| t == task))
    }

    /// The `exists` properties of this version.
    pub fn exists(&self) -> impl Iterator<Item = usize> + '_ {
        self.properties.iter().filter(|(_, p)| p.quantifier == Quantifier::Exists).map(|&(i, _)| i)
    }
}
