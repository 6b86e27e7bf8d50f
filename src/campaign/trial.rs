//! One program with its schedules, and how a run of it compares with the model.

use super::{Walk, walk::Walking};
use crate::{
    generate::{self, MechanismKind, Random, Shape},
    kernel::{CallKind, Env},
    machine::{Machine, State, environment},
    oracle::{Event, Order, StepSeen, What, follow, steps},
    program::{Compiled, Release, resolve, syntax::Program},
    target::{Ending, Method, Observation, SteerReport},
};
use std::fmt;

/// A program with schedules to run it by.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its number in the campaign.
    pub index: u64,
    /// The program as a tree.
    pub tree: Program,
    /// The same, resolved.
    pub program: Compiled,
    /// Runs of the model.
    pub walks: Vec<Walk>,
}

/// What programs and schedules are made by.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The seed of everything.
    pub seed: u64,
    /// What programs are made of.
    pub mechanisms: Vec<MechanismKind>,
    /// How large they are.
    pub shape: Shape,
    /// How they are scheduled.
    pub walking: Walking,
    /// Schedules for each program.
    pub schedules: usize,
    /// The machine that is modelled.
    pub env: Env,
}

impl Recipe {
    /// Program number `index`, a function of the seed, the shape and this number alone; and what its schedules are made of.
    pub fn program(&self, index: u64) -> (Program, Random) {
        let mut random = Random::new(self.seed, index);
        let name = format!("seed {} program {index}", self.seed);
        (generate::program(name, &self.mechanisms, &self.shape, &mut random), random)
    }

    /// The same program with schedules; `None` if the model cannot begin it.
    pub fn trial(&self, index: u64) -> Option<Trial> {
        let (tree, mut random) = self.program(index);
        let program = resolve(&tree).ok()?;
        let (machine, initial) = begin(&program, &self.env).ok()?;
        let mut walks: Vec<Walk> = Vec::new();
        for _ in 0..self.schedules {
            let walk = Walk::by_choice(&machine, &initial, self.walking, &mut random);
            let known = |other: &Walk| other.schedule == walk.schedule;
            if !walk.schedule.steps.is_empty() && !walks.iter().any(known) {
                walks.push(walk);
            }
        }
        Some(Trial { index, tree, program, walks })
    }
}

/// A program on the machine that is modelled, ready to be walked.
///
/// # Errors
///
/// In words, why the model cannot begin it.
pub fn begin<'p>(program: &'p Compiled, env: &Env) -> Result<(Machine<'p>, State), String> {
    let mut env = environment(program, env.clone()).map_err(|error| error.to_string())?;
    // What signals carry is seen on the target, also if the program does not look.
    env.observe.siginfo = true;
    let machine = Machine::new(program, env);
    let initial = machine.initial().map_err(|error| error.to_string())?;
    Ok((machine, initial))
}

/// What a run showed.
#[derive(Clone, Debug)]
pub enum Seen {
    /// What the model says, to the last step.
    Same,
    /// Something else.
    Different(Box<Difference>),
    /// Nothing that could be compared: the run was cut off, or its self-check failed.
    Nothing(&'static str),
}

/// Where a run and the model part.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The step of the schedule.
    pub step: usize,
    /// Who was released there.
    pub release: Release,
    /// What the kernel did.
    pub seen: StepSeen,
    /// What the model says.
    pub model: StepSeen,
    /// How the two differ.
    pub how: How,
}

/// How a run differs from the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// Nothing in the model explains the step.
    Unexplained,
    /// Only another order of scheduling than the target promises explains it.
    Reordered(Order),
}

/// Compares a run with the walk that it was to follow. Short where they agree, which is nearly always.
pub fn compare(trial: &Trial, env: &Env, walk: &Walk, observations: &[Observation], report: &SteerReport) -> Seen {
    if report.check_failures > 0 {
        return Seen::Nothing("the self-check failed");
    }
    if let (Ending::OutOfTurn, Some(why)) = (&report.end, report.end.trouble()) {
        return Seen::Nothing(why);
    }
    let seen = steps(&trial.program, observations);
    let fifo = report.method == Method::Fifo;
    let same =
        |(model, seen): (&StepSeen, &StepSeen)| if fifo { model.same(seen) } else { model.same_up_to_order(seen) };
    // The last step of a run that was cut off is not whole.
    let whole = match report.end {
        Ending::Finished => seen.len(),
        _ => seen.len().min(report.steps),
    };
    let first = walk.steps.iter().zip(&seen[..whole]).position(|pair| !same(pair));
    let Some(step) = first else {
        return match report.end {
            Ending::Finished if whole == walk.steps.len() => Seen::Same,
            ref end => Seen::Nothing(end.trouble().unwrap_or("the run ended early")),
        };
    };
    let promised = if fifo { Order::Fifo } else { Order::Calls };
    let mut how = How::Unexplained;
    if let Ok((machine, initial)) = begin(&trial.program, env) {
        match follow(&machine, &initial, &walk.schedule, &seen[..whole], promised) {
            Ok(explained) if explained.order <= promised => return Seen::Same,
            Ok(explained) => how = How::Reordered(explained.order),
            Err(_) => {}
        }
    }
    Seen::Different(Box::new(Difference {
        step,
        release: walk.schedule.steps[step],
        seen: seen[step].clone(),
        model: walk.steps[step].clone(),
        how,
    }))
}

impl Difference {
    /// What the kernel did in the step, and what the model has.
    pub fn in_words(&self, program: &Compiled) -> [String; 2] {
        let told = |step: &StepSeen| step.tell_all(program, self.release.task).to_string();
        [told(&self.seen), told(&self.model)]
    }

    /// What kind of difference it is, without names and numbers: two differences of one class have, as a rule, one cause.
    pub fn class(&self) -> Class {
        let (model, seen) = (&self.model, &self.seen);
        if let How::Reordered(_) = self.how {
            return Class { call: None, model: "another order", kernel: "this order" };
        }
        let mut events =
            (0..).map(|i| (model.events.get(i), seen.events.get(i))).take_while(|(m, s)| m.is_some() || s.is_some());
        if let Some((m, s)) = events.find(|(m, s)| m != s) {
            return match (m, s) {
                (Some(m), Some(s)) if m.task == s.task => {
                    let (model, kernel) = (answer(&m.what), answer(&s.what));
                    Class { call: call(&m.what).or(call(&s.what)), model, kernel }
                }
                // Somebody else comes first, or nobody: what matters is what became of the one whom the model expects.
                (Some(m), _) => Class { call: call(&m.what), model: answer(&m.what), kernel: self.fate(seen, m) },
                (None, Some(s)) => Class { call: call(&s.what), model: self.fate(model, s), kernel: answer(&s.what) },
                (None, None) => unreachable!("one of them is there"),
            };
        }
        if model.asleep != seen.asleep {
            let both = model.asleep.iter().chain(&seen.asleep);
            let who = both.clone().find(|who| model.asleep.contains(who) != seen.asleep.contains(who));
            let sleeps = who.is_some_and(|who| model.asleep.contains(who));
            let [m, k] = if sleeps { ["sleeps", "does not sleep"] } else { ["does not sleep", "sleeps"] };
            return Class { call: who.map(|&(_, call)| call), model: m, kernel: k };
        }
        if model.held != seen.held {
            return Class { call: None, model: "others are held", kernel: "others are held" };
        }
        Class { call: None, model: "another state of the pipe", kernel: "another state of the pipe" }
    }

    /// What became of the task of an event that one side has and the other has not, or not at this place.
    fn fate(&self, step: &StepSeen, event: &Event) -> &'static str {
        let later = step.events.iter().find(|e| e.task == event.task);
        match later {
            Some(later) if later.what == event.what => "comes at another place",
            Some(later) => answer(&later.what),
            None if step.asleep.iter().any(|&(task, _)| task == event.task) => "sleeps",
            None if step.held.contains(&event.task) => "is held",
            None => "does nothing",
        }
    }
}

fn call(what: &What) -> Option<CallKind> {
    match what {
        What::Returned(call, _) => Some(*call),
        What::Exited(_) => Some(CallKind::Exit),
        What::Halted(_) | What::Handler(_) => None,
    }
}

fn answer(what: &What) -> &'static str {
    match what {
        What::Returned(call, ret) => match ret.ret {
            Err(errno) => {
                crate::kernel::Errno::ALL.iter().find(|(_, e)| *e == errno).map_or("an error", |(name, _)| name)
            }
            Ok(0) => "0",
            Ok(_) if call.reads() => "bytes",
            Ok(_) => "a number",
        },
        What::Exited(_) => "exits",
        What::Halted(_) => "stops",
        What::Handler(_) => "runs a handler",
    }
}

/// A kind of difference.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Class {
    /// The call whose answer differs, if it is one.
    pub call: Option<CallKind>,
    /// What the model says of it.
    pub model: &'static str,
    /// What the kernel does.
    pub kernel: &'static str,
}

/// `write: model a number, kernel EAGAIN`.
impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(call) = self.call {
            write!(f, "{call}: ")?;
        }
        write!(f, "model {}, kernel {}", self.model, self.kernel)
    }
}
