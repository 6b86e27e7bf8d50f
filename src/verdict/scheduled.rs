//! `schedule` blocks: the steps that they force, and whether what they claim of each step is true.

use crate::{
    explore::Witness,
    kernel::{TaskId, Trace, signal},
    machine::{Machine, State},
    oracle::{Fifo, StepSeen, What},
    program::{
        EventWhat, ExprCode, LineCode, LineCodeKind, Outcome, Release, Schedule, ScheduleCode, World, syntax::Span,
    },
    target::Impossible,
};
use serde::Serialize;

/// Whose steps contradict a schedule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The model's.
    Model,
    /// The real kernel's.
    Kernel,
}

/// A line of a schedule that is not true.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// Where the line stands.
    pub span: Span,
    /// What was claimed and what happened, in words.
    pub message: String,
}

/// The verdict on one schedule block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScheduleVerdict {
    /// Its index in the program.
    pub index: usize,
    /// What is wrong with it on the model's side.
    pub model: Option<Mismatch>,
    /// What is wrong with it on the real side; `None` also if it was not run there.
    pub kernel: Option<Mismatch>,
    /// Whether it was run on a real kernel.
    pub ran: bool,
}

/// The schedule that forces the path of a witness, if there is one.
pub fn forcing(machine: &Machine, initial: &State, witness: &Witness) -> Option<Schedule> {
    let schedule = witness.schedule(machine, initial)?;
    // Who is woken or killed at user level, or makes its call again, goes on at once: perhaps not as the path has it.
    let mut fifo = Fifo::new(machine, initial);
    let possible = schedule.steps.iter().all(|&step| fifo.release(step, &mut Trace::default()).is_ok());
    let outcome = |state: &State| Outcome::of(machine.program, &machine.world(state));
    (possible && outcome(fifo.state()) == outcome(&witness.end(machine, initial))).then_some(schedule)
}

/// Walks a schedule in the model; the steps, and the first line that is not true.
pub fn in_model(machine: &Machine, initial: &State, code: &ScheduleCode) -> (Vec<StepSeen>, Option<Mismatch>) {
    let mut fifo = Fifo::new(machine, initial);
    let mut seen = Vec::new();
    let mut trace = Trace::default();
    for line in &code.lines {
        let wrong = |message: String| Some(Mismatch { span: line.span, message });
        match &line.kind {
            LineCodeKind::Release { release, .. } => match fifo.release(*release, &mut trace) {
                Ok(step) => {
                    let message = check(line, &step, machine, &machine.world(fifo.state()));
                    seen.push(step);
                    if let Some(message) = message {
                        return (seen, wrong(message));
                    }
                }
                Err(why) => return (seen, wrong(cannot(name(machine, release.task), why))),
            },
            LineCodeKind::Probe(cond) => {
                if !cond.holds(&machine.world(fifo.state())) {
                    return (seen, wrong("the probed condition does not hold".into()));
                }
            }
            LineCodeKind::Expire { task, timer } => {
                let release = Release::expire(*task, *timer);
                if !fifo.has_timer(release) {
                    return (seen, wrong(format!("{} has no timer that could expire", name(machine, *task))));
                }
                match fifo.release(release, &mut trace) {
                    Ok(step) => seen.push(step),
                    Err(why) => return (seen, wrong(cannot(name(machine, *task), why))),
                }
            }
        }
    }
    (seen, None)
}

/// Whether a schedule can be forced on a real kernel: not every method can hold tasks.
pub fn can_run(code: &ScheduleCode, can_hold: bool) -> bool {
    code.lines.iter().all(|line| match &line.kind {
        LineCodeKind::Release { release, .. } => can_hold || !release.hold,
        LineCodeKind::Probe(_) | LineCodeKind::Expire { .. } => true,
    })
}

/// Compares the claims of a schedule with the steps of a real run; `world` is evaluated after each step.
pub fn in_kernel<W: World>(
    machine: &Machine,
    code: &ScheduleCode,
    seen: &[StepSeen],
    mut world: impl FnMut(usize) -> W,
) -> Option<Mismatch> {
    let mut step = 0;
    for line in &code.lines {
        let message = match &line.kind {
            LineCodeKind::Release { .. } => {
                let Some(seen) = seen.get(step) else { break };
                step += 1;
                check(line, seen, machine, &world(step))
            }
            // What no probe could see is not contradicted.
            LineCodeKind::Probe(cond) => {
                let world = world(step);
                let mut visible = true;
                cond.visit(&mut |e| {
                    visible &= match e {
                        ExprCode::Object { object, field } => world.object(*object, *field).is_some(),
                        ExprCode::Sem { object, semnum, field } => world.semaphore(*object, *semnum, *field).is_some(),
                        _ => true,
                    };
                });
                (visible && !cond.holds(&world)).then(|| "the probed condition does not hold".to_string())
            }
            LineCodeKind::Expire { .. } => {
                step += 1;
                None
            }
        };
        if let Some(message) = message {
            return Some(Mismatch { span: line.span, message });
        }
    }
    None
}

fn name<'m>(machine: &'m Machine, task: TaskId) -> &'m str {
    &machine.program.tasks[task as usize].name
}

/// Why a task cannot be released, in words.
pub fn cannot(name: &str, why: Impossible) -> String {
    match why {
        Impossible::Asleep => format!("{name} cannot be released: it is asleep in a call"),
        Impossible::Parked => format!("{name} cannot be released: it has no further call"),
        Impossible::Exited => format!("{name} cannot be released: its process has exited"),
        Impossible::NoTimer => format!("{name} has no timer that could expire"),
        Impossible::Stopped => format!("{name} cannot be released: it is stopped"),
        Impossible::NotStarted => format!("{name} cannot be released: its process was not forked yet"),
    }
}

/// What is not true of a release line.
fn check(line: &LineCode, step: &StepSeen, machine: &Machine, world: &impl World) -> Option<String> {
    let LineCodeKind::Release { release, events } = &line.kind else { return None };
    for event in events {
        let of_task = || step.events.iter().filter(|seen| seen.task == event.task);
        let wanted = match &event.what {
            EventWhat::Any => continue,
            EventWhat::Returns(expected) => {
                let expected = expected.eval(world);
                let returned = of_task().find_map(|seen| seen.what.result());
                if returned.is_some_and(|value| value.matches(&expected) == Some(true)) {
                    continue;
                }
                format!("have returned {expected}")
            }
            EventWhat::Asleep(call) => {
                let asleep = step.asleep.iter().find(|(task, _)| *task == event.task).map(|&(_, call)| call);
                if asleep.is_some() && (call.is_none() || asleep == *call) {
                    continue;
                }
                format!("be asleep{}", call.map_or(String::new(), |call| format!(" in {call}")))
            }
            EventWhat::Exits(status) => {
                let exited = of_task().find_map(|seen| match seen.what {
                    What::Exited(status) => Some(Some(status)),
                    _ => None,
                });
                if exited.is_some() && (status.is_none() || exited == Some(*status)) {
                    continue;
                }
                "have exited".to_string()
            }
            EventWhat::Killed(signal) => {
                let process = machine.program.tasks[usize::from(event.task)].process;
                let killed = step.killed.iter().find(|(p, _)| *p == process);
                if killed.is_some_and(|&(_, by)| by == 0 || signal.is_none_or(|wanted| wanted == by)) {
                    continue;
                }
                format!("have been killed{}", signal.map_or(String::new(), |by| format!(" by {}", signal::name(by))))
            }
            EventWhat::Stopped => {
                if step.stopped.contains(&event.task) {
                    continue;
                }
                "be stopped".to_string()
            }
            EventWhat::Runs(handler) => {
                if of_task().any(|seen| matches!(seen.what, What::Handler(handled) if handled.handler == *handler)) {
                    continue;
                }
                let handlers = &machine.program.tasks[usize::from(event.task)].code.handlers;
                format!("have run `{}`", handlers[usize::from(*handler)].name)
            }
        };
        let name = name(machine, event.task);
        return Some(format!("{name} should {wanted}, but it {}", step.tell(machine.program, event.task)));
    }
    if events.iter().all(|event| matches!(event.what, EventWhat::Any)) {
        return None;
    }
    let untold = step
        .events
        .iter()
        .map(|seen| seen.task)
        .chain(step.killed.iter().map(|&(process, _)| machine.program.processes[usize::from(process)].threads[0]))
        .find(|&task| task != release.task && !events.iter().any(|event| event.task == task))?;
    Some(format!("the line does not say that {} {}", name(machine, untold), step.tell(machine.program, untold)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        explore::{Options, explore},
        kernel::Env,
        litmus,
        machine::environment,
    };

    #[test]
    fn a_thread_that_is_killed_between_calls_cannot_be_kept_alive() {
        let text = r#"
litmus "killed between calls"
sem s(values: [0])
process P {
    thread A { semop(s, [0:+5 undo]) -> 0 }
    thread B { exit(0) }
}
task Q { semop(s, [0:-4]) }
allow asleep Q
"#;
        let (_, program) = litmus::load(text).unwrap();
        let machine = Machine::new(&program, environment(&program, Env::default()).unwrap());
        let initial = machine.initial().unwrap();
        let found = explore(&machine, &Options::default()).unwrap();
        let forced =
            |(_, found): &(Outcome, crate::explore::Found)| forcing(&machine, &initial, &found.witness).is_some();
        // Q takes what A gave after B has exited, and before A is gone.
        assert_eq!(found.outcomes.iter().map(forced).collect::<Vec<_>>(), [true, false]);
    }
}
